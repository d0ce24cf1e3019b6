from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from connectors.errors import MisconfiguredError
from tests.unit.connectors.sql.shop import (
    ANONYMISED,
    DELETED_MAP,
    KEPT_MAP,
    LINES,
    ORDERS,
    PEOPLE,
    RETAINED,
    VISITS,
    Shop,
    ask,
)


def line_of(text: str, needle: str) -> int:
    return text[: text.index(needle)].count("\n") + 1


def expect(shop: Shop, text: str, said: str, at: str | None = None) -> None:
    """Check that the map is refused with these words, at the line that holds ``at``, and with a fix."""
    error = shop.wrong(text)
    assert re.search(said, str(error)), str(error)
    assert error.fix
    assert error.file.endswith("map.toml")
    if at is not None:
        assert error.line == line_of(text, at), str(error)


@pytest.mark.parametrize("text", [DELETED_MAP, KEPT_MAP, PEOPLE + ORDERS + LINES])
def test_the_maps_of_these_tests_fit(shop: Shop, text: str) -> None:
    shop.warnings(text)


def test_unknown_table(shop: Shop) -> None:
    text = DELETED_MAP.replace('table = "visits"', 'table = "vists"')
    expect(shop, text, "no table 'vists'; did you mean 'visits'", 'table = "vists"')


def test_a_name_in_another_case_is_suggested(lite: Shop) -> None:
    expect(lite, DELETED_MAP.replace('table = "visits"', 'table = "VISITS"'), "did you mean 'visits'")


def test_a_table_twice(shop: Shop) -> None:
    expect(shop, DELETED_MAP + VISITS.replace('name = "visits"', 'name = "again"'), "stands in two record sets")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('personal = ["email", "page"]', 'personal = ["email", "pag"]', "no column 'pag'; did you mean 'page'"),
        ('[{ field = "email" }] }\npersonal', '[{ field = "mail" }] }\npersonal', "no column 'mail'.*'email'"),
        ("parent_on = { person_id", "parent_on = { persn_id", "no column 'persn_id'.*'person_id'"),
        ('person_id = "id"', 'person_id = "uid"', "'people' has no column 'uid'.*did you mean 'id'"),
    ],
)
def test_unknown_columns(shop: Shop, old: str, new: str, said: str) -> None:
    assert old in DELETED_MAP
    expect(shop, DELETED_MAP.replace(old, new), said)


def test_unknown_columns_of_anonymise(shop: Shop) -> None:
    text = KEPT_MAP.replace('phone = "{null}"', 'phon = "{null}", phone = "{null}"')
    expect(shop, text, "anonymise: table 'people' has no column 'phon'; did you mean 'phone'")


def test_unknown_columns_of_a_retention_rule(shop: Shop) -> None:
    expect(shop, KEPT_MAP.replace('anchor = "ordered"', 'anchor = "order"'), "anchor: .*did you mean 'ordered'")
    text = KEPT_MAP.replace('mask = { ship_to = "{random}" }', 'mask = { ship_to = "{random}", ship = "{null}" }')
    expect(shop, text, "mask: .*no column 'ship'")


def test_keys(shop: Shop) -> None:
    expect(
        shop,
        DELETED_MAP.replace('table = "visits"', 'table = "visits"\nkey = ["email"]'),
        "not unique",
        'key = ["email"]',
    )
    shop.run("CREATE TABLE bare (email TEXT);\nCREATE TABLE loose (email VARCHAR(9) UNIQUE)")
    bare = '[[record_set]]\nname = "bare"\ntable = "bare"\n'
    expect(shop, bare, "no primary key", "table = ")
    expect(shop, bare.replace('table = "bare"', 'table = "loose"\nkey = ["email"]'), "may be null")
    good = DELETED_MAP.replace('table = "people"', 'table = "people"\nkey = ["email"]')
    shop.warnings(good)


