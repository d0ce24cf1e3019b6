"""Time stamps on the command line: request out, response in, and what a stranger then knows of when."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.keys import stamps
from tests.scenario import test_cli_journey as journey
from tests.scenario import test_cli_ledger as ledger
from tests.scenario.test_cli_journey import Shell, request, write
from tests.support.tsa import Tsa

template, home, shell, issued = journey.template, journey.home, journey.shell, ledger.issued


@pytest.fixture
def tsa(tmp_path: Path) -> Tsa:
    return Tsa(tmp_path / "tsa.example")


def test_a_checkpoint_is_stamped_and_a_stranger_knows_since_when_it_was_there(
    issued: dict[str, str], tmp_path: Path, shell: Shell, tsa: Tsa
) -> None:
    asked, back = tmp_path / "request.tsq", tmp_path / "response.tsr"
    assert shell.json("ledger", "stamp", "--request", str(asked))["size"] == 6
    shell("submit", write(tmp_path / "more.jsonl", request(8, "more")))
    assert shell("run", "--until-idle") == 0, "the ledger grows on while the authority is asked"
    back.write_bytes(tsa.answer(asked.read_bytes()))
    root = ("--tsa-root", str(tsa.root))
    shell("ledger", "stamp", "--response", str(back), *root)
    said = shell.json("ledger", "stamp", "--response", str(back), *root)
    assert (said["size"], said["authority"]) == (6, "CN=tsa.example"), "taken in again, which is no harm"
    assert shell.json("ledger", "check")["size"] == 9

    pinned = ("--key", issued["key"], "--ledger-key", issued["ledger"])
    shell("ledger", "export", str(tmp_path / "old.zip"), "--request", "erase")
    found = shell.json("verify", str(tmp_path / "old.zip"), *pinned, *root)
    assert found["size"] == 6, "the stamped checkpoint is the one that it is proved by"
    assert found["stamps"] == [{"name": "CN=tsa.example", "at": said["stamped_at"], "size": 6}]
    assert shell("verify", str(tmp_path / "old.zip"), *pinned) == 0
    assert "1 time stamps are here, and no root was given" in shell.out
    assert shell("verify", str(tmp_path / "old.zip"), *pinned, *root) == 0
    assert "CN=tsa.example says that the first 6 leaves were there at" in shell.out
    shell("ledger", "export", str(tmp_path / "all"))
    assert shell.json("verify", str(tmp_path / "all"), *pinned, *root)["stamps"] == found["stamps"]
    text = "".join((tmp_path / "all/checkpoints/6").read_text().splitlines(keepends=True)[:3])
    assert tsa.holds((tmp_path / "all/stamps/6.1.tsr").read_bytes(), text.encode()), "as the README tells"

    shell("ledger", "prove", "erase", "-O", str(tmp_path / "proofs"))
    record = (str(tmp_path / "proofs/completed.jws"), *pinned)
    place = shell.json("verify", *record, "--proof", str(tmp_path / "proofs/completed.tlog-proof"), *root)["ledger"]
    assert place["stamps"] == found["stamps"]
    assert "--tsa-root is for" in shell.error(2, "verify", *record, *root)["what"]

    shell("ledger", "export", str(tmp_path / "new.zip"), "--request", "more")
    refused = shell.error(4, "verify", str(tmp_path / "new.zip"), *pinned, *root)
    assert "no checkpoint has a time stamp" in refused["what"]
    other = Tsa(tmp_path / "other.example")
    refused = shell.error(4, "verify", str(tmp_path / "old.zip"), *pinned, "--tsa-root", str(other.root))
    assert "under the root that you trust" in refused["what"]


def test_what_is_wrong_with_a_response_is_said_and_nothing_is_kept(
    issued: dict[str, str], tmp_path: Path, shell: Shell, tsa: Tsa
) -> None:
    asked, back, root = tmp_path / "request.tsq", tmp_path / "back.tsr", ("--tsa-root", str(tsa.root))
    before = shell.json("ledger", "checkpoint")["note"]
    shell("ledger", "stamp", "--request", str(asked))
    assert "file exists" in shell.error(2, "ledger", "stamp", "--request", str(asked))["what"]
    for wrong in ((), ("--response", str(back)), ("--request", "x", *root), ("--request", "x", "--response", "y")):
        assert shell("ledger", "stamp", *wrong) == 2
    taken = ("ledger", "stamp", "--response", str(back), *root)
    assert "cannot be read" in shell.error(2, *taken)["what"]
    back.write_bytes(b"<html>502</html>")
    assert "not a response" in shell.error(4, *taken)["what"]
    back.write_bytes(tsa.answer(stamps.request(b"of something else")))
    assert "no checkpoint of ours" in shell.error(4, *taken)["what"]
    back.write_bytes(Tsa(tmp_path / "other.example").answer(asked.read_bytes()))
    assert "under the root that you trust" in shell.error(4, *taken)["what"]
    assert shell.json("ledger", "checkpoint")["note"] == before
