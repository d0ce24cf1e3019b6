"""Signed notes (C2SP signed-note), checkpoints (tlog-checkpoint), cosignatures (tlog-cosignature) and tlog-proof files.

All of them are short text, read here as strictly as they are written: one set of bytes for one meaning. Signatures of
keys that nobody pinned are skipped, as the format wants it: they prove nothing to whoever does not know them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger.merkle import HASH_BYTES, MOST

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
"""Signature types (signed-note, tlog-cosignature): Ed25519 over the text, and over time and text."""
PROOF_HEAD: Final = "c2sp.org/tlog-proof@v1"
_LARGEST: Final = 1 << 18
"""Bytes of a note; ours have some hundred, and signatures of others may have 5,000 each."""
_SIGNATURES: Final = 100
_CONTROL: Final = re.compile("[\x00-\x09\x0b-\x1f]")
_NAME: Final = re.compile(r"[^\s+\x00-\x20\x7f]{1,200}\Z")
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_DASH: Final = "\u2014 "
_KEY_ID: Final = 4
_ED25519_BYTES: Final = 64
_FIX: Final = "get it again from the issuer; do not rely on this one"


class NoteKey(Protocol):
    """What checks signatures of a note under one pinned key: see ``orchestrator.keys``.

    Attributes:
        name: As the signature line has it.
        key_id: Its four bytes.
    """

    name: str
    key_id: bytes

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raise VerificationError unless the signature (without key id) fits the text."""
        ...


class NoteSigner(Protocol):
    """What signs notes."""

    name: str
    key_id: bytes

    def sign(self, data: bytes) -> bytes:
        """Give the signature, without key id."""
        ...


class Signature(msgspec.Struct, frozen=True):
    """One line below the text."""

    name: str
    key_id: bytes
    body: bytes


class Note(msgspec.Struct, frozen=True):
    """A text that ends with a newline, and who signed it."""

    text: str
    signatures: tuple[Signature, ...]

    def raw(self) -> bytes:
        """Give the bytes of the note."""
        lines = "".join(f"{_DASH}{one.name} {b64(one.key_id + one.body)}\n" for one in self.signatures)
        return f"{self.text}\n{lines}".encode()


class Checkpoint(msgspec.Struct, frozen=True):
    """What a ledger was at one moment. ``root``: 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Give the text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"


class Proof(msgspec.Struct, frozen=True):
    """A tlog-proof: leaf ``index`` is in the tree of the checkpoint. ``extra`` is nobody's word; we write none."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Give the four bytes that name a key in a signature."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_KEY_ID]


def vkey(name: str, kind: int, public: bytes) -> str:
    """Give a public key as one line of text (signed-note, "verifier keys")."""
    return f"{name}+{key_id(name, kind, public).hex()}+{b64(bytes([kind]) + public)}"


def read_vkey(line: str) -> tuple[str, int, bytes]:
    """Read a public key; gives name, signature type and the key.

    Raises:
        VerificationError: it is none, or its id is not that of the key.
    """
    name, _, rest = line.partition("+")
    hexed, _, encoded = rest.partition("+")
    raw = unb64(encoded)
    if not name_of(name) or len(raw) != 1 + HASH_BYTES or raw[0] not in {ED25519, COSIGNATURE}:
        raise VerificationError("not a key of a signed note", fix="one line, e.g. example.com/log+530d903a+AekyeR...")
    if hexed != key_id(name, raw[0], raw[1:]).hex():
        raise VerificationError("the id of the key is not that of the key: it was altered", fix=_FIX)
    return name, raw[0], raw[1:]


def name_of(name: str) -> bool:
    """Tell whether something may name a key or a ledger."""
    return _NAME.match(name) is not None


def parse(raw: bytes) -> Note:
    """Read a note; nothing of it is believed yet.

    Raises:
        VerificationError: it is not one, or not written the one way there is.
    """
    if len(raw) > _LARGEST:
        raise VerificationError("not a signed note: too large", fix=_FIX)
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise VerificationError("not a signed note: no text", fix=_FIX) from None
    text, blank, below = whole.rpartition("\n\n")
    lines = below.split("\n")
    if not blank or lines.pop() or not lines or len(lines) > _SIGNATURES:
        raise VerificationError("not a signed note: no signature below a blank line", fix=_FIX)
    if _CONTROL.search(whole):
        raise VerificationError("not a signed note: control characters", fix=_FIX)
    note = Note(f"{text}\n", tuple(_signature(one) for one in lines))
    if note.raw() != raw:
        raise VerificationError("the note is not written in its one form: it was altered", fix=_FIX)
    return note


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    raw = unb64(encoded)
    if not line.startswith(_DASH) or not name_of(name) or len(raw) <= _KEY_ID:
        raise VerificationError("a signature of the note is damaged", fix=_FIX)
    return Signature(name, raw[:_KEY_ID], raw[_KEY_ID:])


