"""The connectors of files under ``connectors.execute``: what a record would say."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest

from connectors.execute import execute
from schemas.codec import decode, encode
from schemas.identifiers import Identifier
from schemas.outcomes import Deleted, Failed, Kept, KeptWhy, Located, NothingHeld, Outcome, Pending, Survived
from schemas.sealing import Binding, SharedKey
from schemas.tasks import Action, Findings, Instruction, Secret, Task
from tests.unit.connectors.files.store import MASKED, TEXT, Store

KEY = SharedKey("k1", bytes(range(32)))
NOW = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
KEEP = Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="t", erase_up_to="2024-01-01", period_months=12, found=2)
LINES = b"2024-07-01 10.0.0.1 a\n2024-07-02 10.0.0.2 b\n2024-07-03 10.0.0.1 c\n"


class Desk:
    """Hands tasks of one request to one store and keeps the handle between them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers = itertools.count(1)
        self.handle = ""

    def do(self, action: Action, instruction: Instruction | None = None, ip: str = "10.0.0.1") -> Outcome:
        number = next(self._numbers)
        secret = encode(Secret((Identifier("ip", ip),), self.handle))
        bound = Binding(req="r1", task=f"t{number}", sys="logs", use="task")
        sealed = KEY.seal(secret, bound, nonce=number.to_bytes(12))
        orders = {"lines": instruction} if instruction else {}
        task = Task(f"t{number}", "r1", "logs", action, sealed, instructions=orders)
        nonces = itertools.count(number * 1000)
        (answer,) = execute(self._store.open, [task], KEY, now=lambda: NOW, nonce=lambda: next(nonces).to_bytes(12))
        if answer.sealed:
            bound = Binding(req="r1", task=f"t{number}", sys="logs", use="findings")
            self.handle = decode(KEY.open(answer.sealed, bound), Findings).handle
        return answer.outcomes["lines"]


def test_erased_lines_are_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT)
    store.put("a.log", LINES)
    desk = Desk(store)
    found = desk.do(Action.LOCATE)
    assert isinstance(found, Located)
    assert found.count == 2
    done = desk.do(Action.ERASE, Instruction(found=2))
    assert isinstance(done, Deleted)
    assert (done.before, done.method) == (2, "rewrite")
    assert isinstance(desk.do(Action.LOCATE), NothingHeld)


def test_kept_lines_are_masked_and_later_erased_by_their_token(tmp_path: Path) -> None:
    store = Store(tmp_path, MASKED)
    store.put("a.log", LINES)
    desk = Desk(store)
    desk.do(Action.LOCATE)
    kept = desk.do(Action.ERASE, KEEP)
    assert isinstance(kept, Kept)
    assert (kept.count, kept.masked, kept.review_by, kept.until) == (2, True, "2025-07-01", "2025-07-03")
    found = desk.do(Action.LOCATE)
    assert isinstance(found, Located)
    assert found.count == 2
    assert isinstance(desk.do(Action.ERASE, Instruction(found=2)), Deleted)
    assert store.get("a.log") == b"2024-07-02 10.0.0.2 b\n"


def test_masked_lines_are_not_forgotten_while_a_live_file_waits(tmp_path: Path) -> None:
    store = Store(tmp_path, MASKED)
    store.put("a.log", LINES)
    live = store.put("live.log", b"2024-07-09 10.0.0.1 d\n")
    desk = Desk(store)
    desk.do(Action.LOCATE)
    waits = desk.do(Action.ERASE, KEEP)
    assert isinstance(waits, Pending)
    assert waits.count == 1
    live.rename(store.root / "live.log.1")
    kept = desk.do(Action.ERASE, KEEP)
    assert isinstance(kept, Kept)
    assert (kept.count, kept.until) == (3, "2025-07-09")


def test_line_that_comes_back_is_never_a_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.files import erasing

    store = Store(tmp_path, TEXT)
    store.put("a.log", LINES)
    desk = Desk(store)
    desk.do(Action.LOCATE)
    real = erasing._carry_out

    def undone(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        store.put("a.log", LINES)

    monkeypatch.setattr(erasing, "_carry_out", undone)
    done = desk.do(Action.ERASE, Instruction(found=2))
    assert isinstance(done, Survived)
    assert done.count == 2


def test_failure_carries_a_code_and_no_name(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT)
    store.put("ada@x.org.log.gz", b"10.0.0.1\n").write_bytes(b"no gz")
    failed = Desk(store).do(Action.LOCATE)
    assert isinstance(failed, Failed)
    assert (failed.kind.value, failed.code) == ("permanent", "broken_gz")
