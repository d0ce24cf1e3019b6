"""What is written to a processor or recipient, in plain words (ADR 35). Pure: identifiers come in, or do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan, RecipientPlan
from orchestrator.core.recipient_task import RecipientTask
from orchestrator.core.recipients import PROCESSOR
from schemas.identifiers import Identifier
from schemas.particulars import Corrections

_ARTICLE: Final = {
    "erase": "GDPR Art. 17",
    "rectify": "GDPR Art. 16",
    "restrict": "GDPR Art. 18",
    "stop": "GDPR Art. 7(3) and 21",
}
_WANTS: Final = {
    "erase": "to have their personal data erased",
    "rectify": "to have their personal data corrected",
    "restrict": "to have the use of their personal data restricted",
    "stop": "us to stop using their personal data for these purposes",
}
_DO: Final = {
    "erase": "erase all that you hold about this person for us, copies and what sub-processors hold included; say"
    " by when your backups have lost it",
    "rectify": "correct what is listed below, copies and what sub-processors hold included",
    "restrict": "mark all that you hold about this person for us as restricted: store it, and do nothing else with it",
    "stop": "stop using all that you hold about this person for us for the purposes below",
}
_DONE: Final = {"erase": "erased", "rectify": "corrected", "restrict": "restricted"}


class Text(msgspec.Struct, frozen=True):
    """A mail or ticket: its subject line holds no personal data."""

    subject: str
    body: str


def written(
    plan: Plan,
    state: RequestState,
    name: str,
    task: RecipientTask,
    identifiers: Sequence[Identifier] | None,
    corrections: Corrections,
) -> Text:
    """Write what goes to a processor or recipient.

    Args:
        plan: The plan the request goes by.
        state: Its state.
        name: Id of the recipient.
        task: What it is asked, or told.
        identifiers: By which it finds the person; None: only their kinds are named.
        corrections: What a rectification writes, by system/record set; nothing where identifiers are not shown.
    """
    one = next((one for one in plan.recipients if one.id == name), None)
    who = _person(state, task, identifiers)
    about = _about(plan, task)
    reference = f"{state.request_id}/{name}"
    processor = task.role == PROCESSOR
    parts = _asking(task) if processor else _telling(task, one)
    lines = [*_head(one, name, reference), "", *parts, "", "The person:", *who]
    if about:
        lines += ["", "It is about:", *about]
    if task.does == "rectify":
        lines += ["", "The right values:", *_values(task, corrections, shown=identifiers is not None)]
    lines += ["", *_end(task, reference, processor=processor)]
    verb = {"erase": "erase", "rectify": "correct", "restrict": "restrict", "stop": "stop using"}[task.does]
    subject = f"Please {verb} personal data of one person" if processor else f"Personal data was {_DONE[task.does]}"
    return Text(f"{subject} [{reference}]", "\n".join(lines) + "\n")


def _head(one: RecipientPlan | None, name: str, reference: str) -> list[str]:
    lines = [f"To: {one.name if one is not None else name}", f"Our reference: {reference}"]
    if one is not None and (one.agreement or one.confidentiality):
        lines.append(f"Under: {', '.join(filter(None, (one.agreement, one.confidentiality)))}")
    return lines


def _asking(task: RecipientTask) -> list[str]:
    lines = [
        f"A person has asked {_WANTS[task.does]} ({_ARTICLE[task.does]}). You process data on our behalf",
        f"(GDPR Art. 28(3)(e)). Please {_DO[task.does]}.",
    ]
    if task.owed:
        lines += ["", "You told us earlier that you had to keep some of it; that time is over."]
    if task.purposes:
        lines += ["", f"Purposes: {', '.join(map(_plain, task.purposes))}."]
    return lines


def _telling(task: RecipientTask, one: RecipientPlan | None) -> list[str]:
    lines = [
        f"We have {_DONE[task.does]} personal data of the person below that was disclosed to you. GDPR Art. 19 has us",
        "tell you, so that you can do the same with what you hold.",
    ]
    if one is not None and one.category:
        lines = ["(Find out who of this kind was given data of this person, and write to each of them.)", "", *lines]
    return lines


def _person(state: RequestState, task: RecipientTask, identifiers: Sequence[Identifier] | None) -> list[str]:
    if identifiers is not None:
        return [f"  {_plain(one.kind)}: {one.value}" for one in identifiers]
    counts = Counter(one.kind for one in state.known if one.ref in task.refs)
    return [f"  {_plain(kind)}: {count}, shown with --reveal" for kind, count in sorted(counts.items())]


def _about(plan: Plan, task: RecipientTask) -> list[str]:
    """Say of which data, by purpose and categories: names of our tables mean nothing to others."""
    found: dict[str, None] = {}
    for place in task.sets:
        name, _, record_set = place.partition("/")
        for one in plan.system(name).record_sets if name in plan.by_name else ():
            if one.name == record_set:
                categories = f" ({', '.join(one.categories)})" if one.categories else ""
                found[f"  {_plain(one.purpose or one.name)}{categories}"] = None
    return list(found)


def _values(task: RecipientTask, corrections: Corrections, *, shown: bool) -> Iterable[str]:
    if not shown:
        return ["  shown with --reveal"]
    return [
        f"  {_plain(field)}: {'(nothing)' if value is None else value}"
        for place in task.sets
        for field, value in corrections.get(place, {}).items()
    ]


def _end(task: RecipientTask, reference: str, *, processor: bool) -> list[str]:
    if not processor:
        return ["You need not answer. Please delete this message once you have acted on it."]
    lines = [
        f"Please answer in writing by {task.due}, with our reference {reference}:",
        "  - how many records you found (none is an answer, too);",
        "  - that it is done, and on which day.",
    ]
    if task.does == "erase":
        lines.append("If you have to keep some of it: how many records, on which legal text, and until when.")
    return [*lines, "Please delete this message once you have acted on it."]


def _plain(word: str) -> str:
    return word.replace("_", " ").replace("-", " ")
