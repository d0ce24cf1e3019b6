"""Dead letters: seen without their content, applied again once their cause is mended, gone when their time is over."""

from __future__ import annotations

import datetime as dt
import json

import msgspec

from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from orchestrator.runtime.sweeping import KEPT, Letters
from schemas.codec import decode_event, encode
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support.cli import REQUEST, WHO, CommandLine
from tests.support.company import made_up


def bury(expunge: CommandLine, raw: bytes, error: str = "ValueError") -> None:
    with Embedded.open(expunge.home) as home, home.engine._batch() as batch:
        batch.bury("/portal", "e1", "r-portal", error, raw)


def request(expunge: CommandLine) -> bytes:
    form = RequestForm(Right.ERASURE, (Identifier("email", made_up(WHO).email),), request_id="r-portal")
    with Embedded.open(expunge.home) as home:
        row = home.intake._sealed(form, home._clock.now()).row
    return encode(msgspec.structs.replace(decode_event(row.wire or b""), source="/portal"))


def test_a_letter_is_redriven_once_its_cause_is_mended_and_counts_once(expunge: CommandLine) -> None:
    raw = request(expunge)
    bury(expunge, raw)
    bury(expunge, raw)
    (second, first) = expunge.json("dead-letters", "list")
    assert (first["id"], first["error"], second["id"]) == (1, "ValueError", 2)
    shown = expunge.json("dead-letters", "show", "1")
    assert shown["size"] == len(raw)
    assert (shown["redrivable"], shown["type"]) == (True, "org.expunge.dsr.request-received.v1")
    assert expunge("dead-letters", "show", "1") == 0
    assert expunge.json("dead-letters", "redrive", "1") == [{"id": 1, "outcome": "applied"}]
    assert expunge.json("dead-letters", "redrive", "--all") == [{"id": 2, "outcome": "known"}]
    assert expunge.json("dead-letters", "list") == []
    assert expunge("run", "--until-idle") in {0, 1}
    assert expunge.json("show", "r-portal")["right"] == "erasure"


def test_what_is_no_event_is_shown_without_its_content_and_is_not_redriven(expunge: CommandLine) -> None:
    bury(expunge, f"garbage of {made_up(WHO).email}".encode(), "MalformedError")
    shown = expunge.json("dead-letters", "show", "1")
    assert (shown.get("type", ""), shown.get("redrivable", False)) == ("", False)
    assert expunge("dead-letters", "redrive", "1") == 1
    assert "not redrivable" in expunge.out
    assert len(expunge.json("dead-letters", "list")) == 1


def test_one_that_fails_again_is_a_letter_again(expunge: CommandLine) -> None:
    event = msgspec.structs.replace(decode_event(request(expunge)), source="/timers")  # a source of ours: refused
    bury(expunge, encode(event))
    assert expunge("dead-letters", "redrive", "1", "-o", "json") == 1
    assert json.loads(expunge.out) == [{"id": 1, "outcome": "buried"}]
    (letter,) = expunge.json("dead-letters", "list")
    assert (letter["id"], letter["error"]) == (2, "ReservedSource")


def test_bytes_that_belong_to_no_request_go_after_a_week_and_the_line_stays(expunge: CommandLine) -> None:
    bury(expunge, b"garbage")
    expunge.later(seconds=KEPT.total_seconds() - 3600)
    assert expunge("run", "--until-idle") == 0
    assert expunge.json("dead-letters", "show", "1")["size"] == len(b"garbage")
    expunge.later(seconds=KEPT.total_seconds() + 60)
    assert expunge("run", "--until-idle") == 0
    assert expunge.json("dead-letters", "show", "1")["size"] == 0
    assert expunge("dead-letters", "redrive", "1") == 1
    assert "gone" in expunge.out


def test_those_of_a_request_stay_as_long_as_it_is_open(expunge: CommandLine) -> None:
    expunge.submit()
    with Embedded.open(expunge.home) as home:
        home.engine.apply_waiting(10)
        with home.engine._batch() as batch:
            batch.bury("/systems/crm", "e1", REQUEST, "ValueError", b"garbage")
        sweep = Letters(home.store, home._clock)
        assert sweep.turn() == 0
    clock = ShiftedClock()
    clock.shift = KEPT + dt.timedelta(days=1)
    with Embedded.open(expunge.home) as home:
        assert Letters(home.store, clock).turn() == 0
    assert expunge.json("dead-letters", "show", "1")["size"] == len(b"garbage")


def test_a_process_that_runs_on_looks_every_hour(expunge: CommandLine) -> None:
    clock = ShiftedClock()
    with Embedded.open(expunge.home) as home:
        sweep = Letters(home.store, clock)
        assert sweep.turn() == 0
        with home.engine._batch() as batch:
            batch.bury("/portal", "e1", "r-portal", "ValueError", b"garbage")
        clock.shift = dt.timedelta(minutes=59)
        assert sweep.turn() == 0
        clock.shift = KEPT + dt.timedelta(minutes=1)
        assert sweep.turn() == 1


def test_a_clock_that_was_ten_years_ahead_and_is_set_right_stops_no_sweep(expunge: CommandLine) -> None:
    clock = ShiftedClock()
    with Embedded.open(expunge.home) as home:
        sweep = Letters(home.store, clock)
        clock.shift = dt.timedelta(days=3650)
        assert sweep.turn() == 0
        with home.engine._batch() as batch:
            batch.bury("/portal", "e1", "r-portal", "ValueError", b"garbage")
        clock.shift = KEPT + dt.timedelta(minutes=1)
        assert sweep.turn() == 1


def test_wrong_use_says_how(expunge: CommandLine) -> None:
    assert "no dead letter 7" in expunge.error(2, "dead-letters", "show", "7")["what"]
    assert "no dead letter 7" in expunge.error(2, "dead-letters", "redrive", "7")["what"]
    assert "--all" in expunge.error(2, "dead-letters", "redrive")["fix"]
