"""Every right as a procedure: what it reaches, in which order, and what only a person can do (ADR 29)."""

from __future__ import annotations

import msgspec
import pytest

from orchestrator.core import bases, procedures
from orchestrator.core.asked import Asked, Balance
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased
from orchestrator.core.commands_rights import DoneByHand, LiftOrdered, ObjectionBalanced
from orchestrator.core.effects import AssemblePackage, IssueTask, Recall
from orchestrator.core.events import OtherClosed, OtherOpened, PackageAssembled, Recalled
from orchestrator.core.machine import Step
from orchestrator.core.model import Phase
from orchestrator.core.replay import replay
from orchestrator.core.rulings import Hold
from schemas.outcomes import Attested, Kept, Lifted, NothingHeld, Rectified, Restricted, Stopped
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, able, all_able, at, changed, contacts, found, link, plan, system

CRM = all_able(plan())
INTERESTS = able(contacts("scores", purpose="x"))
INTERESTS = msgspec.structs.replace(INTERESTS, purpose="scoring", basis="GDPR Art. 6(1)(f)", stoppable=("scoring",))
BOTH = plan(system("crm", able(contacts()), INTERESTS))
SHA = "a" * 64


def base(story: Story) -> dict[str, str]:
    return {"request_id": "req", "observed_at": at(story.now), "role": "dpo"}


def lift(story: Story) -> Step:
    return story.told(LiftOrdered(**base(story)))


def balance(story: Story, decided: Balance) -> Step:
    return story.told(ObjectionBalanced(**base(story), balance=decided, why="fraud"))


def attest(story: Story, system: str = "crm", record_set: str = "") -> Step:
    return story.told(DoneByHand(**base(story), system=system, record_set=record_set, document_sha256=SHA))


def kinds(story: Story) -> list[str]:
    return [one.kind for one in story.notices]


def actions(story: Story) -> list[Action]:
    return [one.action for one in story.tasks]


# -- rectification ----------------------------------------------------------------------------------------
def test_only_what_is_named_is_rectified_and_the_recipients_are_told() -> None:
    story = Story(all_able(plan(system("crm", contacts(), contacts("leads")))), Right.RECTIFICATION)
    story.all_answer()
    assert story.out()["crm"].order.corrects == ("contacts",)
    story.all_answer()
    assert story.closed()
    assert isinstance(story.line("crm", "contacts"), Rectified)
    assert story.records[0].not_searched == {
        "crm/leads": "not subject to this right: GDPR Art. 16: not named in the request"
    }
    assert (story.records[0].result, story.records[0].headline) == ("fulfilled", "rectified")
    (told,) = [one for one in story.notices if one.kind == "rectified"]
    assert (told.to, told.facts["record_sets"]) == ("recipients", "crm/contacts")


@pytest.mark.parametrize(
    ("path", "field", "reason"),
    [
        ("crm/contacts", "emial", "unknown_field"),
        ("crm/contcts", "city", "unknown_record_set"),
        ("erp/contacts", "city", "unknown_record_set"),
    ],
)
def test_what_no_data_map_knows_stops_before_anything_is_changed(path: str, field: str, reason: str) -> None:
    story = Story(CRM, Right.RECTIFICATION, asked=Asked(corrected={path: (field,)}))
    assert story.reasons == [reason]
    assert path in story.state.attention[0].detail
    if story.out():
        story.all_answer()
    story.resume()
    if story.out():
        story.all_answer()
    assert story.reasons == [reason]
    assert Action.RECTIFY not in actions(story)
    story.told(RequestWithdrawn(**base(story)))
    assert story.closed()


# -- restriction ------------------------------------------------------------------------------------------
def restricted(lift_notice_hours: int = 24, restriction_review_days: int = 180) -> Story:
    story = Story(
        all_able(plan(lift_notice_hours=lift_notice_hours, restriction_review_days=restriction_review_days)),
        Right.RESTRICTION,
    )
    story.all_answer()
    story.all_answer()
    assert story.closed()
    return story


