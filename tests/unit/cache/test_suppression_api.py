"""The API for producers of events, from the client's socket to the store; and all that makes it answer "unknown"."""

from __future__ import annotations

import http.client
import io
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.errors import MisconfiguredError
from connectors.suppression import SuppressionClient
from connectors.testing.canary import find_canaries
from connectors.testing.people import SUBJECT, person
from orchestrator.errors import UsageError
from orchestrator.runtime.suppression import Suppression
from orchestrator.runtime.suppression_api import SuppressionApi, token_of
from orchestrator.settings import SuppressionSettings, TelemetrySettings
from orchestrator.telemetry import running
from orchestrator.telemetry.server import serving
from schemas.suppression import MOST, PATH, Asked
from tests.support.rig import Rig

TOKEN = "a-token-of-the-producers"


class Service:
    def __init__(self, rig: Rig, port: int, stream: io.StringIO) -> None:
        self.rig = rig
        self.port = port
        self.stream = stream
        self.url = f"http://127.0.0.1:{port}"


@pytest.fixture
def service(rig: Rig) -> Iterator[Service]:
    rig.submit("r1", email=SUBJECT.email)
    rig.pump()
    stream = io.StringIO()
    with running(TelemetrySettings(level="debug"), "suppression", stream=stream) as signals:
        answering = Suppression(rig.store, None, rig.clock, rig.chance, signals)
        api = SuppressionApi(answering, rig.keys.subject, TOKEN.encode(), signals)
        with serving("127.0.0.1", 0, api.routes()) as port:
            yield Service(rig, port, stream)


@pytest.fixture
def client(service: Service) -> Iterator[SuppressionClient]:
    one = SuppressionClient(service.url, TOKEN, timeout=5)
    yield one
    one.close()


def test_a_producer_asks_about_one_and_about_many(service: Service, client: SuppressionClient) -> None:
    assert client.ask_one("email", SUBJECT.email) == "erased"
    assert client.ask_one("email", f"  {SUBJECT.email.upper()} ") == "erased"
    assert client.ask_one("customer_id", SUBJECT.customer_id) == "erased"
    assert client.ask_one("email", person(5).email) == "not_erased"
    assert client.ask_one("username", SUBJECT.email) == "not_erased"
    many = [Asked("email", SUBJECT.email if n % 3 == 0 else person(5).email) for n in range(2 * MOST + 5)]
    assert client.ask(many) == ["erased" if n % 3 == 0 else "not_erased" for n in range(2 * MOST + 5)]
    assert client.ask([]) == []


@pytest.mark.parametrize(
    ("as_of", "answer"),
    [
        ("2026-03-01T12:00:00Z", "erased"),
        ("2026-03-01T13:30:00+02:00", "erased"),
        ("2026-03-01T12:00:00.001Z", "not_erased"),
        ("2026-03-01T13:00:01+01:00", "not_erased"),
        ("2026-03-01T12:00:00", "unknown"),  # of which zone?
        ("yesterday", "unknown"),
        ("0001-01-01T00:00:00+14:00", "unknown"),
    ],
)
def test_as_of_is_a_time_with_its_zone(client: SuppressionClient, as_of: str, answer: str) -> None:
    assert client.ask_one("email", SUBJECT.email, as_of=as_of) == answer


def test_one_question_that_cannot_be_understood_stops_no_neighbour(client: SuppressionClient) -> None:
    questions = [Asked("email", SUBJECT.email), Asked("shoe_size", "44"), Asked("email", ""), Asked("x_ref", "é" * 600)]
    assert client.ask(questions) == ["erased", "unknown", "unknown", "unknown"]


