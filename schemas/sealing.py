"""Sealing: JWE for what travels, HMAC for who answers (decision 8). Bytes in, bytes out; keys come from outside.

Two forms, both standard compact JWE (RFC 7516) with A256GCM, so that any language's library opens them:

* ``dir``: a task's secret, a confirmation's findings. Shared key of one system.
* ``ECDH-ES`` on X25519 (RFC 8037): intake seals a request to the orchestrator's public key.

The protected header names what the content belongs to (``req``, ``task``, ``sys``); it is authenticated with
the content, so a sealed part moved to another request, task or system does not open. The compact form is put
together by hand around ``cryptography``'s AESGCM, because the general library costs 60 % of the embedded
throughput (services.md); in the tests joserfc is the oracle for both directions.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.errors import RetiredKeyError, SealError, UnknownKeyError

KEY_BYTES: Final = 32
_TAG: Final = 16
_NONCE: Final = 12
_LONGEST: Final = 8 << 20


_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# Characters of the other alphabet become invalid ones, so that each value has one text only.
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_LAST: Final = {0: None, 2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
"""Last characters whose unused bits are zero, by length modulo 4 (RFC 4648 section 3.5)."""


def b64u(raw: bytes) -> str:
    """Encode base64url without padding (RFC 7515)."""
    # Sixty times a request: straight to binascii, one pass for alphabet and padding.
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL, b"=").decode("ascii")


def unb64u(text: str) -> bytes:
    """Decode base64url without padding.

    Raises:
        SealError: not base64url, or not in its one canonical form (RFC 4648 section 3.5).
    """
    left = len(text) % 4
    try:
        last = _LAST[left]
        raw = binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL) + b"=" * (-left % 4), strict_mode=True)
    except (ValueError, KeyError):
        raise SealError("seal.encoding", "not base64url") from None
    if last is not None and text[-1] not in last:
        raise SealError("seal.encoding", "not the one base64url form of its bytes")
    return raw


class Binding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sealed part belongs to; checked when it is opened."""

    req: str = ""
    task: str = ""
    sys: str = ""
    use: str = ""


class _Header(msgspec.Struct, frozen=True, omit_defaults=True):
    alg: str
    enc: str
    kid: str
    epk: Mapping[str, str] | None = None
    req: str = ""
    task: str = ""
    sys: str = ""
    use: str = ""
    # Parameters that change how a JWE is opened. We never set them; ignoring them would misread a foreign one.
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    zip: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    apu: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    apv: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_HEADER: Final = msgspec.json.Decoder(_Header)


