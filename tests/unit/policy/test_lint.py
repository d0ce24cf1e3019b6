"""Every rule of the linter speaks where it should, and is silent where it should be."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from orchestrator.policy.lint import Finding, lint
from orchestrator.policy.lint.linter import RULES
from tests.support.policies import SMALL, TODAY, findings, odigo, spoiled

SNAPSHOT = Path(__file__).parent / "odigo-findings.txt"

NO_TRANSFER = '[[recipient.transfer]]\nmechanism = "scc"\nvalid_until = 2030-01-01\n'

# code -> (old, new, severity, entry, part of the problem)
SPEAKS = {
    "basis-contract-party": (
        'contract_with = "person"', 'contract_with = "organisation"', "warning", "activity orders", "not party to it",
    ),
    "anonymous-without-method": (
        'method = "counts below ten are left out"\n', "", "warning", "output counts", "not said how",
    ),
    "basis-no-obligation": (
        'aims = ["security"]', 'aims = ["security", "improvement"]', "warning", "activity security",
        "one of its aims: improvement",
    ),
    "retention-undecided": (
        'months = 120\ntext = "fr-ccom-l123-22"', "undecided = true", "error", "retention orders", "document date",
    ),
    "text-not-in-force": (
        'text = "fr-decret-2021-1362"', 'text = "fr-decret-2011-219"', "error", "retention security", "2021-10-21",
    ),
    "transfer-over": (
        "valid_until = 2030-01-01", "valid_until = 2026-11-25", "error", "recipient mailer", "nothing else is named",
    ),
    "transfer-without-mechanism": (
        NO_TRANSFER, "", "error", "recipient mailer",
        "nothing is named",
    ),
    "contradiction": (
        'roles = ["partner"]', 'roles = ["partner", "processor"]', "error", "recipient mailer", "works on newsletter",
    ),
    "country-unknown": (
        'country = "US"', 'area = "outside_eea"', "warning", "recipient mailer", "outside the European Economic Area",
    ),
    "agreement-missing": (
        'agreement = "contract of 2023"\n', "", "warning", "recipient mailer", "no processing agreement",
    ),
    "authority-missing": ('authority = "ICO"\n', "", "warning", "controller acme-uk", "only authority named is CNIL"),
    "notice-before-change": (
        "effective_on = 2024-06-01\nnotice_on = 2024-05-02\n", "", "warning", "version 2", "is not stated",
    ),
    "fields-missing": ('fields = ["email"]\n', "", "warning", "activity newsletter", "does not list"),
    "retention-missing": (
        'activities = ["newsletter"]\nanchor', 'activities = ["orders"]\nanchor', "error", "activity newsletter",
        "how long",
    ),
    "open-question": (
        'basis = "consent"', 'basis = "consent"\nopen_question = "Since when?"', "warning", "activity newsletter",
        "open",
    ),
}  # fmt: skip


def test_every_rule_has_its_case() -> None:
    assert set(SPEAKS) == {rule.code for rule in RULES}
    assert len({rule.code for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("code", SPEAKS)
def test_a_rule_speaks(code: str) -> None:
    old, new, severity, entry, problem = SPEAKS[code]
    (one,) = findings(spoiled(old, new))
    assert (one.code, one.severity, one.entry) == (code, severity, entry)
    assert problem in one.problem
    assert one.ask.endswith((".", "?"))
    assert one.law
    assert spoiled(old, new).splitlines()[one.line - 1].startswith("[[")
    assert one.said[0].entry == one.entry


MAILER = 'country = "US"\nactivities = ["newsletter"]\nheld_in = ["crm"]\nagreement = "contract of 2023"\n'

# What looks like a case and is none: nothing may be said.
SILENT = {
    "no_marketing_at_all": ("marketing = true\n\n[[activity]]", "\n[[activity]]"),
    "aims_without_a_legal_obligation": ('basis = "consent"', 'basis = "consent"\naims = ["improvement"]'),
    "the_last_day_of_a_transfer": ("valid_until = 2030-01-01", "valid_until = 2026-11-26"),
    "a_category_has_no_country": ('name = "partners"', 'name = "many partners"\narea = "outside_eea"'),
    "in_the_eea_no_mechanism_is_needed": (
        f'{MAILER}[[recipient.transfer]]\nmechanism = "scc"\nvalid_until = 2030-01-01\n',
        'country = "PL"\nagreement = "contract of 2023"\n',
    ),
    "a_recipient_that_is_no_processor_has_no_agreement": (
        f'role = "processor"\n{MAILER}',
        'role = "recipient"\ncountry = "US"\n',
    ),
    "no_authority_is_named_at_all": ('authority = "ICO"\ncourt = "County Court"', 'authority = "ICO"'),
    "no_notice_is_promised": ("notice_before = true", "notice_before = false"),
    "effective_after_publication": ("notice_on = 2024-05-02\n", ""),
    "data_that_nobody_gave_has_no_list": ('fields = ["email"]', 'fields = ["email", "name"]'),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_rule_is_silent(name: str) -> None:
    assert findings(spoiled(*SILENT[name])) == []


def test_no_authority_anywhere_is_no_contradiction() -> None:
    assert findings(SMALL.replace('authority = "CNIL"\n', "").replace('authority = "ICO"\n', "")) == []


@pytest.mark.parametrize(
    ("regimes", "country", "speaks"),
    [
        (("eu", "uk"), "GB", True),
        (("eu", "uk"), "IS", False),
        (("uk", "uk"), "GB", False),
        (("uk", "uk"), "FR", False),
        (("uk", "uk"), "US", True),
        (("california", "california"), "IN", False),
    ],
)
def test_what_is_abroad_depends_on_where_the_controllers_are(
    regimes: tuple[str, str], country: str, speaks: bool
) -> None:
    text = spoiled(NO_TRANSFER, "").replace('country = "US"', f'country = "{country}"')
    for old, new in zip(('"eu"', '"uk"'), regimes, strict=True):
        text = text.replace(f"regime = {old}", f'regime = "{new}" # was {old}')
    found = [one.code for one in findings(text)]
    assert found == (["transfer-without-mechanism"] if speaks else [])


def test_an_exclusion_may_name_activities() -> None:
    text = spoiled("marketing = true\nquote", 'activities = ["orders"]\nquote')
    assert findings(text) == []
    (one,) = findings(text.replace('name = "partners"', 'name = "partners"\nactivities = ["newsletter", "orders"]'))
    assert one.problem.endswith("partners works on orders")


def test_two_transfers_of_which_one_is_over() -> None:
    text = spoiled("valid_until = 2030-01-01", 'valid_until = 2020-01-01\n[[recipient.transfer]]\nmechanism = "bcr"')
    (one,) = findings(text)
    assert (one.code, one.severity) == ("transfer-over", "warning")
    assert "otherwise it names binding corporate rules" in one.problem
    assert [text.splitlines()[said.line - 1] for said in one.said] == ["[[recipient]]", "[[recipient.transfer]]"]


@pytest.mark.parametrize(
    ("dates", "severity", "problem"),
    [
        ("effective_on = 2024-04-01", "error", "before it was published"),
        ("effective_on = 2024-05-01", "warning", "no earlier notice"),
        ("effective_on = 2024-06-01\nnotice_on = 2024-06-01", "error", "its notice was posted on 2024-06-01"),
    ],
)
def test_s51_dates_that_cannot_keep_the_promise(dates: str, severity: str, problem: str) -> None:
    (one,) = findings(spoiled("effective_on = 2024-06-01\nnotice_on = 2024-05-02", dates))
    assert (one.code, one.severity, one.row) == ("notice-before-change", severity, "S51")
    assert problem in one.problem
    assert one.said[1].quote == "We will tell you before."


def test_a_notice_before_the_day_of_both_keeps_the_promise() -> None:
    assert findings(spoiled("effective_on = 2024-06-01", "effective_on = 2024-05-03")) == []


def test_a_text_that_is_not_yet_in_force() -> None:
    (one,) = findings(SMALL, dt.date(2021, 10, 20))
    assert (one.code, one.entry) == ("text-not-in-force", "retention security")
    assert "from 2021-10-21 only" in one.problem


# -- the worked example ---------------------------------------------------------------------------------------------
def _of(row: str, on: dt.date = TODAY) -> list[Finding]:
    return [one for one in lint(odigo(), on) if one.row == row]


def test_s06_the_contact_persons_of_a_client_are_not_party_to_its_contract() -> None:
    (one,) = _of("S06")
    assert (one.entry, one.law) == ("activity client_relation", "GDPR Art. 6(1)(b)")


def test_s09_aggregate_statistics_have_no_method() -> None:
    (one,) = _of("S09")
    assert one.said[0].quote == "aggregate statistics"


def test_s10_improvement_is_no_legal_obligation() -> None:
    (one,) = _of("S10")
    assert one.entry == "activity logs"
    assert "improvement" in one.problem
    assert "maintenance" not in one.problem


def test_s14_no_period_after_the_contract() -> None:
    (one,) = _of("S14")
    assert one.said[0].quote == "as long as our contractual and/or business relationship lasts"
    assert "after the end of the relationship" in one.ask


def test_s17_the_text_was_repealed_before_the_policy_was_published() -> None:
    (one,) = _of("S17")
    assert one.said[0].quote == "according to décret 2011-219"
    assert "2021-10-21" in one.problem
    assert "2021-1362" in one.problem
    assert "before version 2022-03-31 was published" in one.problem
    assert _of("S17", dt.date(2021, 10, 20)) == []


def test_s20_what_the_transfer_to_the_uk_rests_on_is_over() -> None:
    (one,) = _of("S20")
    assert [said.quote for said in one.said] == ["", "until July 1st 2021"]
    assert _of("S20", dt.date(2021, 7, 1)) == []
    assert len(_of("S20", dt.date(2021, 7, 2))) == 1


def test_s21_no_marketing_by_third_parties_but_one_does_it() -> None:
    (one,) = _of("S21")
    assert one.entry == "recipient atelier-xiv"
    assert {said.quote or said.says for said in one.said} == {
        "except for marketing purposes",
        "website maintenance and marketing campaigns; Poland",
    }


def test_s24_countries_that_are_not_named() -> None:
    assert [one.entry for one in _of("S24")] == ["recipient livee", "recipient wpvip"]


def test_s25_processors_without_an_agreement() -> None:
    assert [one.entry for one in _of("S25")] == ["recipient atelier-xiv", "recipient livee", "recipient wpvip"]


def test_s47_only_the_french_authority_is_named() -> None:
    (one,) = _of("S47")
    assert one.entry == "controller odigo-uk"
    assert "CNIL" in one.problem


def test_s51_the_day_it_takes_effect_is_not_stated() -> None:
    (one,) = _of("S51")
    assert one.severity == "warning"
    assert "prior to the change becoming effective" in one.said[1].quote


def test_s54_gaps() -> None:
    assert [(one.code, one.entry) for one in _of("S54")] == [
        ("fields-missing", "activity event_registration"),
        ("fields-missing", "activity recruitment"),
        ("retention-missing", "activity partner_contact"),
    ]


def test_the_whole_of_what_is_said_about_the_worked_example() -> None:
    """Read by eye, each line held against the requirements; a change here is read the same way."""
    told = "\n".join(
        f"{one.severity} {one.row} {one.code}: {one.problem}\n    ask: {one.ask}" for one in lint(odigo(), TODAY)
    )
    assert told + "\n" == SNAPSHOT.read_text(encoding="utf-8")
