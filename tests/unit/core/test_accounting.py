"""Formats.md 8: the record holds all that a DPO has to find in it, and nothing of what may not stand there (ADR 50)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from orchestrator.core import aggregate, recipients_told, retention
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_deciding import Approved, HoldPlaced, SetDecided
from orchestrator.core.commands_identity import IdentityConfirmed
from orchestrator.core.effects import Complete
from orchestrator.core.events import Event
from orchestrator.core.machine import Step, step
from orchestrator.core.model import Obligation, Result, Retention
from orchestrator.core.plan import Plan, RecipientPlan
from orchestrator.core.rulings import Hold
from schemas.completion import (
    HEADLINES,
    OWED,
    REQUESTERS,
    RESULTS,
    STATEMENT,
    CompletionRecord,
    ExtensionLine,
    OwedLine,
    PauseLine,
    Sources,
)
from schemas.generate import schema_of
from schemas.outcomes import Kept, KeptWhy, NothingHeld
from schemas.requesters import Relation
from tests.support.stories import TEN_YEARS, Story, as_signed, at, contacts, deleted, found, invoices, plan, system

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "histories").glob("*.json"))
SOURCES = Sources({"crm": "1" * 64}, "2" * 64, "3" * 64)
SCHEMA = schema_of("completion-record")

MUST: dict[str, tuple[str, ...]] = {
    "controllers": ("controllers", "bound_controllers"),
    "right and scope": ("right", "scope", "not_searched"),
    "when it was received": ("received_at",),
    "pauses": ("paused_days", "pauses.reason", "pauses.asked_at", "pauses.answered_at"),
    "extension notice": ("extended", "extension.reason", "extension.told_at"),
    "due date with its rule trace": ("due_at", "due_rule", "due_trace"),
    "identity level": ("identity", "identity_method", "requester"),
    "digests of data maps, policy and law tables": ("plan_sha256", "sources.maps", "sources.policy", "sources.law"),
    "kinds of identifier searched": ("identifier_kinds",),
    "what was not searched": ("not_searched", "recipients.why_not"),
    "counts": (
        "systems.record_sets.outcome.Deleted.before",
        "systems.record_sets.outcome.Anonymised.before",
        "systems.record_sets.outcome.Kept.count",
        "systems.record_sets.outcome.Kept.erased",
        "systems.record_sets.outcome.Exported.count",
        "systems.record_sets.outcome.Rectified.count",
        "recipients.found",
    ),
    "method": ("systems.record_sets.outcome.Deleted.method", "systems.record_sets.outcome.Kept.masked"),
    "who erased, and who looked": (
        "systems.connector",
        "systems.confirmed_at",
        "systems.confirmation_sha256",
        "systems.record_sets.outcome.Deleted.looked_at",
    ),
    "assurance": ("systems.record_sets.assurance", "recipients.assurance"),
    "reason letter": ("systems.record_sets.outcome.Kept.why", "systems.record_sets.rule"),
    "text and its version": ("systems.record_sets.outcome.Kept.text", "policy_version", "sources.law"),
    "role of the decider": (
        "systems.record_sets.decided_by",
        "systems.record_sets.outcome.Attested.role",
        "approved_by",
    ),
    "end or review date": ("systems.record_sets.outcome.Kept.until", "systems.record_sets.outcome.Kept.review_by"),
    "recipients notified": ("recipients.recipient", "recipients.outcome.Notified.recipient", "recipients.asked_on"),
    "backup horizon per system": ("systems.backups_kept_days",),
    "which later records exist": ("number", "follows", "owed.kind", "owed.due", "owed.place"),
    "what it does not prove": ("statement",),
}
"""What formats.md 8 wants in a record, and where it stands. That the answer was sent is a leaf of its own (ADR 37)."""


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the objects that may stand somewhere."""
    if "$ref" in schema:
        yield from _parts(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    for one in schema.get("anyOf", ()):
        yield from _parts(one)
    if "items" in schema:
        yield from _parts(schema["items"])
    if "properties" in schema:
        yield schema


def _stands(path: str) -> bool:
    here = [SCHEMA]
    for word in path.split("."):
        if word[0].isupper():
            here = [one for one in here if one["title"] == word]
        else:
            found_there = [one["properties"][word] for one in here if word in one["properties"]]
            if not found_there:
                return False
            here = [part for one in found_there for part in _parts(one)]
    return True


@pytest.mark.parametrize("what", sorted(MUST))
def test_a_dpo_finds_it_in_the_record(what: str) -> None:
    assert [path for path in MUST[what] if not _stands(path)] == []


def test_a_field_that_is_gone_would_be_missed() -> None:
    assert not _stands("systems.record_sets.outcome.Deleted.afterwards")
    assert not _stands("systems.record_set.outcome")


# -- nothing that may not stand there ---------------------------------------------------------------------
def _texts(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if node.get("type") == "string":
            yield path, node
        for name, one in node.items():
            if name == "propertyNames":
                yield f"{path}/{name}", one | {"type": "string"}
            else:
                yield from _texts(one, f"{path}/{name}")
    elif isinstance(node, list):
        for place, one in enumerate(node):
            yield from _texts(one, f"{path}/{place}")


def _longest(pattern: str) -> int:
    return int(re._parser.parse(pattern).getwidth()[1])  # type: ignore[attr-defined]  # nothing public tells it


TEXTS = dict(_texts(SCHEMA))
LONGEST = {"rule": 2_000, "due_rule": 400, "due_trace": 400, "not_searched": 400, "why_not": 400}
"""Characters of what may be longer than a word: rules, and lines that a program writes."""


@pytest.mark.parametrize("path", sorted(TEXTS))
def test_i04_no_text_of_a_record_is_free(path: str) -> None:
    one = TEXTS[path]
    assert "enum" in one or "pattern" in one, "anything may stand there"
    if "enum" in one:
        return
    assert not re.search(one["pattern"], "ann@example.org"), "an address may stand there"
    assert not re.search(one["pattern"], "two\nlines")
    most = next((size for name, size in LONGEST.items() if f"/{name}" in path), 200)
    assert _longest(one["pattern"]) <= most


def test_i04_every_mapping_of_a_record_says_what_its_keys_are() -> None:
    for name in ("not_searched",):
        assert "pattern" in SCHEMA["properties"][name]["propertyNames"]
    assert "pattern" in SCHEMA["$defs"]["Sources"]["properties"]["maps"]["propertyNames"]


def test_i04_no_field_is_meant_for_what_may_not_stand_there() -> None:
    names = {name for one in (SCHEMA, *SCHEMA["$defs"].values()) for name in one.get("properties", ())}
    telling = re.compile(r"value|email|phone|key|path|url|uri|link|ticket|comment|note|remark|author|user|person|title")
    assert sorted(name for name in names if telling.search(name)) == []


def test_the_closed_lists_are_those_of_the_core() -> None:
    assert sorted(Result) == list(RESULTS)
    assert sorted(aggregate.WEAKEST_FIRST) == list(HEADLINES)
    assert sorted(get_args(_obligations())) == list(OWED)
    assert sorted({*Relation, retention.REQUESTER}) == list(REQUESTERS)


def _obligations() -> Any:
    (kind,) = [one.type for one in msgspec.structs.fields(Obligation) if one.name == "kind"]
    return kind


# -- what it is filled with -------------------------------------------------------------------------------
def told(of: Plan) -> Plan:
    return msgspec.structs.replace(of, sources=SOURCES)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda one: one.stem)
def test_every_journey_makes_records_of_the_newer_form_and_differs_in_nothing_else(file: Path) -> None:
    stored = json.loads(file.read_text("utf-8"))
    plain = msgspec.convert(stored["plan"], Plan)
    events = [msgspec.convert(one["event"], Event) for one in stored["steps"]]

    def lived(of: Plan) -> list[CompletionRecord]:
        steps: list[Step] = []
        for event in events:
            steps.append(step(of, steps[-1].state if steps else None, event))
        return [effect.record for one in steps for effect in one.effects if isinstance(effect, Complete)]

    before, after = lived(plain), lived(told(plain))
    assert len(before) == len(after) > 0
    more = {
        "scope",
        "identity",
        "identity_method",
        "due_trace",
        "pauses",
        "extension",
        "approved_by",
        "owed",
        "sources",
    }
    for old, new in zip(before, after, strict=True):
        as_signed(new)
        assert new.sources == SOURCES
        assert new.due_trace
        undone = {name: getattr(old, name) for name in more}
        systems = tuple(
            msgspec.structs.replace(
                one, record_sets=tuple(msgspec.structs.replace(line, decided_by="") for line in one.record_sets)
            )
            for one in new.systems
        )
        assert msgspec.structs.replace(new, systems=systems, **undone) == old


def test_it_tells_who_asked_and_how_the_date_came_about() -> None:
    story = Story(told(plan()), identity="unverified")
    base: dict[str, Any] = {"request_id": "req", "role": "dpo"}
    story.told(IdentityConfirmed(**base, observed_at=at(), method="callback"))
    story.told(ClockPaused(**base, observed_at=at(), reason="clarification"))
    story.told(ClockResumed(**base, observed_at=at(86_400 * 3)))
    story.told(Extended(**base, observed_at=at(86_400 * 3), reason="complexity"))
    story.now = 86_400 * 3
    story.all_answer(found(2))
    story.all_answer(deleted(2))
    (record,) = story.records
    assert (record.identity, record.identity_method, record.scope) == ("verified", "callback", ("crm",))
    assert record.pauses == (PauseLine("clarification", at(), at(86_400 * 3)),)
    assert record.extension == ExtensionLine("complexity", at(86_400 * 3))
    assert any("three months from receipt" in one for one in record.due_trace)
    assert any("3 days" in one for one in record.due_trace)
    assert record.statement == STATEMENT


def test_it_tells_by_whose_decision_something_stays_and_what_is_owed() -> None:
    of = told(plan(system("crm", contacts(), invoices(parent="contacts", kinds=("email",)), contacts("claims"))))
    story = Story(of)
    text, day = "gdpr-17-3-e", "2026-09-01"
    one = SetDecided(request_id="req", observed_at=at(), role="dpo", system="crm", record_set="claims")
    story.told(msgspec.structs.replace(one, why=KeptWhy.LEGAL_CLAIMS, text=text, review_by=day))
    hold = Hold("hold-1", "litigation_with_ann", "gdpr-17-3-e", "legal", "2027-01-01", at(), ("crm/invoices",))
    story.told(HoldPlaced(request_id="req", observed_at=at(), role="legal", hold=hold))
    story.answer("crm", {"contacts": found(), "invoices": found(), "claims": found()})
    held = Kept(1, KeptWhy.HOLD, text, None, "2027-01-01", looked_at=at())
    story.answer(
        "crm",
        {"contacts": held, "invoices": held, "claims": Kept(1, KeptWhy.LEGAL_CLAIMS, text, None, day, looked_at=at())},
    )
    (record,) = story.records
    lines = {line.name: line for line in record.systems[0].record_sets}
    assert {name: line.decided_by for name, line in lines.items()} == {
        "contacts": "legal",
        "invoices": "legal",
        "claims": "dpo",
    }
    assert OwedLine("retention", day, "crm/claims") in record.owed
    assert OwedLine("retention", "2027-01-01", "crm/invoices") in record.owed
    assert b"litigation_with_ann" not in msgspec.json.encode(record), "the reason of a hold is nobody's but its owner's"


def test_what_stays_with_what_it_belongs_to_stays_by_the_same_person() -> None:
    of = told(plan(system("crm", contacts(), contacts("letters", parent="contacts"))))
    story = Story(of)
    text, day = "gdpr-17-3-e", "2026-09-01"
    one = SetDecided(request_id="req", observed_at=at(), role="counsel", system="crm", record_set="letters")
    story.told(msgspec.structs.replace(one, why=KeptWhy.LEGAL_CLAIMS, text=text, review_by=day))
    story.answer("crm", {"contacts": found(), "letters": found()})
    kept = Kept(1, KeptWhy.LEGAL_CLAIMS, text, None, day, looked_at=at())
    story.answer("crm", {"contacts": kept, "letters": kept})
    lines = {line.name: line for line in story.records[0].systems[0].record_sets}
    assert lines["contacts"].rule.startswith("with_child:")
    assert {line.decided_by for line in lines.values()} == {"counsel"}


def test_it_tells_the_roles_of_who_approved() -> None:
    story = Story(msgspec.structs.replace(told(plan()), approval_records=1, four_eyes_records=1))
    story.answer("crm", found(6))
    for by, role in (("a", "dpo"), ("b", "legal")):
        shown = story.state.preview
        story.told(Approved(request_id="req", observed_at=at(story.now), role=role, preview=shown, by=by))
    story.answer("crm", deleted(6))
    assert story.records[0].approved_by == ("dpo", "legal")


@pytest.mark.parametrize("newer", [False, True])
def test_s28_of_an_authority_a_newer_record_says_nothing(*, newer: bool) -> None:
    parties = (
        RecipientPlan("police", "Police", "authority", ("crm/contacts",)),
        RecipientPlan("tax", "Tax", "authority", category=True),
    )
    of = msgspec.structs.replace(plan(), recipients=parties)
    story = Story(told(of) if newer else of)
    story.all_answer(NothingHeld())
    (record,) = story.records
    assert ("police" in msgspec.json.encode(record).decode()) is not newer
    assert {one.recipient for one in recipients_told.lines(story.plan, story.state, at())} == (
        set() if newer else {"police", "tax"}
    )


def test_of_what_nobody_asked_for_nobody_is_identified() -> None:
    about = Retention("crm", "contacts", "2026-02-01")
    of = told(plan(system("crm", contacts(retain=TEN_YEARS))))
    story = Story(of, retention=about)
    story.answer("crm", NothingHeld())
    assert (story.records[0].identity, story.records[0].origin) == ("", "retention")
