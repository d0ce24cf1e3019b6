"""Does a receipt open a piece of evidence?"""

from __future__ import annotations

import pytest

from orchestrator.errors import VerificationError
from orchestrator.ledger import receipts as ledger
from schemas import receipts

MINE, YOURS, STRANGE = (receipts.made(bytes([number]) * receipts.CHANCE) for number in (1, 2, 3))
HELD = {"r1": receipts.commitment(MINE), "r2": receipts.commitment(YOURS), "old": None, "r3": receipts.commitment(MINE)}


def test_a_record_is_opened_by_its_own_receipt_among_several() -> None:
    ledger.opens([MINE], HELD["r1"])
    ledger.opens([STRANGE, MINE.lower()], HELD["r1"])
    for shown in ([YOURS], [YOURS, STRANGE]):
        with pytest.raises(VerificationError, match="does not open") as caught:
            ledger.opens(shown, HELD["r1"])
        assert YOURS not in str(caught.value) + caught.value.fix


def test_a_record_of_before_is_opened_by_none() -> None:
    with pytest.raises(VerificationError, match="no commitment"):
        ledger.opens([MINE], None)


def test_of_a_bundle_each_receipt_opens_something() -> None:
    assert ledger.opened([], HELD) == ()
    assert ledger.opened([MINE], HELD) == ("r1", "r3")
    assert ledger.opened([YOURS, MINE], HELD) == ("r1", "r2", "r3")
    with pytest.raises(VerificationError, match="receipt 2 of 2 opens nothing"):
        ledger.opened([MINE, STRANGE], HELD)
