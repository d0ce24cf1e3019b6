"""``expunge review``: passages of a copy that may be about other people, and what is decided of them (ADR 46).

Passages are numbered anew each time from the exported parts; only their places are noted, never what stands there. What
stands there is shown with ``--reveal`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from connectors.exports import ExportSink
from orchestrator.cli import deciding, queries
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import table
from orchestrator.core.commands_review import PassagesDecided, ReviewDone
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.passages import GROUNDS, Decided, Passage, Review
from orchestrator.core.reviewing import NEEDED, parts_of
from orchestrator.engine import Engine
from orchestrator.errors import UsageError
from orchestrator.files.pages import visible
from orchestrator.keys import KeyFolder
from orchestrator.runtime import packing, reviewing
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.reviewing import Look
from orchestrator.runtime.systems import openers, plan_of
from orchestrator.store import tables as t
from orchestrator.store.opening import open_store
from orchestrator.store.store import SqlStore
from schemas.codec import decode

_AROUND: Final = 40
"""Characters shown on either side of a passage."""


class Shown(msgspec.Struct):
    """A passage as it is listed. ``before``, ``text``, ``after``: only with ``--reveal``."""

    number: int
    place: str
    row: int
    field: str
    kind: str
    decided: str
    before: str = ""
    text: str = ""
    after: str = ""


class Case(msgspec.Struct):
    """A copy that waits: what was found in it, and every text that somebody has to read."""

    request_id: str
    review: Review
    found: list[reviewing.Proposed]
    texts: list[tuple[str, int, str, str]]

    def decided(self, passage: Passage) -> str:
        """Give the ground by which a passage is decided; empty: it is not."""
        for known, one in self.review.standing().items():
            same = (known.place, known.row, known.field) == (passage.place, passage.row, passage.field)
            if same and known.start <= passage.start and passage.end <= known.end:
                return one.ground
        return ""


def listed(desk: Desk) -> int:
    """List the requests whose copies wait for a review."""
    with desk.store() as store, store.read() as tx:
        query = sa.select(t.requests.c.request_id, t.requests.c.due_on).where(t.requests.c.phase == "reviewing")
        rows = [tuple(row) for row in tx.connection.execute(query.order_by(t.requests.c.due_on))]
    found = []
    for request_id, due in rows:
        with desk.store() as store:
            state = queries.page(store, request_id).state
        if state.review is not None and any(one.reason == NEEDED for one in state.attention):
            found.append({"request_id": request_id, "due_on": due, "found": state.review.found})

    def show(out: Console) -> None:
        made = table("request", "answer due", "undecided")
        for one in found:
            said = ", ".join(f"{place} {count}" for place, count in sorted(one["found"].items()))
            made.add_row(one["request_id"], one["due_on"], said)
        out.print(made if found else "no copy waits for a review")

    desk.screen.data(found, show)
    return 0


def show(desk: Desk, request_id: str, *, reveal: bool, texts: bool) -> int:
    """Show the passages of a copy, and with ``texts`` everything that somebody has to read.

    Raises:
        UsageError: no such request, or its copy does not wait for a review.
    """
    case = _case(desk, request_id)
    if texts:
        return _texts(desk, case, reveal=reveal)
    shown = [_shown(case, number, one, reveal=reveal) for number, one in enumerate(case.found, 1)]

    def print_(out: Console) -> None:
        made = table("no.", "record set", "record", "field", "looks like", "decided", *(["text"] if reveal else []))
        for one in shown:
            before, text, after = map(visible, (one.before, one.text, one.after))
            said = Text.assemble(before, (text, "bold reverse"), after)
            row = (str(one.number), one.place, str(one.row), one.field, one.kind, one.decided or "-")
            made.add_row(*row, *([said] if reveal else []))
        out.print(made if shown else "a program finds nothing; names it does not find")
        left = len({(place, row, field) for place, row, field, _ in case.texts})
        out.print(f"{left} texts are to be read: --texts --reveal shows them; then `expunge review done {request_id}`")

    desk.screen.data(shown, print_)
    return 0


def _shown(case: Case, number: int, one: reviewing.Proposed, *, reveal: bool) -> Shown:
    at = one.passage
    made = Shown(number, at.place, at.row, at.field, one.kind, case.decided(at))
    if reveal:
        made.before = one.text[max(0, at.start - _AROUND) : at.start]
        made.text = one.text[at.start : at.end]
        made.after = one.text[at.end : at.end + _AROUND]
    return made


def _texts(desk: Desk, case: Case, *, reveal: bool) -> int:
    data = [
        {"place": place, "row": row, "field": field} | ({"text": text} if reveal else {"characters": len(text)})
        for place, row, field, text in case.texts
    ]

    def print_(out: Console) -> None:
        for one in data:
            out.print(Text(f"{one['place']} record {one['row']}, {one['field']}:", style="bold"))
            said = visible(str(one["text"])) if reveal else f"{one['characters']} characters"
            out.print(Text(said), soft_wrap=True)

    desk.screen.data(data, print_)
    return 0


def decide(desk: Desk, request_id: str, role: str, ground: str, numbers: Sequence[int], *, everything: bool) -> int:
    """Decide about passages by their numbers, or about all that are undecided.

    Raises:
        UsageError: no such request, number or ground.
    """
    case = _case(desk, request_id)
    _ground(ground)
    left = [one.passage for one in case.found if not case.decided(one.passage)]
    unknown = [one for one in numbers if not 1 <= one <= len(case.found)]
    if unknown or (not numbers and not everything):
        where = f"number {unknown[0]}" if unknown else f"request {request_id}"
        fix = f"1 to {len(case.found)}, as `expunge review show {request_id}` lists them, or --all"
        raise UsageError("there is no such passage", where=where, fix=fix)
    taken = left if everything else [case.found[one - 1].passage for one in numbers]
    if not taken:
        raise UsageError(
            "everything is decided", where=f"request {request_id}", fix=f"`expunge review done {request_id}`"
        )
    return _give(desk, PassagesDecided(**_base(request_id, role), ground=ground, passages=tuple(sorted(set(taken)))))


def mark(desk: Desk, request_id: str, role: str, ground: str, place: str, row: int, field: str, text: str) -> int:
    """Decide about every place of a text in one field: a name, say, which no program proposes.

    Raises:
        UsageError: the text does not stand there. It is not repeated.
    """
    case = _case(desk, request_id)
    _ground(ground)
    wanted = text.strip("\r\n")
    found = [one for a, b, c, one in case.texts if (a, b, c) == (place, row, field)]
    passages = [
        Passage(place, row, field, start, start + len(wanted)) for one in found for start in _starts(one, wanted)
    ]
    if not passages:
        fix = f"`expunge review show {request_id} --texts --reveal` shows what stands where; the text comes on stdin"
        raise UsageError("the text does not stand there", where=f"{place} record {row}, {field}", fix=fix)
    return _give(desk, PassagesDecided(**_base(request_id, role), ground=ground, passages=tuple(passages)))


def done(desk: Desk, request_id: str, role: str) -> int:
    """Say that everything was read: the copy is made with the next turn.

    Raises:
        UsageError: something is undecided.
    """
    case = _case(desk, request_id)
    left = sum(not case.decided(one.passage) for one in case.found)
    if left:
        fix = f"`expunge review show {request_id}`, then `expunge review decide`"
        raise UsageError(f"{left} passages are undecided", where=f"request {request_id}", fix=fix)
    return deciding.give(desk, ReviewDone(**_base(request_id, role)), "gets its copy")


def _give(desk: Desk, command: PassagesDecided) -> int:
    said = "held back" if GROUNDS[command.ground] else "given"
    deciding.give(desk, command, f"has {len(command.passages)} passages that are {said}")
    return 0


def _base(request_id: str, role: str) -> dict[str, Any]:
    return {"request_id": request_id, "observed_at": "", "role": role}


def _ground(ground: str) -> None:
    if ground not in GROUNDS:
        held = ", ".join(sorted(one for one, is_held in GROUNDS.items() if is_held))
        given = ", ".join(sorted(one for one, is_held in GROUNDS.items() if not is_held))
        raise UsageError("no such ground", where="--ground", fix=f"to hold back: {held}; to give: {given}")


def _starts(text: str, wanted: str) -> Iterator[int]:
    start = text.find(wanted) if wanted else -1
    while start >= 0:
        yield start
        start = text.find(wanted, start + len(wanted))


def _case(desk: Desk, request_id: str) -> Case:
    settings = desk.settings()
    systems = openers(settings)
    keys = KeyFolder(settings.keys, list(systems))
    store = open_store(settings)
    try:
        # What was noted and not applied yet counts too: two decisions in a row are two.
        state = queries.page(store, request_id).state
        if state.review is None or state.review.done or not any(one.reason == NEEDED for one in state.attention):
            fix = "`expunge review list` shows those that do"
            raise UsageError("the copy of this request does not wait for a review", where=request_id, fix=fix)
        engine = Engine(store, keys, SystemClock(), chance, plan_of(settings, systems))
        look = packing.packet_of(engine, request_id).look
        waiting = _waiting(store, request_id)
    finally:
        store.close()
    sink = ExportSink(settings.exports)
    job = AssemblePackage("", "", parts_of(state))
    review = msgspec.structs.replace(state.review, decided=(*state.review.decided, *waiting))
    return Case(
        request_id,
        review,
        _found(packing.rows_of(job, sink, keys), look),
        _read(packing.rows_of(job, sink, keys), look),
    )


def _found(parts: Iterable[tuple[str, Any]], look: Look) -> list[reviewing.Proposed]:
    return [one for system, rows in parts for one in reviewing.proposals(system, rows, look)]


def _read(parts: Iterable[tuple[str, Any]], look: Look) -> list[tuple[str, int, str, str]]:
    return [one for system, rows in parts for one in reviewing.texts(system, rows, look)]


def _waiting(store: SqlStore, request_id: str) -> list[Decided]:
    """Give decisions that are journaled and not applied yet."""
    c = t.journal.c
    query = sa.select(c.wire).where(c.request_id == request_id, c.type == "PassagesDecided", c.verdict == "waiting")
    with store.read() as tx:
        rows = list(tx.connection.execute(query).scalars())
    commands = [decode(bytes(raw), PassagesDecided) for raw in rows]
    return [Decided(one.role, one.ground, one.passages) for one in commands]
