"""Requests out of bytes: one JSON object, a JSON array, or JSON Lines; errors name file, line, field, rule and fix."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # the standard library's own scanner
from typing import Any, Final

import msgspec

from orchestrator.errors import UsageError
from schemas.codec import decode_form
from schemas.errors import SchemaError
from schemas.requests import RequestForm, validated

_SHOWN: Final = 10
"""Most findings told at once."""
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_STEP: Final = re.compile(r"\.([A-Za-z_]\w*)|\[\"([^\"]+)\"\]|\[(\d+)\]")
_SPACE: Final = re.compile(r"[\s,:]*")


class Form(msgspec.Struct):
    """One request form and the line it starts at."""

    form: RequestForm
    line: int


class RefusedError(UsageError):
    """Requests that break rules; nothing was taken in. ``more``: the other findings, a line each."""

    def __init__(self, first: _Finding, others: list[_Finding], count: int) -> None:
        total = 1 + len(others)
        taken = "nothing was taken in" if count == 1 else f"{total} of {count} are wrong; none was taken in"
        super().__init__(
            f"{first.error.message}: {taken}", where=first.place, why=first.error.rule, fix=first.error.fix
        )
        self.more = [f"{one.place}: {one.error.message}; {one.error.fix}" for one in others[: _SHOWN - 1]]
        if len(others) >= _SHOWN:
            self.more.append(f"and {len(others) - _SHOWN + 1} others")


class _Finding(msgspec.Struct):
    place: str
    error: SchemaError


def read_forms(
    raw: bytes, name: str, *, now: dt.datetime, check: Callable[[RequestForm], None] = lambda _: None
) -> list[Form]:
    """Read and check every form.

    Args:
        raw: The bytes.
        name: What errors call them: a file, or ``stdin``.
        now: To refuse requests from the future.
        check: What else may be wrong with one here; raises ``SchemaError``.

    Raises:
        RefusedError: at least one is wrong.
        UsageError: there is none.
    """
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    forms: list[Form] = []
    wrong: list[_Finding] = []
    within_array = raw.lstrip().startswith(b"[")
    for number, (start, piece) in enumerate(_pieces(raw, name)):
        line = raw.count(b"\n", 0, start) + 1
        try:
            form = validated(decode_form(piece), now=now)
            check(form)
            forms.append(Form(form, line))
        except SchemaError as error:
            at = line + _line_within(piece, error) - 1
            path = f"$[{number}]{error.where.removeprefix('$')}" if within_array else error.where
            field = "" if path == "$" else f" {path}"
            wrong.append(_Finding(f"{name}:{at}{field}", error))
    if wrong:
        raise RefusedError(wrong[0], wrong[1:], len(wrong) + len(forms))
    if not forms:
        raise UsageError("no request", where=name, fix='{"right": "erasure", "identifiers": [...]}')
    return forms


def _pieces(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Give (offset, bytes) of each form."""
    text = raw.lstrip()
    if text.startswith(b"["):
        yield from _array(raw, name)
        return
    lines = [(start, line) for start, line in _lines(raw) if line.strip()]
    # JSON Lines, unless the first line is only the beginning of one object written over several.
    if len(lines) > 1 and not _whole(lines[0][1]) and not text[1:].lstrip().startswith(b"}"):
        yield len(raw) - len(text), text
        return
    yield from lines


def _lines(raw: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    for line in raw.split(b"\n"):
        yield start, line
        start += len(line) + 1


def _whole(line: bytes) -> bool:
    """Tell whether a line is meant to be a whole object: JSON, or at least closed like one."""
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line.rstrip().endswith(b"}")
    return True


def _array(raw: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    try:
        raw.decode()  # msgspec counts bytes from the start of the text that it was reading
        pieces = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        found = _BYTE.search(str(error))
        byte = error.start if isinstance(error, UnicodeDecodeError) else int(found[1]) if found else 0
        line = raw.count(b"\n", 0, byte) + 1
        what = "not valid JSON in UTF-8: nothing was taken in"
        raise UsageError(what, where=f"{name}:{line}", fix="correct the array of requests") from None
    at = 0
    for piece in pieces:
        at = raw.index(bytes(piece), at)
        yield at, bytes(piece)
        at += len(bytes(piece))


def _line_within(piece: bytes, error: SchemaError) -> int:
    """Give the 1-based line, within one form, of what an error is about."""
    broken = _BYTE.search(error.message)
    if broken:
        return piece.count(b"\n", 0, int(broken[1])) + 1
    # Replacing may shift columns, never lines.
    text = piece.decode(errors="replace")
    try:
        return text.count("\n", 0, _place(text, error.where)) + 1
    except (ValueError, IndexError, RecursionError):
        return 1


def _place(text: str, path: str) -> int:
    """Walk to the value that a path such as ``$.identifiers[1].value`` names; as far as it leads."""
    at = _SPACE.match(text, 0).end()  # type: ignore[union-attr]  # matches the empty text too
    for field, quoted, index in _STEP.findall(path):
        key = field or quoted
        inside = _member(text, at, key) if key else _element(text, at, int(index))
        if inside is None:
            break
        at = inside
    return at


def _member(text: str, at: int, name: str) -> int | None:
    at = _after(text, at + 1)
    while text[at] == '"':
        key, end = scanstring(text, at + 1)
        value = _after(text, end)
        if key == name:
            return value
        at = _after(text, _skip(text, value))
    return None


def _element(text: str, at: int, index: int) -> int | None:
    at = _after(text, at + 1)
    for _ in range(index):
        at = _after(text, _skip(text, at))
    return None if text[at] == "]" else at


def _after(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()  # type: ignore[union-attr]  # matches the empty text too


def _skip(text: str, at: int) -> int:
    decoder: Any = json.JSONDecoder()
    return int(decoder.raw_decode(text, at)[1])
