"""Whole journeys through the command line, on the demo's company."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.cli.demo import company
from orchestrator.cli.demo.story import furnish

TODAY = dt.date(2026, 11, 23)
CANARY = "canary.4711"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "home"
    folder.mkdir(mode=0o700)
    furnish(folder, 1, TODAY)
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    shutil.copytree(template, folder)
    monkeypatch.setenv("EXPUNGE_HOME", str(folder))
    monkeypatch.delenv("EXPUNGE_DEBUG", raising=False)
    return folder


class Shell:
    """Runs commands in this process and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._capsys.readouterr()
        code = main(arguments)
        self.out, self.err = self._capsys.readouterr()
        assert "Traceback" not in self.err
        return code

    def json(self, *arguments: str) -> Any:
        assert self(*arguments, "-o", "json") in {0, 1}, self.err
        return json.loads(self.out)

    def error(self, code: int, *arguments: str) -> dict[str, Any]:
        assert self(*arguments, "-o", "json") == code
        assert self.out == ""
        told: dict[str, Any] = json.loads(self.err)["error"]
        assert told["exit_code"] == code
        return told


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def request(number: int, request_id: str, right: str = "erasure") -> dict[str, Any]:
    identifiers = [{"kind": "customer_id", "value": str(number)}]
    return {"right": right, "request_id": request_id, "identifiers": identifiers}


def write(file: Path, *requests: dict[str, Any]) -> str:
    file.write_text("".join(json.dumps(one) + "\n" for one in requests), encoding="utf-8")
    return str(file)


def email_of(home: Path, number: int) -> str:
    with closing(sqlite3.connect(home / "company" / "crm.sqlite")) as database:
        (email,) = database.execute("SELECT email FROM customers WHERE id = ?", (number,)).fetchone()
    return str(email)


def only_crm(home: Path) -> None:
    """Disconnect the other systems, so that no live log delays the end."""
    file = home / "expunge.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("[systems.hr]")], encoding="utf-8")


def keep_rows(home: Path) -> None:
    """A trigger that silently brings customers back."""
    with closing(sqlite3.connect(home / "company" / "crm.sqlite")) as database, database:
        database.execute("CREATE TRIGGER keep BEFORE DELETE ON tickets BEGIN SELECT RAISE(IGNORE); END")


def customer_with_tickets(home: Path) -> int:
    with closing(sqlite3.connect(home / "company" / "crm.sqlite")) as database:
        (number,) = database.execute("SELECT min(customer_id) FROM tickets").fetchone()
    return int(number)


def test_s31_s33_from_submit_to_verified_record_and_delivered_copy(home: Path, tmp_path: Path, shell: Shell) -> None:
    only_crm(home)
    file = write(tmp_path / "two.jsonl", request(7, "copy", "access"), request(7, "erase"))
    assert shell("check") == 0
    assert [(one["request_id"], one["new"]) for one in shell.json("submit", file)] == [("copy", True), ("erase", True)]
    assert [one["phase"] for one in shell.json("list")] == ["received", "received"]
    assert shell.error(2, "show", "copy")["fix"] == "`expunge run` works on it"
    email = email_of(home, 7)
    assert shell("run", "--until-idle") == 0
    assert shell.out == ""
    assert shell.err == "0 open, 2 closed, 0 need attention\n"
    assert [one["phase"] for one in shell.json("list")] == ["closed", "closed"]
    assert shell.json("list", "--open") == []
    assert shell("show", "erase") == 0
    assert "crm/contacts" in shell.out
    assert email not in shell.out

    record, key = tmp_path / "proof.jws", str(home / "keys" / "record.pub.jwk")
    assert shell("record", "erase", "-O", str(record)) == 0
    payload = shell.json("record", "erase")
    assert payload["request_id"] == "erase"
    assert shell("verify", str(record), "--key", key) == 0
    assert "not proved:" in shell.out
    assert shell.json("verify", str(record), "--key", key)["record"] == payload
    assert shell.error(2, "record", "erase", "--number", "9")["fix"] == "there are: 1"

    copy = tmp_path / "copy.zip"
    assert shell("package", "copy", "-O", str(copy)) == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with zipfile.ZipFile(copy) as archive:
        assert email in archive.read("data/crm/contacts.json").decode()
    before = copy.read_bytes()
    assert shell.error(2, "package", "copy", "-O", str(copy))["what"] == "the file exists"
    assert copy.read_bytes() == before
    assert "has no package" in shell.error(2, "package", "erase", "-O", str(tmp_path / "x"))["what"]
    assert not (tmp_path / "x").exists()


