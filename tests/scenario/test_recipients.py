"""The five processors of the worked example are asked, one stays silent, one keeps something (ADR 35; S23-S28, S48).

A prospect with marketing consent, who also attended events and once wrote by the contact form.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, Final

import pytest

from connectors.testing.canary import find_canaries
from schemas.completion import CompletionRecord, RecipientLine
from schemas.outcomes import Attested, Kept, KeptWhy, Notified
from tests.support.home import outcomes_of, records_of, state_of
from tests.support.odigo import Odigo, insert, keys_in

PROSPECT: Final = "prospect.zyx@firm.example"
FIVE: Final = ["atelier-xiv", "eventbrite", "livee", "logmein", "wpvip"]
ASKED: Final = {
    "atelier-xiv": ("crm/contacts", "crm/subscribers"),
    "eventbrite": ("events/registrations",),
    "livee": ("events/registrations",),
    "logmein": ("events/registrations",),
    "wpvip": ("crm/contacts",),
}


def settle(home: Path) -> None:
    """Let the prospect live in the systems."""
    insert(home, "crm", "subscribers", (7, PROSPECT, "Zoe", "products", "2026-05-01"))
    insert(home, "crm", "contacts", (7, PROSPECT, None, "Zoe", "asks for a call"))
    insert(home, "events", "registrations", (7, PROSPECT, "Zoe", "summer day", "2026-06-01"))


def gone(home: Path) -> bool:
    places = (("crm", "subscribers"), ("crm", "contacts"), ("events", "registrations"))
    return all(7 not in keys_in(home, *one) for one in places)


def lines(record: CompletionRecord) -> dict[str, RecipientLine]:
    return {one.recipient: one for one in record.recipients}


@pytest.fixture
def odigo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Odigo:
    made = Odigo(tmp_path, monkeypatch, capsys, wider=True, asks=True)
    settle(made.home)
    (tmp_path / "answer.eml").write_text("It is done.\n")
    return made


def erased(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"email": PROSPECT})
    odigo.run(code=1)
    assert gone(odigo.home)


def tasks(odigo: Odigo, code: int | None = 0) -> dict[str, dict[str, Any]]:
    found = json.loads(odigo("task", "list", "--all", "-o", "json", code=code))
    return {one["recipient"]: one for one in found}


def answer(odigo: Odigo, name: str, *more: str, code: int = 0) -> None:
    odigo("attest", "one", name, "--document", str(odigo.root / "answer.eml"), *more, code=code)


def test_s23_s24_s25_s26_s27_s48_five_are_asked_one_is_silent_one_keeps_something(odigo: Odigo) -> None:
    erased(odigo)
    assert sorted(tasks(odigo)) == sorted([*FIVE, "group-uk"])
    made = state_of(odigo.home, "one").recipients
    assert {name: one.sets for name, one in made.items() if name in FIVE} == ASKED
    assert made["group-uk"].sets == ("crm/contacts", "crm/subscribers", "events/registrations"), (
        "told of what is erased"
    )
    shown = odigo.shown()
    assert {one["reason"] for one in shown["attention"]} == {"recipient_to_ask"}
    for name in (*FIVE, "group-uk"):
        odigo("task", "sent", "one", name)
    for name, count in (("livee", "1"), ("logmein", "0"), ("atelier-xiv", "2")):
        answer(odigo, name, "--found", count, "--done")
    answer(odigo, "eventbrite", "--found", "1", "--exception", "b", "--text", "gdpr-17-3-b", "--review", "2099-01-01")
    odigo.run()
    assert {name: one["state"] for name, one in tasks(odigo).items()} == {
        "atelier-xiv": "done", "eventbrite": "kept", "group-uk": "told", "livee": "done", "logmein": "done",
        "wpvip": "sent",
    }  # fmt: skip
    assert not odigo.shown()["attention"], "four have answered, and the fifth still has time"

    odigo.later(days=25)
    odigo.run(code=1)
    shown = odigo.shown()
    (silent,) = (one for one in shown["attention"] if one["reason"] == "recipient_silent")
    assert (silent["system"], silent["owner"]) == ("wpvip", "dpo")
    assert silent["since"][:10] < shown["due_on"], "before the deadline, not after"
    assert "one" in odigo("list", "--attention")
    assert tasks(odigo, code=1)["wpvip"]["state"] == "overdue"
    found = {one["check"]: one for one in json.loads(odigo("doctor", "-o", "json", code=1))}
    assert "1 did not answer in time: one/wpvip" in found["recipients"]["text"]
    reminders = [one for one in odigo.notices() if one.kind == "recipient_reminder"]
    assert {one.facts["recipient"] for one in reminders} == {"wpvip"}

    odigo.later(days=40)
    odigo.run(code=1)
    assert not records_of(odigo.home, "one"), "silence never completes, also past the deadline"
    answer(odigo, "wpvip", "--found", "1", "--done")
    odigo.run()

    record = odigo.record()
    assert (record.result, record.headline) == ("partly_fulfilled", "not_searched"), "the logs know no e-mail address"
    told = lines(record)
    assert "authorities" not in told, "what a person may not be told does not stand in a record (Art. 23)"
    assert sorted(told) == sorted([*FIVE, "group-uk", "reorganisation", "tech-partners"])
    assert {name for name in FIVE if isinstance(told[name].outcome, Attested)} == {*FIVE} - {"eventbrite"}
    assert {one.assurance for one in record.recipients if one.outcome is not None} == {"attested"}
    kept = told["eventbrite"]
    assert kept.outcome == Kept(1, KeptWhy.LEGAL_OBLIGATION, "gdpr-17-3-b", review_by="2099-01-01")
    assert (kept.country, kept.agreement, kept.transfer) == ("US", "DPA", ("scc",))
    assert (told["livee"].country, told["atelier-xiv"].country) == ("eea", "PL")
    assert told["group-uk"].outcome == Notified("group-uk")
    assert told["tech-partners"].why_not.startswith("not told: nothing was changed")
    assert told["reorganisation"].why_not.startswith("not told: a kind of recipients")
    assert "wpvip" not in str(outcomes_of(record)), "no line of a system rests on a processor's word"
    (owed,) = json.loads(odigo("list", "--obligations", "-o", "json"))
    assert (owed["kind"], owed["due"], owed["record_set"]) == ("recipient", "2099-01-01", "eventbrite")
    (said,) = (one for one in odigo.notices() if one.kind == "recipients")
    assert said.facts["kept_by"] == "eventbrite"

    odigo.later(days=27_000)
    odigo.run(code=1)
    assert [one["recipient"] for one in json.loads(odigo("task", "list", "-o", "json"))] == ["eventbrite"]
    answer(odigo, "eventbrite", "--found", "1", "--done")
    odigo.run()
    second = odigo.record()
    assert (second.number, second.follows) == (2, record.record_id)
    assert isinstance(lines(second)["eventbrite"].outcome, Attested)


def test_i04_identifiers_stand_only_in_what_is_handed_over(odigo: Odigo) -> None:
    erased(odigo)
    seen = odigo("task", "show", "one", "eventbrite")
    assert PROSPECT not in seen
    assert "1, shown with --reveal" in seen
    clear = odigo("task", "show", "one", "eventbrite", "--reveal")
    assert f"email: {PROSPECT}" in clear
    for words in ("To: EventBrite", "Under: DPA", "GDPR Art. 17", "event registration", "Please answer in writing by"):
        assert words in clear
    assert "registrations" not in clear, "names of our tables mean nothing to others"
    file = odigo.root / "mail.txt"
    odigo("task", "show", "one", "wpvip", "--reveal", "-O", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PROSPECT in file.read_text()
    odigo("task", "show", "one", "wpvip", "-O", str(file), code=2)
    for name in FIVE:
        odigo("task", "sent", "one", name)
        answer(odigo, name, "--found", "1", "--done")
    odigo.run(code=1)
    assert "whose data" not in (told := odigo("task", "show", "one", "group-uk", "--reveal"))
    assert "We have erased" in told
    odigo("task", "sent", "one", "group-uk")
    odigo.run()
    odigo("task", "show", "one", "wpvip", "--reveal", code=2)
    # Whatever the installation wrote: the systems' own stores are the person's, and hold nothing any more.
    raw = b"".join(one.read_bytes() for one in odigo.home.glob("expunge.db*"))
    assert find_canaries(raw, [PROSPECT]) == []


@pytest.mark.parametrize(
    ("place", "more", "says"),
    [
        ("eventbrit", ("--found", "1", "--done"), "has no task in this request"),
        ("crm", ("--found", "1", "--done"), "has no task in this request"),
        ("tech-partners", ("--done",), "has no task in this request"),
        ("group-uk", ("--exception", "e"), "no reason not to tell"),
        ("wpvip", (), "say --done or --exception"),
        ("wpvip", ("--done",), "how many records"),
        ("wpvip", ("--found", "1"), "--done or --exception"),
        ("wpvip", ("--found", "1", "--done", "--exception", "e"), "either"),
        ("wpvip", ("--found", "1", "--exception", "z"), "no exception"),
        ("wpvip", ("--found", "1", "--exception", "e"), "legal text"),
        ("wpvip", ("--found", "1", "--exception", "e", "--text", "gdpr-17-3-e"), "until when"),
        ("wpvip", ("--found", "1", "--exception", "b", "--text", "policy:x", "--until", "2099-01-01"), "no such rule"),
    ],
)
def test_an_answer_that_does_not_fit_changes_nothing(
    odigo: Odigo, place: str, more: tuple[str, ...], says: str
) -> None:
    erased(odigo)
    before = odigo.shown()
    answer(odigo, place, *more, code=2)
    assert says in odigo.err
    assert odigo.shown() == before


def test_a_gigabyte_proves_nothing_and_is_not_read(odigo: Odigo) -> None:
    erased(odigo)
    huge = odigo.root / "huge.mbox"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    before = odigo.shown()
    odigo("attest", "one", "wpvip", "--found", "1", "--done", "--document", str(huge), code=2)
    odigo("attest", "one", "wpvip", "--found", "1", "--done", "--document", str(odigo.root), code=2)
    assert odigo.shown() == before


def test_s30_s53_a_recipient_is_told_from_the_day_on_which_it_is_given_data(odigo: Odigo) -> None:
    buyer = (
        '[[recipient]]\nid = "buyer"\nname = "the buyer"\nrole = "recipient"\ncountry = "FR"\nsince = {}\n'
        'activities = ["marketing"]\nconfidentiality = "NDA"\nsays = "a test"\nrow = "S30"\n\n'
    )
    heading = '[[recipient]]\nid = "tech-partners"'
    odigo.policy(heading, buyer.format("2026-01-01") + buyer.replace("buyer", "later").format("2099-01-01") + heading)
    erased(odigo)
    for name in FIVE:
        answer(odigo, name, "--found", "0", "--done")
    odigo.run(code=1)
    assert "Under: NDA" in odigo("task", "show", "one", "buyer")
    odigo("task", "sent", "one", "buyer")
    answer(odigo, "group-uk", "--exception", "disproportionate")
    odigo.run()
    told = lines(odigo.record())
    assert told["buyer"].outcome == Notified("buyer")
    assert told["later"].why_not == "not concerned: it gets data from 2099-01-01 on"
    assert told["group-uk"].why_not == "GDPR Art. 19: telling it takes a disproportionate effort"


def test_s08_the_partners_are_told_of_who_wanted_to_be_connected_with_them(odigo: Odigo) -> None:
    insert(odigo.home, "crm", "partners", (8, "solo@partner.example", "Sol", "a solution", "none"))
    odigo.submit("erasure", ids={"email": "solo@partner.example"})
    odigo.run(code=1)
    concerned = ["atelier-xiv", "group-uk", "tech-partners", "wpvip"]
    assert sorted(tasks(odigo)) == concerned, "who has nothing of theirs is asked nothing"
    for name in ("atelier-xiv", "wpvip"):
        answer(odigo, name, "--found", "1", "--done")
    odigo.run(code=1)
    assert "Find out who of this kind" in odigo("task", "show", "one", "tech-partners")
    odigo("task", "sent", "one", "tech-partners")
    odigo("task", "sent", "one", "group-uk")
    odigo.run()
    assert lines(odigo.record())["tech-partners"].outcome == Notified("tech-partners")


def test_whoever_is_not_known_is_sent_to_nobody(odigo: Odigo) -> None:
    odigo.submit("erasure", ids={"email": "stranger@nowhere.example"})
    odigo.run()
    told = lines(odigo.record())
    assert {told[name].why_not for name in FIVE} == {"not concerned: nothing was held in its record sets"}


def test_owner_always_and_through_come_from_the_configuration(odigo: Odigo) -> None:
    file = odigo.home / "expunge.toml"
    more = '\n[recipients.livee]\nalways = true\nowner = "events-team"\n[recipients.eventbrite]\nthrough = "events"\n'
    plain = file.read_text()
    file.write_text(plain + more)
    odigo.submit("erasure", ids={"email": "stranger@nowhere.example"})
    odigo.run(code=1)
    (one,) = tasks(odigo).values()
    assert (one["recipient"], one["owner"]) == ("livee", "events-team")
    answer(odigo, "livee", "--found", "0", "--done")
    odigo.run()
    assert lines(odigo.record())["eventbrite"].why_not == "answered for by the connected system events"
    for wrong in (
        "[recipients.livy]\nalways = true\n",
        "[recipients.livee]\nthrough = 'crn'\n",
        "[recipients.livee]\nalwys = true\n",
        "[recipients.livee]\nalways = 'yes'\n",
    ):
        file.write_text(f"{plain}\n{wrong}")
        odigo("check", code=2)
    file.write_text(plain.replace("ask = true", 'ask = "yes"'))
    odigo("check", code=2)
    file.write_text(plain.replace("ask = true", "ask = true\nlivee = 1"))
    odigo("check", code=2)


def test_the_doctor_names_who_is_never_asked(odigo: Odigo) -> None:
    said = {one["check"]: one for one in json.loads(odigo("doctor", "-o", "json", code=None))}
    assert said["recipients"]["level"] == "ok"
    odigo.policy('held_in = ["crm", "marketing"]\nsays = "website', 'held_in = ["marketing"]\nsays = "website')
    data_map = odigo.home / "crm.toml"
    data_map.write_text(data_map.read_text().replace('purpose = "marketing"', ""))
    said = {one["check"]: one for one in json.loads(odigo("doctor", "-o", "json", code=1))}
    assert "of the activities of atelier-xiv" in said["recipients"]["text"]
    file = odigo.home / "expunge.toml"
    text = file.read_text()
    file.write_text(text.replace("ask = true", "ask = false"))
    (found,) = (one for one in json.loads(odigo("doctor", "-o", "json", code=1)) if one["check"] == "recipients")
    assert "5 processors of the policy are never asked" in found["text"]
