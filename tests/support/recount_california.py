"""Counts California's log and figures again, from the tables of a store, without any code of the report."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from typing import Any

from tests.support.recount import Row, Store

KINDS = {
    "delete": ("11 CCR 7102(a)(1)(A)", {"erasure"}),
    "correct": ("11 CCR 7102(a)(1)(B)", {"rectification"}),
    "know": ("11 CCR 7102(a)(1)(C)", {"access", "portability"}),
    "opt_out": ("11 CCR 7102(a)(1)(D)", {"objection", "withdrawal_of_consent"}),
    "limit": ("11 CCR 7102(a)(1)(E)", {"restriction"}),
}
RESPONSES = {
    "fulfilled": "complied", "partly_fulfilled": "complied_in_part", "nothing_held": "nothing_held",
    "withdrawn": "withdrawn",
}  # fmt: skip


def recount(store: Store, californian: set[str]) -> Row:
    """Give what of the JSON is counted; ``californian``: the controllers that are under its law."""
    came = [one for one in store.requests if store.when(one["received_at"]) and store.asked_for(one["request_id"])]
    here = [one for one in came if californian & {*store.accepted[one["request_id"]].get("controllers", californian)}]
    log = [_row(store, one, nature) for one in here for nature, (_, of) in KINDS.items() if one["right"] in of]
    log.sort(key=lambda one: (one["received_on"], one["request_id"]))
    rights = {right for _, of in KINDS.values() for right in of}
    return {
        "other_law": len(came) - len(here),
        "unknown_law": 0,
        "not_counted": _tally(one["right"] for one in here if one["right"] not in rights),
        "manners": _tally(one["manner"] or "unknown" for one in log),
        "denied_because": _tally(_ground(one) for one in log if one["response"] in {"denied", "complied_in_part"}),
        "metrics": [
            _metric(name, text, [one for one in log if one["nature"] == name]) for name, (text, _) in KINDS.items()
        ],
        "log": log,
        "deleted": len(store.deleted),
    }


def _tally(of: Any) -> list[Row]:
    return [{"what": what, "count": count} for what, count in sorted(Counter(of).items(), key=lambda x: (-x[1], x[0]))]


def _row(store: Store, one: Row, nature: str) -> Row:
    record: Row = store.first_records.get(one["request_id"], {})
    response = RESPONSES.get(record["result"], "denied") if record else "open"
    kept = {
        f"kept: {outcome['why']}, {outcome['text']}"
        for outcome in [
            *(line["outcome"] for system in record.get("systems", []) for line in system["record_sets"]),
            *(party.get("outcome") or {} for party in record.get("recipients", [])),
        ]
        if outcome.get("outcome") == "kept"
    }
    missed = len(record.get("not_searched", {}))
    part = [*sorted(kept), *([f"not searched: {missed}"] if missed else [])]
    return {
        "request_id": one["request_id"],
        "received_on": one["received_at"][:10],
        "nature": nature,
        "right": one["right"],
        "manner": store.accepted[one["request_id"]].get("channel", ""),
        "responded_on": store.answers.get(one["request_id"], "")[:10],
        "response": response,
        "basis": {"denied": [record.get("ground") or record.get("result")], "complied_in_part": part}.get(response, []),
    }


def _ground(row: Row) -> str:
    if row["response"] == "complied_in_part":
        return "exempt" if any(one.startswith("kept") for one in row["basis"]) else "other"
    unsure = {"identity_not_established", "lapsed", "unidentifiable", "cannot_identify"}
    return "not_verifiable" if unsure & {*row["basis"]} else "other"


def _metric(nature: str, text: str, rows: list[Row]) -> Row:
    def day(text: str) -> int:
        return dt.date.fromisoformat(text).toordinal()

    told = [one for one in rows if one["responded_on"] and one["response"] != "withdrawn"]
    counts = Counter(one["response"] for one in rows)
    names = ("complied", "complied_in_part", "nothing_held", "denied", "withdrawn", "open")
    took = [day(one["responded_on"]) - day(one["received_on"]) for one in told]
    return {
        "nature": nature, "text": text, "received": len(rows), **{name: counts[name] for name in names},
        "responded": len(told), "median_days": int(statistics.median(took)) if took else None,
    }  # fmt: skip
