"""Whatever the systems answer, and whatever else happens: no false completion, no silence, the same bytes (I1-I8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orchestrator.core.asked import Asked, Balance
from orchestrator.core.commands import AnyCommand, RequestWithdrawn
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased, SetDecided
from orchestrator.core.commands_identity import (
    DeadDecided,
    DocumentDeleted,
    FeeAccepted,
    FeeQuoted,
    FeeWaived,
    IdentityConfirmed,
    IdentityDoubted,
    IdentityRefused,
    Refused,
)
from orchestrator.core.commands_recipients import RecipientAnswered, RecipientAsked
from orchestrator.core.commands_returning import CameBack, Restored
from orchestrator.core.commands_rights import DoneByHand, LiftOrdered, ObjectionBalanced
from orchestrator.core.effects import AssemblePackage, Complete, Forget, IssueTask
from orchestrator.core.events import Confirmed, Event, Incident, OtherClosed, PackageAssembled, Recalled
from orchestrator.core.machine import step
from orchestrator.core.model import Known, RequestState
from orchestrator.core.moments import start_of
from orchestrator.core.plan import Plan, RecipientPlan
from orchestrator.core.replay import replay
from orchestrator.core.rulings import Hold
from orchestrator.errors import IllegalTransitionError
from orchestrator.keys.signing import RecordSigner, RecordVerifier
from orchestrator.ledger import record as ledger
from schemas.identifiers import Strength
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Facts,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Located,
    NothingHeld,
    Outcome,
    Pending,
    Rectified,
    Survived,
    Unverifiable,
    is_final,
)
from schemas.requesters import Relation, Requester
from schemas.requests import Right
from schemas.tasks import Action
from tests.support.stories import Story, able, at, changed, contacts, invoices, named, plan, speaks, system

_SYSTEMS_ALONE = plan(
    system("crm", able(contacts(backups_kept_days=30)), able(invoices())),
    # The letters cannot be restricted or stopped: a person has to, and is taken at their word.
    system(
        "mail", contacts("letters", erase="anonymise", purpose="analytics", basis="legitimate_interest"), attested=True
    ),
    system("hr", contacts("staff", kinds=("employee_id",)), domain="staff"),
    transient_retries=2,
    recheck_days=10,
    rounds=3,
    lapse_days=30,
    free_copies=1,
)
PLAN = msgspec.structs.replace(
    _SYSTEMS_ALONE,
    recipients=(
        RecipientPlan("mailer", "Mailer", "processor", ("crm/contacts", "mail/letters")),
        RecipientPlan("host", "Host", "processor", ("crm/invoices",), always=True),
        RecipientPlan("partner", "Partner", "partner", ("crm/contacts", "crm/invoices")),
    ),
)
COUNTS = st.integers(0, 3)
DATES = st.sampled_from([None, "2010-05-05", "2020-05-05", "2030-05-05", "2021-02-30"])
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Located, COUNTS, st.builds(Facts, DATES, DATES, st.integers(0, 1), st.integers(1, 2))),
    st.just(NothingHeld()),
    st.just(NothingHeld()),
    st.builds(Deleted, COUNTS, st.just("delete"), st.just(at())),
    st.builds(Anonymised, COUNTS, st.just("mask"), st.just(at())),
    st.builds(
        Kept,
        COUNTS,
        st.sampled_from([KeptWhy.LEGAL_OBLIGATION, KeptWhy.HOLD]),
        st.sampled_from(["fr-ccom-l123-22", "x"]),
        DATES,
        DATES,
    ),
    st.builds(Exported, COUNTS, st.sampled_from(["f", "g"]), st.just("0" * 64)),
    st.just(Attested("dpo", "2026-01-01", "0" * 64)),
    st.builds(Rectified, COUNTS),
    st.builds(Pending, st.sampled_from(["2026-03-05T00:00:00Z", "2026-02-31T00:00:00Z"]), st.just("live")),
    st.builds(Survived, COUNTS),
    st.just(Unverifiable("odd")),
    st.builds(Failed, st.sampled_from(FailureKind), st.just("code")),
)
GIVEN = ("2025-01-01", "2034-01-01")
"""Days on which the person gave the data: long before all this, and long after it."""
NAMES = ["contacts", "invoices", "letters", "staff", "unknown", "*"]
LINKS = st.lists(
    st.builds(
        Known,
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["customer_id", "employee_id", "email"]),
        st.sampled_from(Strength),
        st.sampled_from(["customers", "staff"]),
    ),
    max_size=2,
).map(tuple)
DAYS = st.sampled_from(["", at(), at(5 * 86_400), "2026-02-31T00:00:00.000Z"])
CODES = st.sampled_from(["", "odd", "Not A Code"])


def _by_dpo(kind: type[AnyCommand], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Callable[..., AnyCommand]]:
    return st.fixed_dictionaries(given).map(lambda more: lambda base: kind(**base, role="dpo", **more))


COMMANDED = st.one_of(
    _by_dpo(IdentityDoubted, reason=CODES, asks=st.sampled_from(["document", "question", "x"])),
    _by_dpo(
        IdentityConfirmed,
        method=st.sampled_from(["document", "callback", "x"]),
        valid_until=st.sampled_from(["", "2027-01-01"]),
    ),
    _by_dpo(IdentityConfirmed, method=st.just("callback")),
    _by_dpo(IdentityRefused, reason=CODES),
    _by_dpo(DocumentDeleted),
    _by_dpo(
        Refused, ground=st.sampled_from(["excessive", "x"]), reason=CODES, text=st.sampled_from(["gdpr-12-5", "x"])
    ),
    _by_dpo(DeadDecided, why=st.sampled_from(["estate", "directive", "x"])),
    _by_dpo(ClockPaused, reason=st.sampled_from(["identity", "fee", "x"]), asked_at=DAYS),
    _by_dpo(ClockResumed, answered_at=DAYS),
    _by_dpo(Extended, reason=st.sampled_from(["complexity", "x"])),
    _by_dpo(FeeQuoted, cents=st.integers(-1, 200_000), currency=st.sampled_from(["EUR", "x"])),
    _by_dpo(FeeAccepted),
    _by_dpo(FeeWaived),
)
"""Any command, at any moment, given well or badly; but a withdrawal, which ends too much too soon."""
REQUESTERS = st.sampled_from(
    [
        None,
        None,
        None,
        Requester(Relation.HEIR),
        Requester(Relation.AGENT, "p", "", ("access", "erasure"), "2026-03-20"),
    ]
)
SIGNER = RecordSigner(bytes(range(32)))
KEY = RecordVerifier(SIGNER.public)
EARLY = frozenset({"refused", "identity_not_established", "lapsed", "withdrawn"})
"""Results of a request that ended before its work was done: what was not finished has no line."""
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
"""Explaining a failure of so many draws takes minutes."""


class Chaos:
    """Draws what happens next; most of it is likely, all of it is possible."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        right = data.draw(st.sampled_from(Right))
        others = ("acc",) if right is Right.ERASURE and data.draw(st.booleans()) else ()
        both = Asked(purposes=("analytics", "marketing"))
        asked = both if right is Right.OBJECTION and data.draw(st.booleans()) else None
        self.story = Story(
            PLAN,
            right,
            others=others,
            asked=asked,
            identity=data.draw(st.sampled_from(["verified", "verified", "unverified"])),
            requester=data.draw(REQUESTERS),
            copies=data.draw(st.integers(0, 1)),
        )
        self.tasks: list[IssueTask] = []
        self.told: list[Event] = []

    def happen(self) -> None:  # noqa: C901 - one branch per thing that may happen
        story, draw = self.story, self.data.draw
        out = list(story.out().values())
        choices = ["honest"] * 4 + ["wild"] * 3 if out else []
        choices += ["timer"] * 3 if story.state.timers else []
        choices += ["resume"] * 2 if story.state.attention else []
        choices += ["old"] if story.tasks else []
        choices += ["again"] if self.told else []
        choices += ["package"] * 3 if story.state.package_job and not story.state.package_sha256 else []
        choices += ["command"] * 2 if story.state.right not in {Right.ERASURE, Right.ACCESS} else []
        choices += ["recipient"] * 2 if story.state.recipients else []
        choices += ["returning"] * 2 if story.state.right is Right.ERASURE else []
        choices += ["other", "incident", "strange", "ruling"]
        choices += ["recalled"] if out else []
        story.now += 1
        match draw(st.sampled_from(choices)):
            case "honest":
                self._answer(draw(st.sampled_from(out)), honest=True)
            case "wild":
                self._answer(draw(st.sampled_from(out)))
            case "old":
                self._answer(draw(st.sampled_from(story.tasks)))
            case "timer":
                story.fire(draw(st.sampled_from(sorted(story.state.timers))))
            case "resume":
                story.resume()
            case "again":
                self._told(draw(st.sampled_from(self.told)))
            case "package":
                job = story.effects(AssemblePackage)[-1].job_id
                self._told(PackageAssembled(**self._base(), job_id=job, file="p", sha256="1" * 64))
            case "command":
                self._told(draw(st.sampled_from(self._commands())))
            case "other":
                self._told(OtherClosed(**self._base(), other="acc", erased=draw(st.booleans())))
            case "incident":
                name = draw(st.sampled_from(["", "crm", "hr", "nowhere"]))
                reason = draw(st.sampled_from(["internal_error", "contradictory_answer"]))
                self._told(Incident(**self._base(), reason=reason, system=name))
            case "recipient":
                self._told(self._of_recipients())
            case "returning":
                self._told(self._of_return())
            case "ruling":
                self._told(draw(COMMANDED)(self._base()))
            case "recalled":
                gone = draw(st.lists(st.sampled_from([one.task_id for one in out]), min_size=1, unique=True))
                self._told(Recalled(**self._base(), tasks=tuple(gone)))
            case _:
                job = draw(st.sampled_from(["j", "k"]))
                self._told(PackageAssembled(**self._base(), job_id=job, file="p", sha256="1" * 64))

    def _base(self) -> dict[str, str]:
        return {"request_id": "req", "observed_at": at(self.story.now)}

    def _commands(self) -> list[Event]:
        base = self._base() | {"role": "dpo"}
        return [
            LiftOrdered(**base),
            ObjectionBalanced(**base, balance=Balance.UPHELD, why="x"),
            ObjectionBalanced(**base, balance=Balance.OVERRIDDEN, why="x"),
            DoneByHand(**base, document_sha256="0" * 64),
            DoneByHand(**base, system="mail", record_set="letters", document_sha256="0" * 64),
            RequestWithdrawn(**base),
        ]

    def _of_return(self) -> Event:
        base, draw = self._base() | {"role": "dpo"}, self.data.draw
        name = draw(st.sampled_from(["crm", "mail", "hr"]))
        match draw(st.sampled_from(["restored", "restored", "back", "placed", "released", "decided"])):
            case "restored":
                return Restored(
                    **base, system=name, snapshot=draw(st.sampled_from([at(-9_000), at(self.story.now - 1)]))
                )
            case "back":
                since = at(self.story.now)[:10]
                return CameBack(**base, since=since, reason="fresh_consent", system=draw(st.sampled_from(["", name])))
            case "placed":
                return HoldPlaced(
                    **base, hold=Hold("h", "dispute", "gdpr-17-3-e", "legal", "2035-01-01", at(), (name,))
                )
            case "released":
                return HoldReleased(**base, hold_id="h")
            case _:
                of = draw(st.sampled_from(["contacts", "invoices", "letters"]))
                where = "mail" if of == "letters" else "crm"
                return SetDecided(
                    request_id="req",
                    observed_at=at(self.story.now),
                    role="dpo",
                    system=where,
                    record_set=of,
                    ground="a",
                )

    def _of_recipients(self) -> Event:
        base, draw = self._base() | {"role": "dpo"}, self.data.draw
        name = draw(st.sampled_from([*self.story.state.recipients, "nobody"]))
        if draw(st.booleans()):
            return RecipientAsked(**base, recipient=name)
        exception = draw(st.sampled_from(["", "", "e", "impossible"]))
        text, until = ("gdpr-17-3-e", "2030-01-01") if exception == "e" else ("", "")
        found = draw(st.sampled_from([None, 0, 2, 2]))
        return RecipientAnswered(
            **base, recipient=name, found=found, exception=exception, text=text, until=until, document_sha256="0" * 64
        )

    def _answer(self, task: IssueTask, *, honest: bool = False) -> None:
        names = sorted(named(task, PLAN))
        if honest:
            outcomes: dict[str, Outcome] = {name: self._fitting(task, name) for name in names}
        else:
            keys = st.sampled_from([*names, *NAMES])
            outcomes = self.data.draw(st.dictionaries(keys, OUTCOMES, max_size=3))
        links = self.data.draw(LINKS)
        domain = PLAN.system(task.system).domain
        links = tuple(msgspec.structs.replace(one, domain=domain) for one in links)
        self._told(self.story.confirmation(task, outcomes, links))

    def _fitting(self, task: IssueTask, name: str) -> Outcome:
        draw = self.data.draw
        match task.action:
            case Action.LOCATE | Action.SWEEP:
                choices: list[Outcome] = [NothingHeld(), Located(2, Facts("2020-05-05", "2020-05-05"))]
                facts = Facts("2020-05-05", "2020-05-05")
                choices += [
                    Located(2, msgspec.structs.replace(facts, since_first=day, since_last=day)) for day in GIVEN
                ]
                return draw(st.sampled_from(choices))
            case Action.EXPORT:
                return Exported(2, task.task_id, "0" * 64)
            case Action.ERASE:
                what = task.instructions[name]
                if what.keep and what.found:
                    return Kept(what.found, what.keep, what.text, "2030-05-05")
                return Deleted(what.found, "delete", at()) if what.found else NothingHeld()
            case Action.RECTIFY | Action.RESTRICT | Action.LIFT | Action.STOP:
                return changed(task.action, 2, task.order.purposes)

    def _told(self, event: Event) -> None:
        try:
            self.story.told(event)
        except IllegalTransitionError:
            return
        self.told.append(event)


