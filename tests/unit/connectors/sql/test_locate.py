from __future__ import annotations

import pytest

from connectors.errors import PermanentError
from connectors.sql.values import digits_form, lower_form
from schemas.identifiers import Strength
from schemas.outcomes import Facts
from schemas.tasks import Link
from tests.unit.connectors.sql.shop import DELETED_MAP, KEPT_MAP, Opened, Shop, ask

ADA = {
    "people": {"[1]"},
    "orders": {"[10]", "[11]"},
    "lines": {"[100]", "[110]", "[111]"},
    "visits": {"[1000]", "[1001]"},
}
NOTHING: dict[str, set[str]] = {"people": set(), "orders": set(), "lines": set(), "visits": set()}


def keys(shop: Shop, text: str, **identifiers: str) -> dict[str, set[str]]:
    (found,) = shop.locate(text, ask("t1", None, **identifiers))
    return {name: set(one.keys) for name, one in found.items()}


def test_finds_by_identifier_and_through_the_parents(shop: Shop) -> None:
    assert keys(shop, DELETED_MAP, email="ada@x.example") == ADA


def test_every_record_set_is_answered_even_with_nothing(shop: Shop) -> None:
    assert keys(shop, DELETED_MAP, email="zoe@x.example") == NOTHING
    assert keys(shop, DELETED_MAP) == NOTHING


def test_a_batch_gives_each_subject_its_own(shop: Shop) -> None:
    a, b, c = shop.locate(
        DELETED_MAP,
        ask("a", email="ada@x.example"),
        ask("b", customer_id="102"),
        ask("c", email="ada@x.example", customer_id="102"),
    )
    assert set(a["orders"].keys) == {"[10]", "[11]"}
    assert set(b["orders"].keys) == {"[20]"}
    assert set(b["visits"].keys) == set()
    assert set(c["lines"].keys) == {"[100]", "[110]", "[111]", "[200]"}


def test_known_keys_are_included_if_they_still_exist(shop: Shop) -> None:
    shop.run("UPDATE people SET email = '', number = NULL WHERE id = 2")  # names nobody: else it is somebody else's
    subject = ask(keys={"people": ("[2]", "[99]"), "visits": ("[1000]",)}, email="ada@x.example")
    (found,) = shop.locate(DELETED_MAP, subject)
    assert set(found["people"].keys) == {"[1]", "[2]"}
    assert set(found["orders"].keys) == {"[10]", "[11]", "[20]"}
    assert sorted(found["visits"].keys) == ["[1000]", "[1001]"]


def test_keys_of_an_unknown_record_set_are_not_forgotten(lite: Shop) -> None:
    with pytest.raises(PermanentError) as caught:
        lite.locate(DELETED_MAP, ask(keys={"persons": ("[1]",)}))
    assert caught.value.code == "unknown_record_set"


@pytest.mark.parametrize(
    "value", ["abc", "0101", " 101", "1" * 40, "101; DROP TABLE people", "99999999999", "\ud800", "1\0"]
)
def test_text_never_matches_an_integer_and_never_raises(shop: Shop, value: str) -> None:
    assert keys(shop, DELETED_MAP, customer_id=value) == NOTHING
    assert keys(shop, DELETED_MAP, email=value) == NOTHING


@pytest.mark.parametrize("value", ["' OR 1=1 --", "%", "_da@x.example", ".*", "ADA@x.example", "ada@x.example "])
def test_exact_is_exact(shop: Shop, value: str) -> None:
    assert keys(shop, DELETED_MAP, email=value) == NOTHING


def test_links_are_canonical_unique_and_never_empty(shop: Shop) -> None:
    a, c = shop.locate(DELETED_MAP, ask("a", email="ada@x.example"), ask("c", email="cy@x.example"))
    assert a["people"].links == (
        Link("email", "ada@x.example", Strength.UNIQUE),
        Link("phone", "+33123456789", Strength.UNIQUE),
    )
    assert [link.kind for link in c["people"].links] == ["email"]


