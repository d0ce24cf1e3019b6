"""Processors are asked and recipients told, and the request waits for both (ADR 35; GDPR Art. 19, 28)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from orchestrator.core import commanding, recipients, recipients_answers, recipients_told
from orchestrator.core.asked import Asked, Balance
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.commands_deciding import HoldPlaced
from orchestrator.core.commands_recipients import RecipientAnswered, RecipientAsked
from orchestrator.core.commands_rights import ObjectionBalanced
from orchestrator.core.events import Recalled
from orchestrator.core.machine import Step
from orchestrator.core.model import Retention
from orchestrator.core.plan import PolicyVersionPlan, RecipientPlan, RetentionRulePlan
from orchestrator.core.recipient_task import RecipientTask
from orchestrator.core.replay import replay
from orchestrator.core.rulings import Hold
from orchestrator.errors import IllegalTransitionError
from schemas.completion import RecipientLine
from schemas.outcomes import Attested, Kept, KeptWhy, NothingHeld, Notified
from schemas.requests import Right
from tests.support.stories import (
    EMAIL,
    Story,
    all_able,
    at,
    contacts,
    deleted,
    found,
    invoices,
    link,
    plan,
    speaks,
    system,
)

SHA = "a" * 64
MAILER = RecipientPlan("mailer", "Mailer Ltd", "processor", ("crm/contacts",), country="PL", owner="marketing")
PARTNER = RecipientPlan("partner", "Partner SA", "partner", ("crm/contacts",))


def with_(*recipients: RecipientPlan, of: Any = None) -> Any:
    return msgspec.structs.replace(of or plan(), recipients=recipients)


def acted(*recipients: RecipientPlan, of: Any = None, right: Right = Right.ERASURE, **more: Any) -> Story:
    """A request whose systems have all done their part."""
    story = Story(with_(*recipients, of=of), right, **more)
    for _ in range(2):
        story.all_answer()
    return story


def sent(story: Story, name: str = "mailer", **more: Any) -> Step:
    return story.told(RecipientAsked(request_id="req", observed_at=at(story.now), role="dpo", recipient=name, **more))


def answer(story: Story, name: str = "mailer", **what: Any) -> Step:
    given: dict[str, Any] = {"found": 2, "document_sha256": SHA, "role": "dpo"} | what
    return story.told(RecipientAnswered(request_id="req", observed_at=at(story.now), recipient=name, **given))


def lines(story: Story) -> dict[str, RecipientLine]:
    return {one.recipient: one for one in story.records[-1].recipients}


def task(story: Story, name: str = "mailer") -> RecipientTask:
    return story.state.recipients[name]


def called(story: Story) -> list[tuple[str, str, str]]:
    return [(one.reason, one.system, one.owner) for one in story.state.attention]


def test_a_processor_is_asked_and_waited_for_and_ends_as_attested() -> None:
    story = Story(with_(MAILER))
    assert not story.state.recipients, "nobody is asked before it is known what is erased"
    story.all_answer()
    assert called(story) == [("recipient_to_ask", "mailer", "marketing")]
    assert (task(story).does, task(story).sets, task(story).refs) == ("erase", ("crm/contacts",), ("ref-email",))
    story.all_answer()
    assert not story.closed()
    sent(story)
    assert not story.state.attention, "it was sent: nothing is to be done before it is due"
    assert speaks(story.state)
    answer(story)
    assert story.closed()
    line = lines(story)["mailer"]
    assert line.outcome == Attested("processor", "2026-03-01", SHA)
    assert (line.assurance, line.found, line.country, line.asked_on) == ("attested", 2, "PL", "2026-03-01")
    assert (story.records[0].result, story.records[0].headline) == ("fulfilled", "attested")
    (told,) = [one for one in story.notices if one.kind == "recipients"]
    assert (told.to, told.facts["processors"]) == ("subject", "mailer")
    assert replay(lambda _: story.plan, story.history) == story.state
    assert not story.state.timers


def test_i06_silence_shows_before_the_deadline_and_never_completes() -> None:
    story = acted(MAILER)
    sent(story)
    assert task(story).due < story.state.due_on
    for _ in range(3):
        story.fire("remind:mailer")
    reminders = [one for one in story.notices if one.kind == "recipient_reminder"]
    assert [one.facts["state"] for one in reminders] == ["sent"] * 3
    assert {one.to for one in reminders} == {"marketing"}
    story.fire("answer:mailer")
    assert called(story) == [("recipient_silent", "mailer", "marketing")]
    assert at(story.now)[:10] < story.state.due_on
    story.fire("deadline")
    assert not story.closed()
    assert not story.records
    story.resume()
    assert "recipient_silent" in story.reasons, "nobody mends silence by saying so"
    answer(story, found=0)
    assert story.closed()
    assert lines(story)["mailer"].found == 0


def test_what_was_never_sent_is_reminded_of_and_a_plan_may_have_no_reminders() -> None:
    story = acted(MAILER)
    story.fire("remind:mailer")
    assert story.notices[-1].facts["state"] == "not_sent"
    quiet = acted(MAILER, of=plan(recipient_reminder_days=0))
    assert set(quiet.state.timers) == {"answer:mailer", "deadline"}


def test_a_request_that_is_late_already_wants_the_answer_at_once() -> None:
    late = acted(MAILER, received_at="2026-02-03T09:00:00.000Z")
    assert late.state.due_on == "2026-03-03"
    assert task(late).due == "2026-03-02"
    over = acted(MAILER, received_at="2026-01-02T09:00:00.000Z")
    assert task(over).due == "2026-03-01"


def test_i08_an_exception_is_kept_by_the_processor_owed_and_asked_again() -> None:
    story = acted(MAILER)
    answer(story, exception="e", text="gdpr-17-3-e", review_by="2026-09-01")
    assert story.closed()
    line = lines(story)["mailer"]
    assert line.outcome == Kept(2, KeptWhy.LEGAL_CLAIMS, "gdpr-17-3-e", review_by="2026-09-01")
    assert (line.assurance, line.document_sha256) == ("attested", SHA)
    assert (story.records[0].result, story.records[0].headline) == ("partly_fulfilled", "kept")
    (owed,) = story.state.obligations
    assert (owed.kind, owed.recipient, owed.due) == ("recipient", "mailer", "2026-09-01")
    assert not story.state.forgotten
    assert [one.ref for one in story.state.known] == ["ref-email"], "it is owed that it can be named once more"
    story.fire("owed")
    assert story.state.episode == 2
    assert task(story).owed
    assert called(story) == [("recipient_to_ask", "mailer", "marketing")]
    answer(story)
    assert story.closed()
    assert story.records[-1].number == 2
    assert isinstance(lines(story)["mailer"].outcome, Attested)
    assert story.records[-1].result == "fulfilled"
    assert story.state.forgotten


def test_what_it_keeps_until_a_day_is_asked_for_on_that_day() -> None:
    story = acted(MAILER)
    answer(story, exception="b", text="gdpr-17-3-b", until="2026-09-01")
    assert story.records[0].identifiers_kept_until == "2026-09-01"
    story.fire("owed")
    story.told(RequestWithdrawn(request_id="req", observed_at=at(story.now), role="dpo"))
    assert story.closed()
    assert story.records[-1].headline == "not_searched"
    (owed,) = story.state.obligations
    assert (owed.recipient, owed.due) == ("mailer", "2026-09-02"), "what it keeps is still owed"


def test_another_episode_leaves_what_a_processor_keeps_and_says_that_it_does() -> None:
    """The invoices come due; what the processor of the contacts keeps stays owed, and the record counts it."""
    both = plan(system("crm", contacts(), invoices(kinds=("email",))))
    story = Story(with_(MAILER, of=both))
    story.all_answer(found(last="2016-06-01"))
    kept = Kept(1, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", until="2026-06-01")
    story.answer("crm", {"contacts": deleted(), "invoices": kept})
    answer(story, exception="e", text="gdpr-17-3-e", review_by="2030-01-01")
    story.fire("owed")
    assert story.state.episode == 2
    story.answer("crm", {"contacts": NothingHeld(), "invoices": found(last="2016-06-01")})
    story.answer("crm", {"contacts": NothingHeld(), "invoices": deleted()})
    assert story.closed()
    assert story.records[-1].headline == "kept"
    assert [one.kind for one in story.state.obligations] == ["recipient"]


def test_a_recipient_is_told_after_the_erasure_and_is_told_by_being_written_to() -> None:
    story = Story(with_(PARTNER))
    story.all_answer()
    assert not story.state.recipients, "nothing is erased yet"
    story.all_answer()
    assert not story.closed()
    sent(story, "partner")
    assert story.closed()
    assert lines(story)["partner"].outcome == Notified("partner")
    assert (story.records[0].result, story.records[0].headline) == ("fulfilled", "deleted")


@pytest.mark.parametrize("word", ["impossible", "disproportionate"])
def test_a_recipient_that_cannot_be_told_is_said_to_be(word: str) -> None:
    story = acted(PARTNER)
    answer(story, "partner", exception=word, found=None)
    assert story.closed()
    assert lines(story)["partner"].why_not == recipients_answers.WHY_NOT_TOLD[word]
    assert not [one for one in story.notices if one.kind == "recipients"]


def test_a_recipient_may_be_noted_as_told_with_a_document() -> None:
    story = acted(PARTNER)
    answer(story, "partner", found=None)
    assert lines(story)["partner"].document_sha256 == SHA


def test_s28_of_an_authority_the_person_is_not_told() -> None:
    story = acted(msgspec.structs.replace(PARTNER, role="authority"), PARTNER_TOO)
    sent(story, "partner")
    sent(story, "too")
    assert lines(story)["partner"].withheld == "gdpr-23"
    (told,) = [one for one in story.notices if one.kind == "recipients"]
    assert told.facts["told"] == "too"


PARTNER_TOO = RecipientPlan("too", "Too", "recipient", ("crm/contacts",))
TWO = plan(system("crm", contacts(), contacts("leads")), system("hr", contacts("files")))


@pytest.mark.parametrize(
    ("one", "says"),
    [
        (RecipientPlan("x", "X", "processor", ("crm/leads",)), "nothing was held"),
        (RecipientPlan("x", "X", "processor", ("hr/files",)), "out of the scope"),
        (RecipientPlan("x", "X", "processor", ("crm/contacts",), since="2027-01-01"), "from 2027-01-01 on"),
        (RecipientPlan("x", "X", "processor", ("crm/contacts",), through="crm"), "connected system crm"),
        (RecipientPlan("x", "X", "processor", always=True), "out of the scope"),
        (RecipientPlan("x", "X", "authority", category=True), "out of the scope"),
        (RecipientPlan("x", "X", "recipient", ("crm/leads",)), "nothing was changed"),
        (RecipientPlan("x", "X", "recipient", ("crm/contacts",), since="2027-01-01"), "from 2027-01-01 on"),
    ],
)
def test_who_is_not_concerned_is_named_and_weighs_nothing(one: RecipientPlan, says: str) -> None:
    story = Story(with_(one, of=TWO), scope=("crm",))
    story.answer("crm", {"contacts": found(), "leads": NothingHeld()})
    story.answer("crm", {"contacts": deleted(), "leads": NothingHeld()})
    assert story.closed()
    assert says in lines(story)["x"].why_not
    assert story.records[0].headline == "deleted"


def test_i01_a_processor_that_nothing_leads_to_is_not_called_empty() -> None:
    story = acted(RecipientPlan("x", "X", "processor"), RecipientPlan("k", "kind", "authority", category=True))
    assert story.closed()
    assert lines(story)["x"].why_not == recipients_told.UNASKED
    assert "does not say whose" in lines(story)["k"].why_not
    assert (story.records[0].result, story.records[0].headline) == ("partly_fulfilled", "not_searched")


@pytest.mark.parametrize("sets", [(), ("crm/contacts",)])
def test_one_that_collects_by_itself_is_asked_whatever_is_found(sets: tuple[str, ...]) -> None:
    story = Story(with_(RecipientPlan("mailer", "M", "processor", sets, always=True)))
    story.nothing()
    assert task(story).refs == ("ref-email",)
    answer(story, found=0)
    assert story.closed()


def test_a_processor_of_a_system_that_is_not_connected_any_more_is_asked_nothing() -> None:
    story = acted(RecipientPlan("mailer", "M", "processor", ("erp/contacts",)))
    assert "out of the scope" in lines(story)["mailer"].why_not


def test_what_is_found_through_its_parent_is_named_by_what_its_system_is_searched_by() -> None:
    child = contacts("notes", kinds=(), parent="contacts")
    of = plan(system("crm", contacts(), child))
    story = acted(msgspec.structs.replace(MAILER, sets=("crm/notes",)), of=of)
    assert task(story).refs == ("ref-email",)


def test_what_stays_here_is_asked_for_when_it_goes() -> None:
    only = RecipientPlan("mailer", "M", "processor", ("crm/invoices",))
    story = Story(with_(only, of=plan(system("crm", invoices(kinds=("email",))))))
    story.all_answer(found(last="2016-06-01"))
    story.answer("crm", Kept(1, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", until="2026-06-01"))
    assert story.closed()
    assert "asked when that ends" in lines(story)["mailer"].why_not
    story.fire("owed")
    story.all_answer(found(last="2016-06-01"))
    assert task(story).does == "erase"
    story.all_answer()
    assert not story.closed()
    answer(story)
    assert story.closed()
    assert story.records[-1].number == 2


def test_a_record_set_that_is_partly_over_tells_its_recipients() -> None:
    only = RecipientPlan("partner", "P", "recipient", ("crm/invoices",))
    story = Story(with_(only, of=plan(system("crm", invoices(kinds=("email",))))))
    story.all_answer(found(2, last="2020-06-01"))
    kept = Kept(1, KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", until="2030-06-01", erased=1)
    story.answer("crm", kept)
    assert "partner" in story.state.recipients


def test_what_is_found_later_has_it_asked_anew_and_its_first_answer_does_not_count() -> None:
    of = plan(system("crm"), system("mail", contacts("letters", kinds=("email", "phone"))))
    both = msgspec.structs.replace(MAILER, sets=("crm/contacts", "mail/letters"))
    story = Story(with_(both, of=of))
    first = story.out()["crm"]
    story.answer("crm", found())
    story.answer("mail", NothingHeld())
    story.all_answer()
    answer(story, found=1)
    assert story.closed()
    story.told(story.confirmation(first, found(), (link("phone", "+33"),)))
    assert story.state.episode == 2
    assert not story.state.recipients
    for _ in range(2):
        story.all_answer()
    assert not story.closed()
    assert task(story).refs == ("ref-phone-+33",), "nothing else is known of the person any more"
    answer(story)
    assert story.closed()


def test_more_that_is_found_before_the_close_opens_the_task_again() -> None:
    of = plan(system("crm"), system("mail", contacts("letters", kinds=("email", "phone"))))
    both = msgspec.structs.replace(MAILER, sets=("crm/contacts", "mail/letters"))
    story = Story(with_(both, PARTNER, of=of))
    first = story.out()["crm"]
    story.answer("crm", found())
    story.answer("mail", NothingHeld())
    story.all_answer()
    answer(story, found=1)
    assert not story.closed(), "the partner is to be told"
    story.told(story.confirmation(first, found(), (link("phone", "+33"),)))
    for _ in range(4):
        story.all_answer()
    again = task(story)
    assert (again.number, again.open) == (2, True)
    assert again.sets == ("crm/contacts", "mail/letters")
    answer(story)
    sent(story, "partner")
    assert story.closed()
    assert replay(lambda _: story.plan, story.history) == story.state


def test_what_was_asked_is_not_asked_again_where_nothing_new_is_found() -> None:
    story = acted(MAILER)
    answer(story)
    again = acted(MAILER, PARTNER)
    answer(again)
    again.told(HoldPlaced(request_id="req", observed_at=at(9), role="legal", hold=HOLD))
    for _ in range(3):
        again.all_answer(NothingHeld())
    assert task(again).number == 1
    assert not task(again).open


HOLD = Hold("h", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at())


@pytest.mark.parametrize("was_sent", [False, True], ids=["not sent", "sent"])
def test_a_hold_takes_back_what_was_not_sent_and_calls_whoever_sent_it(was_sent: bool) -> None:
    story = Story(with_(MAILER))
    story.all_answer()
    if was_sent:
        sent(story)
    story.told(HoldPlaced(request_id="req", observed_at=at(9), role="legal", hold=HOLD))
    story.told(Recalled(request_id="req", observed_at=at(9), tasks=(story.out()["crm"].task_id,)))
    story.answer("crm", found())
    story.answer("crm", Kept(1, KeptWhy.HOLD, "gdpr-17-3-e", review_by="2027-01-01", looked_at=at()))
    if was_sent:
        assert called(story) == [("recipient_to_ask", "mailer", "marketing")]
        assert "stays now" in story.state.attention[0].todo
        assert not story.closed()
        answer(story, exception="e", text="gdpr-17-3-e", review_by="2027-01-01")
    assert story.closed()
    assert (lines(story)["mailer"].outcome is not None) is was_sent


def test_a_withdrawn_request_says_that_nobody_was_waited_for() -> None:
    story = acted(MAILER, PARTNER)
    sent(story)
    story.told(RequestWithdrawn(request_id="req", observed_at=at(9), role="dpo"))
    assert story.closed()
    assert {one.why_not for one in lines(story).values()} == {recipients_told.ENDED}
    assert story.records[0].headline == "not_searched"
    assert not any(name.startswith(("answer:", "remind:")) for name in story.state.timers)


@pytest.mark.parametrize("right", [Right.RECTIFICATION, Right.RESTRICTION])
def test_whoever_has_it_corrects_and_restricts_it_as_well(right: Right) -> None:
    story = acted(MAILER, PARTNER, of=all_able(plan()), right=right)
    assert {name: one.does for name, one in story.state.recipients.items()} == {
        "mailer": story.state.right.value.replace("ication", "y").replace("ion", ""),
        "partner": story.state.right.value.replace("ication", "y").replace("ion", ""),
    }
    assert answer(story, exception="e", text="gdpr-17-3-e", until="2030-01-01").ignored.startswith("only an erasure")
    answer(story)
    sent(story, "partner")
    assert story.closed()


def test_a_correction_asks_whoever_holds_what_is_corrected_only() -> None:
    of = all_able(plan(system("crm", contacts(), contacts("leads"))))
    leads = RecipientPlan("leads", "L", "processor", ("crm/leads",))
    story = acted(MAILER, leads, of=of, right=Right.RECTIFICATION)
    assert set(story.state.recipients) == {"mailer"}


def test_withdrawn_consent_is_told_to_processors_once_for_all_its_purposes() -> None:
    story = acted(
        MAILER, PARTNER, of=all_able(plan()), right=Right.WITHDRAWAL_OF_CONSENT,
        asked=Asked(purposes=("marketing", "profiling")),
    )  # fmt: skip
    while story.out():
        story.all_answer()
    assert (task(story).does, task(story).purposes) == ("stop", ("marketing", "profiling"))
    assert set(story.state.recipients) == {"mailer"}, "Art. 19 is about erasure, rectification and restriction"
    answer(story)
    assert story.closed()
    assert set(lines(story)) == {"mailer"}


def test_an_objection_reaches_a_processor_when_it_is_upheld() -> None:
    scores = msgspec.structs.replace(
        contacts(), purpose="scoring", basis="f", stoppable=("scoring",), restrictable=True
    )
    story = acted(MAILER, of=plan(system("crm", scores)), right=Right.OBJECTION, asked=Asked(purposes=("scoring",)))
    assert not story.state.recipients, "it is weighed first"
    story.told(
        ObjectionBalanced(request_id="req", observed_at=at(9), role="dpo", balance=Balance.UPHELD, why="weighed")
    )
    while story.out():
        story.all_answer()
    assert task(story).purposes == ("scoring",)
    story.fire("lift")
    while story.out():
        story.all_answer()
    assert not story.closed()
    answer(story)
    assert story.closed()


def test_an_access_asks_nobody_and_a_lift_neither() -> None:
    story = acted(MAILER, PARTNER, right=Right.ACCESS)
    assert not story.state.recipients


def test_i01_nothing_is_completed_while_somebody_is_waited_for() -> None:
    story = acted(MAILER)
    with pytest.raises(IllegalTransitionError, match="still waited for"):
        recipients_told.lines(story.plan, story.state, at())


def test_a_newer_plan_may_not_know_it_any_more() -> None:
    story = acted(MAILER)
    story.plan = plan()
    story.fire("answer:mailer")
    assert called(story)[-1] == ("recipient_silent", "mailer", "dpo")
    answer(story)
    assert lines(story)["mailer"].country == ""


def test_a_request_that_ends_before_anybody_was_asked_says_so() -> None:
    story = Story(with_(MAILER, PARTNER))
    story.told(RequestWithdrawn(request_id="req", observed_at=at(1), role="dpo"))
    story.fire("silent:crm")
    assert {one.why_not for one in lines(story).values()} == {recipients_told.ENDED}


def test_the_identifiers_stay_while_a_processor_owes_although_its_system_is_gone() -> None:
    assert recipients.refs_of(plan(), (EMAIL, link("phone", "+33")), ("erp/x",)) == ("ref-email", "ref-phone-+33")


def test_a_sweep_asks_nobody_and_says_so() -> None:
    of = plan(system("crm", invoices(kinds=("email",))))
    known = RecipientPlan("mailer", "M", "processor", ("crm/invoices",))
    told = RecipientPlan("partner", "P", "recipient", ("crm/invoices",))
    story = Story(with_(known, told, of=of), retention=Retention("crm", "invoices", "2026-03-01"))
    story.all_answer(found(last="2016-03-01"))
    story.all_answer()
    assert story.closed()
    assert {one.why_not for one in lines(story).values()} == {recipients_told._SWEPT}
    assert story.records[0].headline == "deleted"


# -- what may not be noted --------------------------------------------------------------------------------
def rules(of: Story) -> Story:
    known = {
        "policy_versions": (PolicyVersionPlan("1", "2020-01-01"),),
        "retention_rules": (RetentionRulePlan("own", 12),),
    }
    of.plan = msgspec.structs.replace(of.plan, **known)
    return of


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"name": "mialer"}, "no task in this request"),
        ({"document_sha256": "scan.pdf"}, "64 hexadecimal"),
        ({"role": "Ann Other"}, "one word"),
        ({"found": -1}, "number of records"),
        ({"found": None}, "how many records it found"),
        ({"text": "gdpr-17-3-e"}, "no text and no date"),
        ({"exception": "x"}, "no exception of GDPR Art. 17(3)"),
        ({"exception": "e", "found": 0}, "nothing was found"),
        ({"exception": "e", "text": "gdpr-99"}, "nobody knows this legal text"),
        ({"exception": "b", "text": "fr-decret-2011-219"}, "is repealed"),
        ({"exception": "e", "text": ""}, "no text"),
        ({"exception": "e", "text": "gdpr-17-3-e"}, "until when"),
        ({"exception": "e", "text": "gdpr-17-3-e", "until": "2026-02-30"}, "until when"),
        ({"exception": "e", "text": "gdpr-17-3-e", "until": "2026-03-01"}, "until when"),
        ({"exception": "b", "text": "policy:other", "until": "2030-01-01"}, "policy has no such rule"),
        ({"name": "partner", "exception": "e"}, "no reason not to tell"),
        ({"name": "partner", "until": "2030-01-01"}, "no text and no date"),
    ],
)
def test_a_wrong_answer_changes_nothing(what: dict[str, Any], says: str) -> None:
    story = rules(acted(MAILER, PARTNER))
    before = msgspec.json.encode(story.state)
    step = answer(story, **what)
    assert says in step.ignored
    assert msgspec.json.encode(story.state) == before


def test_a_rule_of_the_policy_is_a_text_too() -> None:
    story = rules(acted(MAILER))
    assert not answer(story, exception="b", text="policy:own", until="2030-01-01").ignored


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"name": "mialer"}, "no task in this request"),
        ({"asked_on": "2026-02-28"}, "cannot have been written to on that day"),
        ({"asked_on": "2026-03-02"}, "cannot have been written to on that day"),
        ({"asked_on": "2026-02-30"}, "cannot have been written to on that day"),
    ],
)
def test_it_cannot_be_noted_that_somebody_was_written_to(what: dict[str, Any], says: str) -> None:
    assert says in sent(acted(MAILER), **what).ignored


def test_a_day_may_be_given_and_an_answer_counts_without_it() -> None:
    story = acted(MAILER, PARTNER)
    sent(story, asked_on="2026-03-01")
    assert task(story).sent_at == "2026-03-01"
    answer(story)
    assert "has answered already" in sent(story).ignored


def test_nothing_is_noted_of_a_request_that_ends_or_has_ended() -> None:
    story = acted(MAILER)
    answer(story)
    command = RecipientAnswered(
        request_id="req", observed_at=at(9), role="dpo", recipient="mailer", document_sha256=SHA
    )
    assert commanding.refusal(story.state, command) == ("the request is closed", "see `expunge show`")
    out = Story(with_(MAILER))
    out.all_answer()
    out.told(RequestWithdrawn(request_id="req", observed_at=at(9), role="dpo"))
    wrong = commanding.refusal(out.state, command)
    assert wrong is not None
    assert "about to end" in wrong[0]
