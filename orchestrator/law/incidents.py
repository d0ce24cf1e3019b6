"""By when an authority is told of an incident (GDPR Art. 33(1)): 72 hours after the controller became aware of it.

Hours are no days: they go on over weekends and holidays, and the last one moves nowhere (Regulation 1182/71 art. 3(3)
and (4)). The Regulation does not count the hour of the event itself; here it counts, so that no time given is late.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from orchestrator.law.calendars import calendar_of
from orchestrator.law.regimes import regime_of
from orchestrator.law.texts import LIBRARY

HOURS: Final = 72
_TEXTS: Final = {"eu": "gdpr-33", "uk": "uk-gdpr-33"}


class Notification(msgspec.Struct, frozen=True):
    """When one controller's authority has to be told. ``by``: None where no text known here sets a time."""

    by: dt.datetime | None
    text: str
    trace: tuple[str, ...]


def notify_by(detected: dt.datetime, calendar: str) -> Notification:
    """Work out the time for a controller, by the calendar that its policy names.

    Args:
        detected: When the controller became aware, with zone.
        calendar: A country, or country and subdivision.

    Raises:
        UndatableError: an unknown calendar, or a day before the law.
    """
    aware = detected.astimezone(dt.UTC)
    regime = regime_of(calendar_of(calendar), aware.date())
    first = f"aware on {_said(aware)}"
    text = _TEXTS.get(regime.id)
    if text is None:
        none = f"{regime.name}: no text that is known here sets a time for telling an authority; ask counsel at once"
        return Notification(None, "", (first, none))
    by = aware + dt.timedelta(hours=HOURS)
    return Notification(
        by,
        text,
        (
            first,
            f"{HOURS} hours, the hour of the event counted: {_said(by)} [{text}]",
            "hours go on over weekends and holidays, and the last one moves nowhere [eu-reg-1182-71-3]"
            if regime.id == "eu"
            else "hours go on over weekends and holidays",
            f"later only with the reasons for the delay; not at all where a risk is unlikely: {LIBRARY[text].short}(1)",
        ),
    )


def _said(moment: dt.datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
