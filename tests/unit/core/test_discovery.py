"""Discovery: to a fixed point over what is surely the same person, never over anything else (I9)."""

from __future__ import annotations

import itertools

import pytest

from orchestrator.core import discovery
from orchestrator.core.model import Known, Phase
from orchestrator.core.procedures import answered_by_a_person
from schemas.identifiers import Strength
from schemas.outcomes import Failed, FailureKind, NothingHeld
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import EMAIL, Story, all_able, contacts, found, invoices, link, plan, system

CRM = system("crm")
SHOP = system("shop", invoices(retain=None))
HR = system("hr", contacts(kinds=("employee_id",)), domain="staff")


def asked(story: Story, name: str) -> list[tuple[str, ...]]:
    return [one.refs for one in story.tasks if one.system == name and one.action is Action.LOCATE]


def test_what_is_found_is_followed_to_a_fixed_point() -> None:
    story = Story(plan(CRM, SHOP))
    assert set(story.out()) == {"crm"}
    story.answer("crm", found(), link("customer_id", "7"))
    assert set(story.out()) == {"shop"}
    story.answer("shop", found(2), link("customer_id", "7"), link("customer_id", "8"))
    story.answer("shop", found(3))
    assert asked(story, "shop") == [("ref-customer_id-7",), ("ref-customer_id-7", "ref-customer_id-8")]
    assert {one.action for one in story.out().values()} == {Action.ERASE}
    story.all_answer(NothingHeld())
    assert story.reasons  # nothing held, after something was found, proves nothing


@pytest.mark.parametrize("strength", [Strength.SHARED, Strength.WEAK])
def test_i09_weak_and_shared_links_are_never_followed(strength: Strength) -> None:
    story = Story(plan(CRM, SHOP))
    story.answer("crm", found(), link("customer_id", "7", strength=strength))
    assert not asked(story, "shop")
    story.all_answer()
    assert story.closed()
    assert story.records[0].result == "partly_fulfilled"
    assert set(story.records[0].not_searched) == {"shop"}
    assert story.records[0].identifier_kinds == ("email",)


def test_i09_s07_s19_what_is_found_in_one_domain_does_not_search_another() -> None:
    story = Story(plan(CRM, HR))
    story.answer("crm", found(), link("employee_id", "7"))
    assert not asked(story, "hr")
    assert story.phase() is Phase.ACTING


def test_i09_domains_that_the_policy_joins_are_searched_one_way_only() -> None:
    story = Story(plan(CRM, HR, joined=[("customers", "staff")]))
    story.answer("crm", found(), link("employee_id", "7"))
    assert asked(story, "hr") == [("ref-employee_id-7",)]
    story = Story(plan(CRM, HR, joined=[("staff", "customers")]))
    story.answer("crm", found(), link("employee_id", "7"))
    assert not asked(story, "hr")


def test_what_the_person_gave_searches_everything_that_knows_the_kind() -> None:
    story = Story(plan(CRM, HR), identifiers=(EMAIL, Known("id", "employee_id", Strength.UNIQUE)))
    assert asked(story, "crm") == [("ref-email",)]
    assert asked(story, "hr") == [("id",)]


@pytest.mark.parametrize("right", [one for one in Right if not answered_by_a_person(one)])
def test_i09_several_persons_stop(right: Right) -> None:
    story = Story(all_able(plan()), right)
    story.answer("crm", found(2, persons=2))
    assert story.reasons == ["shared_identifier"]
    assert not story.out()
    # Somebody looked; the search is made anew, and stops anew as long as it finds two.
    story.resume()
    story.answer("crm", found(2, persons=2))
    assert story.reasons == ["shared_identifier"]
    story.resume()
    story.answer("crm", found(1))
    assert story.phase() is Phase.ACTING


def test_i09_more_records_than_one_person_has_stop() -> None:
    story = Story(plan(system("crm", contacts(max_records=3))))
    story.answer("crm", found(4))
    assert [(one.reason, one.detail) for one in story.state.attention] == [("max_records", "4")]
    story = Story(plan(system("crm", contacts(max_records=3))))
    story.answer("crm", found(3))
    assert not story.reasons


def test_i09_too_many_identifiers_of_a_kind_stop_before_they_are_followed() -> None:
    story = Story(plan(CRM, SHOP, identifiers_per_kind=2))
    story.answer("crm", found(), *(link("customer_id", str(n)) for n in range(3)))
    assert [(one.reason, one.detail) for one in story.state.attention] == [("too_many_identifiers", "customer_id")]
    assert not asked(story, "shop")