def lived(data: st.DataObject, steps: int = 40) -> Story:
    chaos = Chaos(data)
    restored: set[str] = set()
    for _ in range(steps):
        before = chaos.story.state
        happened = len(chaos.story.steps)
        chaos.happen()
        for made in chaos.story.steps[happened:]:
            check(before, made.state, made.effects, chaos.story)
            event = chaos.story.history[len(chaos.story.steps) - 1]
            if isinstance(event, Restored) and not made.ignored:
                restored.add(event.system)
            located = {one.system for one in made.effects if isinstance(one, IssueTask) and one.action is Action.LOCATE}
            restored -= located
            early = made.state.phase == "closed" and made.state.result in EARLY
            assert early or made.state.phase != "closed" or not restored, "closed, and nobody looked after the restore"
            if early:
                restored.clear()
            check_returned(made.state, made.effects)
    return chaos.story


def check_returned(after: RequestState, effects: tuple[Any, ...]) -> None:
    """Who came back is no remainder of what was erased; what a hold has kept is looked at once it is released."""
    standing = {one.hold_id for one in after.holds}
    for owed in after.obligations:
        if after.phase == "closed" and owed.holds and not standing & set(owed.holds) and after.result not in EARLY:
            assert after.timers["owed"].due <= start_of(owed.due)
    for effect in effects:
        if not isinstance(effect, IssueTask) or effect.action is not Action.ERASE:
            continue
        system = after.systems[effect.system]
        ordered = set(effect.order.record_sets or effect.instructions)
        assert not ordered & system.left_out.keys(), "left alone, and ordered away"
        if after.episode == 1:
            continue
        decided = {one.record_set for one in after.decisions if one.system == effect.system}
        for name in ordered - decided:
            one = system.located.get(name)
            if isinstance(one, Located) and one.facts.since_first and effect.instructions[name].keep is None:
                gone = after.gone.get(effect.system) or after.erased.get(effect.system, "9999")[:10]
                assert one.facts.since_first <= gone, "erased who came back"


