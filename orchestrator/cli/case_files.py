"""What a bundle for an authority holds besides the evidence: each case in words and dates, its plan, the law tables.

All of it is what ``expunge show --why`` tells, so it holds no identifier (I4). Plans are written as RFC 8785 JSON: the
SHA-256 of such a file is the ``plan_sha256`` of the records, which the verifier holds against each other.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
import rfc8785
from rich.console import Console

from orchestrator.cli import explaining, showing
from orchestrator.cli.queries import Page
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine.stored import StoredPlans
from orchestrator.errors import DependencyError
from orchestrator.law import tables
from orchestrator.ports import Transaction
from schemas.sealing import unb64u

_WIDE: Final = 160
_README: Final = """A bundle for a supervisory authority: {count}{period}.

    cases/N.txt      for people: dates with the texts they rest on, pauses, what was found and decided, timeline
    cases/N.json     the same for programs; index.json says which request is which, and what is not in the ledger yet
    plans/           the systems, rules and policy that a request was decided under; its name is its SHA-256, and stands
                     as plan_sha256 in the signed records
    law/             legal texts and periods that this version knows, with the days they are in force
    policy/          the policy file as it is today, where there is one; what decided a request is in its plan
    documents        the evidence: receipts, signed records, answers; a line each

Cases, plans and tables are the controller's own account, signed with the manifest; what a case says of its record is
held against it by `expunge verify`. Times are UTC. Nothing here says who the persons are.

"""


class Case(msgspec.Struct):
    """One request: its page, the numbers of its leaves, and the name of its files."""

    page: Page
    leaves: tuple[int, ...]
    name: str


def files(tx: Transaction, cases: Sequence[Case], about: dict[str, Any], policy: bytes | None) -> dict[str, bytes]:
    """Give the files, by name.

    Args:
        tx: Where plans are read from.
        cases: The requests.
        about: What the index says of the whole: when it was made, the period, what could not be in it.
        policy: The policy file as it is today; None where there is none.

    Raises:
        DependencyError: a plan is not in the store any more.
    """
    made: dict[str, bytes] = {}
    index = []
    for one in cases:
        made[f"cases/{one.name}.json"] = _json(_told(one))
        made[f"cases/{one.name}.txt"] = _text(one.page)
        index.append(_row(one.page.state, one))
    made["index.json"] = _json({**about, "requests": index})
    made |= _plans(tx, {digest for one in cases for digest in _digests(one.page)})
    made |= tables.files()
    if policy is not None:
        made["policy/register.toml"] = policy
    period = f", received from {about['from'] or 'the beginning'} to {about['to'] or 'now'}" if about["period"] else ""
    count = f"{len(cases)} request{'s'[: len(cases) != 1]}"
    made["README.txt"] = _README.format(count=count, period=period).encode()
    return made


def _row(state: RequestState, one: Case) -> dict[str, Any]:
    return {
        "request_id": state.request_id,
        "case": one.name,
        "right": state.right,
        "received_at": state.received_at,
        "due_on": state.due_on,
        "phase": state.phase,
        "result": state.result,
        "records": len(one.page.records),
        "leaves": one.leaves,
    }


def _told(one: Case) -> dict[str, Any]:
    why = explaining.as_data(one.page)
    return {
        **showing.as_data(one.page),
        "leaves": one.leaves,
        "plan_sha256": one.page.state.plan_sha256,
        "why": {"clock": why["clock"], "record_sets": why["record_sets"]},
    }


def _text(page: Page) -> bytes:
    raw = io.StringIO()
    out = Console(file=raw, highlight=False, width=_WIDE, emoji=False, markup=False, color_system=None)
    showing.print_page(out, page)
    explaining.print_why(out, page)
    return "".join(f"{line.rstrip()}\n" for line in raw.getvalue().splitlines()).encode()


def _digests(page: Page) -> Collection[str]:
    """Give the plans of a request: the one it has now, and those that its records were decided under."""
    payloads = [json.loads(unb64u(one.jws.split(b".")[1].decode("ascii"))) for one in page.records]
    return {page.state.plan_sha256, *(one["plan_sha256"] for one in payloads)}


def _plans(tx: Transaction, digests: Collection[str]) -> dict[str, bytes]:
    plans, made = StoredPlans(), {}
    for digest in sorted(digests):
        plan: Plan = plans.get(tx, digest)
        if plan.digest() != digest:
            fix = "restore the database from a backup"
            raise DependencyError("a plan is not the one that its records name", where=f"plan {digest}", fix=fix)
        made[f"plans/{digest}.json"] = rfc8785.dumps(msgspec.to_builtins(plan))
    return made


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"
