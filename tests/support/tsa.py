"""A time-stamp authority for tests: root, certificate and ``openssl ts``. No network, as the product has none."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.absent import SERVICE_ABSENT

_CONFIG = """[tsa]
default_tsa = one
[one]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
"""


class Tsa:
    """An authority whose certificate is valid for ``days`` around now: (before, after).

    ``chain``: another certificate stands between it and the root; ``chain.pem`` holds both.
    """

    def __init__(
        self, folder: Path, days: tuple[float, float] = (1, 365), usage: bool = True, chain: bool = False
    ) -> None:
        if shutil.which("openssl") is None:
            pytest.skip(f"{SERVICE_ABSENT} openssl")
        folder.mkdir()
        self.folder, now = folder, dt.datetime.now(dt.UTC)
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"root of {folder.name}")])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])

        middle = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"between at {folder.name}")])

        def certificate(name: x509.Name, public: ec.EllipticCurvePublicKey, ca: bool) -> x509.CertificateBuilder:
            first = now - dt.timedelta(days=800 if ca else days[0])
            return (
                x509.CertificateBuilder()
                .subject_name(name)
                .issuer_name(issuer if ca or not chain else middle)
                .public_key(public)
                .serial_number(x509.random_serial_number())
                .not_valid_before(first)
                .not_valid_after(now + dt.timedelta(days=800 if ca else days[1]))
                .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            )

        self.certificate = certificate(subject, key.public_key(), False)
        if usage:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
            self.certificate = self.certificate.add_extension(purpose, critical=True)
        self.root = folder / "root.pem"
        made = certificate(issuer, root_key.public_key(), True).sign(root_key, hashes.SHA256())
        self.root.write_bytes(made.public_bytes(Encoding.PEM))
        signing = root_key
        if chain:
            signing = ec.generate_private_key(ec.SECP256R1())
            between = certificate(middle, signing.public_key(), True).sign(root_key, hashes.SHA256())
            (folder / "chain.pem").write_bytes(self.root.read_bytes() + between.public_bytes(Encoding.PEM))
        leaf = self.certificate.sign(signing, hashes.SHA256())
        (folder / "tsa.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "tsa.key").write_bytes(private)
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))

    def answer(self, request: bytes) -> bytes:
        """Answer a request, as its HTTP server would."""
        (self.folder / "request").write_bytes(request)
        self._run("-reply", "-config", "tsa.cnf", "-queryfile", "request", "-out", "response")
        return (self.folder / "response").read_bytes()

    def holds(self, token: bytes, text: bytes) -> bool:
        """Have openssl check a token: a second implementation."""
        (self.folder / "token").write_bytes(token)
        (self.folder / "text").write_bytes(text)
        command = ["openssl", "ts", "-verify", "-data", "text", "-in", "token", "-CAfile", "root.pem"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", "ts", *arguments], cwd=self.folder, capture_output=True, check=True, timeout=60)
