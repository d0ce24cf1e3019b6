"""Columns of a Parquet file: whether one can be searched, and a vectorised search that proposes rows.

``parquet`` decides with the exact comparison of ``fields``; what is proposed may be too wide, never too narrow.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from connectors.errors import PermanentError
from connectors.files import fields
from connectors.files.needles import hextet, suffix_of

if TYPE_CHECKING:
    import pyarrow as pa

_SPACE: Final = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"


class Candidates:
    """Proposes rows for one mapped column; never too narrow."""

    def __init__(self, lookup: fields.Lookup) -> None:
        import pyarrow as pa

        values = list(lookup.owners)
        self.kind = lookup.kind
        self.digits = lookup.kind == "phone" or lookup.case == "digits"
        self.any_address = lookup.kind == "ip" and any(hextet(value) for value in values)
        suffixes = [suffix_of(value) for value in values] if self.digits else []
        self.every = None in suffixes
        texts = sorted(
            {suffix.decode() for suffix in suffixes if suffix} if self.digits else {v.lower() for v in values}
        )
        self._values = pa.array(texts, pa.string())
        self._width = {len(text) for text in texts}

    def mask(self, column: Any) -> Any:
        """Give a boolean column without nulls."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.every:
            return pc.is_valid(column)
        if self.digits:
            digits = pc.replace_substring_regex(column, "[^0-9]", "")
            hits = [pc.is_in(pc.utf8_slice_codeunits(digits, -width), self._values) for width in sorted(self._width)]
            found = hits[0]
            for other in hits[1:]:
                found = pc.or_(found, other)
        else:
            found = pc.is_in(pc.ascii_lower(pc.utf8_trim(column, _SPACE)), self._values)
        if self.any_address or self.kind == "ip":
            found = pc.or_(found, pc.fill_null(pc.match_substring(column, ":"), False))
        # Text beyond ASCII has case and composition of its own: let the exact comparison decide.
        return pc.or_(found, pc.fill_null(pc.invert(pc.string_is_ascii(column)), False)).cast(pa.bool_())


def type_at(schema: pa.Schema, path: str) -> pa.DataType | None:
    """Give the type of a column, or of a field within a struct; None if there is none."""
    import pyarrow as pa

    if path in schema.names:
        return cast("pa.DataType", schema.field(path).type)
    for cut in (found.start() for found in re.finditer(r"\.", path)):
        if path[:cut] in schema.names and pa.types.is_struct(kind := schema.field(path[:cut]).type):
            inner = pa.schema([kind.field(n) for n in range(kind.num_fields)])
            return type_at(inner, path[cut + 1 :])
    return None


def holds(schema: pa.Schema, path: str) -> bool:
    """Tell whether a path leads to something: a column, a field within a struct, or what a list may have."""
    import pyarrow as pa

    kind = type_at(schema, path)
    while kind is None and "." in path:
        path = path.rpartition(".")[0]
        kind = type_at(schema, path)
        if kind is not None:
            return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind))
    return kind is not None


def searchable(kind: pa.DataType | None) -> bool:
    """Tell whether a type can hold an identifier: text or a number."""
    import pyarrow as pa

    if kind is None:
        return False
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return (
        pa.types.is_null(kind)  # a writer's way to say that no row has a value yet
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
    )


def column_at(table: pa.Table, path: str) -> Any:
    """Give a column, or a field within a struct.

    Raises:
        PermanentError: ``parquet_schema``.
    """
    import pyarrow.compute as pc

    if path in table.schema.names:
        return table.column(path)
    for cut in (found.start() for found in re.finditer(r"\.", path)):
        if path[:cut] in table.schema.names:
            return pc.struct_field(table.column(path[:cut]), path[cut + 1 :].split("."))
    raise PermanentError("parquet_schema")


def texts(column: Any) -> Any:
    """Give a column as text, a whole float as a whole number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_floating(kind):
        whole = pc.if_else(pc.less_equal(pc.abs(column), pa.scalar(2.0**53)), pc.trunc(column), None)
        column = pc.fill_null(whole, 0.5).cast(pa.float64()).cast(pa.int64(), safe=False)
    return column if pa.types.is_string(column.type) else column.cast(pa.string())
