"""What may be claimed of what is told while a request runs, held against its notice."""

from __future__ import annotations

from orchestrator.letters.case import Case
from orchestrator.letters.said import Claim, Said
from schemas import receipts
from schemas.errors import SchemaError


def of_notice(kind: str, **same: str) -> Claim:
    """Give the claim that a notice of this kind was given, with these facts of it."""

    def claim(case: Case, said: Said) -> str:
        if case.notice.kind != kind:
            return f"the notice is {case.notice.kind}, not {kind}"
        for name, field in same.items():
            if name in said.values and said.values[name] != case.notice.facts.get(field):
                return f"the notice says otherwise: {field}"
        return ""

    return claim


def receipt(case: Case, said: Said) -> str:
    """Hold that this receipt opens what the records of the request carry."""
    try:
        opens = receipts.commitment(str(said.values.get("receipt", case.receipt)))
    except SchemaError:
        return "it is no receipt"
    return "" if opens == case.receipt_sha256 else "it does not open the record of this request"


def fee(case: Case, said: Said) -> str:
    """Hold that this is the price."""
    if wrong := of_notice("fee")(case, said):
        return wrong
    cents = int(case.notice.facts["amount_cents"])
    price = f"{cents // 100}.{cents % 100:02d} {case.notice.facts['currency']}"
    return "" if said.values.get("price", price) == price else f"the notice says {price}"


def extended_in_time(case: Case, said: Said) -> str:
    """Hold that the extension was told no later than on the last day for it (GDPR Art. 12(3))."""
    if wrong := of_notice("extension", due_on="due_on", extension="reason")(case, said):
        return wrong
    told = case.told_at[:10]
    if not told or not case.notice_by or told > case.notice_by:
        return f"told on {told or 'no day'}; the last day was {case.notice_by or 'none'}"
    return ""


def clock_stops(case: Case, _: Said) -> str:
    """Hold that the law lets the clock stand still."""
    return "" if case.clock_stops else "the law of a controller does not stop the clock"


def remedies(case: Case, said: Said) -> str:
    """Hold that authority and court are those of the policy."""
    for name, known in (("authority", case.authority), ("court", case.court)):
        if name in said.values and said.values[name] != known:
            return f"the policy names another {name}"
    return ""
