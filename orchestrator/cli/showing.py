"""``expunge show``: one request, everything but the person."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from orchestrator.cli import asked, explaining, queries, tasks, words, words_commands
from orchestrator.cli.causes import cause
from orchestrator.cli.desk import Desk
from orchestrator.cli.queries import Page
from orchestrator.cli.screen import table
from orchestrator.core import clock
from orchestrator.core.events import RequestAccepted
from orchestrator.core.model import Phase, RequestState, Result, SystemState
from orchestrator.runtime.clock import SystemClock
from schemas.identifiers import Strength
from schemas.outcomes import Located, Never, Pending
from schemas.requests import utc


def show(desk: Desk, request_id: str, *, why: bool = False) -> int:
    """Print one request; 1 if it needs attention. ``why``: with the reasons of every line (``explaining``).

    Raises:
        UsageError: no such request.
    """
    with desk.store() as store:
        page = queries.page(store, request_id)
    data = as_data(page) | ({"why": explaining.as_data(page)} if why else {})

    def show_it(out: Console) -> None:
        print_page(out, page)
        if why:
            explaining.print_why(out, page)

    desk.screen.data(data, show_it)
    return 1 if page.state.attention else 0


def as_data(page: Page) -> dict[str, Any]:
    """Give what ``-o json`` prints. References of identifiers stay out: they are noise to everybody else."""
    state, today = page.state, utc(SystemClock().now())[:10]
    return {
        "request_id": state.request_id,
        "right": state.right,
        "phase": state.phase,
        "result": state.result,
        "received_at": state.received_at,
        "due_on": state.due_on,
        "due_rule": state.due_rule,
        "due_trace": clock.trace(page.plan, state),
        "notice_by": clock.notice_by(state),
        "target_on": clock.target(page.plan, state),
        "policy_version": page.plan.version_on(state.received_at[:10]),
        "controllers": state.controllers,
        "bound_controllers": page.plan.bound(state.controllers),
        "identity": state.identity,
        "requester": state.requester,
        "retention": state.retention,
        "pauses": state.pauses,
        "extension": state.extension,
        "ground": state.ground or None,
        "fee": state.fee,
        "follows": state.continues,
        "systems": {name: _system_data(one) for name, one in sorted(state.systems.items())},
        "recipients": [tasks.as_data(name, one, today) for name, one in sorted(state.recipients.items())],
        "attention": state.attention,
        "obligations": state.obligations,
        "holds": state.holds,
        "decisions": state.decisions,
        "approvals": [{"preview": one.preview, "role": one.role, "at": one.at} for one in state.approvals],
        "preview": state.preview or None,
        "timers": {name: one.due for name, one in sorted(state.timers.items())},
        "waits_for": state.waits_for,
        "records": [{"number": one.number, "completed_at": one.completed_at} for one in page.records],
        "timeline": [
            {"observed_at": row.observed_at, "type": row.type, "verdict": row.verdict, "text": _said(row)}
            for row in page.history
        ],
    }


def _system_data(one: SystemState) -> dict[str, Any]:
    return {
        "searched": bool(one.asked),
        "waiting_for": one.action if one.task else None,
        "record_sets": {
            name: {
                "found": _found(one, name),
                "rule": one.rules.get(name),
                "outcome": msgspec.to_builtins(current),
            }
            for name, current in _current(one).items()
        },
    }


def _current(one: SystemState) -> dict[str, Any]:
    """Give what is known of each record set now: found, done in an earlier leg, done in this one, said by a person."""
    before = {name: done[-1] for name, done in one.earlier.items()}
    if one.earlier or one.sets is not None:
        return one.located | before | one.outcomes | one.attested
    return one.outcomes or one.located


def _found(one: SystemState, name: str) -> int:
    located = one.located.get(name)
    return located.count if isinstance(located, Located) else 0


def _said(row: Any) -> str:
    event = queries.event_of(row)
    return words.event(event) if event else row.type


def print_page(out: Console, page: Page) -> None:
    """Print it for people."""
    state = page.state
    head = Text.assemble((f"{state.right.value} request {state.request_id}", "bold"), "  ", _standing(state))
    out.print(head)
    out.print(f"received {words.minute(state.received_at)}, answer due {state.due_on} ({state.due_rule})")
    out.print(f"own aim {clock.target(page.plan, state)}")
    for line in asked.lines(page.plan, state):
        out.print(f"  {line}")
    for line in words_commands.standing(state):
        out.print(f"  {line}")
    _attention(out, state)
    _record_sets(out, page)
    _recipients(out, state)
    _rest(out, page)
    out.print()
    made = table("when", "what happened")
    for row in page.history:
        ignored = "" if row.verdict in {"applied", "waiting"} else f"  [{row.verdict}]"
        made.add_row(words.minute(row.observed_at), _said(row) + ignored)
    out.print(made)


def _standing(state: RequestState) -> Text:
    if state.attention:
        return Text("NEEDS ATTENTION", "bold red")
    if state.phase is Phase.CLOSED:
        return Text(f"closed: {words.result(state.result)}", "green")
    return Text(state.phase.value, "yellow")


def _attention(out: Console, state: RequestState) -> None:
    for one in state.attention:
        place = "/".join(filter(None, (one.system, one.record_set)))
        detail = f" ({one.detail.replace('_', ' ')})" if one.detail else ""
        out.print(
            Text.assemble(("! ", "bold red"), (f"{place}: " if place else "") + words.reason(one.reason) + detail)
        )
        out.print(f"    owner:      {one.owner.replace('_', ' ')}, since {words.minute(one.since)}")
        if known := cause(one.detail):
            out.print(f"    about it:   {known}")
        out.print(f"    what to do: {one.todo}")


_EARLY: Final = frozenset({Result.WITHDRAWN, Result.REFUSED, Result.IDENTITY_NOT_ESTABLISHED, Result.LAPSED})


def _why_not(page: Page) -> str:
    """Say why a system was not searched: what was given is nobody's alone, or of no kind that it knows."""
    if page.state.ending in _EARLY or page.state.result in _EARLY:
        return "the request ended before"
    if page.state.phase is Phase.VERIFYING:
        return "it waits until it is known who asks"
    # Read from what came in, since a closed request has forgotten the rest.
    came = [queries.event_of(row) for row in page.history]
    given = [known for event in came if isinstance(event, RequestAccepted) for known in event.identifiers]
    if given and not any(one.strength is Strength.UNIQUE for one in given):
        kinds = " and ".join(sorted({one.kind for one in given}))
        return f"several people may share what was given ({kinds}); an e-mail address or a number would help"
    return "nothing given that it can search by"


