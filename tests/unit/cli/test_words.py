import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from orchestrator.cli import words
from orchestrator.core import events
from orchestrator.core.model import Known, Obligation
from orchestrator.law.texts import LIBRARY
from schemas.identifiers import Strength
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Failed,
    FailureKind,
    Kept,
    KeptWhy,
    Lifted,
    Located,
    NothingHeld,
    Notified,
    Outcome,
    Pending,
    Rectified,
    Restricted,
    Stopped,
    Survived,
    Unverifiable,
)
from schemas.requests import Right
from schemas.tasks import Action

AT = "2026-11-23T13:24:05.238Z"
ONE_OF_EACH: list[tuple[Outcome, str]] = [
    (Located(3), "found 3"),
    (NothingHeld(), "nothing held"),
    (Deleted(3, "delete", AT), "erased 3; looked again: gone"),
    (Anonymised(2, "anonymise", AT), "anonymised 2; looked again: nothing personal left"),
    (Exported(4, "f", "s"), "copied 4"),
    (Rectified(1), "corrected 1"),
    (Restricted(1), "restricted 1"),
    (Lifted(1), "restriction lifted 1"),
    (Stopped(("marketing", "profiling"), 2), "stopped 2: marketing, profiling"),
    (Survived(1, "not_stopped"), "NOT AS ORDERED: 1 (not stopped)"),
    (Notified("printer"), "told: printer"),
    (Attested("processor", "2026-01-01", "aa"), "attested by processor on 2026-01-01; nobody could look"),
    (Survived(2, "found_again"), "STILL THERE: 2 (found again)"),
    (Survived(2), "STILL THERE: 2"),
    (Unverifiable("no_answer_for_key"), "PROVES NOTHING: no answer for key"),
    (Failed(FailureKind.TRANSIENT, "locked"), "FAILED (transient): locked"),
    (
        Pending(AT, "live_file", 3),
        "NOT DONE YET: 3 in a file that is still written to; looked at again 2026-11-23 13:24 UTC",
    ),
    (Pending(AT, "ticket", 1), "NOT DONE YET: 1; looked at again 2026-11-23 13:24 UTC"),
    (
        Kept(2, KeptWhy.LEGAL_OBLIGATION, "t", "2036-01-01", "2035-01-01", erased=1, masked=True),
        "kept 2 until 2036-01-01, masked: legal obligation, GDPR Art. 17(3)(b); erased 1 whose time was over",
    ),
    (Kept(1, KeptWhy.HOLD, "t", None, "2027-01-01"), "kept 1 until 2027-01-01: legal hold"),
]


@pytest.mark.parametrize(("outcome", "said"), ONE_OF_EACH, ids=lambda one: type(one).__name__)
def test_every_outcome_has_words(outcome: Outcome, said: str) -> None:
    assert words.outcome(outcome) == said


def test_no_outcome_was_left_out_above() -> None:
    assert {type(one) for one, _ in ONE_OF_EACH} == set(get_args(Outcome))


@pytest.mark.parametrize("why", KeptWhy)
def test_every_reason_to_keep_has_words(why: KeptWhy) -> None:
    said = words.outcome(Kept(1, why, "t", "2030-01-01"))
    assert why is KeptWhy.HOLD or why.value not in said


