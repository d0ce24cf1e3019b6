"""Answers to findings of the linter: a file of JSON lines beside the policy file, that is only ever added to (S10)."""

from __future__ import annotations

import datetime as dt
import difflib
import os
from pathlib import Path
from typing import Final

import msgspec

from orchestrator.errors import DependencyError, UsageError
from orchestrator.policy import Register
from orchestrator.policy.lint import Finding, lint
from orchestrator.policy.lint.answers import Answer
from schemas.codec import encode
from schemas.requesters import is_code

_LONGEST: Final = 2000
_SUFFIX: Final = ".answers.jsonl"


def file_of(register: Register) -> Path:
    """Give the file of answers of a policy: ``acme.toml`` has ``acme.answers.jsonl``."""
    return Path(register.file).with_suffix(_SUFFIX)


def read(register: Register) -> list[Answer]:
    """Read all answers, the oldest first; none where there is no file.

    Raises:
        UsageError: a line is none, with its number.
        DependencyError: the file cannot be read.
    """
    file = file_of(register)
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DependencyError("the answers cannot be read", where=str(file), why=error.strerror or "") from None
    found: list[Answer] = []
    for number, line in enumerate(lines, 1):
        try:
            found += [msgspec.json.decode(line, type=Answer)] if line.strip() else []
        except (msgspec.MsgspecError, UnicodeDecodeError):
            fix = "take the line out, or restore the file; `expunge policy answer` only ever adds to it"
            raise UsageError("this is no answer", where=f"{file}:{number}", fix=fix) from None
    return found


def answer(register: Register, name: str, text: str, role: str, until: dt.date, today: dt.date) -> Answer:
    """Add an answer to a finding that there is today; it is on the disk when this returns.

    Raises:
        UsageError: no such finding, no role, no text, or it would be over already; nothing is written then.
        DependencyError: the file cannot be written.
    """
    found: dict[str, Finding] = {one.id: one for one in lint(register, today, read(register))}
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        fix = f"did you mean {close[0]!r}?" if close else "see `expunge policy lint`: each finding has its id"
        raise UsageError("the linter finds nothing of that name today", where=register.file, fix=fix)
    if not is_code(role):
        raise UsageError("who answers is told by a role", where="--role", fix="a code word, e.g. dpo; never a name")
    if not text.strip() or len(text) > _LONGEST:
        raise UsageError("no answer, or too long a one", where="--text", fix=f"1 to {_LONGEST} characters")
    if until <= today:
        raise UsageError("that is over already", where="--until", fix="the last day on which the answer holds")
    made = Answer(
        finding=name, digest=found[name].digest, text=" ".join(text.split()), role=role, answered_on=today, until=until
    )
    file = file_of(register)
    try:
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(handle, "r+b") as out:
            # A line that a crash cut off must not swallow the next one.
            torn = out.seek(0, os.SEEK_END) and (out.seek(-1, os.SEEK_END), out.read(1))[1] != b"\n"
            out.write((b"\n" if torn else b"") + encode(made) + b"\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise DependencyError("the answer cannot be written", where=str(file), why=error.strerror or "") from None
    return made