def test_an_altered_record_is_refused_with_code_4(home: Path, tmp_path: Path, shell: Shell) -> None:
    only_crm(home)
    shell("submit", write(tmp_path / "r.json", request(7, "erase")))
    shell("run", "--until-idle")
    shell("record", "erase", "-O", str(tmp_path / "proof.jws"))
    header, payload, signature = (tmp_path / "proof.jws").read_text(encoding="ascii").split(".")
    swapped = payload[:-4] + ("AAAA" if payload[-4:] != "AAAA" else "BBBB")
    key = str(home / "keys" / "record.pub.jwk")
    for bad in (f"{header}.{swapped}.{signature}", "nonsense", ""):
        (tmp_path / "bad.jws").write_text(bad, encoding="ascii")
        shell.error(4, "verify", str(tmp_path / "bad.jws"), "--key", key)
    shell.error(2, "verify", str(tmp_path / "absent"), "--key", key)
    shell.error(2, "verify", str(tmp_path / "proof.jws"), "--key", str(tmp_path / "absent"))


def test_the_same_request_again_is_known_and_another_under_its_id_refused(
    home: Path, tmp_path: Path, shell: Shell
) -> None:
    file = write(tmp_path / "r.json", request(7, "one"))
    assert shell("submit", file) == 0
    assert shell("submit", file) == 0
    known, receipt = shell.err.splitlines()
    assert (known, receipt.partition(":")[0]) == ("1 already known", "what is known keeps its receipt")
    other = write(tmp_path / "o.jsonl", request(8, "two"), request(9, "one"))
    assert "exists with other content" in shell.error(2, "submit", other)["what"]
    assert [one["request_id"] for one in shell.json("list")] == ["one"]


def test_one_bad_request_among_many_takes_none_in(home: Path, tmp_path: Path, shell: Shell) -> None:
    bad = {"right": "erasure", "identifiers": [{"kind": "email", "value": f"{CANARY}@"}]}
    told = shell.error(2, "submit", write(tmp_path / "r.jsonl", request(7, "one"), bad))
    assert told["where"].endswith("r.jsonl:2 $.identifiers[0].value")
    assert told["why"] == "identifier.email"
    assert CANARY not in json.dumps(told)
    assert shell.json("list") == []


def test_stdin_is_read_and_nobody_is_asked_off_a_terminal(
    home: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps([request(7, "piped")]).encode())))
    assert shell("submit", "-") == 0
    assert shell.out == "piped\n"
    assert "nobody to ask" in shell.error(2, "submit")["what"]
    assert "cannot be read" in shell.error(2, "submit", "absent.json")["what"]


def test_a_request_that_needs_attention_has_a_way_out(home: Path, tmp_path: Path, shell: Shell) -> None:
    only_crm(home)
    file = home / "expunge.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "\n[limits]\nretry_first_seconds = 0\n", encoding="utf-8")
    keep_rows(home)
    number = customer_with_tickets(home)
    shell("submit", write(tmp_path / "r.json", request(number, "stuck")))
    assert shell("run", "--until-idle") == 1
    assert "1 need attention: `expunge list --attention`" in shell.err
    assert [one["request_id"] for one in shell.json("list", "--attention")] == ["stuck"]
    assert shell("show", "stuck") == 1
    assert "still there at the second look" in shell.out
    assert "owner:" in shell.out
    assert "what to do:" in shell.out
    told = shell.json("show", "stuck")
    assert told["attention"][0]["system"] == "crm"
    assert "has no record yet" in shell.error(2, "record", "stuck")["what"]

    with closing(sqlite3.connect(home / "company" / "crm.sqlite")) as database, database:
        database.execute("DROP TRIGGER keep")
    assert shell("retry", "stuck", "--role", "dpo") == 0
    assert shell("run", "--until-idle") == 0
    assert shell("show", "stuck") == 0
    assert "dpo: the cause is mended" in shell.out
    assert "does not wait for a person" in shell.error(2, "retry", "stuck")["what"]


