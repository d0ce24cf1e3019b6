"""The checks of the distributed harness can fail: each is given what it has to find, and what it must not mind."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.core.model import Attention
from schemas.requests import utc
from tests.chaos.distributed import checks, expected
from tests.chaos.distributed.crew import Ended
from tests.chaos.distributed.ledger import Stored
from tests.chaos.distributed.storm import Outage
from tests.chaos.distributed.topics import Topic, Wire
from tests.chaos.workload import Workload
from tests.support.company import Company

NOON = 1_800_000_000.0


def after(**more: Any) -> checks.After:
    empty: dict[str, Any] = {
        "load": Workload([], [], [], 0), "now": Company(Path(), range(1000, 1010), dt.date(2026, 3, 1)), "before": {},
        "managers": {}, "asked": {}, "wire": Wire({}, []), "store": Stored({}, [], Counter(), Counter(), 0, 0),
        "called": [], "outages": [], "ended": [], "public_key": Path(),
    }  # fmt: skip
    return checks.After(**(empty | more))


def stored(**more: Any) -> Stored:
    return msgspec.structs.replace(Stored({}, [], Counter(), Counter(), 0, 0), **more)


def test_a_request_that_is_open_or_nowhere_is_found() -> None:
    one = after(
        asked={"r-1": (1000, True), "r-2": (1001, True)}, store=stored(phases={"r-1": "acting", "r-9": "closed"})
    )
    assert checks.every_request_closed(one) == ["1 requests still acting"]
    assert checks.nothing_lost(one) == ["1 requests lost, e.g. r-2", "1 requests nobody sent"]
    assert checks.no_record_doubled(one) == ["2 requests without a record"]


def test_two_records_of_one_request_are_found_and_what_was_published_otherwise() -> None:
    records = [("c-1", "r-1", 1, b"jws"), ("c-2", "r-1", 1, b"other"), ("c-3", "r-1", 2, b"later")]
    one = after(asked={"r-1": (1000, True)}, store=stored(records=records))
    assert checks.no_record_doubled(one) == [
        "2 records 1 of request r-1", "1 second records: something was taken back", "3 records were never published",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "detail", "seconds", "true"),
    [
        ("keeps_failing", "disk_full", 100, True),
        ("keeps_failing", "disk_full", -5, False),  # before the disk was full
        ("keeps_failing", "disk_full", 4_000, False),  # long after
        ("keeps_failing", "unreachable", 100, False),  # the disk explains no database that is away
        ("keeps_failing", "", 100, False),
        ("survived", "still_there", 100, False),
    ],
)
def test_a_reason_is_true_only_if_something_of_ours_explains_it(
    reason: str, detail: str, seconds: float, true: bool
) -> None:
    since = utc(dt.datetime.fromtimestamp(NOON + seconds, dt.UTC))
    why = Attention(reason, "system_owner", "mend it", since, "events", detail=detail)
    one = after(called=[("r-1", why)], outages=[Outage("disk", NOON, NOON + 8)])
    assert (checks.reasons_true(one) == []) is true


def test_what_is_published_in_other_words_is_found_but_for_answers() -> None:
    twice = Topic(2, 2, {"/a 1": {b"x", b"y"}})
    again = Topic(2, 2, {"/a 1": {b"x"}})
    wire = Wire({"expunge.tasks.crm": twice, "expunge.confirmations": twice, "expunge.notices": again}, [])
    (found,) = checks.repetitions_identical(after(wire=wire))
    assert found == "expunge.tasks.crm: 1 events in other words, e.g. /a 1"
    assert again.repeated == 1


def test_what_counted_twice_or_not_at_all_is_found() -> None:
    store = stored(
        intake=Counter({"r-1": 2, "r-2": 1}), dead=Counter({"IncidentError": 3}), incidents=1, strayed=["r-1"]
    )
    assert checks.facts_count_once(after(store=store)) == [
        "1 requests were taken in twice", "3 dead letters: IncidentError", "1 incidents",
        "1 journals do not lead to the state",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "gone", "at_once"),
    [
        (["begin 1 10", "end 1 20", "begin 2 30", "end 2 40"], {}, 0),
        (["begin 1 10", "begin 2 30", "end 1 50", "end 2 60"], {}, 1),
        (["begin 1 10", "begin 2 30", "end 2 40"], {1: 20}, 0),  # it was killed in between
        (["begin 1 10", "begin 2 30", "end 2 40"], {1: 35}, 1),
        (["begin 2 30", "end 2 40", "begin 1 10", "end 1 20"], {}, 0),  # as the lines came
    ],
)
def test_two_writers_at_once_are_found(tmp_path: Path, lines: list[str], gone: dict[int, int], at_once: int) -> None:
    (tmp_path / "writers-events").write_text("".join(f"{one}\n" for one in lines))
    wanted = [f"events: {at_once} times two processes rewrote at once"] if at_once else []
    assert checks.one_writer_at_a_time(tmp_path, gone) == wanted


@pytest.mark.parametrize(
    ("code", "asked", "age", "fine"),
    [
        (-9, 9, 100, True),
        (0, 15, 100, True),
        (3, 0, 100, True),
        (0, 0, 100, False),  # it left, and nobody had told it to
        (1, 0, 100, False),
        (2, 15, 100, False),
        (-15, 15, 1, True),
        (-15, 15, 100, False),
    ],
)
def test_a_process_that_ends_as_nobody_told_it_is_found(code: int, asked: int, age: float, fine: bool) -> None:
    ended = [Ended("crm-1", code, asked, NOON - age, NOON)]
    assert (checks.processes_end_well(after(ended=ended)) == []) is fine


def test_the_lines_of_a_record_follow_from_the_company() -> None:
    company = Company(Path(), range(1000, 2000), dt.date(2026, 3, 1))
    erased = expected.erasure(company, 1008)
    assert erased["crm/contacts"] == ("anonymised", 1, 0)
    assert erased["crm/invoices"] == ("kept", 1, 1)  # every fourth person has one that is past its date
    assert erased["hr/applicants"] == ("deleted", 1, 0)
    assert erased["hr/employees"] == ("anonymised", 1, 0)
    assert erased["logs/access"] == ("kept", 1, 1)
    assert expected.access(company, 1008)["crm/invoices"] == ("exported", 2, 0)
    assert expected.erasure(company, 5000) == {}
