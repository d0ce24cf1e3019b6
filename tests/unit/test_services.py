"""The services that other tests rely on: what is real about them, and what a kill leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
import redis
import sqlalchemy as sa

from tests.support import services
from tests.support.absent import SERVICE_ABSENT
from tests.support.services import Databases, Kafka, Postgres, Redis


def test_a_database_is_new_and_empty(postgres_server: Databases) -> None:
    first, second = postgres_server.create(), postgres_server.create()
    try:
        engine = sa.create_engine(first)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (a int)")
        engine.dispose()
        assert sa.inspect(sa.create_engine(first, poolclass=sa.NullPool)).get_table_names() == ["t"]
        assert sa.inspect(sa.create_engine(second, poolclass=sa.NullPool)).get_table_names() == []
    finally:
        postgres_server.drop(first)
        postgres_server.drop(second)


@pytest.mark.parametrize("time", [1, 2])
def test_redis_is_empty_before_each_test(redis_url: str, time: int) -> None:
    with redis.Redis.from_url(redis_url) as one:
        assert one.dbsize() == 0
        one.set("left", "over")


def test_the_broker_makes_no_topic_by_itself(kafka: str) -> None:
    from kafka import KafkaAdminClient, KafkaProducer, errors

    producer = KafkaProducer(bootstrap_servers=kafka, max_block_ms=1500)
    try:
        with pytest.raises(errors.KafkaTimeoutError):
            producer.send("never-created", b"x").get(5)
    finally:
        producer.close()
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        assert "never-created" not in admin.list_topics()
    finally:
        admin.close()


@pytest.mark.chaos
def test_a_killed_broker_comes_back_with_its_topics(own_kafka: Kafka, tmp_path: Path) -> None:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

    admin = KafkaAdminClient(bootstrap_servers=own_kafka.address)
    admin.create_topics(["kept"])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=own_kafka.address)
    producer.send("kept", b"before the kill").get(10)
    producer.close()
    own_kafka.kill()
    own_kafka.start()
    consumer = KafkaConsumer("kept", bootstrap_servers=own_kafka.address, auto_offset_reset="earliest")
    try:
        assert next(consumer).value == b"before the kill"
    finally:
        consumer.close()
    own_kafka.kill()
    files = [one.read_bytes() for one in own_kafka.copy_data(tmp_path / "kafka").rglob("*") if one.is_file()]
    assert any(b"before the kill" in one for one in files)


@pytest.mark.chaos
def test_a_killed_database_comes_back_with_what_was_committed(own_postgres: Postgres, tmp_path: Path) -> None:
    where = f"host=127.0.0.1 port={own_postgres.port} user=postgres dbname=postgres connect_timeout=3"
    with psycopg.connect(where) as one:
        one.execute("CREATE TABLE t (a text)")
        one.execute("INSERT INTO t VALUES ('canary-in-a-row')")
    own_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(where)
    own_postgres.start()
    with psycopg.connect(where) as one:
        assert one.execute("SELECT a FROM t").fetchall() == [("canary-in-a-row",)]
        assert one.execute("SHOW fsync").fetchone() == ("on",)
    own_postgres.stop()
    files = [one.read_bytes() for one in own_postgres.copy_data(tmp_path / "postgres").rglob("*") if one.is_file()]
    assert any(b"canary-in-a-row" in one for one in files)


@pytest.mark.chaos
def test_a_paused_redis_answers_nobody_until_it_goes_on(own_redis: Redis, tmp_path: Path) -> None:
    with redis.Redis.from_url(own_redis.url, socket_timeout=0.5, retry=cast("Any", None)) as one:
        one.set("here", "canary-in-redis")
        own_redis.pause()
        with pytest.raises(redis.TimeoutError):
            one.ping()
        own_redis.resume()
        assert one.get("here") == b"canary-in-redis"
        own_redis.kill()
        with pytest.raises(redis.ConnectionError):
            one.ping()
        own_redis.start()
        assert one.get("here") == b"canary-in-redis"
    files = [one.read_bytes() for one in own_redis.copy_data(tmp_path / "redis").rglob("*") if one.is_file()]
    assert any(b"canary-in-redis" in one for one in files)


def test_without_an_engine_a_service_is_absent_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "why_no_engine", lambda: "ConnectionError: nobody there")
    with pytest.raises(pytest.skip.Exception, match=f"{SERVICE_ABSENT} redis; .*nobody there"):
        Redis().start()


def test_a_server_that_never_answers_is_reported_with_its_log(
    own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_redis.kill()
    with pytest.raises(TimeoutError, match=r"exited(.|\n)*Ready to accept connections"):
        own_redis.wait()
