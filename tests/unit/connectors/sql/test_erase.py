from __future__ import annotations

import re

import pytest

from connectors.contract import ErasureOrder, SetReport
from connectors.errors import PermanentError
from schemas.outcomes import KeptWhy
from schemas.tasks import Instruction
from tests.unit.connectors.sql.shop import (
    ANONYMISED,
    DELETED_MAP,
    KEEP,
    KEPT_MAP,
    LINES,
    ORDERS,
    PEOPLE,
    VISITS,
    Opened,
    Shop,
    ask,
)

TOKEN = re.compile(r"erased-[0-9a-f]{16}\Z")
EMAIL_TOKEN = re.compile(r"erased-[0-9a-f]{16}@erased\.invalid\Z")
ALL = """
SELECT 'p', id FROM people UNION ALL SELECT 'o', id FROM orders UNION ALL SELECT 'l', id FROM lines
UNION ALL SELECT 'v', id FROM visits ORDER BY 2
"""


def test_deletes_children_and_parents_and_nobody_else(shop: Shop) -> None:
    (report,) = shop.erase(DELETED_MAP, ask(email="ada@x.example"))
    assert {name: sorted(one.erased) for name, one in report.items()} == {
        "people": ["[1]"],
        "orders": ["[10]", "[11]"],
        "lines": ["[100]", "[110]", "[111]"],
        "visits": ["[1000]", "[1001]"],
    }
    assert all(one.method == "delete" and one.kept == () for one in report.values())
    assert shop.rows(ALL) == [("p", 2), ("p", 3), ("o", 20), ("l", 200), ("v", 2000), ("v", 3000)]


def test_a_second_erasure_finds_nothing(shop: Shop) -> None:
    for text in (DELETED_MAP, KEPT_MAP):
        shop.erase(text, ask(email="bob@x.example"))
        known = ask(keys={"people": ("[2]",), "orders": ("[20]",)}, email="bob@x.example")
        (report,) = shop.erase(text, known)
        assert all(one.erased == () and one.kept == () for one in report.values())
        shop.run("DELETE FROM people WHERE id = 2;\nINSERT INTO people (id, email) VALUES (2, 'bob@x.example')")


def test_a_batch_is_one_transaction(shop: Shop) -> None:
    subjects = [ask("a", email="ada@x.example"), ask("b", email="bob@x.example")]
    text = DELETED_MAP.replace('name = "people"', 'name = "people"\nmax_records = 1')
    shop.run("INSERT INTO people (id, email, number) VALUES (4, 'b2@x.example', 102)")
    many = ask("b", email="bob@x.example", customer_id="102")
    before = shop.rows(ALL)
    with pytest.raises(PermanentError) as caught:
        shop.erase(text, subjects[0], many)
    assert caught.value.code == "max_records"
    assert shop.rows(ALL) == before
    # Two subjects together may exceed the limit of one.
    shop.erase(text, *subjects)
    assert shop.rows("SELECT id FROM people ORDER BY id") == [(3,), (4,)]


def test_an_error_in_the_middle_undoes_everything(lite: Shop) -> None:
    lite.run("CREATE TRIGGER stop BEFORE DELETE ON people BEGIN SELECT RAISE(ABORT, 'ada@x.example'); END")
    before = lite.rows(ALL)
    with pytest.raises(PermanentError) as caught:
        lite.erase(DELETED_MAP, ask(email="ada@x.example"))
    assert caught.value.code == "constraint"
    assert "ada" not in repr(caught.value) + str(caught.value.__cause__)
    assert lite.rows(ALL) == before


def test_a_row_that_silently_stays_is_seen_by_the_second_look(lite: Shop) -> None:
    lite.run("CREATE TRIGGER keep BEFORE DELETE ON visits BEGIN SELECT RAISE(IGNORE); END")
    (report,) = lite.erase(DELETED_MAP, ask(email="ada@x.example"))
    assert report["visits"].erased == ("[1000]", "[1001]")
    assert set(lite.look(DELETED_MAP, visits=["[1000]"])["visits"].values()) == {"present"}


def test_anonymises_in_place_with_fresh_tokens(shop: Shop) -> None:
    (report, _) = shop.erase(KEPT_MAP, ask("a", email="ada@x.example"), ask("b", email="bob@x.example"))
    assert report["people"] == SetReport(erased=("[1]",), method="anonymise")
    (ada, bob) = shop.rows("SELECT email, phone, name, number, born, country FROM people WHERE id < 3 ORDER BY id")
    assert EMAIL_TOKEN.match(ada[0])
    assert EMAIL_TOKEN.match(bob[0])
    assert ada[0] != bob[0]
    assert ada[1:] == (None, "erased", None, None, "FR")
    assert shop.rows("SELECT email, name FROM people WHERE id = 3") == [("cy@x.example", "Cy")]


