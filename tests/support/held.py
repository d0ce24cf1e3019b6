"""What the record of a hold placed in the middle of an erasure says, whichever runtime it was placed on."""

from __future__ import annotations

from schemas.completion import CompletionRecord
from schemas.outcomes import Kept, NothingHeld

DURING = {
    "crm/contacts": ("Anonymised", "erase:gdpr-17-1"),
    "crm/notes": ("Deleted", "erase:gdpr-17-1"),
    "crm/invoices": ("exception_17_3_b", "retain:fr-ccom-l123-22:120m"),
    "crm/invoice_lines": ("exception_17_3_b", "with_parent:retain:fr-ccom-l123-22:120m"),
    "hr/employees": ("hold", "hold:HOLD:gdpr-17-3-e"),
}
"""The crm had erased before; hr, which was busy, kept what it holds."""
AFTER = {"hr/employees": ("Anonymised", "erase:gdpr-17-1")}


def told(record: CompletionRecord, hold: str) -> dict[str, tuple[str, str]]:
    """Give what the record says of the databases, without the id of the hold."""
    return {
        f"{system.system}/{one.name}": (
            one.outcome.why.value if isinstance(one.outcome, Kept) else type(one.outcome).__name__,
            one.rule.replace(hold, "HOLD"),
        )
        for system in record.systems
        for one in system.record_sets
        if system.system in {"crm", "hr"} and not isinstance(one.outcome, NothingHeld)
    }
