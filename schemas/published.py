"""What the orchestrator publishes besides tasks: completions, notices, and dead letters.

None of it leads to the person: a record holds no identifiers, a notice none either, and what could not be applied is
sealed with a key that only the orchestrator has.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from schemas.fields import Count, Id, Time, Word

JWS_PATTERN: Final = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$(?!\n)"
BASE64_PATTERN: Final = r"^[A-Za-z0-9+/]*={0,2}$(?!\n)"


class Completion(msgspec.Struct, frozen=True):
    """A request has a completion record: the first one says that it is done, later ones what was still owed.

    Attributes:
        number: 1 for the completion, 2 and up for later records of the same request.
        jws: The record, a compact JWS (RFC 7515); check it with the orchestrator's public key before believing it.
    """

    record_id: Word
    request_id: Id
    number: Count
    completed_at: Time
    jws: Annotated[str, msgspec.Meta(pattern=JWS_PATTERN)]


class Notice(msgspec.Struct, frozen=True):
    """Something the person (or the DPO) must be told. A letter is made from it, and does not travel (ADR 38).

    Attributes:
        notice_id: Unique; a notice that arrives twice is told once.
        to: ``subject``, or the role of somebody in charge.
        facts: No personal data.
    """

    notice_id: str
    kind: str
    to: str
    facts: dict[str, str] = {}


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that could not be applied.

    Attributes:
        letter: Its number among the orchestrator's dead letters, where it can be shown and tried again.
        request_id: What it is about, as far as that could be read; ``unknown`` otherwise.
        error: Class of the error; never a text of the event.
        sealed: The original bytes, sealed to the orchestrator, base64; empty where they are too large to travel.
    """

    letter: Count
    request_id: Id
    observed_at: Time
    error: Word
    sealed: Annotated[str, msgspec.Meta(pattern=BASE64_PATTERN)] = ""
