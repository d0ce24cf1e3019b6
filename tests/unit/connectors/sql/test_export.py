from __future__ import annotations

from collections.abc import Mapping

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
