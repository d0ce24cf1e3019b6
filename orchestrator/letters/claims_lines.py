"""What may be claimed of one record set, held against its line in the signed record."""

from __future__ import annotations

from orchestrator.letters.case import Case, lines_of, outcomes_at
from orchestrator.letters.said import GONE, NO_RECORD, Claim, Said
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Kept,
    KeptWhy,
    NothingHeld,
)


def done(*kinds: type, **same: str) -> Claim:
    """Give the claim that a line says so, and that the sentence names its numbers and dates as the line does."""
    tags = " or ".join(one.__name__ for one in kinds)

    def claim(case: Case, said: Said) -> str:
        if case.record is None:
            return NO_RECORD
        line = next((line for place, line in lines_of(case.record) if place == said.place), None)
        if line is None:
            return f"the record has no line of {said.place or 'it'}"
        assured = line.assurance == "verified" or Attested in kinds
        found = [one for one in (line.outcome, *line.also) if isinstance(one, kinds)]
        if not found or not assured:
            return f"the record says of {said.place}: {type(line.outcome).__name__}, {line.assurance}; not {tags}"
        named = {name: field for name, field in same.items() if name in said.values}
        if any(all(plain(getattr(one, field)) == said.values[name] for name, field in named.items()) for one in found):
            return ""
        return f"the record says otherwise of {said.place}: {', '.join(sorted(named))}"

    return claim


def plain(value: object) -> object:
    """Give a value as a sentence names it."""
    return value.value if isinstance(value, KeptWhy) else value


def _first(value: object) -> str:
    return str(value)[:10]


def gone(case: Case, said: Said) -> str:
    """Hold that a record set is erased or anonymised, verified, with this count and day of the second look."""
    wrong = done(*GONE, count="before")(case, said)
    looked = said.values.get("looked_on")
    if wrong or looked is None or case.record is None:
        return wrong
    days = {_first(one.looked_at) for one in outcomes_at(case.record, said.place) if isinstance(one, GONE)}
    return "" if looked in days else f"nobody looked again on {looked}"


def only(kind: type, what: str) -> Claim:
    """Give the claim that it is exactly this kind of gone."""

    def claim(case: Case, said: Said) -> str:
        wrong = gone(case, said)
        if wrong or case.record is None:
            return wrong
        fits = any(isinstance(one, kind) for one in outcomes_at(case.record, said.place))
        return "" if fits else f"the record does not say {what} of {said.place}"

    return claim


def kept(case: Case, said: Said) -> str:
    """Hold that it is kept, for this reason, on this text, until this day."""
    wrong = done(Kept, count="count", why="why", law="text", until="until", review_on="review_by")(case, said)
    if wrong or case.record is None:
        return wrong
    (one, *_) = [one for one in outcomes_at(case.record, said.place) if isinstance(one, Kept)]
    return "it is the rest of a file, not kept for a reason" if one.why is KeptWhy.LIVE_FILE else ""


def masked(case: Case, said: Said) -> str:
    """Hold that what is kept is masked."""
    if case.record is None:
        return NO_RECORD
    masked = any(isinstance(one, Kept) and one.masked for one in outcomes_at(case.record, said.place))
    return "" if masked else f"the record does not say that {said.place} is masked"


def live(case: Case, said: Said) -> str:
    """Hold that it waits for the rotation of a file."""
    if case.record is None:
        return NO_RECORD
    found = outcomes_at(case.record, said.place)
    live = any(isinstance(one, Kept) and one.why is KeptWhy.LIVE_FILE for one in found)
    return "" if live else f"the record does not say that {said.place} waits for the rotation of a file"


def partly(case: Case, said: Said) -> str:
    """Hold that a part of what is kept is erased."""
    wrong = done(Kept, count="erased")(case, said)
    if wrong or case.record is None:
        return wrong
    kept = [one for one in outcomes_at(case.record, said.place) if isinstance(one, Kept)]
    return "" if any(one.erased for one in kept) else f"nothing of {said.place} was erased"


def _earlier(case: Case, said: Said) -> tuple[type, ...]:
    """Give what the newest earlier record that knows a place says of it."""
    for record in reversed(case.before):
        if found := outcomes_at(record, said.place):
            return tuple(type(one) for one in found)
    return ()


def later(kind: type, what: str) -> Claim:
    """Give the claim that an earlier record kept what is gone now, in this way."""

    def claim(case: Case, said: Said) -> str:
        wrong = only(kind, what)(case, said)
        return wrong or ("" if Kept in _earlier(case, said) else f"{said.place} was not kept before")

    return claim


def found_gone(case: Case, said: Said) -> str:
    """Hold that nothing is found any more of what an earlier record kept."""
    if case.record is None:
        return NO_RECORD
    if outcomes_at(case.record, said.place) != (NothingHeld(),):
        return f"the record does not say that nothing of {said.place} was found"
    return "" if Kept in _earlier(case, said) else f"{said.place} was not kept before"


def came_back(kind: type, what: str) -> Claim:
    """Give the claim that nothing was left of it in an earlier record, and that it is gone again, in this way."""

    def claim(case: Case, said: Said) -> str:
        if wrong := only(kind, what)(case, said):
            return wrong
        before = _earlier(case, said)
        clean = bool(before) and all(one in {Deleted, Anonymised, NothingHeld} for one in before)
        return "" if clean else f"no earlier record says that nothing of {said.place} was left"

    return claim


def not_searched(case: Case, said: Said) -> str:
    """Hold that the record says of this place that it was not searched."""
    if case.record is None:
        return NO_RECORD
    return "" if said.place in case.record.not_searched else f"{said.place} was searched"