def test_s41_the_person_is_told_before_it_is_lifted() -> None:
    story = restricted(lift_notice_hours=0)
    assert isinstance(story.line("crm", "contacts"), Restricted)
    assert [one.kind for one in story.state.obligations] == ["restriction"]
    assert not story.state.forgotten
    sent = len(story.tasks)
    made = lift(story)
    assert [getattr(one, "kind", "") for one in made.effects] == ["restriction_lifted"]
    assert len(story.tasks) == sent, "nothing leaves in the step that tells the person"
    assert lift(story).ignored == "the restriction is about to be lifted already"
    story.fire("lift")
    story.all_answer()
    assert actions(story)[-1] is Action.LIFT
    story.all_answer()
    assert isinstance(story.line("crm", "contacts"), Lifted)
    assert [one.number for one in story.records] == [1, 2]
    assert lift(story).ignored == "nothing is restricted by it"
    assert replay(lambda _: story.plan, story.history) == story.state
    assert not story.state.known


def test_a_restriction_is_looked_at_again_and_stands_until_it_is_lifted() -> None:
    story = restricted(restriction_review_days=10)
    story.fire("owed")
    assert "restriction_review" in kinds(story)
    (owed,) = story.state.obligations
    assert (owed.kind, owed.due) == ("restriction", "2026-03-21")
    assert "owed" in story.state.timers


def learnt_late_while_the_lift_is_announced() -> Story:
    """A late answer opens another episode between the notice and the lift."""
    sets = (able(contacts(kinds=("email", "customer_id"), yields=("customer_id",))),)
    story = Story(plan(system("crm", *sets)), Right.RESTRICTION)
    first = story.out()["crm"]
    story.all_answer()
    story.all_answer()
    lift(story)
    story.told(story.confirmation(first, found(), (link("customer_id", "7"),)))
    assert story.out()["crm"].action is Action.LOCATE
    return story


def test_s41_what_is_found_late_does_not_lift_before_the_notice_is_over() -> None:
    story = learnt_late_while_the_lift_is_announced()
    story.all_answer()
    assert story.out()["crm"].action is Action.RESTRICT
    story.all_answer()
    assert story.closed()
    assert isinstance(story.line("crm", "contacts"), Restricted)
    assert lift(story).ignored == "the restriction is about to be lifted already"
    story.fire("lift")
    story.all_answer()
    story.all_answer()
    assert isinstance(story.line("crm", "contacts"), Lifted)
    assert not story.state.obligations
    assert replay(lambda _: story.plan, story.history) == story.state


def test_i06_a_lift_that_is_due_while_something_is_searched_is_not_forgotten() -> None:
    story = learnt_late_while_the_lift_is_announced()
    story.fire("lift")
    story.all_answer()
    story.all_answer()
    assert story.closed()
    story.fire("lift")
    story.all_answer()
    story.all_answer()
    assert isinstance(story.line("crm", "contacts"), Lifted)


def test_i06_a_lift_that_was_ordered_outlives_an_episode_that_is_withdrawn() -> None:
    story = learnt_late_while_the_lift_is_announced()
    story.told(RequestWithdrawn(**base(story)))
    story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=(story.out()["crm"].task_id,)))
    assert story.closed()
    assert [one.kind for one in story.state.obligations] == ["restriction"]
    story.fire("lift")
    story.all_answer()
    story.all_answer()
    assert isinstance(story.line("crm", "contacts"), Lifted)


def test_i06_a_restriction_that_may_have_been_set_is_looked_at_again() -> None:
    story = Story(all_able(plan()), Right.RESTRICTION)
    story.all_answer()
    story.told(RequestWithdrawn(**base(story)))
    story.fire("silent:crm")
    assert story.closed()
    assert story.records[0].systems == ()
    assert [(one.kind, one.system) for one in story.state.obligations] == [("restriction", "crm")]
    lift(story)
    story.fire("lift")
    story.all_answer()
    assert story.out()["crm"].action is Action.LIFT
    story.all_answer()
    assert not story.state.obligations


def test_an_open_restriction_is_not_lifted() -> None:
    story = Story(CRM, Right.RESTRICTION)
    assert lift(story).ignored == "it is still being worked on"


