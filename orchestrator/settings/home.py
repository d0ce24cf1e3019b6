"""The home folder's configuration, ``expunge.toml``. Errors name the file, the line and the fix.

Paths are relative to the folder of the file. Secrets are never in it: keys are files of their own, a database URL
with a password is named by ``url_env``.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from connectors.datamap import Location, read_toml
from connectors.errors import MisconfiguredError
from connectors.kafka.settings import KafkaSettings
from connectors.pace import Rate
from connectors.settings import SystemSettings
from orchestrator.errors import UsageError
from orchestrator.settings import ledger_mail, recipients, web
from orchestrator.settings.ledger_mail import LedgerMailSettings
from orchestrator.settings.mail import MailSettings, read_mail
from orchestrator.settings.recipients import RecipientSettings
from orchestrator.settings.retention import RetentionSettings, checked
from orchestrator.settings.services import LedgerSettings, RedisSettings, SuppressionSettings, TelemetrySettings
from orchestrator.settings.web import WebSettings
from schemas.fields import Id, Word

FILE_NAME: Final = "expunge.toml"
_SYSTEM_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
_SERVICES: Final = ("kafka", "ledger", "ledger_mail", "redis", "suppression", "telemetry", "web")
_TABLES: Final = (
    "version",
    "store",
    "keys",
    "exports",
    "letters",
    "policy",
    "limits",
    "mail",
    "retention",
    "systems",
    "recipients",
    *_SERVICES,
)
_T = TypeVar("_T")
_OWN_KEYS: Final = ("connector", "map", "domain", "owner", "rate", "attested", "controller", "country")
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[policy]``: version of the published policy, controllers, pairs of domains (found in, may search).

    ``file`` names a policy file, relative to the home folder, from which all three come.
    """

    version: Word = "unversioned"
    controllers: tuple[Id, ...] = ()
    join_domains: tuple[tuple[str, str], ...] = ()
    file: str = ""


class ConnectedSystem(msgspec.Struct, frozen=True):
    """One ``[systems.<id>]`` table.

    ``rate``: of all its workers together; None where nothing limits them. ``attested``: where the system cannot do what
    is asked, somebody's word is taken for it that it was done by hand. ``controller``, ``country``: who holds it, and
    where (S20); empty: nobody says.
    """

    system: str
    connector: str
    domain: str
    owner: str
    settings: SystemSettings
    rate: Rate | None = None
    attested: bool = False
    controller: str = ""
    country: str = ""


class Settings(msgspec.Struct, frozen=True):
    """Everything from ``expunge.toml``. ``limits`` holds only what was set. ``letters``: a company's own templates.

    ``store`` is the SQLite file; ``store_url`` and ``store_url_env`` name a PostgreSQL database instead.
    """

    home: Path
    file: Path
    store: Path
    keys: Path
    exports: Path
    policy: Policy
    limits: dict[str, int]
    systems: tuple[ConnectedSystem, ...]
    store_url: str = ""
    store_url_env: str = ""
    kafka: KafkaSettings = KafkaSettings()
    ledger: LedgerSettings = LedgerSettings()
    ledger_mail: LedgerMailSettings = LedgerMailSettings()
    web: WebSettings = WebSettings()
    redis: RedisSettings = RedisSettings()
    suppression: SuppressionSettings = SuppressionSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    mail: MailSettings = MailSettings()
    recipients: RecipientSettings = RecipientSettings()
    letters: Path | None = None
    retention: RetentionSettings = RetentionSettings()


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
    if type(raw.get("version")) is not int or raw["version"] != 1:
        raise location.wrong("version = 1 is expected", "version", fix="write `version = 1` at the top")
    tables: tuple[tuple[str, type[msgspec.Struct]], ...] = (
        ("policy", Policy), ("kafka", KafkaSettings), ("redis", RedisSettings), ("telemetry", TelemetrySettings),
        ("suppression", SuppressionSettings), ("ledger", LedgerSettings), ("ledger_mail", LedgerMailSettings),
        ("retention", RetentionSettings), ("web", WebSettings),
    )  # fmt: skip
    for name, kind in tables:
        _known(_table(raw, name, location), kind.__struct_fields__, location, name)
    policy = _converted(raw, "policy", Policy, location)
    limits = _converted(raw, "limits", dict[str, int], location)
    systems = _table(raw, "systems", location)
    if not systems:
        raise location.wrong("no system is connected", "systems", fix="add a [systems.<id>] table")
    return Settings(
        home=home,
        file=file,
        store=home / _text(raw, "store", "path", "expunge.db", location, known=("path", "url", "url_env")),
        store_url=_optional(raw, "store", "url", "postgresql://host/expunge", location),
        store_url_env=_optional(raw, "store", "url_env", "EXPUNGE_STORE_URL", location),
        kafka=_converted(raw, "kafka", KafkaSettings, location),
        ledger=_converted(raw, "ledger", LedgerSettings, location),
        web=web.checked(_converted(raw, "web", WebSettings, location), location),
        ledger_mail=ledger_mail.checked(_converted(raw, "ledger_mail", LedgerMailSettings, location), location),
        redis=_converted(raw, "redis", RedisSettings, location),
        suppression=_converted(raw, "suppression", SuppressionSettings, location),
        telemetry=_converted(raw, "telemetry", TelemetrySettings, location),
        retention=checked(_converted(raw, "retention", RetentionSettings, location), location),
        mail=read_mail(raw.get("mail", {}), location),
        recipients=recipients.read(_table(raw, "recipients", location), location),
        keys=home / _text(raw, "keys", "folder", "keys", location),
        exports=home / _text(raw, "exports", "folder", "exports", location),
        letters=home / _text(raw, "letters", "folder", "letters", location),
        policy=policy,
        limits=limits,
        systems=tuple(_system(name, one, home, file, location) for name, one in systems.items()),
    )


