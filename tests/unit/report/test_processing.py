"""The record of processing: what it takes from policy and data maps, and every kind of gap, each with its place."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest

from orchestrator.files.reports import html
from orchestrator.policy import read
from orchestrator.report.processing import MappedSet, ProcessingRecord, compute
from orchestrator.report.processing_gaps import gaps
from orchestrator.report.processing_paper import COLUMNS, document, rows
from orchestrator.report.writing import csv_table, markdown

ON = dt.date(2026, 7, 1)
WHOLE = """[policy]
id = "acme"
title = "Policy of Acme"
joint_controllers = ["acme-fr", "acme-de"]
security = ["encryption at rest"]

[[version]]
id = "2024"
published_on = 2024-05-01

[[controller]]
id = "acme-fr"
name = "Acme SA"
country = "FR"
calendar = "FR"
regime = "eu"
contact = "privacy at acme.example"
address = "1 rue de la Paix, Paris"
dpo = "dpo at acme.example"

[[controller]]
id = "acme-de"
name = "Acme GmbH"
country = "DE"
calendar = "DE"
regime = "eu"
contact = "privacy at acme.example"
address = "Unter den Linden 1, Berlin"
dpo = "dpo at acme.example"

[[activity]]
id = "newsletter"
purpose = "send news to who asked for it"
basis = "consent"
fields = ["contact data"]
subjects = ["subscribers"]
held_in = ["crm/subscribers"]

[[retention]]
id = "subscribers"
activities = ["newsletter"]
anchor = "last_inbound_contact"
months = 36
text = "policy:subscribers"

[[recipient]]
id = "mailer"
name = "Mailer Inc"
role = "processor"
country = "US"
agreement = "DPA"
activities = ["newsletter"]
held_in = ["crm"]
[[recipient.transfer]]
mechanism = "scc"
"""
SET = MappedSet(
    "crm", "subscribers", "crm.toml", 3, purpose="newsletter", basis="consent", categories=("Contact_Data",),
    text="policy:subscribers", months=36,
)  # fmt: skip


def record(
    text: str = WHOLE, sets: tuple[MappedSet, ...] = (SET,), systems: tuple[str, ...] = ("crm",)
) -> ProcessingRecord:
    register = read(text, "acme.toml")
    return compute(register, sets, ON, gaps(register, sets, systems, ON))


def mapped(**more: Any) -> MappedSet:
    import msgspec

    return msgspec.structs.replace(SET, **more)


def test_a_whole_record_has_no_gap_and_says_everything() -> None:
    found = record()
    assert found.gaps == []
    (one,) = found.activities
    assert (one.subjects, one.data, one.places) == (["subscribers"], ["contact data"], ["crm/subscribers"])
    (mailer,) = one.recipients
    assert (mailer.outside_eea, mailer.safeguards) == (True, ["scc"])
    assert [(each.of, each.months) for each in one.periods] == [("policy:subscribers", 36), ("crm/subscribers", 36)]
    assert found.controllers[0].joint_with == ["acme-de"]
    assert found.controllers[0].activities == ["newsletter"]
    for text in (html(document(found)), markdown(document(found)).replace("\\", "")):
        for word in (
            "1 rue de la Paix, Paris", "dpo at acme.example", "Joint controllers (Art. 26): Acme SA, Acme GmbH",
            "send news to who asked for it", "subscribers",
            "contact data", "Mailer Inc (processor, US; safeguards: standard contractual clauses (Art. 46(2)(c)))",
            "36 months", "encryption at rest",
        ):  # fmt: skip
            assert word in text
    assert document(found).warning == ""
    table = list(csv.reader(io.StringIO(csv_table(COLUMNS, rows(found)))))
    assert table[0] == [*COLUMNS]
    assert {row[0] for row in table[1:]} == {"", *(f"30(1)({letter})" for letter in "abcdefg")}


@pytest.mark.parametrize(
    ("old", "new", "code", "article"),
    [
        ('address = "1 rue de la Paix, Paris"\n', "", "no-contact", "30(1)(a)"),
        ('dpo = "dpo at acme.example"\n\n[[controller]]', "\n[[controller]]", "no-dpo", "30(1)(a)"),
        ('subjects = ["subscribers"]\n', "", "no-subjects", "30(1)(c)"),
        ('held_in = ["crm/subscribers"]\n', 'held_in = ["crm/gone"]\n', "not-mapped", "30(1)(c)"),
        ('held_in = ["crm/subscribers"]\n', 'held_in = ["shop"]\n', "not-connected", "30(1)(c)"),
        ('fields = ["contact data"]\n', 'fields = ["name"]\n', "category-not-named", "30(1)(c)"),
        ('activities = ["newsletter"]\nheld_in = ["crm"]\n', "", "recipient-of-anything", "30(1)(d)"),
        ('held_in = ["crm"]\n', 'held_in = ["web"]\n', "recipient-not-connected", "30(1)(d)"),
        ('[[recipient.transfer]]\nmechanism = "scc"\n', "", "transfer-without-mechanism", "30(1)(e)"),
        ('mechanism = "scc"\n', 'mechanism = "scc"\nvalid_until = 2026-01-01\n', "transfer-over", "30(1)(e)"),
        ('country = "US"\n', "", "country-unknown", "30(1)(e)"),
        ("months = 36\n", "months = 24\n", "period-differs", "30(1)(f)"),
        ('months = 36\ntext = "policy:subscribers"\n', "undecided = true\n", "retention-undecided", "30(1)(f)"),
        ('security = ["encryption at rest"]\n', "", "no-security", "30(1)(g)"),
        ('basis = "consent"\n', 'basis = "legitimate_interest"\n', "basis-differs", "30(1)(b)"),
    ],
)
def test_every_gap_of_the_policy_has_its_place(old: str, new: str, code: str, article: str) -> None:
    assert WHOLE.count(old) >= 1
    found = record(WHOLE.replace(old, new, 1))
    (gap,) = [one for one in found.gaps if one.code == code]
    assert gap.article == article
    assert gap.where.partition(":")[0] in {"acme.toml", "crm.toml"}
    assert gap.where.partition(":")[2].isdigit()
    assert gap.fix
    assert "not complete" in document(found).warning
    assert gap.what in html(document(found)).replace("&#39;", "'")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"purpose": ""}, "no-activity"),
        ({"purpose": "profiling"}, "no-activity"),
        ({"basis": "GDPR Art. 6(1)(f)"}, "basis-differs"),
        ({"categories": ()}, "set-without-category"),
        ({"categories": ("contact data", "health")}, "category-not-named"),
        ({"months": 48}, "period-differs"),
        ({"months": 0}, "period-differs"),
    ],
)
def test_every_gap_of_a_data_map_names_its_line(change: dict[str, Any], code: str) -> None:
    found = record(sets=(mapped(**change),))
    assert [one.where for one in found.gaps if one.code == code] == ["crm.toml:3"]


def test_what_lives_with_its_parent_needs_no_period_of_its_own() -> None:
    found = record(sets=(SET, mapped(name="notes", months=0, follows=True)))
    assert found.gaps == []


def test_an_activity_that_no_system_carries_out_is_a_gap() -> None:
    found = record(sets=(mapped(purpose="profiling"),))
    assert {one.code for one in found.gaps} == {"no-system", "no-activity"}


def test_without_data_maps_it_says_so_and_judges_the_policy_alone() -> None:
    found = record(sets=(), systems=())
    assert found.gaps == []
    assert document(found).warning == "No data map was looked at."


def test_an_activity_of_some_controllers_is_recorded_for_them() -> None:
    found = record(WHOLE.replace('basis = "consent"\n', 'basis = "consent"\ncontrollers = ["acme-de"]\n', 1))
    assert [one.activities for one in found.controllers] == [[], ["newsletter"]]