def post(service: Service, body: bytes, token: str = TOKEN, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=5)
    try:
        connection.request("POST", PATH, body, {"Authorization": f"Bearer {token}", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def question(value: str) -> bytes:
    return json.dumps({"questions": [{"kind": "email", "value": value}]}).encode()


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "t\xe9"])
def test_without_the_token_nothing_is_told(service: Service, token: str) -> None:
    status, body = post(service, question(SUBJECT.email), token)
    assert (status, body) == (401, b'{"error": "bring the bearer token"}')
    assert SuppressionClient(service.url, "another-token-than-this").ask_one("email", SUBJECT.email) == "unknown"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage \xff",
        b"[]",
        b'{"questions": [{"kind": "email"}]}',
        b'{"questions": [{"kind": "email", "value": 7}]}',
        json.dumps({"questions": [{"kind": "email", "value": "x"}] * (MOST + 1)}).encode(),
    ],
)
def test_a_body_that_is_no_question_is_refused(service: Service, body: bytes) -> None:
    assert post(service, body)[0] == 400


def test_i04_nothing_of_a_question_is_logged_or_quoted(service: Service, client: SuppressionClient) -> None:
    client.ask_one("email", SUBJECT.email)
    told = b"".join(
        post(service, body)[1]
        for body in (question(SUBJECT.email), SUBJECT.email.encode(), b'{"questions":[{"kind":"a"')
    )
    assert find_canaries(service.stream.getvalue().encode() + told, SUBJECT.values()) == []
    assert SUBJECT.email not in repr(Asked("email", SUBJECT.email))
    assert TOKEN not in repr(client)
    lines = [json.loads(line) for line in service.stream.getvalue().splitlines()]
    assert [one["count"] for one in lines if one["event"] == "suppression.answered"] == [1, 1]


# -- the client fails closed ------------------------------------------------------------------------------------
class Liar:
    """A server that answers every connection with the same bytes."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            while True:
                one, _ = self._server.accept()
                one.recv(65536)
                if self._answer is None:
                    self._open.append(one)  # never answers
                else:
                    one.sendall(self._answer)
                    one.close()
        except OSError:
            return

    def close(self) -> None:
        self._server.close()
        for one in self._open:
            one.close()


def answered(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"SSH-2.0-nothing here\r\n",
        answered(b'{"answers":["not_erased"]}', "503 Service Unavailable"),
        answered(b'{"answers":["not_erased"]}', "302 Found"),
        answered(b'{"answers":[]}'),
        answered(b'{"answers":["not_erased","not_erased"]}'),
        answered(b'{"answers":["perhaps"]}'),
        answered(b'{"answers":["not_er'),
        answered(b"<html>"),
        b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"answers":["not_erased"]}',
    ],
)
def test_i10_whatever_comes_back_is_unknown_unless_it_is_an_answer(answer: bytes | None) -> None:
    liar = Liar(answer)
    try:
        client = SuppressionClient(liar.url, TOKEN, timeout=0.2)
        assert client.ask_one("email", SUBJECT.email) == "unknown"
        client.close()
    finally:
        liar.close()


def test_a_service_that_is_not_there_is_unknown_and_one_that_is_there_again_answers(service: Service) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert SuppressionClient(url, TOKEN).ask_one("email", SUBJECT.email) == "unknown"
    client = SuppressionClient(service.url, TOKEN, timeout=5)
    assert client.ask_one("email", SUBJECT.email) == "erased"
    connection: Any = client._local.connection
    connection.sock.close()  # what a proxy does to a line that is idle
    assert client.ask_one("email", SUBJECT.email) == "erased"
    client.close()


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://x/path", "http://user:secret@x", "expunge:9464"])
def test_a_wrong_url_is_said_at_once(url: str) -> None:
    with pytest.raises(MisconfiguredError):
        SuppressionClient(url, TOKEN)
    with pytest.raises(MisconfiguredError):
        SuppressionClient("http://x", "a\nb")


def test_a_token_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "short"):
        monkeypatch.setenv("EXPUNGE_SUPPRESSION_TOKEN", value)
        with pytest.raises(UsageError, match="no token"):
            token_of(SuppressionSettings())
    monkeypatch.setenv("EXPUNGE_SUPPRESSION_TOKEN", TOKEN)
    assert token_of(SuppressionSettings()) == TOKEN.encode()
