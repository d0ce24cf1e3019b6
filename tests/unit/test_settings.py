"""The configuration: every mistake is told with file, line and fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.changes import Capability
from connectors.contract import Connector
from connectors.datamap import Mark, RecordSet, Restrict
from connectors.errors import MisconfiguredError
from connectors.testing.fake import FakeSystem
from connectors.testing.wrapper import Wrapper
from orchestrator.core.plan import Plan, RecordSetPlan
from orchestrator.errors import UsageError
from orchestrator.runtime import planning
from orchestrator.settings import load

GOOD = """version = 1

[policy]
version = "2026-01"
controllers = ["acme-sa"]
join_domains = [["crm", "hr"]]

[limits]
rounds = 3

[systems.crm]
connector = "sql"
map = "crm.toml"
url = "sqlite:///crm.db"

[systems.hr-2]
connector = "sql"
map = "hr.toml"
domain = "hr"
owner = "head-of-hr"
"""


def _load(home: Path, text: str) -> UsageError:
    (home / "expunge.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load(home)
    return caught.value


def test_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "expunge.toml").write_text(GOOD)
    found = load(tmp_path)
    assert (found.store, found.keys, found.exports) == tuple(
        tmp_path / one for one in ("expunge.db", "keys", "exports")
    )
    assert found.limits == {"rounds": 3}
    assert found.policy.join_domains == (("crm", "hr"),)
    crm, hr = found.systems
    assert (crm.system, crm.domain, crm.owner) == ("crm", "crm", "system-owner")
    assert (hr.domain, hr.owner) == ("hr", "head-of-hr")
    assert crm.settings.options == {"url": "sqlite:///crm.db"}
    assert crm.settings.map_file == tmp_path / "crm.toml"


def test_paths_may_be_absolute(tmp_path: Path) -> None:
    (tmp_path / "expunge.toml").write_text(GOOD + f'[store]\npath = "{tmp_path}/elsewhere.db"\n')
    assert load(tmp_path).store == tmp_path / "elsewhere.db"


def test_none_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no configuration here") as caught:
        load(tmp_path)
    assert caught.value.where == str(tmp_path / "expunge.toml")
    assert "expunge init" in caught.value.fix


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "fix"),
    [
        ("version = 1\n", "", None, "version = 1", "at the top"),
        ("version = 1\n", "version = 2\n", 1, "version = 1", "at the top"),
        ("version = 1\n", "version = true\n", 1, "version = 1", "at the top"),
        ("[policy]", "[polici]", 3, "unknown key 'polici'", "did you mean 'policy'"),
        ("[policy]", "[xyzzy]", 3, "unknown key 'xyzzy'", "known: "),
        ("controllers =", "controlers =", 5, "unknown key 'controlers'", "did you mean 'controllers'"),
        ('["acme-sa"]', '"acme-sa"', 5, "[policy] controllers", "a list of ids"),
        ('["acme-sa"]', '["Acme, care of Mr Smith"]', 5, "stands in signed records, and is no id", "a list of ids"),
        ('version = "2026-01"', 'version = "ask ann@example.org"', 4, "stands in signed records", "a text in quotes"),
        ('[["crm", "hr"]]', '[["crm"]]', 6, "[policy] join_domains", "pairs of domains"),
        ('version = "2026-01"', "version = 2026", 4, "[policy] version", "a text in quotes"),
        ("rounds = 3", 'rounds = "3"', 9, "[limits] rounds", "a number"),
        ("rounds = 3", "rounds = 3.5", 9, "[limits] rounds", "a number"),
        ("rounds = 3", "rounds = true", 9, "[limits] rounds", "a number"),
        ('map = "crm.toml"\n', "", 11, "needs map", "crm.toml"),
        ('map = "crm.toml"\n', "map = 3\n", 11, "needs map", "crm.toml"),
        ('map = "crm.toml"\n', 'map = ""\n', 11, "needs map", "crm.toml"),
        ('connector = "sql"\nmap = "crm', 'map = "crm', 11, "needs connector", "sql"),
        ('domain = "hr"', "domain = 3", 19, "domain is a text", "e.g. domain"),
        ('owner = "head-of-hr"', "owner = []", 20, "owner is a text", "e.g. owner"),
        ("[systems.crm]", "[systems.CRM]", 11, "[systems.CRM]: not an id", "lower-case"),
        ("[systems.crm]", '[systems."_package"]', 11, "not an id", "lower-case"),
        ("[systems.crm]", '[systems."c r m"]', 11, "not an id", "lower-case"),
        ("[systems.crm]", f"[systems.{'c' * 32}]", 11, "not an id", "at most 31"),
        ("version = 1\n", "version = 1\nsystems = 3\n[x]\n", None, "", ""),
        ("url =", "url = = ", 14, "broken TOML", ""),
    ],
)
def test_every_mistake_names_its_line_and_the_fix(
    tmp_path: Path, old: str, new: str, line: int | None, what: str, fix: str
) -> None:
    assert old in GOOD
    error = _load(tmp_path, GOOD.replace(old, new, 1))
    assert what in error.what
    assert fix in error.fix
    file = str(tmp_path / "expunge.toml")
    assert error.where == (f"{file}:{line}" if line else error.where)
    assert error.where.startswith(file)
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("version = 1\n", None, "no system is connected"),
        ("version = 1\nsystems = 3\n", 2, "[systems] is a table"),
        ("version = 1\n[systems]\ncrm = 3\n", 3, "[systems.crm] is a table"),
        ("version = 1\npolicy = 3\n", 2, "[policy] is a table"),
        ("version = 1\nlimits = 3\n[systems.crm]\n", 2, "[limits] is a table"),
        ('version = 1\nstore = "x"\n[systems.crm]\nconnector = "sql"\nmap = "m"\n', 2, "[store] is a table"),
        ('version = 1\n[store]\nfile = "x"\n[systems.crm]\nconnector = "sql"\nmap = "m"\n', 3, "unknown key 'file'"),
        ('version = 1\n[keys]\nfolder = 3\n[systems.crm]\nconnector = "sql"\nmap = "m"\n', 3, "[keys] folder"),
        ('version = 1\n[exports]\nfolder = ""\n[systems.crm]\nconnector = "sql"\nmap = "m"\n', 3, "[exports] folder"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, line: int | None, what: str) -> None:
    error = _load(tmp_path, text)
    assert what in error.what
    assert error.where == f"{tmp_path / 'expunge.toml'}" + (f":{line}" if line else "")


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "expunge.toml").write_bytes(b"version = 1\n# \xff\n")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        load(tmp_path)
    assert caught.value.where.endswith(":2")


# -- what is known only once the systems are opened ---------------------------------------------------------
def _build(home: Path, text: str, *sets: RecordSet, plain: bool = False) -> Plan:
    (home / "expunge.toml").write_text(text)
    settings = load(home)
    system = FakeSystem()
    if sets:
        system.sets = sets  # type: ignore[assignment]  # record sets as a real data map gives them
    opened: dict[str, Connector] = {
        one.system: Plain(system.open()) if plain else system.open() for one in settings.systems
    }
    return planning.build(settings, opened)


class Plain(Wrapper):
    """A connector that can search, copy and erase, and nothing besides."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset()


