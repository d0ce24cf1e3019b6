"""Processors and recipients: from the policy file, the configuration and the data maps to the plan (ADR 35)."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

from connectors.datamap import read_toml
from orchestrator.core.plan import RecipientPlan, SystemPlan
from orchestrator.errors import UsageError
from orchestrator.policy import Register
from orchestrator.policy.processing import Recipient
from orchestrator.settings import Settings
from orchestrator.settings.recipients import Correspondent


def recipients(settings: Settings, register: Register, systems: tuple[SystemPlan, ...]) -> tuple[RecipientPlan, ...]:
    """Give everybody whom a request may concern; none where the configuration has nobody asked.

    Raises:
        UsageError: the configuration names a recipient or a system that there is not, or one name means both.
    """
    document, said = register.document, settings.recipients
    known = [one.id for one in document.recipient]
    connected = [one.system for one in systems]
    for name, one in said.by_id.items():
        if name not in known:
            raise _wrong(settings, name, "", f"no [[recipient]] {name!r} in the policy file", _hint(name, known))
        if one.through and one.through not in connected:
            raise _wrong(settings, name, "through", f"no system {one.through!r}", _hint(one.through, connected))
    if not said.ask:
        return ()
    for name in known:
        if name in connected:
            what = f"{name!r} is a recipient of the policy file and a connected system"
            raise _wrong(settings, name, "", what, "give the recipient another id: `expunge attest` names both")
    return tuple(_plan(one, said.by_id.get(one.id, Correspondent()), systems) for one in document.recipient)


def _plan(one: Recipient, said: Correspondent, systems: tuple[SystemPlan, ...]) -> RecipientPlan:
    return RecipientPlan(
        id=one.id,
        name=one.name,
        role=one.role,
        sets=tuple(_sets(one, systems)),
        category=one.category,
        country=one.country or one.area,
        agreement=one.agreement,
        confidentiality=one.confidentiality,
        transfer=tuple(dict.fromkeys(each.mechanism for each in one.transfer)),
        since=one.since.isoformat() if one.since else "",
        owner=said.owner,
        always=said.always,
        through=said.through,
    )


def _sets(one: Recipient, systems: tuple[SystemPlan, ...]) -> Iterator[str]:
    """Give the record sets of its activities and those it holds; all of them where the policy does not say which."""
    anything = not (one.activities or one.held_in or one.category)
    for system in systems:
        for each in system.record_sets:
            place = f"{system.system}/{each.name}"
            holds = system.system in one.held_in or place in one.held_in
            if anything or holds or (each.purpose and each.purpose in one.activities):
                yield place


def unreached(recipients: Iterable[RecipientPlan]) -> Iterator[tuple[str, str]]:
    """Give the processors that no request would ever have asked, each with what mends it."""
    for one in recipients:
        if one.role == "processor" and not (one.sets or one.always or one.through):
            fix = f"connect the system that it works on, or say always = true under [recipients.{one.id}]"
            yield one.id, fix


def _wrong(settings: Settings, name: str, key: str, what: str, fix: str) -> UsageError:
    _, location = read_toml(settings.file)
    line = location.line("recipients", name, key) if key else location.line("recipients", name)
    return UsageError(f"[recipients.{name}] {what}", where=f"{settings.file}:{line}", fix=fix)


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
