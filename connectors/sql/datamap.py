"""The data map of a SQL system: record sets that are tables (architecture.md section 7).

TOML has no null, so a replacement of null is written ``"{null}"``; ``"{random}"`` is a fresh token per row.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from connectors.datamap import DataMap, Location, RecordSet, load

NULL = "{null}"
RANDOM = "{random}"


class SqlRecordSet(RecordSet, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A record set that is a table.

    Attributes:
        table: Name as the database spells it; ``schema`` where it is not the default one.
        key: Columns that identify a row; by default the primary key. Must be unique.
        parent_on: child column -> parent column; how rows are reached from the rows of ``parent``.
        personal: Columns that hold personal data. Every one must be masked by ``anonymise`` or ``retain.mask``
            before a row that stays counts as anonymised or masked.
        anonymise: column -> replacement: ``"{null}"``, ``"{random}"`` or a fixed value. On a ``with_parent`` set:
            applied while the parent stays, or when the parent is anonymised.
        since: Column with the day on which the person gave the data themselves (registered, consented); it tells who
            came back from what an import or a restored backup brought back (I14). Never when the row was written.
        replace_key: An anonymised row moves to a new random key, so that the old key leads nowhere.
    """

    table: str
    schema: str | None = None
    key: tuple[str, ...] = ()
    parent_on: dict[str, str] = msgspec.field(default_factory=dict)
    personal: tuple[str, ...] = ()
    anonymise: dict[str, str | int | None] = msgspec.field(default_factory=dict)
    replace_key: bool = False
    since: str = ""

    @property
    def mask(self) -> dict[str, str | int | None]:
        """What is replaced while a row is kept: the retention rule's mask, or the set's own under a kept parent."""
        if self.retain is not None:
            return self.retain.mask
        return self.anonymise if self.erase == "with_parent" else {}


class OtherReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A foreign key from an unmapped table into a mapped one, declared harmless with a reason (I7)."""

    table: str
    column: str
    reason: str


class SqlMap(msgspec.Struct, frozen=True):
    """A loaded data map of a SQL system."""

    sets: tuple[SqlRecordSet, ...]
    references: tuple[OtherReference, ...]
    location: Location

    def get(self, name: str) -> SqlRecordSet:
        """Give a record set by its name."""
        return next(one for one in self.sets if one.name == name)


def read_map(file: Path) -> SqlMap:
    """Read a data map.

    Raises:
        MisconfiguredError: broken TOML, unknown key, wrong type; with file and line.
    """
    raw: DataMap = load(file, SqlRecordSet, ("other_reference",))
    try:
        references = msgspec.convert(raw.settings.get("other_reference", []), tuple[OtherReference, ...])
    except msgspec.ValidationError as error:
        fix = "each [[other_reference]] has table, column and reason"
        raise raw.location.wrong(f"other_reference: {error}", "other_reference", fix=fix) from None
    return SqlMap(raw.sets, references, raw.location)
