from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from orchestrator.bus.hearing import SILENCE, Heard, _beats, _understood, troubles
from orchestrator.errors import UsageError
from schemas import batches
from schemas.codec import encode
from schemas.heartbeats import Heartbeat
from schemas.requests import utc
from schemas.sealing import SharedKey
from schemas.wrapping import heartbeat_event

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
KEY = SharedKey("k1", bytes(range(32)))
OTHER = SharedKey("k1", bytes(range(1, 33)))


def key_of(system: str) -> SharedKey:
    if system != "crm":
        raise UsageError("no key")
    return KEY


def beat(**more: Any) -> Heartbeat:
    given: dict[str, Any] = {
        "system": "crm", "worker": "w1", "connector": "sql/1", "at": utc(NOW), "state": "ready", "kids": ("k1",)
    }  # fmt: skip
    return Heartbeat(**{**given, **more})


def found(*heard: Heard) -> list[str]:
    return [what for _, what, _ in troubles(["crm"], heard, key_of)]


def test_a_heartbeat_is_believed_only_with_the_key_of_its_system() -> None:
    good = heartbeat_event(beat(), KEY)
    bad = [heartbeat_event(beat(), OTHER), heartbeat_event(beat(system="hr"), KEY), b"garbage", encode({"id": 1})]
    value = batches.pack([good, *(one for one in bad if one.startswith(b"{"))])[0]
    assert list(_beats(value, key_of)) == [(beat(), True), (beat(), False), (beat(system="hr"), False)]
    assert list(_beats(b"\xff", key_of)) == []


def test_i12_a_system_without_a_worker_is_named() -> None:
    assert found() == ["no worker was heard of in the last minute"]
    assert found(Heard(beat(), NOW)) == []
    assert found(Heard(beat(state="working"), NOW)) == []


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"state": "waiting_for_key"}, "worker w1 waits for a key"),
        ({"state": "standby"}, "its worker stands by: another one holds the files"),
        ({"kids": ("k0",)}, "worker w1 does not hold the active key"),
        ({"at": utc(NOW - dt.timedelta(minutes=10))}, "the clock of worker w1 is off by 600 s"),
    ],
)
def test_a_worker_that_is_not_in_order_is_named(more: dict[str, Any], what: str) -> None:
    assert found(Heard(beat(**more), NOW)) == [what]


def test_one_that_stands_by_beside_one_that_works_is_in_order() -> None:
    assert found(Heard(beat(), NOW), Heard(beat(worker="w2", state="standby"), NOW)) == []


def test_i12_silence_counts_by_the_brokers_clock_where_ours_is_behind() -> None:
    """A worker that died nine minutes ago must not pass for there because our clock is ten minutes behind."""
    dead = heartbeat_event(beat(worker="dead"), KEY)
    alive = heartbeat_event(beat(worker="alive"), KEY)
    now = NOW - dt.timedelta(minutes=10)
    heard = _understood([(NOW - dt.timedelta(minutes=9), dead), (NOW, alive)], key_of, now)
    assert [one.beat.worker for one in heard.heard] == ["alive"]
    assert heard.behind(now) == dt.timedelta(minutes=10)
    assert heard.behind(NOW + SILENCE) == dt.timedelta(0)


def test_heartbeats_that_prove_nothing_are_named_and_count_for_nobody() -> None:
    stranger = heartbeat_event(beat(system="ghost"), OTHER)
    heard = _understood([(NOW, stranger), (NOW, heartbeat_event(beat(), OTHER))], key_of, NOW)
    assert (heard.heard, heard.unproven) == ([], ("crm", "ghost"))
    assert _understood([], key_of, NOW).behind(NOW) == dt.timedelta(0)
