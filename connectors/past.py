"""What is asked and told where a record set is looked through for what is past its period (``Connector.past``)."""

from __future__ import annotations

import datetime as dt

import msgspec

from schemas.tasks import Link


class PastQuestion(msgspec.Struct, frozen=True):
    """A page to look through.

    Attributes:
        record_set: Its name; it has a ``retain`` rule of its own.
        up_to: Last anchor date (inclusive) whose period is over.
        rows: Most records to look at. ``found``: most to give. Both at least 1.
        after: Key of the last record of the page before; empty: begin.
    """

    record_set: str
    up_to: dt.date
    rows: int
    found: int
    after: str = ""

    def __repr__(self) -> str:
        """Hide the key (I4)."""
        return f"PastQuestion({self.record_set!r}, up_to={self.up_to})"


class PastRecord(msgspec.Struct, frozen=True):
    """A record that is past its period.

    Attributes:
        key: As in ``Holding.keys``.
        anchor: The date its period began.
        identifiers: What ``locate`` would find it by: the identifiers under ``match`` that it holds, and where it has
            none that is unique those of the record it belongs to; canonical, with the strength of their kind. A
            replacement that was written over an identifier is none.
    """

    key: str
    anchor: dt.date
    identifiers: tuple[Link, ...] = ()

    def __repr__(self) -> str:
        """Hide the key (I4)."""
        return f"PastRecord(anchor={self.anchor}, identifiers={len(self.identifiers)})"


class PastPage(msgspec.Struct, frozen=True):
    """What a page holds. ``after``: key of the last record looked at; empty: the record set ends here.

    ``scanned``: records looked at; ``undated``: of these, those whose anchor is empty or cannot be read.
    """

    records: tuple[PastRecord, ...] = ()
    scanned: int = 0
    undated: int = 0
    after: str = ""

    def __repr__(self) -> str:
        """Hide the key (I4)."""
        return f"PastPage(records={len(self.records)}, scanned={self.scanned})"
