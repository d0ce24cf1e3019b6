from __future__ import annotations

import builtins
import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.errors import MisconfiguredError, PermanentError, TransientError
from connectors.files.parquet import FIX
from schemas.outcomes import KeptWhy
from schemas.tasks import Instruction
from tests.unit.connectors.files.store import Store, subject

ADA = "ada@x.org"
MAP = """
[[record_set]]
name = "lines"
files = "*.parquet"
match.email = [{ field = "user.email" }]
match.customer_id = [{ field = "id" }]
match.phone = [{ field = "phone" }]
match.ip = [{ field = "ip" }]
yields.customer_id = [{ field = "id" }]
"""
MASK = """
[[record_set]]
name = "lines"
files = "*.parquet"
match.email = [{ field = "email" }]
[record_set.retain]
why = "exception_17_3_b"
text = "test.text"
months = 12
anchor = "at"
mask = { email = "{random}", name = "gone" }
"""


def _table(rows: list[dict[str, Any]], **types: pa.DataType) -> pa.Table:
    made = pa.Table.from_pylist(rows)
    for name, kind in types.items():
        made = made.set_column(made.schema.get_field_index(name), name, made.column(name).cast(kind))
    return made


def _row(n: int, **more: Any) -> dict[str, Any]:
    plain = {"user": {"email": f"p{n}@x.org"}, "id": n, "phone": None, "ip": "10.0.0.2", "tags": [n, n]}
    return plain | more


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, MAP, kind="events")


def _write(store: Store, rows: list[dict[str, Any]], name: str = "a.parquet", **options: Any) -> Path:
    pq.write_table(_table(rows), store.root / name, **options)
    return store.root / name


@pytest.mark.parametrize(
    ("kind", "value", "more"),
    [
        ("email", ADA, {"user": {"email": " ADA@x.org\x1f"}}),
        ("email", "josé@x.org", {"user": {"email": "JOSE\u0301@x.org"}}),
        ("email", "kim@x.org", {"user": {"email": "\u212aim@x.org"}}),
        ("customer_id", "70", {"id": 70}),
        ("customer_id", "70", {"id": 70.0}),
        ("customer_id", "C-7", {"id": "C-7"}),
        ("phone", "+33123456789", {"phone": "+33 (0)1 23 45 67 89"}),
        ("phone", "+3312345", {"phone": "+33-12345"}),
        ("phone", "12", {"phone": "1 2"}),
        ("ip", "2001:db8::1", {"ip": "2001:0DB8:0::1"}),
        ("ip", "10.0.0.1", {"ip": "::ffff:a00:1"}),
    ],
)
def test_value_is_found_however_it_is_spelled(store: Store, kind: str, value: str, more: dict[str, Any]) -> None:
    first = {"id": type(more["id"])(1)} if "id" in more else {}
    _write(store, [_row(1, **first), _row(2, **more), _row(3, **first)])
    assert store.count(**{kind: value}) == 1
    assert store.count(email="nobody@x.org") == 0


def test_dictionary_and_large_columns(store: Store) -> None:
    table = pa.table(
        {
            "user.email": pa.array([ADA, "b@x.org", None]).dictionary_encode(),
            "id": pa.array(["1", "2", "3"], pa.large_string()),
            "phone": pa.array([None, None, None], pa.string()),
            "ip": pa.array(["", "", ""]),
        }
    )
    pq.write_table(table, store.root / "a.parquet")
    assert store.count(email=ADA) == store.count(customer_id="3") == 1
    store.erase(subject(email=ADA))
    after = pq.read_table(store.root / "a.parquet")
    assert after.schema == table.schema
    assert after == table.slice(1)


