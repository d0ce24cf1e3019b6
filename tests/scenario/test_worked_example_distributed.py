"""The worked example's policy over Kafka and PostgreSQL, on both buses: the same people, the same records (S01-S56)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from connectors.testing.canary import find_canaries
from orchestrator.cli import main
from schemas import batches
from schemas.codec import decode, decode_event
from schemas.completion import CompletionRecord
from schemas.identifiers import Identifier
from schemas.outcomes import Deleted, Kept, KeptWhy, NothingHeld
from schemas.requests import RequestForm, Right, Scope
from schemas.sealing import Binding
from schemas.tasks import Confirmation, Findings, Secret, Task
from schemas.topics import CONFIRMATIONS, tasks_of
from tests.support import bus
from tests.support.distributed import Installation, Workers
from tests.support.home import outcomes_of
from tests.support.odigo import build, insert, keys_in
from tests.support.services import Databases

pytestmark = [pytest.mark.timeout(240)]
KINDS: Final = ("plain", "faust")
COMPANY: Final = "Quillfeather Ltd"


class Who(msgspec.Struct, frozen=True):
    """The people of one bus. A candidate is the contact of a client too: both systems hold one telephone number."""

    first: int
    kind: str

    def mail(self, name: str) -> str:
        return f"{name}.{self.kind}@mailbox.example"

    def phone(self, place: int) -> str:
        return f"+3361999{self.first:02}{place:02}"

    def settle(self, home: Path) -> None:
        """Let them live in the systems: two who applied and are contacts, and a client."""
        for place, name in enumerate(("ada", "dora"), self.first):
            number = self.phone(place)
            insert(home, "hr", "applications", (place, self.mail(name), number, name.title(), "2026-05-01"))
            insert(home, "crm", "contacts", (place, self.mail(f"{name}.at.work"), number, name.title(), "a demo"))
        insert(home, "crm", "clients", (self.first, self.mail("carl"), "Carl", COMPANY, None))

    def forms(self) -> list[RequestForm]:
        """An erasure by the address of the application, one of the application alone, one of the client."""
        ada, dora, carl = (Identifier("email", self.mail(name)) for name in ("ada", "dora", "carl"))
        number = Identifier("phone", self.phone(self.first + 1))
        alone = Scope(systems=("hr",))
        return [
            RequestForm(Right.ERASURE, (ada,), request_id=f"candidate-{self.kind}", controllers=("odigo-be",)),
            RequestForm(Right.ERASURE, (dora, number), request_id=f"application-{self.kind}", scope=alone),
            RequestForm(Right.ERASURE, (carl,), request_id=f"client-{self.kind}"),
        ]


PEOPLE: Final = {kind: Who(10 * number, kind) for number, kind in enumerate(KINDS, 1)}


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory, kafka: str, postgres_server: Databases
) -> Iterator[Installation]:
    home = build(tmp_path_factory.mktemp("odigo") / "home", wider=True)
    for who in PEOPLE.values():
        who.settle(home)
    url = postgres_server.create()
    yield Installation(home, kafka, url)
    postgres_server.drop(url)


@pytest.fixture(scope="module")
def workers(installation: Installation) -> Iterator[Workers]:
    with Workers(installation) as working:
        yield working
    assert working.failures == []


class Worked(msgspec.Struct):
    """What one bus made of its people's requests."""

    who: Who
    home: Path
    records: dict[str, CompletionRecord]
    tasks: dict[str, list[Task]]
    """By system."""
    raw: dict[str, bytes]
    """Everything of a topic of tasks, by system, with keys and headers."""
    answers: list[Confirmation]
    installation: Installation

    def record(self, name: str) -> CompletionRecord:
        return self.records[f"{name}-{self.who.kind}"]

    def got(self, system: str, name: str) -> list[Secret]:
        """What a worker got of a request: the tasks opened with its system's own key."""
        key = self.installation.keys.system(system)
        found = []
        for task in self.tasks[system]:
            if task.request_id == f"{name}-{self.who.kind}":
                bound = Binding(req=task.request_id, task=task.task_id, sys=system, use="task")
                found.append(decode(key.open(task.sealed, bound), Secret))
        return found

    def told_by(self, system: str) -> bytes:
        """What a system told of whom it found, in clear."""
        key = self.installation.keys.system(system)
        sealed = [one for one in self.answers if one.system == system and one.sealed]
        bounds = [Binding(req=one.request_id, task=one.task_id, sys=system, use="findings") for one in sealed]
        opened = [decode(key.open(one.sealed, at), Findings) for one, at in zip(sealed, bounds, strict=True)]
        return b"".join(msgspec.json.encode(one) for one in opened)