class SharedKey:
    """The key that the orchestrator and one system share; seals both ways, authenticates tasks and confirmations."""

    def __init__(self, kid: str, secret: bytes, others: Sequence[SharedKey] = ()) -> None:
        """Derive the working keys.

        Args:
            kid: Id of the key.
            secret: 32 bytes.
            others: Further keys of the same system that are accepted and not used to seal: while keys rotate, and for
                handles that were sealed years ago.

        Raises:
            SealError: the secret does not have 32 bytes.
        """
        if len(secret) != KEY_BYTES:
            raise SealError("key.length", f"a system key has {KEY_BYTES} bytes")
        self.kid = kid
        self._others = tuple(others)
        self.sealing_key = hmac.digest(secret, b"expunge-seal-v1", "sha256")
        self._mac_key = hmac.digest(secret, b"expunge-confirm-v1", "sha256")
        self._task_key = hmac.digest(secret, b"expunge-task-v1", "sha256")
        self._aead = AESGCM(self.sealing_key)

    @property
    def accepted(self) -> tuple[SharedKey, ...]:
        """Give every key that is accepted, this one first."""
        return (self, *self._others)

    def seal(self, plain: bytes, binding: Binding, *, nonce: bytes) -> str:
        """Seal to a compact JWE. ``nonce``: 12 fresh random bytes, never used twice with one key."""
        header = _Header("dir", "A256GCM", self.kid, None, binding.req, binding.task, binding.sys, binding.use)
        return _assemble(self._aead, header, plain, nonce)

    def open(self, token: str, binding: Binding) -> bytes:
        """Open a compact JWE and check what it belongs to.

        Raises:
            UnknownKeyError: sealed under another key id.
            SealError: altered, moved, or not a JWE.
        """
        header, protected, iv, sealed = _take_apart(token)
        if header.alg != "dir":
            raise SealError("seal.algorithm", "expected dir with A256GCM")
        aead = next((one._aead for one in self.accepted if one.kid == header.kid), None)  # noqa: SLF001 - its own kind
        if aead is None:
            raise UnknownKeyError("seal.kid", "sealed under a key that is not held")
        _check_binding(header, binding)
        return _decrypt(aead, iv, sealed, protected)

    def mac(self, data: bytes) -> str:
        """Authenticate the bytes of a confirmation."""
        return b64u(hmac.digest(self._mac_key, data, "sha256"))

    def check_mac(self, data: bytes, mac: str) -> None:
        """Verify who confirmed.

        Raises:
            SealError: rule ``confirmation.mac``.
        """
        # As bytes: compare_digest refuses text that is not ASCII, with an error of its own.
        given = mac.encode("utf-8", "replace")
        if not any(hmac.compare_digest(one.mac(data).encode(), given) for one in self.accepted):
            raise SealError("confirmation.mac", "the confirmation was not made with this system's key")

    def task_mac(self, data: bytes) -> str:
        """Authenticate the bytes of a task: what to do stands beside the seal, and must be the orchestrator's word."""
        return b64u(hmac.digest(self._task_key, data, "sha256"))

    def check_task_mac(self, data: bytes, mac: str) -> None:
        """Verify that a task is the orchestrator's, instructions and lease included.

        Raises:
            SealError: rule ``task.mac``.
        """
        given = mac.encode("utf-8", "replace")
        if not any(hmac.compare_digest(one.task_mac(data).encode(), given) for one in self.accepted):
            raise SealError("task.mac", "the task was not made with this system's key")


def key_id_of(token: str) -> str:
    """Give the id of the key that a JWE says it is sealed with; nothing is checked.

    Raises:
        SealError: not a JWE.
    """
    return _take_apart(token)[0].kid


class IntakePublicKey:
    """The orchestrator's public key, as programs that publish requests hold it."""

    def __init__(self, kid: str, raw: bytes) -> None:
        """Take a 32-byte X25519 public key.

        Raises:
            SealError: not 32 bytes.
        """
        _check_length(raw)
        self.kid = kid
        self.raw = raw
        self._key = X25519PublicKey.from_public_bytes(raw)

    def seal(self, plain: bytes, binding: Binding, *, nonce: bytes, ephemeral: bytes) -> str:
        """Seal to the orchestrator. ``ephemeral``: 32 fresh random bytes for the sender's one-time key.

        Raises:
            SealError: the public key is one that agrees on nothing (a low-order point), or a wrong length.
        """
        _check_length(ephemeral)
        sender = X25519PrivateKey.from_private_bytes(ephemeral)
        public = sender.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        epk = {"kty": "OKP", "crv": "X25519", "x": b64u(public)}
        header = _Header("ECDH-ES", "A256GCM", self.kid, epk, binding.req, binding.task, binding.sys, binding.use)
        try:
            shared = sender.exchange(self._key)
        except ValueError:
            raise SealError("key.weak", "the public key is not usable") from None
        return _assemble(AESGCM(_concat_kdf(shared)), header, plain, nonce)