def test_kept_rows_stay_masked_and_dated_and_expired_ones_go(shop: Shop) -> None:
    (report,) = shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=KEEP, lines=KEEP)
    assert report["orders"] == SetReport(("[10]",), ("[11]",), "delete", "2034-01-31", "2034-01-31")
    assert report["lines"] == SetReport(("[100]",), ("[110]", "[111]"), "delete", "2034-01-31", "2034-01-31")
    ((number, person, ordered, ship_to),) = shop.rows("SELECT * FROM orders WHERE person_id = 1")
    assert (number, person, ordered) == (11, 1, "2024-01-31 10:00:00")
    assert TOKEN.match(ship_to)
    assert shop.rows("SELECT id FROM lines ORDER BY id") == [(110,), (111,), (200,)]
    assert shop.rows("SELECT ship_to FROM orders WHERE id = 20") == [("Bob, 2 Strasse",)]


def test_random_masks_differ_from_row_to_row(shop: Shop) -> None:
    shop.erase(KEPT_MAP, ask("a", email="ada@x.example"), orders=Instruction(KeptWhy.HOLD, "hold"))
    tokens = [row[0] for row in shop.rows("SELECT ship_to FROM orders WHERE person_id = 1")]
    assert len(set(tokens)) == 2
    assert all(TOKEN.match(token) for token in tokens)


def test_kept_without_a_period_or_a_date_has_no_due_date(shop: Shop) -> None:
    shop.run("UPDATE orders SET ordered = 'soon' WHERE id = 11")
    (report,) = shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=KEEP, lines=KEEP)
    assert report["orders"] == SetReport(("[10]",), ("[11]",), "delete")
    (report,) = shop.erase(KEPT_MAP, ask(email="bob@x.example"), orders=Instruction(KeptWhy.HOLD, "hold"))
    assert report["orders"] == SetReport((), ("[20]",), "delete")


def test_due_dates_span_the_kept_rows(shop: Shop) -> None:
    keep = Instruction(KeptWhy.LEGAL_OBLIGATION, "law", None, 120)
    (report,) = shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=keep)
    assert (report["orders"].due_first, report["orders"].due_last) == ("2020-05-31", "2034-01-31")


def test_when_the_time_is_over_kept_rows_go_by_their_keys(shop: Shop) -> None:
    (report,) = shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=KEEP, lines=KEEP)
    later = ask(keys={"orders": report["orders"].kept, "lines": report["lines"].kept})
    (report,) = shop.erase(KEPT_MAP, later)
    assert report["orders"].erased == ("[11]",)
    assert shop.rows("SELECT id FROM orders") == [(20,)]
    assert shop.rows("SELECT id FROM lines") == [(200,)]


def test_a_shared_row_stays_if_one_of_its_subjects_keeps_it(shop: Shop) -> None:
    keep = Instruction(KeptWhy.LEGAL_OBLIGATION, "law", None, 120)
    instructions = {"people": Instruction(), "lines": Instruction(), "visits": Instruction()}
    # Both tasks lead to the same person: once by e-mail, once by number.
    orders = [
        ErasureOrder(ask("erases", email="ada@x.example"), {**instructions, "orders": Instruction()}),
        ErasureOrder(ask("keeps", customer_id="101"), {**instructions, "orders": keep}),
    ]
    with Opened(shop.opener(KEPT_MAP)) as one:
        reports = one.erase(orders)
    for report in reports.values():
        assert report["orders"].erased == ()
        assert report["orders"].kept == ("[10]", "[11]")
        assert report["orders"].due_last == "2034-01-31"
        assert report["lines"].erased == ()
    assert len(shop.rows("SELECT id FROM orders WHERE person_id = 1")) == 2


def test_a_row_shared_by_two_that_erase_goes_once_and_both_say_so(shop: Shop) -> None:
    first, second = shop.erase(DELETED_MAP, ask("a", email="ada@x.example"), ask("b", customer_id="101"))
    assert first["people"] == second["people"] == SetReport(("[1]",))
    assert first["visits"].erased == ("[1000]", "[1001]")
    assert second["visits"].erased == ()


