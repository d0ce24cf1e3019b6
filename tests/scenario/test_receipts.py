"""A person's receipt on the command line: handed out, given again, claimed, and checked by both verifiers (ADR 43)."""

from __future__ import annotations

import getpass
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.testing.canary import find_canaries
from connectors.testing.crash import kill_at, lines_of
from orchestrator.cli import main, submitting
from orchestrator.engine import intake
from orchestrator.files import bundles
from schemas import receipts
from tests.scenario import test_cli_journey as journey
from tests.scenario.test_cli_journey import Shell, only_crm, request, write
from tests.support.absent import SERVICE_ABSENT

template, home, shell = journey.template, journey.home, journey.shell
SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "verify.mjs"
OF_CODE = tuple(str(Path(str(one.__file__)).resolve()) for one in (submitting, intake))
STRANGE = receipts.made(b"of another firm")


class Typist:
    """Whoever types: through stdin, or on a terminal that does not echo."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def stdin(self, *lines: str) -> None:
        raw = "".join(f"{one}\n" for one in lines).encode()
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))

    def terminal(self, *lines: str) -> None:
        self._monkeypatch.setattr(sys, "stdin", _Terminal())
        typed = iter([*lines, ""])
        self._monkeypatch.setattr(getpass, "getpass", lambda _: next(typed))


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typist:
    return Typist(monkeypatch)


@pytest.fixture
def handed(home: Path, tmp_path: Path, shell: Shell) -> dict[str, str]:
    """Three requests of two persons, done; gives the receipt of each."""
    only_crm(home)
    forms = (request(7, "copy", "access"), request(7, "erase"), request(8, "other"))
    found = {one["request_id"]: one["receipt"] for one in shell.json("submit", write(tmp_path / "all.jsonl", *forms))}
    assert shell("run", "--until-idle") == 0
    return found


def proved(shell: Shell, tmp_path: Path, request_id: str) -> str:
    file = tmp_path / f"{request_id}.jws"
    assert shell("record", request_id, "-O", str(file)) == 0
    return str(file)


def key(home: Path) -> str:
    return str(home / "keys" / "record.pub.jwk")


# -- claimed, a year later ---------------------------------------------------------------------------------
def test_a_person_s_receipt_opens_exactly_their_own_record(
    handed: dict[str, str], home: Path, tmp_path: Path, shell: Shell, typed: Typist
) -> None:
    assert len(set(handed.values())) == 3
    for name, receipt in handed.items():
        for other in handed:
            typed.stdin(receipt.lower())
            code = 0 if other == name else 4
            file = tmp_path / f"{other}.jws"
            file = file if file.exists() else Path(proved(shell, tmp_path, other))
            typed.stdin(receipt.lower())
            assert shell("verify", str(file), "--key", key(home), "--receipt", "-") == code
            if code == 0:
                assert "the receipt opens it" in shell.out
                assert "who it is that has the receipt" in shell.out
            else:
                assert shell.out == ""
                assert "does not open this record" in shell.err
        typed.stdin(receipt.replace("-", ""))
        found = shell.json("claim")
        assert [one["request_id"] for one in found["requests"]] == [name]
        assert (found["opens_nothing"], found["not_begun"]) == ([], [])
    typed.stdin(handed["erase"])
    assert shell.json("verify", str(tmp_path / "erase.jws"), "--key", key(home), "--receipt", "-")["opened"] is True


def test_it_is_asked_for_without_echo_and_shows_the_request(
    handed: dict[str, str], shell: Shell, typed: Typist
) -> None:
    typed.terminal(handed["erase"], handed["copy"])
    assert shell("claim") == 0
    assert "erasure request erase" in shell.out
    assert "access request copy" in shell.out
    assert handed["erase"] not in shell.out + shell.err


def test_one_that_opens_nothing_is_told_from_one_that_is_mistyped(
    handed: dict[str, str], home: Path, tmp_path: Path, shell: Shell, typed: Typist
) -> None:
    typed.stdin(STRANGE)
    assert shell("claim") == 1
    assert (shell.out, shell.err) == ("", "the receipt is a right one, and opens no request here\n")
    typed.stdin(handed["erase"], STRANGE)
    assert shell.json("claim")["opens_nothing"] == [2]
    receipt = handed["erase"]
    wrong = receipt[:-1] + ("0" if receipt[-1] != "0" else "2")
    file = proved(shell, tmp_path, "erase")
    for command in (
        ("claim",),
        ("verify", file, "--key", key(home), "--receipt", "-"),
        ("bundle", "-O", "x", "--receipt", "-"),
    ):
        typed.stdin("", wrong)
        told = shell.error(2, *command)
        assert (told["where"], told["why"]) == ("stdin, line 2", "receipt.check")
        assert wrong not in json.dumps(told)
        typed.stdin("")
        assert "no receipt is given" in shell.error(2, *command)["what"]
        typed.stdin("x" * (70 << 10))
        assert "too much" in shell.error(2, *command)["what"]


def test_it_never_stands_on_the_command_line(handed: dict[str, str], home: Path, tmp_path: Path, shell: Shell) -> None:
    file = proved(shell, tmp_path, "erase")
    for command in (("verify", file, "--key", key(home)), ("bundle", "-O", str(tmp_path / "b.zip"))):
        told = shell.error(2, *command, "--receipt", handed["erase"])
        assert "never stands on the command line" in told["what"]
        assert handed["erase"] not in json.dumps(told)
    assert not (tmp_path / "b.zip").exists()


# -- the bundle of a person, and two verifiers ------------------------------------------------------------
def test_the_bundle_of_a_person_has_what_their_receipts_open_and_nothing_else(
    home: Path, tmp_path: Path, shell: Shell, typed: Typist
) -> None:
    only_crm(home)
    file = home / "expunge.toml"
    file.write_text(file.read_text() + '\n[ledger]\norigin = "privacy.example.com/ledger"\n')
    forms = (request(7, "copy", "access"), request(7, "erase"), request(8, "other"))
    handed = {one["request_id"]: one["receipt"] for one in shell.json("submit", write(tmp_path / "a.jsonl", *forms))}
    assert shell("run", "--until-idle") == 0
    (ledger_key,) = shell.json("ledger", "key")
    pinned = ("--key", key(home), "--ledger-key", ledger_key)
    mine = (handed["copy"], handed["erase"])

    typed.stdin(*mine)
    assert shell.json("bundle", "--receipt", "-", "-O", str(tmp_path / "mine.zip"))["requests"] == 2
    files = bundles.read(tmp_path / "mine.zip")
    assert {one["request_id"] for one in json.loads(files["index.json"])["requests"]} == {"copy", "erase"}
    assert b"other" not in files["documents"]
    assert find_canaries(b"".join(files.values()), [*mine, *(one.replace("-", "") for one in mine)]) == []
    typed.stdin(*mine)
    assert shell.json("verify", str(tmp_path / "mine.zip"), *pinned, "--receipt", "-")["opened"] == ["copy", "erase"]
    typed.stdin(mine[0])
    assert shell("verify", str(tmp_path / "mine.zip"), *pinned, "--receipt", "-") == 0
    assert "request copy: the receipt opens it" in shell.out
    assert "whose the other requests are: erase" in shell.out
    typed.stdin(*mine, handed["other"])
    assert (
        "receipt 3 of 3 opens nothing"
        in shell.error(4, "verify", str(tmp_path / "mine.zip"), *pinned, "--receipt", "-")["what"]
    )

    typed.stdin(handed["copy"], STRANGE)
    told = shell.error(2, "bundle", "--receipt", "-", "-O", str(tmp_path / "none.zip"))
    assert "receipt 2 of 2" in told["what"]
    assert not (tmp_path / "none.zip").exists()
    assert shell("bundle", "erase", "--receipt", "-", "-O", str(tmp_path / "none.zip")) == 2

    record = proved(shell, tmp_path, "erase")
    zipped = str(tmp_path / "mine.zip")
    code, said = node(zipped, key(home), ledger_key, typed=mine)
    assert (code, said.splitlines()) == (
        0,
        [
            "verified: some leaves of 9 leaves, 6 documents",
            "the receipt opens request copy",
            "the receipt opens request erase",
        ],
    )
    assert node(record, key(home), typed=[handed["erase"].lower()]) == (
        0,
        "verified: record erase.1\nthe receipt opens request erase\n",
    )
    assert node(record, key(home)) == (0, "verified: record erase.1\n")
    lines = str(tmp_path / "lines.json")
    (line, *_) = shell.json("disclose", "erase")
    assert shell("disclose", "erase", line, "-O", lines) == 0, shell.err
    assert node(lines, key(home), ledger_key, typed=[handed["erase"]])[1].endswith("the receipt opens request erase\n")
    typed.stdin(handed["erase"])
    assert shell("verify", lines, *pinned, "--receipt", "-") == 0
    assert "the receipt opens it" in shell.out
    typed.stdin(handed["other"])
    assert "does not open" in shell.error(4, "verify", lines, *pinned, "--receipt", "-")["what"]
    for case in ((zipped, key(home), ledger_key), (record, key(home)), (lines, key(home), ledger_key)):
        assert node(*case, typed=[handed["other"]]) == (4, "refused: a receipt opens nothing that is here\n")
        assert node(*case, typed=[handed["erase"][:-1] + "U"])[0] == 4
        assert node(*case, typed=[])[0] == 4


def node(*arguments: str, typed: Any = None) -> tuple[int, str]:
    if shutil.which("node") is None:
        pytest.skip(f"{SERVICE_ABSENT} node")
    more = () if typed is None else ("--receipt", "-")
    lines = "".join(f"{one}\n" for one in typed or ())
    command = ["node", str(SCRIPT), *arguments, *more]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


# -- handed out --------------------------------------------------------------------------------------------
def test_a_terminal_shows_it_a_program_reads_it_and_a_log_has_neither(
    home: Path, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shell("submit", write(tmp_path / "one.jsonl", request(7, "one"))) == 0
    assert shell.out == "one\n"
    assert "expunge receipt ID" in shell.err
    assert shell("receipt", "one") == 0
    receipt = shell.out.strip()
    assert receipts.read(receipt) == receipt
    said = shell.json("receipt", "one")
    assert said == {"request_id": "one", "receipt": receipt, "receipt_sha256": receipts.commitment(receipt)}

    assert shell("submit", str(tmp_path / "one.jsonl")) == 0, "the same again changes nothing, and says so"
    assert (shell.out, receipt in shell.err, "1 already known" in shell.err) == ("one\n", False, True)
    assert "keeps its receipt" in shell.err
    assert shell.json("submit", str(tmp_path / "one.jsonl")) == [{"request_id": "one", "new": False}]
    assert shell.json("receipt", "one")["receipt"] == receipt

    monkeypatch.setattr(submitting, "sys", _LikeATerminal())
    assert shell("submit", write(tmp_path / "two.jsonl", request(7, "two"), request(8, "three"))) == 0
    shown, said = shell.out, shell.err
    two, three = (shell.json("receipt", name)["receipt"] for name in ("two", "three"))
    of = "  receipt, for the person alone:"
    assert shown == f"two\n{of} {two}\nthree\n{of} {three}\n"
    assert said == "2 taken in; `expunge run` works on them\n"


class _LikeATerminal:
    stdin = sys.stdin

    class stdout:  # noqa: N801 - as in sys
        @staticmethod
        def isatty() -> bool:
            return True


def test_it_is_in_the_receipt_letter_until_the_request_closes(home: Path, tmp_path: Path, shell: Shell) -> None:
    one = request(7, "one") | {"identity": "unverified"}
    shell("submit", write(tmp_path / "one.jsonl", one))
    shell("run", "--until-idle")
    receipt = shell.json("receipt", "one")["receipt"]
    for language, text in (("en", "Please keep this receipt: "), ("fr", "Gardez bien ce reçu : ")):
        found = shell.json("letter", "one", "--kind", "receipt", "--language", language)
        assert text + receipt in " ".join(one["text"] for one in found["sentences"])
        assert shell("letter", "one", "--kind", "receipt", "--language", language) == 0
        assert receipt in shell.out, "it is not broken over two lines"
    (home / "keys" / "store.jwk").rename(home / "store.away")
    assert shell("letter", "one", "--kind", "receipt") == 0
    assert (receipt in shell.out, "without the person's receipt" in shell.err) == (False, True)
    (home / "store.away").rename(home / "keys" / "store.jwk")
    assert shell("withdraw", "one") == 0
    assert shell("run", "--until-idle") == 0
    found = shell.json("letter", "one", "--kind", "receipt")
    assert receipt not in json.dumps(found)
    assert "own_receipt" not in [one["key"] for one in found["sentences"]]
    told = shell.error(2, "receipt", "one")
    assert told["why"] == "it went when the request closed"
    assert shell.error(2, "receipt", "nobody")["what"] == "no request nobody"


def test_i11_wherever_submit_is_killed_the_receipt_can_be_given_and_is_the_one_that_was_shown(
    home: Path, tmp_path: Path, shell: Shell
) -> None:
    file, out = write(tmp_path / "one.jsonl", request(7, "one")), tmp_path / "out"
    empty = (home / "expunge.db").read_bytes()

    def work() -> None:
        sys.stdout, sys.stderr = out.open("w", encoding="utf-8"), io.StringIO()
        main(["submit", file, "-o", "json"])

    def begin() -> None:
        for one in home.glob("expunge.db*"):
            one.unlink()
        (home / "expunge.db").write_bytes(empty)
        out.write_text("")

    total = lines_of(work, OF_CODE)
    assert total > 50
    taken = shown = 0
    for line in sorted({1 + total * n // 20 for n in range(20)} | {total - n for n in range(1, 6)}):
        begin()
        kill_at(work, OF_CODE, line)
        there = shell("receipt", "one") == 0
        receipt = shell.out.strip()
        (again,) = shell.json("submit", file)
        assert again["new"] is not there, line
        if there:
            taken += 1
            assert receipts.read(receipt) == receipt
            assert "receipt" not in again
            assert shell.json("receipt", "one")["receipt"] == receipt, line
        if out.read_text(encoding="utf-8"):
            shown += 1
            assert json.loads(out.read_text(encoding="utf-8"))[0]["receipt"] == receipt
    assert taken > shown > 0, "it died between the commit and the print as well"


# -- nowhere else ------------------------------------------------------------------------------------------
def test_i04_no_file_of_the_home_has_it(handed: dict[str, str], home: Path, shell: Shell) -> None:
    for command in ("show", "record", "letter"):
        assert shell(command, "erase") == 0
        assert handed["erase"] not in shell.out + shell.err
    values = [form for one in handed.values() for form in (one, one.replace("-", ""))]
    for file in sorted(one for one in home.rglob("*") if one.is_file()):
        assert find_canaries(file.read_bytes(), values) == [], file.name
