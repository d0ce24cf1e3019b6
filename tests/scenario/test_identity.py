"""Who asks, and until when: through the command line, on a real company; what the record says of it in the end."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import deciding
from orchestrator.runtime.clock import ShiftedClock
from schemas.requests import Right
from tests.support.cli import REQUEST, WHO, CommandLine, identified_by
from tests.support.company import made_up
from tests.support.home import records_of

NOBODY = "nobody.at.all@example.org"


def asks(right: Right = Right.ERASURE, *, ago: int = 0, **more: Any) -> dict[str, Any]:
    """A request of the one person, received so many days ago."""
    received = dt.datetime.now(dt.UTC) - dt.timedelta(days=ago)
    one = identified_by(("email", made_up(WHO).email), ("ip", made_up(WHO).ip), request_id=REQUEST, **more)
    return {**one, "right": right.value, "received_at": received.isoformat()}


def run(expunge: CommandLine, code: int = 0) -> None:
    assert expunge("run", "--until-idle") == code, expunge.err


@pytest.fixture
def in_days(expunge: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Move the clock of every command."""

    def move(days: int) -> None:
        clock = ShiftedClock()
        clock.shift = dt.timedelta(days=days)
        monkeypatch.setattr(deciding, "SystemClock", lambda: clock)
        expunge.later(days=days)

    return move


def record_of(expunge: CommandLine) -> Any:
    (record,) = records_of(expunge.home, REQUEST)
    return record


def reasons(expunge: CommandLine) -> list[str]:
    return [one["reason"] for one in expunge.json("show", REQUEST)["attention"]]


def test_s44_unverified_waits_untouched_and_is_carried_out_once_confirmed(expunge: CommandLine) -> None:
    before = expunge.company.contents()
    expunge.submit(asks(identity="unverified"))
    run(expunge, 1)
    assert expunge.company.contents() == before
    assert reasons(expunge) == ["identity_unverified"]
    assert "cannot be tried again" in expunge.error(2, "retry", REQUEST)["what"]
    assert expunge("identity", "confirm", REQUEST, "--method", "account_login") == 0
    expunge.is_done()
    assert record_of(expunge).paused_days == 0, "nobody was asked for anything: the clock went on"


def test_s45_a_doubt_a_document_and_both_times_in_the_record(expunge: CommandLine, in_days: Any) -> None:
    expunge.submit(asks(identity="unverified"))
    run(expunge, 1)
    told = expunge.error(2, "identity", "confirm", REQUEST, "--method", "document")
    assert "no document was asked for on a recorded doubt" in told["what"]
    assert expunge("identity", "doubt", REQUEST, "--reason", "two_of_that_name", "--asks", "document") == 0
    run(expunge, 1)
    assert reasons(expunge) == ["identity_doubted"]
    in_days(5)
    assert expunge("identity", "confirm", REQUEST, "--method", "document") == 0
    run(expunge, 1)
    page = expunge.json("show", REQUEST)
    assert page["phase"] == "closed"
    (pause,) = page["pauses"]
    spent = dt.datetime.fromisoformat(pause["answered_at"]) - dt.datetime.fromisoformat(pause["asked_at"])
    assert 4 <= spent.days <= 5
    assert record_of(expunge).paused_days == 5
    assert any("asked for identity" in step for step in page["due_trace"])
    assert reasons(expunge) == ["document_held"], "a closed request still owes it"
    assert expunge("identity", "document-deleted", REQUEST) == 0
    run(expunge)
    assert reasons(expunge) == []
    assert expunge.json("show", REQUEST)["identity"]["document_deleted_at"]
    assert expunge.company.traces_of(WHO) == []


def test_a_document_may_not_be_asked_for_in_month_two(expunge: CommandLine) -> None:
    expunge.submit(asks(ago=40, identity="unverified"))
    run(expunge, 1)
    told = expunge.error(2, "identity", "doubt", REQUEST, "--reason", "odd", "--asks", "document")
    assert "within one month of receipt" in told["what"]


def test_who_cannot_show_who_they_are_is_told_so_and_nothing_was_touched(expunge: CommandLine) -> None:
    before = expunge.company.contents()
    expunge.submit(asks(identity="unverified"))
    run(expunge, 1)
    assert expunge("identity", "refuse", REQUEST, "--reason", "no_match") == 0
    run(expunge)
    assert expunge.company.contents() == before
    record = record_of(expunge)
    assert (record.result, record.systems) == ("identity_not_established", ())


def test_who_never_answers_lapses(expunge: CommandLine, in_days: Any) -> None:
    expunge.company.limits(lapse_days=20)
    expunge.submit(asks(identity="unverified"))
    run(expunge, 1)
    in_days(21)
    run(expunge)
    assert record_of(expunge).result == "lapsed"


