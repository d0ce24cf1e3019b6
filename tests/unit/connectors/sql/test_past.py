"""Rows that are past their period, page by page, on both databases."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.contract import SetReport
from connectors.dating import add_months
from connectors.errors import PermanentError
from connectors.past import PastPage, PastQuestion, PastRecord
from orchestrator.law.periods import last_expired_anchor
from schemas.identifiers import Strength
from schemas.outcomes import KeptWhy
from schemas.tasks import Instruction, Link
from tests.unit.connectors.sql.conftest import sqlite_shop
from tests.unit.connectors.sql.shop import (
    ANONYMISED,
    KEEP,
    KEPT_MAP,
    LINES,
    ORDERS,
    PEOPLE,
    RETAINED,
    VISITS,
    Opened,
    Shop,
    ask,
)

OVER = dt.date(2024, 1, 31)
ADA = Link("email", "ada@x.example", Strength.UNIQUE)
AS_IT_IS = Instruction(KeptWhy.NO_GROUND, review_by="9999-12-31")
ONLY_OVER = Instruction(KeptWhy.LEGAL_OBLIGATION, "law", "2014-12-31", 120, only_over=True)


def look(shop: Shop, text: str = KEPT_MAP, **changed: Any) -> PastPage:
    asked = {"record_set": "orders", "up_to": OVER, "rows": 100, "found": 100, "after": "", **changed}
    with Opened(shop.opener(text)) as connector:
        return connector.past(PastQuestion(**asked))


def test_finds_what_is_past_by_whatever_leads_to_its_person(shop: Shop) -> None:
    page = look(shop)
    number = Link("customer_id", "101", Strength.UNIQUE)
    assert page == PastPage(
        (
            PastRecord("[10]", dt.date(2010, 5, 31), (ADA, number)),
            PastRecord("[11]", dt.date(2024, 1, 31), (ADA, number)),
        ),
        scanned=3,
    )


def test_pages_go_on_behind_the_last_row(shop: Shop) -> None:
    first = look(shop, rows=1)
    assert ([one.key for one in first.records], first.scanned, first.after) == (["[10]"], 1, "[10]")
    second = look(shop, found=1, after=first.after)
    assert ([one.key for one in second.records], second.scanned, second.after) == (["[11]"], 1, "[11]")
    third = look(shop, after=second.after)
    assert (third.records, third.scanned, third.after) == ((), 1, "")


def test_a_date_that_cannot_be_read_is_never_past(shop: Shop) -> None:
    shop.run("UPDATE orders SET ordered = NULL WHERE id = 10;\nUPDATE orders SET ordered = 'long ago' WHERE id = 11")
    page = look(shop, up_to=dt.date(9999, 12, 31))
    assert [one.key for one in page.records] == ["[20]"]
    assert page.undated == 2


def test_what_is_anonymised_for_good_is_nobodys_any_more(shop: Shop) -> None:
    text = KEPT_MAP.replace(
        'personal = ["ship_to"]',
        'personal = ["ship_to"]\nerase = "anonymise"\nanonymise = { ship_to = "{null}" }',
    )
    shop.run("UPDATE orders SET ship_to = NULL WHERE id = 10")
    assert [one.key for one in look(shop, text).records] == ["[11]"]


def test_what_a_mask_wrote_names_nobody(shop: Shop) -> None:
    shop.erase(KEPT_MAP, ask(email="ada@x.example"), orders=KEEP)
    page = look(shop)
    assert [(one.key, one.identifiers) for one in page.records] == [("[11]", ())]


VISITS_DATED = VISITS.replace('personal = ["email", "page"]', "") + RETAINED.replace("ordered", "page").replace(
    ', mask = { ship_to = "{random}" }', ""
)


def test_i09_an_identifier_that_no_search_finds_the_row_by_is_not_its_persons(shop: Shop) -> None:
    """Stored with capitals and compared exactly, or no address at all: an erasure would not find the row by it."""
    shop.run("UPDATE visits SET page = '2010-01-01';\nUPDATE visits SET email = 'ADA@x.example' WHERE id = 1000")
    shop.run("UPDATE visits SET email = 'n/a' WHERE id = 1001")
    page = look(shop, VISITS_DATED, record_set="visits")
    assert {one.key: [link.strength for link in one.identifiers] for one in page.records} == {
        "[1000]": [Strength.WEAK],
        "[1001]": [Strength.WEAK],
        "[2000]": [Strength.UNIQUE],
        "[3000]": [],
    }


def test_keys_of_several_columns_page_in_order(shop: Shop) -> None:
    shop.run("CREATE TABLE calls (a INTEGER, b VARCHAR(9), day TEXT, mail TEXT, PRIMARY KEY (a, b))")
    shop.run(
        "INSERT INTO calls VALUES (1, 'x', '2010-01-01', 'ada@x.example'), (1, 'y', '2010-01-02', NULL),"
        " (2, 'a', '2030-01-01', NULL), (2, 'b', '2010-01-03', NULL)"
    )
    text = """