def test_a_parent_stays_as_long_as_a_child_of_it(shop: Shop) -> None:
    hold = Instruction(KeptWhy.HOLD, "hold")
    (report,) = shop.erase(DELETED_MAP, ask(email="ada@x.example"), orders=hold)
    assert report["people"] == SetReport((), ("[1]",))
    assert report["lines"].kept == ("[100]", "[110]", "[111]")
    assert report["visits"].erased == ("[1000]", "[1001]")
    assert shop.rows("SELECT name FROM people WHERE id = 1") == [("Ada",)]


def test_orphans_known_by_their_key_follow_their_own_instruction(shop: Shop) -> None:
    shop.run(
        "ALTER TABLE lines RENAME TO old_lines;\n"
        "CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER, item TEXT)"
    )
    shop.run("INSERT INTO lines VALUES (900, 99, 'left'), (901, 98, 'left');\nDROP TABLE old_lines")
    (report,) = shop.erase(DELETED_MAP, ask(keys={"lines": ("[900]",)}))
    assert report["lines"].erased == ("[900]",)
    (report,) = shop.erase(DELETED_MAP, ask(keys={"lines": ("[901]",)}), lines=KEEP)
    assert report["lines"].kept == ("[901]",)
    assert shop.rows("SELECT id FROM lines") == [(901,)]


NOTES = """
[[record_set]]
name = "notes"
table = "notes"
parent = "PARENT"
parent_on = { ref = "id" }
erase = "with_parent"
personal = ["note"]
anonymise = { note = "{null}" }
"""


def test_what_lives_with_a_kept_parent_is_masked_with_it_and_goes_with_it(shop: Shop) -> None:
    shop.run("CREATE TABLE notes (id INTEGER PRIMARY KEY, ref INTEGER REFERENCES orders (id), note TEXT)")
    shop.run("INSERT INTO notes VALUES (1, 10, 'rang Ada'), (2, 11, 'rang Ada'), (3, 20, 'rang Bob')")
    text = KEPT_MAP + NOTES.replace("PARENT", "orders")
    (report,) = shop.erase(text, ask(email="ada@x.example"), orders=KEEP, lines=KEEP, notes=KEEP)
    assert report["notes"] == SetReport(("[1]",), ("[2]",), "delete", "2034-01-31", "2034-01-31")
    assert shop.rows("SELECT id, note FROM notes ORDER BY id") == [(2, None), (3, "rang Bob")]
    assert shop.look(text, orders=["[11]"], notes=["[2]"]) == {"orders": {"[11]": "masked"}, "notes": {"[2]": "masked"}}
    shop.run("UPDATE notes SET note = 'Ada again' WHERE id = 2")
    assert shop.look(text, orders=["[11]"], notes=["[2]"]) == {
        "orders": {"[11]": "present"},
        "notes": {"[2]": "present"},
    }


def test_what_lives_with_an_anonymised_parent_is_anonymised_or_deleted(shop: Shop) -> None:
    shop.run("CREATE TABLE notes (id INTEGER PRIMARY KEY, ref INTEGER REFERENCES people (id), note TEXT)")
    shop.run("INSERT INTO notes VALUES (1, 1, 'Ada'), (2, 2, 'Bob')")
    text = KEPT_MAP + NOTES.replace("PARENT", "people")
    (report,) = shop.erase(text, ask(email="ada@x.example"))
    assert report["notes"] == SetReport(("[1]",), (), "anonymise")
    assert shop.rows("SELECT id, note FROM notes ORDER BY id") == [(1, None), (2, "Bob")]
    assert shop.look(text, notes=["[1]"], people=["[1]"])["notes"] == {"[1]": "anonymised"}
    without = text.replace('anonymise = { note = "{null}" }', "")
    shop.erase(without, ask(email="bob@x.example"))
    assert shop.rows("SELECT id FROM notes") == [(1,)]


def test_an_order_without_an_instruction_changes_nothing(lite: Shop) -> None:
    with Opened(lite.opener(DELETED_MAP)) as one, pytest.raises(PermanentError) as caught:
        one.erase([ErasureOrder(ask(email="ada@x.example"), {"people": Instruction()})])
    assert caught.value.code == "no_instruction"
    assert len(lite.rows("SELECT id FROM visits")) == 4


