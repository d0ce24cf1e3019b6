"""A copy that somebody holds: what its signature proves, and what a changed or crafted one does (nothing)."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.core.copying import About
from orchestrator.errors import VerificationError
from orchestrator.files import copies, package
from orchestrator.keys.folder import read_public
from orchestrator.keys.signing import RecordSigner
from orchestrator.ledger.copies import DESCRIPTION, SIGNATURE, opened, sign
from orchestrator.ledger.trust import RecordKey, Trust
from orchestrator.runtime.clock import chance
from schemas.sealing import b64u

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "docs" / "examples" / "verify.mjs"
SERVICE_ABSENT = "not here:"
SIGNER = RecordSigner(b"s" * 32)
ROWS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "crm": [("contacts", {"name": "Quillan Kanary", "note": "x" * 3000}), ("notes", {"text": "called"})]
}


def write(folder: Path, signer: RecordSigner | None = SIGNER) -> Path:
    rows = ((system, iter(some)) for system, some in ROWS.items())
    name, _ = package.write(folder / "exports", b"k" * 32, rows, chance, About(request_id="r-1"), signer)
    with (folder / "copy.zip").open("wb") as out:
        package.deliver(folder / "exports" / name, b"k" * 32, out)
    return folder / "copy.zip"


def key_file(folder: Path, signer: RecordSigner = SIGNER) -> Path:
    file = folder / "record.pub.jwk"
    file.write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": b64u(signer.public), "kid": signer.kid}))
    return file


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust([RecordKey(read_public(key_file(tmp_path)))])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return write(tmp_path)


def unpacked(copy: Path) -> Path:
    with zipfile.ZipFile(copy) as archive:
        archive.extractall(copy.parent / "copy")
    return copy.parent / "copy"


def repacked(copy: Path, change: Callable[[list[tuple[str, bytes]]], Any]) -> Path:
    """Pack it anew, as ours is packed, with something else in it."""
    with zipfile.ZipFile(copy) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    change(entries)

    class Out(io.BytesIO):
        def seek(self, *_: int) -> int:
            raise OSError

    out = Out()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in entries:
            with archive.open(name, "w", force_zip64=True) as entry:
                entry.write(raw)
            archive.infolist()[-1].external_attr = 0o600 << 16
    copy.write_bytes(out.getvalue())
    return copy


def test_i13_whoever_holds_the_copy_can_check_it_as_zip_and_as_folder(copy: Path, trust: Trust) -> None:
    assert copies.is_copy(copy)
    found = copies.check(copy, trust)
    assert (found.request_id, found.kid) == ("r-1", SIGNER.kid)
    with zipfile.ZipFile(copy) as archive:
        assert set(found.files) | {DESCRIPTION, SIGNATURE} == set(archive.namelist())
    folder = unpacked(copy)
    assert copies.is_copy(folder)
    assert copies.check(folder, trust) == found
    repacked(copy, lambda _: None)
    assert copies.check(copy, trust) == found, "the helper of the tests below packs as we do"


def test_i05_the_same_data_and_key_give_the_same_zip(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert write(tmp_path / "a").read_bytes() == write(tmp_path / "b").read_bytes()


def test_every_byte_of_it_counts(copy: Path, trust: Trust) -> None:
    raw = copy.read_bytes()
    held = []
    for place in range(0, len(raw), max(1, len(raw) // 500)):
        copy.write_bytes(raw[:place] + bytes([raw[place] ^ 0x41]) + raw[place + 1 :])
        try:
            copies.check(copy, trust)
        except VerificationError:
            continue
        held.append(place)
    # What may differ is what a zip says beside its files: versions, dates, sizes that its directory says again, and the
    # mark behind packed data that there is no more of it.
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        infos, directory = archive.infolist(), archive.start_dir
    beside = [(one.header_offset - 28, one.header_offset + 50 + len(one.filename)) for one in infos]
    beside.append((directory - 28, len(raw)))
    assert [one for one in held if not any(start <= one < end for start, end in beside)] == []


@pytest.mark.parametrize("name", [DESCRIPTION, SIGNATURE, "index.html", "about.json", "data/crm/contacts.csv"])
@pytest.mark.parametrize("how", ["altered", "longer", "missing", "empty"])
def test_no_file_is_altered_or_taken_away(copy: Path, trust: Trust, name: str, how: str) -> None:
    file = unpacked(copy) / name
    raw = file.read_bytes()
    changes: dict[str, Callable[[], object]] = {
        "altered": lambda: file.write_bytes(raw[:-2] + bytes([raw[-2] ^ 1]) + raw[-1:]),
        "longer": lambda: file.write_bytes(raw + b"x"),
        "missing": file.unlink,
        "empty": lambda: file.write_bytes(b""),
    }
    changes[how]()
    with pytest.raises(VerificationError) as caught:
        copies.check(copy.parent / "copy", trust)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["more.txt", "data/crm/more.csv", "a\x1b[31m.txt"])
def test_no_file_is_added(copy: Path, trust: Trust, name: str) -> None:
    (unpacked(copy) / name).write_text("more")
    with pytest.raises(VerificationError, match="was not handed out") as caught:
        copies.check(copy.parent / "copy", trust)
    assert "\x1b" not in str(caught.value)


def test_a_link_in_the_folder_is_not_followed(copy: Path, trust: Trust) -> None:
    folder = unpacked(copy)
    (folder / "index.html").rename(copy.parent / "elsewhere.html")
    (folder / "index.html").symlink_to(copy.parent / "elsewhere.html")
    with pytest.raises(VerificationError, match="no plain file"):
        copies.check(folder, trust)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "..\\x", "C:\\x", "data/../../x", "x\0y", "data//x", ".", "a\u202egnp.exe", "\x1b[2J"],
)
def test_a_zip_whose_names_lead_elsewhere_is_refused(copy: Path, trust: Trust, name: str) -> None:
    repacked(copy, lambda entries: entries.append(("placeholder", b"x")))
    raw = copy.read_bytes()
    encoded = name.encode()
    # zipfile would mend some of these names itself, so the bytes are changed.
    padded = (encoded + b"p" * 11)[: max(11, len(encoded))]
    if len(padded) != 11:
        padded = padded[:11]
    copy.write_bytes(raw.replace(b"placeholder", padded))
    with pytest.raises(VerificationError, match=r"leads elsewhere|handed out|damaged") as caught:
        copies.check(copy, trust)
    assert "\x1b" not in str(caught.value)
    assert not list(copy.parent.glob("x*"))


def test_two_files_of_a_name_are_refused(copy: Path, trust: Trust) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        repacked(copy, lambda entries: entries.insert(0, ("index.html", b"evil")))
    with pytest.raises(VerificationError, match="two files of the same name"):
        copies.check(copy, trust)


@pytest.mark.parametrize("where", ["before", "behind", "between", "comment"])
def test_bytes_that_belong_to_no_file_are_refused(copy: Path, trust: Trust, where: str) -> None:
    raw = copy.read_bytes()
    if where == "before":
        copy.write_bytes(b"MZ" + raw)
    elif where == "behind":
        copy.write_bytes(raw + b"x")
    elif where == "comment":
        with zipfile.ZipFile(copy, "a") as archive:
            archive.comment = b"call 0800 EVIL"
    else:
        with zipfile.ZipFile(copy, "a") as archive:
            at = archive.start_dir
        # An entry that the directory does not name any more: some programs show it, others do not.
        with zipfile.ZipFile(copy, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("evil.html", b"evil")
            archive.filelist.pop()
            del archive.NameToInfo["evil.html"]
        assert copy.read_bytes()[at : at + 4] == b"PK\x03\x04"
    with pytest.raises(VerificationError, match=r"none of its files|damaged"):
        copies.check(copy, trust)


def test_a_zip_bomb_is_not_unpacked(copy: Path, trust: Trust) -> None:
    repacked(copy, lambda entries: entries.append(("data/bomb.json", b"\0" * (64 << 20))))
    with pytest.raises(VerificationError, match="was not handed out"):
        copies.check(copy, trust)


def test_what_another_program_packed_is_told_to_be_unpacked(copy: Path, trust: Trust) -> None:
    folder = unpacked(copy)
    shutil.make_archive(str(copy.parent / "again"), "zip", folder)
    with pytest.raises(VerificationError, match="another program packed it") as caught:
        copies.check(copy.parent / "again.zip", trust)
    assert "check the folder" in caught.value.fix


def test_a_copy_of_before_has_no_signature_and_is_told_so(tmp_path: Path, trust: Trust) -> None:
    with pytest.raises(VerificationError, match="not signed"):
        copies.check(write(tmp_path, None), trust)


def test_another_key_a_lost_one_and_a_retired_one(copy: Path, trust: Trust, tmp_path: Path) -> None:
    other = Trust([RecordKey(read_public(key_file(tmp_path, RecordSigner(b"o" * 32))))])
    with pytest.raises(VerificationError, match="another key"):
        copies.check(copy, other)
    with pytest.raises(VerificationError, match="was lost"):
        copies.check(copy, Trust([RecordKey(trust.records[0].key, lost_at=7)]))
    assert copies.check(copy, Trust([RecordKey(trust.records[0].key, "2026-05-01T00:00:00.000Z")])).retired_at


@pytest.mark.parametrize("signature", [b"", b"a.b", b"a..", b"...", b"\xff..\xff", b"e30..e30"])
def test_a_signature_that_is_none(trust: Trust, signature: bytes) -> None:
    with pytest.raises(VerificationError):
        opened(b"{}", signature, trust)


def test_a_record_does_not_pass_as_a_copy_nor_a_copy_as_a_record(trust: Trust) -> None:
    head, _, tail = sign(b"{}", SIGNER).split(b".")
    with pytest.raises(VerificationError, match="expected way"):
        trust.record(b".".join((head, b64u(b"{}").encode(), tail)))


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"resources": [], "files": [{"path": "../x", "bytes": 1, "hash": "sha256:%s"}]}',
        '{"resources": [], "files": [{"path": "x", "bytes": -1, "hash": "sha256:%s"}]}',
        '{"resources": [], "files": [{"path": "x", "bytes": 1, "hash": "md5:0"}]}',
        '{"resources": [], "files": [{"path": "x", "bytes": 1}]}',
    ],
)
def test_a_description_that_is_none_of_ours(trust: Trust, text: str) -> None:
    raw = text.replace("%s", "0" * 64).encode()
    with pytest.raises(VerificationError, match="not the description"):
        opened(raw, sign(raw, SIGNER), trust)


def test_verify_recognises_a_copy(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = str(copy.parent / "record.pub.jwk")
    key_file(copy.parent)
    for source in (copy, unpacked(copy)):
        assert main(["verify", str(source), "--key", key]) == 0
        said = capsys.readouterr().out
        assert "copy of request r-1" in said
        assert "not proved:" in said
        assert main(["verify", str(source), "--key", key, "-o", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["kind"] == "copy"
    assert main(["verify", str(copy), "--key", key, "--earlier", key]) == 2
    capsys.readouterr()
    copy.write_bytes(copy.read_bytes()[:-40])
    assert main(["verify", str(copy), "--key", key, "--ledger-key", "a+b"]) in {2, 4}
    (copy.parent / "copy" / "index.html").write_text("x")
    assert main(["verify", str(copy.parent / "copy"), "--key", key]) == 4
    assert "index.html was altered" in capsys.readouterr().err


def test_a_second_verifier_says_the_same(copy: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip(f"{SERVICE_ABSENT} node")
    folder, key = unpacked(copy), key_file(copy.parent)

    def run() -> tuple[int, str]:
        done = subprocess.run(
            ["node", str(SCRIPT), str(folder), str(key)],
            capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    assert run() == (0, "verified: copy of request r-1, 9 files\n")
    file = folder / "data" / "crm" / "contacts.json"
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b"Quillan", b"Quillam"))
    assert run() == (4, "refused: data/crm/contacts.json was altered: it is not what was handed out\n")
    file.write_bytes(raw)
    (folder / "more").write_text("")
    assert run()[0] == 4
    (folder / "more").unlink()
    (folder / "datapackage.json").write_bytes((folder / "datapackage.json").read_bytes() + b" ")
    assert run()[0] == 4
