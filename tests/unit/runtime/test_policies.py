"""The policy file of an installation: what the plan takes from it, and where the configuration says something else."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from connectors.datamap import Expire, Match, RecordSet, Retain
from connectors.testing.fake import FakeSystem
from orchestrator.core.plan import (
    ActivityPlan,
    ControllerPlan,
    Plan,
    PolicyVersionPlan,
    PromisePlan,
)
from orchestrator.errors import UsageError
from orchestrator.policy import read
from orchestrator.runtime import planning, policies
from orchestrator.settings import load
from schemas.outcomes import KeptWhy
from tests.support.policies import ODIGO, SMALL, spoiled

HOME = """version = 1
[policy]
file = "policies/acme.toml"
[systems.crm]
connector = "sql"
map = "crm.toml"
[systems.logs]
connector = "logs"
map = "logs.toml"
domain = "technical"
"""


def _plan(home: Path, toml: str = HOME, policy: str = SMALL) -> Plan:
    (home / "policies").mkdir(exist_ok=True)
    (home / "policies" / "acme.toml").write_text(policy, encoding="utf-8")
    (home / "expunge.toml").write_text(toml, encoding="utf-8")
    settings = load(home)
    system = FakeSystem()
    return planning.build(settings, {one.system: system.open() for one in settings.systems})


def test_the_plan_has_what_the_policy_says(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    assert plan.controllers == ("acme-fr", "acme-uk")
    assert plan.controllers_info == (
        ControllerPlan("acme-fr", "FR", "FR", "eu", "CNIL", joint=True),
        ControllerPlan("acme-uk", "GB", "GB-ENG", "uk", "ICO", "County Court", joint=True),
    )
    assert plan.promises == (PromisePlan("access", 1, 0, True), PromisePlan("erasure", 0, 20))
    assert (plan.target_hours, plan.approval_records, plan.four_eyes_records) == (48, 100, 1000)
    assert plan.policy_versions == (PolicyVersionPlan("1", "2020-01-01"), PolicyVersionPlan("2", "2024-06-01"))
    assert plan.policy_version == "2"
    assert plan.marketing_purposes == ("newsletter",)
    assert plan.activities[:2] == (
        ActivityPlan("orders", "contract", provided_by_subject=True),
        ActivityPlan("newsletter", "consent", marketing=True, provided_by_subject=True),
    )
    assert plan.joined_domains == (("customers", "technical"),)
    assert plan.own_rules == {"policy:orders": 120, "policy:subscribers": 36, "policy:security": 12}
    odigo = _plan(tmp_path, HOME.replace('domain = "technical"\n', ""), ODIGO.read_text(encoding="utf-8")).own_rules
    assert odigo == {"policy:clients": 0, "policy:prospects": 36, "policy:candidates": 24, "policy:logs": 12}
    assert [(one.system, one.domain) for one in plan.systems] == [("crm", "customers"), ("logs", "technical")]


def test_s49_the_version_in_force_is_that_of_the_receipt(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    days = {"2019-12-31": "unversioned", "2020-01-01": "1", "2024-05-31": "1", "2024-06-01": "2", "2026-11-26": "2"}
    assert {day: plan.version_on(day) for day in days} == days
    without = msgspec.structs.replace(plan, policy_versions=(), policy_version="2026-01")
    assert without.version_on("2019-12-31") == "2026-01"


def test_without_a_file_the_plan_is_what_it_was(tmp_path: Path) -> None:
    toml = HOME.replace(
        'file = "policies/acme.toml"', 'version = "7"\ncontrollers = ["a"]\njoin_domains = [["x", "y"]]'
    )
    plan = _plan(tmp_path, toml)
    assert (plan.policy_version, plan.controllers, plan.joined_domains) == ("7", ("a",), (("x", "y"),))
    assert plan.systems[0].domain == "crm"
    assert set(msgspec.to_builtins(plan)) == {
        "systems",
        "policy_version",
        "controllers",
        "joined_domains",
        "limits",
        "sources",
    }


def test_a_plan_that_was_stored_before_is_read(tmp_path: Path) -> None:
    old = msgspec.json.encode({"systems": [], "policy_version": "1"})
    plan = msgspec.json.decode(old, type=Plan)
    assert (plan.controllers_info, plan.target_hours, plan.version_on("2026-01-01")) == ((), 0, "1")
    new = _plan(tmp_path)
    assert msgspec.json.decode(msgspec.json.encode(new), type=Plan) == new
    assert len(new.digest()) == 64


def test_the_same_said_twice_is_no_contradiction(tmp_path: Path) -> None:
    more = 'version = "2"\ncontrollers = ["acme-uk", "acme-fr"]\njoin_domains = [["customers", "technical"]]\n'
    toml = HOME.replace("[systems.crm]", f"{more}[systems.crm]").replace(
        'map = "crm.toml"', 'map = "crm.toml"\ndomain = "customers"'
    )
    assert _plan(tmp_path, toml) == _plan(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "what", "line", "fix"),
    [
        ("file =", 'version = "1"\nfile =', "version says '1', the policy file has '2'", 3, "take version out"),
        ("file =", 'controllers = ["x"]\nfile =', "[policy] controllers says x; the policy", 3, "take controllers out"),
        ("file =", 'join_domains = [["technical", "customers"]]\nfile =', "says other doors", 3, "take join"),
        (
            'map = "crm.toml"', 'map = "crm.toml"\ndomain = "technical"',
            "[systems.crm] is in domain 'technical', in 'customers' by the policy file", 4, "[[domain]]",
        ),
        ("[systems.crm]", "[systems.crn]", "is in no domain of the policy file; did you mean 'crm'?", 4, "'crn'"),
        ("[systems.crm]", "[systems.x]", "[systems.x] is in no domain of the policy file; known: crm, logs", 4, "'x'"),
    ],
)  # fmt: skip
def test_a_contradiction_is_an_error(tmp_path: Path, old: str, new: str, what: str, line: int, fix: str) -> None:
    with pytest.raises(UsageError) as caught:
        _plan(tmp_path, HOME.replace(old, new, 1))
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.where == f"{tmp_path / 'expunge.toml'}:{line}"


def test_a_system_may_be_in_a_domain_that_the_policy_declares_without_naming_it(tmp_path: Path) -> None:
    plan = _plan(tmp_path, HOME, spoiled('systems = ["logs"]', 'systems = ["logs", "metrics"]'))
    assert plan.systems[1].domain == "technical"
    toml = HOME.replace("[systems.logs]", "[systems.other]")
    assert _plan(tmp_path, toml).systems[1].domain == "technical"


def test_a_policy_without_domains_walls_as_the_configuration_says(tmp_path: Path) -> None:
    start, _, rest = SMALL.partition("[[domain]]")
    policy = start + rest[rest.index("[[promise]]") :]
    plan = _plan(tmp_path, HOME, policy)
    assert [one.domain for one in plan.systems] == ["crm", "technical"]


def test_a_policy_file_that_is_wrong_or_missing_names_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown country 'XX'") as caught:
        _plan(tmp_path, HOME, spoiled('country = "FR"', 'country = "XX"'))
    assert caught.value.where == f"{tmp_path / 'policies' / 'acme.toml'}:27"
    with pytest.raises(UsageError, match="cannot be read") as caught:
        _plan(tmp_path, HOME.replace("acme.toml", "gone.toml"))
    assert caught.value.where == str(tmp_path / "policies" / "gone.toml")
    (tmp_path / "bad.toml").write_bytes(b"# fine\n# \xff\n")
    with pytest.raises(UsageError, match="not UTF-8") as caught:
        policies.load(tmp_path / "bad.toml")
    assert caught.value.where.endswith("bad.toml:2")


def _set(purpose: str, basis: str = "", text: str = "", months: int = 1) -> RecordSet:
    retain = Retain(KeptWhy.NO_GROUND, text, months, "day") if text else None
    match = (Match("email"),)
    return RecordSet(name="people", match={"email": match}, purpose=purpose, basis=basis, retain=retain)


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (_set("newsletter", "GDPR Art. 6(1)(a)", "policy:subscribers", 36), ""),
        (_set("newsletter", "consent"), ""),
        (_set("orders", "Art. 6 (1) (b)", "fr-ccom-l123-22", 120), ""),
        (_set("", "GDPR Art. 6(1)(a)"), ""),
        (_set("order"), "purpose 'order' is no activity of the policy; did you mean 'orders'?"),
        (
            _set("newsletter", "GDPR Art. 6(1)(f)"),
            "basis 'GDPR Art. 6(1)(f)'; by the policy consent (GDPR Art. 6(1)(a))",
        ),
        (_set("newsletter", "legitimate interest"), "by the policy consent"),
        (_set("newsletter", "because"), "by the policy consent"),
        (_set("newsletter", "", "policy:subscriber"), "is no rule of the policy; did you mean 'policy:subscribers'?"),
        (_set("newsletter", "", "policy:subscribers", 37), "37 months by 'policy:subscribers'; the policy promises 36"),
    ],
)
def test_data_maps_are_held_against_the_policy(one: RecordSet, told: str) -> None:
    found = list(policies.mismatches(read(SMALL, "p.toml"), [one]))
    assert len(found) == bool(told)
    assert told in "".join(found)


def test_s14_nothing_can_be_kept_on_a_period_that_nobody_decided() -> None:
    register = policies.load(ODIGO)
    (told,) = policies.mismatches(register, [_set("client_relation", "contract", "policy:clients", 12)])
    assert "leaves the period of 'clients' undecided" in told


def _expiring(purpose: str, text: str, months: int) -> RecordSet:
    return msgspec.structs.replace(_set(purpose), expire=Expire(text, months, "day"))


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (_expiring("newsletter", "policy:subscribers", 36), ""),
        (_expiring("newsletter", "policy:subscriber", 36), "expire: 'policy:subscriber' is no rule of the policy"),
        (_expiring("newsletter", "policy:subscribers", 37), "expire: 37 months by 'policy:subscribers'"),
    ],
)
def test_s15_a_promise_in_a_data_map_is_held_against_the_policy(one: RecordSet, told: str) -> None:
    found = list(policies.mismatches(read(SMALL, "p.toml"), [one]))
    assert len(found) == bool(told)
    assert told in "".join(found)


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (_expiring("newsletter", "policy:subscribers", 36), ""),
        (_expiring("newsletter", "policy:subscribers", 12), ""),
        (_expiring("newsletter", "fr-cnil", 36), ""),
        (_expiring("newsletter", "fr-cnil", 37), "36 months at most (subscribers); here it is 37, by 'fr-cnil'"),
        (_set("newsletter", "", "fr-ccom-l123-22", 120), "here it is 120, by 'fr-ccom-l123-22'"),
        (_set("newsletter"), 'nothing ends them here; expire = { text = "policy:subscribers", months = 36'),
        (msgspec.structs.replace(_set("newsletter"), erase="with_parent", parent="people"), ""),
        (_set("orders"), "120 months at most (orders), and nothing ends them here"),
        (_set(""), ""),
    ],
)
def test_s15_a_policy_that_promises_an_earlier_end_is_told_of(one: RecordSet, told: str) -> None:
    found = list(policies.stricter(read(SMALL, "p.toml"), [one]))
    assert len(found) == bool(told)
    assert told in "".join(found)
