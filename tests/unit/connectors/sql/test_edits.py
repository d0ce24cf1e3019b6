"""Corrections, restrictions and stopped purposes, on SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from connectors.changes import Capability, Change, ChangeReport, Standing
from connectors.contract import ChangeOrder, Inspection, Subject, TaskId
from connectors.errors import PermanentError, TransientError
from connectors.testing.desk import NOW, Desk
from schemas.outcomes import Failed, FailureKind, Lifted, NothingHeld, Rectified, Restricted, Stopped, Survived
from schemas.requests import utc
from schemas.tasks import Action
from tests.unit.connectors.sql.shop import KEPT_MAP, LINES, ORDERS, PEOPLE, VISITS, Opened, Shop, ask
from tests.unit.connectors.sql.test_check import expect

AT = utc(NOW)
COLUMNS = """
ALTER TABLE people ADD COLUMN restricted INTEGER DEFAULT 0 NOT NULL;
ALTER TABLE people ADD COLUMN ads VARCHAR(3) DEFAULT 'yes' NOT NULL;
ALTER TABLE people ADD COLUMN score INTEGER;
ALTER TABLE people ADD COLUMN height NUMERIC(6, 2);
ALTER TABLE people ADD COLUMN active BOOLEAN;
ALTER TABLE people ADD COLUMN seen TIMESTAMP;
ALTER TABLE orders ADD COLUMN locked TEXT;
UPDATE people SET score = 5;
"""
EDITS = """
rectify = ["name", "email", "phone", "number", "born", "country", "height", "active", "seen"]
restrict = { column = "restricted", set = 1, lifted = 0 }
stop.ads = { column = "ads", set = "no" }
stop.profiling = { column = "score", set = "{null}" }
provided = ["name", "email"]
"""
LOCKED = """
rectify = ["ship_to"]
restrict = { column = "locked", set = "yes" }
"""
MAP = PEOPLE + EDITS + ORDERS + LOCKED + LINES + VISITS
ADA = {"email": "ada@x.example"}
BOTH = ("people", "orders")


@pytest.fixture
def shop(shop: Shop) -> Shop:  # the same, with the columns
    shop.run(COLUMNS)
    return shop


@pytest.fixture
def desk(shop: Shop) -> Desk:
    return Desk(shop.opener(MAP))


def change(
    shop: Shop, capability: Capability, subject: Subject, changes: Mapping[str, Change], text: str = MAP
) -> Mapping[str, ChangeReport]:
    """Order a change on a connector of its own."""
    with Opened(shop.opener(text)) as one:
        return getattr(one, capability.value)([ChangeOrder(subject, changes)])[subject.task_id]  # type: ignore[no-any-return]


def rectify(shop: Shop, values: Mapping[str, Any], subject: Subject | None = None) -> ChangeReport:
    return change(shop, Capability.RECTIFY, subject or ask(email="ada@x.example"), {"people": Change(values)})["people"]


def everything(shop: Shop) -> list[Any]:
    return [shop.rows(f"SELECT * FROM {table} ORDER BY id") for table in ("people", "orders", "lines", "visits")]


def test_the_map_of_these_tests_fits(shop: Shop) -> None:
    shop.warnings(MAP)


def test_what_is_corrected_stands_there_and_nothing_else_changed(shop: Shop, desk: Desk) -> None:
    before = everything(shop)
    right = {"people": {"name": "Ada L.", "born": "1815-12-10", "phone": None, "number": 7}}
    assert desk.rectify(ADA, right).outcomes == {"people": Rectified(1, AT)}
    ((name, born, phone, number),) = shop.rows("SELECT name, born, phone, number FROM people WHERE id = 1")
    assert (name, str(born), phone, number) == ("Ada L.", "1815-12-10", None, 7)
    shop.run(
        "UPDATE people SET name = 'Ada', born = '1980-01-31', phone = '+33 1 23 45 67 89', number = 101 WHERE id = 1"
    )
    assert everything(shop) == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "Zoë \U0001f917 'x' \"y\" %s :z"),
        ("name", ""),
        ("name", None),
        ("country", "F"),
        ("number", 2**53),
        ("number", -1),
        ("born", "2024-02-29"),
        ("height", 1.85),
        ("height", 2),
        ("active", True),
        ("active", False),
        ("seen", "2024-02-29T10:11:12"),
        ("phone", "007"),
    ],
)
def test_each_type_is_written_and_recognised(shop: Shop, desk: Desk, column: str, value: Any) -> None:
    if column == "number" and value > 2**31 and shop.url.startswith("postgres"):
        value = 2**31 - 1
    before = everything(shop)[1:]
    right = {"people": {column: value}}
    assert desk.rectify(ADA, right).outcomes == {"people": Rectified(1, AT)}
    again = rectify(shop, right["people"])
    assert (again.records, again.changed) == (("[1]",), ())
    assert everything(shop)[1:] == before


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": 5}, "wrong_type"),
        ({"name": True}, "wrong_type"),
        ({"name": "a\0b"}, "wrong_type"),
        ({"number": "5"}, "wrong_type"),
        ({"number": 1.5}, "wrong_type"),
        ({"number": 2**63}, "wrong_type"),
        ({"born": "31/01/1980"}, "wrong_type"),
        ({"born": 19800131}, "wrong_type"),
        ({"born": "19800131"}, "wrong_type"),
        ({"seen": "20240229"}, "wrong_type"),
        ({"seen": "yesterday"}, "wrong_type"),
        ({"height": "1.85"}, "wrong_type"),
        ({"height": "inf"}, "wrong_type"),
        ({"email": None}, "not_null"),
        ({"id": 5}, "unknown_field"),
        ({"restricted": 0}, "unknown_field"),
        ({"nom": "Ada"}, "unknown_field"),
        ({}, "unknown_field"),
    ],
)
def test_what_a_column_does_not_take_is_refused_before_anything_changes(
    shop: Shop, desk: Desk, values: dict[str, Any], code: str
) -> None:
    before = everything(shop)
    with pytest.raises(PermanentError) as raised:
        rectify(shop, values | ({"name": "Right"} if values and "name" not in values else {}))
    assert raised.value.code == code
    outcomes = desk.rectify(ADA, {"people": values, "orders": {"ship_to": "x"}}).outcomes
    if values:
        assert set(outcomes.values()) == {Failed(FailureKind.PERMANENT, code)}
        assert everything(shop) == before


def test_a_text_that_is_too_long_is_refused(shop: Shop, desk: Desk) -> None:
    before = everything(shop)
    answer = desk.rectify(ADA, {"people": {"country": "FRA"}})
    if shop.url.startswith("postgres"):
        assert answer.outcomes == {"people": Failed(FailureKind.PERMANENT, "too_long")}
        assert everything(shop) == before
    else:
        assert answer.outcomes == {"people": Rectified(1, AT)}  # SQLite enforces no length


def test_a_value_that_the_store_refuses_changes_nothing_for_this_subject_only(shop: Shop, desk: Desk) -> None:
    ada = desk.task(
        Action.RECTIFY, ADA, corrections={"people": {"email": "cy@x.example"}, "orders": {"ship_to": "Right"}}
    )
    bob = desk.task(Action.RECTIFY, {"email": "bob@x.example"}, corrections={"people": {"name": "Robert"}})
    before = shop.rows("SELECT * FROM people WHERE id = 1")
    first, second = desk.run([ada, bob])
    assert set(first.outcomes.values()) == {Failed(FailureKind.PERMANENT, "constraint")}
    assert second.outcomes == {"people": Rectified(1, AT)}
    assert shop.rows("SELECT * FROM people WHERE id = 1") == before
    assert shop.rows("SELECT ship_to FROM orders WHERE person_id = 1") == [("Ada, 1 Rue A",)] * 2


def test_children_are_reached_through_their_parent(shop: Shop, desk: Desk) -> None:
    assert desk.rectify(ADA, {"orders": {"ship_to": "New Street"}}).outcomes == {"orders": Rectified(2, AT)}
    assert shop.rows("SELECT DISTINCT ship_to FROM orders WHERE person_id = 1") == [("New Street",)]
    assert shop.rows("SELECT ship_to FROM orders WHERE person_id = 2") == [("Bob, 2 Strasse",)]


def test_a_corrected_identifier_is_found_by_its_key_until_it_is_done(shop: Shop, desk: Desk) -> None:
    handle = desk.locate(ADA).handle
    right = {"people": {"email": "ada.l@x.example"}}
    answer = desk.rectify(ADA, right, handle)
    assert answer.outcomes == {"people": Rectified(1, AT)}
    # A worker died before it could answer: the order comes again, with the handle of before.
    assert desk.rectify(ADA, right, handle).outcomes == {"people": Rectified(1, AT)}
    assert desk.keys(answer)["people"] == ["[1]"]
    assert desk.locate(ADA).outcomes["people"] == NothingHeld()


def test_i09_a_key_that_leads_to_somebody_else_stops_it(shop: Shop, desk: Desk) -> None:
    handle = desk.locate(ADA).handle
    shop.run("DELETE FROM lines;\nDELETE FROM orders;\nDELETE FROM people WHERE id = 1")
    shop.run("UPDATE people SET id = 1 WHERE id = 2")
    before = everything(shop)
    for right in ({"email": "ada.l@x.example"}, {"name": "Ada L."}, {"phone": None}):
        outcomes = desk.rectify(ADA, {"people": right}, handle).outcomes
        assert outcomes == {"people": Failed(FailureKind.PERMANENT, "key_reused")}
    assert everything(shop) == before


def test_a_restriction_is_a_mark_and_nothing_else(shop: Shop, desk: Desk) -> None:
    before = everything(shop)
    answer = desk.restrict(ADA, record_sets=BOTH)
    assert answer.outcomes == {"people": Restricted(1, AT), "orders": Restricted(2, AT)}
    assert shop.rows("SELECT id, restricted FROM people ORDER BY id") == [(1, 1), (2, 0), (3, 0)]
    assert shop.rows("SELECT id, locked FROM orders ORDER BY id") == [(10, "yes"), (11, "yes"), (20, None)]
    assert desk.locate(ADA).outcomes["people"] == desk.locate(ADA, answer.handle).outcomes["people"]
    assert desk.lift(ADA, answer.handle, BOTH).outcomes == {"people": Lifted(1, AT), "orders": Lifted(2, AT)}
    assert everything(shop) == before


def test_lifting_leaves_a_row_that_is_not_restricted_as_it_is(shop: Shop, desk: Desk) -> None:
    shop.run("UPDATE people SET restricted = 7 WHERE id = 1")
    before = everything(shop)
    assert desk.lift(ADA, record_sets=BOTH).outcomes == {"people": Lifted(1, AT), "orders": Lifted(2, AT)}
    assert everything(shop) == before


def test_a_purpose_is_stopped_and_the_person_is_still_found(shop: Shop, desk: Desk) -> None:
    answer = desk.stop(ADA, ["ads", "profiling"], record_sets=["people"])
    assert answer.outcomes == {"people": Stopped(("ads", "profiling"), 1, AT)}
    assert shop.rows("SELECT ads, score FROM people ORDER BY id") == [("no", None), ("yes", 5), ("yes", 5)]
    assert desk.locate(ADA).outcomes["people"] == desk.locate(ADA, answer.handle).outcomes["people"]
    assert desk.stop(ADA, ["ads"]).outcomes["orders"] == Failed(FailureKind.PERMANENT, "no_capability")


def test_of_two_people_in_one_batch_each_gets_what_is_theirs(shop: Shop) -> None:
    orders = [
        ChangeOrder(ask("t1", email="ada@x.example"), {"people": Change({"name": "A"})}),
        ChangeOrder(ask("t2", email="bob@x.example"), {"people": Change({"name": "B"})}),
        ChangeOrder(ask("t3", email="nobody@x.example"), {"people": Change({"name": "C"})}),
    ]
    with Opened(shop.opener(MAP)) as one:
        reports = one.rectify(orders)
    done = {task: report["people"] for task, report in reports.items()}
    assert done == {
        "t1": ChangeReport(("[1]",), ("[1]",)), "t2": ChangeReport(("[2]",), ("[2]",)), "t3": ChangeReport(),
    }  # fmt: skip
    assert shop.rows("SELECT name FROM people ORDER BY id") == [("A",), ("B",), ("Cy",)]


@pytest.mark.parametrize("capability", Capability)
def test_an_order_that_the_map_has_no_rule_for_is_refused(shop: Shop, capability: Capability) -> None:
    wanted = Change({"item": "x"}, ("ads",))
    for changes, code in (({"lines": wanted}, "no_rule"), ({"letters": wanted}, "unknown_record_set")):
        with pytest.raises(PermanentError) as raised:
            change(shop, capability, ask(email="ada@x.example"), changes, KEPT_MAP)
        assert raised.value.code == code
    with pytest.raises(PermanentError) as raised:
        change(shop, Capability.STOP, ask(email="ada@x.example"), {"people": Change(purposes=("ads", "research"))})
    assert raised.value.code == "unknown_purpose"


def test_i09_max_records(shop: Shop) -> None:
    before = everything(shop)
    text = MAP.replace("[[record_set]]\n", "[[record_set]]\nmax_records = 1\n")
    with pytest.raises(PermanentError) as raised:
        change(shop, Capability.RESTRICT, ask(email="ada@x.example"), {"orders": Change()}, text)
    assert raised.value.code == "max_records"
    assert everything(shop) == before


def test_the_second_look_reads_the_rows(shop: Shop) -> None:
    change(shop, Capability.RESTRICT, ask(email="ada@x.example"), {"people": Change()})
    keys = {"people": ("[1]", "[2]", "[99]")}
    seen = {}
    for capability, wanted in ((Capability.RESTRICT, Change()), (Capability.LIFT, Change())):
        with Opened(shop.opener(MAP)) as one:
            asked = Inspection(ask(), keys, {"people": wanted})
            seen[capability] = one.inspect(capability, [asked])[TaskId("t1")]["people"]
    yes, no, gone = Standing.AS_ORDERED, Standing.NOT_AS_ORDERED, Standing.GONE
    assert seen[Capability.RESTRICT] == {"[1]": yes, "[2]": no, "[99]": gone}
    assert seen[Capability.LIFT] == {"[1]": no, "[2]": yes, "[99]": gone}
    with Opened(shop.opener(MAP)) as one, pytest.raises(PermanentError, match="unknown_record_set"):
        one.inspect(Capability.STOP, [Inspection(ask(), {"lines": ("[1]",)}, {})])


def test_i01_a_trigger_that_takes_it_back_is_noticed(shop: Shop, desk: Desk) -> None:
    if shop.url.startswith("postgres"):
        shop.run(
            "CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN NEW.restricted := 0; NEW.name := ''Ada''; NEW.ads := ''yes''; RETURN NEW; END'"
        )
        shop.run("CREATE TRIGGER back BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION back()")
    else:
        shop.run("CREATE TRIGGER back BEFORE UPDATE ON people BEGIN SELECT RAISE(IGNORE); END")
    assert desk.restrict(ADA, record_sets=["people"]).outcomes == {"people": Survived(1, "not_restricted")}
    assert desk.rectify(ADA, {"people": {"name": "X"}}).outcomes == {"people": Survived(1, "not_rectified")}
    assert desk.stop(ADA, ["ads"], record_sets=["people"]).outcomes == {"people": Survived(1, "not_stopped")}


def test_a_restricted_row_is_erased_like_any_other(shop: Shop, desk: Desk) -> None:
    desk.restrict(ADA)
    (report,) = shop.erase(MAP, ask(email="ada@x.example"))
    assert report["people"].erased == ("[1]",)
    assert shop.rows("SELECT id FROM people ORDER BY id") == [(2,), (3,)]


def test_a_store_that_is_locked_is_tried_again(lite: Shop) -> None:
    lite.run(COLUMNS)
    with lite.admin.connect() as other:
        other.exec_driver_sql("BEGIN IMMEDIATE")
        with Opened(lite.opener(MAP, lock_timeout=0)) as one, pytest.raises(TransientError) as raised:
            one.restrict([ChangeOrder(ask(email="ada@x.example"), {"people": Change()})])
    assert raised.value.code == "locked"


def test_times_of_postgres_keep_their_zone(shop: Shop) -> None:
    if not shop.url.startswith("postgres"):
        pytest.skip("SQLite has no type for times")
    shop.run("ALTER TABLE people ADD COLUMN woke TIMESTAMPTZ;\nALTER TABLE people ADD COLUMN ref UUID")
    text = MAP.replace('"seen"]', '"seen", "woke", "ref"]')
    right = {"woke": "2024-02-29T10:00:00+01:00", "ref": "6f9619ff-8b86-d011-b42d-00c04fc964ff"}
    assert Desk(shop.opener(text)).rectify(ADA, {"people": right}).outcomes == {"people": Rectified(1, AT)}
    ((woke,),) = shop.rows("SELECT woke FROM people WHERE id = 1")
    assert woke == dt.datetime(2024, 2, 29, 9, tzinfo=dt.UTC)
    for wrong in ({"woke": "2024-02-29T10:00:00"}, {"seen": "2024-02-29T10:00:00Z"}, {"ref": "x"}):
        outcomes = Desk(shop.opener(text)).rectify(ADA, {"people": wrong}).outcomes
        assert outcomes == {"people": Failed(FailureKind.PERMANENT, "wrong_type")}


def test_a_column_may_have_the_name_of_a_parameter(shop: Shop) -> None:
    shop.run('ALTER TABLE people ADD COLUMN "values" TEXT')
    desk = Desk(shop.opener(MAP.replace('rectify = ["name",', 'rectify = ["values", "name",')))
    assert desk.rectify(ADA, {"people": {"values": "x", "name": "y"}}).outcomes == {"people": Rectified(1, AT)}
    assert shop.rows('SELECT "values", name FROM people WHERE id = 1') == [("x", "y")]


# --- the map against the schema


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'rectify = ["name",',
            'rectify = ["nme",',
            "rectify: nme: table 'people' has no such column; did you mean 'name'",
        ),
        ('rectify = ["name",', 'rectify = ["id",', "rectify: id: rows are found by this column"),
        ('rectify = ["ship_to"]', 'rectify = ["person_id"]', "rectify: person_id: rows are found by this column"),
        ('provided = ["name"', 'provided = ["nome"', "provided: nome: table 'people' has no such column"),
        ('column = "restricted"', 'column = "restriced"', "restrict: restriced: table 'people' has no such column"),
        ("set = 1, lifted = 0", "set = 1, lifted = 1", "restrict: restricted: set and lifted are the same"),
        ("set = 1, lifted = 0", "set = 1", "restrict.lifted: restricted: a value of null"),
        ("set = 1, lifted = 0", 'set = "yes", lifted = 0', "restrict.set: restricted: a value of a type"),
        ('"ads", set = "no"', '"ads", set = "{null}"', "stop.ads.set: ads: a value of null"),
        ('"ads", set = "no"', '"asd", set = "no"', "stop.ads: asd: table 'people' has no such column"),
        ('"ads", set = "no"', '"ads", set = 5', "stop.ads.set: ads: a value of a type"),
        ('"ads", set = "no"', '"name", set = "no"', "stop.ads: name: the column holds data"),
        ('"ads", set = "no"', '"email", set = "no"', "stop.ads: email: a fixed value into a UNIQUE column"),
        ('"ads", set = "no"', '"restricted", set = 1', "stop.ads: restricted: two marks in one column"),
        ('"ads", set = "no"', '"score", set = 0', "stop.profiling: score: two marks in one column"),
        ('"ads", set = "no"', '"ads", st = "no"', "unknown key 'st'; did you mean 'set'"),
        ("stop.ads =", 'stop."write to us" =', "a purpose is one word"),
        (
            'name = "people"',
            'name = "people"\npurpose = "care & sales"',
            "no request can name the purpose 'care & sales'",
        ),
        ("lifted = 0", "liftd = 0", "unknown key 'liftd'; did you mean 'lifted'"),
    ],
)
def test_a_map_that_does_not_fit_is_refused_at_the_start(shop: Shop, old: str, new: str, said: str) -> None:
    assert MAP.count(old) == 1
    expect(shop, MAP.replace(old, new), said)


def test_a_mark_that_an_erasure_replaces_is_refused(shop: Shop) -> None:
    text = KEPT_MAP.replace(
        "one_per_subject = true", 'one_per_subject = true\nstop.ads = { column = "number", set = 5 }'
    )
    expect(shop, text, "stop.ads: number: the column holds data, or is corrected, or replaced")


def test_columns_that_nobody_can_write_are_refused(shop: Shop) -> None:
    kind = "BYTEA" if shop.url.startswith("postgres") else "BLOB"
    shop.run(f"ALTER TABLE people ADD COLUMN photo {kind}")
    expect(shop, MAP.replace('rectify = ["name",', 'rectify = ["photo",'), "rectify: photo: a column of type bytes")
    stored = "STORED" if shop.url.startswith("postgres") else "VIRTUAL"
    shop.run(f"ALTER TABLE people ADD COLUMN twice INTEGER GENERATED ALWAYS AS (number * 2) {stored}")
    expect(shop, MAP.replace('rectify = ["name",', 'rectify = ["twice",'), "rectify: twice: the database computes")


def test_a_column_that_others_refer_to_is_refused(shop: Shop) -> None:
    shop.run("CREATE TABLE cards (id INTEGER PRIMARY KEY, mail VARCHAR(80) REFERENCES people (email))")
    text = MAP + '\n[[other_reference]]\ntable = "cards"\ncolumn = "mail"\nreason = "test"\n'
    expect(shop, text, "rectify: email: another table refers to this column")