[[record_set]]
name = "calls"
table = "calls"
match.email = [{ field = "mail" }]
retain = { why = "exception_17_3_b", text = "law", months = 120, anchor = "day" }
"""
    keys, after = [], ""
    for _ in range(9):
        page = look(shop, text, record_set="calls", rows=1, after=after)
        keys += [one.key for one in page.records]
        after = page.after
        if not after:
            break
    assert keys == ['[1,"x"]', '[1,"y"]', '[2,"b"]']


def test_a_set_without_a_period_and_an_unknown_one_are_refused(shop: Shop) -> None:
    for name, code in (("people", "no_period"), ("lines", "no_period"), ("nothing", "unknown_record_set")):
        with pytest.raises(PermanentError) as caught:
            look(shop, record_set=name)
        assert caught.value.code == code
    with pytest.raises(PermanentError) as caught:
        look(shop, after='[1,"another map"]')
    assert caught.value.code == "key_mismatch"


# --- what only an order of a sweep does


def erase(shop: Shop, text: str, **told: Instruction) -> dict[str, SetReport]:
    (report,) = shop.erase(text, ask(email="ada@x.example"), default=AS_IT_IS, **told)
    return dict(report)


def test_what_is_not_over_stays_as_it_is_with_its_children(shop: Shop) -> None:
    report = erase(shop, KEPT_MAP, orders=ONLY_OVER, lines=ONLY_OVER)
    assert (report["orders"].erased, report["orders"].kept) == (("[10]",), ("[11]",))
    assert (report["lines"].erased, sorted(report["lines"].kept)) == (("[100]",), ["[110]", "[111]"])
    assert report["orders"].due_first == "2034-01-31"
    assert shop.rows("SELECT id, ship_to FROM orders ORDER BY id") == [
        (11, "Ada, 1 Rue A"),
        (20, "Bob, 2 Strasse"),
    ]
    assert shop.rows("SELECT COUNT(*) FROM people WHERE email = 'ada@x.example'") == [(1,)]


def test_a_set_without_a_period_goes_with_the_records_it_belongs_to(shop: Shop) -> None:
    text = PEOPLE + ANONYMISED + ORDERS + RETAINED + LINES.replace('erase = "with_parent"\n', "")
    report = erase(shop, text, orders=ONLY_OVER, lines=ONLY_OVER)
    assert report["lines"].erased == ("[100]",)
    assert shop.rows("SELECT id FROM lines ORDER BY id") == [(110,), (111,), (200,)]


def test_a_record_stays_with_a_child_whose_own_period_is_longer(shop: Shop) -> None:
    text = re.sub("personal = .*", "", PEOPLE) + RETAINED.replace("ordered", "born").replace(
        ', mask = { ship_to = "{random}" }', ""
    )
    text += ORDERS + RETAINED + LINES
    report = erase(shop, text, people=ONLY_OVER, orders=ONLY_OVER, lines=ONLY_OVER)
    assert (report["people"].erased, report["people"].kept) == ((), ("[1]",))
    assert report["people"].due_first == "2034-01-31", "until the order goes"
    assert report["orders"].erased == ("[10]",)


# --- never a day too early

_DAYS = st.dates(dt.date(1999, 12, 1), dt.date(2030, 3, 31))


def _written(day: dt.date, form: int) -> Any:
    if form == 0:
        return day.isoformat()
    if form == 1:
        return f"{day.isoformat()} 23:59:59"
    moment = dt.datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=dt.UTC)
    return int(moment.timestamp()) * (1 if form == 2 else 1000)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(_DAYS, st.integers(0, 3)), min_size=1, max_size=12),
    _DAYS,
    st.sampled_from([1, 6, 12, 13, 36, 120]),
    st.integers(1, 4),
)
def test_never_gives_what_is_not_past(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[dt.date, int]],
    today: dt.date,
    months: int,
    size: int,
) -> None:
    """Whatever the form of the date, the month's end or a 29 February: past is what is due today or was before."""
    folder: Path = tmp_path_factory.mktemp("past")
    shop = sqlite_shop(folder)
    shop.run("CREATE TABLE mails (id INTEGER PRIMARY KEY, mail TEXT, day BLOB)")
    with shop.admin.begin() as connection:
        for number, (day, form) in enumerate(rows):
            values = (number, f"p{number}@x.example", _written(day, form))
            connection.exec_driver_sql("INSERT INTO mails VALUES (?, ?, ?)", values)
    text = f"""
[[record_set]]
name = "mails"
table = "mails"
match.email = [{{ field = "mail" }}]
retain = {{ why = "exception_17_3_b", text = "law", months = {months}, anchor = "day" }}
"""
    found, after, scanned = set[str](), "", 0
    while True:
        up_to = last_expired_anchor(today, months)
        page = look(shop, text, record_set="mails", up_to=up_to, rows=size, after=after)
        found |= {one.key for one in page.records}
        scanned += page.scanned
        after = page.after
        if not after:
            break
    shop.admin.dispose()
    assert found == {f"[{n}]" for n, (day, _) in enumerate(rows) if add_months(day, months) <= today}
    assert scanned == len(rows)