def test_s35_an_extension_in_time_and_one_in_month_two(expunge: CommandLine) -> None:
    expunge.submit([asks(identity="unverified"), {**asks(ago=40, identity="unverified"), "request_id": "late"}])
    run(expunge, 1)
    before = expunge.rows()
    told = expunge.error(2, "extend", "late", "--reason", "complexity")
    assert "had to be announced by" in told["what"]
    assert "no reason to extend" in expunge.error(2, "extend", REQUEST, "--reason", "effort")["what"]
    assert expunge.rows() == before, "what is refused leaves nothing behind"
    due = expunge.json("show", REQUEST)["due_on"]
    assert expunge("extend", REQUEST, "--reason", "number_of_requests") == 0
    run(expunge, 1)
    page = expunge.json("show", REQUEST)
    assert dt.date.fromisoformat(page["due_on"]) - dt.date.fromisoformat(due) >= dt.timedelta(days=57)
    assert expunge("identity", "confirm", REQUEST, "--method", "callback") == 0
    run(expunge, 1)
    assert record_of(expunge).extended


def test_a_pause_asked_for_late_earns_nothing_and_the_trace_says_so(expunge: CommandLine, in_days: Any) -> None:
    expunge.submit(asks(Right.ACCESS, ago=33, identity="unverified"))
    run(expunge, 1)
    due = expunge.json("show", REQUEST)["due_on"]
    assert expunge("pause", REQUEST, "--reason", "clarification") == 0
    run(expunge, 1)
    assert "the clock stands still" in expunge.error(2, "pause", REQUEST, "--reason", "fee")["what"]
    in_days(4)
    assert expunge("resume-clock", REQUEST) == 0
    run(expunge, 1)
    page = expunge.json("show", REQUEST)
    assert page["due_on"] == due
    assert any("clock went on" in step or "no day" in step or "late" in step for step in page["due_trace"])
    told = expunge.error(2, "pause", REQUEST, "--reason", "clarification", "--asked-on", "2026-02-31")
    assert "is no time" in told["what"]


def test_s46_a_refusal_names_its_ground_and_needs_a_fact_and_a_text(expunge: CommandLine) -> None:
    before = expunge.company.contents()
    expunge.submit(asks(Right.ACCESS, identity="unverified"))
    run(expunge, 1)
    given = ("refuse", REQUEST, "--ground", "excessive", "--reason", "third_in_a_month")
    assert "unknown text" in expunge.error(2, *given, "--text", "gdpr-99")["what"]
    assert expunge(*given, "--text", "gdpr-12-5") == 0
    run(expunge)
    assert expunge.company.contents() == before
    assert (record_of(expunge).result, record_of(expunge).ground) == ("refused", "excessive")


def test_s13_nobody_is_found_what_would_help_is_said_and_a_new_request_goes_on_from_it(expunge: CommandLine) -> None:
    shared = {"right": "access", "request_id": "first", "identifiers": [{"kind": "ip", "value": made_up(WHO).ip}]}
    expunge.submit(shared)
    run(expunge)
    assert expunge.json("show", "first")["result"] == "unidentifiable"
    assert "would help: " in str(records_of(expunge.home, "first")[0].not_searched)
    expunge.submit(asks(Right.ACCESS, follows="first"))
    run(expunge)
    page = expunge.json("show", REQUEST)
    assert (page["follows"], page["result"]) == ("first", "fulfilled")


def test_s32_a_first_copy_is_free_and_a_second_waits_for_its_price(expunge: CommandLine, tmp_path: Path) -> None:
    expunge.company.limits(free_copies=1)
    expunge.submit({**asks(Right.ACCESS), "request_id": "first"})
    run(expunge)
    assert expunge("package", "first", "-O", str(tmp_path / "first.zip")) == 0
    expunge.submit(asks(Right.ACCESS))
    run(expunge, 1)
    assert reasons(expunge) == ["further_copy"]
    assert expunge("fee", "quote", REQUEST, "--amount-cents", "500") == 0
    run(expunge, 1)
    assert reasons(expunge) == ["fee_open"]
    assert "not to be handed out" in expunge.error(2, "package", REQUEST, "-O", str(tmp_path / "second.zip"))["what"]
    assert expunge("fee", "accept", REQUEST) == 0
    run(expunge)
    assert expunge("package", REQUEST, "-O", str(tmp_path / "second.zip")) == 0
    (tmp_path / "first.zip").unlink()
    (tmp_path / "second.zip").unlink()
    expunge.submit(
        {
            **asks(Right.ACCESS, identity="unverified"),
            "request_id": "other",
            "identifiers": [{"kind": "email", "value": NOBODY}],
        }
    )
    run(expunge, 1)
    told = expunge.error(2, "fee", "quote", "other", "--amount-cents", "500")
    assert "the first copy is free" in told["what"]
