"""What somebody in charge answered to a finding, dated: a record of its own, quoted beside the finding (S10).

An answer mends nothing: what the linter found still does not hold in the policy. It is an answer to one finding as it
stood; when the entries change that the finding is about, or its last day is over, it is stale, and is asked again.
"""

from __future__ import annotations

import datetime as dt

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, a line of the file beside the policy.

    Attributes:
        finding: Id of the finding.
        digest: Of what the finding was about when it was answered.
        text: The answer.
        role: Who gave it.
        answered_on: When.
        until: Last day on which it holds.
    """

    finding: str
    digest: str
    text: str
    role: str
    answered_on: dt.date
    until: dt.date


class Answered(msgspec.Struct, frozen=True):
    """An answer beside its finding. ``stale``: why it no longer counts; empty: it does."""

    answer: Answer
    stale: str = ""


def judged(answer: Answer, digest: str, on: dt.date) -> Answered:
    """Say whether an answer still counts on a day, for a finding that is about this."""
    if answer.digest != digest:
        return Answered(answer, "the entry has changed since")
    if answer.until < on:
        return Answered(answer, f"it held until {answer.until}")
    return Answered(answer)
