"""The pages of a copy: everything escaped, nothing from outside, every file described, and what was not given said."""

from __future__ import annotations

import hashlib
import html.parser
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.copying import About, SetTold, about
from orchestrator.files import pages
from orchestrator.files.package import deliver, write
from orchestrator.policy.informing import Information, Party, Period, Processing, Receiver, Safeguard
from orchestrator.runtime.clock import chance
from schemas.outcomes import Exported
from schemas.requests import Right
from tests.support.stories import Story, contacts, found, plan, system

KEY = b"k" * 32
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
INFO = Information(
    title=f"Policy {EVIL}",
    version="2026-01",
    controllers=(Party("acme", "Acme SA", "FR", "dpo@acme.example", "CNIL"),),
    joint=True,
    rights=("access", "erasure"),
    activities=(
        Processing(
            "care", f"customer care {EVIL}", "contract", "GDPR Art. 6(1)(b)", ("name",), from_the_person=True,
            profiling=True, marketing=True, periods=(Period("r", "last_contact", 36), Period("s", "end")),
            receivers=(Receiver("m", "Mailer", "processor", country="US", safeguards=(Safeguard("adequacy"),)),),
        ),
        Processing("x", "statistics", "legitimate_interest", "GDPR Art. 6(1)(f)", source="public_register"),
        Processing("y", "other", "consent", "GDPR Art. 6(1)(a)"),
    ),
    receivers=(Receiver("a", "", "authority"),),
)  # fmt: skip
ABOUT = About(
    request_id="r-1",
    received_at="2026-03-01T09:00:00.000Z",
    controllers=("acme", "other"),
    sets={"crm/contacts": SetTold("Your contact details", {"mail": "E-mail"}, "customer_care", "contract")},
    not_given={"hr": f"cannot be searched {EVIL}"},
    information=INFO,
)


def entries(folder: Path, rows: dict[str, list[tuple[str, dict[str, Any]]]], told: About = ABOUT) -> dict[str, bytes]:
    name, _ = write(folder, KEY, ((one, iter(some)) for one, some in rows.items()), chance, told)
    out = io.BytesIO()
    deliver(folder / name, KEY, out)
    with zipfile.ZipFile(out) as archive:
        return {one: archive.read(one) for one in archive.namelist()}


class Page(html.parser.HTMLParser):
    """What stands in a page: its tags with their attributes, and its text."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(raw.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def copy(tmp_path: Path) -> dict[str, bytes]:
    row = {"mail": "q@sim.example", EVIL: EVIL, "vip": True, "note": None, "amount": -5}
    return entries(tmp_path, {"crm": [("contacts", row), ("notes <b>", {"text": EVIL})]})


def test_nothing_of_anybody_becomes_markup_and_nothing_is_loaded(copy: dict[str, bytes]) -> None:
    html_pages = {name: Page(raw) for name, raw in copy.items() if name.endswith(".html")}
    assert set(html_pages) == {"index.html", "about.html", "data/crm/contacts.html", "data/crm/notes_b_.html"}
    for name, page in html_pages.items():
        kinds = {tag for tag, _ in page.tags}
        assert not kinds & {"script", "img", "iframe", "link", "object", "form", "b"}, name
        for _, attributes in page.tags:
            assert not any(one.startswith("on") for one in attributes), name
            link = attributes.get("href")
            # Every link leads to a file of the copy.
            assert link is None or _target(name, link) in copy, (name, link)
        (policy,) = [one["content"] for tag, one in page.tags if one.get("http-equiv") == "Content-Security-Policy"]
        assert "default-src 'none'" in (policy or "")
    assert EVIL in html_pages["data/crm/contacts.html"].text
    assert EVIL in html_pages["index.html"].text
    assert EVIL in html_pages["about.html"].text


def _target(page: str, link: str) -> str:
    parts = page.split("/")[:-1]
    for one in link.split("/"):
        if one == "..":
            parts.pop()
        else:
            parts.append(one)
    return "/".join(parts)


def test_a_person_reads_what_is_held_what_is_not_given_and_what_is_done_with_it(copy: dict[str, bytes]) -> None:
    index, told, one = Page(copy["index.html"]), Page(copy["about.html"]), Page(copy["data/crm/contacts.html"])
    for said in ("Your contact details", "1 record", "Acme SA, other", "r-1", "1 March 2026", "cannot be searched"):
        assert said in index.text
    for said in (
        "36 months", "Mailer (works for us, US; the transfer rests on an adequacy decision)", "CNIL", "from you",
        "public register", "last contact", "our policy does not say", "We make profiles", "authority",
        "a contract with you needs it (GDPR, Art. 6(1)(b))",
    ):  # fmt: skip
        assert said in told.text
    assert "E-mail" in one.text
    assert "(empty)" in one.text
    assert "yes" in one.text


def test_every_file_of_data_is_described_with_its_length_and_hash(copy: dict[str, bytes]) -> None:
    told = json.loads(copy["datapackage.json"])
    assert told["id"] == "r-1"
    assert {one["path"] for one in told["resources"]} == {
        name for name in copy if name.startswith("data/") and not name.endswith(".html")
    }
    for one in told["resources"]:
        raw = copy[one["path"]]
        assert (one["bytes"], one["hash"]) == (len(raw), f"sha256:{hashlib.sha256(raw).hexdigest()}")
    (fields,) = [one["schema"]["fields"] for one in told["resources"] if one["path"] == "data/crm/contacts.csv"]
    assert fields[0] == {"name": "mail", "type": "any", "title": "E-mail"}


def test_a_long_page_shows_the_first_and_says_so(tmp_path: Path) -> None:
    rows = [("notes", {"text": f"number {n}"}) for n in range(pages.SHOWN + 20)]
    found_pages = entries(tmp_path, {"crm": [*rows, ("huge", {"text": "x" * (pages.LONGEST + 5)})]})
    assert f"first {pages.SHOWN} of {pages.SHOWN + 20}" in Page(found_pages["data/crm/notes.html"]).text
    assert f"number {pages.SHOWN}" not in Page(found_pages["data/crm/notes.html"]).text
    assert "the rest is in the files" in Page(found_pages["data/crm/huge.html"]).text
    assert f"The page shows the first {pages.SHOWN}" in Page(found_pages["index.html"]).text


def test_nothing_held_is_said_and_a_policy_that_is_not_there_too(tmp_path: Path) -> None:
    nothing = entries(tmp_path, {}, About(right="portability"))
    text = Page(nothing["index.html"]).text
    assert "We hold nothing about you" in text
    assert "Our privacy policy says" in text
    assert b"Art. 20 GDPR" in nothing["README.txt"]
    assert "about.html" not in nothing
    assert json.loads(nothing["datapackage.json"])["resources"][0]["path"] == "index.html"
    unsupervised = entries(tmp_path, {}, About(information=Information("P", "1", controllers=(Party("a", "", "FR"),))))
    assert "authority where you live or work" in Page(unsupervised["about.html"]).text


def test_what_is_told_follows_from_plan_and_state() -> None:
    titled = contacts(title="Contacts", titles={"mail": "E-mail"}, purpose="care")
    story = Story(plan(system("crm", titled), system("hr", contacts(kinds=("employee_id",)))), right=Right.ACCESS)
    story.answer("crm", found())
    story.answer("crm", Exported(1, "f", "0" * 64))
    told = about(story.plan, story.state)
    assert told.sets["crm/contacts"] == SetTold("Contacts", {"mail": "E-mail"}, "care")
    assert told.not_given.keys() == {"hr"}
    assert (told.right, told.information) == ("access", None)
