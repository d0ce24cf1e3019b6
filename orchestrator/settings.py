"""The configuration: ``expunge.toml`` in the home folder. Errors name the file, the line and the fix.

Paths are relative to the folder of the file. Secrets are never in it: keys are files of their own, a database URL
with a password is named by ``url_env``.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.datamap import Location, read_toml
from connectors.errors import MisconfiguredError
from connectors.settings import SystemSettings
from orchestrator.errors import UsageError

FILE_NAME: Final = "expunge.toml"
_SYSTEM_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_TABLES: Final = ("version", "store", "keys", "exports", "policy", "limits", "systems")
_OWN_KEYS: Final = ("connector", "map", "domain", "owner")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy]``: version of the published policy, controllers, pairs of domains (found in, may search)."""

    version: str = "unversioned"
    controllers: tuple[str, ...] = ()
    join_domains: tuple[tuple[str, str], ...] = ()


class ConnectedSystem(msgspec.Struct, frozen=True):
    """One ``[systems.<id>]`` table."""

    system: str
    connector: str
    domain: str
    owner: str
    settings: SystemSettings


class Settings(msgspec.Struct, frozen=True):
    """Everything from ``expunge.toml``. ``limits`` holds only what was set."""

    home: Path
    file: Path
    store: Path
    keys: Path
    exports: Path
    policy: Policy
    limits: dict[str, int]
    systems: tuple[ConnectedSystem, ...]


def load(home: Path) -> Settings:
    """Read the configuration.

    Raises:
        UsageError: missing, broken TOML, unknown key, wrong type; with file, line and fix.
    """
    file = home / FILE_NAME
    if not file.is_file():
        raise UsageError(
            "no configuration here", where=str(file), fix="run `expunge init DIR`, or name the folder with --home"
        )
    try:
        raw, location = read_toml(file)
        return _settings(home, file, raw, location)
    except MisconfiguredError as error:
        raise as_usage(error) from None


def as_usage(error: MisconfiguredError) -> UsageError:
    """Give the error a person sees for a wrong configuration."""
    where = f"{error.file}:{error.line}" if error.line else error.file
    return UsageError(error.message, where=where, fix=error.fix)


def _settings(home: Path, file: Path, raw: dict[str, Any], location: Location) -> Settings:
    _known(raw, _TABLES, location)
    if raw.get("version") != 1:
        raise location.wrong("version = 1 is expected", "version", fix="write `version = 1` at the top")
    try:
        policy = msgspec.convert(raw.get("policy", {}), Policy)
        limits = msgspec.convert(raw.get("limits", {}), dict[str, int])
    except msgspec.ValidationError as error:
        raise location.wrong(str(error), "policy") from None
    systems = raw.get("systems", {})
    if not isinstance(systems, dict) or not systems:
        raise location.wrong("no system is connected", "systems", fix="add a [systems.<id>] table")
    return Settings(
        home=home,
        file=file,
        store=home / _text(raw, "store", "path", "expunge.db", location),
        keys=home / _text(raw, "keys", "folder", "keys", location),
        exports=home / _text(raw, "exports", "folder", "exports", location),
        policy=policy,
        limits=limits,
        systems=tuple(_system(name, one, home, file, location) for name, one in systems.items()),
    )


def _text(raw: dict[str, Any], table: str, key: str, default: str, location: Location) -> str:
    section = raw.get(table, {})
    if not isinstance(section, dict):
        raise location.wrong(f"[{table}] is a table", table)
    _known(section, (key,), location, table)
    value = section.get(key, default)
    if not isinstance(value, str):
        raise location.wrong(f"[{table}] {key} is a path in quotes", table, key)
    return value


def _system(name: str, raw: Any, home: Path, file: Path, location: Location) -> ConnectedSystem:
    table = f"systems.{name}"
    if not _SYSTEM_ID.match(name):
        raise location.wrong(f"[{table}]: a system id has lower-case letters, digits and dashes", table)
    if not isinstance(raw, dict):
        raise location.wrong(f"[{table}] is a table", table)
    for key in ("connector", "map"):
        if not isinstance(raw.get(key), str):
            raise location.wrong(f'[{table}] needs {key} = "..."', table)
    for key in ("domain", "owner"):
        if not isinstance(raw.get(key, ""), str):
            raise location.wrong(f"[{table}] {key} is a text in quotes", table, key)
    options = {key: value for key, value in raw.items() if key not in _OWN_KEYS}
    settings = SystemSettings(name, home / raw["map"], home, options, str(file))
    return ConnectedSystem(name, raw["connector"], raw.get("domain", name), raw.get("owner", "system-owner"), settings)


def _known(raw: dict[str, Any], known: tuple[str, ...], location: Location, *words: str) -> None:
    for name in raw:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise location.wrong(f"unknown key {name!r}", *words, name, fix=fix)
