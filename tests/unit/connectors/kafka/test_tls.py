"""Why no broker could be reached: told as far as it can be known."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from connectors.errors import UnavailableError
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.tls import explained


@pytest.fixture
def port() -> Iterator[int]:
    """A port that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def why(settings: KafkaSettings) -> UnavailableError:
    with pytest.raises(UnavailableError) as caught, explained(settings):
        raise UnavailableError("kafka", "cannot be reached", why="KafkaTimeoutError", fix="see that they are up")
    return caught.value


def test_a_broker_that_answers_and_lets_nobody_in_points_to_the_login(port: int) -> None:
    told = why(KafkaSettings((f"127.0.0.1:{port}",), "SASL_PLAINTEXT"))
    assert "before we are logged in" in told.message
    assert "password" in told.fix
    assert why(KafkaSettings((f"127.0.0.1:{port}",))).fix == "see that they are up", "nobody logs in there"


def test_where_nobody_listens_the_login_is_not_to_blame() -> None:
    assert why(KafkaSettings(("127.0.0.1:1",), "SASL_PLAINTEXT")).fix == "see that they are up"
