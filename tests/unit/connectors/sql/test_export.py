from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from tests.unit.connectors.sql.shop import DELETED_MAP, Opened, Shop, ask

Cell = str | int | float | bool | None


class Pages:
    """Collects what is written."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, Cell]]] = []

    def write(self, record_set: str, row: Mapping[str, Cell]) -> None:
        self.rows.append((record_set, dict(row)))


def test_exports_parents_and_children_with_every_column(shop: Shop) -> None:
    pages = Pages()
    with Opened(shop.opener(DELETED_MAP)) as one:
        one.export(ask(email="ada@x.example"), pages)
    assert ("people", {
        "id": 1, "email": "ada@x.example", "phone": "+33 1 23 45 67 89", "name": "Ada", "number": 101,
        "born": "1980-01-31", "country": "FR",
    }) in pages.rows  # fmt: skip
    names = [name for name, _ in pages.rows]
    assert sorted(names) == ["lines"] * 3 + ["orders"] * 2 + ["people"] + ["visits"] * 2
    assert names.index("people") < names.index("orders") < names.index("lines")
    assert {row["item"] for name, row in pages.rows if name == "lines"} == {"tea", "milk", "rum"}


def test_dates_bytes_and_decimals_become_text(shop: Shop) -> None:
    binary, value = ("BLOB", "x'00ff'") if shop.url.startswith("sqlite") else ("BYTEA", "'\\x00ff'")
    shop.run(f"CREATE TABLE odd (id INTEGER PRIMARY KEY, email TEXT, raw {binary}, price NUMERIC(9,2), at TIMESTAMP)")
    shop.run(f"INSERT INTO odd VALUES (1, 'a', {value}, 1.50, '2024-01-02 03:04:05')")
    pages = Pages()
    with Opened(
        shop.opener('[[record_set]]\nname = "odd"\ntable = "odd"\nmatch = { email = [{ field = "email" }] }')
    ) as one:
        one.export(ask(email="a"), pages)
    ((_, row),) = pages.rows
    assert row["raw"] == "AP8="
    assert str(row["at"]).replace("T", " ") == "2024-01-02 03:04:05"
    assert row["price"] == (1.5 if shop.url.startswith("sqlite") else "1.50")


def test_streams_more_rows_than_it_holds(shop: Shop) -> None:
    shop.run("INSERT INTO visits (id, email) VALUES " + ", ".join(f"({n}, 'cy@x.example')" for n in range(5000, 6300)))
    pages = Pages()
    with Opened(shop.opener(DELETED_MAP)) as one:
        one.export(ask(email="cy@x.example"), pages)
        one.export(ask(email="nobody"), pages)
    assert sorted(row["id"] for name, row in pages.rows if name == "visits") == list(range(5000, 6300))  # type: ignore[type-var]


def test_a_text_of_invalid_utf_8_is_copied_and_shown_as_such(lite: Shop) -> None:
    lite.run("INSERT INTO visits VALUES (4000, 'eve@x.example', NULL, CAST(x'2fff41' AS TEXT))")
    pages = Pages()
    with Opened(lite.opener(DELETED_MAP)) as one:
        one.export(ask(email="eve@x.example"), pages)
    assert [row["page"] for _, row in pages.rows] == ["/\ufffdA"]
    json.dumps(pages.rows, ensure_ascii=False).encode()


def test_a_key_or_link_of_invalid_utf_8_stops_the_work(lite: Shop) -> None:
    lite.run("CREATE TABLE odd (id TEXT PRIMARY KEY NOT NULL, email TEXT)")
    lite.run("CREATE TABLE below (id INTEGER PRIMARY KEY, up TEXT)")
    lite.run("INSERT INTO odd VALUES (CAST(x'ff41' AS TEXT), 'eve@x.example')")
    lite.run("INSERT INTO below VALUES (1, CAST(x'ff41' AS TEXT))")
    text = '[[record_set]]\nname = "odd"\ntable = "odd"\nmatch = { email = [{ field = "email" }] }\n'
    below = '[[record_set]]\nname = "below"\ntable = "below"\nparent = "odd"\nparent_on = { up = "id" }\n'
    for one in (text, text + below):
        with pytest.raises(UnicodeEncodeError):
            lite.locate(one, ask(email="eve@x.example"))
