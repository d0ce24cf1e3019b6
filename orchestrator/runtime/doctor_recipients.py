"""What ``expunge doctor`` looks at of processors and recipients: who was not asked, who did not answer (ADR 35)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from orchestrator.engine.stored import read_state
from orchestrator.runtime import parties, policies
from orchestrator.runtime.findings import Finding
from orchestrator.runtime.systems import openers, plan_of
from orchestrator.settings import Settings
from orchestrator.store import tables as t
from orchestrator.store.store import SqlStore

_CHECK: Final = "recipients"
_NAMED: Final = 5
"""Requests that are named; how many there are is told as well."""


def examine(settings: Settings, store: SqlStore, today: str) -> Iterator[Finding]:
    """Say which processors no request would ask, and what is open: not sent, or past its day."""
    # What is open is told first: what is configured cannot be told where a system is away.
    found = [*_open(store, today)]
    yield from found
    wrong = [*_configured(settings)]
    yield from wrong
    if not found and not wrong:
        yield Finding(_CHECK, "ok", "nobody has to be asked or told, and no answer is overdue")


def _configured(settings: Settings) -> Iterator[Finding]:
    register = policies.of(settings)
    processors = [one.id for one in register.document.recipient if one.role == "processor"] if register else []
    if not processors:
        return
    if not settings.recipients.ask:
        text = f"{len(processors)} processors of the policy are never asked: [recipients] ask = false"
        yield Finding(_CHECK, "finding", text, "ask = true, unless they are asked by other means")
        return
    # Which record sets a processor works on follows from the data maps.
    for name, fix in parties.unreached(plan_of(settings, openers(settings)).recipients):
        text = f"no connected record set is of the activities of {name}: erasures stay unfinished"
        yield Finding(_CHECK, "finding", text, fix)


def _open(store: SqlStore, today: str) -> Iterator[Finding]:
    c = t.requests.c
    query = sa.select(c.request_id, c.state).where(c.attention > 0, c.phase != "closed").order_by(c.due_on)
    late: list[str] = []
    unsent: list[str] = []
    with store.read() as tx:
        for request_id, blob in tx.connection.execute(query):
            for name, one in read_state(request_id, blob).recipients.items():
                if one.open and one.due < today:
                    late.append(f"{request_id}/{name}")
                elif one.open and not one.sent_at:
                    unsent.append(f"{request_id}/{name}")
    for found, text in ((late, "did not answer in time"), (unsent, "have to be written to")):
        if found:
            named = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
            yield Finding(_CHECK, "finding", f"{len(found)} {text}: {named}", "`expunge task list`")
