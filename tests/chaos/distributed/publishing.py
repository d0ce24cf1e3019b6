"""Publishes the requests as any program would: again and again until they are acknowledged, and some of them twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from connectors.errors import UnavailableError
from connectors.kafka.publisher import Publisher
from schemas.requests import RequestForm, Right
from tests.support import bus

AGAIN: Final = 0.05
"""Share of the requests that are published a second time, as a program does that crashed before it noted the first."""
_SECRET: Final = b"a secret of the publisher's own, for the same bytes each time"


class Publishing:
    """A thread that publishes up to a share of the requests. Use ``with``."""

    def __init__(
        self, kafka: str, key: Path, forms: Sequence[RequestForm], persons: Sequence[str], chance: random.Random,
        known: Callable[[], Collection[str]],
    ) -> None:  # fmt: skip
        """Take what is to be published.

        Args:
            kafka: Bootstrap address.
            key: The public key of intake.
            forms: In their order.
            persons: Who each is about; an erasure goes out after the same person's access was accepted, since two
                requests that travel at the same time have no order.
            chance: Picks those that are published twice.
            known: Ids of the requests that were accepted so far.
        """
        self._settings = bus.settings(kafka, request_timeout_ms=8_000)
        self._key = key
        self._persons = persons
        self._accesses: dict[str, list[int]] = {}
        for at, (form, person) in enumerate(zip(forms, persons, strict=True)):
            if form.right is Right.ACCESS:
                self._accesses.setdefault(person, []).append(at)
        self._known = known
        self._left = list(range(len(forms)))
        self._forms = forms
        self._again = {at for at in self._left if chance.random() < AGAIN}
        self._share = 0.0
        self._over = threading.Event()
        self.twice = 0
        self.tries = 0
        self.published = 0
        self._thread = threading.Thread(target=self._run, name="publisher")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def up_to(self, share: float) -> None:
        """Let it publish this share of all."""
        self._share = max(self._share, share)

    @property
    def done(self) -> bool:
        """Tell whether all are published."""
        return self.published == len(self._forms)

    def _run(self) -> None:
        publisher: Publisher | None = None
        while not self._over.is_set() and self._left:
            at = self._next()
            if at is None:
                time.sleep(0.02)
                continue
            try:
                publisher = publisher or Publisher(self._settings, self._key, secret=_SECRET)
                self.tries += 1
                publisher.submit(self._forms[at])
                if at in self._again:
                    self.twice += 1
                    publisher.submit(self._forms[at])
            except UnavailableError:
                # It may have been published or not: the same bytes go out once more.
                if publisher is not None:
                    publisher.close()
                publisher = None
                time.sleep(0.5)
                continue
            self._left.remove(at)
            self.published += 1
        if publisher is not None:
            publisher.close()

    def _next(self) -> int | None:
        if self.published >= self._share * len(self._forms):
            return None
        return next((at for at in self._left[:500] if self._may_go(at)), None)

    def _may_go(self, at: int) -> bool:
        if self._forms[at].right is Right.ACCESS:
            return True
        known = self._known()
        return all(str(self._forms[other].request_id) in known for other in self._accesses.get(self._persons[at], ()))