def test_a_key_of_bytes(shop: Shop) -> None:
    shop.run(f"CREATE TABLE raw (id {'BLOB' if 'sqlite' in shop.url else 'BYTEA'} PRIMARY KEY)")
    expect(shop, '[[record_set]]\nname = "raw"\ntable = "raw"\n', "type bytes")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('number = "{null}"', 'number = "gone"', "a text into a column of type integer"),
        ('number = "{null}"', 'number = "{random}"', "a random text into a column of type integer"),
        ('name = "erased"', "name = 0", "a number into a column of type text"),
        ('born = "{null}"', 'born = "erased"', "not a date"),
        ('born = "{null}"', 'born = "{random}"', "a random text into a column of type date"),
        ('email = "{random}"', 'email = "{null}"', "null into a column that is NOT NULL"),
        ('email = "{random}"', 'email = "erased"', "a fixed value into a UNIQUE column"),
        ('name = "erased"', 'name = "erased", id = 0', "a key is not replaced"),
        (', name = "erased"', "", "leaves the personal column 'name'"),
        (', number = "{null}"', "", "leaves the personal column 'number'"),
    ],
)
def test_replacements(shop: Shop, old: str, new: str, said: str) -> None:
    assert old in ANONYMISED
    expect(shop, PEOPLE + ANONYMISED.replace(old, new) + ORDERS + LINES, said, "anonymise = {" if new else None)


def test_masks(shop: Shop) -> None:
    expect(shop, KEPT_MAP.replace('mask = { ship_to = "{random}" }', "mask = {}"), "retain.mask leaves .*'ship_to'")
    text = KEPT_MAP.replace('ship_to = "{random}"', 'ship_to = "{random}", person_id = "{null}"')
    expect(shop, text, "retain.mask.person_id: null into a column that is NOT NULL", "retain = {")
    text = KEPT_MAP.replace('ship_to = "{random}"', 'ship_to = "{random}", person_id = 0')
    expect(shop, text, "the column refers to another table")


def test_room_for_tokens_and_texts(shop: Shop) -> None:
    shop.run("CREATE TABLE tight (id INTEGER PRIMARY KEY, code VARCHAR(10), mail VARCHAR(30))")
    text = """
[[record_set]]
name = "tight"
table = "tight"
match = { email = [{ field = "mail" }] }
erase = "anonymise"
anonymise = { code = "{random}", mail = "{null}" }
"""
    cases = [
        (text, "token has 23 characters, the column 10"),
        (
            text.replace('mail = "{null}"', 'mail = "{random}"').replace('code = "{random}"', 'code = "x"'),
            "token has 38",
        ),
        (text.replace('code = "{random}"', 'code = "much too long"'), "room for 10"),
    ]
    for one, said in cases:
        if shop.url.startswith("sqlite"):
            shop.warnings(one)  # SQLite does not enforce lengths
        else:
            expect(shop, one, said)


def test_a_fixed_value_in_a_unique_group(shop: Shop) -> None:
    shop.run("CREATE TABLE seats (id INTEGER PRIMARY KEY, tenant INTEGER, code TEXT, UNIQUE (tenant, code))")
    text = """
[[record_set]]
name = "seats"
table = "seats"
erase = "anonymise"
anonymise = { code = "x" }
"""
    expect(shop, text, "anonymise.code: a fixed value into a UNIQUE column")
    shop.warnings(text.replace('code = "x"', 'code = "x", tenant = "{null}"'))


def test_computed_columns(shop: Shop) -> None:
    shop.run("CREATE TABLE calc (id INTEGER PRIMARY KEY, a TEXT, b TEXT GENERATED ALWAYS AS (a || '!') STORED)")
    text = '[[record_set]]\nname = "calc"\ntable = "calc"\nerase = "anonymise"\nanonymise = { b = "{null}" }\n'
    expect(shop, text, "the database computes this column")


def test_anonymise_and_its_conditions(shop: Shop) -> None:
    rest = ORDERS + LINES
    expect(shop, PEOPLE + 'erase = "anonymise"\n' + rest, "names no column")
    expect(
        shop, PEOPLE + ANONYMISED.replace('erase = "anonymise"\n', "") + rest, "the rows are deleted", "anonymise = {"
    )
    by_id = PEOPLE.replace('customer_id = [{ field = "number" }]', 'customer_id = [{ field = "id" }]')
    expect(shop, by_id + ANONYMISED + rest, "would still be found by 'id'", "match = {")
    shop.warnings(by_id + ANONYMISED + "replace_key = true\n" + rest)
    shop.warnings(by_id + ANONYMISED + RETAINED.replace('"ordered"', '"born"').replace(
        'ship_to = "{random}"', 'email = "{random}", phone = "{null}", name = "x", number = "{null}", born = "{null}"'
    ) + rest)  # fmt: skip


