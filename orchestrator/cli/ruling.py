"""``expunge preview|approve|decline|decide``: what is about to happen to a request, and who lets it."""

from __future__ import annotations

import hmac

import msgspec
from rich.console import Console

from orchestrator.cli import deciding, queries, words
from orchestrator.cli.desk import Desk
from orchestrator.cli.queries import Page
from orchestrator.cli.screen import table
from orchestrator.core import approving
from orchestrator.core.commands_deciding import Approved, SetDecided
from orchestrator.core.commands_identity import Refused
from orchestrator.core.model import Phase
from orchestrator.core.overruling import MAY_KEEP
from orchestrator.errors import UsageError
from schemas.outcomes import KeptWhy
from schemas.requests import Right
from schemas.sealing import b64u

_SIGN = b"expunge-approval-v1\0"
_DOES = {
    "erase": "erase",
    "anonymise": "anonymise",
    "keep": "keep",
    "erase_what_is_over": "keep, and erase what is over",
}


def preview(desk: Desk, request_id: str) -> int:
    """Show what is about to happen, and the SHA-256 by which it is approved; 1 while an approval is missing.

    Raises:
        UsageError: no such request, it is no erasure, or nothing is decided about it yet.
    """
    with desk.store() as store:
        page = queries.page(store, request_id)
    state = page.state
    if state.right is not Right.ERASURE:
        raise UsageError(f"request {request_id} is no erasure", fix=f"see `expunge show {request_id}`")
    if state.phase not in {Phase.DECIDING, Phase.ACTING} or not any(one.rules for one in state.systems.values()):
        raise UsageError(f"nothing is about to happen to request {request_id}", fix=f"see `expunge show {request_id}`")
    shown = approving.preview(page.plan, state)
    sha = approving.digest(shown)
    waits = state.phase is Phase.DECIDING and any(one.reason == approving.NEEDED for one in state.attention)
    data = {"preview": shown, "sha256": sha, "waits": waits, "approvals": _approvals(page)}
    desk.screen.data(data, lambda out: _print(out, page, shown, sha))
    return int(waits)


def _approvals(page: Page) -> list[dict[str, str]]:
    return [{"role": one.role, "at": one.at} for one in page.state.approvals]


def _print(out: Console, page: Page, shown: dict[str, object], sha: str) -> None:
    made = table("record set", "found", "will", "by which rule", "stays until")
    lines: dict[str, dict[str, object]] = shown["record_sets"]  # type: ignore[assignment]  # made by approving.preview
    for name, line in lines.items():
        until = str(line.get("until") or line.get("review_by") or "-")
        made.add_row(name, str(line["found"]), _DOES[str(line["does"])], words.rule(str(line["rule"])), until)
    out.print(made)
    for name in shown["not_searched"]:  # type: ignore[attr-defined]  # a list of texts
        out.print(f"  not searched: {name}")
    out.print(f"preview {sha}")
    for one in page.state.approvals:
        out.print(f"  approved by {one.role}, {words.minute(one.at)}")


def approve(desk: Desk, request_id: str, preview: str, by: str, role: str) -> int:
    """Approve a preview. ``by``: an opaque sign of whoever does, which is kept as a keyed digest only.

    Raises:
        UsageError: nothing waits for it, the preview is no longer true, or the same person approved it before.
    """
    if not by.strip():
        raise UsageError("an approval needs a sign of whoever gives it", fix="--by, e.g. a staff number")
    key = desk.own_keys(desk.settings()).subject
    sign = b64u(hmac.digest(key, _SIGN + by.strip().casefold().encode(), "sha256")[:12])
    one = Approved(request_id=request_id, observed_at="", role=role, preview=preview.strip().lower(), by=sign)
    return deciding.give(desk, one, "takes this approval in")


def decline(desk: Desk, request_id: str, command: Refused) -> int:
    """Do not approve what waits: the request is refused, and its answer says why.

    Raises:
        UsageError: nothing waits for an approval, or the refusal lacks ground, reason or text.
    """
    with desk.store() as store:
        page = queries.page(store, request_id)
    if all(one.reason != approving.NEEDED for one in page.state.attention):
        raise UsageError(f"request {request_id}: nothing waits for an approval", fix="see `expunge show`")
    return deciding.give(desk, command, "ends")


def decide(desk: Desk, command: SetDecided, place: str, why: str | None) -> int:
    """Decide about one record set.

    Raises:
        UsageError: no such request or record set, or the decision lacks what it needs (``overruling.refusal``).
    """
    system, _, record_set = place.partition("/")
    if not system or not record_set:
        raise UsageError(f"{place!r} is no record set", fix="SYSTEM/SET, e.g. crm/invoices")
    kept = None
    if why is not None:
        if why not in MAY_KEEP:
            raise UsageError(f"{why!r} is nothing that a person decides", fix=f"one of: {', '.join(MAY_KEEP)}")
        kept = KeptWhy(why)
    one = msgspec.structs.replace(command, system=system, record_set=record_set, why=kept)
    return deciding.give(desk, one, f"decides {place} by it")