def test_the_plan_says_what_each_record_set_can(tmp_path: Path) -> None:
    sets = {one.name: one for one in _build(tmp_path, GOOD).system("crm").record_sets}
    contacts = sets["contacts"]
    assert contacts.rectifiable == ("name", "phone", "email")
    assert contacts.restrictable
    assert contacts.stoppable == ("marketing", "profiling")
    assert contacts.provided == ("email", "name", "phone")
    notes = sets["notes"]
    assert (notes.rectifiable, notes.restrictable, notes.stoppable, notes.provided) == ((), False, (), ())
    # A plan that was stored before there was any of this reads as one that can nothing.
    stored = msgspec.json.encode({"name": "contacts", "max_records": 5})
    assert msgspec.json.decode(stored, type=RecordSetPlan) == RecordSetPlan(name="contacts", max_records=5)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"rectify": ("name",)}, "rectify"),
        ({"restrict": Restrict(column="x", set=1)}, "restrict"),
        ({"stop": {"ads": Mark(column="x", set=1)}}, "stop"),
    ],
)
def test_a_rule_that_the_connector_cannot_carry_out_is_refused(tmp_path: Path, rule: dict[str, Any], name: str) -> None:
    one = RecordSet(name="contacts", **rule)
    with pytest.raises(MisconfiguredError) as caught:
        _build(tmp_path, GOOD, one, plain=True)
    assert caught.value.message == f"crm/contacts: this connector cannot carry out {name!r}"
    assert caught.value.fix
    _build(tmp_path, GOOD, one)
    _build(tmp_path, GOOD, RecordSet(name="contacts", provided=("name",)), plain=True)


