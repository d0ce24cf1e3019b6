"""Workers as processes on a real Kafka: nothing is lost, nothing counts twice, whatever ends them."""

from __future__ import annotations

import base64
import datetime as dt
import json
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from connectors.testing.people import person
from orchestrator.core.model import Phase
from orchestrator.keys.folder import Jwk, KeyFolder
from orchestrator.runtime.embedded import Embedded
from schemas.codec import decode, decode_event
from schemas.outcomes import Failed, Located, NothingHeld
from schemas.sealing import Binding, SharedKey, b64u
from schemas.tasks import Task
from tests.support import bus
from tests.support.company import SYSTEMS, Company, bystanders_differ, made_up
from tests.support.home import erasure, state_of
from tests.support.working import Post, Process, connected, ending, fresh_topics

TODAY = dt.date(2026, 3, 1)


@pytest.fixture
def company(tmp_path: Path, kafka: str) -> Company:
    fresh_topics(kafka)
    return connected(Company.build(tmp_path / "company", 60, TODAY), kafka)


@pytest.fixture
def post(company: Company, kafka: str) -> Post:
    return Post(company, kafka)


def worker(company: Company, tmp_path: Path, system: str = "crm", name: str = "one") -> Process:
    return Process(company.home, tmp_path / f"{system}-{name}.log", "connect", system)


def email(number: int) -> str:
    return made_up(1000 + number).email


def test_many_tasks_are_answered_and_a_signal_ends_it_with_nothing_left(
    company: Company, post: Post, tmp_path: Path
) -> None:
    one = worker(company, tmp_path)
    with ending(one):
        post.send(*(post.locate(f"t{n}", email(n % 60)) for n in range(250)))
        answers = post.wait(*(f"t{n}" for n in range(250)))
        assert all(len(many) == 1 for many in answers.values())
        assert isinstance(answers["t0"][0].outcomes["contacts"], Located)
        code, out = one.end()
        assert code == 0, one.said()
        assert json.loads(out)["tasks"] == 250
        assert email(0) not in one.said()
        beats = post.heartbeats()
        assert {one.state for one in beats} >= {"ready", "stopping"}
        assert {one.kids for one in beats} == {post.keys.kids}
    again = worker(company, tmp_path, name="again")
    with ending(again):
        post.send(post.locate("after", email(1)))
        assert post.wait("after")["t0"] == answers["t0"], "what was committed does not come again"
        assert len(post.answers()) == 251


def test_what_is_no_task_is_buried_alone_and_its_neighbours_are_answered(
    company: Company, post: Post, tmp_path: Path
) -> None:
    good = [post.locate(f"g{n}", email(n)) for n in range(3)]
    task = decode(bytes(decode_event(good[0]).data), Task)
    moved = post.event(msgspec.structs.replace(task, task_id="moved"))
    forged = msgspec.json.decode(post.locate("forged", email(1)))
    forged["data"]["action"] = "erase"
    foreign = msgspec.json.decode(good[1])
    foreign["data"]["system"] = "hr"
    one = worker(company, tmp_path)
    with ending(one):
        secret = b"\xff garbage ann.canary@example.org"
        inside = [good[0], b'"ann.canary@example.org"', msgspec.json.encode(foreign), b'{"id":1}', good[1]]
        post.raw(
            secret, b"", b"[" + b",".join(inside) + b"]", b'[{"cut off', moved, msgspec.json.encode(forged), good[2]
        )
        answers = post.wait("g0", "g1", "g2", "moved")
        assert set(answers["moved"][0].outcomes.values()) == {Failed("permanent", "seal")}  # type: ignore[arg-type]
        bus.wait_for(lambda: len(post.buried()) == 7)
        errors = sorted(one["error"] for one in post.buried())
        assert errors == [
            "AnotherSystem", "ForgedTask", "MalformedMessageError", "MalformedMessageError", "batch_malformed",
            "not_an_object", "not_an_object",
        ]  # fmt: skip
        keys = KeyFolder(company.home / "keys", ["crm"])
        bound = Binding(sys="crm", use="dead-letter")
        opened = {keys.intake.open(base64.b64decode(one["sealed"]).decode(), bound) for one in post.buried()}
        assert secret in opened
        assert "canary" not in one.said()
        assert one.end()[0] == 0