def test_facts_of_a_retained_set_and_of_what_lives_with_it(shop: Shop) -> None:
    (found,) = shop.locate(KEPT_MAP, ask(email="ada@x.example"))
    assert found["orders"].facts == Facts("2010-05-31", "2024-01-31")
    assert found["lines"].facts == Facts("2010-05-31", "2024-01-31")
    assert found["people"].facts == Facts()


def test_facts_count_missing_anchors_and_persons(shop: Shop) -> None:
    shop.run("UPDATE orders SET ordered = NULL WHERE id = 10;\nUPDATE orders SET ordered = 'soon' WHERE id = 11;")
    (found,) = shop.locate(KEPT_MAP, ask(email=["ada@x.example", "bob@x.example"]))
    assert found["orders"].facts == Facts("2024-02-29", "2024-02-29", anchor_missing=2)
    assert found["lines"].facts == Facts("2024-02-29", "2024-02-29", anchor_missing=3)
    assert found["people"].facts == Facts(persons=2)
    assert found["visits"].facts == Facts()


CASES = DELETED_MAP.replace(
    'match = { email = [{ field = "email" }], customer_id',
    'match = { email = [{ field = "email", case = "lower" }], '
    'phone = [{ field = "phone", case = "digits" }], customer_id',
)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("ADA@X.example", "ada@x.example"),
        ("  Ada@x.example\t\n", "ada@x.example"),
        ("\u00c9VA@x.example", "\u00e9va@x.example"),
        ("E\u0301va@x.example", "\u00e9va@x.example"),
        ("\u0394\u03a9@x.example", "\u03b4\u03c9@x.example"),
        ("\u039f\u03a3@x.example", "\u03bf\u03c2@x.example"),
        ("\u0130da@x.example", "i\u0307da@x.example"),
        ("\u00a0ada@x.example\u3000", "ada@x.example"),
    ],
)
def test_lower_knows_case_blanks_and_unicode(shop: Shop, stored: str, asked: str) -> None:
    shop.run(f"UPDATE people SET email = '{stored}' WHERE id = 1")
    assert keys(shop, CASES, email=asked)["people"] == {"[1]"}
    assert keys(shop, CASES, email="x.example")["people"] == set()


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("+1 (780) 428-9482", "+17804289482"),
        ("001 780 428 9482", "+17804289482"),
        ("+49 (0)30 12 34 56", "+4930123456"),
        ("0049 (0)30/123456", "+4930123456"),
        ("+49 (0)30 112", "+4930112"),
        ("\uff0b33\u00a01 23 45 67 89", "+33123456789"),
        ("+\u0663\u0663123456789", "+33123456789"),
    ],
)
def test_digits_compares_digits_only(shop: Shop, stored: str, asked: str) -> None:
    shop.run(f"UPDATE people SET phone = NULL;\nUPDATE people SET phone = '{stored}' WHERE id = 1")
    assert keys(shop, CASES, phone=asked)["people"] == {"[1]"}
    assert keys(shop, CASES, phone=asked[:-1])["people"] == set()


def test_no_digits_match_nothing(shop: Shop) -> None:
    shop.run("UPDATE people SET phone = 'none'")
    (found,) = shop.locate(CASES, ask(email="ada@x.example"))
    assert [link.kind for link in found["people"].links] == ["email"]
    assert keys(shop, CASES, phone="+")["people"] == set()
    assert keys(shop, CASES, phone="n/a")["people"] == set()


def test_the_store_forms_texts_as_python_does(shop: Shop) -> None:
    texts = [
        "Ada",
        " A\tb ",
        "\u00c0\u00c9\u00d1",
        "n\u0303",
        "x\u0300Y",
        "\u0416",
        "\t",
        "\u6771",
        "a%_*?[b",
        "+1 (0) 2",
        "00 1",
        "0 01",
    ]
    shop.run("DELETE FROM lines;\nDELETE FROM orders;\nDELETE FROM people;")
    for number, text in enumerate(texts):
        shop.run(f"INSERT INTO people (id, email, phone) VALUES ({number}, '{text}', '{text}')")
    for number, text in enumerate(texts):
        mine = {f"[{n}]" for n, other in enumerate(texts) if lower_form(other) == lower_form(text) and lower_form(text)}
        assert keys(shop, CASES, email=text)["people"] == mine, number
        mine = {
            f"[{n}]" for n, other in enumerate(texts) if digits_form(other) == digits_form(text) and digits_form(text)
        }
        assert keys(shop, CASES, phone=text)["people"] == mine, number


