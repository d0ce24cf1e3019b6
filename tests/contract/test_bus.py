"""What both adapters of the bus promise, on a real Kafka: every member is a process, as in earnest."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from connectors.kafka.client import client_options
from orchestrator.runtime.distributed import _Agent
from tests.support import bus
from tests.support.bus import Member, handled, wait_for
from tests.support.services import Kafka

BUSES = ("plain", "faust")
Start = Callable[..., Member]


@pytest.fixture(params=BUSES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def topics(kafka: str) -> Iterator[list[str]]:
    names = [bus.unique("requests"), bus.unique("confirmations")]
    bus.create(kafka, {names[0]: 2, names[1]: 2})
    yield names
    bus.delete(kafka, names)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "handled"


@pytest.fixture
def start(kind: str, kafka: str, topics: Sequence[str], log: Path) -> Iterator[Start]:
    group = bus.unique("group")
    members: list[Member] = []

    def begin(**more: object) -> Member:
        members.append(Member(kind, kafka, group, topics, log, **more))
        return members[-1]

    yield begin
    for one in members:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def values(log: Path) -> list[str]:
    return [one["value"] for one in handled(log)]


def test_every_topic_is_read_in_the_order_of_its_partitions_and_sigterm_ends_with_zero(
    start: Start, kafka: str, topics: Sequence[str], log: Path
) -> None:
    for topic in topics:
        for partition in (0, 1):
            bus.write(kafka, topic, [f"{topic}/{partition}/{n}".encode() for n in range(300)], partition)
    member = start()
    wait_for(lambda: len(handled(log)) >= 1200)
    assert member.stop() == (0, "")
    for topic in topics:
        for partition in (0, 1):
            here = [one for one in handled(log) if (one["topic"], one["partition"]) == (topic, partition)]
            assert [one["value"] for one in here] == [f"{topic}/{partition}/{n}" for n in range(300)]
    sizes = Counter((one["topic"], one["partition"], one["batch"]) for one in handled(log))
    assert max(sizes.values()) > 1, "what is there is handled in batches"


def test_what_was_handled_is_not_read_again_by_the_next_process(
    start: Start, kafka: str, topics: Sequence[str], log: Path
) -> None:
    bus.write(kafka, topics[0], [b"1", b"2", b"3"])
    member = start()
    wait_for(lambda: len(handled(log)) == 3)
    assert member.stop()[0] == 0
    bus.write(kafka, topics[0], [b"4"])
    member = start()
    wait_for(lambda: len(handled(log)) >= 4)
    assert member.stop()[0] == 0
    assert values(log) == ["1", "2", "3", "4"]


def test_a_failure_of_the_handler_ends_the_process_and_acknowledges_nothing_of_its_batch(
    start: Start, kafka: str, topics: Sequence[str], log: Path
) -> None:
    bus.write(kafka, topics[0], [b"fine"])
    member = start(fail_on="bad")
    wait_for(lambda: values(log) == ["fine"])
    bus.write(kafka, topics[0], [b"before", b"bad", b"after"])
    assert member.end() == (3, "ZeroDivisionError: bad\n")
    assert values(log)[0] == "fine"
    assert "bad" not in values(log)
    assert "after" not in values(log)
    member = start()
    wait_for(lambda: len(handled(log)) >= 4)
    assert member.stop()[0] == 0
    assert values(log) == ["fine", "before", "bad", "after"]


def test_a_batch_that_runs_when_the_process_is_told_to_end_is_finished_and_acknowledged(
    start: Start, kafka: str, topics: Sequence[str], log: Path
) -> None:
    member = start()
    bus.write(kafka, topics[0], [b"warm"])
    wait_for(lambda: values(log) == ["warm"])
    assert member.stop()[0] == 0
    member = start(slow=2)
    bus.write(kafka, topics[0], [b"slow"])
    wait_for(lambda: log.with_suffix(".busy").exists())
    assert member.stop()[0] == 0
    assert values(log) == ["warm", "slow"]
    member = start()
    bus.write(kafka, topics[0], [b"last"])
    wait_for(lambda: values(log)[-1] == "last")
    assert values(log) == ["warm", "slow", "last"]


def test_a_killed_member_is_followed_by_another_and_nothing_is_lost(
    start: Start, kafka: str, topics: Sequence[str], log: Path
) -> None:
    first = start(name="first", slow=0.2)
    bus.write(kafka, topics[0], [str(n).encode() for n in range(100)])
    bus.write(kafka, topics[1], [str(n).encode() for n in range(100, 200)])
    wait_for(lambda: handled(log))
    first.process.kill()
    bus.write(kafka, topics[0], [str(n).encode() for n in range(200, 300)], 1)
    start(name="second")
    wait_for(lambda: set(values(log)) == {str(n) for n in range(300)})


def test_a_second_member_takes_over_partitions_and_gives_them_back(
    start: Start, kafka: str, topics: Sequence[str], log: Path, kind: str
) -> None:
    sent = 0

    def more() -> None:
        nonlocal sent
        for topic in topics:
            for partition in (0, 1):
                bus.write(kafka, topic, [f"{sent + n}".encode() for n in range(5)], partition)
                sent += 5

    start(name="first")
    more()
    wait_for(lambda: len(set(values(log))) == sent)
    second = start(name="second")

    def second_works() -> bool:
        more()
        wait_for(lambda: len(set(values(log))) == sent)
        return any(one["member"] == "second" for one in handled(log))

    wait_for(second_works)
    assert second.stop()[0] == 0
    more()
    wait_for(lambda: len(set(values(log))) == sent)
    assert handled(log)[-1]["member"] == "first"
    if kind == "plain":  # Faust forgets what it has not committed yet when a partition goes; the journal knows it
        assert len(values(log)) == len(set(values(log))), "a planned handover repeats nothing"


def test_a_member_that_was_frozen_for_longer_than_its_session_works_again(
    start: Start, kafka: str, topics: Sequence[str], log: Path
) -> None:
    member = start(name="zombie")
    bus.write(kafka, topics[0], [b"before"])
    wait_for(lambda: values(log) == ["before"])
    member.process.send_signal(signal.SIGSTOP)
    time.sleep(bus.SESSION_MS / 1000 + 2)
    bus.write(kafka, topics[1], [b"meanwhile"], 1)
    member.process.send_signal(signal.SIGCONT)
    wait_for(lambda: "meanwhile" in values(log))
    bus.write(kafka, topics[0], [b"after"], 1)
    wait_for(lambda: "after" in values(log))
    assert member.stop()[0] == 0


def test_reading_begins_where_the_store_is_and_not_at_the_committed_offset(
    start: Start, kafka: str, topics: Sequence[str], log: Path, kind: str
) -> None:
    bus.write(kafka, topics[0], [b"0", b"1", b"2", b"3"])
    member = start()
    wait_for(lambda: len(handled(log)) == 4)
    # A kill right after the store's commit: the group's offset stays behind.
    assert member.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    bus.write(kafka, topics[0], [b"4"])
    start()
    wait_for(lambda: "4" in values(log))
    repeated = len(values(log)) - 5
    assert repeated == 0 if kind == "plain" else repeated in {0, 4}


def test_a_topic_that_is_missing_is_named_at_once(kind: str, kafka: str, topics: Sequence[str], log: Path) -> None:
    member = Member(kind, kafka, bus.unique("group"), [topics[0], "expunge.missing"], log)
    code, said = member.end()
    assert (code, said) == (
        3,
        "MisconfiguredError: [kafka] topics are missing: expunge.missing; run `expunge kafka apply`\n",
    )


def test_a_group_that_is_read_by_the_other_bus_is_refused_and_not_waited_for_in_silence(
    kind: str, kafka: str, topics: Sequence[str], tmp_path: Path, log: Path
) -> None:
    group = bus.unique("group")
    other = next(one for one in BUSES if one != kind)
    first = Member(kind, kafka, group, topics, log)
    bus.write(kafka, topics[0], [b"one"])
    wait_for(lambda: values(log))
    second = Member(other, kafka, group, topics, tmp_path / "second")
    code, said = second.end()
    assert code != 0
    assert "another --bus" in said
    assert first.stop()[0] == 0


def test_faust_that_is_stopped_before_its_group_let_it_in_ends() -> None:
    async def stopped() -> None:
        await asyncio.wait_for(_Agent(lambda _: None).finished(), 5)

    asyncio.run(stopped())


def test_nothing_that_travels_is_logged_at_any_level(
    start: Start, kafka: str, topics: Sequence[str], log: Path
) -> None:
    member = start(debug=True)
    bus.write(kafka, topics[0], [b"canary-value"])
    wait_for(lambda: values(log) == ["canary-value"])
    code, said = member.stop()
    assert code == 0
    assert "DEBUG" in said, "the program itself logs everything"
    assert "canary" not in said


@pytest.fixture(scope="module")
def kafka_sasl() -> Iterator[str]:
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    secured = Kafka(
        environment={
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:SASL_PLAINTEXT",
            "KAFKA_SASL_ENABLED_MECHANISMS": "PLAIN",
            "KAFKA_SASL_MECHANISM_INTER_BROKER_PROTOCOL": "PLAIN",
            "KAFKA_LISTENER_NAME_PLAINTEXT_PLAIN_SASL_JAAS_CONFIG": (
                f'{login} username="broker" password="b" user_broker="b" user_orchestrator="right-password";'
            ),
        }
    )
    secured.answers = lambda: _lets_in(secured.address)  # type: ignore[method-assign]  # its own has no password
    with secured as one:
        yield one.address


SASL = {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}
RIGHT = {"EXPUNGE_KAFKA_USERNAME": "orchestrator", "EXPUNGE_KAFKA_PASSWORD": "right-password"}


def _lets_in(address: str) -> None:
    options = client_options(bus.settings(address, request_timeout_ms=3_000, **SASL), RIGHT)
    KafkaAdminClient(**options).close()


@pytest.mark.parametrize(
    ("password", "expected"),
    [("canary-wrong", "[kafka] the brokers do not let us in"), ("right-password", "[kafka] topics are missing: any")],
)
def test_credentials_are_used_and_wrong_ones_are_a_clear_error(
    kind: str, kafka_sasl: str, log: Path, password: str, expected: str
) -> None:
    env = RIGHT | {"EXPUNGE_KAFKA_PASSWORD": password}
    # On a busy machine a refusal takes its time; one that comes too late reads as "unreachable".
    patient = {**SASL, "request_timeout_ms": 30_000}
    code, said = Member(kind, kafka_sasl, bus.unique("group"), ["any"], log, settings=patient, env=env).end()
    assert code == 3
    assert said.startswith(f"MisconfiguredError: {expected}")
    assert "canary" not in said
