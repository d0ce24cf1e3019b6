"""Signed notes, checkpoints, cosignatures, proofs: C2SP's own examples, and every way to read one wrongly."""

from __future__ import annotations

import pytest

from orchestrator.errors import VerificationError
from orchestrator.keys.notes import LedgerSigner, LedgerVerifier
from orchestrator.ledger import notes
from orchestrator.ledger.notes import Checkpoint, Proof

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYN"
    "ZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
"""The example of C2SP signed-note."""
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zy"
    "WE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo"
    "0xUe+mbIUBkBIfZ+qnA==\n"
).encode()
"""The example of C2SP tlog-cosignature; its keys are not published."""
ORIGIN = "example.com/ledger"
SIGNER = LedgerSigner(ORIGIN, bytes(range(32)))
KEY = LedgerVerifier.of(SIGNER.vkey)


class Witness:
    """Signs as tlog-cosignature wants it."""

    def __init__(self, seconds: int) -> None:
        self._key = LedgerSigner("witness.example/w1", bytes(range(1, 33)))
        self.seconds = seconds
        self.name = self._key.name
        self.key_id = notes.key_id(self.name, notes.COSIGNATURE, self._key.public)

    @property
    def vkey(self) -> str:
        return notes.vkey(self.name, notes.COSIGNATURE, self._key.public)

    def sign(self, data: bytes) -> bytes:
        return self.seconds.to_bytes(8, "big") + self._key.sign(notes.cosigned_text(self.seconds, data))


def test_the_example_of_c2sp_verifies() -> None:
    key = LedgerVerifier.of(VKEY)
    assert notes.verify(notes.parse(NOTE), [key]) == (key,)
    assert notes.vkey(key.name, key.kind, key.public) == VKEY


def test_the_cosigned_example_of_c2sp_is_read() -> None:
    note = notes.parse(COSIGNED)
    found = notes.checkpoint_of(note)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert notes.cosigned_at(note.signatures[1].body)[0] == 1679315147
    assert notes.cosigned_text(1679315147, note.text.encode()).startswith(b"cosignature/v1\ntime 1679315147\nexample")


def test_no_byte_of_a_note_may_be_another() -> None:
    key = LedgerVerifier.of(VKEY)
    for at in range(len(NOTE)):
        for changed in (NOTE[at] ^ 1, NOTE[at] ^ 0x20, NOTE[at] ^ 0x80):
            with pytest.raises(VerificationError):
                notes.verify(notes.parse(NOTE[:at] + bytes([changed]) + NOTE[at + 1 :]), [key])
        with pytest.raises(VerificationError):
            notes.verify(notes.parse(NOTE[:at]), [key])


def test_a_checkpoint_comes_back_as_it_was_signed() -> None:
    checkpoint = Checkpoint(ORIGIN, 7, bytes(32))
    raw = notes.signed(checkpoint.text(), [SIGNER]).raw()
    note = notes.parse(raw)
    assert notes.verify(note, [KEY]) == (KEY,)
    assert notes.checkpoint_of(note) == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n07\n{notes.b64(bytes(32))}\n",
        f"{ORIGIN}\n-1\n{notes.b64(bytes(32))}\n",
        f"{ORIGIN}\n7\n{notes.b64(bytes(31))}\n",
        f"{ORIGIN}\n7\n{notes.b64(bytes(32))}\nextension\n",
        f"{ORIGIN}\n7\n",
        f"a ledger\n7\n{notes.b64(bytes(32))}\n",
        f"\n7\n{notes.b64(bytes(32))}\n",
        f"{ORIGIN}\n9999999999999999999\n{notes.b64(bytes(32))}\n",
    ],
)
def test_what_is_signed_and_is_no_checkpoint_is_refused(text: str) -> None:
    note = notes.parse(notes.signed(text, [SIGNER]).raw())
    notes.verify(note, [KEY])
    with pytest.raises(VerificationError, match="not a checkpoint"):
        notes.checkpoint_of(note)


