"""Dead letters that workers made: the end of their topic. Each is believed only with the key of its system.

A worker buries what it cannot read as a task for it, sealed to the orchestrator's intake key. One that is a task of
ours after all, untouched, may go out again: once the worker is a newer version, say. What somebody else wrote never
does.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.tail import at, tail
from orchestrator.errors import UsageError
from schemas import batches, envelope
from schemas.codec import decode, decode_event
from schemas.envelope import CloudEvent
from schemas.errors import SchemaError
from schemas.published import DeadLetter
from schemas.requests import utc
from schemas.sealing import Binding, IntakePrivateKey, SharedKey
from schemas.tasks import Task
from schemas.topics import DEAD_LETTERS
from schemas.wrapping import source_of

_SYSTEMS: Final = source_of("")


class WorkerLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One letter; its content is never shown.

    Attributes:
        place: ``partition:offset:number in the message``, of the topic.
        proven: It was made with the system's key; else ``system`` is only what it says.
        redrivable: It is a task that the orchestrator made for this system.
    """

    place: str
    system: str
    request_id: str
    observed_at: str
    error: str
    proven: bool = False
    size: int = 0
    redrivable: bool = False


class Opened(msgspec.Struct, frozen=True):
    """A letter with the bytes that were buried; empty where they cannot be opened."""

    letter: WorkerLetter
    raw: bytes

    def __repr__(self) -> str:
        """Hide the bytes (I4)."""
        return f"Opened({self.letter!r})"


def letters_of_workers(
    settings: KafkaSettings, key_of: Callable[[str], SharedKey], intake: IntakePrivateKey, now: dt.datetime,
    since: dt.timedelta = DEAD_LETTERS.retention,
) -> list[Opened]:  # fmt: skip
    """Read them, oldest first.

    Raises:
        UnavailableError: no broker answers. MisconfiguredError: we are not let in.
    """
    found: list[Opened] = []
    for record in tail(settings, DEAD_LETTERS.name, now - since):
        place = f"{record.partition}:{record.offset}"
        for number, one in enumerate(batches.unpack(record.value or b"")):
            found += understood(one, f"{place}:{number}", at(record), key_of, intake)
    return found


def understood(
    one: bytes | batches.Unreadable, place: str, arrived: dt.datetime, key_of: Callable[[str], SharedKey],
    intake: IntakePrivateKey,
) -> Iterator[Opened]:  # fmt: skip
    """Read one event of the topic; nothing for what is no letter of a worker."""
    if not isinstance(one, bytes):
        return
    try:
        event = decode_event(one)
        if event.type != envelope.DEAD_LETTER or not event.source.startswith(_SYSTEMS):
            return  # the orchestrator's own are in its store
        letter = decode(bytes(event.data), DeadLetter)
    except SchemaError:
        return
    system = event.source.removeprefix(_SYSTEMS)
    key = _key_that_made(event, system, key_of)
    raw = b"" if key is None else _opened(letter, system, intake)
    told = WorkerLetter(
        place, system if key is not None else "unknown", letter.request_id if key is not None else "unknown",
        utc(arrived), letter.error if key is not None else "Unproven", key is not None, len(raw),
        key is not None and _is_ours(raw, system, key),
    )  # fmt: skip
    yield Opened(told, raw)


def _key_that_made(event: CloudEvent, system: str, key_of: Callable[[str], SharedKey]) -> SharedKey | None:
    try:
        key = key_of(system)
        key.check_mac(bytes(event.data), event.expungemac)
    except (SchemaError, UsageError):
        return None
    return key


def _opened(letter: DeadLetter, system: str, intake: IntakePrivateKey) -> bytes:
    try:
        token = base64.b64decode(letter.sealed, validate=True).decode("ascii")
        return intake.open(token, Binding(sys=system, use="dead-letter"))
    except (SchemaError, binascii.Error, UnicodeDecodeError):
        return b""


def _is_ours(raw: bytes, system: str, key: SharedKey) -> bool:
    try:
        event = decode_event(raw)
        if event.type != envelope.TASK or decode(bytes(event.data), Task).system != system:
            return False
        key.check_task_mac(bytes(event.data), event.expungemac)
    except SchemaError:
        return False
    return True
