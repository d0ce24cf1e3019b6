"""The suppression API as pages of a process's HTTP server (ADR 7). Bodies are never logged: they hold identifiers."""

from __future__ import annotations

import datetime as dt
import hmac
import os
from http import HTTPStatus
from typing import Final

import msgspec

from connectors.signals import SILENT, Signals
from orchestrator.engine.suppressing import Question, digest
from orchestrator.errors import UsageError
from orchestrator.runtime.suppression import Suppression
from orchestrator.settings.services import SuppressionSettings
from orchestrator.telemetry.server import Answer, Asked, Routes, refused
from schemas import suppression
from schemas.errors import SchemaError
from schemas.identifiers import MAX_LENGTH, canonical, check_kind
from schemas.requests import utc

_SHORTEST: Final = 16
_DECODER: Final = msgspec.json.Decoder(suppression.Questions)


def token_of(settings: SuppressionSettings) -> bytes:
    """Give the token that a producer has to bring.

    Raises:
        UsageError: there is none, or one that can be guessed.
    """
    token = os.environ.get(settings.token_env, "")
    if len(token) < _SHORTEST:
        raise UsageError(
            f"the environment variable {settings.token_env} holds no token of at least {_SHORTEST} characters",
            where="[suppression] token_env",
            fix=f"export {settings.token_env}=$(openssl rand -hex 32), and give the same to the producers of events",
        )
    return token.encode()


class SuppressionApi:
    """``POST /v1/suppression``."""

    def __init__(self, service: Suppression, key: bytes, token: bytes, signals: Signals = SILENT) -> None:
        self._service = service
        self._key = key
        self._token = b"Bearer " + token
        self._signals = signals

    def speak(self, signals: Signals) -> None:
        """Speak through these from now on."""
        self._signals = signals

    def routes(self) -> Routes:
        """Give the pages."""
        return {("POST", suppression.PATH): self._answer}

    def _answer(self, asked: Asked) -> Answer:
        given = asked.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._token):
            self._signals.log("suppression.refused", reason="wrong_key")
            return refused(HTTPStatus.UNAUTHORIZED, "bring the bearer token")
        try:
            questions = _DECODER.decode(asked.body).questions
        except msgspec.MsgspecError:
            self._signals.log("suppression.refused", reason="unreadable")
            return refused(
                HTTPStatus.BAD_REQUEST, f"a JSON object with at most {suppression.MOST} questions is expected"
            )
        understood = [self._understood(one) for one in questions]
        answers = iter(self._service.answer([one for one in understood if one is not None]))
        # What cannot be understood cannot be judged: one such question must not stop its neighbours.
        told: list[suppression.Answer] = ["unknown" if one is None else next(answers) for one in understood]
        self._signals.log(
            "suppression.answered", count=len(told), erased=told.count("erased"), unknown=told.count("unknown")
        )
        return Answer(HTTPStatus.OK, msgspec.json.encode(suppression.Answers(tuple(told))))

    def _understood(self, one: suppression.Asked) -> Question | None:
        try:
            value = canonical(check_kind(one.kind), one.value)
            as_of = utc(_moment(one.as_of)) if one.as_of else ""
        except (SchemaError, ValueError, OverflowError):
            return None
        if not value or len(value) > MAX_LENGTH:
            return None
        return Question(digest(self._key, one.kind, value), one.purpose, one.system, as_of)


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment
