"""Ed25519 keys of completion records; ``kid`` is the RFC 7638 thumbprint of the public key."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orchestrator.errors import VerificationError
from schemas.sealing import b64u


def thumbprint(curve: str, public: bytes) -> str:
    """Give the RFC 7638 thumbprint of an OKP key (RFC 8037)."""
    text = f'{{"crv":"{curve}","kty":"OKP","x":"{b64u(public)}"}}'
    return b64u(hashlib.sha256(text.encode("ascii")).digest())


class RecordSigner:
    """Signs records."""

    def __init__(self, private: bytes) -> None:
        """Take a 32-byte Ed25519 private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.kid = thumbprint("Ed25519", self.public)

    def sign(self, data: bytes) -> bytes:
        """Give the 64-byte signature."""
        return self._key.sign(data)


class RecordVerifier:
    """Checks signatures of records under one pinned public key."""

    def __init__(self, public: bytes) -> None:
        """Take a 32-byte Ed25519 public key."""
        self._key = Ed25519PublicKey.from_public_bytes(public)
        self.kid = thumbprint("Ed25519", public)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check one signature.

        Raises:
            VerificationError: it is not this key's signature over these bytes.
        """
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            fix = "get the record again from its issuer; do not rely on this one"
            raise VerificationError("the signature does not fit: the record was altered", fix=fix) from None