def check(before: RequestState, after: RequestState, effects: tuple[Any, ...], story: Story) -> None:
    closed = after.phase == "closed"
    assert closed or speaks(after), "nothing would ever wake it"
    unsure = after.identity.level != "verified" and not after.progress.at_receipt
    if unsure or (after.requester and after.requester.relation == "heir" and not after.ground):
        assert not any(isinstance(one, IssueTask) for one in effects), "something left before it was known who asks"
    for effect in effects:
        match effect:
            case IssueTask(action=Action.ERASE):
                searched = [one for one in after.systems.values() if one.asked and one.action is Action.LOCATE]
                answers = [one for system in searched for one in system.located.values()]
                assert not any(one.task for one in searched), "erased before every search was answered"
                assert all(isinstance(one, Located | NothingHeld) for one in answers)
            case Complete():
                check_complete(after, effect, story)
            case _:
                pass


def check_complete(after: RequestState, effect: Complete, story: Story) -> None:
    record = effect.record
    assert closed_and_nothing_out(after)
    assert record.number == after.records
    ledger.verify(ledger.sign(record, bytes(32), SIGNER), KEY)  # what we sign is no more than we can show (I13)
    if record.result in EARLY:
        assert all(is_final(line.outcome) for one in record.systems for line in one.record_sets)
        assert record.headline == "not_searched" or record.systems
        return
    assert not any(one.open for one in after.recipients.values()), "complete, and somebody was waited for"
    for told_of in record.recipients:
        assert (told_of.outcome is None) != (not told_of.why_not)
        if isinstance(told_of.outcome, Kept):
            assert told_of.recipient in {one.recipient for one in after.obligations}
    assert after.identity.level == "verified" or after.progress.at_receipt, "carried out, and nobody knows for whom"
    asked = {name for name, one in after.systems.items() if one.asked}
    left_out = {name: set(one.left_out) - set(one.earlier) for name, one in after.systems.items()}
    told = {one.system for one in record.systems}
    if record.result == "withdrawn":
        assert told <= asked
    else:
        assert told == {one for one in asked if PLAN.system(one).names - left_out[one]}
    for name, sets in left_out.items():
        for place in sets:  # out of reach, or what another leg reaches, and nobody could search
            why = record.not_searched.get(f"{name}/{place}") or record.not_searched[name]
            assert why.startswith(("not subject to this right: GDPR", "GDPR Art. 11"))
    said = {one.sha256: one for one in story.history if isinstance(one, Confirmed)}
    for line in record.systems:
        system = after.systems[line.system]
        assert {one.name for one in line.record_sets} == PLAN.system(line.system).names - left_out[line.system]
        answer = said[line.confirmation_sha256]
        assert answer.task_id == system.answered
        for one in line.record_sets:
            assert one.rule  # I7
            assert is_final(one.outcome)
            if one.name in system.manual:
                assert one.assurance == "attested"
            elif one.name not in system.left_out:
                assert is_final(answer.outcomes[one.name]), "complete on an answer that was none"
            if isinstance(one.outcome, Kept):  # I8
                assert all((one.outcome.why, one.outcome.text, one.outcome.until or one.outcome.review_by))
                owed = [(o.kind, o.system, o.record_set, o.text) for o in after.obligations]
                assert ("retention", line.system, one.name, one.outcome.text) in owed
    kept = any(one.kind in {"retention", "recipient"} for one in after.obligations)
    assert record.result != "fulfilled" or not (kept or after.unsearched)
    assert bool(record.follows) == (record.number > 1)


