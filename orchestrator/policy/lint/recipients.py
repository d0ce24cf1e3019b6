"""Rules about who gets data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from orchestrator.policy.lint.finding import Hit
from orchestrator.policy.places import EEA
from orchestrator.policy.processing import Recipient, Transfer
from orchestrator.policy.register import Register

_AREAS: Final = {"eea": "under the European Economic Area", "outside_eea": "outside the European Economic Area"}


def no_agreement(register: Register, _: dt.date) -> Iterator[Hit]:
    """A processor works under a contract (GDPR Art. 28(3))."""
    for one in register.document.recipient:
        if one.role == "processor" and not one.agreement:
            yield Hit(
                (("recipient", one),),
                f"no processing agreement is mentioned for {one.name}",
                f"Is there a contract with {one.name} that binds it to help with requests and to give evidence, and "
                "where does it lie?",
            )


def no_country(register: Register, _: dt.date) -> Iterator[Hit]:
    """A recipient, not a category of them, of which the policy does not say where it is."""
    for one in register.document.recipient:
        if not one.country and not one.category:
            listed = f"; it is listed {_AREAS[one.area]}" if one.area else ""
            yield Hit(
                (("recipient", one),),
                f"the country of {one.name} is not named{listed}",
                f"In which country does {one.name} process the data?",
            )


def transfer_over(register: Register, on: dt.date) -> Iterator[Hit]:
    """What a transfer rests on has ended; a warning where something else is named that has not."""
    for one in register.document.recipient:
        for transfer in one.transfer:
            if transfer.valid_until and transfer.valid_until < on:
                left = [_MECHANISMS[other.mechanism] for other in one.transfer if _valid(other, on)]
                otherwise = f"; otherwise it names {' and '.join(left)}" if left else ", and nothing else is named"
                yield Hit(
                    (("recipient", one), ("recipient.transfer", transfer)),
                    f"the transfer to {one.name} rests on {_MECHANISMS[transfer.mechanism]} until "
                    f"{transfer.valid_until}; that is over{otherwise}",
                    f"What does the transfer to {one.name} rest on today (is there an adequacy decision, and until "
                    "when?), and when is the policy corrected?",
                    "warning" if left else None,
                )


_MECHANISMS: Final = {
    "adequacy": "an adequacy decision",
    "scc": "standard contractual clauses",
    "bcr": "binding corporate rules",
    "derogation": "a derogation under GDPR Art. 49",
    "gdpr_applies": "the GDPR still applying there",
    "none_needed": "its place in the European Economic Area",
}


def _valid(one: Transfer, on: dt.date) -> bool:
    return (one.valid_from is None or one.valid_from <= on) and (one.valid_until is None or one.valid_until >= on)


def _abroad(one: Recipient, regimes: AbstractSet[str]) -> bool:
    """Tell whether data leaves the EEA; for controllers in the United Kingdom alone, whether it leaves both."""
    near = EEA if "eu" in regimes else EEA | {"GB"}
    return one.area == "outside_eea" or bool(one.country and one.country not in near)


def no_mechanism(register: Register, on: dt.date) -> Iterator[Hit]:
    """A recipient outside the EEA, and nothing that the transfer rests on. California asks for nothing of the kind."""
    regimes = {one.regime for one in register.document.controller}
    if regimes == {"california"}:
        return
    for one in register.document.recipient:
        resting = [other for other in one.transfer if _valid(other, on) and other.mechanism != "none_needed"]
        ended = any(other.valid_until and other.valid_until < on for other in one.transfer)
        if _abroad(one, regimes) and not one.category and not resting and not ended:
            yield Hit(
                (("recipient", one),),
                f"{one.name} is outside the European Economic Area, and nothing is named that the transfer rests on",
                f"What does the transfer to {one.name} rest on: an adequacy decision, clauses, a derogation?",
            )


def excluded_and_done(register: Register, _: dt.date) -> Iterator[Hit]:
    """The policy says that nobody gets data for something, and names somebody who does."""
    for one in register.document.exclusion:
        for recipient in register.document.recipient:
            does = [
                name
                for name in recipient.activities
                if name in one.activities or (one.marketing and register.activities[name].marketing)
            ]
            if recipient.role in one.roles and does:
                yield Hit(
                    (("recipient", recipient), ("exclusion", one)),
                    f"third parties get no data for this, says the policy; {recipient.name} works on {', '.join(does)}",
                    f"Which of the two sentences holds: does {recipient.name} get data for {', '.join(does)}?",
                )