def _table(raw: dict[str, Any], name: str, location: Location) -> dict[str, Any]:
    section = raw.get(name, {})
    if not isinstance(section, dict):
        raise location.wrong(f"[{name}] is a table", name, fix=f"write [{name}] on a line of its own, its keys below")
    return section


def _converted(raw: dict[str, Any], name: str, kind: type[_T], location: Location) -> _T:
    section = _table(raw, name, location)
    try:
        return msgspec.convert(section, kind)
    except msgspec.ValidationError:
        # Key by key, to name the line of the one that is wrong.
        for key, value in section.items():
            try:
                msgspec.convert({key: value}, kind)
            except msgspec.ValidationError as error:
                message = str(error).partition(" - at `")[0]
                if "matching regex" in message:
                    message = "it stands in signed records, and is no id"
                raise location.wrong(f"[{name}] {key}: {message}", name, key, fix=_FIXES.get(key, "a number")) from None
        raise  # pragma: no cover - each key alone is fine, so all of them are: no rule joins two


_FIXES: Final = {
    "version": 'a text in quotes, e.g. version = "2026-01"',
    "controllers": 'a list of ids, e.g. controllers = ["acme-sa"]',
    "file": 'a path in quotes, e.g. file = "policies/acme.toml"',
    "origin": 'a name in quotes without spaces and plus, e.g. origin = "privacy.example.com/ledger"',
    "anchor": 'a folder in quotes, e.g. anchor = "/mnt/dpo/checkpoints"',
    "url": 'an address in quotes, e.g. url = "https://privacy.example.org/copy"',
    "host": 'an address in quotes, e.g. host = "127.0.0.1"',
    "to": 'an address in quotes, e.g. to = "dpo@example.org"',
    "sender": 'an address in quotes, e.g. sender = "expunge@example.org"',
    "server": 'a host in quotes, e.g. server = "smtp.example.org:587"',
    "security": '"starttls", "tls", or "none" for a server on this machine',
    "username_env": "the name of an environment variable, in quotes",
    "password_env": "the name of an environment variable, in quotes",
    "ca_file": 'a path in quotes, e.g. ca_file = "/etc/ssl/company-ca.pem"',
    "join_domains": 'pairs of domains, e.g. join_domains = [["crm", "hr"]]',
}


def _optional(raw: dict[str, Any], table: str, key: str, example: str, location: Location) -> str:
    value = _table(raw, table, location).get(key, "")
    if not isinstance(value, str):
        raise location.wrong(f"[{table}] {key} is a text in quotes", table, key, fix=f'e.g. {key} = "{example}"')
    return value


def _text(
    raw: dict[str, Any], table: str, key: str, default: str, location: Location, known: tuple[str, ...] = ()
) -> str:
    section = _table(raw, table, location)
    _known(section, known or (key,), location, table)
    value = section.get(key, default)
    if not isinstance(value, str) or not value:
        raise location.wrong(f"[{table}] {key} is a path in quotes", table, key, fix=f'{key} = "{default}"')
    return value


def _system(name: str, raw: Any, home: Path, file: Path, location: Location) -> ConnectedSystem:
    table = f"systems.{name}"
    if not _SYSTEM_ID.match(name):
        fix = "a lower-case letter, then lower-case letters, digits and dashes; at most 31 characters"
        raise location.wrong(f"[{table}]: not an id of a system", "systems", name, fix=fix)
    if not isinstance(raw, dict):
        raise location.wrong(f"[{table}] is a table", "systems", name, fix=f"write [{table}] on a line of its own")
    for key, example in (("connector", "sql"), ("map", f"{name}.toml")):
        if not isinstance(raw.get(key), str) or not raw[key]:
            raise location.wrong(f'[{table}] needs {key} = "..."', "systems", name, fix=f'e.g. {key} = "{example}"')
    for key in ("domain", "owner", "controller", "country"):
        if not isinstance(raw.get(key, ""), str):
            message = f"[{table}] {key} is a text in quotes"
            raise location.wrong(message, "systems", name, key, fix=f'e.g. {key} = "{name}"')
    rate = None
    if "rate" in raw:
        try:
            rate = Rate.read(str(raw["rate"]))
        except MisconfiguredError as error:
            raise location.wrong(f"[{table}] {error.message}", "systems", name, "rate", fix=error.fix) from None
    if not isinstance(raw.get("attested", False), bool):
        message = f"[{table}] attested is true or false"
        raise location.wrong(message, "systems", name, "attested", fix="attested = true, without quotes")
    if raw.get("country") and not _COUNTRY.match(raw["country"]):
        message = f"[{table}] country is a code of two letters"
        raise location.wrong(message, "systems", name, "country", fix='ISO 3166, e.g. country = "GB"')
    options = {key: value for key, value in raw.items() if key not in _OWN_KEYS}
    settings = SystemSettings(name, home / raw["map"], home, options, str(file))
    return ConnectedSystem(
        name,
        raw["connector"],
        raw.get("domain", name),
        raw.get("owner", "system-owner"),
        settings,
        rate,
        raw.get("attested", False),
        raw.get("controller", ""),
        raw.get("country", ""),
    )


def _known(raw: dict[str, Any], known: tuple[str, ...], location: Location, *words: str) -> None:
    for name in raw:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise location.wrong(f"unknown key {name!r}", *words, name, fix=fix)
