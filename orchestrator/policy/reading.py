"""Reads a policy file: text in, register out. Errors name file, line, entry and fix; a file with one is not read."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
from typing import Any, Final, TypeVar, get_type_hints

import msgspec

from orchestrator.policy.checking import check
from orchestrator.policy.errors import PolicyError
from orchestrator.policy.lines import Lines
from orchestrator.policy.processing import Transfer
from orchestrator.policy.promises import Approval, Changes, Policy
from orchestrator.policy.register import KINDS, TABLES, Document, Register
from orchestrator.policy.words import Entry

_T = TypeVar("_T", bound=Entry)
_FIELD: Final = re.compile(r"`\$\.(\w+)(?:\[\d+\]\.(\w+))?")


def read(text: str, file: str) -> Register:
    """Read and check a policy file.

    Args:
        text: Its content, TOML.
        file: Its name, for errors.

    Raises:
        PolicyError: broken TOML, unknown key or value, or entries that do not fit together.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"line (\d+)", str(error))
        line = int(at[1]) if at else len(text.splitlines())
        what = f"broken TOML: {re.sub(r' ?[(]at .*', '', str(error))}"
        fix = 'key = "text", key = 2022-03-31, [table] or [[list]]; see toml.io'
        raise PolicyError(what, where=f"{file}:{line}", fix=fix) from None
    register = _Reader(raw, Lines(text), file).register()
    check(register)
    return register


class _Reader:
    def __init__(self, raw: dict[str, Any], lines: Lines, file: str) -> None:
        self.raw = raw
        self.lines = lines
        self.file = file

    def register(self) -> Register:
        known = (*TABLES, *KINDS)
        for name in self.raw:
            if name not in known:
                raise self._wrong(f"unknown key {name!r}", name, 0, fix=_close(name, known))
        for name in ("policy", "version", "controller"):
            if not self.raw.get(name):
                shape = f"[{name}]" if name in TABLES else f"[[{name}]]"
                raise PolicyError(
                    f"no {shape}", where=self.file, fix=f"a policy needs {shape}: docs/policy-register.md"
                )
        lists: dict[str, Any] = {kind: self._list(kind, struct) for kind, struct in KINDS.items()}
        document = Document(
            policy=self._table("policy", Policy),
            approval=self._table("approval", Approval),
            changes=self._table("changes", Changes),
            **lists,
        )
        return Register(self.file, document, self.lines)

    def _table(self, kind: str, struct: type[_T]) -> _T:
        return self._entry(self.raw.get(kind, {}), kind, 0, struct)

    def _list(self, kind: str, struct: type[_T]) -> tuple[_T, ...]:
        entries = self.raw.get(kind, [])
        if not isinstance(entries, list):
            raise self._wrong(f"{kind} is a list of tables", kind, 0, fix=f"write [[{kind}]], with two brackets")
        return tuple(self._entry(one, kind, number, struct) for number, one in enumerate(entries))

    def _entry(self, raw: Any, kind: str, number: int, struct: type[_T]) -> _T:
        label = _label(raw, kind)
        if not isinstance(raw, dict):
            raise self._wrong(f"{kind} is a table", kind, number, fix=f"write [{kind}] on a line of its own")
        for name in raw:
            if name not in struct.__struct_fields__:
                fix = _close(name, struct.__struct_fields__)
                raise self._wrong(f"{label}: unknown key {name!r}", kind, number, name, fix=fix)
        for one in raw.get("transfer", ()) if isinstance(raw.get("transfer", ()), list) else ():
            for name in one if isinstance(one, dict) else ():
                if name not in Transfer.__struct_fields__:
                    fix = _close(name, Transfer.__struct_fields__)
                    raise self._wrong(f"{label}, transfer: unknown key {name!r}", kind, number, name, fix=fix)
        try:
            return msgspec.convert(raw, struct)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at ")
            missing = re.search(r"missing required field `(\w+)`", message)
            field = _FIELD.match(path.replace("[...]", "[0]"))
            key = field[1] if field else ""
            inner = (field[2] or "") if field else ""
            of: type[Entry] = Transfer if key == "transfer" else struct
            name = missing[1] if missing else inner or key
            place = f"{label}, {key}" if key and key != name else label
            what = f"{place}: {name} is missing" if missing else f"{place}, {name}: {message}"
            raise self._wrong(what, kind, number, name, fix=_fix(of, name)) from None

    def _wrong(self, what: str, kind: str, number: int, key: str = "", *, fix: str) -> PolicyError:
        line = self.lines.line(kind, number, key)
        return PolicyError(what, where=f"{self.file}:{line}" if line else self.file, fix=fix)


def _label(raw: Any, kind: str) -> str:
    """Name an entry in an error: its kind, and its id if it has one."""
    name = raw.get("id", raw.get("right", "")) if isinstance(raw, dict) else ""
    return f"{kind} {name!r}" if isinstance(name, str) and name and kind not in TABLES else kind


def _close(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def _fix(struct: type[Entry], key: str) -> str:
    """Say what a key takes, from its type."""
    kind = get_type_hints(struct).get(key)
    texts = re.findall(r"'([^']*)'", str(kind)) if "Literal" in str(kind) else []
    if texts:
        return f"one of: {', '.join(one for one in texts if one)}"
    if kind is bool:
        return f"{key} = true or {key} = false"
    if str(dt.date) in str(kind) or "datetime.date" in str(kind):
        return f"a date without quotes, e.g. {key} = 2022-03-31"
    if "tuple" in str(kind):
        return f'a list of texts, e.g. {key} = ["a", "b"]'
    if "int" in str(kind):
        return f"a whole number of 1 or more, e.g. {key} = 12"
    if key == "transfer":
        return "write [[recipient.transfer]] below the recipient, with two brackets"
    if key == "id":
        return "lower-case letters, digits, dots, dashes and underscores; at most 63"
    if key == "row":
        return 'S and two digits, e.g. row = "S17"'
    if key == "country":
        return 'two capital letters of ISO 3166, e.g. country = "FR"'
    return f'a text in quotes, e.g. {key} = "..."'