def test_rewritten_file_is_the_same_but_for_the_rows(store: Store) -> None:
    rows = [_row(n, at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) for n in range(95)]
    table = _table(rows).replace_schema_metadata({"owner": "team"})
    options: dict[str, Any] = {
        "row_group_size": 10,
        "compression": {
            "id": "zstd",
            "phone": "snappy",
            "ip": "gzip",
            "at": "none",
            "user.email": "snappy",
            "tags.list.element": "snappy",
        },
        "use_dictionary": ["ip"],
        "use_deprecated_int96_timestamps": True,
    }
    pq.write_table(table, store.root / "a.parquet", **options)
    before = pq.ParquetFile(store.root / "a.parquet")
    hers = subject(customer_id=frozenset({"5", *(str(n) for n in range(20, 30))}))
    assert len(store.erase(hers).erased) == 11
    after = pq.ParquetFile(store.root / "a.parquet")
    assert after.schema.equals(before.schema)
    assert after.schema_arrow.metadata == before.schema_arrow.metadata
    kept = [n for n in range(95) if n != 5 and not 20 <= n < 30]
    assert after.read() == before.read().take(kept)
    sizes = [after.metadata.row_group(n).num_rows for n in range(after.num_row_groups)]
    assert sizes == [9, 10, *[10] * 6, 5]
    for n in range(before.metadata.num_columns):
        old, new = before.metadata.row_group(0).column(n), after.metadata.row_group(0).column(n)
        assert (new.compression, new.has_dictionary_page) == (old.compression, old.has_dictionary_page)
    assert store.count(customer_id="5") == 0
    assert store.names() == {"a.parquet"}


def test_present_and_export(store: Store) -> None:
    _write(store, [_row(1), _row(2), _row(2)])
    held = store.holding(subject(customer_id="2"))
    assert [link.value for link in held.links] == ["2"]
    assert set(store.look(subject(customer_id="2"), held.keys).values()) == {"present"}
    assert store.export(subject(customer_id="1")) == [
        {"user.email": "p1@x.org", "id": 1, "phone": None, "ip": "10.0.0.2", "tags": "[1, 1]"}
    ]
    store.erase(subject(customer_id="2"))
    assert set(store.look(subject(customer_id="2"), held.keys).values()) == {"gone"}
    assert pq.read_table(store.root / "a.parquet").num_rows == 1


def test_every_row_hers_leaves_an_empty_file_that_can_be_read(store: Store) -> None:
    _write(store, [_row(1), _row(1)])
    store.erase(subject(customer_id="1"))
    assert pq.read_table(store.root / "a.parquet").num_rows == 0
    assert store.count(customer_id="1") == 0
    assert store.erase(subject(customer_id="1")).erased == ()


@pytest.mark.parametrize(
    "change",
    [{"drop": "id"}, {"id": True}, {"id": [1]}, {"user": "text"}, {"phone": dt.date(2024, 1, 1)}],
)
def test_other_schema_stops_the_work(store: Store, change: dict[str, Any]) -> None:
    row = _row(1) | {name: value for name, value in change.items() if name != "drop"}
    row.pop(change.get("drop", ""), None)
    _write(store, [_row(1, phone="1")])
    _write(store, [row], "b.parquet")
    with pytest.raises(PermanentError, match=r"^parquet_schema$"):
        store.erase(subject(customer_id="1"))
    assert pq.read_table(store.root / "a.parquet").num_rows == 1
    with pytest.raises(MisconfiguredError, match="file number 2 in sorted order: parquet_schema"):
        store.open().check()


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"no parquet at all", None])
def test_broken_file_stops_the_work(store: Store, damage: bytes | None) -> None:
    file = _write(store, [_row(n) for n in range(100)])
    whole = file.read_bytes()
    file.write_bytes(whole[:100] + b"\xff" * 60 + whole[160:] if damage is None else damage)
    with pytest.raises(PermanentError, match=r"^broken_parquet$"):
        store.count(customer_id="1", email=ADA, phone="+33123456789", ip="10.0.0.1")