def test_replace_key_and_its_conditions(shop: Shop) -> None:
    expect(shop, PEOPLE + "replace_key = true\n" + ORDERS + LINES, "goes with anonymise", "replace_key")
    shop.run(
        "CREATE TABLE pair (a INTEGER, b INTEGER, n TEXT, PRIMARY KEY (a, b));\n"
        "CREATE TABLE day (id DATE PRIMARY KEY, n TEXT);\n"
        "CREATE TABLE extra (person_id INTEGER PRIMARY KEY REFERENCES people (id));"
    )
    for table in ("pair", "day"):
        text = f'[[record_set]]\nname = "x"\ntable = "{table}"\nerase = "anonymise"\nanonymise = {{ n = "{{null}}" }}\n'
        expect(shop, text + "replace_key = true\n", "cannot make a key")
    extra = '[[record_set]]\nname = "extra"\ntable = "extra"\nparent = "people"\nparent_on = { person_id = "id" }\n'
    text = PEOPLE + ANONYMISED + "replace_key = true\n" + ORDERS + LINES + extra
    expect(shop, text, "would change the key of 'extra'", "replace_key")


def test_replace_key_beside_another_unique_column(shop: Shop) -> None:
    shop.run("CREATE TABLE badge (id INTEGER PRIMARY KEY, n TEXT, code TEXT UNIQUE)")
    text = '[[record_set]]\nname = "badge"\ntable = "badge"\nerase = "anonymise"\nreplace_key = true\n'
    expect(shop, text + 'anonymise = { n = "{null}" }\n', "code is unique.*", "replace_key")
    shop.warnings(text + 'anonymise = { n = "{null}", code = "{random}" }\n')


@pytest.mark.parametrize(
    ("old", "new", "said", "at"),
    [
        ('parent = "people"', 'parent = "peple"', "no record set 'peple'; did you mean 'people'", 'parent = "peple"'),
        ('parent_on = { person_id = "id" }\n', "", "parent without parent_on", 'parent = "people"'),
        ('parent = "orders"\n', "", "with_parent needs a parent", None),
        ('parent = "people"\n', "", "parent_on needs a parent", None),
        ('person_id = "id"', 'ship_to = "id"', "different types", None),
        ('table = "people"\n', 'table = "people"\nparent = "lines"\nparent_on = { id = "id" }\n', "form a cycle", None),
        (
            'table = "people"\n',
            'table = "people"\nparent = "people"\nparent_on = { id = "id" }\n',
            "form a cycle",
            None,
        ),
    ],
)
def test_parents(shop: Shop, old: str, new: str, said: str, at: str | None) -> None:
    assert old in DELETED_MAP
    expect(shop, DELETED_MAP.replace(old, new), said, at)


def test_personal_columns_under_a_kept_parent(shop: Shop) -> None:
    text = KEPT_MAP.replace('erase = "with_parent"', 'erase = "with_parent"\npersonal = ["item"]')
    expect(shop, text, "rows stay with those of 'orders'", 'personal = ["item"]')
    shop.warnings(text.replace('personal = ["item"]', 'personal = ["item"]\nanonymise = { item = "{null}" }'))
    rule = RETAINED.replace(', mask = { ship_to = "{random}" }', "")
    expect(shop, KEPT_MAP.replace(LINES, LINES + rule), "masks nothing")


def test_an_unmapped_table_that_refers_to_a_mapped_one(shop: Shop) -> None:
    expect(shop, PEOPLE + ORDERS, "table 'lines' refers to it by order_id and is not mapped", 'table = "orders"')
    declared = '\n[[other_reference]]\ntable = "lines"\ncolumn = "order_id"\nreason = "names nobody"\n'
    expect(shop, PEOPLE + ORDERS + declared, "foreign key of 'lines' .* forbids deleting", 'table = "orders"')
    kept = ORDERS + 'erase = "anonymise"\nanonymise = { ship_to = "{null}" }\n'
    shop.warnings(PEOPLE + ANONYMISED + kept + declared)


def test_other_references_that_are_wrong(shop: Shop) -> None:
    stale = '\n[[other_reference]]\ntable = "lines"\ncolumn = "item"\nreason = "r"\n'
    expect(shop, DELETED_MAP + stale, "no foreign key lines.item", 'column = "item"')
    expect(
        shop,
        DELETED_MAP + '\n[[other_reference]]\ntable = "lines"\n',
        "other_reference: .*column",
        "[[other_reference]]",
    )


