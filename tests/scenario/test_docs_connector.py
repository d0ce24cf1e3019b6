"""What docs/write-a-connector.md shows works as it stands there."""

from __future__ import annotations

import datetime as dt
import importlib.util
import json
import os
import re
import sqlite3
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from connectors import registry
from connectors.datamap import RecordSet, Restrict, Retain
from connectors.events import EventSet
from connectors.logs import LogSet
from connectors.sql.datamap import SqlRecordSet
from connectors.testing.conformance import ConnectorConformance
from connectors.testing.runner import cases
from orchestrator.cli import main
from orchestrator.law.texts import TEXTS
from schemas.identifiers import KINDS
from schemas.outcomes import KeptWhy

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "write-a-connector.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FILES = {code.split("\n", 1)[0].removeprefix("# ").split(" ")[0]: code for kind, code in BLOCKS if kind != "sql"}
DOES_NOT_APPLY = {
    "test_kept_rows_are_masked_and_dated",
    "test_masked_is_not_gone",
    "test_orphans_are_noticed",
    "test_past_is_what_an_erasure_would_erase",
    "test_past_counts_the_day_itself",
    "test_past_pages_leave_nothing_out",
    "test_past_records_lead_to_their_person",
    "test_what_is_not_over_stays_as_it_is",
    "test_past_changes_nothing",
    "test_past_never_shows_the_canary",
    "test_a_swept_person_is_erased_by_what_was_found",
} | {
    "test_a_field_that_cannot_be_corrected_changes_nothing",
    "test_lifting_restores_what_a_restriction_marked",
}
ANN = {"kind": "email", "value": "ann@quill-example.org"}


def _import(name: str, folder: Path) -> ModuleType:
    (folder / f"{name}.py").write_text(FILES[f"{name}.py"], encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[dict[str, ModuleType]]:
    folder = tmp_path / "package"
    folder.mkdir()
    try:
        yield {name: _import(name, folder) for name in ("newsletter", "test_newsletter")}
    finally:
        for name in ("newsletter", "test_newsletter"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("case", cases())
def test_the_connector_of_the_page_passes_the_suite(case: str, modules: dict[str, ModuleType], tmp_path: Path) -> None:
    stand: ConnectorConformance = modules["test_newsletter"].TestNewsletter()
    stand.prepare(tmp_path / "run")
    try:
        getattr(stand, case)()
    except pytest.skip.Exception:
        assert case in DOES_NOT_APPLY


def _home(folder: Path) -> Path:
    home = folder / "home"
    assert main(["init", str(home)]) == 0
    for name in ("maps/shop.toml", "maps/visits.toml", "maps/web.toml"):
        (home / name).write_text(FILES[name], encoding="utf-8")
    with (home / "expunge.toml").open("a", encoding="utf-8") as out:
        out.write(FILES["expunge.toml"])
    for name in ("data/visits/old/2024", "data/web"):
        (home / name).mkdir(parents=True)
    database = sqlite3.connect(home / "data" / "shop.sqlite")
    database.executescript(next(code for kind, code in BLOCKS if kind == "sql"))
    database.execute("INSERT INTO members (id, mail, full_name) VALUES (7, ?, 'Ann Quill')", [ANN["value"]])
    database.execute("INSERT INTO notes VALUES (1, 7, 'called Ann Quill')")
    database.execute("INSERT INTO bills VALUES (1, 7, ?, 'Ann Quill')", [dt.date.today().isoformat()])
    database.commit()
    database.close()
    (home / "data/visits/a.jsonl").write_text('{"who": {"mail": "ann@quill-example.org"}}\n{"who": {"id": 7}}\n')
    (home / "data/web/access.log.1").write_text("10.0.0.1 GET /?m=ann@quill-example.org\n10.0.0.2 GET /\n")
    return home


def _run(home: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    code = main([arguments[0], "--home", str(home), *arguments[1:]])
    said = capsys.readouterr()
    assert code == 0, said.out + said.err
    return said.out


def test_the_data_maps_of_the_page_serve_an_erasure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = _home(tmp_path)
    assert main(["init", str(home)]) == 0
    found = _run(home, capsys, "check")
    assert "error" not in found
    assert {"web", "visits", "shop"} <= set(re.findall(r"(?:ok|warning) +system (\w+)", found))
    form = tmp_path / "form.json"
    form.write_text(json.dumps({"right": "erasure", "request_id": "r1", "identifiers": [ANN]}), encoding="utf-8")
    _run(home, capsys, "submit", str(form))
    _run(home, capsys, "run", "--until-idle")
    sets = {
        (name, one): line["outcome"]["outcome"]
        for name, system in json.loads(_run(home, capsys, "show", "r1", "-o", "json"))["systems"].items()
        for one, line in system["record_sets"].items()
    }
    assert sets == {
        ("shop", "members"): "anonymised",
        ("shop", "notes"): "deleted",
        ("shop", "bills"): "kept",
        ("visits", "visits"): "deleted",
        ("web", "access"): "deleted",
    }
    assert (home / "data/web/access.log.1").read_text() == "10.0.0.2 GET /\n"
    assert (home / "data/visits/a.jsonl").read_text() == ""


def test_the_entry_point_of_the_page_plugs_it_in(
    modules: dict[str, ModuleType],  # they can be imported
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert modules
    ((group, points),) = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"].items()
    assert group == registry.GROUP
    installed = EntryPoints(EntryPoint(name, value, group) for name, value in points.items())
    monkeypatch.setattr(registry, "_installed", lambda: installed)
    home = tmp_path / "home"
    assert main(["init", str(home)]) == 0
    (home / "maps/news.toml").write_text('[[record_set]]\nname = "readers"\nmatch.email = [{ field = "mail" }]\n')
    (home / "readers.json").write_text("{}")
    with (home / "expunge.toml").open("a", encoding="utf-8") as out:
        out.write(
            '[systems.news]\nconnector = "newsletter"\nmap = "maps/news.toml"\n'
            'file = "readers.json"\ndomain = "customers"\n'
        )
    assert main(["init", str(home)]) == 0
    assert "ok      system news" in _run(home, capsys, "check")


def test_the_reference_names_every_key() -> None:
    kinds: tuple[type[msgspec.Struct], ...] = (RecordSet, SqlRecordSet, EventSet, LogSet, Retain, Restrict)
    for kind in kinds:
        for name in kind.__struct_fields__:
            assert re.search(rf"\b{name}\b", PAGE), f"{kind.__name__}.{name} is not on the page"


def test_the_lists_of_the_page_are_complete() -> None:
    for name in (*KINDS, *TEXTS, *KeptWhy):
        if name not in {"fr-decret-2011-219", KeptWhy.LIVE_FILE}:  # repealed; given by the connector
            assert f"`{name}`" in PAGE, name


def test_every_path_and_link_of_the_page_is_there() -> None:
    for path in re.findall(r"`((?:connectors|orchestrator|tests)/[\w./-]+)`", PAGE):
        assert os.path.exists(ROOT / path), path  # noqa: PTH110 - a trailing slash counts
    for anchor in re.findall(r"\]\(#([\w-]+)\)", PAGE):
        assert anchor in {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)}
