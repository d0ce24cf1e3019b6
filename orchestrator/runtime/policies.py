"""The policy file of an installation: read, held against ``expunge.toml``, and handed to the plan.

Where ``[policy] file`` names none, the few keys of ``[policy]`` are all there is.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from connectors.datamap import RecordSet, read_toml
from orchestrator.core.plan import (
    UNVERSIONED,
    ActivityPlan,
    ControllerPlan,
    PolicyVersionPlan,
    PromisePlan,
    RetentionRulePlan,
)
from orchestrator.errors import UsageError
from orchestrator.policy import Register, read
from orchestrator.policy.informing import inform
from orchestrator.policy.words import ARTICLES, same_basis
from orchestrator.settings import Settings


def load(file: Path) -> Register:
    """Read a policy file.

    Raises:
        UsageError: it cannot be read, or is wrong, with the line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        fix = "see `[policy] file` in expunge.toml, or name the file"
        raise UsageError("the policy file cannot be read", where=str(file), why=error.strerror or "", fix=fix) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError("not UTF-8", where=f"{file}:{line}", fix="save it as UTF-8") from None
    return read(text, str(file))


def of(settings: Settings) -> Register | None:
    """Read the policy file of an installation and hold it against the configuration; None where it has none.

    Raises:
        UsageError: the file is wrong, or says something else than ``expunge.toml`` does.
    """
    if not settings.policy.file:
        return None
    register = load(settings.home / settings.policy.file)
    _agree(settings, register)
    return register


def _agree(settings: Settings, register: Register) -> None:
    document = register.document
    newest = document.version[-1].id
    here = settings.policy
    joins = {(one.found_in, one.may_search) for one in document.join}
    if here.version not in {UNVERSIONED, newest}:
        raise _contradiction(settings, "version", f"{here.version!r}, the policy file has {newest!r}")
    if here.controllers and set(here.controllers) != {one.id for one in document.controller}:
        theirs = ", ".join(one.id for one in document.controller)
        raise _contradiction(settings, "controllers", f"{', '.join(here.controllers)}; the policy file has {theirs}")
    if here.join_domains and set(here.join_domains) != joins:
        theirs = ", ".join(f"{a} to {b}" for a, b in sorted(joins)) or "none"
        raise _contradiction(settings, "join_domains", f"other doors than the policy file has: {theirs}")
    domains(settings, register)


def _contradiction(settings: Settings, key: str, what: str) -> UsageError:
    _, location = read_toml(settings.file)
    return UsageError(
        f"[policy] {key} says {what}",
        where=f"{settings.file}:{location.line('policy', key)}",
        why=f"{settings.policy.file} is the policy of this installation",
        fix=f"take {key} out of expunge.toml, or correct one of them",
    )


def domains(settings: Settings, register: Register) -> dict[str, str]:
    """Give the domain of every connected system.

    Raises:
        UsageError: the policy puts a system into another domain, or into none.
    """
    declared = register.document.domain
    theirs = {system: one.id for one in declared for system in one.systems}
    found: dict[str, str] = {}
    for one in settings.systems:
        known = theirs.get(one.system)
        # Without `domain` a system is in one of its own name.
        said = one.domain if one.domain != one.system else known or one.domain
        if known is not None and said != known:
            raise _of_system(settings, one.system, f"is in domain {said!r}, in {known!r} by the policy file")
        if declared and known is None and said not in {domain.id for domain in declared}:
            raise _of_system(settings, one.system, f"is in no domain of the policy file; {_hint(one.system, theirs)}")
        found[one.system] = said
    return found


def _of_system(settings: Settings, system: str, what: str) -> UsageError:
    _, location = read_toml(settings.file)
    return UsageError(
        f"[systems.{system}] {what}",
        where=f"{settings.file}:{location.line('systems', system)}",
        why="what is found in one domain does not search another",
        fix=f"name {system!r} in `systems` of one [[domain]] of {settings.policy.file}, and take `domain` out here",
    )