def test_foreign_keys_that_forbid_a_deletion_or_carry_it_on(shop: Shop) -> None:
    expect(
        shop, PEOPLE + ORDERS + RETAINED + LINES, "'orders' .person_id. forbids deleting its rows", 'table = "people"'
    )
    anonymised = ORDERS + 'erase = "anonymise"\nanonymise = { ship_to = "{null}" }\n'
    expect(shop, PEOPLE + anonymised + LINES, "'orders' .person_id. forbids deleting its rows")
    shop.run(
        "CREATE TABLE a (id INTEGER PRIMARY KEY, email TEXT);\n"
        "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id) ON DELETE CASCADE);\n"
        "CREATE TABLE c (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a (id) ON DELETE SET NULL);"
    )
    one = '[[record_set]]\nname = "a"\ntable = "a"\nmatch = { email = [{ field = "email" }] }\n'
    both = "".join(f'\n[[other_reference]]\ntable = "{t}"\ncolumn = "a_id"\nreason = "r"\n' for t in "bc")
    expect(shop, one + both, "'b' .a_id. would carry on deleting")
    shop.run("DROP TABLE b;\nCREATE TABLE b (a_id INTEGER)")
    shop.warnings(one + '\n[[other_reference]]\ntable = "c"\ncolumn = "a_id"\nreason = "r"\n')


def test_warnings(shop: Shop) -> None:
    shop.run("DROP INDEX visits_email;\nDROP INDEX orders_person;")
    text = DELETED_MAP.replace(
        'email = [{ field = "email" }], customer', 'email = [{ field = "email", case = "lower" }], customer'
    )
    found = "\n".join(shop.warnings(text))
    assert "'visits': no index on email" in found
    assert "'people': no index on number" in found
    assert "'orders': no index on person_id" in found
    assert "'people': match email (lower) reads the whole table" in found
    assert "'lines'" not in found
    assert "no index on email" not in "\n".join(shop.warnings(KEPT_MAP.replace(VISITS, "")))


def test_rows_that_refer_to_rows_of_their_own_table_are_warned_of(shop: Shop) -> None:
    shop.run("CREATE TABLE tree (id INTEGER PRIMARY KEY, up INTEGER REFERENCES tree (id))")
    found = shop.warnings('[[record_set]]\nname = "tree"\ntable = "tree"\n')
    assert any("refer to by up" in one for one in found)


def test_the_advised_index_ends_the_warning_and_is_used(shop: Shop) -> None:
    if shop.url.startswith("sqlite"):
        pytest.skip("SQLite gets no such advice: its other users lack the function")
    text = DELETED_MAP.replace(
        'email = [{ field = "email" }], customer', 'email = [{ field = "email", case = "lower" }], customer'
    )
    (advice,) = [one for one in shop.warnings(text) if "CREATE INDEX" in one]
    shop.run(advice[advice.index("CREATE INDEX") :])
    assert not [one for one in shop.warnings(text) if "CREATE INDEX" in one]


def test_the_check_reads_the_schema_again(shop: Shop) -> None:
    opener = shop.opener(DELETED_MAP)
    one = opener()
    one.check()
    shop.run("DROP TABLE visits")
    with pytest.raises(MisconfiguredError, match="no table 'visits'"):
        one.check()
    one.close()


def test_a_sqlite_database_that_is_not_utf_8(lite: Shop) -> None:
    lite.url = "sqlite:///wide.sqlite"
    with sqlite3.connect(lite.folder / "wide.sqlite") as wide:
        wide.executescript(
            "PRAGMA encoding = 'UTF-16'; CREATE TABLE visits (id INTEGER PRIMARY KEY, email TEXT, page TEXT)"
        )
    wide.close()
    lite.warnings(VISITS)
    expect(lite, VISITS.replace('{ field = "email" }', '{ field = "email", case = "lower" }'), "beyond ASCII")


