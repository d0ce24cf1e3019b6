"""What keeping a record set may rest on: a legal text in force, or a rule that the policy itself has. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from orchestrator.law.texts import objection_to


def objection(text: str, today: dt.date, own: Mapping[str, int] | None, months: int | None = None) -> str | None:
    """Say why records may not be kept on this text, or None if they may.

    Args:
        text: Id of a legal text, or ``policy:<rule>``.
        today: The day of the decision.
        own: Months by the rules of the policy file, 0 where undecided; None: there is no file, and the controller
            answers for its rule alone.
        months: The period that is counted on it; None where none is, because somebody looks afresh on a day.
    """
    if own is None or not text.startswith("policy:"):
        return objection_to(text, today)
    if text not in own:
        return "unknown_rule"
    if months is None:
        return None
    if not own[text]:
        return "rule_undecided"
    return "rule_exceeded" if months > own[text] else None
