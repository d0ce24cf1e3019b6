"""A policy file that is wrong is not read; the error names file, line, entry and fix."""

from __future__ import annotations

import phonenumbers
import pytest

from orchestrator.errors import UsageError
from orchestrator.policy import read
from orchestrator.policy.errors import PolicyError
from orchestrator.policy.lines import Lines
from orchestrator.policy.places import COUNTRIES, EEA
from tests.support.policies import SMALL, TODAY, findings, odigo, spoiled


def line_of(text: str, start: str, after: int = 0) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if n > after and line.startswith(start))


def test_a_good_one_is_read_and_has_no_finding() -> None:
    register = read(SMALL, "policy.toml")
    assert [one.id for one in register.document.activity] == ["orders", "newsletter", "security"]
    assert register.line("activity", register.document.activity[1]) == line_of(SMALL, 'id = "newsletter"') - 1
    assert findings(SMALL) == []


# (old, new, the line of the error begins with, part of what, part of the fix)
WRONG = {
    "unknown_country": ('country = "US"', 'country = "USA"', 'country = "USA"', "recipient 'mailer', country", "FR"),
    "country_nobody_has": (
        'country = "US"', 'country = "UK"', "[[recipient]]", "recipient 'mailer': unknown country 'UK'", "GB",
    ),
    "unknown_country_of_a_controller": (
        'country = "FR"', 'country = "XX"', "[[controller]]", "controller 'acme-fr': unknown country 'XX'", "ISO 3166",
    ),
    "no_country": ('country = "FR"', 'country = ""', "[[controller]]", "country is empty", 'country = "FR"'),
    "unknown_calendar": (
        'calendar = "FR"', 'calendar = "FX"', "[[controller]]", "controller 'acme-fr': unknown calendar 'FX'", "known",
    ),
    "calendar_of_another": (
        'calendar = "FR"', 'calendar = "DE"', "[[controller]]", "not of its country 'FR'", 'calendar = "FR"',
    ),
    "text_that_does_not_exist": (
        'text = "fr-ccom-l123-22"', 'text = "fr-ccom-l123-23"', "[[retention]]",
        "retention 'orders': the text 'fr-ccom-l123-23' does not exist", "did you mean 'fr-ccom-l123-22'?",
    ),
    "text_of_another_rule": (
        'text = "policy:subscribers"', 'text = "policy:subscriber"', "[[retention]]", "names another rule",
        'text = "policy:subscribers"',
    ),
    "no_text": ('text = "policy:subscribers"\n', "", "[[retention]]", "rests on no text", "policy:subscribers"),
    "no_anchor": (
        'anchor = "document_date"\n', "", "[[retention]]", "retention 'orders': anchor is missing", "shared_at",
    ),
    "unknown_anchor": (
        'anchor = "document_date"', 'anchor = "x"', 'anchor = "x"', "retention 'orders', anchor", "relationship_ended",
    ),
    "no_period": ("months = 120\n", "", "[[retention]]", "retention 'orders': no period", "undecided = true"),
    "undecided_period": ("months = 120", "months = 1\nundecided = true", "[[retention]]", "undecided, and 1", "one"),
    "about_nothing": ('activities = ["orders"]', "activities = []", "[[retention]]", "about no activity", "activities"),
    "unknown_activity": (
        'activities = ["orders"]', 'activities = ["order"]', "[[retention]]",
        "retention 'orders': unknown activity 'order'", "did you mean 'orders'?",
    ),
    "unknown_controller": (
        '["acme-fr", "acme-uk"]', '["acme-fr", "acme-us"]', "[policy]", "policy: unknown controller 'acme-us'",
        "did you mean 'acme-uk'?",
    ),
    "unknown_domain": (
        'may_search = "technical"', 'may_search = "tech"', "[[join]]", "join: unknown domain 'tech'", "technical",
    ),
    "system_in_no_domain": ('["logs"]\naims', '["log"]\naims', "[[activity]]", "'log' is in no domain", "'logs'"),
    "system_in_two_domains": ('systems = ["logs"]', 'systems = ["crm"]', "[[domain]]", "in domain 'customers'", "one"),
    "id_twice": ('id = "acme-uk"\n', 'id = "acme-fr"\n', "[[controller]]", "controller 'acme-fr' stands twice", "own"),
    "promise_twice": ('right = "erasure"', 'right = "access"', "[[promise]]", "promise 'access' stands twice", "one"),
    "overlapping_versions": (
        "effective_on = 2024-06-01", "effective_on = 2019-06-01", "[[version]]", "they overlap", "from old to new",
    ),
    "versions_of_one_day": (
        "effective_on = 2024-06-01", "effective_on = 2020-01-01", "[[version]]", "version '2' begins on 2020-01-01",
        "from old to new",
    ),
    "second_first": ("notice_on = 2024-05-02", "first = true", "[[version]]", "'2' is not the first", "first = true"),
    "transfer_backwards": (
        "valid_until = 2030-01-01", "valid_from = 2031-01-01\nvalid_until = 2030-01-01", "[[recipient]]",
        "before it begins", "last day",
    ),
    "unknown_key": ("target_hours = 48", "target_hour = 48", "target_hour", "policy: unknown key", "'target_hours'?"),
    "unknown_key_far_off": ("months = 120", "xyzzy = 120", "xyzzy", "retention 'orders': unknown key", "known: quote"),
    "unknown_key_of_a_transfer": (
        "valid_until", "valid_til", "valid_til", "recipient 'mailer', transfer: unknown key",
        "did you mean 'valid_until'",
    ),
    "unknown_list": ("[[exclusion]]", "[[exclusions]]", "[[exclusions]]", "unknown key 'exclusions'", "'exclusion'?"),
    "unknown_table": ("[approval]", "[aproval]", "[aproval]", "unknown key 'aproval'", "'approval'?"),
    "table_for_a_list": ("[[exclusion]]", "[exclusion]", "[exclusion]", "exclusion is a list", "[[exclusion]]"),
    "list_for_a_table": ("[approval]", "[[approval]]", "[[approval]]", "approval is a table", "[approval]"),
    "text_for_a_number": ("months = 120", 'months = "120"', 'months = "120"', "retention 'orders', months", "= 12"),
    "zero_months": ("months = 120", "months = 0", "months = 0", "retention 'orders', months", "1 or more"),
    "text_for_a_date": ("published_on = 2024-05-01", 'published_on = "May"', "published_on", "'2'", "2022-03-31"),
    "text_for_a_list": ('fields = ["email"]', 'fields = "email"', 'fields = "email"', "fields", '["a", "b"]'),
    "text_for_a_truth": ("marketing = true", 'marketing = "yes"', 'marketing = "yes"', "marketing", "true or"),
    "number_for_a_text": ('title = "Privacy policy of Acme"', "title = 3", "title", "policy, title", '"..."'),
    "bad_id": ('id = "mailer"', 'id = "Mailer"', 'id = "Mailer"', "recipient 'Mailer', id", "lower-case"),
    "no_id": ('id = "mailer"\n', "", "[[recipient]]", "recipient: id is missing", "lower-case"),
    "bad_row": ("target_hours = 48", 'row = "s1"', "row", "policy, row", 'row = "S17"'),
    "unknown_basis": ('basis = "consent"', 'basis = "art 6"', "basis", "activity 'newsletter', basis", "consent, "),
    "broken": ("[policy]", "[policy", "[policy", "broken TOML", "toml.io"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_names_file_line_entry_and_fix(name: str) -> None:
    old, new, start, what, fix = WRONG[name]
    text = spoiled(old, new)
    with pytest.raises(PolicyError) as caught:
        read(text, "deploy/policy.toml")
    error = caught.value
    assert what in error.what
    assert fix in error.fix
    file, _, line = error.where.partition(":")
    assert file == "deploy/policy.toml"
    assert text.splitlines()[int(line) - 1].startswith(start)
    assert error.exit_code == UsageError.exit_code == 2


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    text = spoiled('country = "FR"', 'country = "XX"').replace('["orders"]\nanchor', '["order"]\nanchor')
    with pytest.raises(PolicyError) as caught:
        read(text, "p.toml")
    assert "unknown activity 'order'" in caught.value.what
    assert len(caught.value.more) == 1, "a calendar is not held against a country that is none"
    assert "unknown country 'XX'" in caught.value.more[0]
    assert "p.toml:" in caught.value.more[0]


@pytest.mark.parametrize("missing", ["policy", "version", "controller"])
def test_what_a_policy_cannot_do_without(missing: str) -> None:
    text = "\n\n".join(one for one in SMALL.split("\n\n") if not one.lstrip("[").startswith(missing))
    with pytest.raises(PolicyError, match=rf"no \[+{missing}") as caught:
        read(text, "p.toml")
    assert "docs/policy-register.md" in caught.value.fix


def test_a_transfer_that_is_wrong_names_its_recipient() -> None:
    with pytest.raises(PolicyError, match="recipient 'mailer', transfer") as caught:
        read(spoiled('mechanism = "scc"', 'mechanism = "hope"'), "p.toml")
    assert "scc" in caught.value.fix


def test_a_transfer_with_one_bracket_is_told_so() -> None:
    with pytest.raises(PolicyError, match="recipient 'mailer', transfer: Expected `array`") as caught:
        read(spoiled("[[recipient.transfer]]", "[recipient.transfer]"), "p.toml")
    assert "[[recipient.transfer]]" in caught.value.fix


def test_an_entry_written_in_one_line_is_found_there() -> None:
    text = spoiled('[[join]]\nfound_in = "customers"\nmay_search = "technical"\n', "")
    text = 'join = [{ found_in = "customers", may_search = "nowhere" }]\n' + text
    with pytest.raises(PolicyError, match="unknown domain 'nowhere'") as caught:
        read(text, "p.toml")
    assert caught.value.where == "p.toml:1"


def test_an_id_that_ends_in_a_new_line_is_none() -> None:
    with pytest.raises(PolicyError, match=", id:"):
        read(spoiled('id = "mailer"', 'id = "mailer\\n"'), "p.toml")


def test_headers_inside_a_text_are_no_entries() -> None:
    text = (
        "[policy]\nquote = '''\n[[activity]]\nid = 1\n'''\n[[activity]]\nid = 2 # '''\n[[activity]]\nid = \"\\\"'''\"\n"
    )
    lines = Lines(text)
    assert lines.entries == {("policy", 0): 1, ("activity", 0): 6, ("activity", 1): 8}
    assert (lines.line("activity", 0, "id"), lines.line("activity", 1, "id")) == (7, 9)
    assert lines.line("activity", 1, "nothing") == 8
    assert lines.line("nothing", 0) is None


def test_a_text_that_ends_on_its_own_line_opens_nothing() -> None:
    text = 'a = """one line"""\n[[x]]\nb = """\n[[x]] """\n[[x]]\n'
    assert Lines(text).entries == {("x", 0): 2, ("x", 1): 5}


def test_the_version_in_force_is_that_of_the_day() -> None:
    register = read(SMALL, "p.toml")
    days = {"2019-12-31": None, "2020-01-01": "1", "2024-05-31": "1", "2024-06-01": "2", "2030-01-01": "2"}
    for day, wanted in days.items():
        found = register.version_on(TODAY.fromisoformat(day))
        assert (found.id if found else None) == wanted


def test_s01_the_worked_example_has_six_joint_controllers() -> None:
    document = odigo().document
    assert [one.country for one in document.controller] == ["FR", "ES", "GB", "DE", "NL", "BE"]
    assert [one.regime for one in document.controller].count("uk") == 1
    assert list(document.policy.joint_controllers) == [one.id for one in document.controller]


def test_countries_are_those_of_another_table() -> None:
    telephone = set(phonenumbers.SUPPORTED_REGIONS) - {"AC", "TA", "XK"}  # no countries of ISO 3166
    assert telephone <= COUNTRIES
    assert len(COUNTRIES) == 249
    assert COUNTRIES - telephone == {"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}  # without telephones of their own
    assert len(EEA) == 30
    assert EEA <= COUNTRIES
