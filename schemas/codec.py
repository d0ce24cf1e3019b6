"""Bytes to messages and back. Strict for what we produce, tolerant for what we consume (decision 12).

A producer's message is a typed struct, so an unknown field cannot leave; what people hand in is read strictly,
so a misspelt field is an error and not silence. A consumer ignores fields it does not know, and turns an
outcome it does not know into ``Unverifiable``: parked and visible, never dropped and never final.
"""

from __future__ import annotations

import difflib
from typing import Any, Final, TypeVar

import msgspec

from schemas.envelope import CloudEvent
from schemas.errors import MalformedMessageError, UnknownFieldError
from schemas.outcomes import Outcome, Unverifiable
from schemas.requests import MAX_FORM_BYTES, RequestForm
from schemas.tasks import Action, Confirmation

_T = TypeVar("_T")
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_EVENT: Final = msgspec.json.Decoder(CloudEvent)
_CONFIRMATION: Final = msgspec.json.Decoder(Confirmation)
_OUTCOME: Final = msgspec.json.Decoder(Outcome)


def encode(message: Any) -> bytes:
    """Give the JSON bytes of a message: UTF-8, sorted keys in mappings, no white space."""
    return _ENCODER.encode(message)


def decode(raw: bytes, kind: type[_T]) -> _T:
    """Read bytes tolerantly: unknown fields are ignored.

    Raises:
        MalformedMessageError: not JSON, or not of this type. The text names the path, never a value.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from None


def malformed(error: Exception) -> MalformedMessageError:
    """Make our error from a library's, keeping the path and dropping every quoted value (I4)."""
    text = str(error)
    path = text.rpartition(" - at `")[2].rstrip("`") if " - at `" in text else "$"
    # msgspec names types and paths; it quotes a value only for enums and tags ("Invalid enum value 'x'").
    message = text.split(" - at `")[0]
    for opener in (" '", " `$"):
        if message.startswith("Invalid") and opener in message:
            message = message.split(opener)[0]
    if isinstance(error, UnicodeDecodeError) or not isinstance(error, msgspec.ValidationError):
        message = "not valid JSON in UTF-8"
    return MalformedMessageError("message.malformed", message, where=path)


def decode_form(raw: bytes) -> RequestForm:
    """Read a request form strictly, as handed in by a person or a program.

    Raises:
        MalformedMessageError: too large, not JSON, or of the wrong shape.
        UnknownFieldError: a field that a form does not have, with a suggestion.
    """
    if len(raw) > MAX_FORM_BYTES:
        raise MalformedMessageError(
            "message.size", f"{len(raw)} bytes", fix=f"a request has at most {MAX_FORM_BYTES} bytes"
        )
    form = decode(raw, RequestForm)
    forbid_unknown(raw, form)
    return form


def forbid_unknown(raw: bytes, decoded: Any) -> None:
    """Refuse fields that the decoded message does not have.

    Raises:
        UnknownFieldError: naming the first such path.
    """
    _compare(msgspec.json.decode(raw), decoded, "$")


def _compare(raw: Any, typed: Any, where: str) -> None:
    if isinstance(raw, dict) and isinstance(typed, msgspec.Struct):
        known = {field.encode_name: getattr(typed, field.name) for field in msgspec.structs.fields(typed)}
        tag = typed.__struct_config__.tag_field
        for name, value in raw.items():
            if name in known:
                _compare(value, known[name], f"{where}.{name}")
            elif name != tag:
                close = difflib.get_close_matches(name, known, n=1)
                fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
                # A long or odd name may be data in the wrong place: name the place, not the text.
                shown = f"{where}.{name}" if name.isidentifier() and len(name) <= 40 else where
                raise UnknownFieldError("message.unknown_field", "unknown field", where=shown, fix=fix)
    elif isinstance(raw, list):
        for place, (one, other) in enumerate(zip(raw, typed, strict=False)):
            _compare(one, other, f"{where}[{place}]")
    elif isinstance(raw, dict) and isinstance(typed, dict):
        for name, value in raw.items():
            _compare(value, typed.get(name), f"{where}.{name}")


def decode_event(raw: bytes) -> CloudEvent:
    """Read a structured-mode CloudEvent.

    The attributes are checked here and not by a library, since that one invents an id when it is missing and
    so breaks the recognition of duplicates (formats.md 3.2).

    Raises:
        MalformedMessageError: naming the attribute.
    """
    try:
        event = _EVENT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error) from None
    for name in ("id", "source", "type"):
        if not getattr(event, name):
            raise MalformedMessageError("event.attribute", "empty CloudEvents attribute", where=f"$.{name}")
    if event.specversion != "1.0":
        raise MalformedMessageError("event.specversion", "CloudEvents 1.0 is understood", where="$.specversion")
    return event


class _Loose(msgspec.Struct):
    """A confirmation whose outcomes are not looked at yet."""

    task_id: str
    request_id: str
    system: str
    action: Action
    connector: str
    acted_at: str
    outcomes: dict[str, msgspec.Raw]
    sealed: str = ""


def decode_confirmation(raw: bytes | msgspec.Raw) -> Confirmation:
    """Read a confirmation; an outcome this version does not know becomes ``Unverifiable`` (decision 12).

    Raises:
        MalformedMessageError: not a confirmation at all.
    """
    try:
        return _CONFIRMATION.decode(raw)
    except msgspec.MsgspecError:
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
        return _OUTCOME.decode(raw)
    except msgspec.MsgspecError:
        return Unverifiable("unknown_outcome")