def _events(installation: Installation, topic: str) -> tuple[list[Any], bytes]:
    messages = bus.read(installation.kafka, topic)
    raw = b"".join(b"%b %b %b\n" % (one.key or b"", one.value, repr(one.headers).encode()) for one in messages)
    events = [event for one in messages for event in batches.unpack(one.value)]
    assert all(isinstance(event, bytes) for event in events)
    return [decode_event(event).data for event in events if isinstance(event, bytes)], raw


@pytest.fixture(scope="module", params=KINDS)
def worked(request: pytest.FixtureRequest, installation: Installation, workers: Workers) -> Worked:
    """Publish the requests of a bus, and let its process carry them out; its people are nobody else's."""
    assert workers is not None
    who = PEOPLE[request.param]
    forms = who.forms()
    with installation.orchestrate(request.param) as process:
        installation.publish(forms)
        bus.wait_for(lambda: {one.request_id for one in forms} <= set(installation.records()), 90)
        code, said = process.stop()
    assert code == 0, said
    tasks = {name: _events(installation, tasks_of(name).name) for name in installation.systems}
    return Worked(
        who,
        installation.home,
        installation.records(),
        {name: [decode(bytes(one), Task) for one in events] for name, (events, _) in tasks.items()},
        {name: raw for name, (_, raw) in tasks.items()},
        [decode(bytes(one), Confirmation) for one in _events(installation, CONFIRMATIONS.name)[0]],
        installation,
    )


def test_s01_s14_a_client_with_an_active_contract_no_ground_and_no_exception(worked: Worked) -> None:
    record = worked.record("client")
    kept = outcomes_of(record)["crm/clients"]
    assert isinstance(kept, Kept)
    assert (kept.why, kept.until, kept.review_by is None) == (KeptWhy.NO_GROUND, None, False)
    assert worked.who.first in keys_in(worked.home, "crm", "clients")
    assert record.policy_version == "2022-03-31"
    candidate = worked.record("candidate")
    assert candidate.controllers == ("odigo-be",)
    assert set(candidate.bound_controllers) == {f"odigo-{one}" for one in ("fr", "es", "uk", "de", "nl", "be")}
    others = {name: one for name, one in outcomes_of(record).items() if name != "crm/clients"}
    assert set(map(type, others.values())) == {NothingHeld}
    assert {"events/registrations", "hr/applications"} < set(others), "asked everywhere, whoever was asked (S01)"


def test_s07_s19_the_crm_does_not_learn_of_the_application(worked: Worked) -> None:
    ada, number, at_work = worked.who.mail("ada"), worked.who.phone(worked.who.first), worked.who.mail("ada.at.work")
    assert isinstance(outcomes_of(worked.record("candidate"))["hr/applications"], Deleted)
    assert worked.who.first not in keys_in(worked.home, "hr", "applications")
    assert worked.who.first in keys_in(worked.home, "crm", "contacts")
    assert isinstance(outcomes_of(worked.record("candidate"))["crm/contacts"], NothingHeld)
    assert worked.record("candidate").identifier_kinds == ("email",)
    # HR told the orchestrator of the number that both hold; what the CRM got has the address she wrote, and no more.
    assert find_canaries(worked.told_by("hr"), [number]) == [number]
    got = worked.got("crm", "candidate")
    assert [[one.value for one in each.identifiers] for each in got] == [[ada]]
    clear = b"".join(msgspec.json.encode(one) for one in got)
    assert find_canaries(clear, [ada, number, at_work]) == [ada], "the search finds what is there"
    # And its topic, byte by byte: nobody's values, and no word of what the other system is for.
    every = [one.value for form in worked.who.forms() for one in form.identifiers] + [number, at_work, COMPANY]
    assert find_canaries(worked.raw["crm"], every) == []
    for word in (b"applications", b"recruitment", b"pre_contractual", b'"hr"'):
        assert word not in worked.raw["crm"] + clear, word
    assert b'"hr"' in worked.raw["hr"], "so would it stand there"


def test_s07_only_my_application(worked: Worked) -> None:
    place = worked.who.first + 1
    record = worked.record("application")
    assert [one.system for one in record.systems] == ["hr"]
    assert set(record.not_searched) == {"crm", "events", "logs"}
    assert place not in keys_in(worked.home, "hr", "applications")
    assert place in keys_in(worked.home, "crm", "contacts"), "the number given would have found her there"
    name = record.request_id.encode()
    assert [name in worked.raw[system] for system in ("hr", "crm", "events", "logs")] == [True, False, False, False]


def test_s49_the_person_in_charge_sees_the_same_over_postgresql(
    worked: Worked, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", f"client-{worked.who.kind}", "--why", "--home", str(worked.home)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "version 2022-03-31" in out
    assert "open:policy:clients:6m" in out
    for calendar in ("FR", "ES", "GB", "DE", "NL", "BE"):
        assert f"{calendar}: " in out