def signed(text: str, signers: Iterable[NoteSigner]) -> Note:
    """Sign a text."""
    data = text.encode()
    return Note(text, tuple(Signature(one.name, one.key_id, one.sign(data)) for one in signers))


def verify(note: Note, keys: Sequence[NoteKey]) -> tuple[NoteKey, ...]:
    """Check a note under pinned keys; gives those that signed it.

    Raises:
        VerificationError: none of them did, or one that says it did has not.
    """
    text = note.text.encode()
    found: list[NoteKey] = []
    for one in note.signatures:
        for key in keys:
            if (one.name, one.key_id) == (key.name, key.key_id):
                key.verify(one.body, text)
                found.append(key)
    if len({(one.name, one.key_id) for one in found}) < len(found):
        raise VerificationError("one key signed the note twice", fix=_FIX)
    if not found:
        raise VerificationError("not signed with a key that you trust", fix="ask the issuer which key was in use")
    return tuple(found)


def checkpoint_of(note: Note) -> Checkpoint:
    """Read the checkpoint that a note says.

    Raises:
        VerificationError: it says something else.
    """
    lines = note.text.split("\n")
    if len(lines) != 4:  # noqa: PLR2004 - origin, size, root, and nothing after the last newline
        raise VerificationError("not a checkpoint of a ledger", fix=_FIX)
    origin, size, encoded, _ = lines
    raw = unb64(encoded)
    if not name_of(origin) or not _DECIMAL.match(size) or int(size) > MOST or len(raw) != HASH_BYTES:
        raise VerificationError("not a checkpoint of a ledger", fix=_FIX)
    return Checkpoint(origin, int(size), raw)


def cosigned_text(seconds: int, text: bytes) -> bytes:
    """Give what a witness signs: when it saw the checkpoint, and the checkpoint (tlog-cosignature)."""
    return b"cosignature/v1\ntime %d\n" % seconds + text


def cosigned_at(signature: bytes) -> tuple[int, bytes]:
    """Give the time (seconds since 1970) and the signature proper of a cosignature.

    Raises:
        VerificationError: it has another length.
    """
    if len(signature) != 8 + _ED25519_BYTES:
        raise VerificationError("a cosignature is damaged", fix=_FIX)
    return int.from_bytes(signature[:8], "big"), signature[8:]


def proof_text(proof: Proof) -> bytes:
    """Write a tlog-proof file."""
    extra = f"extra {b64(proof.extra)}\n" if proof.extra else ""
    hashes = "".join(f"{b64(one)}\n" for one in proof.path)
    return f"{PROOF_HEAD}\n{extra}index {proof.index}\n{hashes}\n".encode() + proof.checkpoint


def read_proof(raw: bytes) -> Proof:
    """Read a tlog-proof file; nothing of it is believed yet.

    Raises:
        VerificationError: it is not one, or not written the one way there is.
    """
    head, blank, checkpoint = raw.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        first, lines = "", []
    extra = unb64(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else b""
    number = lines.pop(0).removeprefix("index ") if lines else ""
    if not blank or first != PROOF_HEAD or not _DECIMAL.match(number) or len(lines) > MOST.bit_length():
        raise VerificationError("not a proof of a ledger (c2sp.org/tlog-proof@v1)", fix=_FIX)
    proof = Proof(int(number), tuple(unb64(one) for one in lines), checkpoint, extra)
    if any(len(one) != HASH_BYTES for one in proof.path):
        raise VerificationError("a hash does not have 32 bytes", fix=_FIX)
    if proof_text(proof) != raw:
        raise VerificationError("the proof is not written in its one form: it was altered", fix=_FIX)
    return proof


def b64(raw: bytes) -> str:
    """Give standard base64 with padding."""
    return base64.b64encode(raw).decode("ascii")


def unb64(text: str) -> bytes:
    """Read standard base64 in its one form.

    Raises:
        VerificationError: it is not.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VerificationError("not base64: it was altered", fix=_FIX) from None
    if b64(raw) != text:
        raise VerificationError("not base64 in its one form: it was altered", fix=_FIX)
    return raw