def test_i09_a_search_without_end_stops_and_a_person_may_let_it_go_on() -> None:
    story = Story(plan(SHOP, rounds=2), identifiers=(Known("c", "customer_id", Strength.UNIQUE),))
    for n in range(2):
        story.answer("shop", found(), link("customer_id", str(n)))
    assert story.reasons == ["too_many_rounds"]
    story.resume()
    assert story.out()
    assert not story.reasons


def test_a_retry_in_the_last_round_is_no_further_round() -> None:
    story = Story(plan(rounds=1))
    story.answer("crm", Failed(FailureKind.TRANSIENT, "busy"))
    story.fire("retry:crm")
    assert not story.reasons
    story.answer("crm", found())
    assert story.phase() is Phase.ACTING


def test_a_system_is_asked_again_without_waiting_for_the_others() -> None:
    story = Story(plan(CRM, system("mail")))
    story.answer("crm", Failed(FailureKind.TRANSIENT, "busy"))
    story.fire("retry:crm")
    assert set(story.out()) == {"crm", "mail"}
    story.answer("crm", found())
    assert story.phase() is Phase.DISCOVERING  # mail has not answered: nothing is decided (I2)
    story.answer("mail", found())
    assert story.phase() is Phase.ACTING


def test_only_the_system_that_failed_is_asked_again() -> None:
    story = Story(plan(CRM, system("mail")))
    story.answer("mail", found())
    story.answer("crm", Failed(FailureKind.PERMANENT, "broken"))
    story.resume()
    assert len(asked(story, "mail")) == 1
    assert len(asked(story, "crm")) == 2


def test_a_system_without_an_identifier_at_first_gets_one_in_a_later_round() -> None:
    story = Story(plan(CRM, SHOP))
    story.answer("crm", found(), link("customer_id", "7"))
    story.answer("shop", found(2))
    story.all_answer()
    assert story.reasons == ["unverifiable"]  # deleted one of two
    assert [one.system for one in story.tasks if one.action is Action.ERASE] == ["crm", "shop"]


def test_i03_the_strongest_strength_counts_in_any_order() -> None:
    links = [link("phone", "7", strength=one) for one in Strength] + [link("phone", "7", "staff")]
    states = set()
    for order in itertools.permutations(links):
        story = Story(plan())
        for one in order:
            discovery.absorb(story.state, [one])
        states.add(story.state.known)
    assert states == {(EMAIL, link("phone", "7"), link("phone", "7", "staff"))}


def test_what_the_person_gave_stays_given() -> None:
    story = Story(plan())
    discovery.absorb(story.state, [Known("ref-email", "email", Strength.WEAK, "customers")])
    assert story.state.known == (EMAIL,)


def test_nothing_to_search_by_is_unidentifiable_and_says_what_would_help() -> None:
    story = Story(plan(SHOP))
    assert story.closed()
    assert story.records[0].result == "unidentifiable"
    assert story.records[0].headline == "not_searched"
    assert story.records[0].not_searched == {
        "shop": "GDPR Art. 11: cannot be identified there; would help: customer_id"
    }
    assert story.state.forgotten


def test_a_system_that_nothing_can_search_says_so() -> None:
    story = Story(plan(system("box", contacts(kinds=()))))
    assert story.records[0].not_searched == {"box": "GDPR Art. 11: cannot be identified there; would help: none"}


def test_i12_a_scope_with_a_system_that_is_not_connected_is_never_fulfilled() -> None:
    story = Story(plan(CRM, SHOP), scope=("crm", "elsewhere"))
    assert [(one.reason, one.detail) for one in story.state.attention] == [("unknown_system", "elsewhere")]
    assert not story.out()
    story.resume()
    story.all_answer()
    story.all_answer()
    assert story.records[0].result == "partly_fulfilled"
    assert story.records[0].headline == "not_searched"
    assert story.records[0].not_searched == {
        "elsewhere": "no such system is connected",
        "shop": "out of the scope of the request",
    }


def test_a_scope_that_is_searched_in_full_is_fulfilled() -> None:
    story = Story(plan(CRM, SHOP), scope=("crm",))
    story.all_answer()
    story.all_answer()
    assert story.records[0].result == "fulfilled"
