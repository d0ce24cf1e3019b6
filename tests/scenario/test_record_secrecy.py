"""Many records of many persons, in all forms that leave the house: nothing in them leads to anybody (I4, ADR 50)."""

from __future__ import annotations

import base64
import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from schemas.generate import schema_of
from tests.support.cli import CommandLine, edit
from tests.support.company import Company, made_up
from tests.support.secrecy import Search

PERSONS: Final = 36
TELLING: Final = "Krankmeldungen und Diagnosen"
REASON: Final = "her_lawyer_wrote"
RIGHTS: Final = ("erasure", "erasure", "access", "restriction", "erasure", "rectification", "objection", "complaint")
SCHEMA = jsonschema.Draft202012Validator(schema_of("completion-record"))


@pytest.fixture
def expunge(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    company = Company.build(tmp_path / "company", PERSONS, dt.datetime.now(dt.UTC).date())
    edit(company.home / "maps" / "hr.toml", 'name = "interviews"', f'name = "interviews"\ntitle = "{TELLING}"')
    return CommandLine(company, capsys, monkeypatch)


def asked(number: int, right: str) -> dict[str, Any]:
    who = made_up(number)
    pairs = [("email", who.email), ("ip", who.ip), ("customer_id", who.customer_id)]
    made: dict[str, Any] = {
        "right": right,
        "request_id": f"r{number}",
        "identifiers": [{"kind": kind, "value": value} for kind, value in pairs],
    }
    if right == "rectification":
        made["corrections"] = {"crm/contacts": {"name": who.name}}
    if right == "objection":
        made["purposes"] = ["marketing"]
    return made


def forms_of(jws: bytes) -> list[bytes]:
    """The record as it travels, and what its parts say."""
    parts = [base64.urlsafe_b64decode(one + b"=" * (-len(one) % 4)) for one in jws.strip().split(b".")]
    return [jws, *parts]


def test_i04_no_record_leads_to_anybody_in_any_form(expunge: CommandLine, tmp_path: Path) -> None:
    numbers = list(expunge.company.people)
    requests = [asked(number, RIGHTS[place % len(RIGHTS)]) for place, number in enumerate(numbers)]
    lines = "\n".join(json.dumps(one) for one in requests)
    held = ("hold", "place", "--owner", "legal", "--reason", REASON, "--text", "gdpr-17-3-e", "--review", "2099-01-01")
    assert expunge(*held, "--system", "crm/invoices") == 0, expunge.err
    assert expunge("submit", expunge.file(lines.encode(), "many.jsonl")) == 0, expunge.err
    assert expunge("run", "--until-idle") in {0, 1}, expunge.err
    # What cannot be done by itself ends all the same, and leaves a record as well.
    for one in expunge.json("list", "--open"):
        assert expunge("withdraw", one["request_id"], "--role", "dpo") == 0, expunge.err
    assert expunge("run", "--until-idle") in {0, 1}, expunge.err

    search = Search(numbers)
    assert search.of(lines.encode(), "the requests themselves"), "the search finds what is there"
    private = (TELLING, REASON, str(expunge.company.root), "hold placed")
    seen: set[str] = set()
    for number in numbers:
        file = tmp_path / f"{number}.jws"
        assert expunge("record", f"r{number}", "-O", str(file)) == 0, expunge.err
        every = [*forms_of(file.read_bytes())]
        payload = json.loads(every[2])
        SCHEMA.validate(payload)
        seen |= {payload["right"], payload["result"], payload["headline"]}
        assert expunge("record", f"r{number}", "-o", "json") == 0
        every.append(expunge.out.encode())
        for raw in every:
            assert search.of(raw, f"record of r{number}") == set()
            assert not [one for one in private if one.encode() in raw or base64.b64encode(one.encode())[:-4] in raw]
    assert {"erasure", "access", "restriction", "complaint", "kept", "withdrawn"} <= seen, seen
    assert {"fulfilled", "partly_fulfilled"} & seen

    whole = tmp_path / "ledger.zip"
    assert expunge("ledger", "export", str(whole)) == 0, expunge.err
    with zipfile.ZipFile(whole) as archive:
        for name in archive.namelist():
            raw = archive.read(name)
            parts = [raw, *(part for line in raw.splitlines() if line.count(b".") == 2 for part in _opened(line))]
            for one in parts:
                assert search.of(one, f"ledger/{name}") == set()
                assert not [each for each in private if each.encode() in one], name


def _opened(line: bytes) -> list[bytes]:
    jws = line.partition(b" ")[2] or line
    try:
        return forms_of(jws)
    except ValueError:
        return []
