from __future__ import annotations

import pytest

from connectors.contract import Subject
from connectors.errors import PermanentError
from tests.unit.connectors.sql.shop import DELETED_MAP, KEEP, KEPT_MAP, Shop, ask

EVERYTHING = ("SELECT * FROM people ORDER BY id", "SELECT * FROM orders ORDER BY id", "SELECT * FROM lines ORDER BY id")


def stops(shop: Shop, text: str, *subjects: Subject) -> None:
    """Both locate and erase refuse, and nothing is changed."""
    before = [shop.rows(query) for query in EVERYTHING]
    for call in (shop.locate, shop.erase):
        with pytest.raises(PermanentError) as caught:
            call(text, *subjects)
        assert caught.value.code == "key_reused"
    assert [shop.rows(query) for query in EVERYTHING] == before


@pytest.mark.parametrize("text", [DELETED_MAP, KEPT_MAP])
def test_i09_a_row_whose_identifier_is_another_by_now_stops(shop: Shop, text: str) -> None:
    shop.run("UPDATE people SET email = 'eve@x.example', number = NULL WHERE id = 1")
    stops(shop, text, ask(keys={"people": ("[1]",)}, email="ada@x.example"))
    assert shop.look(text, people=["[1]"])["people"] == {"[1]": "present"}


@pytest.mark.parametrize("text", [DELETED_MAP, KEPT_MAP])
@pytest.mark.parametrize("keys", [{"orders": ("[20]",)}, {"lines": ("[200]",)}])
def test_i09_a_child_of_somebody_elses_row_stops(shop: Shop, text: str, keys: dict[str, tuple[str, ...]]) -> None:
    stops(shop, text, ask(keys=keys, email="ada@x.example"))
    (name,) = keys
    assert set(shop.look(text, **keys)[name].values()) == {"present"}


def test_i09_empty_columns_do_not_show_that_a_row_was_masked(shop: Shop) -> None:
    shop.run("UPDATE orders SET ship_to = NULL WHERE id = 20")
    nulls = KEPT_MAP.replace('mask = { ship_to = "{random}" }', 'mask = { ship_to = "{null}" }')
    assert nulls != KEPT_MAP
    stops(shop, nulls, ask(keys={"orders": ("[20]",)}, email="ada@x.example"))


def test_i09_a_key_that_leads_to_a_row_of_another_of_the_batch_stops(shop: Shop) -> None:
    stops(
        shop,
        DELETED_MAP,
        ask("a", keys={"people": ("[2]",)}, email="ada@x.example"),
        ask("b", email="bob@x.example"),
    )


def test_a_key_that_an_identifier_leads_to_as_well_is_no_claim(shop: Shop) -> None:
    known = {"people": ("[1]",), "orders": ("[10]", "[11]"), "lines": ("[100]",)}
    (report,) = shop.erase(DELETED_MAP, ask(keys=known, email="ada@x.example"))
    assert sorted(report["orders"].erased) == ["[10]", "[11]"]


def test_a_masked_row_is_still_the_persons_when_its_time_is_over(shop: Shop) -> None:
    shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=KEEP, lines=KEEP)
    (report,) = shop.erase(KEPT_MAP, ask(keys={"orders": ("[11]",)}, email="ada@x.example"))
    assert report["orders"].erased == ("[11]",)
    assert sorted(report["lines"].erased) == ["[110]", "[111]"]
    assert shop.rows("SELECT id FROM orders") == [(20,)]


def test_an_orphan_is_still_noticed_and_erased(lite: Shop) -> None:
    lite.run("PRAGMA foreign_keys = OFF;\nDELETE FROM orders WHERE id = 11")
    who = ask(keys={"lines": ("[110]", "[111]")}, email="ada@x.example")
    (found,) = lite.locate(DELETED_MAP, who)
    assert {"[110]", "[111]"} <= set(found["lines"].keys)
    lite.erase(DELETED_MAP, who)
    assert lite.rows("SELECT id FROM lines") == [(200,)]


@pytest.mark.parametrize(
    ("value", "ours"),
    [
        ("NULL", True),
        ("''", True),
        ("' '", True),
        ("'erased-0123456789abcdef@erased.invalid'", True),
        ("'eve@x.example'", False),
        ("'erased-eve'", False),
    ],
)
def test_what_names_nobody_is_the_persons(shop: Shop, value: str, ours: bool) -> None:
    shop.run(f"UPDATE visits SET email = {value} WHERE id = 1001")
    who = ask(keys={"visits": ("[1001]",)}, email="ada@x.example")
    if not ours:
        stops(shop, DELETED_MAP, who)
        return
    (report,) = shop.erase(DELETED_MAP, who)
    assert set(report["visits"].erased) == {"[1000]", "[1001]"}