def test_a_cosignature_binds_its_time() -> None:
    witness = Witness(1_700_000_000)
    note = notes.signed(Checkpoint(ORIGIN, 7, bytes(32)).text(), [SIGNER, witness])
    pinned = LedgerVerifier.of(witness.vkey)
    assert {one.name for one in notes.verify(notes.parse(note.raw()), [KEY, pinned])} == {ORIGIN, witness.name}
    first, second = note.signatures
    later = notes.Signature(second.name, second.key_id, (1_700_000_001).to_bytes(8, "big") + second.body[8:])
    with pytest.raises(VerificationError, match="does not fit"):
        notes.verify(notes.Note(note.text, (first, later)), [KEY, pinned])
    short = notes.Signature(second.name, second.key_id, second.body[:-1])
    with pytest.raises(VerificationError, match="damaged"):
        notes.verify(notes.Note(note.text, (first, short)), [KEY, pinned])


def test_unknown_signatures_are_skipped_and_known_ones_must_hold() -> None:
    note = notes.signed(Checkpoint(ORIGIN, 7, bytes(32)).text(), [SIGNER, Witness(1)])
    assert notes.verify(note, [KEY]) == (KEY,)
    with pytest.raises(VerificationError, match="a key that you trust"):
        notes.verify(note, [LedgerVerifier.of(VKEY)])
    with pytest.raises(VerificationError, match="twice"):
        notes.verify(notes.Note(note.text, note.signatures[:1] * 2), [KEY])
    forged = notes.Signature(ORIGIN, SIGNER.key_id, bytes(64))
    with pytest.raises(VerificationError, match="does not fit"):
        notes.verify(notes.Note(note.text, (forged,)), [KEY])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "example.com/foo",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("foo", "fop"),
        VKEY[:-1] + "l",
        VKEY[:-4],
        VKEY.replace("example.com/foo", "example com/foo"),
        notes.vkey("a", 0x02, bytes(32)),
    ],
)
def test_a_key_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(VerificationError):
        LedgerVerifier.of(line)


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_proof_comes_back_and_no_byte_of_it_may_be_another(extra: bytes) -> None:
    raw = notes.signed(Checkpoint(ORIGIN, 3, bytes(32)).text(), [SIGNER]).raw()
    proof = Proof(2, (bytes(32), bytes([7] * 32)), raw, extra)
    text = notes.proof_text(proof)
    assert notes.read_proof(text) == proof
    for at in range(len(text) - len(raw)):
        altered = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        try:
            found = notes.read_proof(altered)
        except VerificationError:
            continue
        assert found != proof, "another proof, which leads to another root"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"c2sp.org/tlog-proof@v1\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 01\n\nx",
        b"c2sp.org/tlog-proof@v2\nindex 1\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra \nindex 1\n\nx",
        b"\xff\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 65 + b"\nx",
    ],
)
def test_what_is_no_proof_is_refused(raw: bytes) -> None:
    with pytest.raises(VerificationError):
        notes.read_proof(raw)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"x" * (1 << 19), "too large"),
        (b"\xff\n\n", "no text"),
        (b"text\n", "no signature"),
        (b"text\n\n", "no signature"),
        (b"te\txt\n\n\xe2\x80\x94 a AAAAAAA=\n", "control"),
        (b"text\n\n\xe2\x80\x94 a AAAA\n", "damaged"),
        (b"text\n\n- a AAAAAAA=\n", "altered"),
        (b"text\n\n\xe2\x80\x94 a AAAAAAB=\n", "one form"),
        (b"text\n\n\xe2\x80\x94 a !!!!\n", "base64"),
    ],
)
def test_what_is_no_note_is_refused_with_the_reason(raw: bytes, why: str) -> None:
    with pytest.raises(VerificationError, match=why):
        notes.parse(raw)
