"""What a completed erasure suppresses, and how a question is judged by it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from connectors.testing.people import SUBJECT
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.engine.capsule import Capsule
from orchestrator.engine.suppressing import Entry, Question, digest, rows, verdict
from orchestrator.store import suppressions as stored
from schemas.identifiers import Identifier
from schemas.outcomes import NothingHeld
from schemas.requests import RequestForm, Right, Scope
from tests.support.rig import PLAIN, SETS, PostgresRig, Rig, Templates
from tests.support.stories import EMAIL, Story, at, contacts, deleted, found, plan, system

ERASED = Entry("2026-03-01T12:00:00.000Z", "2026-04-01", (), ("billing",))
TODAY = "2026-03-10"


def judge(*entries: Entry, today: str = TODAY, **question: str) -> str:
    return verdict(entries, Question(b"", **question), today)


def test_what_is_older_than_the_erasure_is_erased_and_what_is_newer_is_of_a_person_who_came_back() -> None:
    assert judge(ERASED, as_of="2026-02-01T00:00:00.000Z") == "erased"
    assert judge(ERASED, as_of="2026-03-01T12:00:00.000Z") == "erased"
    assert judge(ERASED, as_of="2026-03-01T12:00:00.001Z") == "not_erased"


def test_data_of_unknown_age_counts_as_old() -> None:
    assert judge(ERASED) == "erased"


def test_a_purpose_whose_records_are_kept_is_not_erased() -> None:
    assert judge(ERASED, purpose="billing") == "not_erased"
    assert judge(ERASED, purpose="marketing") == "erased"
    assert judge(ERASED, Entry("2026-03-02T12:00:00.000Z", "2026-04-01"), purpose="billing") == "erased"


def test_an_entry_counts_until_its_day() -> None:
    assert judge(ERASED, today="2026-03-31") == "erased"
    assert judge(ERASED, today="2026-04-01") == "not_erased"
    assert judge() == "not_erased"


def test_an_erasure_in_some_systems_says_nothing_of_the_others() -> None:
    hr = Entry("2026-03-01T12:00:00.000Z", "2026-04-01", ("hr",))
    assert judge(hr, system="hr") == "erased"
    assert judge(hr, system="crm") == "not_erased"
    assert judge(hr) == "unknown"
    assert judge(hr, ERASED) == "erased"


class Make(Protocol):
    """Makes the test's rig."""

    def __call__(self, sets: object = PLAIN, **limits: int) -> Rig: ...


