from __future__ import annotations

from pathlib import Path

import pytest

from connectors import events, registry
from connectors.contract import Subject, TaskId
from connectors.errors import MisconfiguredError
from connectors.settings import SystemSettings
from tests.unit.connectors.files.store import EVENTS, Store, subject

PARQUET = """
[[record_set]]
name = "lines"
files = "*.parquet"
match.email = [{ field = "email" }]
[record_set.retain]
why = "exception_17_3_b"
text = "test.text"
months = 12
anchor = "at"
mask = { email = "{random}" }
"""


def test_registered_by_entry_point(tmp_path: Path) -> None:
    store = Store(tmp_path, EVENTS, kind="events")
    store.jsonl("a.jsonl", {"user": {"email": "ada@x.org"}})
    connector = registry.factory("events", store.settings)()
    assert connector.name == "events/0.1.0"
    assert len(connector.locate([subject(email="ada@x.org")])[TaskId("task-1")]["lines"].keys) == 1


def test_a_thousand_subjects_in_one_pass_are_answered_each(tmp_path: Path) -> None:
    store = Store(tmp_path, EVENTS, kind="events")
    store.jsonl("a.jsonl", *({"user": {"email": f"p{n}@x.org"}, "id": n} for n in range(0, 2000, 2)))
    who = [Subject(TaskId(f"t{n}"), {"email": frozenset({f"p{n}@x.org"})}) for n in range(1000)]
    found = store.open().locate(who)
    assert list(found) == [one.task_id for one in who]
    assert [len(one["lines"].keys) for one in found.values()] == [1, 0] * 500


def test_one_person_per_record_counts_persons(tmp_path: Path) -> None:
    store = Store(tmp_path, EVENTS + "\n", kind="events")
    store.jsonl("a.jsonl", {"id": 1}, {"id": 1, "x": 2})
    assert store.holding(subject(customer_id="1")).facts.persons == 1
    single = Store(tmp_path, EVENTS.replace('files = "*"', 'files = "*"\none_per_subject = true'), kind="events")
    assert single.holding(subject(customer_id="1")).facts.persons == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, "no root"), ({"root": 3}, "no root"), ({"root": "data", "url": "x"}, "unknown key 'url'")],
)
def test_wrong_settings_name_the_file_and_the_fix(tmp_path: Path, options: dict[str, object], words: str) -> None:
    (tmp_path / "map.toml").write_text(EVENTS)
    settings = SystemSettings("events", tmp_path / "map.toml", tmp_path, options)
    with pytest.raises(MisconfiguredError, match=words) as caught:
        events.connector(settings)
    assert caught.value.file == "expunge.toml"
    assert caught.value.fix


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"email" }', '"*" }'), "cannot be searched in Parquet"),
        (('"email" }', '".email" }'), "not a field path"),
        (('[{ field = "email" }]', "[]"), "no place"),
        (('match.email = [{ field = "email" }]\n', ""), "no match"),
        (('email = "{random}" }', 'name = "x" }'), "leads to the person"),
        (('email = "{random}" }', 'email = "gone" }'), "leads to the person"),
        (('email = "{random}" }', 'email = "{random}", "a.b" = "x" }'), "whole columns"),
        (('email = "{random}" }', '"*" = "{random}" }'), "needs a match on"),
    ],
)
def test_wrong_map_is_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    with pytest.raises(MisconfiguredError, match=words) as caught:
        Store(tmp_path, PARQUET.replace(*change), kind="events")
    assert caught.value.line
    assert caught.value.fix
