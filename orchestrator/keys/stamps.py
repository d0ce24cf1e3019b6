"""Checks time-stamp tokens (RFC 3161) under pinned root certificates, offline; the library does the cryptography.

Stricter than the RFC has to be: a token counts only while the certificate of its authority is valid, as
``openssl ts -verify`` has it, since nobody answers for a key after that. Stamp again before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import rfc3161_client as tsp
from cryptography import x509

from orchestrator.errors import UsageError, VerificationError
from orchestrator.ledger import stamps
from schemas.requests import utc

_SHA256: Final = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_AHEAD: Final = dt.timedelta(minutes=5)
"""By how much the clock of the authority may be ahead of ours."""
_FIX: Final = "get it again from the time-stamp authority; do not rely on this one"


class PinnedAuthority:
    """Checks tokens under pinned roots."""

    def __init__(self, roots: Sequence[x509.Certificate], now: dt.datetime) -> None:
        """Take the roots, and the time at which it is checked."""
        self._roots = list(roots)
        self._now = now

    @classmethod
    def of(cls, files: Sequence[Path], now: dt.datetime) -> PinnedAuthority:
        """Read the roots, from files with one or more certificates each (PEM).

        Raises:
            UsageError: one cannot be read, or holds no certificate.
        """
        roots: list[x509.Certificate] = []
        for file in files:
            try:
                roots += x509.load_pem_x509_certificates(file.read_bytes())
            except OSError as error:
                what = "the root certificate of the time-stamp authority cannot be read"
                raise UsageError(what, where=str(file), why=error.strerror or "") from None
            except ValueError:
                fix = "give it in PEM form (-----BEGIN CERTIFICATE-----)"
                raise UsageError("not a certificate", where=str(file), fix=fix) from None
        return cls(roots, now)

    def verify(self, token: bytes, text: bytes) -> tuple[str, str]:
        """Check a token over a text; gives the name of its authority, and the time (RFC 3339, UTC).

        Raises:
            VerificationError: at the first doubt.
        """
        response = read(token)
        if imprint(response) != hashlib.sha256(text).digest():
            raise VerificationError("the time stamp is of something else than this checkpoint", fix=_FIX)
        builder = tsp.VerifierBuilder(roots=list(self._roots))
        try:
            builder.build().verify_message(response, text)
            leaf = _signer(response)
        except (tsp.VerificationError, ValueError) as error:
            what = "the time stamp does not hold under the root that you trust"
            raise VerificationError(what, why=str(error), fix=_FIX) from None
        at = response.tst_info.gen_time.astimezone(dt.UTC)
        if at > self._now + _AHEAD:
            raise VerificationError(f"the time stamp is from the future ({utc(at)})", fix=_FIX)
        if not leaf.not_valid_before_utc <= self._now <= leaf.not_valid_after_utc:
            what = f"the certificate of the time-stamp authority has expired ({utc(leaf.not_valid_after_utc)})"
            raise VerificationError(what, fix="ask the issuer for evidence with a newer time stamp")
        return leaf.subject.rfc4514_string(), utc(at)


def request(text: bytes) -> bytes:
    """Write the request for a time stamp of a text (SHA-256).

    It has no nonce: the text names one checkpoint of one ledger, and an earlier token over it proves more, not less.
    """
    asked = tsp.TimestampRequestBuilder(nonce=False).data(text).hash_algorithm(tsp.HashAlgorithm.SHA256).build()
    return asked.as_bytes()


def read(token: bytes) -> tsp.TimeStampResponse:
    """Read a response; nothing of it is believed yet.

    Raises:
        VerificationError: it is none, or the authority has refused.
    """
    if len(token) > stamps.LARGEST:
        raise VerificationError("not a response of a time-stamp authority: too large", fix=_FIX)
    try:
        response = tsp.decode_timestamp_response(token)
        written = response.as_bytes()
    except ValueError as error:
        what = "not a response of a time-stamp authority (RFC 3161)"
        raise VerificationError(what, why=str(error), fix=_FIX) from None
    if written != token:
        raise VerificationError("the time stamp is not written in its one form: it was altered", fix=_FIX)
    if response.status != tsp.PKIStatus.GRANTED:
        why = f"status {response.status}"
        raise VerificationError("the time-stamp authority did not grant it", why=why, fix="ask the authority why")
    return response


def imprint(response: tsp.TimeStampResponse) -> bytes:
    """Give the SHA-256 that a response is of; nothing of it is believed yet.

    Raises:
        VerificationError: it is of another digest, or cannot be read.
    """
    try:
        found = response.tst_info.message_imprint
        algorithm, message = found.hash_algorithm, bytes(found.message)
    except ValueError as error:
        raise VerificationError("the time stamp is damaged", why=str(error), fix=_FIX) from None
    if algorithm != _SHA256:
        raise VerificationError("the time stamp is not over a SHA-256", fix="use what `expunge ledger stamp` wrote")
    return message


def _signer(response: tsp.TimeStampResponse) -> x509.Certificate:
    """Give the certificate that the signature names; the library has seen that there is one of it."""
    (signer,) = response.signed_data.signer_infos
    every = [x509.load_der_x509_certificate(one) for one in response.signed_data.certificates]
    return next(one for one in every if (one.issuer, one.serial_number) == (signer.issuer, signer.serial_number))