def test_an_address_that_several_people_share_says_why_nothing_was_searched(
    home: Path, tmp_path: Path, shell: Shell
) -> None:
    body = {"right": "erasure", "request_id": "shared", "identifiers": [{"kind": "ip", "value": "203.0.113.9"}]}
    (tmp_path / "one.json").write_text(json.dumps(body))
    assert shell("submit", str(tmp_path / "one.json")) == 0
    assert shell("run", "--until-idle") == 0
    assert shell("show", "shared") == 0
    assert "cannot be identified" in " ".join(shell.out.split())
    assert "several people may share what was given (ip)" in " ".join(shell.out.split())


def test_unknown_requests_and_lists(home: Path, shell: Shell) -> None:
    for command in ("show", "record", "retry"):
        assert shell.error(2, command, "nobody")["what"] == "no request nobody"
    assert shell.json("list", "--dead") == []
    assert shell.json("list", "--obligations") == []
    assert "one list at a time" in shell.error(2, "list", "--open", "--dead")["what"]
    assert shell.error(2, "nonsense")["kind"] == "usage"
    assert shell.error(2, "show")["kind"] == "usage"


def test_obligations_are_listed_with_their_text(home: Path, tmp_path: Path, shell: Shell) -> None:
    only_crm(home)
    with closing(sqlite3.connect(home / "company" / "crm.sqlite")) as database:
        (number,) = database.execute(
            "SELECT customer_id FROM invoices WHERE issued_on > '2025-01-01' LIMIT 1"
        ).fetchone()
    shell("submit", write(tmp_path / "r.json", request(number, "kept")))
    assert shell("run", "--until-idle") == 0
    owed = shell.json("list", "--obligations")
    assert "fr-ccom-l123-22" in {one["text"] for one in owed}
    assert [one["due"] for one in owed] == sorted(one["due"] for one in owed)
    assert shell("list", "--obligations") == 0
    assert "Code de commerce, art. L123-22" in shell.out


def test_check_names_every_system_that_does_not_fit(home: Path, shell: Shell) -> None:
    crm = home / "maps" / "crm.toml"
    crm.write_text(crm.read_text(encoding="utf-8").replace('field = "phone"', 'field = "fone"'), encoding="utf-8")
    (home / "company" / "logs").rename(home / "company" / "elsewhere")
    (home / "keys" / "store.jwk").chmod(0o644)
    assert shell("check", "-o", "json") == 2
    found = {one["what"]: one for one in json.loads(shell.out)}
    assert found["system crm"]["level"] == found["system logs"]["level"] == found["keys"]["level"] == "error"
    assert found["system hr"]["level"] == found["system events"]["level"] == found["database"]["level"] == "ok"
    assert found["system crm"]["fix"] == "did you mean 'phone'?"
    line = crm.read_text(encoding="utf-8").splitlines().index('match.phone = [{ field = "fone" }]') + 1
    assert found["system crm"]["where"] == f"{crm}:{line}"
    assert shell("check") == 2
    assert "did you mean 'phone'?" in shell.out


