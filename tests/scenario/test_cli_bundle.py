"""The bundle for an authority: a request or a period, checked by two programs and by the tools of any Unix alone."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.testing.canary import canary_forms
from orchestrator.errors import VerificationError
from orchestrator.files import bundles
from orchestrator.keys import KeyFolder, trusting
from orchestrator.ledger import bundle
from orchestrator.ledger.trust import Trust
from tests.scenario import test_cli_journey as journey
from tests.scenario import test_cli_ledger as ledger
from tests.scenario.test_cli_journey import Shell, email_of, request, write
from tests.support.absent import SERVICE_ABSENT
from tests.support.odigo import Odigo, insert
from tests.support.tsa import Tsa

template, home, shell, issued = journey.template, journey.home, journey.shell, ledger.issued
SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "verify.mjs"
Files = dict[str, bytes]


def pinned(issued: dict[str, str]) -> tuple[str, ...]:
    return ("--key", issued["key"], "--ledger-key", issued["ledger"])


def trust(issued: dict[str, str]) -> Trust:
    return trusting.pinned([Path(issued["key"])], [issued["ledger"]], None)


def test_one_request_in_words_dates_and_evidence(issued: dict[str, str], tmp_path: Path, shell: Shell) -> None:
    target = tmp_path / "case"
    assert shell.json("bundle", "erase", "-O", str(target))["requests"] == 1
    found = shell.json("verify", str(target), *pinned(issued))
    assert (found["kind"], found["records"], found["cases"]) == ("some leaves", ["erase.1"], 1)
    assert shell("verify", str(target), *pinned(issued)) == 0
    assert "1 cases do not contradict their records" in shell.out

    record = shell.json("record", "erase")
    index = json.loads((target / "index.json").read_bytes())
    (listed,) = index["requests"]
    assert (listed["request_id"], listed["result"], len(listed["leaves"])) == ("erase", record["result"], 3)
    case = json.loads((target / f"cases/{listed['case']}.json").read_bytes())
    assert [one["verdict"] for one in case["timeline"]].count("applied") == len(case["timeline"]) > 3
    assert all(one["text"] and one["observed_at"].endswith("Z") for one in case["timeline"])
    assert case["due_on"] == record["due_at"]
    assert any("1182/71" in line for line in case["why"]["clock"])
    assert [one["rule"] for one in case["why"]["record_sets"]]
    plan = (target / f"plans/{record['plan_sha256']}.json").read_bytes()
    assert hashlib.sha256(plan).hexdigest() == record["plan_sha256"]
    assert {"crm"} == {one["system"] for one in json.loads(plan)["systems"]}
    texts = {one["id"] for one in json.loads((target / "law/texts.json").read_bytes())}
    assert {"gdpr-12-3", "eu-reg-1182-71-3"} <= texts
    assert {one["id"] for one in json.loads((target / "law/regimes.json").read_bytes())} == {"eu", "uk", "california"}
    told = (target / f"cases/{listed['case']}.txt").read_text()
    assert "erasure request erase" in told
    assert "Until when, and why" in told


def test_a_period_with_what_is_not_in_it_yet(issued: dict[str, str], tmp_path: Path, shell: Shell) -> None:
    day = shell.json("show", "erase")["received_at"][:10]
    shell("submit", write(tmp_path / "later.jsonl", request(8, "later")))
    said = shell.json("bundle", "--from", day, "--to", day, "-O", str(tmp_path / "day.zip"))
    assert (said["requests"], said["not_begun"], said["not_in_ledger"]) == (2, ["later"], [])
    found = shell.json("verify", str(tmp_path / "day.zip"), *pinned(issued))
    assert (found["records"], found["cases"]) == (["copy.1", "erase.1"], 2)
    assert shell.json("bundle", "--to", day, "-O", str(tmp_path / "until.zip"))["requests"] == 2
    assert shell("bundle", "--from", day, "-O", str(tmp_path / "since.zip")) == 0
    assert "not begun: later" in shell.err
    readme = bundles.read(tmp_path / "since.zip")["README.txt"].decode()
    assert f"2 requests, received from {day} to now" in readme


def test_what_cannot_be_asked_for_is_said_and_nothing_is_written(
    issued: dict[str, str], tmp_path: Path, shell: Shell
) -> None:
    out = ("-O", str(tmp_path / "out.zip"))
    assert "no request absent" in shell.error(2, "bundle", "absent", *out)["what"]
    assert "no request absent" in shell.error(2, "bundle", "erase", "absent", *out)["what"]
    assert "no request was received" in shell.error(2, "bundle", "--to", "2020-01-31", *out)["what"]
    assert "is no date" in shell.error(2, "bundle", "--to", "31.01.2020", *out)["what"]
    assert "ends before" in shell.error(2, "bundle", "--from", "2026-02-01", "--to", "2026-01-01", *out)["what"]
    for wrong in ((), ("erase", "--from", "2026-01-01")):
        assert shell("bundle", *wrong, *out) == 2
    assert not (tmp_path / "out.zip").exists()
    for name in ("out.zip", "out"):
        (tmp_path / name).write_text("mine")
        assert "name already" in shell.error(2, "bundle", "erase", "-O", str(tmp_path / name))["what"]
        assert (tmp_path / name).read_text() == "mine"


def test_i04_nobody_is_named_in_it(issued: dict[str, str], home: Path, tmp_path: Path, shell: Shell) -> None:
    everybody = [email_of(home, number) for number in (1, 2, 3)]
    shell("submit", write(tmp_path / "more.jsonl", request(2, "two"), request(3, "three", "access")))
    assert shell("run", "--until-idle") == 0
    shell("bundle", "--from", "2020-01-01", "-O", str(tmp_path / "all"))
    raw = bundles.read(tmp_path / "all")
    forms = {form for one in everybody for form in canary_forms(one)}
    assert [name for name, held in raw.items() if any(form in held for form in forms)] == []
    shell("bundle", "two", "-O", str(tmp_path / "planted"))
    planted = (tmp_path / "planted" / "index.json").read_bytes() + everybody[1].encode()
    assert any(form in planted for form in forms), "the search finds what is there"


def flipped(files: Files, name: str) -> list[Files]:
    raw = files[name]
    return [{**files, name: raw[:at] + bytes([raw[at] ^ 1 << (at % 8)]) + raw[at + 1 :]} for at in range(len(raw))]


def test_i13_no_byte_of_it_may_be_another(issued: dict[str, str], tmp_path: Path, shell: Shell) -> None:
    shell("bundle", "erase", "-O", str(tmp_path / "case"))
    files, keys = bundles.read(tmp_path / "case"), trust(issued)
    for name in files:
        for altered in flipped(files, name):
            with pytest.raises(VerificationError):
                bundle.check(altered, keys)
    for name in files:
        with pytest.raises(VerificationError):
            bundle.check({one: raw for one, raw in files.items() if one != name}, keys)
    with pytest.raises(VerificationError):
        bundle.check({**files, "cases/more.txt": b""}, keys)


def test_i13_an_account_that_its_own_records_contradict_is_refused_though_signed(
    issued: dict[str, str], home: Path, tmp_path: Path, shell: Shell
) -> None:
    shell("bundle", "erase", "copy", "-O", str(tmp_path / "case"))
    files, keys = bundles.read(tmp_path / "case"), trust(issued)
    signers = KeyFolder(home / "keys", ()).ledger(shell.json("ledger", "checkpoint")["origin"])
    (plan,) = (name for name in files if name.startswith("plans/"))

    def refused(change: Callable[[Files], Any]) -> str:
        made = {name: raw for name, raw in files.items() if name != bundle.MANIFEST}
        change(made)
        digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in made.items()}
        made[bundle.MANIFEST] = bundle.manifest(bundle.SOME, digests, signers)
        with pytest.raises(VerificationError) as caught:
            bundle.check(made, keys)
        return caught.value.what

    def say(old: str, new: str) -> Callable[[Files], Any]:
        def change(made: Files) -> None:
            assert re.search(old, made["cases/00001.json"].decode())
            made["cases/00001.json"] = re.sub(old, new, made["cases/00001.json"].decode(), count=1).encode()

        return change

    assert "tells something else than record" in refused(say('"right": "[a-z]+"', '"right": "objection"'))
    assert "tells something else" in refused(say('"received_at": "20', '"received_at": "19'))
    assert "tells something else" in refused(say('"number": 1', '"number": 2'))
    assert "has a case already" in refused(say('"request_id": "erase"', '"request_id": "copy"'))
    assert "has no case" in refused(say('"request_id": "erase"', '"request_id": "other"'))
    assert "is no account of a case" in refused(say('"right"', '"wrong"'))
    assert "its plan is not here" in refused(lambda made: made.pop(plan))
    assert "not the plan that its name says" in refused(lambda made: made.update({plan: b"{}"}))


def followed(folder: Path) -> subprocess.CompletedProcess[str]:
    """Do what the README of a bundle tells, word by word."""
    told = (folder / "README.txt").read_text()
    lines = [
        line[4:] for line in told[told.index("    # no file is another") :].splitlines() if line.startswith("    ")
    ]
    script = "set -eu -o pipefail\n" + "\n".join(lines)
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def test_public_tools_alone_check_it_as_its_readme_tells(issued: dict[str, str], tmp_path: Path, shell: Shell) -> None:
    tsa, folder = Tsa(tmp_path / "tsa.example"), tmp_path / "unstamped"
    (tmp_path / "ledger.vkey").write_text(issued["ledger"] + "\n")
    shell("bundle", "erase", "-O", str(folder))
    done = followed(folder)
    assert (done.returncode, done.stdout.count("Verified Successfully")) == (0, 2), done.stderr
    asked, back = tmp_path / "request.tsq", tmp_path / "response.tsr"
    shell("ledger", "stamp", "--request", str(asked))
    back.write_bytes(tsa.answer(asked.read_bytes()))
    shell("ledger", "stamp", "--response", str(back), "--tsa-root", str(tsa.root))
    folder = tmp_path / "case"
    shell("bundle", "erase", "-O", str(folder))
    assert shell("verify", str(folder), *pinned(issued), "--tsa-root", str(tsa.root)) == 0
    shutil.copy(tsa.root, tmp_path / "tsa-root.pem")
    done = followed(folder)
    assert done.returncode == 0, done.stderr
    assert (done.stdout.count("Signature Verified Successfully"), done.stdout.count("Verification: OK")) == (2, 1)
    shell("submit", write(tmp_path / "more.jsonl", request(8, "more")))
    assert shell("run", "--until-idle") == 0
    shell("ledger", "export", str(tmp_path / "whole"))
    whole = followed(tmp_path / "whole")
    assert (whole.returncode, whole.stdout.count("Verification: OK")) == (0, 1), (
        "of a checkpoint that is not the newest"
    )
    for name in ("index.json", "MANIFEST", "checkpoint"):
        raw = (folder / name).read_bytes()
        (folder / name).write_bytes(raw.replace(b"0", b"1", 1))
        assert followed(folder).returncode != 0, name
        (folder / name).write_bytes(raw)


def test_the_second_verifier_takes_it_and_refuses_another_plan(
    issued: dict[str, str], home: Path, tmp_path: Path, shell: Shell
) -> None:
    if shutil.which("node") is None:
        pytest.skip(f"{SERVICE_ABSENT} node")
    shell("bundle", "erase", "copy", "-O", str(tmp_path / "case.zip"))

    def node(file: Path) -> subprocess.CompletedProcess[str]:
        command = ["node", str(SCRIPT), str(file), issued["key"], issued["ledger"]]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert node(tmp_path / "case.zip").stdout == "verified: some leaves of 6 leaves, 6 documents\n"
    files = bundles.read(tmp_path / "case.zip")
    files.pop(bundle.MANIFEST)
    (plan,) = (name for name in files if name.startswith("plans/"))
    files[plan] = b"{}"
    signers = KeyFolder(home / "keys", ()).ledger(shell.json("ledger", "checkpoint")["origin"])
    digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
    bundles.write(tmp_path / "other.zip", {**files, bundle.MANIFEST: bundle.manifest(bundle.SOME, digests, signers)})
    done = node(tmp_path / "other.zip")
    assert (done.returncode, "not the plan that its name says" in done.stderr) == (4, True)


def test_the_policy_and_the_pauses_of_a_case_are_in_it_and_the_person_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grace = "grace.hopper@home.example"
    odigo = Odigo(tmp_path, monkeypatch, capsys, wider=True)
    insert(odigo.home, "crm", "contacts", (9, grace, None, "Grace", "asks"))
    odigo.submit("erasure", ids={"email": grace}, identity="unverified")
    odigo.run(1)
    odigo("bundle", "one", "-O", str(tmp_path / "open.zip"))
    key, line = odigo.home / "keys" / "record.pub.jwk", json.loads(odigo("ledger", "key", "-o", "json"))[0]
    opened = bundle.check(bundles.read(tmp_path / "open.zip"), trusting.pinned([key], [line], None))
    assert (opened.checked, opened.cases, opened.records) == ({"received": 1}, 1, []), "of one that is not done yet"
    odigo("identity", "doubt", "one", "--reason", "two_of_that_name", "--asks", "document")
    odigo.run(1)
    odigo("identity", "confirm", "one", "--method", "document")
    odigo.run(1)
    odigo("bundle", "one", "-O", str(tmp_path / "case"))
    files = bundles.read(tmp_path / "case")
    policy = (odigo.home / "odigo.toml").read_bytes()
    assert files["policy/register.toml"] == policy
    case = json.loads(files["cases/00001.json"])
    (pause,) = case["pauses"]
    assert (pause["reason"], pause["answered_at"][:4] >= "2026") == ("identity", True)
    assert case["policy_version"] in policy.decode()
    (plan,) = (json.loads(raw) for name, raw in files.items() if name.startswith("plans/"))
    assert plan["policy_version"] in policy.decode()
    assert plan["information"]["activities"], "what the policy tells a person, as it was when it was decided"
    told = files["cases/00001.txt"].decode()
    assert "The policy: " in told
    assert re.search(r"doubt", told), "the timeline"
    forms = canary_forms(grace)
    assert [name for name, raw in files.items() if any(form in raw for form in forms)] == []
    (odigo.home / "odigo.toml").rename(odigo.home / "gone.toml")
    said = odigo("bundle", "one", "-O", str(tmp_path / "more"), code=2)
    assert said == ""
    assert "odigo.toml" in odigo.err
    assert not (tmp_path / "more").exists()