def _record_sets(out: Console, page: Page) -> None:
    state = page.state
    made = table("record set", "found", "decided", "what became of it")
    for name, system in sorted(state.systems.items()):
        if not system.asked:
            made.add_row(name, "-", "-", Text(f"not searched: {_why_not(page)}", "yellow"))
        for record_set, outcome in sorted(_current(system).items()):
            style = "red" if isinstance(outcome, Never) else "yellow" if isinstance(outcome, Pending) else ""
            rule = system.rules.get(record_set, "")
            decided = words.rule(rule) if rule and _found(system, record_set) else "-"
            if record_set in system.left_out and record_set not in system.earlier:
                decided = f"not reached: {system.left_out[record_set]}"
            said = Text(words.outcome(outcome), style)
            made.add_row(f"{name}/{record_set}", str(_found(system, record_set)), decided, said)
        if system.task:
            made.add_row(name, "", "", Text(f"asked to {system.action.value}, no answer yet", "yellow"))
    if made.row_count:
        out.print()
        out.print(made)


def _recipients(out: Console, state: RequestState) -> None:
    today = utc(SystemClock().now())[:10]
    if state.recipients:
        out.print()
    for name, one in sorted(state.recipients.items()):
        out.print(f"  {tasks.line(name, one, today)}", highlight=False)


_TIMERS: Final = {
    "retry": "tried again",
    "pending": "looked at again: what was not done yet",
    "deadline": "reminder of the deadline",
    "notice": "reminder: the last day to announce an extension",
    "proof": "the proof of the requester has ended by then",
    "lift": "the restriction is lifted, unless another request is about to set or lift one",
    "lapse": "ends, if the person does not answer",
    "answer": "somebody is called, if it has not answered",
    "remind": "reminder of the answer",
}


def _rest(out: Console, page: Page) -> None:
    state = page.state
    lines = [
        f"{one.due}  owed: {words.obligation(one.kind)}"
        + (f" ({'/'.join(filter(None, (one.system, one.record_set)))})" if one.system else "")
        for one in sorted(state.obligations, key=lambda one: one.due)
    ]
    for name, timer in sorted(state.timers.items(), key=lambda one: one[1].due):
        kind, _, system = name.partition(":")
        if kind in _TIMERS:
            lines.append(f"{timer.due[:10]}  {_TIMERS[kind]}" + (f" ({system})" if system else ""))
    lines += [f"waits for {one}" for one in state.waits_for]
    lines += [
        f"{one.completed_at[:10]}  record {one.number}: `expunge record {state.request_id} --number {one.number}`"
        for one in page.records
    ]
    if state.package and state.package_sha256:
        lines.append(f"the copy is ready: `expunge package {state.request_id} -O copy.zip`")
    if lines:
        out.print()
        for line in lines:
            out.print(f"  {line}")