@pytest.mark.parametrize("acting", [False, True])
def test_a_restriction_that_comes_later_holds_an_erasure_back(*, acting: bool) -> None:
    story = Story(CRM)
    if acting:
        story.all_answer()
    made = story.told(OtherOpened(request_id="req", observed_at=at(story.now), other="lim"))
    assert bool([one for one in made.effects if isinstance(one, Recall)]) == acting
    if acting:
        (task,) = story.out().values()
        story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=(task.task_id,)))
    story.all_answer()
    sent = [one for one in story.tasks if one.action is Action.ERASE]
    assert story.phase() is Phase.DECIDING
    story.told(OtherClosed(request_id="req", observed_at=at(story.now), other="lim"))
    story.all_answer()
    assert len([one for one in story.tasks if one.action is Action.ERASE]) == len(sent) + 1
    story.all_answer()
    assert story.closed()
    assert replay(lambda _: story.plan, story.history) == story.state


# -- withdrawal and objection -----------------------------------------------------------------------------
@pytest.mark.parametrize("right", [Right.WITHDRAWAL_OF_CONSENT, Right.OBJECTION])
def test_it_takes_effect_at_receipt_whoever_asks(right: Right) -> None:
    story = Story(CRM, right, identity="unverified")
    assert story.phase() is Phase.DISCOVERING
    story.all_answer()
    assert story.out()["crm"].order.purposes == ("marketing",)
    story.all_answer()
    assert story.closed()
    assert story.line("crm", "contacts") == Stopped(("marketing",), 1, at())
    assert ("consent_withdrawn" in kinds(story)) == (right is Right.WITHDRAWAL_OF_CONSENT)
    assert [one.kind for one in story.state.obligations] == ["suppression"]


def test_an_objection_to_anything_else_waits_until_it_is_known_who_asks() -> None:
    story = Story(BOTH, Right.OBJECTION, identity="unverified", asked=Asked(purposes=("scoring",)))
    assert story.phase() is Phase.VERIFYING


def test_a_purpose_that_nobody_knows_stops() -> None:
    story = Story(CRM, Right.WITHDRAWAL_OF_CONSENT, asked=Asked(purposes=("newslettr",)))
    assert story.reasons == ["unknown_purpose"]


def test_what_does_not_rest_on_consent_is_not_withdrawn() -> None:
    contract = contacts(purpose="delivery", basis="contract", stoppable=("marketing",))
    story = Story(plan(system("crm", contract)), Right.WITHDRAWAL_OF_CONSENT, asked=Asked(purposes=("delivery",)))
    story.all_answer()
    assert story.closed()
    assert (story.records[0].result, story.records[0].headline) == ("not_subject", "not_subject")
    assert "Art. 7(3): does not rest on consent" in story.records[0].not_searched["crm/contacts"]


def test_i01_what_one_purpose_reaches_and_nobody_searched_is_not_called_out_of_reach() -> None:
    far = contacts(purpose="news", basis="consent", kinds=("customer_id",), stoppable=("news",))
    near = contacts(purpose="ads", basis="consent", stoppable=("ads",))
    systems = (system("crm", near), system("mail", far))
    story = Story(plan(*systems), Right.WITHDRAWAL_OF_CONSENT, asked=Asked(purposes=("news", "ads")))
    while story.out():
        story.all_answer()
    assert story.closed()
    (record,) = story.records
    assert (record.result, record.headline) == ("partly_fulfilled", "not_searched")
    assert record.not_searched == {"mail": "GDPR Art. 11: cannot be identified there; would help: customer_id"}


def objection() -> Story:
    story = Story(BOTH, Right.OBJECTION, asked=Asked(purposes=("marketing", "scoring")))
    story.all_answer()
    assert story.out()["crm"].order.purposes == ("marketing",)
    assert story.out()["crm"].order.record_sets == ("contacts",)
    story.all_answer()
    assert story.out()["crm"].action is Action.RESTRICT
    assert story.out()["crm"].order.record_sets == ("scores",)
    story.all_answer()
    assert story.reasons == ["objection_to_balance"]
    assert story.resume().ignored == "nothing waits for a person"
    return story


