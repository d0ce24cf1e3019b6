"""A request that nobody made: what it is about, what it leaves, and what it tells whom (ADR 36)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.core import clock
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.discovery import BY_KEY
from orchestrator.core.model import Known, Phase, Result, Retention
from orchestrator.core.plan import ExpireRule, Plan, RecordSetPlan, RetainRule
from orchestrator.core.retention import NOT_MEANT, NOT_PAST, sets
from orchestrator.core.returning import cannot_come_back
from orchestrator.core.rulings import Hold
from schemas.identifiers import Strength
from schemas.outcomes import Kept, KeptWhy, Located, NothingHeld, Outcome, Unverifiable
from schemas.tasks import Action
from tests.support.stories import EMAIL, Story, at, contacts, deleted, found, invoices, plan, system

PAST = "2016-03-01"
"""The last anchor whose ten years are over on the day of the stories."""
NEWER = "2016-03-02"
WHY = KeptWhy.LEGAL_OBLIGATION
TEXT = "fr-ccom-l123-22"
ABOUT = Retention("crm", "invoices", "2026-03-01")
CUSTOMER = Known("ref-customer", "customer_id", Strength.UNIQUE)


def crm(**rule: Any) -> Plan:
    """Contacts, their invoices (ten years), the lines of these, and remarks without a period of their own."""
    retain = msgspec.structs.replace(RetainRule(WHY, TEXT, 120), **rule)
    made = system(
        "crm",
        contacts(yields=("customer_id",), backups_kept_days=30),
        invoices(retain=retain, max_records=3),
        RecordSetPlan("lines", erase="with_parent", parent="invoices"),
        RecordSetPlan("remarks", ("customer_id",), parent="lines"),
        RecordSetPlan("receipts", ("customer_id",), parent="invoices", retain=RetainRule(WHY, TEXT, 132)),
    )
    return plan(made, system("hr", domain="hr"), suppression_days=90)


def swept(of: Plan | None = None, known: tuple[Known, ...] = (CUSTOMER,), **more: Any) -> Story:
    return Story(of or crm(), identifiers=known, retention=ABOUT, **more)


def located(first: str | None = PAST, last: str | None = None, **others: Outcome) -> dict[str, Outcome]:
    """Two invoices, with what hangs on them."""
    two = found(2, last=last or first)
    nothing: Outcome = NothingHeld()
    of = msgspec.structs.replace(two, facts=msgspec.structs.replace(two.facts, anchor_first=first))
    return {
        "contacts": found(1),
        "invoices": of if first else nothing,
        "lines": found(3),
        "remarks": found(1),
        "receipts": nothing,
        **others,
    }


def test_it_searches_its_system_only_and_tells_nobody() -> None:
    story = swept()
    assert {one.system for one in story.tasks} == {"crm"}
    assert story.state.scope == ("crm",)
    assert story.notices == [], "nobody asked, so nobody is answered"
    assert story.state.due_on == "2026-03-31"
    assert story.state.due_rule.startswith("GDPR Art. 5(1)(e): the period of crm/invoices is over since 2026-03-01")
    assert story.state.notice_by is None
    assert clock.trace(story.plan, story.state) == (story.state.due_rule,), "no clock of Art. 12 runs"
    assert "deadline" in story.state.timers, "and yet it is seen if it stays open"


def test_it_erases_its_record_set_with_all_that_hangs_on_it_and_nothing_else() -> None:
    story = swept()
    story.answer("crm", located())
    (order,) = [one for one in story.tasks if one.action is Action.ERASE]
    meant = {"invoices", "lines", "remarks", "receipts"}
    assert set(order.order.record_sets) == meant
    assert set(order.instructions) == meant
    assert {one.only_over for one in order.instructions.values()} == {True}
    assert {name: one.erase_up_to for name, one in order.instructions.items()} == {
        "invoices": PAST,
        "lines": PAST,
        "remarks": PAST,
        "receipts": "2015-03-01",
    }
    assert order.instructions["remarks"].found == 1
    lines: dict[str, Outcome] = {"invoices": deleted(2), "lines": deleted(3), "remarks": deleted(1)}
    story.answer("crm", {**lines, "receipts": NothingHeld()})
    assert story.closed()
    (record,) = story.records
    assert (record.result, record.headline) == ("fulfilled", "deleted")
    assert (record.origin, record.requester) == ("retention", "controller")
    assert record.not_searched["crm/contacts"].endswith(NOT_MEANT)
    assert record.not_searched["hr"] == "out of the scope of the request"
    assert record.systems[0].record_sets[0].rule == f"retention-over:{TEXT}:120m"
    assert story.notices == []
    assert story.state.obligations == (), "what comes back is found by the next sweep, whoever's it is"
    assert story.state.forgotten


def test_what_is_not_over_is_kept_with_its_date() -> None:
    story = swept()
    story.answer("crm", located(PAST, "2020-05-05"))
    kept = Kept(1, WHY, TEXT, "2030-05-05", "2030-05-05", 1)
    lines: dict[str, Outcome] = {"invoices": kept, "lines": kept, "remarks": kept, "receipts": NothingHeld()}
    story.answer("crm", {**lines, "lines": msgspec.structs.replace(kept, count=2), "remarks": _zero(kept)})
    assert story.closed()
    assert story.records[0].result == "partly_fulfilled"
    assert story.records[0].systems[0].record_sets[0].rule == f"retain:{TEXT}:120m"


def _zero(kept: Kept) -> Kept:
    return msgspec.structs.replace(kept, erased=0)


@pytest.mark.parametrize("first", [NEWER, "2026-02-28"])
def test_who_was_in_touch_since_is_left_alone(first: str) -> None:
    story = swept()
    story.answer("crm", located(first))
    assert story.closed()
    assert not [one for one in story.tasks if one.action is Action.ERASE], "nothing that erases has left"
    (record,) = story.records
    assert record.result == Result.NOT_SUBJECT
    assert record.not_searched["crm/invoices"].endswith(NOT_PAST)
    assert record.not_searched["crm/lines"].endswith(NOT_PAST)
    assert record.not_searched["crm/contacts"].endswith(NOT_MEANT)
    assert story.state.forgotten


def test_what_is_gone_by_itself_is_nothing_held() -> None:
    story = swept()
    story.answer("crm", located(None))
    assert story.closed()
    assert story.records[0].result == "nothing_held"
    assert not [one for one in story.tasks if one.action is Action.ERASE]


def test_records_without_any_date_are_not_past() -> None:
    story = swept()
    undated = Located(2, msgspec.structs.replace(found().facts, anchor_missing=2))
    story.answer("crm", located(invoices=undated))
    assert story.closed()
    assert story.records[0].result == Result.NOT_SUBJECT


def test_a_record_without_a_date_beside_one_that_is_past_asks_a_person() -> None:
    story = swept()
    mixed = found(2, last=PAST, anchor_missing=1)
    story.answer("crm", located(invoices=mixed))
    assert story.reasons == ["retention_without_date"]


def test_a_contract_that_still_runs_keeps_what_is_past() -> None:
    story = swept(crm(open="no_ground", review_months=12))
    story.answer("crm", located(invoices=found(2, last=PAST, anchor_missing=1)))
    (order,) = [one for one in story.tasks if one.action is Action.ERASE]
    assert order.instructions["invoices"].review_by == "2027-03-01"
    assert order.instructions["invoices"].keep is KeptWhy.NO_GROUND


def test_what_another_set_lacks_does_not_stop_it() -> None:
    """Contacts that were to be dated by a rule of their own are not what it is about."""
    of = crm()
    dated = msgspec.structs.replace(
        of.systems[0].record_sets[0], retain=RetainRule(WHY, "unknown-text", 12, "no_ground", 6)
    )
    other = msgspec.structs.replace(of.systems[0], record_sets=(dated, *of.systems[0].record_sets[1:]))
    story = swept(msgspec.structs.replace(of, systems=(other, of.systems[1])))
    story.answer("crm", located())
    assert story.reasons == []
    assert story.phase() is Phase.ACTING


def test_a_hold_keeps_it_and_its_release_erases_it() -> None:
    hold = Hold(
        "h1", "litigation", "gdpr-17-3-e", "legal", "2026-06-01", "2026-02-01T00:00:00.000Z", scope=("crm/invoices",)
    )
    story = swept(holds=(hold,))
    story.answer("crm", located())
    (order,) = [one for one in story.tasks if one.action is Action.ERASE]
    assert order.instructions["invoices"].keep is KeptWhy.HOLD
    assert order.instructions["lines"].keep is KeptWhy.HOLD


def test_i09_more_records_than_the_limit_or_several_persons_stop_it() -> None:
    story = swept()
    story.answer("crm", located(invoices=found(4, last=PAST)))
    assert story.reasons == ["max_records"]
    story = swept()
    story.answer("crm", located(invoices=found(2, last=PAST, persons=2)))
    assert story.reasons == ["shared_identifier"]


def test_i09_what_it_is_not_about_does_not_stop_it() -> None:
    story = swept()
    story.answer("crm", located(contacts=found(2, persons=2)))
    assert story.reasons == []


def test_what_names_nobody_is_searched_by_its_key_alone() -> None:
    story = swept(known=(Known("ref-key", BY_KEY, Strength.UNIQUE),))
    (task,) = story.tasks
    assert task.refs == ("ref-key",)
    story.answer("crm", located(contacts=NothingHeld(), remarks=NothingHeld()))
    story.answer(
        "crm",
        {"invoices": deleted(2), "lines": deleted(3), "remarks": NothingHeld(), "receipts": NothingHeld()},
    )
    assert story.closed()
    assert story.records[0].identifier_kinds == (BY_KEY,)
    assert story.records[0].result == "fulfilled"


def test_what_was_found_before_an_erasure_that_proved_nothing_is_not_left_out() -> None:
    """The second search finds nothing past any more: what became of it has to be told all the same (I2)."""
    story = swept()
    story.answer("crm", located())
    story.answer("crm", Unverifiable("second_look_failed"))
    late = Known("ref-late", "customer_id", Strength.UNIQUE, "customers")
    story.told(story.confirmation(story.tasks[0], located(), (late,)))
    story.resume()
    story.answer("crm", located(None, contacts=NothingHeld(), lines=NothingHeld(), remarks=NothingHeld()))
    order = story.out()["crm"]
    assert order.action is Action.ERASE
    assert order.instructions["invoices"].found == 2
    story.answer(
        "crm",
        {"invoices": deleted(2), "lines": deleted(3), "remarks": deleted(1), "receipts": NothingHeld()},
    )
    assert story.closed()
    assert story.line("crm", "invoices") == deleted(2)


def test_a_set_that_left_the_data_map_is_never_taken_for_another() -> None:
    of = crm().systems[0]
    assert sets(of, "invoices") == {"invoices", "lines", "remarks", "receipts"}
    assert sets(of, "receipts") == {"receipts"}
    assert sets(of, "nothing") == frozenset()
    story = Story(crm(), identifiers=(CUSTOMER,), retention=Retention("crm", "nothing", "2026-01-01"))
    story.answer("crm", located())
    assert story.closed()
    assert story.records[0].result == Result.NOT_SUBJECT


def test_a_set_whose_period_left_the_data_map_is_not_past() -> None:
    of = crm()
    free = msgspec.structs.replace(of.systems[0].record_sets[1], retain=None)
    sets_of = (of.systems[0].record_sets[0], free, *of.systems[0].record_sets[2:])
    story = swept(msgspec.structs.replace(of, systems=(msgspec.structs.replace(of.systems[0], record_sets=sets_of),)))
    story.answer("crm", located())
    assert story.closed()
    assert story.records[0].result == Result.NOT_SUBJECT


def test_a_system_that_is_not_connected_any_more_calls_somebody() -> None:
    story = Story(crm(), identifiers=(CUSTOMER,), retention=Retention("gone", "invoices", "2026-01-01"))
    assert story.reasons == ["unknown_system"]


def test_an_ordinary_request_is_about_everything() -> None:
    story = Story(crm(), identifiers=(EMAIL, CUSTOMER))
    assert story.state.retention is None
    story.answer("hr", NothingHeld())
    story.answer("crm", located())
    (order,) = [one for one in story.tasks if one.action is Action.ERASE]
    assert order.order.record_sets == ()
    assert {one.only_over for one in order.instructions.values()} == {False}
    assert order.instructions["remarks"].keep is None


# --- a promise, and no reason to keep


def promised() -> Plan:
    """Contacts that go after three years at the most; whoever asks before is erased at once."""
    return plan(system("crm", contacts(expire=ExpireRule("policy:prospects", 36)), invoices()))


def test_s15_a_promised_period_ends_by_itself_and_keeps_nothing_before() -> None:
    about = Retention("crm", "contacts", "2026-03-01")
    story = Story(promised(), identifiers=(EMAIL,), retention=about)
    both: dict[str, Outcome] = {"contacts": found(2, last="2023-03-01"), "invoices": NothingHeld()}
    story.answer("crm", both)
    (order,) = [one for one in story.tasks if one.action is Action.ERASE]
    rule = order.instructions["contacts"]
    assert (rule.keep, rule.text, rule.erase_up_to, rule.period_months) == (
        KeptWhy.NO_GROUND,
        "policy:prospects",
        "2023-03-01",
        36,
    )
    assert rule.only_over
    story = Story(promised(), identifiers=(EMAIL,))
    story.answer("crm", both)
    (order,) = [one for one in story.tasks if one.action is Action.ERASE]
    assert order.instructions["contacts"].keep is None, "somebody asked: it goes at once"


def test_s15_a_day_before_nothing_is_over() -> None:
    story = Story(promised(), identifiers=(EMAIL,), retention=Retention("crm", "contacts", "2026-03-01"))
    story.answer("crm", {"contacts": found(1, last="2023-03-02"), "invoices": NothingHeld()})
    assert story.closed()
    assert story.records[0].result == Result.NOT_SUBJECT


def test_a_promise_that_nobody_can_read_stops_it() -> None:
    of = promised()
    strange = plan(system("crm", contacts(expire=ExpireRule("no-such-text", 36))))
    story = Story(strange, identifiers=(EMAIL,), retention=Retention("crm", "contacts", "2026-03-01"))
    story.answer("crm", found(1, last="2020-01-01"))
    assert story.reasons == ["unknown_text"]
    assert of.systems[0].record_sets[0].period == ExpireRule("policy:prospects", 36)


# --- what it has nothing to do with


def test_a_restore_and_a_return_are_not_its_matter() -> None:
    story = swept()
    story.answer("crm", located())
    step = story.told(
        Restored(request_id="req", observed_at=at(9), role="dpo", system="crm", snapshot="2026-01-01T00:00:00.000Z")
    )
    assert step.ignored == "what is past its period is found by the next sweep"
    assert cannot_come_back(
        story.state, CameBack(request_id="req", observed_at=at(9), role="dpo", reason="x", since="y")
    )
