"""What a worker waits for or refuses before it joins the group of its system."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import filelock

from connectors.errors import MisconfiguredError
from connectors.kafka.client import client_options, friendly
from connectors.kafka.settings import KafkaSettings


def topics_there(settings: KafkaSettings, wanted: Sequence[str]) -> None:
    """Look whether every topic is there: one that is not would be waited for in silence.

    Raises:
        MisconfiguredError: one is missing, or may not be seen. UnavailableError: no broker answers.
    """
    from kafka.admin import KafkaAdminClient  # lazy: it imports the library

    with friendly("the topics"):
        admin = KafkaAdminClient(**client_options(settings))
        try:
            there = set(admin.list_topics())
        finally:
            admin.close()
    if missing := [name for name in wanted if name not in there]:
        fix = "run `expunge kafka apply`, or give this worker's principal its rights"
        raise MisconfiguredError("kafka", f"topic {missing[0]} is not there", fix=fix)


def stand_by(lock: filelock.BaseFileLock, stop: threading.Event, waiting: Callable[[], None]) -> bool:
    """Wait for the lock, outside of the group: its one partition belongs to who can use it; False if stopped first.

    Args:
        lock: Of a system that one worker at a time may write.
        stop: Set when the process is to end.
        waiting: Called between two tries.

    Raises:
        MisconfiguredError: this user may not write where the lock lies.
    """
    while not stop.is_set():
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            waiting()
            stop.wait(1.0)
        except OSError as error:
            message = f"the lock beside the files cannot be taken: {error.strerror}"
            fix = "let this user write there"
            raise MisconfiguredError("lock", message, file=str(lock.lock_file), fix=fix) from None
        else:
            return True
    return False