def test_s38_an_objection_that_is_upheld_stops_the_purpose_then_lifts() -> None:
    story = objection()
    balance(story, Balance.UPHELD)
    assert story.out()["crm"].order.purposes == ("scoring",)
    story.all_answer()
    assert not story.out(), "the person was told, and has time"
    story.fire("lift")
    assert story.out()["crm"].action is Action.LIFT
    story.all_answer()
    assert story.closed()
    assert story.line("crm", "scores") == Stopped(("scoring",), 1, at())
    assert story.line("crm", "contacts") == Stopped(("marketing",), 1, at())
    (scores,) = [one for one in story.records[0].systems[0].record_sets if one.name == "scores"]
    assert scores.also == (Lifted(1, at()),)
    assert story.records[0].result == "fulfilled"
    assert [one.kind for one in story.state.obligations] == ["suppression"]
    assert replay(lambda _: story.plan, story.history) == story.state


def test_s38_an_objection_that_is_overridden_is_lifted_after_notice_and_says_where_to_complain() -> None:
    story = objection()
    sent = len(story.tasks)
    balance(story, Balance.OVERRIDDEN)
    assert kinds(story)[-1] == "restriction_lifted"
    assert len(story.tasks) == sent
    story.fire("lift")
    story.all_answer()
    assert story.closed()
    assert (story.records[0].result, story.records[0].ground) == ("partly_fulfilled", "overriding_grounds")
    assert story.line("crm", "scores") == Lifted(1, at())
    assert story.line("crm", "contacts") == Stopped(("marketing",), 1, at()), "marketing is never weighed"
    assert balance(story, Balance.UPHELD).ignored == "the request is closed"


def test_an_objection_to_nothing_but_interests_is_refused_when_overridden() -> None:
    story = Story(BOTH, Right.OBJECTION, asked=Asked(purposes=("scoring",)))
    story.all_answer()
    story.all_answer()
    balance(story, Balance.OVERRIDDEN)
    assert balance(story, Balance.UPHELD).ignored == "it was weighed already: overridden"
    story.fire("lift")
    story.all_answer()
    assert (story.records[0].result, story.records[0].ground) == ("refused", "overriding_grounds")


def test_an_objection_without_purposes_is_against_all_interests() -> None:
    story = Story(BOTH, Right.OBJECTION, asked=Asked())
    story.all_answer()
    assert story.out()["crm"].order.record_sets == ("scores",)


def test_where_nothing_is_held_nothing_is_weighed() -> None:
    story = Story(BOTH, Right.OBJECTION, asked=Asked(purposes=("scoring",)))
    story.nothing()
    assert story.closed()
    assert story.records[0].result == "nothing_held"


def test_s38_an_objection_to_marketing_is_never_weighed() -> None:
    story = Story(BOTH, Right.OBJECTION, asked=Asked(purposes=("marketing",)))
    story.all_answer()
    for decided in Balance:
        assert balance(story, decided).ignored == "nothing of it is to be weighed"
    story.all_answer()
    assert story.closed()
    assert (story.records[0].result, story.records[0].ground) == ("fulfilled", None)
    assert "restriction_lifted" not in kinds(story)


def test_an_objection_withdrawn_while_it_restricts_can_still_be_lifted() -> None:
    story = objection()
    story.told(RequestWithdrawn(**base(story)))
    assert story.closed()
    assert [one.kind for one in story.state.obligations] == ["restriction"]
    lift(story)
    story.fire("lift")
    story.all_answer()
    story.all_answer()
    assert story.line("crm", "scores") == Lifted(1, at())
    assert story.state.forgotten


def test_s29_what_a_leg_has_done_is_told_where_the_next_one_did_not_end() -> None:
    story = Story(BOTH, Right.OBJECTION, asked=Asked(purposes=("marketing", "scoring")))
    story.all_answer()
    story.all_answer()
    assert story.out()["crm"].action is Action.RESTRICT
    story.told(RequestWithdrawn(**base(story)))
    story.fire("silent:crm")
    assert story.closed()
    assert story.records[0].not_searched["crm"].endswith("; stopped: 1 record before")


