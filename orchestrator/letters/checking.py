"""Holds a letter against the signed record before it is handed out, and templates against records that try them.

What is refused: a sentence whose claim does not hold, and an answer that leaves out what it owes: what is kept, what
rests on somebody's word, what was not searched, the backups, and where to complain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from orchestrator.letters import writing
from orchestrator.letters.case import Case
from orchestrator.letters.claims import broken
from orchestrator.letters.errors import OverclaimError
from orchestrator.letters.owing import owed
from orchestrator.letters.template import Template
from orchestrator.letters.writing import Letter

ANSWERS: Final = frozenset({"answer", "later", *writing.OF_RESULT.values()})
"""Letters that have to tell everything that their record says."""
_KEPT: Final = frozenset({"kept", "remedies"})


class Problem(msgspec.Struct, frozen=True):
    """Why a letter is refused. ``where``: file and line of the sentence; empty where one is missing."""

    key: str
    what: str
    where: str
    fix: str


def problems(case: Case, letter: Letter) -> Iterator[Problem]:
    """Give everything that is wrong with a letter."""
    for said in letter.said:
        for claim, why in broken(case, said):
            fix = f"say less, or give the sentence a condition (`when`) under which {claim!r} holds"
            yield Problem(said.key, f"{said.key} claims {claim!r}, and {why}", said.where, fix)
    if case.record is None or letter.kind not in (*ANSWERS, "kept"):
        return
    told = {(claim, said.place) for said in letter.said for claim in said.claims}
    for claim, place in sorted(owed(case.record) - told):
        if letter.kind == "kept" and claim not in _KEPT:
            continue
        of = f" of {place}" if place else ""
        fix = f"a sentence that answers for {claim!r}, without a condition that leaves this out"
        yield Problem("", f"the letter {letter.kind!r} does not say {claim!r}{of}", "", fix)


def handed_out(template: Template, case: Case) -> Letter:
    """Write a letter, check it, and give it.

    Raises:
        OverclaimError: it says more than the record, or leaves out what has to be said.
    """
    letter = writing.write(template, case)
    for one in problems(case, letter):
        raise OverclaimError(one.what, where=one.where, why="a letter may not claim more than the record", fix=one.fix)
    return letter


def tried(template: Template, cases: Iterable[Case]) -> list[Problem]:
    """Write every case's letter and give what is wrong, each thing once: what a template does before a record comes."""
    found: dict[tuple[str, str], Problem] = {}
    for case in cases:
        for one in problems(case, writing.write(template, case)):
            found.setdefault((one.key, one.where or one.what), one)
    return list(found.values())