def test_disk_full_leaves_the_original(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    rows = [_row(n, ip=f"{n * 7919 % 255}.{n * 104729 % 255}.{n % 255}.1") for n in range(30_000)]
    file = _write(store, rows, compression="none", use_dictionary=False)
    before = file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(TransientError, match=r"^disk_full$"):
            store.erase(subject(customer_id="3"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert store.names() == {"a.parquet"}


def test_missing_extra_says_what_to_install(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(store, [_row(1)])
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MisconfiguredError) as caught:
        store.count(customer_id="1")
    assert caught.value.fix == FIX == "pip install expunge[parquet]"
    with pytest.raises(MisconfiguredError, match="pip install") as caught:
        store.open().check()
    assert caught.value.line


KEEP = Instruction(keep=KeptWhy.LEGAL_OBLIGATION, erase_up_to="2023-12-31", period_months=12)


def test_kept_rows_are_masked_and_found_again_when_their_time_ends(tmp_path: Path) -> None:
    store = Store(tmp_path, MASK, kind="events")
    rows: list[dict[str, Any]] = [
        {"email": ADA, "name": "Ada", "at": dt.date(2023, 12, 31), "n": 1},
        {"email": ADA, "name": "Ada", "at": dt.date(2024, 2, 29), "n": 2},
        {"email": "bob@x.org", "name": "Bob", "at": dt.date(2024, 2, 29), "n": 3},
        {"email": ADA, "name": None, "at": None, "n": 4},
    ]
    _write(store, rows)
    report = store.erase(subject(email=ADA), KEEP)
    assert (len(report.erased), len(report.kept), report.method) == (1, 2, "pseudonymise")
    assert (report.due_first, report.due_last) == ("2025-02-28", "2025-02-28")
    after = pq.read_table(store.root / "a.parquet").to_pylist()
    assert [row["n"] for row in after] == [2, 3, 4]
    assert after[1] == rows[2]
    token = after[0]["email"]
    assert [(row["email"], row["name"]) for row in (after[0], after[2])] == [(token, "gone"), (token, "gone")]
    assert store.count(email=ADA) == 0
    assert set(store.look(subject(email=ADA), report.kept).values()) == {"masked"}
    last = store.erase(subject("task-2", keys=report.kept, email=ADA))
    assert sorted(last.erased) == sorted(report.kept)
    assert pq.read_table(store.root / "a.parquet").to_pylist() == [rows[2]]
    assert set(store.look(subject(email=ADA), report.kept).values()) == {"gone"}


def test_mask_of_a_dictionary_column(tmp_path: Path) -> None:
    store = Store(tmp_path, MASK, kind="events")
    table = pa.table(
        {
            "email": pa.array([ADA, "b@x.org"]).dictionary_encode(),
            "name": ["Ada", "Bob"],
            "at": ["2024-02-29", "2024-02-29"],
        }
    )
    pq.write_table(table, store.root / "a.parquet")
    assert len(store.erase(subject(email=ADA), KEEP).kept) == 1
    after = pq.read_table(store.root / "a.parquet")
    assert after.schema == table.schema
    assert after.column("email")[0].as_py().startswith("erased-")
    assert after.slice(1).to_pylist() == table.slice(1).to_pylist()


@pytest.mark.parametrize(
    "columns",
    [
        {"email": pa.string(), "name": pa.int64(), "at": pa.string()},
        {"email": pa.string(), "at": pa.string()},
        {"email": pa.string(), "name": pa.string()},
        {"email": pa.int64(), "name": pa.string(), "at": pa.string()},
    ],
)
def test_mask_that_does_not_fit_the_schema_is_refused(tmp_path: Path, columns: dict[str, pa.DataType]) -> None:
    store = Store(tmp_path, MASK, kind="events")
    pq.write_table(pa.schema(columns).empty_table(), store.root / "a.parquet")
    with pytest.raises(MisconfiguredError, match="parquet_schema"):
        store.open().check()


def test_file_read_as_parquet_by_its_format_key(tmp_path: Path) -> None:
    store = Store(tmp_path, MAP.replace('"*.parquet"', '"*"\nformat = "parquet"'), kind="events")
    _write(store, [_row(1)], "part-0000")
    assert store.count(customer_id="1") == 1
