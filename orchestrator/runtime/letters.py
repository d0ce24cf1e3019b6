"""The templates of an installation: what is shipped, and what a company has of its own, read from disk.

A company's files lie in the folder that ``[letters] folder`` names, one a language: ``fr.toml``, ``de.toml``. A file of
a shipped language holds only what is to be said otherwise; a language of one's own has to be complete.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec

from orchestrator.errors import UsageError
from orchestrator.letters import checking, samples
from orchestrator.letters.errors import TemplateError
from orchestrator.letters.reading import Source, Structure, read, structure
from orchestrator.letters.template import Template

FALLBACK: Final = "en"
SHIPPED: Final = ("en", "fr")
_LARGEST: Final = 1 << 20
"""Bytes; the shipped ones are 20 KiB."""
_CODE: Final = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?\Z")


class Tongue(msgspec.Struct, frozen=True):
    """A language that letters can be written in. ``files``: a company's own."""

    code: str
    name: str
    shipped: bool
    files: tuple[str, ...]


def shape() -> Structure:
    """Read what every language has in common."""
    return structure(_shipped("sentences"))


def _shipped(name: str) -> str:
    return (resources.files("orchestrator.letters") / f"{name}.toml").read_text(encoding="utf-8")


def own(folder: Path | None) -> dict[str, Path]:
    """Give a company's own files by language.

    Raises:
        UsageError: a file whose name is no language.
    """
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*.toml")) if folder is not None and folder.is_dir() else ():
        found[_code(file)] = file
    return found


def _code(file: Path) -> str:
    if not _CODE.match(file.stem):
        raise UsageError("not a language", where=str(file), fix="name the file by its language, e.g. fr.toml")
    return file.stem


def languages(folder: Path | None) -> tuple[Tongue, ...]:
    """Give every language, a company's own ones included.

    Raises:
        TemplateError: a file is wrong.
    """
    files = own(folder)
    found = []
    for code in sorted({*SHIPPED, *files}):
        template = load(code, folder)
        found.append(
            Tongue(code, template.language.name, code in SHIPPED, (str(files[code]),) if code in files else ())
        )
    return tuple(found)


def nearest(wanted: str, folder: Path | None) -> str:
    """Give the language that a wish is met by: itself, without its country, or English."""
    there = {*SHIPPED, *own(folder)}
    return next((one for one in (wanted, wanted.partition("-")[0]) if one in there), FALLBACK)


def load(code: str, folder: Path | None) -> Template:
    """Read one language. A company's own file is tried on sample records too: one that claims more is not used.

    Raises:
        UsageError: there is no such language.
        TemplateError: a file is wrong, or claims more than a record would.
    """
    files = own(folder)
    if code not in SHIPPED and code not in files:
        known = ", ".join(sorted({*SHIPPED, *files}))
        raise UsageError(f"no letters in the language {code!r}", fix=f"there are: {known}; or write {code}.toml")
    return _read(code, files.get(code))


def check(file: Path) -> Template:
    """Read a company's file that may lie anywhere, and try it on sample records.

    Raises:
        TemplateError: it is wrong, or claims more than a record would.
    """
    return _read(_code(file), file)


def _read(code: str, file: Path | None) -> Template:
    sources = [Source(_shipped(code), f"{code}.toml (shipped)")] if code in SHIPPED else []
    if file is not None:
        sources.append(Source(_text(file), str(file)))
    template = read(shape(), sources)
    if template.language.code != code:
        where = str(file or code)
        raise TemplateError(f"the file says {template.language.code!r}", where=where, fix=f'code = "{code}"')
    if file is not None:
        for one in checking.tried(template, samples.cases()):
            why = "tried on a record that may come: a letter may not claim more than it, nor leave out what it owes"
            raise TemplateError(one.what, where=one.where or str(file), why=why, fix=one.fix)
    return template


def _text(file: Path) -> str:
    try:
        with file.open("rb") as raw:
            found = raw.read(_LARGEST + 1)
        if len(found) > _LARGEST:
            raise UsageError("too large for a template", where=str(file), fix="texts of letters: 1 MiB at most")
        return found.decode()
    except OSError as error:
        raise UsageError("the template cannot be read", where=str(file), why=error.strerror or "") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError("not UTF-8", where=f"{file}:{line}", fix="save it as UTF-8") from None
