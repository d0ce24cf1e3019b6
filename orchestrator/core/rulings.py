"""What persons have decided that stands above the rules: legal holds, and decisions per record set. Plain data, pure.

A hold and a decision are about record sets, never about a whole account (Art. 17(3) allows no such thing). Both have
somebody who answers for them, a text, and a day on which somebody looks afresh (I7, I8).
"""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core import bases
from schemas.outcomes import KeptWhy, Located, Outcome

HOLD_RULE: Final = "hold"
DECIDED_RULE: Final = "decided"
OPEN_RULE: Final = "open"
WITH_CHILD: Final = "with_child:"
WITH_PARENT: Final = "with_parent:"
_JOIN: Final = "+"


class Hold(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A stop on erasure for a named reason. Whom it is about the core never learns: the engine matches persons.

    Attributes:
        owner: The role that answers for it; ``review_by``: when that role has to look at it again (ISO date).
        scope: Systems (``crm``) and record sets (``crm/invoices``) it is about; empty: all of them.
        anchor_from, anchor_to: It is about records whose anchor date lies within (ISO dates, inclusive).
    """

    hold_id: str
    reason: str
    text: str
    owner: str
    review_by: str
    placed_at: str
    scope: tuple[str, ...] = ()
    anchor_from: str | None = None
    anchor_to: str | None = None

    def reaches(self, system: str) -> bool:
        """Tell whether it may be about something in this system."""
        return not self.scope or any(one.partition("/")[0] == system for one in self.scope)

    def covers(self, system: str, record_set: str, found: Outcome | None) -> bool:
        """Tell whether it is about this record set.

        Within a window of time a set is covered as a whole, unless its dates show that none of its records lies
        inside: a record without a date may.
        """
        if self.scope and not {system, f"{system}/{record_set}"} & set(self.scope):
            return False
        if not isinstance(found, Located) or found.facts.anchor_missing:
            return True
        first, last = found.facts.anchor_first, found.facts.anchor_last
        after = self.anchor_to is not None and first is not None and first > self.anchor_to
        before = self.anchor_from is not None and last is not None and last < self.anchor_from
        return not (after or before)


class SetDecision(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a person decided about one record set.

    Attributes:
        why: Why it stays: an exception of Art. 17(3), or that there is no ground for erasure (which is none); None:
            it is erased, on ``ground`` (a to f of Art. 17(1)).
        text: Legal text that keeping it rests on; ``review_by``: when somebody looks afresh.
        role: Who decided, and when (``at``).
    """

    system: str
    record_set: str
    role: str
    at: str
    why: KeptWhy | None = None
    ground: str = ""
    text: str = ""
    review_by: str = ""


class Ended(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A use that the person has ended before: a ground for the erasure of what was used for it (Art. 17(1)(b), (c)).

    Attributes:
        request_id: The objection or the withdrawal of consent that ended it.
        text: By which text: ``gdpr-7-3``, ``gdpr-21-1`` (it was weighed and upheld), ``gdpr-21-3`` (marketing).
        purposes: Which uses.
    """

    request_id: str
    text: str
    purposes: tuple[str, ...]


_ENDS: Final = {"gdpr-7-3": ("b", "a"), "gdpr-21-1": ("c", "ef"), "gdpr-21-3": ("c", "abcdef")}
"""By text: the ground of Art. 17(1), and the bases of Art. 6(1) that it takes away."""


class Rulings(msgspec.Struct, frozen=True):
    """All that stands above the rules in one request. ``ended``: uses that the person has ended in other requests."""

    holds: tuple[Hold, ...] = ()
    decisions: tuple[SetDecision, ...] = ()
    ended: tuple[Ended, ...] = ()

    def ground_of(self, purpose: str, basis: str) -> str:
        """Give ground, text and request by which the use of a record set has ended, as a rule names them; or nothing.

        What rests on consent has no other basis here: a record set has one. An objection that was upheld was found to
        reach it, also where no basis is declared.
        """
        letter = bases.letter(basis)
        for one in self.ended:
            ground, reached = _ENDS[one.text]
            if bases.is_among(purpose, one.purposes) and (letter in tuple(reached) or (ground == "c" and not letter)):
                return f"{ground}:{one.text}:{one.request_id}"
        return ""

    def holds_on(self, system: str, record_set: str, found: Outcome | None) -> tuple[Hold, ...]:
        """Give the holds that are about a record set, the oldest first."""
        found_on = [one for one in self.holds if one.covers(system, record_set, found)]
        return tuple(sorted(found_on, key=lambda one: (one.placed_at, one.hold_id)))

    def decision_on(self, system: str, record_set: str) -> SetDecision | None:
        """Give what a person decided about a record set; the last word counts."""
        return next((one for one in self.decisions if (one.system, one.record_set) == (system, record_set)), None)


NONE: Final = Rulings()


def hold_rule(holds: tuple[Hold, ...]) -> str:
    """Give the rule of a record set that these holds keep."""
    return f"{HOLD_RULE}:{_JOIN.join(one.hold_id for one in holds)}:{holds[0].text}"


def holds_of(rule: str) -> tuple[str, ...]:
    """Give the ids of the holds by which a record set is kept; none if it is not."""
    plain = plain_rule(rule)
    return tuple(plain.split(":")[1].split(_JOIN)) if plain.startswith(f"{HOLD_RULE}:") else ()


def plain_rule(rule: str) -> str:
    """Give the rule that a set stands under, whichever set it was decided for."""
    while rule.startswith((WITH_PARENT, WITH_CHILD)):
        rule = rule.partition(":")[2]
    return rule


def stays(rule: str) -> bool:
    """Tell whether by this rule all records stay until somebody has looked afresh."""
    return plain_rule(rule).partition(":")[0] in {HOLD_RULE, DECIDED_RULE, OPEN_RULE}


class Approval(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Somebody approved a preview. ``by``: keyed digest of that person's sign."""

    preview: str
    by: str
    role: str
    at: str
