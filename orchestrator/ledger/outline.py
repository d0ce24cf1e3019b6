"""Some lines of a record, shown alone: an outline that is signed, and the lines that somebody chose (ADR 44).

* The outline is signed beside the record, by the same key: the record's head, its SHA-256 (which is its leaf in the
  ledger), and one digest for each line. It holds no line, and not the record's salt.
* A digest covers a salt of 32 bytes, the line's place, and the line. Whoever is not given the salt cannot try guesses.
* Digests are sorted by their value: their order says nothing. How many there are can be seen.
* A disclosure is the outline with some lines and their salts. It says nothing of the lines that are hidden.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger import jws
from orchestrator.ledger.jws import Checking, Signing, canonical, is_canonical
from schemas.codec import decode, forbid_unknown
from schemas.completion import KIND as RECORD
from schemas.completion import (
    CompletionRecord,
    HeldBackLine,
    OwedLine,
    RecipientLine,
    RecordSetLine,
    Sources,
    WhyNotSearched,
)
from schemas.errors import SchemaError
from schemas.fields import Id, Sha256
from schemas.sealing import b64u, unb64u

KIND: Final = "dsr-outline"
TYP: Final = "dsr-outline+jws"
DISCLOSURE: Final = "dsr-disclosure"
_SALT_BYTES: Final = 32
_DIGEST: Final = b"expunge/line/v1\n"
_SALTS: Final = b"expunge/line-salt/v1\x00"
_HEX: Final = re.compile(r"[0-9a-f]{64}\Z")
_LISTED: Final = ("systems", "not_searched", "by_hand", "recipients", "owed", "held_back")
"""Members of a record that have lines. What is none of these, and not the salt, is its head."""
_WHOLE: Final = ("plan_sha256", "scope", "sources")
"""Members that name systems, or could be guessed: each is one line."""
_HIDDEN: Final = frozenset({*_LISTED, *_WHOLE, "salt"})
_FIX: Final = "get the disclosure again from its issuer; do not rely on this one"

_OF_WHOLE: Final[dict[str, Any]] = {"plan_sha256": Sha256, "scope": tuple[Id, ...], "sources": Sources}

Salts = Callable[[str], bytes]
"""A line's place -> its salt."""


