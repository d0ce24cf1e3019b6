"""The data map: what one system holds, as TOML next to the system's settings (architecture.md section 7).

The common part lives here: record sets with purpose, legal basis, retention, limits, what they are found by.
Each connector package extends ``RecordSet`` with where the records are (a table, a set of files) and reads it
with ``load``. Errors name the file, the line and the fix.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from connectors.errors import MisconfiguredError
from schemas.errors import InvalidIdentifierError
from schemas.fields import ID_PATTERN, SET_PATTERN, TEXT_PATTERN
from schemas.identifiers import Strength, check_kind
from schemas.outcomes import KeptWhy

_PURPOSE: Final = re.compile(ID_PATTERN)
_SET: Final = re.compile(SET_PATTERN)
_TEXT: Final = re.compile(TEXT_PATTERN)
MOST_RECORDS: Final = 100_000
"""Largest ``max_records``: the keys of all of them travel in one sealed handle."""


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place that holds an identifier.

    Attributes:
        field: Column of a table, or path of a JSON field (``user.email``), or ``*`` for the whole line of a log.
        case: ``exact`` (compare as stored), ``lower`` (compare lower-cased), ``digits`` (phones: compare digits).
    """

    field: str
    case: Literal["exact", "lower", "digits"] = "exact"


class Yield(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place that gives a further identifier of the same person."""

    field: str
    strength: Strength = Strength.UNIQUE


class Retain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why records of this set must stay, on which text, and how long (I8).

    Attributes:
        why: Reason, see ``schemas.outcomes.KeptWhy``.
        text: Id of the legal text or policy rule.
        months: Length of the period, counted from ``anchor``.
        anchor: Column or field with the date the period starts at.
        mask: column -> replacement (None for null, a text, or ``"{random}"``), applied while records stay.
        open: What it means that a record has no date there: ``no_ground`` (what it belongs to still runs, so there
            is no ground for erasure; looked at afresh after ``review_months``), or ``ask``: a person is asked.
        review_months: With ``no_ground``: how often it is looked at.
    """

    why: KeptWhy
    text: str
    months: int
    anchor: str
    mask: dict[str, str | int | None] = {}
    open: Literal["ask", "no_ground"] = "ask"
    review_months: int = 0


class Expire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How long records of this set stay at the most, if nobody asks before (ADR 36): a promise, and no reason to keep.

    Attributes:
        text: Id of the legal text or policy rule.
        months: Length of the period, counted from ``anchor``.
        anchor: Column with the date the period starts at. One that is empty does not run: a contract, somebody hired.
    """

    text: str
    months: int
    anchor: str


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column that says what a record may not be used for.

    Attributes:
        column: The column or field.
        set: Its value then: a text, a number, true or false, or ``"{null}"``.
    """

    column: str
    set: str | int | float | bool


class Restrict(Mark, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The mark of a restricted record. ``lifted``: the column's value when the restriction ends; null by default."""

    lifted: str | int | float | bool = "{null}"


class RecordSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Records of one system that share category, purpose, legal basis and retention.

    Attributes:
        name: Public id within the system, e.g. ``contacts``; stands in completion records, so nothing telling: what the
            records are is said by ``title``, which does not leave the installation but in the person's own copy.
        match: identifier kind -> places that hold it.
        yields: identifier kind -> places that give one.
        erase: ``delete``; ``anonymise`` (the set's own rules); ``with_parent`` (lives and dies with its parent record).
        parent: Name of the record set (of the same system) whose records these belong to.
        retain: The retention rule, if records must stay for a while.
        expire: How long records stay at the most, where they need not stay at all.
        one_per_subject: One record is one person: two records found by one identifier mean two persons (I9).
        max_records: More records than this for one subject stop the erasure (I9).
        backups_kept_days: How long backups of this store live.
        control: identifier kind -> value of a record that is always there; a search that misses it proves nothing.
        rectify: Fields that may be corrected (Art. 16).
        restrict: How a record is marked as restricted (Art. 18).
        stop: purpose -> how a record is marked as not to be used for it (Art. 7(3), 21).
        provided: Fields that the person provided: what portability (Art. 20) gives.
        free_text: Fields that people write into, and may write of others: a copy is looked through first.
        review: ``always``: a person reads every such text before it is given; ``proposals``: only where a program finds
            something, which finds addresses and numbers and no names.
        title: What a person calls these records, in their copy; titles: field -> what it is called there.
    """

    name: str
    match: dict[str, tuple[Match, ...]] = {}
    yields: dict[str, tuple[Yield, ...]] = {}
    erase: Literal["delete", "anonymise", "with_parent"] = "delete"
    parent: str | None = None
    retain: Retain | None = None
    expire: Expire | None = None
    one_per_subject: bool = False
    max_records: int = 10_000
    backups_kept_days: int | None = None
    categories: tuple[str, ...] = ()
    purpose: str = ""
    basis: str = ""
    control: dict[str, str] = {}
    rectify: tuple[str, ...] = ()
    restrict: Restrict | None = None
    stop: dict[str, Mark] = {}
    provided: tuple[str, ...] = ()
    title: str = ""
    titles: dict[str, str] = {}
    free_text: tuple[str, ...] = ()
    review: Literal["always", "proposals"] = "always"

    @property
    def anchor(self) -> str:
        """Where the date stands that a period of this set's own starts at; empty: it has none."""
        period = self.expire or self.retain
        return period.anchor if period is not None and self.erase != "with_parent" else ""


class Location(msgspec.Struct, frozen=True):
    """Where a data map came from; finds lines for errors."""

    file: Path
    text: str

    def line(self, *words: str) -> int | None:
        """Give the 1-based line that holds the last word, after a line that holds each earlier one.

        The words between the first (a name) and the last (anything) are keys: ``erase = "anonymise"`` is no
        ``anonymise``, unless there is no such key.
        """
        start = 0
        found: int | None = None
        lines = [line.split("#")[0] for line in self.text.splitlines()]
        for place, word in enumerate(words):
            plain = rf"(?<![\w-]){re.escape(word)}(?![\w-])"
            key = [plain + r"[\"']?\s*[=.\]]"] if 0 < place < len(words) - 1 else []
            for pattern in (*key, plain):
                at = next((n for n in range(start, len(lines)) if re.search(pattern, lines[n])), None)
                if at is not None:
                    found, start = at + 1, at
                    break
        return found

    def wrong(self, message: str, *words: str, fix: str = "", code: str = "datamap") -> MisconfiguredError:
        """Make the error for an entry of this file."""
        return MisconfiguredError(code, message, file=str(self.file), line=self.line(*words), fix=fix)


class DataMap(msgspec.Struct, frozen=True):
    """A loaded data map: its record sets (of the connector's own type), its own settings, where it came from."""

    sets: tuple[Any, ...]
    settings: Mapping[str, Any]
    location: Location


_Set = TypeVar("_Set", bound=RecordSet)


def read_toml(file: Path) -> tuple[dict[str, Any], Location]:
    """Read a TOML file.

    Raises:
        MisconfiguredError: cannot be read, is not UTF-8, or is broken TOML, with the line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise MisconfiguredError("file", f"cannot be read: {error.strerror}", file=str(file)) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise MisconfiguredError("file", "not UTF-8", file=str(file), line=line, fix="save it as UTF-8") from None
    try:
        return tomllib.loads(text), Location(file, text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        line = int(at[1]) if at else len(text.splitlines())
        message = f"broken TOML: {re.sub(r' ?[(]at .*', '', str(error))}"
        fix = 'key = "text", key = 1, or [table]; see toml.io'
        raise MisconfiguredError("toml", message, file=str(file), line=line, fix=fix) from None


def load(file: Path, kind: type[_Set], settings: tuple[str, ...] = ()) -> DataMap:
    """Read a data map: ``[[record_set]]`` tables of the connector's type, and top-level ``settings`` keys.

    Raises:
        MisconfiguredError: broken TOML, unknown key (with a suggestion), wrong type, unknown identifier kind.
    """
    raw, location = read_toml(file)
    # What is declared anonymous is nothing to search or erase: ``connectors.anonymous`` reads it.
    allowed = ("record_set", "version", "anonymous", *settings)
    for name in raw:
        if name not in allowed:
            raise _unknown(location, name, allowed, ())
    entries = raw.get("record_set", [])
    if not isinstance(entries, list) or not entries:
        raise location.wrong("no record set", fix="add at least one [[record_set]] table with a name")
    sets: list[_Set] = []
    for entry in entries:
        label = str(entry.get("name", "")) if isinstance(entry, dict) else ""
        one = _convert(entry, kind, location, label)
        if not 0 <= one.max_records <= MOST_RECORDS:
            raise location.wrong(
                f"record set {label!r}: max_records is {one.max_records}",
                label,
                "max_records",
                fix=f"0 to {MOST_RECORDS}",
            )
        if one.retain and (one.retain.open == "no_ground") != (one.retain.review_months > 0):
            raise location.wrong(
                f"record set {label!r}: open and review_months belong together",
                label,
                "retain",
                fix='open = "no_ground" with review_months = 12, or neither',
            )
        _check_words(one, location, label)
        _check_expire(one, location, label)
        if any(other.name == one.name for other in sets):
            raise location.wrong(f"record set {label!r} stands twice", label, fix="give each a name of its own")
        _check_kinds(one, location)
        _check_purposes(one, location)
        sets.append(one)
    return DataMap(tuple(sets), {k: v for k, v in raw.items() if k in settings}, location)


def _check_words(one: RecordSet, location: Location, label: str) -> None:
    """What stands in a record for ever is an id and no text (I4); what the records are is said by ``title``."""
    if not _SET.match(one.name):
        fix = "an id without spaces, slash or @, at most 128 characters; what it is may stand in title"
        raise location.wrong(f"record set {label!r}: its name stands in signed records", label, fix=fix)
    for where, rule in (("retain", one.retain), ("expire", one.expire)):
        if rule is not None and not _TEXT.match(rule.text):
            fix = "the id of a text, e.g. fr-ccom-l123-22, or policy:<rule>"
            raise location.wrong(f"record set {label!r}: {where}.text is no id of a text", label, where, fix=fix)


def _check_expire(one: RecordSet, location: Location, label: str) -> None:
    """A record set has one date, and never goes before it has to stay no longer."""
    if one.expire is None:
        return
    message, fix = "", ""
    if one.erase == "with_parent":
        message, fix = "lives and dies with its parent", "write expire at the parent"
    elif one.expire.months < 1:
        message, fix = "months is not a period", "months = 36"
    elif one.retain is not None and one.expire.anchor != one.retain.anchor:
        message, fix = "has another anchor than retain", "one anchor for both"
    elif one.retain is not None and one.expire.months < one.retain.months:
        message, fix = "ends before retain does", f"months = {one.retain.months} or more"
    if message:
        raise location.wrong(f"record set {label!r}: expire: {message}", label, "expire", fix=fix)


def _convert(entry: Any, kind: type[_Set], location: Location, label: str) -> _Set:
    try:
        return msgspec.convert(entry, kind, strict=True)
    except msgspec.ValidationError as error:
        text = str(error)
        message, _, path = text.partition(" - at `")
        words = [w for w in re.findall(r"[A-Za-z_]\w*", path) if w != "record_set"]
        unknown = re.search(r"unknown field `(\w+)`", message)
        if unknown:
            fields = _fields_at(kind, words)
            raise _unknown(location, unknown[1], fields, (label, *words)) from None
        fix = _allowed(words) if message.startswith("Invalid enum") else _path(path)
        raise location.wrong(f"record set {label!r}: {message}", label, *words, fix=fix) from None


def _allowed(words: list[str]) -> str:
    allowed: dict[str, Collection[str]] = {
        "open": ("ask", "no_ground"),
        "erase": ("delete", "anonymise", "with_parent"),
        "why": tuple(KeptWhy),
        "case": ("exact", "lower", "digits"),
        "strength": tuple(Strength),
        "format": ("text or json for logs", "jsonl or parquet for events"),
    }
    values = allowed.get(words[-1] if words else "", ())
    return f"one of: {', '.join(values)}" if values else f"at {'.'.join(words)}"


def _path(path: str) -> str:
    return f"at {path.rstrip('`')}" if path else ""


def _fields_at(kind: type[RecordSet], words: list[str]) -> tuple[str, ...]:
    inner: dict[str, type[msgspec.Struct]] = {
        "retain": Retain,
        "expire": Expire,
        "match": Match,
        "yields": Yield,
        "restrict": Restrict,
        "stop": Mark,
    }
    for word in words:
        if word in inner:
            return tuple(inner[word].__struct_fields__)
    return tuple(kind.__struct_fields__)


def _unknown(location: Location, name: str, known: tuple[str, ...], words: tuple[str, ...]) -> MisconfiguredError:
    close = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
    return location.wrong(f"unknown key {name!r}", *words, name, fix=fix, code="unknown_key")


def _check_kinds(one: RecordSet, location: Location) -> None:
    for field in ("match", "yields", "control"):
        for kind in getattr(one, field):
            try:
                check_kind(kind)
            except InvalidIdentifierError as error:
                message = f"record set {one.name!r}, {field}: unknown identifier kind {kind!r}"
                raise location.wrong(message, one.name, kind, fix=error.fix) from None


def _check_purposes(one: RecordSet, location: Location) -> None:
    """A purpose travels in clear, in tasks and records: a name, no text.

    A request names it, with an underscore for each space between its words (``core.bases.purpose_id``).
    """
    if one.purpose and not _PURPOSE.match("_".join(one.purpose.split())):
        message = f"record set {one.name!r}: no request can name the purpose {one.purpose!r}"
        fix = "letters, digits, dot, dash, underscore and spaces; at most 64 characters"
        raise location.wrong(message, one.name, "purpose", fix=fix)
    for purpose in one.stop:
        if not _PURPOSE.match(purpose):
            message = f"record set {one.name!r}, stop: a purpose is one word"
            raise location.wrong(message, one.name, "stop", fix="letters, digits, dot, dash, underscore; at most 64")
