"""Bundles of evidence: what a forger may try, refused with the reason by both verifiers; the second one is Node's."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from connectors.testing.people import OTHER, SUBJECT
from orchestrator.engine.sequencing import LedgerKeys, Sequencer
from orchestrator.errors import UsageError, VerificationError
from orchestrator.files import bundles
from orchestrator.keys import RecordSigner, RecordVerifier, trusting
from orchestrator.keys.notes import LedgerSigner, LedgerVerifier
from orchestrator.ledger import bundle, entries, merkle, notes
from orchestrator.ledger.trust import LedgerKey, RecordKey, Trust
from orchestrator.runtime import exporting
from orchestrator.runtime.sequencing import sequencer
from schemas.sealing import b64u
from tests.support.absent import SERVICE_ABSENT
from tests.support.rig import Rig, Templates
from tests.unit.ledger.test_notes import Witness

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "docs" / "examples" / "verify.mjs"
Files = dict[str, bytes]


class Issuer:
    """An installation with two requests, one of them still running, in a ledger of two checkpoints."""

    def __init__(self, home: Path, templates: Templates) -> None:
        self.rig = Rig(home, templates)
        self.rig.seed(SUBJECT, OTHER)
        self.rig.submit("r1", email=SUBJECT.email)
        self.rig.pump()
        numbering = sequencer(self.rig.settings, self.rig.store, self.rig.keys, self.rig.clock)
        numbering.turn()
        self.rig.clock.move(seconds=1)
        self.rig.submit("r2", email=OTHER.email)
        self.rig.engine.apply_waiting()
        numbering.turn()
        with self.rig.store.read() as tx:
            self.origin = exporting.newest(tx)[1].origin
            self.earlier = tx.all_checkpoints()[0].note
        (self.signer,) = self.rig.keys.ledger(self.origin)
        self.record_file = self.rig.settings.keys / "record.pub.jwk"
        self.trust = trusting.pinned([self.record_file], [self.signer.vkey], None)
        self.some = exporting.some(self.rig.store, self.rig.keys, ["r1"])
        self.whole = exporting.whole(self.rig.store, self.rig.keys)

    def closed(self, files: Mapping[str, bytes], kind: str, signer: LedgerSigner | None = None) -> Files:
        """Sign a manifest over altered files, as only the holder of the key can."""
        rest = {name: raw for name, raw in files.items() if name != bundle.MANIFEST}
        digests = {name: hashlib.sha256(raw).hexdigest() for name, raw in rest.items()}
        return {**rest, bundle.MANIFEST: bundle.manifest(kind, digests, [signer or self.signer])}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    templates = Templates(tmp_path_factory.mktemp("templates"))
    made = Issuer(tmp_path_factory.mktemp("issuer") / "home", templates)
    yield made
    made.rig.close()


def node(issuer: Issuer, folder: Path, zips: list[bytes], flip: bytes | None = None) -> dict[str, Any]:
    if shutil.which("node") is None:
        pytest.skip(f"{SERVICE_ABSENT} node")
    files = []
    for at, raw in enumerate(zips):
        files.append(str(folder / f"{at}.zip"))
        Path(files[-1]).write_bytes(raw)
    cases: dict[str, Any] = {"zips": files, "flip": None}
    if flip is not None:
        (folder / "flip.zip").write_bytes(flip)
        cases["flip"] = str(folder / "flip.zip")
    (folder / "cases.json").write_text(json.dumps(cases))
    command = ["node", str(ROOT / "tests/support/verify_each.mjs"), str(SCRIPT), str(issuer.record_file)]
    done = subprocess.run(
        [*command, issuer.signer.vkey, str(folder / "cases.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["crashed"] == []
    return found


# -- what holds -----------------------------------------------------------------------------------------------
def test_a_bundle_of_some_requests_and_the_whole_ledger_hold_for_both(issuer: Issuer, tmp_path: Path) -> None:
    some = bundle.check(issuer.some, issuer.trust)
    assert some.checked == {"received": 1, "completed": 1, "answered": 1}
    assert [one.request_id for one in some.records] == ["r1"]
    whole = bundle.check(issuer.whole, issuer.trust, issuer.earlier)
    assert (whole.checkpoint.size, whole.checkpoints, whole.deleted, whole.earlier) == (4, 2, 0, 3)
    assert list(whole.open()) == ["r2"], "received, and no record yet"
    found = node(issuer, tmp_path, [bundles.zipped(issuer.some), bundles.zipped(issuer.whole)])
    assert found["zips"] == [None, None]


def test_folder_and_zip_are_the_same_and_nothing_is_written_over(issuer: Issuer, tmp_path: Path) -> None:
    for name in ("b", "b.zip"):
        bundles.write(tmp_path / name, issuer.whole)
        assert bundles.read(tmp_path / name) == issuer.whole
        with pytest.raises(UsageError):
            bundles.write(tmp_path / name, issuer.whole)
    (tmp_path / "b" / "checkpoints" / "more").mkdir()
    (tmp_path / "b" / "checkpoints" / "more" / "x").write_bytes(b"")
    with pytest.raises(VerificationError, match="no bundle has such a file"):
        bundles.read(tmp_path / "b")


def test_the_second_verifier_says_it_on_the_command_line(issuer: Issuer, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip(f"{SERVICE_ABSENT} node")
    bundles.write(tmp_path / "whole", issuer.whole)
    (tmp_path / "earlier").write_bytes(issuer.earlier)
    command = ["node", str(SCRIPT), str(tmp_path / "whole"), str(issuer.record_file), issuer.signer.vkey]
    done = subprocess.run(
        [*command, str(tmp_path / "earlier")], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "verified: whole ledger of 4 leaves, 4 documents\n"), done.stderr
    (tmp_path / "whole" / "documents").write_bytes(issuer.whole["documents"].replace(b"r1", b"r3"))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr.split(":")[0]) == (4, "refused")


# -- every byte -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["some", "whole"])
def test_no_byte_of_a_bundle_may_be_another(issuer: Issuer, tmp_path: Path, kind: str) -> None:
    raw = bundles.zipped(getattr(issuer, kind))
    for at in range(len(raw)):
        altered = bytearray(raw)
        altered[at] ^= 1 << (at % 8)
        with pytest.raises(VerificationError):
            bundle.check(bundles.unzipped(bytes(altered)), issuer.trust)
    assert node(issuer, tmp_path, [], flip=raw)["accepted"] == []


def test_no_byte_of_any_file_of_a_folder_may_be_another(issuer: Issuer) -> None:
    for name, raw in issuer.some.items():
        for at in range(len(raw)):
            altered = bytearray(raw)
            altered[at] ^= 1 << (at % 8)
            with pytest.raises(VerificationError):
                bundle.check({**issuer.some, name: bytes(altered)}, issuer.trust)
        with pytest.raises(VerificationError):
            bundle.check({**issuer.some, name: raw[:-1]}, issuer.trust)
        with pytest.raises(VerificationError):
            bundle.check({one: held for one, held in issuer.some.items() if one != name}, issuer.trust)


# -- forgeries by somebody who holds the ledger's key ------------------------------------------------------------
def _forged_leaf(issuer: Issuer) -> tuple[Files, str]:
    lines = issuer.some["documents"].splitlines()
    said = msgspec.structs.replace(entries.read(lines[0].split(b" ", 1)[1]), request_id="r9")
    lines[0] = lines[0].split(b" ")[0] + b" " + entries.written(said, bytes(32))
    return issuer.closed({**issuer.some, "documents": b"\n".join(lines) + b"\n"}, bundle.SOME), "not in the ledger"


def _forged_leaf_of_the_whole(issuer: Issuer) -> tuple[Files, str]:
    raw = issuer.whole["entries"]
    files = {**issuer.whole, "entries": raw[:32] + bytes(32) + raw[64:]}
    return issuer.closed(files, bundle.WHOLE), "forked"


def _document_of_another_leaf(issuer: Issuer) -> tuple[Files, str]:
    raw = issuer.whole["documents"].splitlines()
    raw[0] = b"0 " + raw[3].split(b" ", 1)[1]
    files = {**issuer.whole, "documents": b"\n".join(raw) + b"\n"}
    return issuer.closed(files, bundle.WHOLE), "not the one that was logged"


def _truncated(issuer: Issuer) -> tuple[Files, str]:
    """The last leaf is taken out, and the checkpoint before it given as the newest."""
    documents = b"".join(line + b"\n" for line in issuer.whole["documents"].splitlines()[:3])
    files = {**issuer.whole, "entries": issuer.whole["entries"][:96], "documents": documents}
    files["checkpoint"] = issuer.whole["checkpoints/3"]
    return issuer.closed(files, bundle.WHOLE), "cut"


def _fewer_leaves(issuer: Issuer) -> tuple[Files, str]:
    files = {**issuer.whole, "entries": issuer.whole["entries"][:96]}
    return issuer.closed(files, bundle.WHOLE), "as many leaves"


def _forked(issuer: Issuer) -> tuple[Files, str]:
    """An earlier checkpoint of another history."""
    text = notes.Checkpoint(issuer.origin, 2, bytes(32)).text()
    files = {**issuer.whole, "checkpoints/2": notes.signed(text, [issuer.signer]).raw()}
    return issuer.closed(files, bundle.WHOLE), "forked"


def _replaced_checkpoint(issuer: Issuer) -> tuple[Files, str]:
    text = notes.Checkpoint(issuer.origin, 4, bytes(32)).text()
    files = {**issuer.some, "checkpoint": notes.signed(text, [issuer.signer]).raw()}
    return issuer.closed(files, bundle.SOME), "checkpoint"


def _wrong_ledger_key(issuer: Issuer) -> tuple[Files, str]:
    return issuer.closed(issuer.some, bundle.SOME, LedgerSigner(issuer.origin, bytes(32))), "that you trust"


def _wrong_key_of_a_checkpoint(issuer: Issuer) -> tuple[Files, str]:
    text = notes.parse(issuer.some["checkpoint"]).text
    files = {**issuer.some, "checkpoint": notes.signed(text, [LedgerSigner(issuer.origin, bytes(32))]).raw()}
    return issuer.closed(files, bundle.SOME), "that you trust"


def _wrong_record_key(issuer: Issuer) -> tuple[Files, str]:
    """A record signed by somebody else, logged with everything that belongs to it."""
    lines = issuer.some["documents"].splitlines()
    head, payload, _ = lines[1].split(b" ", 1)[1].split(b".")
    other = RecordSigner(bytes(range(32)))
    signed = head + b"." + payload
    forged = signed + b"." + b64u(other.sign(signed)).encode()
    leaf = entries.entry_of(forged)
    tree = notes.Checkpoint(issuer.origin, 1, merkle.leaf_hash(leaf))
    note = notes.signed(tree.text(), [issuer.signer]).raw()
    files = {
        "checkpoint": note,
        "documents": b"0 " + forged + b"\n",
        "proofs/0.tlog-proof": notes.proof_text(notes.Proof(0, (), note)),
    }
    return issuer.closed(files, bundle.SOME), "does not fit"


def _missing_proof(issuer: Issuer) -> tuple[Files, str]:
    files = {name: raw for name, raw in issuer.some.items() if name != "proofs/1.tlog-proof"}
    return issuer.closed(files, bundle.SOME), "proof of leaf 1 is missing"


def _more_than_the_manifest_names(issuer: Issuer) -> tuple[Files, str]:
    return {**issuer.some, "keys/more.jwk": b"{}"}, "not those that the manifest names"


def _another_receipt(issuer: Issuer) -> tuple[Files, str]:
    """A ledger in which a request was received under one receipt, and its record is opened by another."""
    lines = [line.split(b" ", 1)[1] for line in issuer.whole["documents"].splitlines()]
    said = msgspec.structs.replace(entries.read(lines[0]), receipt_sha256="0" * 64)
    documents = [entries.written(said, bytes(32)), lines[1]]
    leaves = [entries.entry_of(one) for one in documents]
    root = merkle.node_hash(merkle.leaf_hash(leaves[0]), merkle.leaf_hash(leaves[1]))
    files = {
        "checkpoint": notes.signed(notes.Checkpoint(issuer.origin, 2, root).text(), [issuer.signer]).raw(),
        "documents": b"".join(b"%d %b\n" % pair for pair in enumerate(documents)),
        "entries": b"".join(leaves),
    }
    return issuer.closed(files, bundle.WHOLE), "opened by different receipts"


FORGERIES: list[Callable[[Issuer], tuple[Files, str]]] = [
    _forged_leaf, _forged_leaf_of_the_whole, _document_of_another_leaf, _truncated, _fewer_leaves, _forked,
    _replaced_checkpoint, _wrong_ledger_key, _wrong_key_of_a_checkpoint, _wrong_record_key, _missing_proof,
    _more_than_the_manifest_names, _another_receipt,
]  # fmt: skip


def test_every_forgery_is_refused_by_both_with_the_reason(issuer: Issuer, tmp_path: Path) -> None:
    made = [one(issuer) for one in FORGERIES]
    for files, why in made:
        with pytest.raises(VerificationError, match=why):
            bundle.check(files, issuer.trust)
    said = node(issuer, tmp_path, [bundles.zipped(files) for files, _ in made])["zips"]
    for reason, (_, why) in zip(said, made, strict=True):
        assert reason is not None
        assert re.search(why, reason), reason


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "a/b/c", "..", "a\\b"])
def test_a_zip_entry_that_leads_elsewhere_is_refused(issuer: Issuer, tmp_path: Path, name: str) -> None:
    raw = bundles.zipped({**issuer.some, name: b"x"})
    with pytest.raises(VerificationError, match="leads elsewhere"):
        bundles.unzipped(raw)
    (reason,) = node(issuer, tmp_path, [raw])["zips"]
    assert "leads elsewhere" in reason


@pytest.mark.parametrize("raw", [b"", b"PK", b"PK\x03\x04" + bytes(100), b"no zip at all"])
def test_what_is_no_zip_is_refused(raw: bytes) -> None:
    with pytest.raises(VerificationError):
        bundles.unzipped(raw)


def test_an_earlier_checkpoint_must_be_continued(issuer: Issuer) -> None:
    forked = notes.signed(notes.Checkpoint(issuer.origin, 3, bytes(32)).text(), [issuer.signer]).raw()
    with pytest.raises(VerificationError, match="checkpoint that you kept"):
        bundle.check(issuer.whole, issuer.trust, forked)
    larger = notes.signed(notes.Checkpoint(issuer.origin, 9, bytes(32)).text(), [issuer.signer]).raw()
    with pytest.raises(VerificationError, match="cut: the checkpoint that you kept says 9"):
        bundle.check(issuer.whole, issuer.trust, larger)
    with pytest.raises(VerificationError, match="cannot show"):
        bundle.check(issuer.some, issuer.trust, issuer.earlier)


# -- records that are gone ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def retired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issuer]:
    """As the issuer, without the evidence of its first request."""
    mine = Issuer(tmp_path_factory.mktemp("retired") / "home", Templates(tmp_path_factory.mktemp("templates")))
    with mine.rig.store.write() as tx:
        tx.retire(["r1"], "2029-03-01T12:00:00.000Z")
    mine.whole = exporting.whole(mine.rig.store, mine.rig.keys)
    yield mine
    mine.rig.close()


def test_history_verifies_after_a_record_was_deleted(retired: Issuer) -> None:
    assert list(exporting.check(retired.rig.store)) == []
    found = bundle.check(retired.whole, retired.trust, retired.earlier)
    assert (found.deleted, found.deleted_until, found.checked) == (3, "2029-03-01", {"received": 1})
    assert retired.whole["retired"] == b"".join(b"%d 2029-03-01\n" % one for one in range(3))


RETIRED_FORGED: dict[str, tuple[bytes, str]] = {
    "one less": (b"0 2029-03-01\n1 2029-03-01\n", "leaf 2 is missing"),
    "none": (b"", "leaf 0 is missing"),
    "one that is there": (b"".join(b"%d 2029-03-01\n" % one for one in range(4)), "leaf 3, that it was deleted"),
    "one that never was": (b"0 2029-03-01\n1 2029-03-01\n7 2029-03-01\n", "leaf 7, that it was deleted"),
    "no day": (b"0 2029-03-01\n1 soon\n2 2029-03-01\n", "leaf 1, that it was deleted"),
    "out of order": (b"1 2029-03-01\n0 2029-03-01\n2 2029-03-01\n", "order of their numbers"),
}


def test_a_document_that_is_missing_is_not_taken_for_a_deleted_one_by_either(retired: Issuer, tmp_path: Path) -> None:
    zips = [bundles.zipped(retired.whole)]
    for raw, why in RETIRED_FORGED.values():
        files = retired.closed({**retired.whole, "retired": raw}, bundle.WHOLE)
        with pytest.raises(VerificationError, match=why):
            bundle.check(files, retired.trust)
        zips.append(bundles.zipped(files))
    good, *said = node(retired, tmp_path, zips)["zips"]
    assert good is None
    for reason, (_, why) in zip(said, RETIRED_FORGED.values(), strict=True):
        assert why in reason


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE ledger_leaves SET entry = zeroblob(32) WHERE number = 0", "document of leaf 0"),
        ("UPDATE ledger_leaves SET entry = zeroblob(32), statement = NULL WHERE number = 0", "checkpoint 3"),
        ("DELETE FROM ledger_leaves WHERE number = 1", "leaf 1 is missing"),
        ("DELETE FROM ledger_leaves WHERE number = 3", "says 4 leaves, 3 are here"),
        ("UPDATE records SET jws = CAST('x' AS BLOB)", "document of leaf 1"),
        ("UPDATE ledger_tiles SET hashes = zeroblob(128)", "tile 0/0"),
        ("UPDATE ledger_checkpoints SET note = CAST('x' AS BLOB) WHERE size = 3", "checkpoint 3"),
        ("DELETE FROM ledger_checkpoints", "no checkpoint yet"),
    ],
)
def test_the_check_of_the_store_finds_what_was_tampered_with(
    tmp_path: Path, templates: Templates, statement: str, why: str
) -> None:
    mine = Issuer(tmp_path / "home", templates)
    assert list(exporting.check(mine.rig.store)) == []
    with mine.rig.store.write() as tx:
        tx.connection.execute(sa.text(statement))
    assert any(why in one for one in exporting.check(mine.rig.store))
    mine.rig.close()


# -- keys that were retired or lost, witnesses -----------------------------------------------------------------
def _record(issuer: Issuer) -> bytes:
    return issuer.some["documents"].splitlines()[1].split(b" ", 1)[1]


def test_a_retired_key_counts_for_what_was_completed_before(issuer: Issuer) -> None:
    key = RecordVerifier(issuer.rig.keys.signer.public)
    jws = _record(issuer)
    completed = issuer.trust.record(jws).completed_at
    assert Trust([RecordKey(key, retired_at="2030-01-01T00:00:00.000Z")]).record(jws).number == 1
    for moment in (completed, "2020-01-01T00:00:00.000Z"):
        with pytest.raises(VerificationError, match="retired before"):
            Trust([RecordKey(key, retired_at=moment)]).record(jws)


def test_a_lost_key_counts_only_for_what_was_in_the_ledger_before(issuer: Issuer) -> None:
    lost = Trust([RecordKey(RecordVerifier(issuer.rig.keys.signer.public), lost_at=2)], issuer.trust.ledger)
    with pytest.raises(VerificationError, match="was lost: its date proves nothing"):
        lost.record(_record(issuer))
    assert lost.record(_record(issuer), 1).number == 1
    with pytest.raises(VerificationError, match="after it was lost"):
        lost.record(_record(issuer), 2)
    assert bundle.check(issuer.some, lost).checked["completed"] == 1, "leaf 1 lies before"


def test_a_retired_key_of_the_ledger_counts_up_to_a_size(issuer: Issuer) -> None:
    (pinned,) = issuer.trust.ledger
    records = issuer.trust.records
    assert bundle.check(issuer.whole, Trust(records, [LedgerKey(pinned.key, retired_at=4)])).checkpoint.size == 4
    with pytest.raises(VerificationError, match="retired before"):
        bundle.check(issuer.whole, Trust(records, [LedgerKey(pinned.key, retired_at=3)]))


def test_a_witness_that_is_wanted_must_have_seen_it(issuer: Issuer) -> None:
    witness = Witness(1_700_000_000)
    pinned = LedgerVerifier.of(witness.vkey)
    trust = Trust(issuer.trust.records, issuer.trust.ledger, [pinned], 1)
    with pytest.raises(VerificationError, match="0 of the witnesses"):
        bundle.check(issuer.whole, trust)
    note = notes.parse(issuer.whole["checkpoint"])
    (line,) = notes.signed(note.text, [witness]).signatures
    cosigned = notes.Note(note.text, (*note.signatures, line)).raw()
    found, seen = trust.checkpoint(cosigned)
    assert (found.size, [(one.name, one.at) for one in seen]) == (4, [(witness.name, 1_700_000_000)])
    forged = notes.Signature(line.name, line.key_id, line.body[:-1] + bytes([line.body[-1] ^ 1]))
    with pytest.raises(VerificationError, match="does not fit"):
        trust.checkpoint(notes.Note(note.text, (*note.signatures, forged)).raw())


def test_pinned_keys_are_read_from_a_file_with_their_times(issuer: Issuer, tmp_path: Path) -> None:
    shutil.copy(issuer.record_file, tmp_path / "r.jwk")
    file = tmp_path / "trust.toml"
    witness = Witness(1)
    file.write_text(
        f'witnesses_needed = 1\n[[record]]\nfile = "r.jwk"\nretired_at = "2030-01-01T01:00:00+01:00"\n'
        "lost_at_leaf = 9\n"
        f'[[ledger]]\nkey = "{issuer.signer.vkey}"\nretired_at_size = 7\n[[witness]]\nkey = "{witness.vkey}"\n'
    )
    found = trusting.pinned([], [], file)
    assert [(one.retired_at, one.lost_at) for one in found.records] == [("2030-01-01T00:00:00.000Z", 9)]
    assert ([one.retired_at for one in found.ledger], len(found.witnesses), found.needed) == ([7], 1, 1)
    for text in (
        "x",
        "a = 1",
        '[[ledger]]\nkey = "x"',
        "witnesses_needed = 1",
        '[[record]]\nfile = "r.jwk"\nretired_at = "soon"',
    ):
        file.write_text(text)
        with pytest.raises(UsageError):
            trusting.pinned([], [], file)
    with pytest.raises(UsageError, match="not a key of a ledger"):
        trusting.pinned([], [witness.vkey], None)
    with pytest.raises(UsageError, match="cannot be read"):
        trusting.pinned([], [str(tmp_path / "absent")], None)


def test_while_keys_change_either_of_them_is_enough(tmp_path: Path, templates: Templates) -> None:
    mine = Issuer(tmp_path / "home", templates)
    new = LedgerSigner(mine.origin, bytes(range(5, 37)))

    def both(origin: str) -> LedgerKeys:
        signers = [new, *mine.rig.keys.ledger(origin)]
        return LedgerKeys(origin, signers, [LedgerVerifier.of(one.vkey) for one in signers])

    mine.rig.pump()
    Sequencer(mine.rig.store, both, mine.rig.clock).turn()
    with mine.rig.store.read() as tx:
        note = exporting.newest(tx)[0].note
    for line in (new.vkey, mine.signer.vkey):
        assert trusting.pinned([], [line], None).checkpoint(note)
    mine.rig.close()