def test_a_key_that_is_not_there_yet_is_waited_for(company: Company, post: Post, tmp_path: Path) -> None:
    new = SharedKey("new-key-7", bytes(range(32)))
    one = worker(company, tmp_path)
    with ending(one):
        post.send(post.locate("old", email(1)), post.locate("new", email(2), new))
        post.wait("old")
        bus.wait_for(lambda: "waiting_for_key" in {one.state for one in post.heartbeats()})
        assert "new" not in post.answers()
        assert "key.unknown" in one.said()
        file = company.home / "keys" / "system-crm.new-key-7.jwk"
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.encode(Jwk("oct", kid="new-key-7", k=b64u(bytes(range(32))))))
        post.keys.reload()
        answers = post.wait("old", "new")
        assert isinstance(answers["new"][0].outcomes["contacts"], Located)
        assert post.buried() == []
        post.send(post.locate("later", email(3)))
        post.wait("later")
        assert one.end()[0] == 0


def test_i11_a_worker_that_is_killed_leaves_its_tasks_to_another(company: Company, post: Post, tmp_path: Path) -> None:
    first = worker(company, tmp_path, name="first")
    second = worker(company, tmp_path, name="second")
    with ending(first, second):
        post.send(post.locate("begin", email(0)))
        post.wait("begin")
        wanted = []
        for round_ in range(4):
            ids = [f"k{round_}-{n}" for n in range(150)]
            for place, part in enumerate((ids[:75], ids[75:])):
                post.send(*(post.locate(one, email(n % 60)) for n, one in enumerate(part)), partition=place)
            wanted += ids
            if round_ == 1:
                first.kill()
        answers = post.wait(*wanted)
        for many in answers.values():
            assert len({json.dumps(msgspec.to_builtins(one.outcomes), sort_keys=True) for one in many}) == 1
        assert second.end()[0] == 0


def test_i11_a_worker_that_wakes_after_its_partitions_went_to_another_harms_nobody(
    company: Company, post: Post, tmp_path: Path
) -> None:
    zombie = worker(company, tmp_path, name="zombie")
    with ending(zombie):
        post.send(post.locate("a", email(0)))
        post.wait("a")
        zombie.signal(signal.SIGSTOP)
        other = worker(company, tmp_path, name="other")
        with ending(other):
            post.send(*(post.locate(f"b{n}", email(n)) for n in range(50)))
            post.wait(*(f"b{n}" for n in range(50)), seconds=20)
            zombie.signal(signal.SIGCONT)
            for place in (0, 1):
                post.send(*(post.locate(f"c{place}-{n}", email(n)) for n in range(50)), partition=place)
            answers = post.wait(*(f"c{place}-{n}" for place in (0, 1) for n in range(50)))
            assert all(isinstance(many[0].outcomes["contacts"], Located) for many in answers.values())
            assert zombie.end()[0] == 0, zombie.said()
            assert other.end()[0] == 0, other.said()


