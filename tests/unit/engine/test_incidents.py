"""The registry of incidents over a real store: facts in the journal, and an owner who hears of them until the end."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orchestrator.engine import Engine, incidents
from orchestrator.engine.incidents import Controller, Report
from orchestrator.errors import UsageError
from schemas.codec import decode_event
from schemas.incidents import Incident
from tests.support.rig import PostgresRig, Rig, Templates

CONTROLLERS = [Controller("acme-fr", "FR", "CNIL"), Controller("acme-uk", "GB"), Controller("acme-us", "US-CA")]


@pytest.fixture(params=["sqlite", "postgres"])
def rig(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Iterator[Rig]:
    if request.param == "sqlite":
        made = Rig(tmp_path / "home", templates)
    else:
        made = PostgresRig(tmp_path / "home", templates, request.getfixturevalue("postgres"))
    made.engine = Engine(made.store, made.keys, made.clock, made.chance, made.plan, publish=True)
    yield made
    made.close()


def report(rig: Rig, **more: Any) -> Incident:
    told = msgspec.structs.replace(Report("breach", "lost_device", places=("crm", "crm/contacts")), **more)
    return incidents.report(rig.store, rig.clock, rig.chance, told, CONTROLLERS, ["crm", "hr"])


def tell(rig: Rig, one: Incident, controller: str, **more: str) -> Incident:
    return incidents.tell(rig.store, rig.clock, one.incident_id, controller, role="dpo", **more)


def close(rig: Rig, one: Incident, outcome: str = "notified") -> Incident:
    return incidents.close(rig.store, rig.clock, one.incident_id, role="dpo", outcome=outcome, persons="no_high_risk")


def notices(rig: Rig) -> list[tuple[str, str]]:
    rows: Any = rig.rows("notices")
    events = [decode_event(bytes(row[2])) for row in rows]
    told = [json.loads(bytes(one.data)) for one in events]
    return [(one["kind"], one["to"]) for one in told]


def hours_until_told(rig: Rig) -> float:
    due = rig.engine.next_timer()
    assert due is not None
    return (dt.datetime.fromisoformat(due) - rig.clock.now()).total_seconds() / 3600


def test_each_controller_has_its_own_duty_and_the_fact_is_in_the_journal(rig: Rig) -> None:
    one = report(rig)
    assert [(duty.controller, duty.authority, duty.text) for duty in one.duties] == [
        ("acme-fr", "CNIL", "gdpr-33"), ("acme-uk", "", "uk-gdpr-33"), ("acme-us", "", ""),
    ]  # fmt: skip
    in_three_days = rig.clock.now() + dt.timedelta(hours=72)
    assert dt.datetime.fromisoformat(one.notify_by()) == in_three_days
    assert one.systems == ("crm",)
    (row,) = rig.history(one.incident_id)
    assert (row.type, row.verdict, row.source) == ("IncidentReported", "applied", "/operator")
    assert msgspec.json.decode(row.body or b"", type=Incident) == one
    assert list(rig.engine.audit()) == []


def test_i06_the_owner_hears_of_it_at_once_and_again_until_it_is_closed(rig: Rig) -> None:
    one = report(rig)
    assert rig.engine.fire_timers() == 1
    assert rig.engine.fire_timers() == 0
    waited = []
    for _ in range(6):
        hours = hours_until_told(rig)
        waited.append(round(hours))
        rig.clock.move(hours=hours)
        assert rig.engine.fire_timers() == 1
    assert waited == [24, 24, 18, 6, 24, 24], "before 24, 48, 66 and 72 hours are over, then every day"
    for name in ("acme-fr", "acme-uk", "acme-us"):
        one = tell(rig, one, name)
    rig.engine.fire_timers()
    assert round(hours_until_told(rig)) == 7 * 24, "everybody was told, and it is still open"
    with pytest.raises(UsageError, match="no action"):
        close(rig, one)
    incidents.amend(rig.store, rig.clock, one.incident_id, role="security", action="device_wiped")
    close(rig, one)
    rig.engine.fire_timers()
    assert rig.engine.next_timer() is None
    kinds = [kind for kind, to in notices(rig) if to == "dpo"]
    assert kinds == ["incident_reported", *["incident_open"] * 7, "incident_closed"]


def test_every_version_goes_out_once_as_an_event(rig: Rig) -> None:
    one = report(rig, subjects=3)
    rig.engine.fire_timers()
    rig.clock.move(hours=24)
    rig.engine.fire_timers()
    incidents.amend(rig.store, rig.clock, one.incident_id, role="dpo", subjects=40)
    rig.engine.fire_timers()
    out = [decode_event(publication.body) for publication in rig.engine.publications()]
    events = [event for event in out if event.type == "org.expunge.dsr.incident.v1"]
    assert sorted(event.id for event in events) == [f"{one.incident_id}.1", f"{one.incident_id}.2"]
    told = [msgspec.json.decode(bytes(event.data), type=Incident) for event in events]
    assert sorted(one.subjects or 0 for one in told) == [3, 40]
    assert sum(event.type == "org.expunge.dsr.notice.v1" for event in out) == 3


def test_an_incident_ends_only_as_it_was_dealt_with(rig: Rig) -> None:
    one = report(rig, action="recalled")
    tell(rig, one, "acme-fr")
    with pytest.raises(UsageError, match="not told") as refused:
        close(rig, one)
    assert refused.value.why == "for acme-uk, acme-us"
    done = close(rig, one, "risk_unlikely")
    assert (done.outcome, done.owing(), done.version) == ("risk_unlikely", (), 3)
    with pytest.raises(UsageError, match="it is closed"):
        tell(rig, one, "acme-uk")
    with pytest.raises(UsageError, match="it is closed"):
        close(rig, one, "risk_unlikely")
    assert [row.type for row in rig.history(one.incident_id)] == [
        "IncidentReported", "AuthorityTold", "IncidentClosed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"cause": "Marie lost it"}, "not a code word"),
        ({"categories": ("contact", "He is ill")}, "not a code word"),
        ({"action": "asked Marie"}, "not a code word"),
        ({"owner": "Marie Dupont"}, "a role"),
        ({"role": ""}, "a role"),
        ({"places": ("erp",)}, "no such system"),
        ({"places": ("crm/../x",)}, "no such system"),
        ({"subjects": -1}, "0 or more"),
        ({"records": 1 << 60}, "0 or more"),
        ({"detected_at": "2099-01-01T00:00:00Z"}, "in the future"),
        ({"request_id": "r-none"}, "no such request"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_written(rig: Rig, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        report(rig, **changes)
    assert rig.rows("incidents") == []
    assert rig.rows("journal") == []


def test_a_change_that_cannot_be_is_refused(rig: Rig) -> None:
    one = report(rig)
    other = msgspec.structs.replace(one, incident_id="incident-0")
    for incident, controller, at, what in (
        (one, "acme-de", "", "no such controller"),
        (one, "acme-fr", "2020-01-01T00:00:00Z", "before it was detected"),
        (one, "acme-fr", "2099-01-01T00:00:00Z", "in the future"),
        (other, "acme-fr", "", "no such incident"),
    ):
        with pytest.raises(UsageError, match=what):
            tell(rig, incident, controller, at=at)
    with pytest.raises(UsageError, match="not known"):
        close(rig, one, "forgotten")
    tell(rig, one, "acme-fr")
    with pytest.raises(UsageError, match="noted before"):
        tell(rig, one, "acme-fr")
    assert len(rig.history(one.incident_id)) == 2
