"""What alone leads to records that are kept masked must outlive every failure between two tasks of a request."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from connectors.contract import Connector, Holding, Holdings, Look, Presence, Subject, TaskId
from connectors.errors import TransientError
from connectors.settings import SystemSettings
from connectors.sql import connector
from connectors.testing.desk import Answer
from connectors.testing.desk import Desk as FakeDesk
from connectors.testing.fake import DEFAULT_SETS, FakeSystem
from connectors.testing.people import NEIGHBOURS, SUBJECT
from connectors.testing.wrapper import Wrapper
from schemas.outcomes import Anonymised, Failed, Kept, KeptWhy, Located, Unverifiable
from schemas.tasks import Action, Instruction
from tests.unit.connectors.files.store import MASKED, Store
from tests.unit.connectors.files.test_execute import KEEP, LINES, Desk

WHO = {"email": SUBJECT.email, "customer_id": SUBJECT.customer_id}
ORDERS = {
    **{one.name: Instruction() for one in DEFAULT_SETS},
    "invoices": Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="test", period_months=120, found=2),
}
BILLS = """
[[record_set]]
name = "bills"
table = "bills"
match = { email = [{ field = "email" }] }
personal = ["email"]
retain = { why = "exception_17_3_b", text = "law", months = 120, anchor = "day", mask = { email = "{random}" } }
"""


class Rotating(Wrapper):
    """Cannot take the second look: the log is rotated at that moment."""

    def present(self, looks: Sequence[Look]) -> Mapping[TaskId, Mapping[str, Mapping[str, Presence]]]:
        raise TransientError("file_changed")


def test_i01_masked_lines_are_not_called_deleted_after_a_second_look_that_failed(tmp_path: Path) -> None:
    store = Store(tmp_path, MASKED)
    store.put("a.log", LINES)
    opener, desk = store.open, Desk(store)
    desk.do(Action.LOCATE)
    store.open = lambda: Rotating(opener())
    assert isinstance(desk.do(Action.ERASE, KEEP), Failed)
    assert store.get("a.log").count(b"erased-") == 2

    store.open = opener
    again = desk.do(Action.ERASE, KEEP)  # a task of its own, as the core issues for a new try
    assert isinstance(again, Kept), again
    assert again.count == 2
    found = desk.do(Action.LOCATE)
    assert isinstance(found, Located), "years later nothing would lead to the lines"
    assert found.count == 2


def test_i01_masked_lines_are_not_called_deleted_after_an_answer_that_was_lost(tmp_path: Path) -> None:
    store = Store(tmp_path, MASKED)
    store.put("a.log", LINES)
    desk = Desk(store)
    desk.do(Action.LOCATE)
    before = desk.handle
    assert isinstance(desk.do(Action.ERASE, KEEP), Kept)
    desk.handle = before  # the answer never came, and somebody said `expunge retry`
    again = desk.do(Action.ERASE, KEEP)
    assert isinstance(again, Kept), again
    assert again.count == 2


class Changed(Wrapper):
    """Gives another holding of the invoices."""

    def __init__(self, inner: Connector, change: Callable[[Holding], Holding | None]) -> None:
        super().__init__(inner)
        self._change = change

    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        found = self.inner.locate(subjects)
        answer = {}
        for task_id, one in found.items():
            invoices = self._change(one["invoices"])
            answer[task_id] = {name: held for name, held in one.items() if name != "invoices"}
            answer[task_id] |= {} if invoices is None else {"invoices": invoices}
        return answer


def kept() -> tuple[FakeSystem, FakeDesk, Answer]:
    system = FakeSystem()
    for one in (*NEIGHBOURS, SUBJECT):
        system.seed(one)
    desk = FakeDesk(system.open)
    answer = desk.erase(WHO, ORDERS, desk.locate(WHO).handle)
    assert isinstance(answer.outcomes["invoices"], Kept)
    assert len(desk.keys(answer)["invoices"]) == 2
    return system, desk, answer


def test_i01_keys_survive_a_search_whose_answer_is_of_no_use() -> None:
    system, desk, answer = kept()
    desk.open_connector = lambda: Changed(system.open(), lambda _: None)
    missed = desk.locate(WHO, answer.handle)
    assert isinstance(missed.outcomes["invoices"], Unverifiable)
    assert desk.keys(missed)["invoices"] == desk.keys(answer)["invoices"]


def test_i01_keys_survive_a_search_above_the_limit() -> None:
    system, desk, answer = kept()
    desk.open_connector = system.limited(1)
    above = desk.locate(WHO, answer.handle)
    assert isinstance(above.outcomes["invoices"], Located)
    assert desk.keys(above)["invoices"] == desk.keys(answer)["invoices"]


def test_i01_keys_survive_a_search_that_misses_its_control_record() -> None:
    _, desk, answer = kept()
    controlled = [
        msgspec.structs.replace(one, control={"customer_id": "always-there"}) if one.name == "invoices" else one
        for one in DEFAULT_SETS
    ]
    emptied = FakeSystem(controlled)  # the wrong database, for a while
    desk.open_connector = emptied.open
    missed = desk.locate(WHO, answer.handle)
    assert missed.outcomes["invoices"] == Unverifiable("control_not_found")
    assert desk.keys(missed)["invoices"] == desk.keys(answer)["invoices"]


def test_i01_keys_survive_a_data_map_that_does_not_name_their_record_set() -> None:
    _, desk, answer = kept()
    desk.open_connector = FakeSystem([one for one in DEFAULT_SETS if one.name != "invoices"]).open
    renamed = desk.locate(WHO, answer.handle)
    assert desk.keys(renamed)["invoices"] == desk.keys(answer)["invoices"]


def test_i08_a_row_that_came_after_the_search_and_was_masked_is_not_lost_to_a_failed_look(tmp_path: Path) -> None:
    file = tmp_path / "crm.db"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE bills (id INTEGER PRIMARY KEY, email TEXT, day TEXT)")
        db.execute("INSERT INTO bills VALUES (1, 'ada@x.example', '2025-01-01')")
    (tmp_path / "map.toml").write_text(BILLS)
    opener = connector(SystemSettings("sut", tmp_path / "map.toml", tmp_path, {"url": f"sqlite:///{file}"}))
    who, desk = {"email": "ada@x.example"}, FakeDesk(opener)
    handle = desk.locate(who).handle
    with sqlite3.connect(file) as db:
        db.execute("INSERT INTO bills VALUES (2, 'ada@x.example', '2025-02-02')")
    orders = {"bills": Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="law", period_months=120, found=1)}
    desk.open_connector = lambda: Rotating(opener())
    failed = desk.erase(who, orders, handle)
    assert isinstance(failed.outcomes["bills"], Failed)
    desk.open_connector = opener
    again = desk.erase(who, orders, failed.handle).outcomes["bills"]
    assert isinstance(again, Kept)
    assert (again.count, again.until) == (2, "2035-02-02")


def test_i08_what_is_kept_under_a_mask_as_wide_as_anonymising_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "crm.db"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE bills (id INTEGER PRIMARY KEY, email TEXT, day TEXT)")
        db.execute("INSERT INTO bills VALUES (1, 'ada@x.example', '2025-01-01')")
    more = 'erase = "anonymise"\nanonymise = { email = "{random}" }\n'
    (tmp_path / "map.toml").write_text(BILLS + more)
    opener = connector(SystemSettings("sut", tmp_path / "map.toml", tmp_path, {"url": f"sqlite:///{file}"}))
    who, desk = {"email": "ada@x.example"}, FakeDesk(opener)
    orders = {"bills": Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="law", period_months=120, found=1)}
    answer = desk.erase(who, orders, desk.locate(who).handle)
    assert isinstance(answer.outcomes["bills"], Kept)
    found = desk.locate(who, answer.handle)  # ten years later
    assert isinstance(found.outcomes["bills"], Located), "the second record would say: nothing held"
    last = desk.erase(who, {"bills": Instruction(found=1)}, found.handle)
    assert isinstance(last.outcomes["bills"], Anonymised)
    assert desk.keys(last) == {}
