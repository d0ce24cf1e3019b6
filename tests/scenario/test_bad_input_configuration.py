"""A wrong configuration and bad keys: ``expunge`` says what, where (file and line) and how to mend it; nothing is lost.

Each case: one erasure waits; something is wrong; no command shows a traceback or a value of the person, none says that
it is done; once the cause is mended, the same request closes with its record, without a trace, the others untouched.

``expunge run`` ends with 2 when it cannot begin (configuration, keys), and with 1 when a person has to look at a
request (a data map that does not fit). ``test_bad_input_requests.py`` has the table of what is proved elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from tests.support.cli import REQUEST, CommandLine, edit
from tests.support.company import Company

TOML: Final = "expunge.toml"


def crm(company: Company, script: str) -> None:
    with contextlib.closing(sqlite3.connect(company.stores / "crm.sqlite")) as store:
        store.executescript(script)


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


# -- configuration: it cannot begin ---------------------------------------------------------------------------------

WRONG: Final = {
    # name: (file, what stands there, what is written instead, part of what, part of fix)
    "broken_toml": (TOML, "[limits]", "[limits", "broken TOML", "[table]"),
    "text_without_quotes": (TOML, "maps/hr.toml", 'maps/hr.toml"x', "broken TOML", 'key = "text"'),
    "unknown_table": (TOML, "[policy]", "[polciy]", "unknown key 'polciy'", "did you mean 'policy'?"),
    "unknown_limit": (TOML, "retry_first_seconds", "retry_frist_seconds", "retry_frist", "did you mean 'retry_first_s"),
    "broken_map": ("maps/crm.toml", 'name = "notes"', "name = notes", "broken TOML", 'key = "text"'),
    "unknown_key": ("maps/crm.toml", "max_records", "max_record", "'max_record'", "did you mean 'max_records'?"),
    "unknown_kind": (
        "maps/hr.toml",
        'match = { email = [{ field = "email" }] }\none_per_subject = true\npersonal = ["email", "name", "phone"]',
        'match = { emial = [{ field = "email" }] }\npersonal = ["email", "name", "phone"]',
        "'emial'",
        "did you mean 'email'?",
    ),
    "out_of_the_root": (
        "maps/logs.toml",
        '"access.log.*"',
        '"../access.log.*"',
        "a path with '..'",
        "relative to the root",
    ),
    "absolute_path": ("maps/logs.toml", '"access.log.*"', '"/etc/passwd"', "an absolute path", "relative to the root"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_stops_the_start(expunge: CommandLine, name: str) -> None:
    where, old, new, what, fix = WRONG[name]
    expunge.submit()
    file = expunge.home / where
    good = file.read_text()
    edit(file, old, new)
    before = expunge.rows()
    told = expunge.error(2, "run", "--until-idle")
    assert told["where"] == f"{file}:{line_of(file, new.splitlines()[0])}"
    assert what in told["what"]
    assert fix in told["fix"]
    assert expunge("check") == 2
    assert told["where"] in expunge.out + expunge.err
    assert expunge.rows() == before
    file.write_text(good)
    expunge.is_done()


# -- data maps that do not fit the store ----------------------------------------------------------------------------

MISFITS: Final = {
    # name: (what stands in the map of the CRM, what is written instead, part of what, part of fix)
    "unknown_column": ('phone = [{ field = "phone" }]', 'phone = [{ field = "fone" }]', "no column 'fone'", "'phone'?"),
    "unknown_table": ('table = "notes"', 'table = "note"', "no table 'note'", "did you mean 'notes'?"),
    "null_into_not_null": (
        'phone = "{null}", name = "erased"',
        'phone = "{null}", name = "{null}"',
        "anonymise.name: null into a column that is NOT NULL",
        'use "{random}" or a fixed value',
    ),
    "fixed_into_unique": (
        'anonymise = { number = "{random}"',
        'anonymise = { number = "gone"',
        "anonymise.number: a fixed value into a UNIQUE column",
        'use "{random}"',
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_data_map_that_does_not_fit(expunge: CommandLine, name: str) -> None:
    old, new, what, fix = MISFITS[name]
    expunge.submit()
    file = expunge.home / "maps" / "crm.toml"
    edit(file, old, new)
    does_not_fit(expunge, what, fix, f"{file}:{line_of(file, new)}")
    edit(file, new, old)
    expunge("retry", REQUEST)
    expunge.is_done()


@pytest.mark.parametrize("rule", ["", "ON DELETE CASCADE"])
def test_a_deletion_that_a_foreign_key_forbids_or_would_carry_on(expunge: CommandLine, rule: str) -> None:
    reference = f"invoice_id INTEGER NOT NULL REFERENCES invoices(id) {rule}"
    crm(
        expunge.company,
        f"CREATE TABLE disputes (id INTEGER PRIMARY KEY, {reference}, about TEXT);"
        "INSERT INTO disputes SELECT id, id, 'price' FROM invoices;",
    )
    expunge.submit()
    whole = expunge.company.contents()
    file = expunge.home / "maps" / "crm.toml"
    line = line_of(file, 'table = "invoices"')
    does_not_fit(expunge, "table 'disputes' refers to it by invoice_id", "map it, or declare", f"{file}:{line}")
    assert expunge.company.contents() == whole
    with contextlib.closing(sqlite3.connect(expunge.company.stores / "crm.sqlite")) as store:
        assert (
            store.execute("SELECT count(*) FROM disputes").fetchone()
            == store.execute("SELECT count(*) FROM invoices").fetchone()
        )
    crm(expunge.company, "DROP TABLE disputes")
    expunge("retry", REQUEST)
    expunge.is_done()


def does_not_fit(expunge: CommandLine, what: str, fix: str, where: str) -> None:
    """The data map of the CRM is refused by ``check``; ``run`` says so, and a person is called for the request."""
    assert expunge("check", "-o", "json") == 2
    (found,) = [one for one in json.loads(expunge.out) if one["level"] == "error"]
    assert found["what"] == "system crm"
    assert what in found["text"]
    assert fix in found["fix"]
    assert found["where"].startswith(where)
    assert expunge("run", "--until-idle") == 1
    assert expunge.err.startswith(f"warning: system crm does not fit: {found['text']}\n  where: {found['where']}\n")
    assert expunge.err.endswith("1 open, 0 closed, 1 need attention: `expunge list --attention`\n")
    assert expunge("show", REQUEST) == 1
    assert "! crm/contacts: the configuration does not fit the system" in expunge.out
    assert "run `expunge check`, correct what it names, then `expunge retry`" in expunge.out
    assert expunge("record", REQUEST) == 2


# -- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "commands"), [("store", ("run", "submit")), ("system-crm", ("run",))])
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "readable_by_all"])
def test_a_key_that_is_missing_or_readable_by_all(
    expunge: CommandLine, key: str, commands: tuple[str, ...], missing: bool
) -> None:
    expunge.submit()
    file = expunge.home / "keys" / f"{key}.jwk"
    aside = expunge.company.root / "aside"
    if missing:
        file.rename(aside)
    else:
        file.chmod(0o644)
    before = expunge.rows()
    for command in commands:
        told = expunge.error(2, command, *(["--until-idle"] if command == "run" else [expunge.file([])]))
        assert told["what"] == ("a key is missing" if missing else "a private key can be read by others")
        assert told["where"] == str(file)
        assert told["fix"].startswith("restore it from your backup" if missing else f"chmod 600 {file}")
    assert expunge("check") == 2
    assert expunge.rows() == before
    assert file.exists() is not missing
    if missing:
        aside.rename(file)
    file.chmod(0o600)
    expunge.is_done()
