"""Copies of real requests as folders of files, the way a person has them who unpacked the zip."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import msgspec

from orchestrator.cli import main
from orchestrator.core.copying import About, SetTold
from orchestrator.files import package
from orchestrator.policy.informing import inform
from orchestrator.policy.reading import read
from orchestrator.runtime.clock import chance
from orchestrator.runtime.embedded import Embedded
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support.chinook import ROOT, addresses, make_shop

LUIS = "luisg@embraer.com.br"
"""The first customer of Chinook."""


def unpacked(home: Path, request_id: str, into: Path) -> Path:
    """Hand a copy out, as somebody in charge does, and unpack it."""
    file = into.with_suffix(".zip")
    assert main(["package", request_id, "-O", str(file), "--home", str(home)]) == 0
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        archive.extractall(into)
    return into


def of_chinook(folder: Path, *, locale: str = "en", right: Right = Right.ACCESS) -> Path:
    """Give the copy of a customer of the Chinook shop, who also visited its web site."""
    home = make_shop(folder / "home")
    who = (Identifier("email", LUIS), Identifier("ip", addresses(home, 30)[20]))
    form = msgspec.structs.replace(RequestForm(right, who, request_id="luis"), locale=locale)
    with Embedded.open(home) as runtime:
        runtime.intake.submit([form])
        runtime.run(until_idle=True)
    return unpacked(home, "luis", folder / "copy")


def of_the_demo(folder: Path) -> Path:
    """Give the copy of the demo's person."""
    assert main(["demo", "--keep", str(folder / "tour")]) == 0
    return unpacked(folder / "tour", "demo-access", folder / "copy")


EVIL = "<script>alert(1)</script><img src=https://else.example/x onerror=alert(2)>\"'&</td></dd>"
"""What somebody wrote about somebody, to attack whoever reads it."""
TURNED = "exe.\u202egnp.txt\x00"


def of_nobody(folder: Path) -> Path:
    """Give a copy, in French, with all that a policy tells, a lot that was not given, and hostile data."""
    policy = ROOT / "deploy" / "policies" / "odigo.toml"
    about = About(
        request_id="told",
        received_at="2026-03-01T09:00:00.000Z",
        controllers=("odigo-fr",),
        sets={"crm/notes": SetTold(f"Notes {EVIL}", {"text": f"Text {EVIL}"}, "customer_care")},
        not_given={"hr": "GDPR Art. 11: cannot be identified there; would help: email, phone", f"old{EVIL}": EVIL},
        empty=("crm/contacts",),
        locale="fr-BE",
        information=inform(read(policy.read_text(), policy.name).document),
    )
    hostile = {EVIL: EVIL, "turned": TURNED, TURNED: "x" * 5_000, "wide" * 200: "\u05d0" * 300, "none": None}
    rows: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "crm": [
            ("notes", {"text": f"{n} {EVIL}", "on": "2026-02-31", "at": "2026-02-28 10:00:00"}) for n in range(600)
        ],
        "../\u00eata\u202e/": [("hostile" + EVIL[:1], hostile)],
    }
    name, _ = package.write(folder, b"k" * 32, ((one, iter(some)) for one, some in rows.items()), chance, about)
    with (folder / "copy.zip").open("wb") as out:
        package.deliver(folder / name, b"k" * 32, out)
    with zipfile.ZipFile(folder / "copy.zip") as archive:
        archive.extractall(folder / "copy")
    return folder / "copy"
