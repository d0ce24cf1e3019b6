"""What can be changed of records that stay, and how that is told: the parts of the contract for capabilities."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import msgspec

from schemas.tasks import FieldValue


class Capability(enum.StrEnum):
    """What a connector may be able to do besides; the values are those of the action and of the method."""

    RECTIFY = "rectify"
    RESTRICT = "restrict"
    LIFT = "lift"
    STOP = "stop"


class Change(msgspec.Struct, frozen=True):
    """What every record of the subject in one record set has to be like afterwards.

    Attributes:
        values: For ``rectify``: field -> the value that is right; only fields that ``RecordSet.rectify`` names.
        purposes: For ``stop``: only purposes that ``RecordSet.stop`` names.
    """

    values: Mapping[str, FieldValue] = {}
    purposes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Hide the values (I4)."""
        return f"Change(fields={len(self.values)}, purposes={self.purposes!r})"


class ChangeReport(msgspec.Struct, frozen=True):
    """What a connector says of one record set after a change. A claim, not yet evidence.

    Attributes:
        records: Keys of all records of the subject that are now as ordered, those included that were so before.
        changed: Keys of those that this call changed; a second call with the same order gives none.
    """

    records: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Hide the keys (I4)."""
        return f"ChangeReport(records={len(self.records)}, changed={len(self.changed)})"


class Standing(enum.StrEnum):
    """What the second look sees of one key after a change.

    ``AS_ORDERED``: the record exists, and is as ordered: for ``rectify`` every corrected field holds its value, for
    ``restrict`` the mark is set, for ``lift`` it is not, for ``stop`` the use is stopped for every purpose.
    ``NOT_AS_ORDERED``: anything else that exists.
    """

    GONE = "gone"
    AS_ORDERED = "as_ordered"
    NOT_AS_ORDERED = "not_as_ordered"
