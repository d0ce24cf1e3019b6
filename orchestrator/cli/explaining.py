"""``expunge show ID --why``: every line of a decision with its rule, text, policy version, facts and dates (I7)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from orchestrator.cli import informing, words
from orchestrator.cli.queries import Page
from orchestrator.core import clock
from orchestrator.core.deciding import EXPORT_RULE, NOTHING_RULE
from orchestrator.core.model import Obligation, SystemState
from orchestrator.core.moments import date_of
from orchestrator.core.plan import RecordSetPlan, SystemPlan
from orchestrator.law.texts import LIBRARY
from orchestrator.policy.informing import Processing
from schemas.outcomes import Kept, Located, NothingHeld, Outcome, Pending
from schemas.requests import Right


class Reason(msgspec.Struct, frozen=True):
    """Why one record set was treated as it was.

    Attributes:
        decided: The rule in words. ``rule``: its code, as it stands in the completion record.
        texts: The legal texts it rests on, each with the time it is in force and whether it is on the day of receipt.
        version: Version of the policy the request was decided under.
        facts: What was known of the records when it was decided.
        dates: What happens when, and what each date hangs on.
        about: The activity it is held for, as the policy tells a person of it; None without a policy file.
        held_by: The controller that holds the system, and ``country`` where; empty where nobody says.
    """

    system: str
    record_set: str
    decided: str
    rule: str
    texts: tuple[str, ...]
    version: str
    facts: tuple[str, ...]
    dates: tuple[str, ...]
    about: Processing | None = None
    held_by: str = ""
    country: str = ""


def reasons(page: Page) -> list[Reason]:
    """Give the reasons of every line there is, searched or not, in the order of the page."""
    state, plan = page.state, page.plan
    return [
        _reason(page, plan.system(name), system, one)
        for name, system in sorted(state.systems.items())
        if name in plan.by_name
        for one in plan.system(name).record_sets
        if system.asked
    ]


def _reason(page: Page, plan: SystemPlan, system: SystemState, one: RecordSetPlan) -> Reason:
    located, outcome = system.located.get(one.name), (system.outcomes or system.located).get(one.name)
    rule = system.rules.get(one.name, "")
    if not rule and isinstance(outcome, NothingHeld):
        rule = NOTHING_RULE
    elif not rule and page.state.right is Right.ACCESS:
        rule = EXPORT_RULE
    kept = outcome if isinstance(outcome, Kept) else None
    named = [*_named(rule), *([kept.text] if kept else [])]
    return Reason(
        system=plan.system,
        record_set=one.name,
        decided=words.rule(rule) if rule else "not decided yet",
        rule=rule,
        texts=tuple(_text(text, page.state.received_at) for text in dict.fromkeys(named)),
        version=page.plan.version_on(page.state.received_at[:10]),
        facts=(*_facts(one, located, outcome), *_ended(rule)),
        dates=tuple(_dates(page, plan, one, outcome)),
        about=page.plan.information.of(one.purpose) if page.plan.information else None,
        held_by=plan.controller,
        country=plan.country,
    )


def _named(rule: str) -> list[str]:
    """Give the texts that a rule names: known legal texts, and rules of the controller's own policy."""
    parts = rule.split(":")
    own = [f"policy:{after}" for part, after in itertools.pairwise(parts) if part == "policy"]
    return [*(part for part in parts if part in LIBRARY), *own]


def _text(text_id: str, received_at: str) -> str:
    text = LIBRARY.get(text_id)
    if text is None:
        return f"{text_id.removeprefix('policy:')}: a rule of the controller's own policy ({text_id})"
    until = f" until {text.until}" if text.until else ""
    replaced = f", replaced by {text.replaced_by}" if text.replaced_by else ""
    doubt = "" if text.in_force(date_of(received_at)) else "; NOT on the day of receipt"
    return f"{text.title} (in force since {text.since}{until}{replaced}{doubt})"


def _facts(one: RecordSetPlan, located: Outcome | None, outcome: Outcome | None) -> list[str]:
    said = []
    if isinstance(located, Located):
        said.append(f"found {located.count}")
        facts = located.facts
        if facts.anchor_first:
            said.append(f"dated from {facts.anchor_first} to {facts.anchor_last}")
        if facts.anchor_missing:
            said.append(f"{facts.anchor_missing} without a date")
    elif located is not None:
        said.append(words.outcome(located))
    if one.purpose:
        said.append(f"held for {one.purpose}" + (f", on {one.basis.replace('_', ' ')}" if one.basis else ""))
    if one.retain:
        said.append(f"kept {words.months(one.retain.months)} from each record's date, {one.retain.text}")
    if outcome is not None and outcome is not located:
        said.append(words.outcome(outcome))
    return said


def _ended(rule: str) -> list[str]:
    """Say which request has ended the use that was the reason to hold the records."""
    found = re.search(r"erase:gdpr-17-1-[bc]:([^:]+):([^:]+)$", rule)
    return [f"the person has ended this use by request {found[2]}, {words.text(found[1])}"] if found else []


def _dates(page: Page, plan: SystemPlan, one: RecordSetPlan, outcome: Outcome | None) -> list[str]:
    said = []
    match outcome:
        case Kept(until=until, review_by=review_by):
            if review_by:
                said.append(f"{review_by}: looked at afresh")
            if until:
                said.append(f"{until}: the last of them is due for erasure")
        case Pending(check_after=when):
            said.append(f"{words.minute(when)}: looked at again")
        case _:
            pass
    owed = [one_ for one_ in page.state.obligations if _is_of(one_, plan.system, one.name)]
    said += [f"{each.due}: owed: {words.obligation(each.kind)}" for each in owed]
    return list(dict.fromkeys(said))


def _is_of(owed: Obligation, system: str, record_set: str) -> bool:
    return owed.system == system and owed.record_set in ("", record_set)


def as_data(page: Page) -> dict[str, Any]:
    """Give what ``-o json`` prints under ``why``."""
    told = page.plan.information
    policy = msgspec.structs.replace(told, activities=()) if told else None
    return {"clock": list(clock.trace(page.plan, page.state)), "record_sets": reasons(page), "policy": policy}


def print_why(out: Console, page: Page) -> None:
    """Print it for people."""
    out.print()
    out.print(Text("Until when, and why", "bold"))
    for line in clock.trace(page.plan, page.state):
        out.print(f"  {line}")
    for one in reasons(page):
        out.print()
        out.print(Text.assemble((f"{one.system}/{one.record_set}", "bold"), f"  {one.decided}"))
        rows = [
            ("rule", one.rule or "-"),
            *(("text", text) for text in one.texts),
            ("policy", f"version {one.version}"),
        ]
        if one.held_by or one.country:
            rows.append(("held", " in ".join(filter(None, (f"by {one.held_by}" if one.held_by else "", one.country)))))
        rows += [("fact", fact) for fact in one.facts] + [("date", date) for date in one.dates]
        if one.about:
            rows += informing.lines(one.about, date_of(page.state.received_at), one.system)
        _print_rows(out, rows)
    if told := page.plan.information:
        out.print()
        out.print(Text(f"The policy: {told.title}", "bold"))
        version = page.plan.version_on(page.state.received_at[:10])
        if version != told.version:
            said = f"activities are told as version {told.version} has them; in force at receipt: {version}"
            _print_rows(out, [("note", said)])
        _print_rows(out, informing.general(told, date_of(page.state.received_at)))


def _print_rows(out: Console, rows: Iterable[tuple[str, str]]) -> None:
    for name, value in rows:
        out.print(Text(f"  {name + ':':<12}{value}"), soft_wrap=True)
