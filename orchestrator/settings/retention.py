"""``[retention]``: how what is past its period is looked for (ADR 36)."""

from __future__ import annotations

from typing import Final

import msgspec

from connectors.datamap import Location


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[retention]``.

    Attributes:
        every_hours: So long after its last sweep began, a record set is swept again; 0: only when somebody asks.
        rows_per_second: Records a sweep looks at on average, of one record set.
        page_rows: Records of one page at most; ``page_found``: of these, past their period.
    """

    every_hours: int = 0
    rows_per_second: int = 25_000
    page_rows: int = 20_000
    page_found: int = 500


_RANGES: Final = {
    "every_hours": (0, 24 * 366),
    "rows_per_second": (1, 10_000_000),
    "page_rows": (1, 100_000),
    "page_found": (1, 1_000),
}
"""What travels in one message has to fit into it: a page of a thousand persons does."""


def checked(found: RetentionSettings, location: Location) -> RetentionSettings:
    """Hold the numbers against what makes sense.

    Raises:
        MisconfiguredError: one is out of its range; with its line.
    """
    for name, (least, most) in _RANGES.items():
        if not least <= getattr(found, name) <= most:
            message = f"[retention] {name} is {getattr(found, name)}"
            raise location.wrong(message, "retention", name, fix=f"{least} to {most}")
    return found