def test_one_worker_at_a_time_works_on_files_and_the_other_stands_by(
    company: Company, kafka: str, tmp_path: Path
) -> None:
    post = Post(company, kafka, "events")
    first = worker(company, tmp_path, "events", "first")
    with ending(first):
        post.send(post.locate("a", email(1)))
        post.wait("a")
        second = worker(company, tmp_path, "events", "second")
        with ending(second):
            bus.wait_for(lambda: "standby" in {one.state for one in post.heartbeats()})
            post.send(post.locate("b", person(8_999).email))
            answers = post.wait("b")
            assert set(answers["b"][0].outcomes.values()) == {NothingHeld()}
            first.kill()
            post.send(post.locate("c", email(2)))
            post.wait("c", seconds=20)
            assert second.end()[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "system", "code", "said"),
    [
        ("", "", "crn", 2, "did you mean 'crm'"),
        ("[kafka]\nbootstrap_servers", "[kafka]\n#", "crm", 2, "no broker is named"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(
    company: Company, tmp_path: Path, old: str, new: str, system: str, code: int, said: str
) -> None:
    file = company.home / "expunge.toml"
    file.write_text(file.read_text().replace(old, new) if old else file.read_text())
    one = worker(company, tmp_path, system)
    with ending(one):
        one.process.wait(30)
        assert one.process.returncode == code
        assert said in one.said()


def test_a_missing_topic_or_key_is_said_at_the_start(company: Company, kafka: str, tmp_path: Path) -> None:
    bus.delete(kafka, ["expunge.tasks.hr"])
    one = worker(company, tmp_path, "hr")
    with ending(one):
        one.process.wait(40)
        assert one.process.returncode == 2
        assert "expunge.tasks.hr is not there" in one.said()
        assert "expunge kafka apply" in one.said()
    (company.home / "keys" / "system-hr.jwk").unlink()
    two = worker(company, tmp_path, "hr", "two")
    with ending(two):
        two.process.wait(30)
        assert two.process.returncode == 2
        assert "a key is missing" in two.said()


def test_everything_over_kafka_while_workers_are_killed(company: Company, post: Post, tmp_path: Path) -> None:
    people = range(1000, 1040)
    with Embedded.open(company.home) as home:
        home.submit([erasure(f"e{one}", email=made_up(one).email, ip=made_up(one).ip) for one in people])
    before = company.snapshot_bystanders(people)
    orchestrate = Process(company.home, tmp_path / "orchestrate.log", "orchestrate", "--bus", "plain")
    workers = [worker(company, tmp_path, name) for name in SYSTEMS]
    doomed = worker(company, tmp_path, "crm", "doomed")
    with ending(orchestrate, *workers, doomed):
        bus.wait_for(lambda: len(post.answers_of_anybody()) > 40, 60)
        doomed.kill()

        def closed() -> bool:
            return all(state_of(company.home, f"e{one}").phase is Phase.CLOSED for one in people)

        bus.wait_for(closed, 60)
        assert all(not state_of(company.home, f"e{one}").attention for one in people)
        doctor = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "orchestrator", "doctor", "--home", str(company.home), "-o", "json"],
            cwd=bus.ROOT,
            capture_output=True,
            check=False,
        )
        levels = {one["check"]: one["level"] for one in json.loads(doctor.stdout)}
        assert {levels[f"workers of {one}"] for one in SYSTEMS} == {"ok"}, doctor.stdout
        assert [one.end()[0] for one in workers] == [0, 0, 0, 0]
        assert orchestrate.end()[0] == 0
    assert post.buried() == []
    assert bystanders_differ(before, company.contents(), people) == []


def test_a_key_rotates_under_load_without_a_dead_letter(company: Company, post: Post, tmp_path: Path) -> None:
    def expunge(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-W", "ignore", "-m", "orchestrator", *arguments, "--home", str(company.home)]
        done = subprocess.run([*command, "-o", "json"], cwd=bus.ROOT, capture_output=True, check=False)
        return done.returncode, (done.stdout + done.stderr).decode()

    one = worker(company, tmp_path)
    wanted: list[str] = []

    def load(name: str) -> None:
        some = [f"{name}-{n}" for n in range(120)]
        post.send(*(post.locate(one, email(n % 60)) for n, one in enumerate(some)))
        wanted.extend(some)

    with ending(one):
        load("before")
        post.wait("before-1")
        code, said = expunge("keys", "add", "crm")
        assert code == 0, said
        kid = json.loads(said[: said.index("}") + 1])["kid"]
        load("handed-out")
        bus.wait_for(lambda: any(kid in beat.kids for beat in post.heartbeats()))
        assert expunge("keys", "activate", "crm", kid)[0] == 0
        old = post.keys.active().kid
        load("old")
        post.keys.reload()
        assert post.keys.active().kid == kid != old
        load("new")
        post.wait(*wanted)
        assert post.buried() == []
        code, said = expunge("keys", "retire", "crm", old)
        assert (code, old in said) == (0, False)
        assert expunge("keys", "retire", "crm", kid)[0] == 2
        assert one.end()[0] == 0