def test_i01_what_is_found_late_goes_through_all_legs_again() -> None:
    crm, shop = BOTH.systems[0], system("shop", able(contacts(kinds=("customer_id",))))
    story = Story(plan(crm, shop), Right.OBJECTION, asked=Asked(purposes=("marketing", "scoring")))
    first = story.out()["crm"]
    story.all_answer()
    story.all_answer()
    assert story.state.progress.leg == 1
    story.told(story.confirmation(first, found(), (link("customer_id", "7"),)))
    assert (story.phase(), story.state.progress.leg) == (Phase.DISCOVERING, 0)
    # The order that is out is answered; that answer is none to the orders that follow.
    story.answer("crm", {"scores": changed(Action.RESTRICT)})
    while story.out():
        story.all_answer()
    stopped = [one.system for one in story.tasks if one.action is Action.STOP]
    assert stopped == ["crm", "crm", "shop"]
    assert story.reasons == ["objection_to_balance"]


# -- portability ------------------------------------------------------------------------------------------
def test_s42_only_what_was_provided_on_consent_or_contract_is_ported() -> None:
    sets = (able(contacts()), msgspec.structs.replace(able(contacts("bills")), basis="legal_obligation"))
    story = Story(plan(system("crm", *sets)), Right.PORTABILITY, asked=Asked(transfer_to="other-bank"))
    story.all_answer()
    assert story.out()["crm"].order.fields == {"contacts": ("email",)}
    story.all_answer()
    (job,) = story.effects(AssemblePackage)
    assert job.portable
    story.told(
        PackageAssembled(request_id="req", observed_at=at(story.now), job_id=job.job_id, file="f", sha256="1" * 64)
    )
    assert story.closed()
    assert "Art. 20(1)(a)" in story.records[0].not_searched["crm/bills"]
    assert (story.records[0].result, story.records[0].headline) == ("fulfilled", "exported")
    assert {one.kind for one in story.state.obligations} == {"transfer", "package_expiry"}
    assert "transfer" in kinds(story)


# -- by hand ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("right", [Right.COMPLAINT, Right.SAFEGUARD_COPY])
def test_s22_s52_what_no_system_answers_a_person_does(right: Right) -> None:
    story = Story(plan(), right)
    assert story.tasks == []
    assert story.reasons == ["manual_task"]
    assert attest(story).ignored == "no system is asked anything for it"
    attest(story, system="")
    assert story.closed()
    (line,) = story.records[0].by_hand
    assert line.outcome == Attested("dpo", "2026-03-01", SHA)
    assert (story.records[0].result, story.records[0].headline) == ("fulfilled", "attested")


def test_a_system_that_cannot_waits_for_a_person_and_the_others_go_on() -> None:
    story = Story(plan(system("crm", able(contacts())), system("mail", attested=True)), Right.RESTRICTION)
    story.all_answer()
    assert story.reasons == ["manual_task"]
    assert "expunge attest req mail/contacts" in story.state.attention[0].todo
    assert "attested = true" not in story.state.attention[0].todo
    assert attest(story, "crm").ignored == "nothing is to be done by hand there"
    story.answer("crm", changed(Action.RESTRICT))
    assert not story.closed()
    attest(story, "mail", "contacts")
    assert story.closed()
    assert story.line("mail", "contacts") == Attested("dpo", "2026-03-01", SHA)
    assert story.records[0].headline == "attested"
    assert sorted(one.system for one in story.state.obligations) == ["crm", "mail"]


def test_nobody_is_taken_at_their_word_where_the_policy_does_not_say_so() -> None:
    story = Story(plan(), Right.RESTRICTION)
    story.all_answer()
    assert "attested = true under [systems.crm]" in story.state.attention[0].todo
    assert attest(story).ignored == "the policy takes nobody's word for this system"
    assert not story.closed()
    # The configuration is corrected: now the word counts.
    story.corrected(system("crm", attested=True))
    story.resume()
    story.all_answer()
    attest(story)
    assert story.closed()


