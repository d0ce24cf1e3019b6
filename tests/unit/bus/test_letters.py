"""Letters of workers: believed only with their system's key, and only a task of ours goes out again."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.contract import Connector
from connectors.keyfile import SystemKeys, intake_key
from connectors.worker import Unread, Worker
from orchestrator.bus.letters import Opened, understood
from orchestrator.keys import KeyFolder, create_missing
from orchestrator.runtime.clock import SystemClock, chance
from schemas import batches, envelope
from schemas.codec import decode_event, encode
from schemas.envelope import CloudEvent
from schemas.identifiers import Identifier
from schemas.sealing import Binding, SharedKey
from schemas.tasks import Action, Secret, Task

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_missing(tmp_path / "keys", ["crm", "hr"], chance)
    return tmp_path / "keys"


def task(key: SharedKey, system: str = "crm") -> bytes:
    secret = encode(Secret((Identifier("email", "canary@example.com"),)))
    sealed = key.seal(secret, Binding("r1", "t1", system, "task"), nonce=os.urandom(12))
    data = encode(Task("t1", "r1", system, Action.LOCATE, sealed))
    return encode(
        CloudEvent(
            "t1", "/orchestrator", envelope.TASK, "1.0", "r1", "2026-03-01T00:00:00.000Z", msgspec.Raw(data),
            expungemac=key.task_mac(data),
        )
    )  # fmt: skip


def buried(folder: Path, raw: bytes, system: str = "crm", error: str = "UnknownFieldError") -> bytes:
    worker = Worker(
        system, _no_store, SystemKeys(folder, system), intake_key(folder),
        now=SystemClock().now, chance=chance,
    )  # fmt: skip
    (event,) = worker.bury([Unread(raw, error, "r1")])
    return event


def read(folder: Path, *events: bytes, systems: tuple[str, ...] = ("crm", "hr")) -> list[Opened]:
    keys = KeyFolder(folder, systems)
    return [
        one
        for value in batches.pack(events)
        for event in batches.unpack(value)
        for one in understood(event, "0:1:0", NOW, keys.system, keys.intake)
    ]


def test_a_task_of_ours_may_go_out_again_and_nothing_of_it_is_shown(folder: Path) -> None:
    raw = task(KeyFolder(folder, ["crm"]).system("crm"))
    (one,) = read(folder, buried(folder, raw))
    assert one.raw == raw
    assert (one.letter.system, one.letter.error, one.letter.redrivable) == ("crm", "UnknownFieldError", True)
    assert one.letter.size == len(raw)
    assert "sealed" not in repr(one)


def altered(raw: bytes) -> bytes:
    event = decode_event(raw)
    changed = bytes(event.data).replace(b'"locate"', b'"erase"')
    return encode(msgspec.structs.replace(event, data=msgspec.Raw(changed)))


def test_what_is_no_task_of_ours_for_this_system_never_goes_out(folder: Path) -> None:
    ours = KeyFolder(folder, ["crm", "hr"])
    somebody = SharedKey("k", bytes(32))
    for raw in (b"garbage", task(somebody), task(ours.system("hr"), "hr"), altered(task(ours.system("crm")))):
        (one,) = read(folder, buried(folder, raw))
        assert one.raw == raw
        assert not one.letter.redrivable


def test_a_letter_that_its_system_did_not_make_is_told_as_unproven_and_not_opened(folder: Path, tmp_path: Path) -> None:
    create_missing(tmp_path / "other", ["crm"], chance)
    raw = task(KeyFolder(folder, ["crm"]).system("crm"))
    forged = buried(tmp_path / "other", raw)
    (one,) = read(folder, forged)
    assert (one.raw, one.letter.error, one.letter.system, one.letter.redrivable) == (b"", "Unproven", "unknown", False)
    (stranger,) = read(folder, buried(folder, raw, "hr"), systems=("crm",))
    assert not stranger.letter.proven


@pytest.mark.parametrize("change", [{"source": "/orchestrator"}, {"type": "x.y"}, {"data": msgspec.Raw(b'{"a":1}')}])
def test_what_is_no_letter_of_a_worker_is_passed_over(folder: Path, change: dict[str, Any]) -> None:
    event = msgspec.structs.replace(decode_event(buried(folder, b"x")), **change)
    assert read(folder, encode(event)) == []
    assert list(understood(batches.Unreadable(b"x", "MalformedMessageError"), "", NOW, _none, None)) == []  # type: ignore[arg-type]  # not asked
    assert list(understood(b"garbage", "", NOW, _none, None)) == []  # type: ignore[arg-type]  # not asked


def _none(system: str) -> SharedKey:
    raise AssertionError(system)


def _no_store() -> Connector:
    raise AssertionError("who buries opens no store")
