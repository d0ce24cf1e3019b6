from __future__ import annotations

import pytest

from connectors.contract import Look
from connectors.errors import PermanentError
from tests.unit.connectors.sql.shop import DELETED_MAP, KEEP, KEPT_MAP, Opened, Shop, ask


def test_gone_and_present(shop: Shop) -> None:
    shop.erase(DELETED_MAP, ask(email="ada@x.example"))
    seen = shop.look(DELETED_MAP, people=["[1]", "[2]", "[77]"], visits=["[1000]"], lines=[])
    assert seen == {
        "people": {"[1]": "gone", "[2]": "present", "[77]": "gone"},
        "visits": {"[1000]": "gone"},
        "lines": {},
    }


@pytest.mark.parametrize(
    "leak",
    [
        "UPDATE people SET name = 'Ada' WHERE id = 1",
        "UPDATE people SET phone = '1' WHERE id = 1",
        "UPDATE people SET email = 'erased-ada' WHERE id = 1",
        "UPDATE people SET number = 101 WHERE id = 1",
        "UPDATE orders SET ship_to = 'Ada' WHERE id = 11",
        "INSERT INTO orders VALUES (12, 1, '2024-01-01', 'Ada')",
    ],
)
def test_one_personal_value_left_in_the_row_or_a_child_and_it_is_not_anonymised(shop: Shop, leak: str) -> None:
    shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=KEEP, lines=KEEP)
    assert shop.look(KEPT_MAP, people=["[1]"])["people"] == {"[1]": "anonymised"}
    shop.run(leak)
    assert shop.look(KEPT_MAP, people=["[1]"])["people"] == {"[1]": "present"}


def test_masked_rows_and_what_lives_with_them(shop: Shop) -> None:
    shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=KEEP, lines=KEEP)
    seen = shop.look(KEPT_MAP, orders=["[10]", "[11]", "[20]"], lines=["[100]", "[110]", "[200]"])
    assert seen == {
        "orders": {"[10]": "gone", "[11]": "masked", "[20]": "present"},
        "lines": {"[100]": "gone", "[110]": "masked", "[200]": "present"},
    }


def test_an_orphan_of_a_deleted_parent_is_present(lite: Shop) -> None:
    lite.run("PRAGMA foreign_keys = OFF;\nDELETE FROM orders WHERE id = 11")
    assert lite.look(KEPT_MAP, lines=["[110]"])["lines"] == {"[110]": "present"}


def test_every_task_gets_its_own_answer(shop: Shop) -> None:
    looks = [Look(ask("a"), {"people": ("[1]", "[9]")}), Look(ask("b"), {"people": ("[1]",), "visits": ("[5]",)})]
    with Opened(shop.opener(DELETED_MAP)) as one:
        assert one.present(looks) == {
            "a": {"people": {"[1]": "present", "[9]": "gone"}},
            "b": {"people": {"[1]": "present"}, "visits": {"[5]": "gone"}},
        }


@pytest.mark.parametrize(
    ("name", "key", "code"), [("other", "[1]", "unknown_record_set"), ("people", '["x", 1]', "key_mismatch")]
)
def test_what_cannot_be_looked_for_is_not_gone(lite: Shop, name: str, key: str, code: str) -> None:
    with pytest.raises(PermanentError) as caught:
        lite.look(DELETED_MAP, **{name: [key]})
    assert caught.value.code == code
