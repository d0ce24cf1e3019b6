"""From a case to its facts. What the sentences then claim is judged elsewhere, by other code (``claims``)."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from typing import Final

from orchestrator.core.recipients import PROCESSOR
from orchestrator.core.recipients_answers import WHY_NOT_TOLD
from orchestrator.core.recipients_told import ENDED, UNASKED
from orchestrator.letters.case import Case, lines_of, outcomes_at
from orchestrator.letters.facts import Item, Known, Value
from schemas.completion import CompletionRecord, RecipientLine
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Kept,
    KeptWhy,
    Lifted,
    NothingHeld,
    Notified,
    Rectified,
    Restricted,
    Stopped,
)
from schemas.outcomes import Final as FinalOutcome

_HELP: Final = re.compile(r"would help: (.+)$")
_ARTICLE: Final = re.compile(r"(GDPR Art\. [0-9()a-z]+)")
_NOT_ERASED: Final = ("kept", "attested", "live_file", "processor_done", "processor_kept", "processor_unasked")
_NOT_CARRIED_OUT: Final = frozenset({"refused", "unidentifiable", "identity_not_established", "lapsed", "not_subject"})


def known(case: Case) -> Known:
    """Give the facts of a case."""
    facts = case.notice.facts
    values: dict[str, Value] = {
        "request_id": case.request_id,
        "right": case.right,
        "received_on": case.received_at[:10],
        "for_other": case.notice.to == "requester",
        f"is_{case.right}": True,
        "clock_stops": case.clock_stops,
        "document_asked": facts.get("asks") == "document",
        "in_time": bool(case.told_at and case.notice_by and case.told_at[:10] <= case.notice_by),
    }
    values |= {name: facts[name] for name in ("due_on", "asks", "ground") if facts.get(name)}
    values |= {"authority": case.authority, "court": case.court}
    if case.notice.kind == "receipt":
        values["receipt"] = case.receipt
    if case.notice.kind == "extension":
        values["extension"] = facts.get("reason", "")
    # Without an answer there is nothing to complain about; what is decided before it may be contested at once.
    values["remedy_due"] = case.notice.kind in {"extension", "restriction_lifted"}
    if case.notice.kind == "restriction_lifted" and facts.get("on"):
        values["lift_on"] = facts["on"]
    if facts.get("amount_cents", "").isdigit():
        cents = int(facts["amount_cents"])
        values["price"] = f"{cents // 100}.{cents % 100:02d} {facts.get('currency', '')}".strip()
    if facts.get("would_help"):
        values["would_help"] = tuple(facts["would_help"].split(", "))
    lists: dict[str, list[Item]] = defaultdict(list)
    if case.notice.to == "recipients":
        for place in filter(None, facts.get("record_sets", "").split(",")):
            lists["passed_on"].append(Item(place, {"what": _title(case, place)}))
    elif case.record is not None:
        _tell(case, case.record, values, lists)
    return Known(_there(values), {name: tuple(one) for name, one in lists.items()})


def _there(values: dict[str, Value]) -> dict[str, Value]:
    """Leave out what is not known, and what is not so. None is a number like another."""
    return {name: one for name, one in values.items() if one is not False and one not in ("", ())}


def _tell(case: Case, record: CompletionRecord, values: dict[str, Value], lists: dict[str, list[Item]]) -> None:
    _list(case, record, lists)
    # Of whom was told (Art. 19) nothing is left with us; anything else is no erased line.
    less = any(lists.get(name) for name in _NOT_ERASED) or any(
        not one.place.startswith("@") for one in lists.get("notified", ())
    )
    gone = [name for name in ("erased", "anonymised", "partly_erased", "erased_later", "came_back") if lists.get(name)]
    kept, attested = bool(lists.get("kept")), bool(lists.get("attested"))
    erasure = record.right == "erasure"
    values |= {
        "completed_on": record.completed_at[:10],
        "first_answer": record.number == 1,
        f"result_{record.result}": True,
        "some_erased": bool(gone),
        "nothing_erased": erasure and not gone,
        "all_erased": erasure
        and record.number == 1
        and record.result == "fulfilled"
        and bool(gone)
        and not (less or record.not_searched),
        "some_anonymised": any(
            isinstance(one, Anonymised) for _, line in lines_of(record) for one in (line.outcome, *line.also)
        ),
        "some_attested": attested,
        "some_kept": kept,
        "some_restricted": bool(lists.get("restricted")),
        "some_unsearched": bool(record.not_searched),
        "some_came_back": bool(lists.get("came_back")),
        "backup_restored": (record.looked_again or "").startswith("restored:"),
        "some_erased_later": bool(lists.get("erased_later")),
        "some_found_gone": bool(lists.get("found_gone")),
        "copy_made": record.package_sha256 is not None,
        "remedy_due": kept
        or bool(lists.get("processor_kept"))
        or bool(record.ground)
        or record.result in _NOT_CARRIED_OUT,
    }
    if record.number > 1:
        values["none_kept_now"] = _none_kept(case) and not record.not_searched
    if record.ground:
        values["ground"] = record.ground
    if erasure and gone:
        days = max((one.backups_kept_days or 0 for one in record.systems if _acted(one.record_sets)), default=0)
        if days:
            until = dt.date.fromisoformat(record.completed_at[:10]) + dt.timedelta(days=days)
            values["backups_until"] = until.isoformat()


def _list(case: Case, record: CompletionRecord, lists: dict[str, list[Item]]) -> None:
    for place, line in lines_of(record):
        if "/" not in place:
            one = line.outcome
            if isinstance(one, Attested):
                lists["by_hand"].append(Item(place, {"by": one.role, "said_on": one.date}))
            continue
        for outcome in (line.outcome, *line.also):
            for name, own in _said_of(case, place, outcome, line.assurance):
                lists[name].append(Item(place, {"what": _title(case, place)} | own))
    for place, reason in record.not_searched.items():
        lists[_unsearched(reason)].append(Item(place, {"what": _title(case, place)} | _details(reason)))
    for other in record.recipients:
        # Whom the person may not be told of (Art. 23) is not named.
        if not other.withheld and (name := _of_other(other)):
            lists[name].append(Item(f"@{other.recipient}", _word_of(case, other)))


def _of_other(line: RecipientLine) -> str:
    """Give the list that a processor or recipient belongs to; empty: there is nothing to say."""
    match line.outcome:
        case Attested():
            return "processor_done"
        case Kept():
            return "processor_kept"
        case Notified():
            return "notified"
        case None:
            if line.role == PROCESSOR:
                return "processor_unasked" if line.why_not in {UNASKED, ENDED} else ""
            return "not_told" if line.why_not in WHY_NOT_TOLD.values() else ""


def _word_of(case: Case, line: RecipientLine) -> dict[str, Value]:
    values: dict[str, Value] = {"recipient": case.names.get(line.recipient, line.recipient)}
    if isinstance(line.outcome, Attested):
        values["said_on"] = line.outcome.date
    elif isinstance(line.outcome, Kept):
        values |= _stays(line.outcome)
    return _there(values)


def _stays(one: Kept) -> dict[str, Value]:
    """Give why, on which text and until when. One date is told: where both are known, the last."""
    return {
        "why": one.why.value,
        "law": one.text,
        "until": one.until or "",
        "review_on": "" if one.until else one.review_by or "",
    }


def _acted(lines: tuple[object, ...]) -> bool:
    return any(not isinstance(getattr(one, "outcome", None), NothingHeld) for one in lines)


def _said_of(case: Case, place: str, outcome: FinalOutcome, assurance: str) -> list[tuple[str, dict[str, Value]]]:  # noqa: C901 - one branch per member of a closed union
    match outcome:
        case Deleted(before=count) | Anonymised(before=count):
            if assurance != "verified":
                return []
            name = _again(case, place) or ("erased" if isinstance(outcome, Deleted) else "anonymised")
            own: dict[str, Value] = {"count": count}
            if name in {"erased_later", "came_back"} and isinstance(outcome, Anonymised):
                own["anonymous"] = True
            if name in {"erased", "anonymised"}:
                own["looked_on"] = outcome.looked_at[:10]
            return [(name, own)]
        case Kept(why=KeptWhy.LIVE_FILE, count=count):
            return [("live_file", {"count": count}), *_partly(outcome)]
        case Kept():
            stays: dict[str, Value] = {"count": outcome.count, "masked": outcome.masked} | _stays(outcome)
            return [("kept", _there(stays)), *_partly(outcome)]
        case Attested(role=role, date=date):
            return [("attested", {"by": role, "said_on": date})]
        case Stopped(purposes=purposes, count=count):
            return [("stopped", {"count": count, **({"purposes": purposes} if purposes else {})})]
        case Notified(recipient=recipient):
            return [("notified", {"recipient": case.names.get(recipient, recipient)})]
        case Exported(count=count):
            return [("exported", {"count": count})]
        case Rectified(count=count):
            return [("rectified", {"count": count})]
        case Restricted(count=count):
            return [("restricted", {"count": count})]
        case Lifted(count=count):
            return [("lifted", {"count": count})]
        case NothingHeld():
            return [("found_gone", {})] if _again(case, place) == "erased_later" else []


def _partly(one: Kept) -> list[tuple[str, dict[str, Value]]]:
    return [("partly_erased", {"count": one.erased})] if one.erased else []


def _again(case: Case, place: str) -> str:
    """Tell what was said of a place before: kept and now gone, or gone before and back since."""
    for record in reversed(case.before):
        found = outcomes_at(record, place)
        if any(isinstance(one, Kept) for one in found):
            return "erased_later"
        if found:
            return "came_back" if all(isinstance(one, Deleted | Anonymised | NothingHeld) for one in found) else ""
    return ""


def _none_kept(case: Case) -> bool:
    latest: dict[str, tuple[FinalOutcome | None, ...]] = {}
    for record in case.records:
        latest |= {place: (line.outcome, *line.also) for place, line in lines_of(record)}
        latest |= {f"@{one.recipient}": (one.outcome,) for one in record.recipients if _keeps(one)}
    return not any(isinstance(one, Kept | Attested | Notified) for some in latest.values() for one in some)


def _keeps(line: RecipientLine) -> bool:
    """Tell whether a processor says something of what it holds."""
    return line.role == PROCESSOR and isinstance(line.outcome, Attested | Kept)


def _unsearched(reason: str) -> str:
    if reason.startswith("out of the scope"):
        return "out_of_scope"
    if reason.startswith("not subject to this right"):
        return "returned" if reason.endswith("the person came back themselves") else "not_subject_there"
    return "not_found" if reason.startswith("GDPR Art. 11") else "not_finished"


def _details(reason: str) -> dict[str, Value]:
    """Give what would help, and the article by which a right does not reach a place."""
    if reason.startswith("GDPR Art. 11"):
        found = _HELP.search(reason)
        kinds = tuple(found[1].split(", ")) if found and found[1] != "none" else ()
        return {"kinds": kinds} if kinds else {"no_kinds": True}
    article = _ARTICLE.search(reason)
    return {"article": article[1]} if article else {"no_article": True}


def _title(case: Case, place: str) -> tuple[str, ...]:
    """Say what the data map calls a record set; of a system as a whole, what it calls its record sets."""
    if place in case.titles:
        return case.titles[place]
    of = [one for name, titles in case.titles.items() if name.startswith(f"{place}/") for one in titles]
    return tuple(dict.fromkeys(of)) or (place.replace("/", " ").replace("_", " "),)
