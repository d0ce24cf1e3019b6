"""The SQL connector alone on Chinook: every customer and every employee in one batch each, compared row by row."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Connector, ErasureOrder, Look, Subject, TaskId
from connectors.settings import SystemSettings
from connectors.sql import connector
from connectors.testing.desk import Desk
from schemas.outcomes import KeptWhy, Lifted, Outcome, Rectified, Restricted, Stopped
from schemas.requests import utc
from schemas.tasks import Action, Instruction
from tests.support.chinook import add_marks

ROOT = Path(__file__).parents[2]
CHINOOK = ROOT.parent / "shared" / "data" / "chinook.sqlite"
MAPS = ROOT / "tests" / "data" / "maps"
KEEP = Instruction(KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22", "2021-12-31", 120)

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not CHINOOK.is_file(), reason="real data absent: ../shared/data is not beside this checkout"),
]
Tables = dict[str, dict[int, tuple[Any, ...]]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    shutil.copyfile(CHINOOK, tmp_path / "chinook.sqlite")
    add_marks(tmp_path / "chinook.sqlite")
    return tmp_path / "chinook.sqlite"


def opener(store: Path, name: str) -> Callable[[], Connector]:
    settings = SystemSettings(name, MAPS / f"chinook_{name}.toml", store.parent, {"url": f"sqlite:///{store.name}"})
    return connector(settings)


def tables(store: Path) -> Tables:
    """Read every table by its first column; tables of two keys by row id."""
    with sqlite3.connect(store) as raw:
        names = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        read = {name: {row[0]: row[1:] for row in raw.execute(f'SELECT rowid, * FROM "{name}"')} for name in names}
        assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
    raw.close()
    return read


def subjects(rows: dict[int, tuple[Any, ...]], column: int) -> list[Subject]:
    return [Subject(TaskId(str(key)), {"email": frozenset({row[column].lower()})}) for key, row in rows.items()]


def test_every_customer_in_one_batch(store: Path) -> None:
    before = tables(store)
    asked = subjects(before["Customer"], 11)
    assert len(asked) == 59
    one = opener(store, "crm")()
    one.check()
    found = one.locate(asked)
    for task, held in found.items():
        assert held["contacts"].keys == (f"[{task}]",)
        mine = {f"[{key}]" for key, row in before["Invoice"].items() if str(row[1]) == task}
        assert set(held["invoices"].keys) == mine
    plan = {"contacts": Instruction(), "invoices": KEEP, "invoice_lines": KEEP}
    reports = one.erase([ErasureOrder(subject, plan) for subject in asked])
    one.close()
    after = tables(store)
    changed = {"Customer", "Invoice", "InvoiceLine"}
    assert {name: rows for name, rows in after.items() if name not in changed} == {
        name: rows for name, rows in before.items() if name not in changed
    }
    assert after["Customer"].keys() == before["Customer"].keys()
    for key, row in after["Customer"].items():
        assert row[1:3] == ("erased", "erased")
        assert set(row[3:7] + row[8:11]) == {None}
        assert (row[7], row[12]) == (before["Customer"][key][7], before["Customer"][key][12])
    assert len({row[11] for row in after["Customer"].values()}) == 59
    kept = {key for key, row in before["Invoice"].items() if row[2][:10] > "2021-12-31"}
    assert 0 < len(kept) < len(before["Invoice"])
    assert after["Invoice"].keys() == kept
    for key, row in after["Invoice"].items():
        old = before["Invoice"][key]
        assert row == (*old[:3], None, None, None, old[6], None, old[8])
    assert after["InvoiceLine"] == {key: row for key, row in before["InvoiceLine"].items() if row[1] in kept}
    fresh = opener(store, "crm")()
    seen = fresh.present(
        [Look(s, {name: each.erased + each.kept for name, each in reports[s.task_id].items()}) for s in asked]
    )
    again = fresh.locate(asked)
    fresh.close()
    assert not any(held.keys for holdings in again.values() for held in holdings.values())
    for task, sets in reports.items():
        assert set(seen[task]["contacts"].values()) == {"anonymised"}
        for name in ("invoices", "invoice_lines"):
            assert {seen[task][name][key] for key in sets[name].erased} <= {"gone"}
            assert {seen[task][name][key] for key in sets[name].kept} <= {"masked"}


def test_one_customer_leaves_the_other_58_as_they_were(store: Path) -> None:
    before = tables(store)
    asked = subjects({5: before["Customer"][5]}, 11)
    one = opener(store, "crm")()
    one.erase([ErasureOrder(asked[0], dict.fromkeys(("contacts", "invoices", "invoice_lines"), Instruction()))])
    one.close()
    after = tables(store)
    mine = {key for key, row in before["Invoice"].items() if row[1] == 5}
    assert mine
    assert {key: row for key, row in after["Customer"].items() if key != 5} == {
        key: row for key, row in before["Customer"].items() if key != 5
    }
    assert after["Invoice"] == {key: row for key, row in before["Invoice"].items() if key not in mine}
    assert after["InvoiceLine"] == {key: row for key, row in before["InvoiceLine"].items() if row[1] not in mine}


def test_every_employee_and_no_reference_breaks(store: Path) -> None:
    before = tables(store)
    asked = subjects(before["Employee"], 14)
    one = opener(store, "hr")()
    one.check()
    reports = one.erase([ErasureOrder(subject, {"employees": Instruction()}) for subject in asked])
    seen = one.present([Look(s, {"employees": reports[s.task_id]["employees"].erased}) for s in asked])
    one.close()
    assert [set(each["employees"].values()) for each in seen.values()] == [{"anonymised"}] * 8
    after = tables(store)
    assert after["Customer"] == before["Customer"]
    assert [row[4] for row in after["Employee"].values()] == [row[4] for row in before["Employee"].values()]
    assert {row[1:3] for row in after["Employee"].values()} == {("erased", "erased")}


def test_every_customer_is_corrected_restricted_and_left_alone_in_one_batch_each(store: Path) -> None:
    before = tables(store)
    desk = Desk(opener(store, "crm"))
    people = {key: {"email": row[11].lower()} for key, row in before["Customer"].items()}

    def tasks(action: Action, **more: Any) -> list[dict[str, Outcome]]:
        orders = [
            desk.task(action, who, record_sets=["contacts"] if action is not Action.RECTIFY else [], **more)
            for who in people.values()
        ]
        return [dict(one.outcomes) for one in desk.run(orders)]

    at = utc(desk.now)
    assert tasks(Action.RESTRICT) == [{"contacts": Restricted(1, at)}] * 59
    marked = tables(store)
    assert {row[13] for row in marked["Customer"].values()} == {1}
    assert tasks(Action.LIFT) == [{"contacts": Lifted(1, at)}] * 59
    assert tables(store) == before
    stopped = Stopped(("marketing", "profiling"), 1, at)
    assert tasks(Action.STOP, purposes=["marketing", "profiling"]) == [{"contacts": stopped}] * 59
    assert {row[13:16] for row in tables(store)["Customer"].values()} == {(0, 0, None)}
    number = {key: sum(row[1] == key for row in before["Invoice"].values()) for key in people}
    corrected = tasks(Action.RECTIFY, corrections={"contacts": {"City": "Zürich"}, "invoices": {"BillingCity": None}})
    assert corrected == [{"contacts": Rectified(1, at), "invoices": Rectified(number[key], at)} for key in people]
    after = tables(store)
    for key, row in after["Customer"].items():
        assert row[:5] + row[6:13] == before["Customer"][key][:5] + before["Customer"][key][6:13]
        assert row[5] == "Zürich"
    for key, row in after["Invoice"].items():
        assert row == (*before["Invoice"][key][:4], None, *before["Invoice"][key][5:])
    changed = {"Customer", "Invoice"}
    assert {name: rows for name, rows in after.items() if name not in changed} == {
        name: rows for name, rows in before.items() if name not in changed
    }