def test_a_row_of_broken_text_does_not_stop_the_search(lite: Shop) -> None:
    lite.run("UPDATE people SET email = CAST(x'c3' || 'broken' AS TEXT), phone = CAST(x'ff' AS TEXT) WHERE id = 3")
    assert keys(lite, CASES, email="ada@x.example")["people"] == {"[1]"}
    assert keys(lite, CASES, phone="+4930123456")["people"] == {"[2]"}


def test_numbers_in_untyped_columns_match_as_number_and_as_text(lite: Shop) -> None:
    lite.run("CREATE TABLE loose (id INTEGER PRIMARY KEY, ref);\nINSERT INTO loose VALUES (1, 7), (2, '7'), (3, '07');")
    text = '[[record_set]]\nname = "loose"\ntable = "loose"\nmatch = { customer_id = [{ field = "ref" }] }\n'
    (found,) = lite.locate(text, ask(customer_id="7"))
    assert set(found["loose"].keys) == {"[1]", "[2]"}


def test_more_than_a_statement_holds(shop: Shop) -> None:
    rows = ", ".join(f"({n}, 'v{n}@x.example')" for n in range(10_000, 11_300))
    shop.run(f"INSERT INTO visits (id, email) VALUES {rows}")
    (found,) = shop.locate(DELETED_MAP, ask(email=[f"v{n}@x.example" for n in range(10_000, 11_300)]))
    assert len(found["visits"].keys) == 1300


def test_keys_of_two_columns_and_references_of_two_columns(shop: Shop) -> None:
    shop.run(
        "CREATE TABLE parts (a INTEGER, b VARCHAR(9), email TEXT, PRIMARY KEY (a, b));\n"
        "CREATE TABLE bits (id INTEGER PRIMARY KEY, a INTEGER, b VARCHAR(9),\n"
        "FOREIGN KEY (a, b) REFERENCES parts (a, b));\n"
        "INSERT INTO parts VALUES (1, 'x', 'ada@x.example'), (1, 'y', 'bob@x.example');\n"
        "INSERT INTO bits VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 1, NULL);"
    )
    text = """
[[record_set]]
name = "parts"
table = "parts"
match = { email = [{ field = "email" }] }
[[record_set]]
name = "bits"
table = "bits"
parent = "parts"
parent_on = { a = "a", b = "b" }
"""
    (found,) = shop.locate(text, ask(email="ada@x.example"))
    assert found["parts"].keys == ('[1,"x"]',)
    assert found["bits"].keys == ("[1]",)
    (again,) = shop.locate(text, ask(keys={"parts": ('[1,"y"]',)}, email="bob@x.example"))
    assert again["bits"].keys == ("[2]",)
    shop.erase(text, ask(email="ada@x.example"))
    assert shop.rows("SELECT a, b FROM parts") == [(1, "y")]
    assert shop.look(text, parts=['[1,"x"]', '[1,"y"]'])["parts"] == {'[1,"x"]': "gone", '[1,"y"]': "present"}


def test_connectors_of_one_opener_share_the_plan_and_no_connection(lite: Shop) -> None:
    opener = lite.opener(DELETED_MAP)
    with Opened(opener) as one, Opened(opener) as other:
        one.locate([])
        other.locate([])
        assert one._system is other._system  # type: ignore[attr-defined]
        assert one._connection.connection is not other._connection.connection  # type: ignore[attr-defined]


def test_a_closed_connector_opens_again(lite: Shop) -> None:
    one = lite.opener(DELETED_MAP)()
    one.locate([])
    one.close()
    assert one.locate([ask(email="bob@x.example")])["t1"]["people"].keys == ("[2]",)  # type: ignore[index]
    one.close()
