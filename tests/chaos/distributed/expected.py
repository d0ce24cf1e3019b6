"""What each record has to say, computed from how the company was built; no code of the product is asked."""

from __future__ import annotations

from typing import Final

from schemas.completion import CompletionRecord
from schemas.outcomes import Anonymised, Deleted, Exported, Kept, NothingHeld
from tests.support.company import Company

Line = tuple[str, int, int]
"""Outcome, records it is about, and of a kept record set how many were erased."""
NOTHING: Final[Line] = ("nothing_held", 0, 0)


def _held(company: Company, number: int) -> dict[str, int]:
    """Count the records of one person in each record set."""
    if number not in company.people:
        return {}
    invoices = len(company.invoices_of(number))
    return {
        "crm/contacts": 1,
        "crm/notes": number % 3,
        "crm/invoices": invoices,
        "crm/invoice_lines": invoices,
        "hr/applicants": int(number % 3 == 0),
        "hr/interviews": int(number % 3 == 0),
        "hr/employees": int(number % 7 == 0),
        "events/clicks": 3,
        "events/purchases": number % 2,
        "logs/access": 2,
        "logs/app": 1,
    }


def erasure(company: Company, number: int) -> dict[str, Line]:
    """Give the lines of a record of an erasure."""
    held = _held(company, number)
    lines: dict[str, Line] = {name: ("deleted", count, 0) if count else NOTHING for name, count in held.items()}
    for name in ("crm/contacts", "hr/employees"):
        if held.get(name):
            lines[name] = ("anonymised", held[name], 0)
    if number in company.people:
        kept = sum(stays for _, stays in company.invoices_of(number))
        lines["crm/invoices"] = ("kept", kept, held["crm/invoices"] - kept)
        lines["crm/invoice_lines"] = ("kept", kept, held["crm/invoice_lines"] - kept)
        stay = sum(stays for _, stays in company.access_of(number))
        lines["logs/access"] = ("kept", stay, held["logs/access"] - stay)
    return lines


def access(company: Company, number: int) -> dict[str, Line]:
    """Give the lines of a record of an access."""
    return {name: ("exported", count, 0) if count else NOTHING for name, count in _held(company, number).items()}


def said(record: CompletionRecord) -> dict[str, Line]:
    """Give the lines as a record has them."""
    found: dict[str, Line] = {}
    for system in record.systems:
        for line in system.record_sets:
            match line.outcome:
                case NothingHeld():
                    one = NOTHING
                case Deleted(before=count):
                    one = ("deleted", count, 0)
                case Anonymised(before=count):
                    one = ("anonymised", count, 0)
                case Kept(count=count, erased=erased):
                    one = ("kept", count, erased)
                case Exported(count=count):
                    one = ("exported", count, 0)
                case _:
                    one = (type(line.outcome).__name__, 0, 0)
            found[f"{system.system}/{line.name}"] = one
    return found


def differ(expected: dict[str, Line], record: CompletionRecord) -> list[str]:
    """Give the record sets that a record tells otherwise; of a stranger, every line has to be that nothing is held."""
    lines = said(record)
    names = expected.keys() | lines.keys()
    return [
        f"{name}: {lines.get(name)} instead of {expected.get(name, NOTHING)}"
        for name in sorted(names)
        if lines.get(name) != expected.get(name, NOTHING)
    ]