@pytest.mark.parametrize(
    ("limit", "what", "fix"),
    [
        ("ronds = 3", "unknown key 'ronds'", "did you mean 'rounds'"),
        ("xyzzy = 3", "unknown key 'xyzzy'", "known: rounds"),
        ("rounds = -1", "negative", "0 or more"),
    ],
)
def test_a_limit_that_does_not_exist_names_its_line(tmp_path: Path, limit: str, what: str, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        _build(tmp_path, GOOD.replace("rounds = 3", limit))
    assert what in caught.value.what
    assert caught.value.where == f"{tmp_path / 'expunge.toml'}:9"
    assert caught.value.fix.startswith(fix)


@pytest.mark.parametrize(
    ("sets", "what", "fix"),
    [
        ((RecordSet(name="a"), RecordSet(name="b", parent="aa")), "parent 'aa'", "did you mean 'a'?"),
        ((RecordSet(name="a"), RecordSet(name="b", parent="xyzzy")), "parent 'xyzzy'", "known: a, b"),
        ((RecordSet(name="a", erase="with_parent"),), "needs a parent", 'add parent = "..."'),
        ((RecordSet(name="a", parent="a"),), "circle", "let one of them"),
        ((RecordSet(name="a", parent="b"), RecordSet(name="b", parent="a")), "circle", "let one of them"),
        (
            (RecordSet(name="c", parent="a"), RecordSet(name="a", parent="b"), RecordSet(name="b", parent="a")),
            "circle",
            "let one of them",
        ),
    ],
)
def test_parents_that_lead_nowhere_name_the_map(
    tmp_path: Path, sets: tuple[RecordSet, ...], what: str, fix: str
) -> None:
    with pytest.raises(MisconfiguredError) as caught:
        _build(tmp_path, GOOD, *sets)
    assert what in caught.value.message
    assert caught.value.fix.startswith(fix)
    assert caught.value.file == str(tmp_path / "crm.toml")


MAIL = """
[mail]
max_bytes = 1000
own_domains = ["@ACME.example"]

[[mail.rules]]
to = "erasure@acme.example"
right = "erasure"

[[mail.rules]]
subject = "[stop]"
right = "withdrawal_of_consent"
purposes = ["newsletter"]
"""
_FIRST_OF_MAIL = GOOD.count("\n")


def test_s43_rules_of_mail(tmp_path: Path) -> None:
    (tmp_path / "expunge.toml").write_text(GOOD + MAIL)
    found = load(tmp_path).mail
    assert [(one.right, one.to, one.subject) for one in found.rules] == [
        ("erasure", "erasure@acme.example", ""),
        ("withdrawal_of_consent", "", "[stop]"),
    ]
    assert (found.max_bytes, found.own_domains, found.owner) == (1000, ("acme.example",), "dpo")


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "fix"),
    [
        ("max_bytes = 1000", 'max_bytes = "1000"', 3, "max_bytes", "known"),
        ("max_bytes = 1000", "max_bytes = 0", 3, "out of range", "1 to"),
        ("max_bytes", "max_byte", 3, "unknown field `max_byte`", "known: rules, max_bytes"),
        ("max_bytes = 1000", 'owner = "Marie Dupont"', 3, "owner is a role", "dpo"),
        ('right = "erasure"', 'right = "erase"', 6, "rule 1: right: Invalid enum value", "known: right"),
        ('right = "erasure"', "", 6, "required field `right`", "known: right"),
        ('right = "erasure"', 'right = "rectification"', 6, "rule 1: nothing is to be corrected", "corrections"),
        ('purposes = ["newsletter"]', "", 10, "rule 2: no purpose", "purposes"),
        ('to = "erasure@acme.example"', "", 6, "exactly one of to, subject, header", "[[mail.rules]]"),
        ('to = "erasure@acme.example"', 'to = "erasure"', 6, "to is one address", "erasure@"),
        ('to = "erasure@acme.example"', 'header = "X-Erasure"', 6, "a name and a value", "X-Privacy"),
        ('subject = "[stop]"', 'to = "Erasure@acme.example"', 10, "rule 2: says the same", "keep one"),
        ("[[mail.rules]]\nto", "[mail.rules]\nto", None, "", ""),
    ],
)
def test_s43_a_wrong_rule_of_mail_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, what: str, fix: str
) -> None:
    assert old in MAIL
    error = _load(tmp_path, GOOD + MAIL.replace(old, new, 1))
    assert what in error.what
    assert fix in error.fix
    if line is not None:
        assert error.where == f"{tmp_path / 'expunge.toml'}:{_FIRST_OF_MAIL + line}"


@pytest.mark.parametrize("text", ["mail = 3\n", "[mail]\nrules = 3\n", "[mail]\nrules = [3]\n"])
def test_s43_mail_that_is_no_table(tmp_path: Path, text: str) -> None:
    error = _load(tmp_path, "version = 1\n" + text + GOOD.removeprefix("version = 1\n"))
    assert "[mail]" in error.what
    assert error.exit_code == 2
