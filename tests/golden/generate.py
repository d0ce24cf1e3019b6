"""Writes the golden histories and ``docs/states.md``: ``python -m tests.golden.generate``.

A history is what the journal would hold: the plan, the events, and what they caused. Old histories must replay to
the same bytes for ever (I5); one that changes means a new version of the machine's logic, said in the CHANGELOG.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.core.asked import Asked, Balance
from orchestrator.core.commands_clock import Extended
from orchestrator.core.commands_deciding import Approved, HoldPlaced, HoldReleased, SetDecided
from orchestrator.core.commands_identity import DocumentDeleted, IdentityConfirmed, IdentityDoubted, Refused
from orchestrator.core.commands_recipients import RecipientAnswered, RecipientAsked
from orchestrator.core.commands_rights import DoneByHand, LiftOrdered, ObjectionBalanced
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.events import Event, OtherClosed, PackageAssembled, Recalled
from orchestrator.core.machine import Step
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan, RecipientPlan
from orchestrator.core.rulings import Hold
from orchestrator.core.transitions import diagram
from schemas.outcomes import Failed, FailureKind, Kept, KeptWhy, NothingHeld, Pending, Survived
from schemas.requesters import Relation, Requester
from schemas.requests import Right
from tests.support.stories import (
    COMPANY,
    EMAIL,
    TEN_YEARS,
    Story,
    able,
    all_able,
    at,
    contacts,
    deleted,
    found,
    link,
    plan,
    system,
)

HERE = Path(__file__).parent
HISTORIES = HERE / "histories"
STATES = HERE.parents[1] / "docs" / "states.md"
PAGE = """# States of a request

Generated from `orchestrator.core.transitions` by `python -m tests.golden.generate`; a test compares. What stops a
request (attention, a retry, waiting for another request) is laid over its state and does not change it.

```mermaid
{}```

