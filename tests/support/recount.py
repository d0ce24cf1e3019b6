"""Counts a whole report again, from the tables of a store, without any code of the report.

Written from ``docs/reports.md`` alone, on purpose in another way than the report: everything is laid out in lists
first, and every figure is a question to them. What comes out is the report's JSON; a figure that is not counted here
differs.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import sqlite3
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

Row = dict[str, Any]


class Store:
    """What the tables say, as plain lists."""

    def __init__(self, database: sqlite3.Connection, first: str, end: str) -> None:
        """Lay out a store. ``first``: first day of the period; ``end``: the day after its last."""
        database.row_factory = sqlite3.Row
        self.first, self.end = first, end
        self.requests = [dict(one) for one in database.execute("SELECT * FROM requests")]
        self.events = [
            {**json.loads(one["body"]), "type": one["type"], "seq": one["seq"], "of": one["request_id"]}
            for one in database.execute("SELECT * FROM journal WHERE verdict = 'applied' AND body IS NOT NULL")
        ]
        self.records = [
            json.loads(base64.urlsafe_b64decode(one["jws"].split(b".")[1] + b"=="))
            for one in database.execute("SELECT jws FROM records ORDER BY request_id, number")
        ]
        self.answers = {
            one["request_id"]: one["at"]
            for one in database.execute("SELECT * FROM ledger_leaves WHERE fact = 'answered.1'")
        }
        self.deleted = [
            one["request_id"]
            for one in database.execute("SELECT * FROM ledger_leaves WHERE fact = 'received' AND retired_at <> ''")
            if self.when(one["at"])
        ]
        self.outbox = [dict(one) for one in database.execute("SELECT * FROM outbox")]
        self.letters = [dict(one) for one in database.execute("SELECT * FROM dead_letters")]
        self.accepted = {one["of"]: one for one in self.events if one["type"] == "RequestAccepted"}
        self.first_records = {one["request_id"]: one for one in self.records if one["number"] == 1}

    def when(self, moment: str) -> bool:
        """Tell whether a time is in the period."""
        return self.first <= moment[:10] < self.end

    def happened(self, kind: str) -> list[Row]:
        """Give the events of a kind in the period."""
        return [one for one in self.events if one["type"] == kind and self.when(one["observed_at"])]

    def completed(self) -> list[Row]:
        """Give the records of the period."""
        return [one for one in self.records if self.when(one["completed_at"])]

    def asked_for(self, request_id: str) -> bool:
        """Tell whether a person asked for it."""
        return "retention" not in self.accepted[request_id]


def recount(store: Store, last: str, now: str, owners: Mapping[str, str]) -> Row:
    """Give the whole report."""
    return {
        "v": 1, "first": store.first, "last": last, "made_at": now, "over": now[:10] > last,
        **_received(store), **_done(store), **_open(store, now), **_told(store), **_kept(store),
        **_systems(store, owners), **_caught(store), **_returned(store), "deleted": len(store.deleted),
    }  # fmt: skip


def _tally(of: Iterable[str]) -> list[Row]:
    return [{"what": what, "count": count} for what, count in sorted(Counter(of).items(), key=lambda x: (-x[1], x[0]))]


def _received(store: Store) -> Row:
    came = [one for one in store.requests if store.when(one["received_at"])]
    asked = [one for one in came if store.asked_for(one["request_id"])]
    pairs = Counter(
        (
            one["right"],
            who,
            store.first_records[one["request_id"]]["result"] if one["request_id"] in store.first_records else "open",
        )
        for one in asked
        for who in store.accepted[one["request_id"]].get("controllers", ["(none named)"])
    )
    firsts = [one for one in store.completed() if one["number"] == 1 and "origin" not in one]
    day, months = dt.date.fromisoformat(store.first), []
    while day.isoformat() < store.end:
        if day.isoformat()[:7] not in months:
            months.append(day.isoformat()[:7])
        day += dt.timedelta(days=1)
    return {
        "received_total": len(asked),
        "unasked": len(came) - len(asked),
        "received": [
            {"right": right, "controller": who, "result": result, "count": count}
            for (right, who, result), count in sorted(pairs.items())
        ],
        "months": [
            {
                "month": month,
                "received": sum(one["received_at"].startswith(month) for one in asked),
                "completed": sum(one["completed_at"].startswith(month) for one in firsts),
            }
            for month in months
        ],
    }


def _took(start: str, end: str) -> int:
    return int((dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)).total_seconds())


def _spare(record: Row) -> int:
    return (dt.date.fromisoformat(record["due_at"][:10]) - dt.date.fromisoformat(record["completed_at"][:10])).days


def _spread(values: list[int], worst: Callable[[list[int]], int]) -> Row:
    if not values:
        return {"count": 0, "median": None, "p95": None, "slowest": None}
    bad_last = sorted(values, reverse=worst is min)
    return {
        "count": len(values),
        "median": math.floor(statistics.median(values)),
        "p95": bad_last[math.ceil(0.95 * len(values)) - 1],
        "slowest": worst(values),
    }


def _done(store: Store) -> Row:
    done = [one for one in store.completed() if one["number"] == 1 and "origin" not in one]
    times = []
    for right in [*sorted({one["right"] for one in done}), "all"] if done else []:
        mine = [one for one in done if right in {"all", one["right"]}]
        spare = [_spare(one) for one in mine]
        told = [(one["received_at"], store.answers.get(one["request_id"])) for one in mine]
        times.append(
            {
                "right": right,
                "complete": _spread([_took(one["received_at"], one["completed_at"]) for one in mine], max),
                "answer": _spread([_took(came, at) for came, at in told if at], max),
                "margin": _spread(spare, min),
                "late": len([one for one in spare if one < 0]),
            }
        )
    slow = sorted(done, key=lambda one: one["request_id"])
    slow.sort(key=lambda one: _took(one["received_at"], one["completed_at"]), reverse=True)
    bounds = {
        "late": (-9999, 0),
        "0-6": (0, 7),
        "7-13": (7, 14),
        "14-20": (14, 21),
        "21-27": (21, 28),
        "28+": (28, 9999),
    }
    return {
        "completed_total": len(done),
        "afresh": len([one for one in store.completed() if one["number"] > 1 and "looked_again" not in one]),
        "times": times,
        "slowest": [
            {
                "request_id": one["request_id"],
                "right": one["right"],
                "seconds": _took(one["received_at"], one["completed_at"]),
                "margin": _spare(one),
            }
            for one in slow[:5]
        ],
        "margins": [
            {"what": name, "count": len([one for one in done if least <= _spare(one) < most])}
            for name, (least, most) in bounds.items()
        ],
        "paused_requests": len([one for one in done if one.get("paused_days")]),
        "paused_days": sum(one.get("paused_days", 0) for one in done),
    }


def _open(store: Store, now: str) -> Row:
    def was_open(one: Row) -> bool:
        record = store.first_records.get(one["request_id"])
        if record is None:
            return bool(one["phase"] != "closed")
        return bool(record["completed_at"][:10] >= store.end)

    still = [
        one
        for one in store.requests
        if one["received_at"][:10] < store.end and store.asked_for(one["request_id"]) and was_open(one)
    ]
    over = [one for one in still if one["due_on"] < min(store.end, now[:10])]
    return {
        "open": len(still),
        "overdue": [
            {"request_id": one["request_id"], "right": one["right"], "due_on": one["due_on"]}
            for one in sorted(over, key=lambda one: (one["due_on"], one["request_id"]))
        ],
    }


def _told(store: Store) -> Row:
    asked = [one for one in store.completed() if "origin" not in one]
    return {
        "extensions": _tally(one["reason"] for one in store.happened("Extended")),
        "refusals": _tally(one["ground"] for one in asked if "ground" in one),
        "unread": _tally(one["error"] for one in store.letters if store.when(one["observed_at"])),
    }


def _kept(store: Store) -> Row:
    last: dict[tuple[str, str], Row] = {}
    for record in store.completed():
        for system in record["systems"]:
            for line in system["record_sets"]:
                last[record["request_id"], f"{system['system']}/{line['name']}"] = line["outcome"]
        for party in record.get("recipients", []):
            last[record["request_id"], f"recipient {party['recipient']}"] = party.get("outcome") or {}
    kept = [(of, one) for (of, _), one in last.items() if one.get("outcome") == "kept"]
    rows = []
    for why, text in sorted({(one["why"], one["text"]) for _, one in kept}):
        mine = [(of, one) for of, one in kept if (one["why"], one["text"]) == (why, text)]
        ends = [one[name] for _, one in mine for name in ("until", "review_by") if one.get(name)]
        rows.append(
            {
                "why": why,
                "text": text,
                "requests": len({of for of, _ in mine}),
                "records": sum(one["count"] for _, one in mine),
                "first": min(ends, default=""),
                "last": max(ends, default=""),
                "undated": len([one for _, one in mine if "until" not in one]),
            }
        )
    owed = [
        one for request in store.requests for one in msgspec.msgpack.decode(request["state"]).get("obligations", ())
    ]
    kinds = sorted({(one["kind"], one.get("text", "")) for one in owed})
    return {
        "kept": rows,
        "owed": [
            {
                "kind": kind,
                "text": text,
                "count": len(due),
                "first": min(one["due"] for one in due),
                "last": max(one.get("last") or one["due"] for one in due),
            }
            for kind, text in kinds
            if (due := [one for one in owed if (one["kind"], one.get("text", "")) == (kind, text)])
        ],
    }


def _systems(store: Store, owners: Mapping[str, str]) -> Row:
    lines = [
        (system["system"], line)
        for record in store.completed()
        for system in record["systems"]
        for line in system["record_sets"]
    ]
    hand = [line for record in store.completed() for line in record.get("by_hand", [])]
    heard = {one["system"]: one["observed_at"] for one in sorted(_confirmed(store), key=lambda one: one["observed_at"])}
    received = {one["request_id"]: one["received_at"] for one in store.requests}
    unbelieved = Counter(system for system, _, _ in _disbelieved(store) if system)
    rows = []
    for name in sorted(
        {*owners, *heard, *(one["system"] for one in store.outbox), *(of for of, _ in lines), *unbelieved}
    ):
        waiting = [one for one in store.outbox if one["system"] == name]
        mine = [line for of, line in lines if of == name]
        done = [one for line in mine for one in (line["outcome"], *line.get("also", ()))]
        said = [one.get("assurance", "verified") for one in mine]
        rows.append(
            {
                "system": name,
                "owner": owners.get(name, "the orchestrator" if name == "_package" else ""),
                "backlog": len(waiting),
                "backlog_since": min((received[one["request_id"]] for one in waiting), default=None),
                "last_answer": heard.get(name),
                "erased": _sum(done, "deleted", "before") + _sum(done, "kept", "erased"),
                "anonymised": _sum(done, "anonymised", "before"),
                "kept": _sum(done, "kept", "count"),
                "copied": _sum(done, "exported", "count"),
                "verified": len([one for one in said if one != "attested"]),
                "attested": len([one for one in said if one == "attested"]),
                "caught": unbelieved[name],
            }
        )
    by_hand = [one.get("assurance", "verified") == "attested" for one in hand]
    return {
        "verified": sum(one["verified"] for one in rows) + by_hand.count(False),
        "attested": sum(one["attested"] for one in rows) + by_hand.count(True),
        "systems": rows,
        "recipients": _recipients(store),
    }


def _sum(outcomes: list[Row], kind: str, field: str) -> int:
    return sum(one.get(field, 0) for one in outcomes if one["outcome"] == kind)


def _recipients(store: Store) -> list[Row]:
    told = [one for record in store.completed() for one in record.get("recipients", [])]
    rows = []
    for name in sorted({one["recipient"] for one in told}):
        mine = [one for one in told if one["recipient"] == name]
        kinds = Counter((one.get("outcome") or {}).get("outcome") for one in mine)
        rows.append(
            {
                "recipient": name,
                "role": mine[0]["role"],
                "done": kinds["attested"],
                "keeps": kinds["kept"],
                "told": kinds["notified"],
                "not_told": kinds[None],
            }
        )
    return rows


def _confirmed(store: Store) -> list[Row]:
    return [one for one in store.events if one["type"] == "Confirmed"]


def _disbelieved(store: Store) -> list[tuple[str, str, str]]:
    found = [
        (one["system"], kind, one["of"])
        for one in store.happened("Confirmed")
        for kind in {outcome["outcome"] for outcome in one["outcomes"].values()} & {"survived", "unverifiable"}
    ]
    return found + [
        (one.get("system", ""), one["reason"], one["of"])
        for one in store.happened("Incident")
        if one["reason"] in {"contradictory_answer", "unusable_answer"}
    ]


def _caught(store: Store) -> Row:
    found = _disbelieved(store)
    return {
        "caught": [
            {
                "system": system,
                "kind": kind,
                "count": len([1 for one in found if one[:2] == (system, kind)]),
                "requests": len({of for *place, of in found if tuple(place) == (system, kind)}),
            }
            for system, kind in sorted({one[:2] for one in found})
        ]
    }


def _returned(store: Store) -> Row:
    looks = ["recheck" for one in store.happened("TimerFired") if one["name"] == "recheck"]
    looks += ["restored" for _ in store.happened("Restored")]
    again = [one for one in store.completed() if "looked_again" in one]
    looks += ["due" for one in again if one["looked_again"] == "due"]
    back = [one for one in again if one["result"] not in {"nothing_held", "not_subject"}]
    gone = [
        outcome
        for one in back
        for system in one["systems"]
        for line in system["record_sets"]
        for outcome in (line["outcome"], *line.get("also", ()))
    ]
    return {
        "returned": {
            "looked": _tally(looks),
            "came_back": _tally(one["looked_again"].partition(":")[0] for one in back),
            "records": _sum(gone, "deleted", "before")
            + _sum(gone, "anonymised", "before")
            + _sum(gone, "kept", "erased"),
        }
    }