def closed_and_nothing_out(after: RequestState) -> bool:
    return after.phase == "closed" and not any(one.task for one in after.systems.values())


@settings(deadline=None, max_examples=40, phases=PHASES)
@given(st.data())
def test_i01_i02_i06_i07_i08_whatever_is_answered(data: st.DataObject) -> None:
    story = lived(data)
    ids = [one.task_id for one in story.tasks] + [one.notice_id for one in story.notices]
    assert len(ids) == len(set(ids))
    assert [one.number for one in story.records] == list(range(1, len(story.records) + 1))
    # What is forgotten is what the state still knows, no more and no less.
    forgets = story.effects(Forget)
    if story.closed() and forgets:
        assert {one.ref for one in story.state.known} == set(forgets[-1].keep)


@settings(deadline=None, max_examples=25, phases=PHASES)
@given(st.data())
def test_i05_the_same_history_gives_the_same_bytes(data: st.DataObject) -> None:
    story = lived(data, 25)
    applied = [one for one, made in zip(story.history, story.steps, strict=True) if not made.ignored]
    again = replay({PLAN.digest(): PLAN}.__getitem__, applied)
    assert msgspec.json.encode(again) == msgspec.json.encode(story.state)
    # And through the store's bytes, step by step, with a plan that was read from the store.
    state: RequestState | None = None
    stored = msgspec.json.decode(msgspec.json.encode(PLAN), type=Plan)
    for event, made in zip(story.history, story.steps, strict=True):
        if state is not None:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=RequestState)
        repeated = step(stored, state, event)
        assert msgspec.json.encode(repeated) == msgspec.json.encode(made)
        state = repeated.state
