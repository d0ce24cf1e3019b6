"""From the configuration and the connectors' data maps to the plan that the core decides by."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from connectors.changes import Capability
from connectors.contract import Connector
from connectors.datamap import RecordSet, Retain, Yield, read_toml
from connectors.errors import MisconfiguredError
from orchestrator.core.plan import ExpireRule, Limits, Plan, RecordSetPlan, RetainRule, SystemPlan
from orchestrator.errors import UsageError
from orchestrator.law import tables
from orchestrator.runtime import parties, placing, policies
from orchestrator.settings import Settings
from schemas.completion import Sources
from schemas.identifiers import Strength, strength_of


def build(settings: Settings, opened: Mapping[str, Connector]) -> Plan:
    """Make the plan.

    Raises:
        UsageError: a limit that does not exist, a data map the core cannot decide by, or a policy file that is wrong or
            contradicts the configuration.
    """
    register = policies.of(settings)
    domains = policies.domains(settings, register) if register else {one.system: one.domain for one in settings.systems}
    places = placing.places(settings, register)
    plan = Plan(
        systems=tuple(
            SystemPlan(
                system=one.system,
                connector=opened[one.system].name,
                domain=domains[one.system],
                owner=one.owner,
                attested=one.attested,
                controller=places[one.system].controller,
                country=places[one.system].country,
                record_sets=tuple(
                    _record_set(r, opened[one.system].capabilities)
                    for r in _checked(one.system, opened[one.system], one.settings.map_file)
                ),
            )
            for one in settings.systems
        ),
        policy_version=settings.policy.version,
        controllers=settings.policy.controllers,
        joined_domains=settings.policy.join_domains,
        limits=_limits(settings),
        sources=_sources(settings),
    )
    if register is None:
        return plan
    told = parties.recipients(settings, register, plan.systems)
    return msgspec.structs.replace(plan, **policies.plan_parts(register), recipients=told)


def _sources(settings: Settings) -> Sources:
    """Give the digests of what the plan is made from; whoever has a file can hold it against a record."""
    # A connector may have its data map elsewhere; one that cannot do without the file has refused to open before.
    files = {one.system: one.settings.map_file for one in settings.systems if one.settings.map_file.is_file()}
    policy = settings.policy.file
    return Sources(
        maps={name: _sha256(file) for name, file in sorted(files.items())},
        law=tables.digest(),
        policy=_sha256(settings.home / policy) if policy else "",
    )


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError("cannot be read", where=str(file), why=error.strerror or "", fix="see expunge.toml") from None


RECHECK_DAYS: Final = 30
"""How often it is looked whether what was erased came back, unless ``[limits] recheck_days`` says otherwise (I14)."""


def _limits(settings: Settings) -> Limits:
    known = Limits.__struct_fields__
    for name, value in settings.limits.items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise UsageError(f"[limits]: unknown key {name!r}", where=_line_of(settings, name), fix=fix)
        if value < 0:
            raise UsageError(f"[limits] {name} is negative", where=_line_of(settings, name), fix="0 or more")
    return Limits(**({"recheck_days": RECHECK_DAYS} | settings.limits))


def _line_of(settings: Settings, limit: str) -> str:
    _, location = read_toml(settings.file)
    return f"{settings.file}:{location.line('limits', limit)}"


def _checked(system: str, connector: Connector, file: Path) -> Sequence[RecordSet]:
    sets = connector.record_sets()
    parents = {one.name: one.parent for one in sets}

    def wrong(one: RecordSet, message: str, fix: str) -> MisconfiguredError:
        return MisconfiguredError("parent", f"{system}/{one.name}: {message}", file=str(file), fix=fix)

    for one in sets:
        rules = {
            "rectify": one.rectify and {Capability.RECTIFY},
            "restrict": one.restrict and {Capability.RESTRICT, Capability.LIFT},
            "stop": one.stop and {Capability.STOP},
        }
        for rule, needed in rules.items():
            if needed and not set(needed) <= connector.capabilities:
                message = f"{system}/{one.name}: this connector cannot carry out {rule!r}"
                fix = "remove it; the orders come to a person as work to do by hand"
                raise MisconfiguredError("capability", message, file=str(file), fix=fix)
        if one.expire is not None and not connector.sweeps:
            message = f"{system}/{one.name}: this connector cannot look for what is past its period ('expire')"
            fix = "remove it; what is past goes by request, or at the end of `retain`"
            raise MisconfiguredError("capability", message, file=str(file), fix=fix)
        if one.parent is not None and one.parent not in parents:
            close = difflib.get_close_matches(one.parent, parents, n=1)
            fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(parents)}"
            raise wrong(one, f"parent {one.parent!r} is not a record set", fix)
        if one.erase == "with_parent" and one.parent is None:
            raise wrong(one, "with_parent needs a parent", 'add parent = "..."')
        above, seen = one.parent, {one.name}
        while above is not None:
            if above in seen:
                raise wrong(one, "its parents go round in a circle", "let one of them have no parent")
            seen.add(above)
            above = parents.get(above)
    return sets


def _unique(kind: str, places: Sequence[Yield]) -> bool:
    return strength_of(kind) is Strength.UNIQUE and any(one.strength is Strength.UNIQUE for one in places)


def _retain(one: Retain) -> RetainRule:
    opened = one.open if one.open == "no_ground" else ""
    return RetainRule(one.why, one.text, one.months, opened, one.review_months)


def _record_set(one: RecordSet, able: frozenset[Capability]) -> RecordSetPlan:
    retain = _retain(one.retain) if one.retain else None
    return RecordSetPlan(
        name=one.name,
        kinds=tuple(sorted(one.match)),
        yields=tuple(sorted(kind for kind, places in one.yields.items() if _unique(kind, places))),
        erase=one.erase,
        parent=one.parent,
        retain=retain,
        max_records=one.max_records,
        backups_kept_days=one.backups_kept_days,
        categories=one.categories,
        purpose=one.purpose,
        basis=one.basis,
        rectifiable=one.rectify if Capability.RECTIFY in able else (),
        restrictable=one.restrict is not None and able >= {Capability.RESTRICT, Capability.LIFT},
        stoppable=tuple(sorted(one.stop)) if Capability.STOP in able else (),
        provided=one.provided,
        expire=ExpireRule(one.expire.text, one.expire.months) if one.expire is not None else None,
        title=one.title,
        titles=one.titles,
        free_text=one.free_text,
        review=one.review,
    )
