"""Bytes to messages and back. Strict for what we produce, tolerant for what we consume (decision 12).

A producer's message is a typed struct, so an unknown field cannot leave; what people hand in is read strictly,
so a misspelt field is an error and not silence. A consumer ignores fields it does not know, and turns an
outcome it does not know into ``Unverifiable``: parked and visible, never dropped and never final.
"""

from __future__ import annotations

import difflib
import functools
import json
import operator
import re
from typing import Any, Final, TypeVar, get_args

import msgspec

from schemas import particulars, receipts
from schemas.envelope import CloudEvent
from schemas.errors import MalformedMessageError, SchemaError, UnknownFieldError
from schemas.fields import CLOUDEVENTS_STRING, TIME_PATTERN, Id, Time, Word
from schemas.identifiers import Identifier
from schemas.outcomes import Outcome, Unverifiable
from schemas.particulars import Sealing
from schemas.requests import MAX_FORM_BYTES, RequestForm, Right, normalised
from schemas.tasks import Action, Confirmation

_T = TypeVar("_T")
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_EVENT: Final = msgspec.json.Decoder(CloudEvent)
_CONFIRMATION: Final = msgspec.json.Decoder(Confirmation)
_OUTCOME: Final = msgspec.json.Decoder(Outcome)
_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises on bytes it cannot read."""

# What msgspec may say: type names, field names and limits of our own definitions. All else could quote the data.
_SAYABLE: Final = re.compile(
    r"Expected `[^`]*`(?: (?:[<>=]=? -?\d+|of (?:at least |at most )?length .*))?(?:, got `\w+`)?"
    r"|Object missing required field `\w+`|(?:Integer value|Number) out of range"
)
_NOT_JSON: Final = "not valid JSON in UTF-8"
_PATH: Final = re.compile(r" - at `(?:key` in `)?(\$[^`]*)`\Z")
_AT_BYTE: Final = re.compile(r"\(byte \d+\)\Z")
_A_FORM: Final = 'one JSON object: {"right": "erasure", "identifiers": [{"kind": "email", "value": "..."}]}'
_STRING: Final = re.compile(CLOUDEVENTS_STRING)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_TIME: Final = re.compile(TIME_PATTERN)


def encode(message: Any) -> bytes:
    """Give the JSON bytes of a message: UTF-8, sorted keys in mappings, no white space.

    Raises:
        MalformedMessageError: a text that has no UTF-8 form (a lone surrogate).
    """
    try:
        return _ENCODER.encode(message)
    except UnicodeEncodeError:
        raise MalformedMessageError("message.encoding", "a text cannot be written as UTF-8") from None


def decode(raw: bytes, kind: type[_T]) -> _T:
    """Read bytes tolerantly: unknown fields are ignored.

    Raises:
        MalformedMessageError: not JSON, or not of this type. The text names the path, never a value.
    """
    try:
        read: _T = _decoder(kind).decode(raw)  # type: ignore[arg-type]  # mypy: a type is not known to be hashable
    except _BROKEN as error:
        raise malformed(error) from None
    return read


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    # Looking at a type costs a hundred times what reading one message does.
    return msgspec.json.Decoder(kind)


def malformed(error: Exception) -> MalformedMessageError:
    """Make our error from a library's, keeping the path and dropping every quoted value (I4).

    A path holds field names of our own types and ``[...]`` for a key of a mapping, never a key itself.
    """
    text = "" if isinstance(error, UnicodeDecodeError) else str(error)
    if not isinstance(error, msgspec.ValidationError):
        place = _AT_BYTE.search(text)
        message = _NOT_JSON + (f" {place[0]}" if place else "")
        return MalformedMessageError("message.malformed", message)
    path = _PATH.search(text)
    said = text[: path.start()] if path else text
    if "matching regex" in said:
        said = "not in the form that the schema gives this field"
    elif said.startswith("Invalid"):
        said = "not one of the known values"
    elif not _SAYABLE.fullmatch(said):
        # A text of somebody's own check: even what looks like a path may come from the data.
        said, path = "not of the expected form", None
    return MalformedMessageError("message.malformed", said, where=path[1] if path else "$")


def decode_form(raw: bytes) -> RequestForm:
    """Read a request form strictly, as handed in by a person or a program.

    Raises:
        MalformedMessageError: too large, not JSON, of the wrong shape, or a field that stands twice.
        UnknownFieldError: a field that a form does not have, with a suggestion.
    """
    if len(raw) > MAX_FORM_BYTES:
        raise MalformedMessageError(
            "message.size", f"{len(raw)} bytes", fix=f"a request has at most {MAX_FORM_BYTES} bytes"
        )
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        message = f"{_NOT_JSON} (byte {error.start})"
        raise MalformedMessageError("message.malformed", message, fix="save it as UTF-8") from None
    try:
        form = decode(raw, RequestForm)
    except MalformedMessageError as error:
        fix = f"one of: {', '.join(Right)}" if error.where == "$.right" else _A_FORM
        cut_off = error.message == _NOT_JSON and _is_cut_off(raw)
        message = f"JSON that is cut off (byte {len(raw.rstrip())})" if cut_off else error.message
        raise MalformedMessageError(error.rule, message, where=error.where, fix=fix) from None
    forbid_unknown(raw, form)
    return form


def _is_cut_off(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except json.JSONDecodeError as error:
        return error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
    except (ValueError, RecursionError):
        pass
    return False


def decode_identifiers(plain: bytes) -> tuple[Identifier, ...]:
    """Read what was sealed in a request, and hold it against the same rules as a form.

    A publisher in another language may not have normalised; an identifier that is not, is found nowhere and would
    read as "nothing held" (I1).

    Raises:
        SchemaError: not a list of identifiers, none, too many, or a wrong one.
    """
    return normalised(decode(plain, tuple[Identifier, ...]), where="$")


def decode_sealed(plain: bytes) -> Sealing:
    """Read what was sealed in a request: a bare list of identifiers, or an object with these and more.

    A receipt that is there is given with its commitment.

    Raises:
        SchemaError: as ``decode_identifiers``; or corrections or a receipt that break a rule.
    """
    if not plain.lstrip().startswith(b"{"):
        return Sealing(decode_identifiers(plain))
    found = decode(plain, Sealing)
    forbid_unknown(plain, found)
    known = normalised(found.identifiers, where="$.identifiers")
    receipt, digest = found.receipt, found.receipt_sha256
    if receipt:
        receipt, digest = receipts.read(receipt), receipts.commitment(receipt)
        if found.receipt_sha256 not in {"", digest}:
            fix = "send one of the two"
            raise SchemaError("receipt.contradicts", "the receipt does not open the commitment", where="$", fix=fix)
    receipts.checked_commitment(digest or None)
    return Sealing(known, particulars.checked(found.corrections), receipt, digest)


def forbid_unknown(raw: bytes, decoded: Any) -> None:
    """Refuse fields that the decoded message does not have.

    Raises:
        UnknownFieldError: naming the first such path.
        MalformedMessageError: a field stands twice (readers differ in which one they take), or not JSON at all.
    """
    try:
        # The standard library tells of duplicates; numbers stay text, since their size is nobody's concern here.
        plain = json.loads(raw.decode(), object_pairs_hook=_once, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise MalformedMessageError("message.malformed", _NOT_JSON, fix=_A_FORM) from None
    _compare(plain, decoded, "$")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        message = "a field stands twice in one object"
        raise MalformedMessageError("message.duplicate_field", message, fix="give each field once")
    return found


def _compare(raw: Any, typed: Any, where: str) -> None:
    if isinstance(raw, dict) and isinstance(typed, msgspec.Struct):
        names = zip(typed.__struct_encode_fields__, typed.__struct_fields__, strict=True)
        known = {shown: getattr(typed, name) for shown, name in names}
        tag = typed.__struct_config__.tag_field
        for name, value in raw.items():
            if name in known:
                _compare(value, known[name], f"{where}.{name}")
            elif name != tag:
                close = difflib.get_close_matches(name, known, n=1)
                fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
                # What is not a misspelling may be data in the wrong place: name the place, not the text (I4).
                shown = f"{where}.{name}" if close and name.isidentifier() else where
                raise UnknownFieldError("message.unknown_field", "unknown field", where=shown, fix=fix)
    elif isinstance(raw, list):
        for place, (one, other) in enumerate(zip(raw, typed, strict=False)):
            _compare(one, other, f"{where}[{place}]")
    elif isinstance(raw, dict) and isinstance(typed, dict):
        for name, value in raw.items():
            _compare(value, typed.get(name), f"{where}[...]")


def decode_event(raw: bytes) -> CloudEvent:
    """Read a structured-mode CloudEvent.

    The attributes are checked here and not by a library, since that one invents an id when it is missing and
    so breaks the recognition of duplicates (formats.md 3.2).

    Raises:
        MalformedMessageError: naming the attribute.
    """
    try:
        event = _EVENT.decode(raw)
        raw.decode()  # ``data`` was skipped, not read: a text in it might not be UTF-8
    except _BROKEN as error:
        raise malformed(error) from None
    for name in ("id", "source", "type"):
        if not getattr(event, name):
            raise MalformedMessageError("event.attribute", "empty CloudEvents attribute", where=f"$.{name}")
    if event.specversion != "1.0":
        raise MalformedMessageError("event.specversion", "CloudEvents 1.0 is understood", where="$.specversion")
    # Told apart only where one is wrong: this runs five times a request.
    for name in _ATTRIBUTES if not _fine(_values(event)) else ():
        if not _STRING.match(getattr(event, name)):
            message = "an attribute has at most 512 characters, no control characters"
            raise MalformedMessageError("event.attribute", message, where=f"$.{name}")
    if not _TIME.match(event.time):
        raise MalformedMessageError("event.time", "not an RFC 3339 time with zone", where="$.time")
    return event


_ATTRIBUTES: Final = tuple(name for name in CloudEvent.__struct_fields__ if name != "data")
_values: Final = operator.attrgetter(*_ATTRIBUTES)
_LONGEST: Final = 512


def _fine(values: tuple[str, ...]) -> bool:
    """Tell whether all attributes may be as they are: one search for a control character in all of them at once."""
    return max(map(len, values)) <= _LONGEST and not _CONTROL.search("".join(values))


class _Loose(msgspec.Struct):
    """A confirmation whose outcomes are not looked at yet."""

    task_id: Word
    request_id: Id
    system: Id
    action: Action
    connector: Word
    acted_at: Time
    outcomes: dict[Word, msgspec.Raw]
    sealed: str = ""


def decode_confirmation(raw: bytes | msgspec.Raw) -> Confirmation:
    """Read a confirmation; an outcome this version does not know becomes ``Unverifiable`` (decision 12).

    Its reason is ``unknown_outcome`` for a kind that a later version may know, ``malformed_outcome`` for all else.

    Raises:
        MalformedMessageError: not a confirmation at all.
    """
    try:
        return _CONFIRMATION.decode(raw)
    except _BROKEN:
        pass
    loose = decode(bytes(raw), _Loose)
    return Confirmation(
        task_id=loose.task_id,
        request_id=loose.request_id,
        system=loose.system,
        action=loose.action,
        connector=loose.connector,
        acted_at=loose.acted_at,
        outcomes={name: _known_or_unverifiable(one) for name, one in loose.outcomes.items()},
        sealed=loose.sealed,
    )


def _known_or_unverifiable(raw: msgspec.Raw) -> Outcome:
    try:
        known: Outcome = _OUTCOME.decode(raw)
    except _BROKEN:
        pass
    else:
        return known
    try:
        tag = _TAG.decode(raw).outcome
    except _BROKEN:
        return Unverifiable("malformed_outcome")
    return Unverifiable("malformed_outcome" if tag in _TAGS else "unknown_outcome")


class _Tag(msgspec.Struct):
    outcome: str


_TAG: Final = msgspec.json.Decoder(_Tag)
_TAGS: Final = frozenset(kind.__struct_config__.tag for kind in get_args(Outcome))