def test_i01_a_word_is_about_what_was_found_when_it_was_given() -> None:
    shop = system("shop", able(contacts(kinds=("customer_id",))))
    story = Story(plan(system("crm", attested=True), shop), Right.RESTRICTION)
    first = story.out()["crm"]
    story.all_answer()
    attest_later = story.told(story.confirmation(first, found(2), (link("customer_id", "7"),)))
    assert attest_later.ignored == "the confirmation was heard before" or story.phase() is Phase.DISCOVERING
    story.all_answer()
    assert story.reasons == ["manual_task"]
    attest(story)
    story.told(story.confirmation(first, found(3), (link("customer_id", "8"),)))
    assert story.phase() is Phase.DISCOVERING
    story.all_answer()
    story.all_answer()
    assert story.reasons == ["manual_task"], "more was found since: somebody has to say it again"
    attest(story)
    while story.out():
        story.all_answer()
    assert story.closed()


def test_where_nothing_is_held_nothing_is_left_to_do_by_hand() -> None:
    story = Story(plan(), Right.RESTRICTION)
    story.nothing()
    assert story.closed()
    assert story.line("crm", "contacts") == NothingHeld()


@pytest.mark.parametrize(
    ("basis", "letter"),
    [
        ("consent", "a"), ("contract", "b"), ("legitimate_interest", "f"), ("Legitimate interests", "f"),
        ("GDPR Art. 6(1)(e)", "e"), ("", ""), ("because", ""),
    ],
)  # fmt: skip
def test_a_basis_is_read_as_it_is_spelled(basis: str, letter: str) -> None:
    assert bases.letter(basis) == letter


def test_every_right_has_a_procedure() -> None:
    for right in Right:
        story = Story(CRM, right)
        assert bool(procedures.of(CRM, story.state).legs) != procedures.answered_by_a_person(right)


def test_what_was_found_while_another_erasure_ran_is_looked_for_again() -> None:
    story = Story(plan(system("crm"), system("hr")), others=("one",))
    first = story.out()["crm"].task_id
    story.answer("hr", found(3))
    story.told(OtherClosed(request_id="req", observed_at=at(), other="one", erased=True))
    assert story.out()["crm"].task_id != first, "a search that is out may have looked before"
    story.all_answer(NothingHeld())
    assert story.closed()
    assert story.records[0].result == "nothing_held"


def test_another_request_that_nobody_waits_for_changes_nothing_when_it_closes() -> None:
    story = Story(plan())
    made = story.told(OtherClosed(request_id="req", observed_at=at(), other="one", erased=True))
    assert made.ignored == "not waited for"


def test_one_that_ends_does_not_look_again_when_another_erasure_is_over() -> None:
    story = Story(plan(), others=("one",))
    story.told(RequestWithdrawn(**base(story)))
    story.told(OtherClosed(request_id="req", observed_at=at(), other="one", erased=True))
    assert len(story.effects(IssueTask)) == 1


def test_an_erasure_waits_once_for_the_same_restriction() -> None:
    story = Story(plan())
    one = OtherOpened(request_id="req", observed_at=at(), other="limit")
    assert not story.told(one).ignored
    assert story.told(one).ignored == "it is waited for already"


def test_what_is_handed_to_another_controller_is_brought_up_when_it_is_due() -> None:
    story = Story(all_able(plan()), Right.PORTABILITY, asked=Asked(transfer_to="other-bank"))
    story.all_answer()
    story.all_answer()
    (job,) = story.effects(AssemblePackage)
    story.told(
        PackageAssembled(request_id="req", observed_at=at(story.now), job_id=job.job_id, file="f", sha256="1" * 64)
    )
    while "transfer" in {one.kind for one in story.state.obligations}:
        story.fire("owed")
    (told,) = [one for one in story.notices if one.kind == "transfer_due"]
    assert (told.to, told.facts["controller"]) == ("dpo", "other-bank")


def test_what_an_earlier_leg_found_empty_is_not_told_as_done() -> None:
    story = Story(BOTH, Right.OBJECTION, asked=Asked(purposes=("marketing", "profiling", "scoring")))
    story.answer("crm", {"contacts": NothingHeld(), "scores": found()})
    while story.out() and story.out()["crm"].action is not Action.RESTRICT:
        story.all_answer()
    story.told(RequestWithdrawn(**base(story)))
    story.fire("silent:crm")
    assert "before" in story.records[0].not_searched["crm"]
    assert "stopped" not in story.records[0].not_searched["crm"]


