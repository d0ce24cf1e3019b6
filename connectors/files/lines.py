"""One file of lines: search it in one pass, rewrite it without some lines, stream its rows."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol, cast

from connectors.errors import PermanentError, TransientError
from connectors.files import fields, keys, stream
from connectors.files.found import FileScan, Match, Record
from connectors.files.paths import File
from connectors.files.replace import replacing


class Reader(Protocol):
    """Knows one kind of line (``text.TextLines``, ``jsonl.JsonLines``), for one query."""

    def starts(self, chunk: bytes) -> set[int]:
        """Give where the lines worth a look start in a chunk of whole lines."""
        ...

    def examine(self, line: bytes) -> Match | None:
        """Say whose the line is; None if nobody's."""
        ...

    def masked(self, line: bytes, masks: dict[int, str]) -> bytes:
        """Give the line with identifiers replaced by the tokens of their owners."""
        ...

    def row(self, line: bytes) -> fields.Row:
        """Give the line as a row of an export."""
        ...


Edits = Mapping[int, tuple[Record, Mapping[int, str] | None]]
"""Where a record starts -> the record, and its masks (owner -> token), or None to remove it."""


class LineFormat:
    """Files of lines, read with one reader."""

    method = "rewrite"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def scan(self, file: File, number: int) -> FileScan:
        """Find the records of the batch in one file.

        Raises:
            TransientError, PermanentError: see ``stream.content``; ``unreadable_line``.
        """
        result = FileScan()
        with stream.content(file) as source:
            for offset, chunk in stream.chunks(source):
                result.total += stream.lines_in(chunk)
                for start, line in self._lines(chunk):
                    match = self._reader.examine(line)
                    if match:
                        record = Record(number, offset + start, keys.digest(line), match, file.live)
                        result.records.append(record)
        return result

    def _lines(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        for start in sorted(self._reader.starts(chunk)):
            yield start, chunk[start : _end(chunk, start)].rstrip(b"\r\n")

    def rows(self, file: File) -> Iterator[fields.Row]:
        """Stream the records of the batch as rows."""
        with stream.content(file) as source:
            for _, chunk in stream.chunks(source):
                for _, line in self._lines(chunk):
                    if self._reader.examine(line):
                        yield self._reader.row(line)

    def rewrite(self, file: File, edits: Edits, total: int) -> None:
        """Write the file anew without the removed lines and with the masked ones; others byte for byte.

        Raises:
            TransientError: ``file_changed``, ``disk_full``: the original is untouched.
            PermanentError: ``line_count``: the new file does not have the lines it must have.
        """
        grown = sum(64 * len(masks) * 4 for _, masks in edits.values() if masks)
        with replacing(file, need=file.stamp.size + grown) as new, stream.opened(file) as raw:
            packed = stream.is_gzip(raw, file)
            with stream.content(file) as source:
                if packed:
                    # No name and no time in the header: neither says anything about a person.
                    with gzip.GzipFile("", "wb", stream.GZIP_LEVEL, new.out, mtime=0) as out:
                        self._copy(source, out, edits)
                else:
                    self._copy(source, new.out, edits)
            new.out.flush()
            new.out.seek(0)
            removed = sum(masks is None for _, masks in edits.values())
            if _count(new.out, packed=packed) != total - removed:
                raise PermanentError("line_count")

    def _copy(self, source: BinaryIO, out: BinaryIO | gzip.GzipFile, edits: Edits) -> None:
        todo = sorted(edits)
        done = 0
        for offset, chunk in stream.chunks(source):
            at = 0
            while done < len(todo) and todo[done] < offset + len(chunk):
                start = todo[done] - offset
                end = _end(chunk, start)
                record, masks = edits[todo[done]]
                line = chunk[start:end]
                if keys.digest(line.rstrip(b"\r\n")) != record.digest:
                    raise TransientError("file_changed")
                out.write(chunk[at:start])
                if masks is not None:
                    out.write(self._reader.masked(line, dict(masks)))
                at = end
                done += 1
            out.write(memoryview(chunk)[at:])
        if done < len(todo):
            raise TransientError("file_changed")


def _end(chunk: bytes, start: int) -> int:
    return chunk.find(b"\n", start) + 1 or len(chunk)


def _count(written: BinaryIO, *, packed: bool) -> int:
    """Count the lines that were really written, by reading them back."""
    source = gzip.GzipFile(fileobj=written, mode="rb") if packed else written
    return sum(stream.lines_in(chunk) for _, chunk in stream.chunks(cast("BinaryIO", source)))
