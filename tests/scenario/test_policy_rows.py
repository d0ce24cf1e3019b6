"""Rows of the worked example that the running system shows, each by its number (requirements.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.core.model import Phase
from orchestrator.core.plan import RetainRule
from schemas.errors import SealError
from schemas.generate import MESSAGES, schema_of
from schemas.outcomes import KeptWhy
from schemas.requests import Right
from schemas.sealing import Binding, SharedKey
from tests.support.stories import Story, contacts, found, plan, system

ODIGO = Path(__file__).parents[2] / "deploy" / "policies" / "odigo.toml"


@pytest.fixture
def register(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The register as `expunge policy show` tells it."""
    assert main(["policy", "show", str(ODIGO), "-o", "json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {"version_in_force": shown["version"], **shown["register"]}


def _by_id(register: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in register[kind]}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_s02_nothing_that_travels_is_called_a_user_or_a_customer(name: str) -> None:
    schema = schema_of(name)
    names: set[str] = set()

    def gather(one: Any) -> None:
        if isinstance(one, dict):
            names.update(one.get("properties", {}))
            for value in one.values():
                gather(value)
        elif isinstance(one, list):
            for value in one:
                gather(value)

    gather(schema)
    assert not {one for one in names if one in {"user", "customer", "user_id", "customer_id"}}


@pytest.mark.parametrize(
    ("activity", "basis", "held_in"),
    [
        ("contact_request", "legitimate_interest", "crm"),  # S03
        ("event_registration", "legitimate_interest", "events"),  # S04
        ("marketing", "consent", "crm"),  # S05
        ("recruitment", "pre_contractual", "hr"),  # S07
        ("partner_contact", "legitimate_interest", "crm"),  # S08
    ],
)
def test_s03_s04_s05_s07_s08_each_activity_has_its_basis(
    register: dict[str, Any], activity: str, basis: str, held_in: str
) -> None:
    one = _by_id(register, "activity")[activity]
    assert one["basis"] == basis
    assert held_in in one["held_in"]


def test_s17_what_rests_on_a_repealed_text_is_blocked_until_somebody_decides() -> None:
    logs = contacts("lines", retain=RetainRule(KeptWhy.LEGAL_OBLIGATION, "fr-decret-2011-219", 12))
    story = Story(plan(system("logs", logs)))
    story.all_answer(found(3, last="2026-02-01"))
    assert story.phase() is Phase.DECIDING
    assert [(one.reason, one.owner, one.detail) for one in story.state.attention] == [
        ("text_repealed", "dpo", "fr-decret-2011-219")
    ]
    assert {one.action for one in story.tasks} == {"locate"}, "nothing was kept or erased on it"


def test_s19_what_is_sealed_for_hr_is_noise_to_the_crm() -> None:
    hr, crm = SharedKey("hr-2026-01", b"h" * 32), SharedKey("hr-2026-01", b"c" * 32)
    binding = Binding("req", "task", "hr", "task")
    sealed = hr.seal(b"an application", binding, nonce=b"n" * 12)
    with pytest.raises(SealError):
        crm.open(sealed, binding)
    assert hr.open(sealed, binding) == b"an application"


def test_s43_whoever_asks_is_told_that_it_arrived_and_until_when() -> None:
    story = Story(plan(), Right.ACCESS)
    (receipt,) = [one for one in story.notices if one.kind == "receipt"]
    assert (receipt.to, receipt.facts["due_on"]) == ("subject", story.state.due_on)
