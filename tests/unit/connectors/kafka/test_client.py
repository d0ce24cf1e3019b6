from __future__ import annotations

import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, errors

from connectors.errors import ConnectorError, MisconfiguredError, UnavailableError
from connectors.kafka.client import client_options, consumer_options, friendly, producer_options
from connectors.kafka.settings import KafkaSettings

HERE = ("localhost:9092",)
SECRETS = {"EXPUNGE_KAFKA_USERNAME": "orchestrator", "EXPUNGE_KAFKA_PASSWORD": "canary-password"}
SASL = KafkaSettings(bootstrap_servers=HERE, security_protocol="SASL_SSL")


def test_every_option_is_one_that_the_library_knows() -> None:
    settings = KafkaSettings(bootstrap_servers=HERE)
    assert not consumer_options(settings, "g").keys() - KafkaConsumer.DEFAULT_CONFIG.keys()
    assert not producer_options(settings).keys() - KafkaProducer.DEFAULT_CONFIG.keys()
    assert not client_options(SASL, SECRETS).keys() - KafkaProducer.DEFAULT_CONFIG.keys()


def test_a_consumer_commits_only_when_told_to_and_makes_no_topic() -> None:
    options = consumer_options(KafkaSettings(bootstrap_servers=HERE), "g")
    assert options["enable_auto_commit"] is False
    assert options["allow_auto_create_topics"] is False
    assert options["auto_offset_reset"] == "earliest"
    assert (options["session_timeout_ms"], options["heartbeat_interval_ms"]) == (10_000, 2_000)


def test_a_producer_is_idempotent_and_waits_for_all_replicas() -> None:
    options = producer_options(KafkaSettings(bootstrap_servers=HERE))
    assert (options["enable_idempotence"], options["acks"], options["allow_auto_create_topics"]) == (True, "all", False)


def test_sasl_takes_name_and_password_from_the_environment() -> None:
    options = client_options(SASL, SECRETS)
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["sasl_plain_username"] == "orchestrator"
    assert options["sasl_plain_password"] == "canary-password"
    assert "sasl_mechanism" not in client_options(KafkaSettings(bootstrap_servers=HERE), SECRETS)


def test_a_password_that_is_missing_is_named_by_its_variable() -> None:
    with pytest.raises(MisconfiguredError, match="EXPUNGE_KAFKA_PASSWORD is not set"):
        client_options(SASL, {"EXPUNGE_KAFKA_USERNAME": "me"})


def test_tls_takes_the_files_it_is_given_and_misses_those_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("PEM")
    settings = KafkaSettings(bootstrap_servers=HERE, security_protocol="SSL", ca_file=str(file))
    assert client_options(settings)["ssl_cafile"] == str(file)
    assert "ssl_certfile" not in client_options(settings)
    with pytest.raises(MisconfiguredError, match="ca_file cannot be read"):
        client_options(KafkaSettings(bootstrap_servers=HERE, security_protocol="SSL", ca_file=str(tmp_path / "none")))
    half = KafkaSettings(bootstrap_servers=HERE, security_protocol="SSL", certificate_file=str(file))
    with pytest.raises(MisconfiguredError, match="belong together"):
        client_options(half)


def test_no_broker_is_a_wrong_configuration() -> None:
    with pytest.raises(MisconfiguredError, match="no broker is named"):
        client_options(KafkaSettings())


def test_the_library_does_not_log_what_travels() -> None:
    client_options(KafkaSettings(bootstrap_servers=HERE))
    for name in ("kafka.producer.kafka", "kafka.consumer.fetcher", "kafka.net.connection", "aiokafka.producer"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (errors.SaslAuthenticationFailedError("canary"), MisconfiguredError, "do not let us in"),
        (errors.TopicAuthorizationFailedError("canary"), MisconfiguredError, "not allowed to use topic t"),
        (errors.UnknownTopicOrPartitionError("canary"), MisconfiguredError, "topic t is not there"),
        (errors.MessageSizeTooLargeError("canary"), MisconfiguredError, "too large for topic t"),
        (errors.KafkaConfigurationError("canary"), MisconfiguredError, "do not fit"),
        (errors.KafkaTimeoutError("canary"), UnavailableError, "topic t cannot be reached: KafkaTimeoutError"),
        (errors.NotEnoughReplicasError("canary"), UnavailableError, "topic t cannot be reached"),
        (ConnectionRefusedError("canary"), UnavailableError, "topic t cannot be reached"),
    ],
)
def test_errors_say_who_mends_them_and_quote_nothing(error: Exception, kind: type[ConnectorError], text: str) -> None:
    with pytest.raises(kind) as caught, friendly("topic t"):
        raise error
    assert text in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "fix" not in str(caught.value)
    assert caught.value.__suppress_context__


UNREACHABLE = """
import sys
from kafka import KafkaProducer
from connectors.errors import TransientError
from connectors.kafka.client import friendly, producer_options
from connectors.kafka.settings import KafkaSettings
try:
    with friendly():
        KafkaProducer(**producer_options(KafkaSettings(bootstrap_servers=(sys.argv[1],), request_timeout_ms=1_000)))
except TransientError as error:
    print(error)
"""


def test_a_broker_that_is_not_there_is_a_clear_error_after_the_timeout() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    # A process of its own: the library leaves its sockets to the garbage collector.
    command = [sys.executable, "-W", "ignore", "-c", UNREACHABLE, address]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("the Kafka cluster cannot be reached: ")
    assert done.stdout.rstrip().endswith("see that the brokers of [kafka] are up")
    assert not done.stderr, "the library logs nothing over our error"