def test_other_mapped_tables_are_erased_before_what_they_refer_to(shop: Shop) -> None:
    shop.run("CREATE TABLE cards (id INTEGER PRIMARY KEY, email VARCHAR(80), owner INTEGER REFERENCES people (id))")
    shop.run("INSERT INTO cards VALUES (1, 'ada@x.example', 1)")
    cards = '[[record_set]]\nname = "cards"\ntable = "cards"\nmatch = { email = [{ field = "email" }] }\n'
    shop.erase(cards + DELETED_MAP, ask(email="ada@x.example"))
    assert shop.rows("SELECT id FROM cards") == []
    assert shop.rows("SELECT id FROM people WHERE id = 1") == []


def test_rows_of_a_bystander_that_refer_to_an_erased_one_stop_the_erasure(shop: Shop) -> None:
    shop.run("CREATE TABLE cards (id INTEGER PRIMARY KEY, email VARCHAR(80), owner INTEGER REFERENCES people (id))")
    shop.run("INSERT INTO cards VALUES (1, 'bob@x.example', 1)")
    cards = '[[record_set]]\nname = "cards"\ntable = "cards"\nmatch = { email = [{ field = "email" }] }\n'
    with pytest.raises(PermanentError) as caught:
        shop.erase(cards + DELETED_MAP, ask(email="ada@x.example"))
    assert caught.value.code == "constraint"
    assert len(shop.rows("SELECT id FROM people")) == 3


def test_thousands_of_rows_of_one_subject(shop: Shop) -> None:
    shop.run("INSERT INTO visits (id, email) VALUES " + ", ".join(f"({n}, 'cy@x.example')" for n in range(5000, 6300)))
    (report,) = shop.erase(DELETED_MAP, ask(email="cy@x.example"))
    assert len(report["visits"].erased) == 1300
    assert len(shop.rows("SELECT id FROM visits")) == 4


def test_erased_bytes_do_not_stay_in_the_file(lite: Shop) -> None:
    lite.run("UPDATE visits SET page = 'canary-7f3a' WHERE id = 1000")
    assert b"canary-7f3a" in (lite.folder / "shop.sqlite").read_bytes()
    lite.erase(DELETED_MAP, ask(email="ada@x.example"))
    assert b"canary-7f3a" not in (lite.folder / "shop.sqlite").read_bytes()


def test_fixed_dates_and_numbers(shop: Shop) -> None:
    text = (
        (PEOPLE + ANONYMISED)
        .replace('number = "{null}"', "number = 0")
        .replace('born = "{null}"', 'born = "1900-01-01"')
    )
    text += ORDERS + LINES + VISITS
    (report,) = shop.erase(text, ask(email="ada@x.example"))
    assert report["people"].erased == ("[1]",)
    assert [(n, str(d)) for n, d in shop.rows("SELECT number, born FROM people WHERE id = 1")] == [(0, "1900-01-01")]
    assert shop.look(text, people=["[1]"])["people"] == {"[1]": "anonymised"}


def test_an_anonymised_set_with_a_retention_rule_does_both(shop: Shop) -> None:
    shop.run("CREATE TABLE staff (id INTEGER PRIMARY KEY, email VARCHAR(80), name TEXT, gone DATE)")
    shop.run(
        "INSERT INTO staff VALUES (1, 'ada@x.example', 'Ada', '2010-01-01'), (2, 'ada@x.example', 'Ada', '2024-01-01')"
    )
    text = """
[[record_set]]
name = "staff"
table = "staff"
match = { email = [{ field = "email" }] }
erase = "anonymise"
personal = ["email", "name"]
anonymise = { email = "{null}", name = "erased" }
[record_set.retain]
why = "exception_17_3_b"
text = "law"
months = 60
anchor = "gone"
mask = { name = "{null}", email = "{random}" }
"""
    keep = Instruction(KeptWhy.LEGAL_OBLIGATION, "law", "2015-01-01", 60)
    (report,) = shop.erase(text, ask(email="ada@x.example"), staff=keep)
    assert report["staff"] == SetReport(("[1]",), ("[2]",), "anonymise", "2029-01-01", "2029-01-01")
    assert shop.rows("SELECT email, name FROM staff WHERE id = 1") == [(None, "erased")]
    assert shop.look(text, staff=["[1]", "[2]"])["staff"] == {"[1]": "anonymised", "[2]": "masked"}


def test_the_connector_gives_its_name_and_version(lite: Shop) -> None:
    assert re.match(r"sql/\d+\.\d+\.\d+", lite.opener(KEPT_MAP)().name)