@pytest.mark.parametrize(
    "held", ["Eve@X.example", " eve@x.example", "Eve <eve@x.example>", "eve@x.example; e@x.example"]
)
def test_rows_that_the_search_does_not_find_are_warned_of(shop: Shop, held: str) -> None:
    assert not [one for one in shop.warnings(VISITS) if "does not find" in one]
    shop.run(f"INSERT INTO visits VALUES (4000, '{held}', NULL, '/')")
    (warning,) = [one for one in shop.warnings(VISITS) if "does not find" in one]
    assert "match email (exact) does not find 1 of 4 rows by the email they hold" in warning
    assert 'case = "lower"' in warning
    assert "eve" not in warning.lower()
    text = VISITS.replace('{ field = "email" }', '{ field = "email", case = "lower" }')
    seen = bool(shop.locate(text, ask(email="eve@x.example"))[0]["visits"].keys)
    assert seen is not any("does not find" in one for one in shop.warnings(text))


def test_the_search_is_tried_at_both_ends_of_a_large_table(shop: Shop) -> None:
    rows = ", ".join(f"({key}, 'p{key}@x.example', {key}, '/')" for key in range(5000, 6500))
    shop.run(f"INSERT INTO visits VALUES {rows}")
    assert not [one for one in shop.warnings(VISITS) if "does not find" in one]
    shop.run("INSERT INTO visits VALUES (1, 'Old@x.example', NULL, '/'), (9999, 'New@x.example', NULL, '/')")
    (warning,) = [one for one in shop.warnings(VISITS) if "does not find" in one]
    assert "2 of 499 rows" in warning


def test_numbers_and_several_key_columns_are_found_by_what_they_hold(shop: Shop) -> None:
    shop.run("CREATE TABLE odd (a TEXT, b INTEGER, number INTEGER, phone TEXT, PRIMARY KEY (a, b))")
    shop.run("INSERT INTO odd VALUES ('x', 1, 7, '+33 1 23 45 67 89'), ('x', 2, 8, 'n/a'), ('y', 1, NULL, '')")
    text = (
        '[[record_set]]\nname = "odd"\ntable = "odd"\nmatch.customer_id = [{ field = "number" }]\n'
        'match.phone = [{ field = "phone", case = "digits" }]\n'
    )
    assert not [one for one in shop.warnings(text) if "does not find" in one]
    (warning,) = [one for one in shop.warnings(text.replace(', case = "digits"', "")) if "does not find" in one]
    assert "match phone (exact) does not find 1 of 1 rows" in warning
    assert 'case = "digits"' in warning


def test_a_text_stored_as_bytes_is_warned_of(lite: Shop) -> None:
    lite.run("INSERT INTO visits VALUES (4000, CAST('eve@x.example' AS BLOB), NULL, '/')")
    for text in (VISITS, VISITS.replace('{ field = "email" }', '{ field = "email", case = "lower" }')):
        assert [one for one in lite.warnings(text) if "does not find 1 of 4" in one]


def test_triggers_are_warned_of(shop: Shop) -> None:
    assert not [one for one in shop.warnings(DELETED_MAP) if "triggers of its table" in one]
    shop.run("CREATE TABLE archive (email TEXT)")
    if shop.url.startswith("sqlite"):
        body = "BEGIN INSERT INTO archive VALUES (old.email); END"
        with closing(sqlite3.connect(shop.folder / "shop.sqlite")) as db:
            db.execute(f"CREATE TRIGGER keep AFTER DELETE ON Visits {body}")
    else:
        body = "BEGIN INSERT INTO archive VALUES (old.email); RETURN old; END"
        shop.run(f"CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS '{body}'")
        shop.run("CREATE TRIGGER keep AFTER DELETE ON visits FOR EACH ROW EXECUTE FUNCTION keep()")
    (warning,) = [one for one in shop.warnings(DELETED_MAP) if "triggers of its table" in one]
    assert "'visits'" in warning
    assert "(keep)" in warning


def test_children_that_no_parent_leads_to_are_warned_of(lite: Shop) -> None:
    assert not [one for one in lite.warnings(DELETED_MAP) if "no row of" in one]
    lite.run("CREATE TABLE notes (id INTEGER PRIMARY KEY, person_id)")
    lite.run("INSERT INTO notes VALUES (1, 1), (2, '1'), (3, 99), (4, NULL)")
    text = '[[record_set]]\nname = "notes"\ntable = "notes"\nparent = "people"\nparent_on = { person_id = "id" }\n'
    declared = '\n[[other_reference]]\ntable = "orders"\ncolumn = "person_id"\nreason = "r"\n'
    (warning,) = [one for one in lite.warnings(PEOPLE + ANONYMISED + text + declared) if "no row of" in one]
    assert "2 of 4 rows refer by person_id to no row of 'people'" in warning