It goes back to DISCOVERING when something was learnt after the search had ended (a late answer, a retry by a
person), and after CLOSED when something kept comes due or a late answer says that data is still there.
"""


def plain_erasure() -> Story:
    story = Story(plan(system("crm"), system("mail", contacts("letters", erase="delete", backups_kept_days=30))))
    story.all_answer(found(2))
    story.all_answer(deleted(2))
    return story


def access() -> Story:
    story = Story(plan(system("crm"), system("mail")), Right.ACCESS)
    story.answer("crm", found())
    story.answer("mail", NothingHeld())
    story.all_answer()
    _packaged(story)
    story.fire("owed")
    return story


def retention_then_second_record() -> Story:
    story = Story(COMPANY)
    story.answer("mail", NothingHeld())
    story.answer("crm", {"contacts": found(), "invoices": NothingHeld()}, link("customer_id", "7"))
    story.answer("crm", {"contacts": found(), "invoices": found(2, last="2020-05-05")})
    kept = Kept(2, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", "2029-01-01", masked=True, looked_at=at())
    story.answer("crm", {"contacts": deleted(), "invoices": kept})
    for day in ("2029-01-01", "2030-05-05"):
        story.fire("owed")
        story.answer("crm", {"contacts": NothingHeld(), "invoices": found(1, last="2020-05-05")})
        last = Kept(1, TEN_YEARS.why, TEN_YEARS.text, "2030-05-05", erased=1, masked=True, looked_at=at())
        story.answer("crm", {"contacts": NothingHeld(), "invoices": last if day < "2030" else deleted()})
    return story


def survived_once() -> Story:
    story = Story(plan())
    story.answer("crm", found(3))
    story.answer("crm", Survived(1, "still_there"))
    story.fire("retry:crm")
    story.answer("crm", deleted(3))
    return story


def needs_attention_and_resume() -> Story:
    story = Story(plan(system("crm"), system("mail")))
    story.fire("silent:crm")
    story.answer("mail", found())
    story.answer("crm", Failed(FailureKind.MISCONFIGURED, "datamap"))
    story.resume()
    story.answer("crm", found())
    story.answer("mail", Survived(1, "trigger"))
    story.fire("retry:mail")
    story.answer("mail", Survived(1, "trigger"))
    story.answer("crm", deleted())
    story.resume()
    story.answer("mail", deleted())
    return story


def pending_file() -> Story:
    story = Story(plan(system("logs")))
    story.answer("logs", found(5))
    story.answer("logs", Pending("2026-03-02T00:00:00.000Z", "live_file", 2))
    story.fire("pending:logs")
    story.answer("logs", Failed(FailureKind.TRANSIENT, "busy"))
    story.fire("retry:logs")
    story.answer("logs", deleted(5))
    return story


def two_rounds() -> Story:
    story = Story(COMPANY)
    story.answer("mail", NothingHeld())
    story.answer("crm", {"contacts": found(), "invoices": NothingHeld()}, link("cookie_id", "9"))
    story.answer("events", found(40), link("ip", "a", strength=EMAIL.strength.SHARED), link("cookie_id", "10"))
    story.answer("events", found(44))
    story.answer("crm", {"contacts": deleted(), "invoices": NothingHeld()})
    story.answer("events", deleted(44))
    return story


def unidentifiable() -> Story:
    return Story(plan(system("hr", contacts(kinds=("employee_id",)))))


def nothing_held() -> Story:
    story = Story(plan(system("crm"), system("mail")), scope=("crm",))
    story.nothing()
    return story


def erasure_waits_for_access() -> Story:
    story = Story(plan(), others=("acc",))
    story.answer("crm", found())
    story.fire("deadline")
    story.told(OtherClosed(request_id="req", observed_at=at(story.now), other="acc"))
    story.answer("crm", found(2))
    story.answer("crm", deleted(2))
    return story


def hold_and_release() -> Story:
    story = Story(plan(system("crm"), system("mail")))
    story.all_answer(found(2))
    hold = Hold("hold-1", "litigation", "gdpr-17-3-e", "legal", "2027-01-01", at(), ("mail",))
    story.told(HoldPlaced(request_id="req", observed_at=at(story.now), role="legal", hold=hold))
    gone = (story.out()["mail"].task_id,)
    story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=gone))
    story.answer("mail", found(2))
    story.answer("crm", deleted(2))
    story.answer("mail", Kept(2, KeptWhy.HOLD, "gdpr-17-3-e", None, "2027-01-01", looked_at=at()))
    story.told(HoldReleased(request_id="req", observed_at=at(story.now), role="legal", hold_id="hold-1"))
    story.answer("mail", found(2))
    story.answer("mail", deleted(2))
    return story


def approval() -> Story:
    return _approved(2, "a")


def four_eyes() -> Story:
    return _approved(6, "a", "a", "b")


def _approved(count: int, *by: str) -> Story:
    story = Story(msgspec.structs.replace(plan(), approval_records=1, four_eyes_records=5))
    story.answer("crm", found(count))
    for one in by:
        shown = story.state.preview
        story.told(Approved(request_id="req", observed_at=at(story.now), role="dpo", preview=shown, by=one))
    story.answer("crm", deleted(count))
    return story


def exception() -> Story:
    story = Story(plan())
    text, day = "gdpr-17-3-e", "2026-09-01"
    one = SetDecided(request_id="req", observed_at=at(), role="dpo", system="crm", record_set="contacts")
    story.told(msgspec.structs.replace(one, why=KeptWhy.LEGAL_CLAIMS, text=text, review_by=day))
    story.answer("crm", found())
    story.answer("crm", Kept(1, KeptWhy.LEGAL_CLAIMS, text, None, day, looked_at=at()))
    story.fire("owed")
    story.answer("crm", found())
    story.told(msgspec.structs.replace(one, observed_at=at(story.now), ground="a"))
    story.answer("crm", deleted())
    return story


def contradictory_answer() -> Story:
    story = Story(plan(system("crm"), system("mail")))
    story.all_answer()
    task = story.out()["crm"]
    story.answer("crm", deleted())
    story.told(story.confirmation(task, Survived(1)))
    story.answer("mail", deleted())
    story.resume()
    story.answer("crm", deleted())
    return story


def late_answer_after_close() -> Story:
    story = Story(plan(system("crm", contacts(backups_kept_days=30)), system("shop", contacts(kinds=("customer_id",)))))
    first = story.out()["crm"]
    story.answer("crm", found())
    story.answer("crm", deleted())
    story.told(story.confirmation(first, found(), (link("customer_id", "7"),)))
    story.answer("crm", NothingHeld())
    story.answer("shop", found(2))
    story.answer("shop", deleted(2))
    story.fire("owed")
    return story


def rectification() -> Story:
    story = Story(all_able(plan(system("crm", contacts(), contacts("leads")))), Right.RECTIFICATION)
    story.all_answer()
    story.all_answer()
    return story


def restriction_lifted() -> Story:
    story = Story(all_able(plan()), Right.RESTRICTION)
    story.all_answer()
    story.all_answer()
    story.told(LiftOrdered(request_id="req", observed_at=at(story.now), role="dpo"))
    story.fire("lift")
    story.all_answer()
    story.all_answer()
    return story


def objection_upheld() -> Story:
    return _weighed(Balance.UPHELD)


def objection_overridden() -> Story:
    return _weighed(Balance.OVERRIDDEN)


def _weighed(balance: Balance) -> Story:
    scores = msgspec.structs.replace(
        able(contacts("scores")), purpose="scoring", basis="legitimate_interest", stoppable=("scoring",)
    )
    asked = Asked(purposes=("marketing", "scoring"))
    story = Story(plan(system("crm", able(contacts()), scores)), Right.OBJECTION, asked=asked)
    for _ in range(3):
        story.all_answer()
    base = {"request_id": "req", "observed_at": at(story.now), "role": "dpo"}
    story.told(ObjectionBalanced(**base, balance=balance, why="fraud_prevention"))
    story.all_answer()
    story.fire("lift")
    story.all_answer()
    return story


def withdrawal_of_consent() -> Story:
    story = Story(all_able(plan()), Right.WITHDRAWAL_OF_CONSENT, identity="unverified")
    story.all_answer()
    story.all_answer()
    return story


def portability() -> Story:
    sets = (able(contacts()), msgspec.structs.replace(able(contacts("bills")), basis="legal_obligation"))
    story = Story(plan(system("crm", *sets)), Right.PORTABILITY, asked=Asked(transfer_to="other-bank"))
    story.all_answer()
    story.all_answer()
    _packaged(story)
    return story


def restriction_by_hand() -> Story:
    story = Story(plan(system("crm", attested=True)), Right.RESTRICTION)
    story.all_answer()
    base = {"request_id": "req", "observed_at": at(story.now), "role": "dpo"}
    story.told(DoneByHand(**base, system="crm", document_sha256="a" * 64))
    return story


def complaint() -> Story:
    return _answered(Right.COMPLAINT)


def safeguard_copy() -> Story:
    return _answered(Right.SAFEGUARD_COPY)


def _answered(right: Right) -> Story:
    story = Story(plan(), right)
    base = {"request_id": "req", "observed_at": at(story.now), "role": "dpo"}
    story.told(DoneByHand(**base, document_sha256="a" * 64))
    return story


def doubted_and_confirmed() -> Story:
    story = Story(plan(system("crm")), identity="unverified", minor_at_collection=True)
    by_dpo = {"request_id": "req", "role": "dpo"}
    story.told(IdentityDoubted(**by_dpo, observed_at=at(), reason="two_of_that_name", asks="document"))
    story.now = 4 * 86_400.0
    story.told(IdentityConfirmed(**by_dpo, observed_at=at(story.now), method="document", afresh=False))
    story.told(Extended(**by_dpo, observed_at=at(story.now), reason="complexity"))
    story.all_answer(found(2))
    story.all_answer(deleted(2))
    story.told(DocumentDeleted(**by_dpo, observed_at=at(story.now)))
    return story


def doubted_while_acting() -> Story:
    story = Story(plan(system("crm"), system("mail")))
    story.all_answer(found(2))
    story.answer("crm", deleted(2))
    by_dpo = {"request_id": "req", "role": "dpo"}
    story.told(IdentityDoubted(**by_dpo, observed_at=at(story.now), reason="two_of_that_name", asks="question"))
    mail = story.out()["mail"].task_id
    story.told(Recalled(request_id="req", observed_at=at(story.now), tasks=(mail,)))
    story.now = 4 * 86_400.0
    story.told(IdentityConfirmed(**by_dpo, observed_at=at(story.now), method="question", afresh=True))
    story.answer("crm", NothingHeld())
    story.answer("mail", found(3))
    story.answer("mail", deleted(3))
    return story


def refused_to_an_agent() -> Story:
    who = Requester(Relation.AGENT, "power_of_attorney", rights=("access",), valid_until="2026-12-31")
    story = Story(plan(), Right.ACCESS, requester=who)
    event = Refused(
        request_id="req", observed_at=at(1), role="dpo", ground="excessive", reason="tenth", text="gdpr-12-5"
    )
    story.told(event)
    story.all_answer()
    return story


def _packaged(story: Story) -> None:
    job = story.effects(AssemblePackage)[-1].job_id
    base = {"request_id": "req", "observed_at": at(story.now)}
    story.told(PackageAssembled(**base, job_id=job, file="package", sha256="1" * 64))


def processors() -> Story:
    """One answers, one is silent past its day, and keeps something that is asked for again; a partner is told."""
    sets = ("crm/contacts",)
    parties = (
        RecipientPlan("house", "House", "processor", sets, country="PL"),
        RecipientPlan("host", "Host", "processor", sets, country="US", transfer=("scc",), owner="web"),
        RecipientPlan("partner", "Partner", "partner", sets),
    )
    story = Story(msgspec.structs.replace(plan(), recipients=parties))
    base: dict[str, Any] = {"request_id": "req", "role": "dpo"}
    story.all_answer()
    story.all_answer()
    for name in ("house", "host", "partner"):
        story.told(RecipientAsked(**base, observed_at=at(story.now), recipient=name))
    given: dict[str, Any] = {"document_sha256": "a" * 64, "found": 1}
    story.told(RecipientAnswered(**base, observed_at=at(story.now), recipient="house", **given))
    story.fire("remind:host")
    story.fire("answer:host")
    kept = given | {"exception": "e", "text": "gdpr-17-3-e", "review_by": "2027-03-01"}
    story.told(RecipientAnswered(**base, observed_at=at(story.now), recipient="host", **kept))
    story.fire("owed")
    story.told(RecipientAnswered(**base, observed_at=at(story.now), recipient="host", **given))
    return story


JOURNEYS: tuple[Callable[[], Story], ...] = (
    plain_erasure,
    access,
    retention_then_second_record,
    survived_once,
    needs_attention_and_resume,
    pending_file,
    two_rounds,
    unidentifiable,
    nothing_held,
    erasure_waits_for_access,
    contradictory_answer,
    hold_and_release,
    approval,
    four_eyes,
    exception,
    late_answer_after_close,
    rectification,
    restriction_lifted,
    objection_upheld,
    objection_overridden,
    withdrawal_of_consent,
    portability,
    restriction_by_hand,
    complaint,
    safeguard_copy,
    doubted_and_confirmed,
    doubted_while_acting,
    refused_to_an_agent,
    processors,
)


def effects(made: Step) -> list[dict[str, Any]]:
    """What a step caused, each under the name of its kind."""
    return [{type(one).__name__: _plain(one)} for one in made.effects]


def _plain(one: msgspec.Struct) -> Any:
    return json.loads(msgspec.json.encode(one))


def state_sha256(state: RequestState) -> str:
    """Digest of a state as the store would hold it."""
    return hashlib.sha256(msgspec.msgpack.encode(state)).hexdigest()


def history(plan: Plan, events: Sequence[Event], steps: Sequence[Step]) -> str:
    """What a history file holds."""
    content = {
        "plan": _plain(plan),
        "steps": [
            {"event": _plain(event), "ignored": made.ignored, "effects": effects(made)}
            for event, made in zip(events, steps, strict=True)
        ],
        "state": _plain(steps[-1].state),
        "state_sha256": state_sha256(steps[-1].state),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    HISTORIES.mkdir(exist_ok=True)
    for journey in JOURNEYS:
        story = journey()
        content = history(story.plan, story.history, story.steps)
        (HISTORIES / f"{journey.__name__}.json").write_text(content, encoding="utf-8")
    STATES.write_text(PAGE.format(diagram()), encoding="utf-8")


if __name__ == "__main__":
    main()