def plan_parts(register: Register) -> dict[str, Any]:
    """Give what the plan takes from a policy, by the names of its fields."""
    document = register.document
    return {
        "policy_version": document.version[-1].id,
        "policy_versions": tuple(PolicyVersionPlan(one.id, one.begins.isoformat()) for one in document.version),
        "controllers": tuple(one.id for one in document.controller),
        "controllers_info": tuple(
            ControllerPlan(
                one.id,
                one.country,
                one.calendar,
                one.regime,
                one.authority,
                one.court,
                one.id in document.policy.joint_controllers,
            )
            for one in document.controller
        ),
        "joined_domains": tuple((one.found_in, one.may_search) for one in document.join),
        "promises": tuple(
            PromisePlan(one.right, one.months or 0, one.days or 0, one.extension) for one in document.promise
        ),
        "target_hours": document.policy.target_hours or 0,
        "approval_records": document.approval.records or 0,
        "four_eyes_records": document.approval.four_eyes_records or 0,
        "marketing_purposes": tuple(one.id for one in document.activity if one.marketing),
        "activities": tuple(
            ActivityPlan(one.id, one.basis, one.marketing, one.provided_by_subject) for one in document.activity
        ),
        "retention_rules": tuple(RetentionRulePlan(one.id, one.months or 0) for one in document.retention),
        "information": inform(document),
    }


def mismatches(register: Register, sets: Sequence[RecordSet]) -> Iterator[str]:
    """Say where record sets name a purpose, a basis or a rule that the policy does not have, each with its fix."""
    rules = {f"policy:{one.id}": one for one in register.document.retention}
    for one in sets:
        label = f"record set {one.name!r}"
        activity = register.activities.get(one.purpose)
        if one.purpose and activity is None:
            hint = _hint(one.purpose, register.activities)
            yield f"{label}: purpose {one.purpose!r} is no activity of the policy; {hint}"
        if activity and one.basis and not same_basis(one.basis, activity.basis):
            yield f"{label}: basis {one.basis!r}; by the policy {activity.basis} ({ARTICLES[activity.basis]})"
        for key, period in (("retain", one.retain), ("expire", one.expire)):
            if period is None or not period.text.startswith("policy:"):
                continue
            rule = rules.get(period.text)
            if rule is None:
                yield f"{label}: {key}: {period.text!r} is no rule of the policy; {_hint(period.text, rules)}"
            elif rule.months is None:
                undecided = f"the policy leaves the period of {rule.id!r} undecided"
                yield f"{label}: {key}: {undecided}; see `expunge policy lint`"
            elif period.months > rule.months:
                promised = f"the policy promises {rule.months} at most; months = {rule.months}"
                yield f"{label}: {key}: {period.months} months by {period.text!r}; {promised}"


def stricter(register: Register, sets: Sequence[RecordSet]) -> Iterator[str]:
    """Say where the policy promises an earlier end for a purpose than a record set has (S15, S16), each with its fix.

    A longer period on a legal text is not wrong by itself: then the published policy does not tell of it.
    """
    for one in sets:
        promised = [
            rule for rule in register.document.retention if one.purpose in rule.activities and rule.months is not None
        ]
        if not promised or not one.purpose:
            continue
        rule = min(promised, key=lambda each: each.months or 0)
        label = f"record set {one.name!r}: the policy promises {rule.months} months at most ({rule.id})"
        fix = f'expire = {{ text = "policy:{rule.id}", months = {rule.months}, anchor = "..." }}'
        period = one.expire or one.retain
        if period is None and one.erase != "with_parent":
            yield f"{label}, and nothing ends them here; {fix}"
        elif period is not None and period.months > (rule.months or 0) and period.text != f"policy:{rule.id}":
            yield f"{label}; here it is {period.months}, by {period.text!r}: shorten it, or let the policy tell of it"


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