@pytest.fixture(params=["sqlite", "postgres"])
def rig_with(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Make:
    """Whichever store it is, the same is remembered."""

    def make(sets: object = PLAIN, **limits: int) -> Rig:
        home = tmp_path / "home"
        rig = (
            Rig(home, templates, sets, **limits)  # type: ignore[arg-type]
            if request.param == "sqlite"
            else PostgresRig(home, templates, request.getfixturevalue("postgres"), sets, **limits)  # type: ignore[arg-type]
        )
        rig.seed(SUBJECT)
        return rig

    return make


def entries(rig: Rig, kind: str, value: str) -> list[Entry]:
    wanted = digest(rig.keys.subject, kind, value)
    with rig.store.read() as tx:
        return [msgspec.json.decode(one, type=Entry) for one in stored.of(tx, [wanted]).get(wanted, ())]


def test_every_unique_identifier_that_was_found_is_suppressed_and_no_shared_one(rig_with: Make) -> None:
    rig = rig_with(suppression_days=30)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    told = Entry("2026-03-01T12:00:00.000Z", "2026-03-31")
    assert entries(rig, "email", SUBJECT.email) == [told]
    assert entries(rig, "customer_id", SUBJECT.customer_id) == [told]
    assert entries(rig, "ip", SUBJECT.ip) == []
    assert rig.records("r1")[0].identifiers_kept_until == "2026-03-31"  # the record declares it
    rig.close()


def test_without_backups_and_without_a_period_nothing_is_remembered(rig_with: Make) -> None:
    rig = rig_with()
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    assert rig.state("r1").forgotten
    assert rig.rows("suppressions") == []
    rig.close()


def test_it_lives_as_long_as_the_last_backup(rig_with: Make) -> None:
    sets = [msgspec.structs.replace(one, backups_kept_days=90) for one in PLAIN]
    rig = rig_with(sets)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    assert [one.until for one in entries(rig, "email", SUBJECT.email)] == ["2026-05-30"]
    rig.clock.move(days=90)
    rig.pump()
    assert rig.rows("suppressions") == []
    rig.close()


def test_what_is_kept_is_left_out_and_its_own_end_is_an_entry_of_its_own(rig_with: Make) -> None:
    sets = [
        msgspec.structs.replace(one, purpose="billing" if one.retain else "marketing")
        if hasattr(one, "purpose")
        else one
        for one in SETS
    ]
    rig = rig_with(sets, suppression_days=30)
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    (first,) = entries(rig, "email", SUBJECT.email)
    assert first.kept == ("billing",)
    rig.clock.move(days=31)
    rig.pump()
    assert rig.rows("suppressions") == []  # though the request still owes what is kept
    assert not rig.state("r1").forgotten
    rig.clock.move(days=366 * 11)
    rig.pump()
    second = entries(rig, "email", SUBJECT.email)
    assert [(one.systems, one.kept) for one in second] == [(("crm",), ())]
    rig.close()


def test_an_access_suppresses_nothing_and_a_scope_is_kept(rig_with: Make) -> None:
    rig = rig_with(suppression_days=30)
    rig.submit("a1", Right.ACCESS, email=SUBJECT.email)
    rig.pump()
    assert rig.rows("suppressions") == []
    form = RequestForm(
        Right.ERASURE, (Identifier("email", SUBJECT.email),), request_id="r1", scope=Scope(systems=("hr",))
    )
    rig.intake.submit([form])
    rig.pump()
    assert [one.systems for one in entries(rig, "email", SUBJECT.email)] == [("hr",)]
    rig.close()


@pytest.mark.parametrize("kind", ["email", "phone"])
def test_i04_a_digest_cannot_be_guessed_without_the_key(kind: str) -> None:
    assert digest(b"a" * 32, kind, "x") != digest(b"b" * 32, kind, "x")


def test_what_a_later_look_erases_does_not_keep_out_who_came_back_meanwhile() -> None:
    sets = (contacts(backups_kept_days=900), contacts("leads"))
    story = Story(plan(system("crm", *sets), recheck_days=30))
    story.answer("crm", {"contacts": found(), "leads": found()})
    story.answer("crm", {"contacts": deleted(), "leads": deleted()})
    day = at(31 * 86_400)
    base = {"request_id": "req", "observed_at": day, "role": "dpo", "given_at": day}
    story.told(CameBack(**base, since="2026-03-20", reason="fresh_consent"))
    story.told(Restored(**base, system="crm", snapshot="2026-02-01T00:00:00.000Z"))
    story.answer("crm", {"contacts": found(since_first="2025-01-01", since_last="2025-01-01"), "leads": NothingHeld()})
    before = story.state
    story.now = 60 * 86_400
    story.answer("crm", {"contacts": deleted(), "leads": NothingHeld()})
    capsule = Capsule(bytes(32), {EMAIL.ref: ("email", "a@example.org")}, {}, b"")
    (row,) = rows(b"key", story.plan, before, story.state, capsule, story.records[-1])
    entry = msgspec.json.decode(row["entry"], type=Entry)
    today = at(story.now)[:10]
    assert judge(entry, today=today, system="crm", as_of="2026-03-10T00:00:00.000Z") == "erased"
    assert judge(entry, today=today, system="crm", as_of="2026-03-21T00:00:00.000Z") == "not_erased"
