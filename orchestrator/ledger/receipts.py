"""Does a person's receipt open a piece of evidence? Pure; stands alone, as a stranger asks (ADR 43)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.errors import VerificationError
from schemas import receipts

_FIX = "is it the receipt of this request, of this company?"


def opens(shown: Sequence[str], commitment: str | None) -> None:
    """Hold the receipts of a person against the commitment of one record.

    Raises:
        VerificationError: the record has none, or none of them opens it.
    """
    if commitment is None:
        fix = "it was made before there were receipts, or nobody asked for what it tells of"
        raise VerificationError("the record has no commitment that a receipt could open", fix=fix)
    if commitment not in {receipts.commitment(one) for one in shown}:
        raise VerificationError("the receipt does not open this record", fix=_FIX)


def opened(shown: Sequence[str], commitments: Mapping[str, str | None]) -> tuple[str, ...]:
    """Give the requests of a bundle that the receipts open; each receipt has to open one.

    Args:
        shown: The receipts.
        commitments: Of each request of the bundle.

    Raises:
        VerificationError: a receipt opens nothing.
    """
    wanted = [receipts.commitment(one) for one in shown]
    there = set(commitments.values())
    for number, one in enumerate(wanted, 1):
        if one not in there:
            raise VerificationError(f"receipt {number} of {len(shown)} opens nothing that is here", fix=_FIX)
    return tuple(sorted(name for name, commitment in commitments.items() if commitment in wanted))