def test_what_init_writes_passes_check_once_it_is_filled_in(tmp_path: Path, shell: Shell) -> None:
    folder = tmp_path / "own"
    assert shell("init", str(folder)) == 0
    company.build(folder / "data", 1, TODAY)
    file = folder / "expunge.toml"
    text = file.read_text(encoding="utf-8")
    start = text.index("# [systems.crm]")
    systems = "\n".join(line.removeprefix("#").removeprefix(" ") for line in text[start:].splitlines())
    file.write_text(text[:start] + systems, encoding="utf-8")
    for one in (folder / "maps").iterdir():
        one.rename(one.with_name(one.name.removeprefix("example-")))
    assert shell("check", "--home", str(folder)) == 2
    assert "a key is missing" in shell.out
    assert shell("init", str(folder)) == 0
    assert shell("check", "--home", str(folder)) == 0
    assert shell.err == "everything fits\n"


def test_check_shows_warnings_and_is_fine(home: Path, shell: Shell) -> None:
    with closing(sqlite3.connect(home / "company" / "crm.sqlite")) as database, database:
        database.execute("DROP INDEX tickets_customer")
    assert shell("check") == 0
    assert "no index on customer_id" in shell.out
    assert "0 errors, 1 warnings" in shell.err


def test_a_missing_database_is_never_an_empty_one(home: Path, shell: Shell) -> None:
    (home / "expunge.db").unlink()
    for command in ("list", "run", "check"):
        assert shell(command) == 2
        assert "there is no database yet" in shell.err + shell.out
    assert not (home / "expunge.db").exists()


def test_options_count_before_and_after_the_command(home: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPUNGE_HOME")
    assert shell("--home", str(home), "-o", "json", "list") == 0
    assert json.loads(shell.out) == []
    assert shell("--home", "/nowhere", "list", "--home", str(home), "-o", "json") == 0
    assert shell("list") == 2
    monkeypatch.chdir(home)
    assert shell("list") == 0


def test_version_and_help(shell: Shell) -> None:
    assert shell("version") == 0
    assert shell.out.startswith("expunge 0.")
    assert shell("--help") == 0
    overview = shell.out
    for name in ("init", "demo", "check", "submit", "run", "list", "show", "record", "verify", "retry", "package"):
        assert f"\n  {name} " in overview
        assert shell(name, "--help") == 0


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from orchestrator.cli import main; main(['--help']);"
        "sys.exit(' '.join(sorted({'sqlalchemy', 'cryptography', 'alembic', 'rich', 'phonenumbers', 'pyarrow'}"
        " & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_a_reader_who_leaves_early_is_no_error(home: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{sys.executable}' -m orchestrator --help | head -c 1"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "EXPUNGE_HOME": str(home)},
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_i07_every_line_of_a_decision_says_why(home: Path, tmp_path: Path, shell: Shell) -> None:
    assert shell("submit", write(tmp_path / "one.jsonl", request(7, "erase"))) == 0
    email = email_of(home, 7)
    shell("run", "--until-idle")
    shell("show", "erase", "--why")
    assert email not in shell.out
    why = shell.json("show", "erase", "--why")["why"]
    assert any("one month" in line for line in why["clock"])
    lines = {f"{one['system']}/{one['record_set']}": one for one in why["record_sets"]}
    assert len(lines) >= 8
    for one in lines.values():
        assert one["rule"], one
        assert one["version"] == "demo-1", one
        assert one["facts"], one
        assert one["texts"] or one["rule"] == "nothing-found", one
    kept = lines["crm/invoices"]
    assert kept["texts"] == [
        "Code de commerce, art. L123-22: accounting documents, ten years (in force since 2000-09-21)"
    ]
    assert any("the last of them is due" in one for one in kept["dates"])
    assert any(one.startswith("dated from ") for one in kept["facts"])
    assert "why" not in shell.json("show", "erase")


def test_what_was_not_searched_says_so_for_the_right_reason(home: Path, tmp_path: Path, shell: Shell) -> None:
    assert shell("submit", write(tmp_path / "one.jsonl", {**request(7, "who"), "identity": "unverified"})) == 0
    shell("run", "--until-idle")
    shell("show", "who")
    assert "not searched: it waits until it is known who asks" in " ".join(shell.out.split())
    assert shell("withdraw", "who") == 0
    shell("run", "--until-idle")
    shell("show", "who")
    assert "not searched: the request ended before" in " ".join(shell.out.split())
