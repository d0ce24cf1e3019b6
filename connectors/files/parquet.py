"""Parquet files: vectorised search by mapped columns, rewritten row group by row group.

The search proposes with pyarrow and decides with ``schemas.identifiers.canonical``, as for JSON lines. pyarrow is
imported lazily: it is an extra, and takes longer to load than the rest of the product.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from connectors.datamap import RecordSet
from connectors.errors import MisconfiguredError, PermanentError
from connectors.files import columns, dates, fields, keys, stream
from connectors.files.found import TOKEN_TEXT, FileScan, Match, Query, Record
from connectors.files.lines import Edits
from connectors.files.paths import File
from connectors.files.replace import replacing

if TYPE_CHECKING:
    from io import IOBase

    import pyarrow as pa
    import pyarrow.parquet as pq

FIX: Final = "pip install expunge[parquet]"


def require() -> None:
    """Make sure that pyarrow is there.

    Raises:
        MisconfiguredError: ``parquet_extra``, with the command that installs it.
    """
    try:
        import pyarrow.parquet  # noqa: F401 - only whether it is there
    except ImportError:
        raise MisconfiguredError("parquet_extra", "Parquet needs pyarrow", fix=FIX) from None


@contextlib.contextmanager
def opened(file: File) -> Iterator[pq.ParquetFile]:
    """Open a listed Parquet file.

    Raises:
        PermanentError: ``broken_parquet``.
        TransientError: ``file_changed``.
    """
    require()
    import pyarrow as pa
    import pyarrow.parquet as pq

    with stream.opened(file) as raw:
        try:
            with pq.ParquetFile(raw) as opened_file:
                yield opened_file
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError):
            raise PermanentError("broken_parquet") from None
        except OSError as error:
            if error.errno is None:  # pyarrow's own word for bytes it cannot decode
                raise PermanentError("broken_parquet") from None
            raise


class ParquetFormat:
    """Parquet files, searched with one query."""

    method = "rewrite"

    def __init__(self, query: Query, one: RecordSet) -> None:
        require()
        self._query = query
        self._set = one
        self._lookups = fields.lookups(query, one.match)
        self._paths = list(dict.fromkeys(place.field for places in one.match.values() for place in places))
        self._retain = one.retain
        self._candidates = {id(lookup): columns.Candidates(lookup) for lookup in self._lookups}

    def check(self, file: File) -> None:
        """Hold the mapped columns against one file's schema.

        Raises:
            PermanentError: ``parquet_schema``; ``broken_parquet``.
        """
        with opened(file) as source:
            self._fit(source)

    def _fit(self, source: pq.ParquetFile) -> None:
        import pyarrow as pa

        schema = source.schema_arrow
        yields = [place.field for places in self._set.yields.values() for place in places]
        for path in (*self._paths, *yields):
            if not columns.searchable(columns.type_at(schema, path)):
                raise PermanentError("parquet_schema")
        if self._retain:
            if columns.type_at(schema, self._retain.anchor) is None:
                raise PermanentError("parquet_schema")
            for name, rule in self._retain.mask.items():
                if name not in schema.names:
                    raise PermanentError("parquet_schema")
                try:
                    pa.scalar("" if rule == "{random}" else rule, schema.field(name).type)
                except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
                    raise PermanentError("parquet_schema") from None
                if rule is None and not schema.field(name).nullable:
                    raise PermanentError("parquet_schema")

    def scan(self, file: File, number: int) -> FileScan:
        """Find the rows of the batch in one file.

        Raises:
            TransientError, PermanentError: see ``opened``; ``parquet_schema``.
        """
        result = FileScan()
        with opened(file) as source:
            self._fit(source)
            for group in range(source.num_row_groups):
                for place, row, match in self._rows(source, group):
                    digest = keys.digest(repr(sorted(row.items())).encode("utf-8", "surrogatepass"))
                    result.records.append(Record(number, result.total + place, digest, match, file.live))
                result.total += source.metadata.row_group(group).num_rows
        return result

    def rows(self, file: File) -> Iterator[fields.Row]:
        """Stream the rows of the batch."""
        with opened(file) as source:
            self._fit(source)
            for group in range(source.num_row_groups):
                for _, row, _ in self._rows(source, group):
                    yield fields.flat(row)

    def _rows(self, source: pq.ParquetFile, group: int) -> Iterator[tuple[int, dict[str, Any], Match]]:
        hits = self._hits(source, group)
        if not hits:
            return
        rows = source.read_row_group(group, use_threads=False).take(hits)
        for place, row in zip(hits, rows.to_pylist(), strict=True):
            match = self._examine(row)
            if match:
                yield place, row, match

    def _hits(self, source: pq.ParquetFile, group: int) -> list[int]:
        """Give the rows of one row group that may be of the batch."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self._paths:
            return []
        # Name by name: a column asked for twice would come twice.
        table = source.read_row_group(group, columns=self._paths, use_threads=False)
        mask: Any = None
        for path in self._paths:
            column = columns.texts(columns.column_at(table, path))
            for lookup in self._lookups:
                if lookup.path == path:
                    found = self._candidates[id(lookup)].mask(column)
                    mask = found if mask is None else pc.or_(mask, found)
            if self._query.tokens and pa.types.is_string(column.type):
                found = pc.fill_null(pc.match_substring(column, "erased-"), False)
                mask = found if mask is None else pc.or_(mask, found)
        return [] if mask is None else [int(place) for place in pc.indices_nonzero(mask).to_pylist()]

    def _examine(self, row: Mapping[str, Any]) -> Match | None:
        owners: set[int] = set()
        tokens: set[str] = set()
        for lookup in self._lookups:
            for value in fields.at(row, lookup.path):
                text = fields.text_of(value)
                owners |= lookup.of(text) if text is not None else set()
        for path in self._paths:
            for value in fields.at(row, path):
                tokens.update(TOKEN_TEXT.findall(value) if isinstance(value, str) else ())
        tokens &= self._query.tokens.keys()
        if not owners and not tokens:
            return None
        retain = self._retain
        masked = all(fields.is_mask(rule, row.get(name)) for name, rule in retain.mask.items()) if retain else True
        anchor = next((d for v in fields.at(row, retain.anchor) if (d := dates.of_value(v))), None) if retain else None
        links = (
            fields.link(kind, place.strength, value)
            for kind, places in self._set.yields.items()
            for place in places
            for value in fields.at(row, place.field)
        )
        unique = tuple(dict.fromkeys(one for one in links if one))
        return Match(frozenset(owners), frozenset(tokens), masked, anchor, unique)

    def rewrite(self, file: File, edits: Edits, total: int) -> None:
        """Write the file anew: same schema, metadata, compression and row groups, without the removed rows.

        Raises:
            TransientError: ``file_changed``, ``disk_full``.
            PermanentError: ``line_count``; ``parquet_rewrite``: the new file's schema would differ.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        with opened(file) as source, replacing(file, need=file.stamp.size) as new:
            with pq.ParquetWriter(
                pa.PythonFile(cast("IOBase", new.out), "w"), source.schema_arrow, **_like(source)
            ) as writer:
                at = 0
                for group in range(source.num_row_groups):
                    table = source.read_row_group(group, use_threads=False)
                    kept = self._edited(table, {n - at: edit for n, edit in edits.items() if 0 <= n - at < len(table)})
                    if len(kept):
                        writer.write_table(kept, row_group_size=len(kept))
                    at += len(table)
            new.out.flush()
            new.out.seek(0)
            with pq.ParquetFile(new.out) as written:
                if written.metadata.num_rows != total - sum(masks is None for _, masks in edits.values()):
                    raise PermanentError("line_count")
                if not written.schema.equals(source.schema):
                    raise PermanentError("parquet_rewrite")

    def _edited(self, table: pa.Table, edits: Edits) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        rules = self._retain.mask if self._retain else {}
        masks = {row: sorted(set(tokens.values())) for row, (_, tokens) in edits.items() if tokens is not None}
        for name, rule in rules.items() if masks else ():
            place = table.schema.get_field_index(name)
            column = table.column(place)
            chosen = pa.array([row in masks for row in range(len(table))])
            new = [fields.mask_value(rule, masks[row], column[row].as_py()) for row in sorted(masks)]
            kind = column.type
            plain = kind.value_type if pa.types.is_dictionary(kind) else kind
            filled = pc.replace_with_mask(column.cast(plain).combine_chunks(), chosen, pa.array(new, type=plain))
            filled = filled if plain == kind else filled.dictionary_encode().cast(kind)
            table = table.set_column(place, table.schema.field(place), filled)
        removed = {row for row, (_, tokens) in edits.items() if tokens is None}
        if removed:
            table = table.filter(pa.array([row not in removed for row in range(len(table))]))
        return table


def _like(source: pq.ParquetFile) -> dict[str, Any]:
    """Give the writer's options that make a file like this one."""
    metadata = source.metadata
    options: dict[str, Any] = {"version": "2.6" if metadata.format_version.startswith("2") else "1.0"}
    if not metadata.num_row_groups:
        return options
    first = [metadata.row_group(0).column(n) for n in range(metadata.num_columns)]
    names = {column.path_in_schema: column for column in first}
    options["compression"] = {
        name: "NONE" if c.compression == "UNCOMPRESSED" else c.compression for name, c in names.items()
    }
    options["use_dictionary"] = [name for name, c in names.items() if c.has_dictionary_page]
    options["use_deprecated_int96_timestamps"] = any(column.physical_type == "INT96" for column in first)
    options["write_statistics"] = any(column.is_stats_set for column in first)
    return options
