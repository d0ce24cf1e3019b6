"""What a leaf of the ledger stands for: the SHA-256 of a document that holds a salt, and so gives nothing away.

A completion record is such a document as it is (its JWS). What has no record, that a request was received and that it
was answered, is said in a statement: RFC 8785 JSON, not signed by itself, since the checkpoint over it is. Once its own
retention has ended, a document is deleted; its leaf stays, and can be told from no other.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger.record import as_written, canonical
from schemas.errors import SchemaError
from schemas.sealing import b64u, unb64u
from schemas.statements import Answered, Received, Statement

RECEIVED: Final = "received"
COMPLETED: Final = "completed"
ANSWERED: Final = "answered"
DISCHARGED: Final = "discharged"
CORRECTED: Final = "corrected"
FACTS: Final = (RECEIVED, COMPLETED, DISCHARGED, CORRECTED, ANSWERED)
"""The kinds of leaves (formats.md section 8), in the order in which those of one moment are numbered."""
__all__ = ["FACTS", "Answered", "Received", "Statement", "entry_of", "fact_of_record", "kind_of", "read", "written"]
_SALT_BYTES: Final = 32
_FIX: Final = "get it again from the issuer; do not rely on this one"


def entry_of(document: bytes) -> bytes:
    """Give the 32 bytes that the ledger holds of a document."""
    return hashlib.sha256(document).digest()


_STATEMENT: Final[Any] = Statement


def written(statement: Statement, salt: bytes) -> bytes:
    """Give the bytes of a statement, with its salt filled in."""
    return canonical(msgspec.structs.replace(statement, salt=b64u(salt)))


def read(document: bytes) -> Statement:
    """Read a statement.

    Raises:
        VerificationError: it is none of this version, or not written the one way there is.
    """
    try:
        found: Statement | None = as_written(document, _STATEMENT)
        if found is None:
            raise VerificationError("a statement is not in canonical form (RFC 8785)", fix=_FIX)
        salt = unb64u(found.salt)
    except (SchemaError, msgspec.MsgspecError, ValueError, RecursionError):
        raise VerificationError("not a statement of this version", fix=_FIX) from None
    if found.v != 1 or len(salt) != _SALT_BYTES:
        raise VerificationError("not a statement of this version", fix=_FIX)
    return found


def fact_of_record(number: int, *, corrects: bool = False) -> str:
    """Name the fact that a record is: the first one completes, a later one says what was owed, or corrects one."""
    if corrects:
        return f"{CORRECTED}.{number}"
    return COMPLETED if number == 1 else f"{DISCHARGED}.{number}"


def kind_of(fact: str) -> str:
    """Give the kind of a fact."""
    return fact.partition(".")[0]