def test_an_objection_reaches_nothing_that_rests_on_a_contract() -> None:
    contract = msgspec.structs.replace(able(contacts("deliveries")), purpose="scoring", basis="contract", stoppable=())
    story = Story(plan(system("crm", contract)), Right.OBJECTION, asked=Asked(purposes=("scoring",)))
    story.all_answer()
    assert story.closed()
    assert (
        story.records[0]
        .not_searched["crm/deliveries"]
        .endswith("GDPR Art. 21(1): rests on neither Art. 6(1)(e) nor (f)")
    )


def test_a_lift_of_a_closed_restriction_goes_by_the_newest_plan() -> None:
    story = restricted()
    lift(story)
    story.newer = all_able(plan(system("crm", contacts(max_records=5))))
    newest = story.in_force()
    story.fire("lift")
    assert story.state.plan_sha256 == newest
    story.all_answer()
    story.all_answer()
    assert isinstance(story.line("crm", "contacts"), Lifted)


def test_a_purpose_of_several_words_is_named_with_underscores() -> None:
    care = msgspec.structs.replace(able(contacts()), purpose="customer care", stoppable=())
    story = Story(plan(system("crm", care)), Right.WITHDRAWAL_OF_CONSENT, asked=Asked(purposes=("customer_care",)))
    assert story.reasons == []
    story.all_answer()
    assert story.reasons == ["manual_task"], "it reaches the record set; no column says so, and a person does it"
    other = Story(plan(system("crm", care)), Right.WITHDRAWAL_OF_CONSENT, asked=Asked(purposes=("customercare",)))
    assert other.reasons == ["unknown_purpose"]


# -- evidence must not change -------------------------------------------------------------------------------
HOLD = Hold("hold-1", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at(), ("crm/contacts",))
TWO = all_able(plan(system("crm", contacts(), contacts("leads"))))
CITIES = Asked(corrected={"crm/contacts": ("city",), "crm/leads": ("city",)})


def test_s29_what_a_hold_is_about_is_not_corrected_and_the_record_says_so() -> None:
    story = Story(TWO, Right.RECTIFICATION, asked=CITIES, holds=(HOLD,))
    story.answer("crm", found())
    assert story.out()["crm"].order.corrects == ("leads",)
    story.all_answer()
    line = story.line("crm", "contacts")
    assert isinstance(line, Kept)
    assert (line.count, line.why, line.text, line.review_by) == (1, "hold", "gdpr-17-3-e", "2027-01-01")
    assert isinstance(story.line("crm", "leads"), Rectified)
    (record,) = story.records
    assert (record.result, record.headline) == ("partly_fulfilled", "kept")
    assert {one.name: one.rule for one in record.systems[0].record_sets}["contacts"] == "hold:hold-1:gdpr-17-3-e"
    assert story.state.obligations == (), "what was right is not known any more: nothing goes on by itself"
    (told,) = [one for one in story.notices if one.kind == "rectification_held"]
    assert (told.to, told.facts["holds"], told.facts["record_set"]) == ("dpo", "hold-1", "contacts")
    assert "partly_refused" in kinds(story)


def test_s29_where_all_is_held_no_order_leaves_and_where_nothing_is_found_nothing_is_kept() -> None:
    story = Story(CRM, Right.RECTIFICATION, holds=(HOLD,))
    story.all_answer()
    assert story.closed()
    assert Action.RECTIFY not in actions(story)
    empty = Story(CRM, Right.RECTIFICATION, holds=(HOLD,))
    empty.all_answer(NothingHeld())
    assert empty.records[0].result == "nothing_held"


def test_s29_a_hold_that_is_placed_while_it_is_corrected_calls_the_order_back_and_its_release_lets_it_go() -> None:
    story = Story(all_able(plan()), Right.RECTIFICATION)
    story.all_answer()
    task = story.out()["crm"].task_id
    story.told(HoldPlaced(**base(story), hold=HOLD))
    assert story.effects(Recall)[-1].tasks == (task,)
    story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=(task,)))
    assert story.out()["crm"].action is Action.LOCATE
    story.told(HoldReleased(**base(story), hold_id="hold-1"))
    story.all_answer()
    assert story.out()["crm"].action is Action.RECTIFY
    story.all_answer()
    assert isinstance(story.line("crm", "contacts"), Rectified)