class IntakePrivateKey:
    """The orchestrator's private key."""

    def __init__(
        self, kid: str, raw: bytes, others: Sequence[IntakePrivateKey] = (), retired: Collection[str] = ()
    ) -> None:
        """Take a 32-byte X25519 private key.

        Args:
            kid: Id of the key.
            raw: 32 bytes.
            others: Further keys that still open while senders change over, and are not handed out.
            retired: Ids of keys that were destroyed on purpose.

        Raises:
            SealError: not 32 bytes.
        """
        _check_length(raw)
        self.kid = kid
        self._key = X25519PrivateKey.from_private_bytes(raw)
        self._held = {self.kid: self._key} | {one.kid: one._key for one in others}  # noqa: SLF001 - its own kind
        self._retired = frozenset(retired) - self._held.keys()

    def public(self) -> IntakePublicKey:
        """Give the key to hand out."""
        return IntakePublicKey(self.kid, self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def open(self, token: str, binding: Binding) -> bytes:
        """Open what was sealed to this key.

        Raises:
            RetiredKeyError: sealed to a key that was destroyed on purpose.
            UnknownKeyError: sealed to another key.
            SealError: altered, moved to another request, or not a JWE.
        """
        header, protected, iv, sealed = _take_apart(token)
        epk = header.epk or {}
        if header.alg != "ECDH-ES" or (epk.get("kty"), epk.get("crv")) != ("OKP", "X25519"):
            raise SealError("seal.algorithm", "expected ECDH-ES on X25519 with A256GCM")
        key = self._held.get(header.kid)
        if key is None and header.kid in self._retired:
            fix = "take keys/intake.pub.jwk of the orchestrator, and send it again"
            raise RetiredKeyError("seal.retired", "sealed to a key that was retired", fix=fix)
        if key is None:
            raise UnknownKeyError("seal.kid", "sealed to a key that is not held")
        _check_binding(header, binding)
        try:
            peer = X25519PublicKey.from_public_bytes(unb64u(epk.get("x", "")))
            shared = key.exchange(peer)
        except ValueError:
            raise SealError("seal.epk", "not a valid one-time key") from None
        return _decrypt(AESGCM(_concat_kdf(shared)), iv, sealed, protected)


def _check_length(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise SealError("key.length", f"an X25519 key has {KEY_BYTES} bytes")


def _concat_kdf(shared: bytes) -> bytes:
    """RFC 7518 section 4.6.2 for direct agreement with A256GCM and empty party infos: one SHA-256 round."""
    info = b"\0\0\0\x07A256GCM" + b"\0\0\0\0" + b"\0\0\0\0" + b"\0\0\x01\0"
    return hashlib.sha256(b"\0\0\0\x01" + shared + info).digest()


def _assemble(aead: AESGCM, header: _Header, plain: bytes, nonce: bytes) -> str:
    if len(nonce) != _NONCE:  # AESGCM would take it, and nobody would open the result
        raise SealError("seal.nonce", f"a nonce has {_NONCE} bytes")
    protected = b64u(msgspec.json.encode(header))
    sealed = aead.encrypt(nonce, plain, protected.encode("ascii"))
    return f"{protected}..{b64u(nonce)}.{b64u(sealed[:-_TAG])}.{b64u(sealed[-_TAG:])}"


def _take_apart(token: str) -> tuple[_Header, bytes, bytes, bytes]:
    parts = token.split(".")
    if len(parts) != 5 or parts[1] or len(token) > _LONGEST:  # noqa: PLR2004 - compact JWE has five parts
        raise SealError("seal.form", "not a compact JWE")
    try:
        header = _HEADER.decode(unb64u(parts[0]))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SealError("seal.header", "the JWE header cannot be read") from None
    if any(one is not msgspec.UNSET for one in (header.crit, header.zip, header.apu, header.apv)):
        raise SealError("seal.header", "the JWE header holds crit, zip, apu or apv")
    if header.enc != "A256GCM":
        raise SealError("seal.algorithm", "expected A256GCM")
    iv, tag = unb64u(parts[2]), unb64u(parts[4])
    if len(iv) != _NONCE or len(tag) != _TAG:
        raise SealError("seal.form", "wrong length of nonce or tag")
    return header, parts[0].encode("ascii"), iv, unb64u(parts[3]) + tag


def _check_binding(header: _Header, binding: Binding) -> None:
    if Binding(header.req, header.task, header.sys, header.use) != binding:
        raise SealError("seal.binding", "sealed for another request, task, system or use")


def _decrypt(aead: AESGCM, iv: bytes, sealed: bytes, protected: bytes) -> bytes:
    try:
        return aead.decrypt(iv, sealed, protected)
    except InvalidTag:
        raise SealError("seal.tag", "altered, or sealed with another key") from None
