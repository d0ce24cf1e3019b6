"""What the policy register says of each record set of a request, as `expunge show ID --why` tells it.

Each test changes what the register says and sees the answer change, so that none of it can be a text of the program.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.odigo import COOKIE, Odigo, insert, keys_in

GRACE = "grace@home.example"


@pytest.fixture
def odigo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    """Grace wrote, registered for an event, subscribed, and asked for a partner."""
    made = Odigo(tmp_path, monkeypatch, capsys, wider=True)
    insert(made.home, "crm", "contacts", (9, GRACE, None, "Grace", "asks"))
    insert(made.home, "crm", "subscribers", (9, GRACE, "Grace", "news", "2026-05-01"))
    insert(made.home, "crm", "partners", (9, GRACE, "Grace", "dialler", "asks"))
    insert(made.home, "events", "registrations", (9, GRACE, "Grace", "open day", "2026-05-01"))
    return made


def told(odigo: Odigo, request_id: str = "one") -> dict[str, Any]:
    """Say what is told of each record set, and of the policy as a whole, to a program and to a person."""
    why = json.loads(odigo("show", request_id, "--why", "-o", "json", code=None))["why"]
    sets = {f"{one['system']}/{one['record_set']}": one["about"] for one in why["record_sets"]}
    text = odigo("show", request_id, "--why", code=None)
    blocks = {block.split("  ")[0].strip(): block for block in text.split("\n\n")}
    return {"sets": sets, "policy": why["policy"], "blocks": blocks, "text": text}


def erased(odigo: Odigo) -> dict[str, Any]:
    odigo.submit("erasure", ids={"email": GRACE})
    odigo.run()
    return told(odigo)


def receivers(about: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in about.get("receivers", ())}


def test_s04_s23_s26_s27_an_event_registration_with_its_purpose_basis_and_processors(odigo: Odigo) -> None:
    found = erased(odigo)
    about, block = found["sets"]["events/registrations"], found["blocks"]["events/registrations"]
    assert keys_in(odigo.home, "events", "registrations") == []
    assert (about["activity"], about["basis"]) == ("event_registration", "legitimate_interest")
    assert "register people for events" in block
    assert "legitimate interest, GDPR Art. 6(1)(f)" in block
    assert set(receivers(about)) == {"livee", "logmein", "eventbrite"}
    for name, shown in (("logmein", "LogMeIn"), ("eventbrite", "EventBrite")):
        one = receivers(about)[name]
        assert (one["role"], one["country"], one["agreement"]) == ("processor", "US", "DPA")
        assert one["safeguards"] == [{"mechanism": "scc"}]
        assert f"{shown}; processor; US; agreement: DPA; standard contractual clauses" in block
    campaigns = found["blocks"]["crm/subscribers"]
    assert "Atelier XIV; processor; PL; no transfer out of the EEA" in campaigns
    assert "consent, GDPR Art. 6(1)(a); direct marketing" in campaigns
    assert "Atelier XIV" not in block


def test_s23_another_country_and_mechanism_of_the_register_are_told(odigo: Odigo) -> None:
    odigo.policy('name = "Atelier XIV"\nrole = "processor"\ncountry = "PL"', 'name = "A14"\nrole = "processor"')
    odigo.policy(
        'row = "S23"\n[[recipient.transfer]]\nmechanism = "none_needed"',
        'row = "S23"\n[[recipient.transfer]]\nmechanism = "bcr"\nvalid_until = 2025-01-31',
    )
    block = erased(odigo)["blocks"]["crm/subscribers"]
    assert "A14; processor; country not named; binding corporate rules" in block
    assert "OVER, its last day was 2025-01-31" in block


def test_s08_partner_contacts_name_the_partners_as_who_gets_them(odigo: Odigo) -> None:
    found = erased(odigo)
    partner = receivers(found["sets"]["crm/partners"])["tech-partners"]
    assert (partner["role"], partner["category"]) == ("partner", True)
    assert "technology partners of Odigo Connect; partner (a kind of them)" in found["blocks"]["crm/partners"]
    assert "solution name" in found["sets"]["crm/partners"]["categories"]
    assert "technology partners" not in found["blocks"]["crm/contacts"]


def test_s11_s12_categories_and_free_text_are_told(odigo: Odigo) -> None:
    odigo.policy('free_text = true\nquote = "Through the comments', 'quote = "Through the comments')
    found = erased(odigo)
    about = found["sets"]["crm/contacts"]
    assert {"first name", "last name", "email", "phone", "comments"} <= set(about["categories"])
    assert "free_text" not in about, "this register says nothing of it"
    assert "free text" not in found["blocks"]["crm/contacts"]
    assert found["sets"]["crm/partners"]["free_text"] is True
    assert "free text, so other things and other people too" in found["blocks"]["crm/partners"]
    assert "the policy lists none" in found["blocks"]["events/registrations"], "S54: a gap is told, not filled"


def test_s28_s53_authorities_and_buyers_may_get_any_of_it(odigo: Odigo) -> None:
    found = erased(odigo)
    anyone = receivers(found["policy"])
    assert (anyone["authorities"]["role"], anyone["authorities"]["category"]) == ("authority", True)
    assert anyone["reorganisation"]["confidentiality"] == "appropriate confidentiality protection"
    assert "authorities; authority (a kind of them); a person decides what the data subject is told" in found["text"]
    assert 'bound by "appropriate confidentiality protection"' in found["text"]


def test_s53_s17_the_source_of_the_data_and_a_repealed_text_are_told(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"cookie_id": COOKIE})
    odigo.run(code=1)
    found = told(odigo)
    assert found["sets"]["logs/visits"]["source"] == "use of the website"
    assert "use of the website" in found["blocks"]["logs/visits"]
    assert "Décret 2011-219, NOT in force on 20" in found["blocks"]["logs/visits"]
    odigo.submit("erasure", "two", ids={"email": GRACE})
    odigo("run", "--until-idle", code=1)
    assert told(odigo, "two")["sets"]["crm/contacts"]["from_the_person"] is True


def test_s50_what_is_out_of_scope_is_said_with_the_request(odigo: Odigo) -> None:
    found = erased(odigo)
    assert found["policy"]["scope"] == ["www", "connect"]
    assert {one["id"] for one in found["policy"]["beyond"]} == {"employees", "customer-platform"}
    assert "not about:  data of employees: the policy is about the websites" in found["text"]


def test_i07_s49_it_is_the_register_that_the_request_was_begun_under(odigo: Odigo) -> None:
    before = erased(odigo)
    odigo.policy('purpose = "register people for events"', 'purpose = "something else"')
    more = '[[version]]\nid = "later"\npublished_on = 2999-01-01\n\n# -- controllers --'
    odigo.policy("# -- controllers --", more)
    assert told(odigo) == before
    odigo.submit("erasure", "two", ids={"email": GRACE})
    odigo.run()
    after = told(odigo, "two")
    assert "something else" in after["blocks"]["events/registrations"]
    assert "told as version later has them; in force at receipt: 2022-03-31" in after["text"]
    assert before["policy"]["version"] == "2022-03-31"


def test_without_a_policy_file_nothing_is_told_of_one(odigo: Odigo) -> None:
    file = odigo.home / "expunge.toml"
    file.write_text(file.read_text().replace('file = "odigo.toml"\n', ""))
    found = erased(odigo)
    assert found["policy"] is None
    assert set(found["sets"].values()) == {None}
    assert "The policy: " not in found["text"]