def test_every_reason_for_attention_that_the_core_gives_has_words() -> None:
    core = Path(words.__file__).parent.parent / "core"
    given = {
        found
        for file in core.glob("*.py")
        for found in re.findall(r'Attention\(\s*"(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert len(given) > 10
    assert given <= set(words.REASONS)


@pytest.mark.parametrize("kind", get_args(msgspec.structs.fields(Obligation)[0].type))
def test_every_kind_of_obligation_has_words(kind: str) -> None:
    assert words.obligation(kind) != kind


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("erase:gdpr-17-1", "erase, GDPR Art. 17(1)"),
        ("export:gdpr-15-3", "copy, GDPR Art. 15(3)"),
        ("nothing-found", "nothing found"),
        ("retain:fr-ccom-l123-22:120m", "keep 10 years, Code de commerce, art. L123-22"),
        ("retain:policy:crm-quotes:18m", "keep 18 months, own policy, crm-quotes"),
        ("retention-over:de-hgb-257:12m", "erase, time is over: 1 year, Handelsgesetzbuch, § 257"),
        ("with_parent:retain:x-unknown:1m", "as its parent: keep 1 month, x-unknown"),
        (
            "with_parent:erase:gdpr-17-1-c:gdpr-21-1:req-9",
            "as its parent: erase, GDPR Art. 17(1)(c): ended by request req-9, GDPR Art. 21(1)",
        ),
        ("a-rule-of-a-later-version", "a-rule-of-a-later-version"),
    ],
)
def test_rules_are_said_in_words(code: str, said: str) -> None:
    assert words.rule(code) == said


def test_every_legal_text_has_a_short_name() -> None:
    assert all(words.text(one) not in {"", one} for one in LIBRARY)


def _known(kind: str) -> Known:
    return Known("ref", kind, Strength.UNIQUE)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            events.RequestAccepted(
                request_id="r",
                observed_at=AT,
                right=Right.ERASURE,
                received_at=AT,
                plan_sha256="",
                identifiers=(_known("phone"), _known("email")),
                others=("a",),
            ),
            "taken in: erasure, to be found by email, phone; waits for 1 access request of the same person",
        ),
        (
            events.Confirmed(
                request_id="r",
                observed_at=AT,
                task_id="t",
                system="crm",
                action=Action.LOCATE,
                connector="sql",
                acted_at=AT,
                sha256="",
                outcomes={"b": NothingHeld(), "a": Located(2)},
            ),
            "crm answered to locate: a 2 found",
        ),
        (
            events.PackageAssembled(request_id="r", observed_at=AT, job_id="j", file="f", sha256="s"),
            "the access package was written",
        ),
        (
            events.TimerFired(request_id="r", observed_at=AT, name="pending:logs", generation=1),
            "timer: look again at what was not done yet (logs)",
        ),
        (events.TimerFired(request_id="r", observed_at=AT, name="owed", generation=1), "timer: an obligation is due"),
        (
            events.OtherClosed(request_id="r", observed_at=AT, other="o"),
            "the access request of the same person has closed",
        ),
        (
            events.OtherClosed(request_id="r", observed_at=AT, other="o", erased=True),
            "the erasure of the same person that was begun before has closed",
        ),
        (
            events.OtherOpened(request_id="r", observed_at=AT, other="o", erases=True),
            "an erasure of the same person was begun before: this one waits for it",
        ),
        (events.Resumed(request_id="r", observed_at=AT, role="dpo"), "dpo: the cause is mended, try again"),
        (
            events.Incident(request_id="r", observed_at=AT, reason="internal_error"),
            "incident: an event could not be applied",
        ),
    ],
)
def test_events_are_said_in_words(event: events.Event, said: str) -> None:
    assert words.event(event) == said


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Kept(2, KeptWhy.HOLD, "t", erased=1), "2 kept 1 erased"),
        (Kept(2, KeptWhy.HOLD, "t"), "2 kept"),
        (Deleted(3, "delete", AT), "3 erased"),
        (Anonymised(3, "anonymise", AT), "3 anonymised"),
        (Located(1), "1 found"),
        (Pending(AT, "live_file", 4), "4 NOT DONE YET"),
        (Survived(1), "STILL THERE: 1"),
    ],
)
def test_outcomes_can_be_said_briefly(outcome: Outcome, said: str) -> None:
    assert words.brief(outcome) == said


def test_codes_of_a_later_version_are_shown_as_they_are() -> None:
    assert words.result("new") == "new"
    assert words.result(None) == ""
    assert words.headline("new") == "new"
    assert words.reason("new_reason") == "new reason"
    assert words.obligation("new") == "new"


def test_headlines_have_words() -> None:
    from orchestrator.core.aggregate import WEAKEST_FIRST

    assert all(words.headline(one) != one for one in WEAKEST_FIRST)
