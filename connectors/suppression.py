"""For producers of events: is this identifier erased, for this purpose, as of this time? Standard library only.

    client = SuppressionClient("https://expunge.internal:9464", os.environ["EXPUNGE_SUPPRESSION_TOKEN"])
    if client.ask_one("email", address, purpose="marketing", as_of=event_time) != "not_erased":
        drop(event)

Whatever goes wrong (no answer in time, a wrong one, no service) the answer is ``unknown``: it fails closed, and never
raises for it.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from connectors.errors import MisconfiguredError
from schemas.suppression import MOST, PATH, Answer, Answers, Asked, Questions

_SCHEMES: Final = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_LARGEST: Final = 1 << 20


class SuppressionClient:
    """Asks the suppression API. May be shared by threads; each has a connection of its own.

    Args:
        url: Of the service, without a path.
        token: The bearer token.
        timeout: Seconds for each step of a call: to connect, to send, to be answered.

    Raises:
        MisconfiguredError: the URL is none, or the token is empty.
    """

    def __init__(self, url: str, token: str, timeout: float = 0.5) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.path not in {"", "/"} or parts.username:
            raise MisconfiguredError("suppression.url", "not the URL of a service", fix="https://host:port")
        if not token or not token.isascii() or not token.isprintable():
            raise MisconfiguredError("suppression.token", "no token", fix="the one that the service was given")
        self._kind = _SCHEMES[parts.scheme]
        self._address = (parts.hostname, parts.port)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._timeout = timeout
        self._local = threading.local()

    def __repr__(self) -> str:
        """Hide the token."""
        return f"SuppressionClient({self._address[0]!r})"

    def ask_one(self, kind: str, value: str, *, purpose: str = "", system: str = "", as_of: str = "") -> Answer:
        """Ask one question."""
        return self.ask([Asked(kind, value, purpose, system, as_of)])[0]

    def ask(self, questions: Sequence[Asked]) -> list[Answer]:
        """Ask many; the answers are in the order of the questions."""
        answers: list[Answer] = []
        for start in range(0, len(questions), MOST):
            part = tuple(questions[start : start + MOST])
            answers += self._asked(part) or ["unknown"] * len(part)
        return answers

    def close(self) -> None:
        """Close this thread's connection."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _asked(self, questions: tuple[Asked, ...]) -> list[Answer] | None:
        body = msgspec.json.encode(Questions(questions))
        kept = getattr(self._local, "connection", None) is not None
        try:
            raw = self._post(body)
            if raw is None and kept:  # the service closed a connection that was idle
                raw = self._post(body)
            answers = msgspec.json.decode(raw or b"", type=Answers).answers
        except msgspec.MsgspecError:
            return None
        return list(answers) if len(answers) == len(questions) else None

    def _post(self, body: bytes) -> bytes | None:
        connection = getattr(self._local, "connection", None)
        try:
            if connection is None:
                connection = self._local.connection = self._kind(*self._address, timeout=self._timeout)
            connection.request("POST", PATH, body, self._headers)
            with connection.getresponse() as answer:
                raw: bytes = answer.read(_LARGEST)
                whole = answer.status == http.client.OK and not answer.length
            if whole:
                return raw
        except (OSError, http.client.HTTPException, ValueError):
            pass
        self.close()
        return None