class SystemPart(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record set with what the record says of its system."""

    system: str
    connector: str
    confirmed_at: str
    confirmation_sha256: str
    record_set: RecordSetLine
    backups_kept_days: int | None = None


Shape = SystemPart | RecordSetLine | RecipientLine | OwedLine | HeldBackLine | Sources | tuple[str, ...] | str


class Line(msgspec.Struct, frozen=True):
    """One line that is shown. ``line``: as it stands in the record; ``salt``: base64url, 32 bytes."""

    place: str
    salt: str
    line: Any


class Outline(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is signed.

    Attributes:
        record_sha256: Hex, of the record's JWS.
        head: The record's members that are no lines.
        lines: One digest a line, base64url, sorted.
        made_at: Set where it was not signed with the record but later, when somebody asked.
    """

    v: int
    kind: str
    record_id: str
    record_sha256: str
    head: dict[str, Any]
    lines: tuple[str, ...]
    made_at: str | None = None


class Disclosure(msgspec.Struct, frozen=True):
    """The file that is handed out."""

    v: int
    kind: str
    outline: str
    lines: tuple[Line, ...]


class Shown(msgspec.Struct, frozen=True):
    """What a disclosure proves. ``head``: the record without lines; ``hidden``: how many lines are not shown."""

    head: CompletionRecord
    lines: dict[str, Shape]
    hidden: int
    record_sha256: str
    made_at: str | None

    @property
    def completed_at(self) -> str:
        """When the record says that it was completed."""
        return self.head.completed_at


def salts(key: bytes, record_id: str) -> Salts:
    """Give the salts of a record's lines: a keyed digest of the place, so that none of them has to be kept."""

    def salt(place: str) -> bytes:
        return hmac.digest(key, _SALTS + f"{record_id}\x00{place}".encode(), "sha256")

    return salt


def lines_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give place -> line of a record: ``systems/crm/invoices``, ``recipients/0/mailing-house``, ..."""
    found: dict[str, Any] = {}
    for system in record.get("systems", ()):
        of_all = {name: value for name, value in system.items() if name != "record_sets"}
        for one in system["record_sets"]:
            found[f"systems/{system['system']}/{one['name']}"] = {**of_all, "record_set": one}
    found |= {f"not_searched/{name}": why for name, why in record.get("not_searched", {}).items()}
    # Numbered: a recipient may stand there twice, as a processor and as one that was told.
    found |= {f"by_hand/{at}/{one['name']}": one for at, one in enumerate(record.get("by_hand", ()))}
    found |= {f"recipients/{at}/{one['recipient']}": one for at, one in enumerate(record.get("recipients", ()))}
    found |= {f"owed/{at}": one for at, one in enumerate(record.get("owed", ()))}
    found |= {f"held_back/{at}": one for at, one in enumerate(record.get("held_back", ()))}
    found |= {name: record[name] for name in _WHOLE if name in record}
    return found


def make(raw: bytes, salt: Salts, signer: Signing, made_at: str | None = None) -> bytes:
    """Sign the outline of a record. ``raw``: its JWS, which is taken as it is."""
    record = _record(raw)
    digests = sorted(b64u(_digest(place, line, salt(place))) for place, line in lines_of(record).items())
    head = {name: value for name, value in record.items() if name not in _HIDDEN}
    digest = hashlib.sha256(raw.strip()).hexdigest()
    outline = Outline(1, KIND, record["record_id"], digest, head, tuple(digests), made_at)
    return jws.signed(canonical(outline), TYP, signer)


def disclose(raw: bytes, outline: bytes, places: Sequence[str], salt: Salts) -> bytes:
    """Give the disclosure of some lines of a record; ``places`` as ``lines_of`` names them.

    Raises:
        LookupError: the record has no such line.
    """
    lines = lines_of(_record(raw))
    shown = tuple(Line(place, b64u(salt(place)), lines[place]) for place in sorted(set(places)))
    return canonical(Disclosure(1, DISCLOSURE, outline.decode("ascii"), shown))


def read(document: bytes) -> Disclosure:
    """Read a disclosure; nothing of it is checked yet but its form.

    Raises:
        VerificationError: it is none of this version, or not written the one way there is.
    """
    try:
        if not is_canonical(document):
            raise VerificationError("the disclosure is not in canonical form (RFC 8785)", fix=_FIX)
        found: Disclosure = msgspec.json.decode(document, type=Disclosure)
        forbid_unknown(document, found)
    except (SchemaError, msgspec.MsgspecError, ValueError, RecursionError):
        raise _another() from None
    if found.v != 1 or found.kind != DISCLOSURE or not found.lines:
        raise _another()
    return found


def verify(found: Disclosure, key: Checking) -> Shown:
    """Check a disclosure: the outline's signature, and that every line that is shown is one of it.

    Raises:
        VerificationError: at the first doubt, saying which.
    """
    try:
        payload = jws.opened(found.outline.encode("ascii"), TYP, key, _FIX)
        if not is_canonical(payload):
            raise VerificationError("the outline is not in canonical form (RFC 8785)", fix=_FIX)
        outline: Outline = msgspec.json.decode(payload, type=Outline)
        forbid_unknown(payload, outline)
        head = _head(outline)
        lines = {one.place: _line(one) for one in found.lines}
        shown = {b64u(_digest(one.place, one.line, _salt(one.salt))) for one in found.lines}
    except (SchemaError, msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        raise _another() from None
    if list(outline.lines) != sorted(set(outline.lines)):
        raise VerificationError("the digests of the outline are not in order", fix=_FIX)
    if len(lines) != len(found.lines) or len(shown) != len(found.lines):
        raise VerificationError("a line is shown twice", fix=_FIX)
    if not shown <= set(outline.lines):
        raise VerificationError("a line that is shown is not one of the record's", fix=_FIX)
    return Shown(head, lines, len(outline.lines) - len(shown), outline.record_sha256, outline.made_at)


def agrees(outline: bytes, raw: bytes, salt: Salts, key: Checking) -> None:
    """Hold an outline against its whole record, for whoever has both and the key of the salts.

    Raises:
        VerificationError: it is not what the record says.
    """
    found = msgspec.json.decode(jws.opened(outline, TYP, key, _FIX), type=Outline)
    record = _record(raw)
    digests = sorted(b64u(_digest(place, line, salt(place))) for place, line in lines_of(record).items())
    head = {name: value for name, value in record.items() if name not in _HIDDEN}
    if (list(found.lines), found.head, found.record_sha256) != (digests, head, hashlib.sha256(raw.strip()).hexdigest()):
        raise VerificationError("the outline is not that of the record", fix=_FIX)


def _record(raw: bytes) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.json.decode(unb64u(raw.strip().split(b".")[1].decode("ascii")))
    return record


def _digest(place: str, line: Any, salt: bytes) -> bytes:
    return hashlib.sha256(_DIGEST + salt + canonical({"place": place, "line": line})).digest()


def _salt(text: str) -> bytes:
    salt = unb64u(text)
    if len(salt) != _SALT_BYTES:
        raise ValueError("a salt of another length")
    return salt


def _head(outline: Outline) -> CompletionRecord:
    """Read the head as what it is: a record of this version, without its lines and its salt."""
    if not _HIDDEN.isdisjoint(outline.head):
        raise ValueError("a head with lines")
    hidden = {"systems": [], "not_searched": {}, "plan_sha256": "0" * 64, "salt": b64u(bytes(_SALT_BYTES))}
    payload = canonical({**outline.head, **hidden})
    head = decode(payload, CompletionRecord)
    forbid_unknown(payload, head)
    if (outline.v, outline.kind, head.v, head.kind) != (1, KIND, 1, RECORD) or not _HEX.match(outline.record_sha256):
        raise ValueError("another version")
    if outline.record_id != head.record_id or head.record_id != f"{head.request_id}.{head.number}":
        raise ValueError("the outline of another record")
    return head


def _line(one: Line) -> Shape:
    """Read a line as what its place says."""
    where, _, name = one.place.partition("/")
    number = name.partition("/")[0]
    found: Any
    match where:
        case "systems":
            found = msgspec.convert(one.line, SystemPart)
            named = f"systems/{found.system}/{found.record_set.name}"
        case "by_hand":
            found = msgspec.convert(one.line, RecordSetLine)
            named = f"by_hand/{number}/{found.name}"
        case "recipients":
            found = msgspec.convert(one.line, RecipientLine)
            named = f"recipients/{number}/{found.recipient}"
        case "owed":
            found, named = msgspec.convert(one.line, OwedLine), f"owed/{number}"
        case "held_back":
            found, named = msgspec.convert(one.line, HeldBackLine), f"held_back/{number}"
        case "not_searched":
            found, named = msgspec.convert(one.line, WhyNotSearched), f"not_searched/{name}"
        case "plan_sha256" | "scope" | "sources":
            found, named = msgspec.convert(one.line, _OF_WHOLE[where]), where
        case _:
            raise ValueError("no such place")
    forbid_unknown(canonical(one.line), found)
    if named != one.place:
        raise ValueError("a line of another place")
    return found  # type: ignore[no-any-return]


def _another() -> VerificationError:
    return VerificationError("not a disclosure of this version", fix=_FIX)
