from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest

from connectors.signals import METRICS
from orchestrator.errors import DependencyError
from orchestrator.settings import TelemetrySettings
from orchestrator.telemetry import Sample, running
from orchestrator.telemetry import metrics as metrics_module
from orchestrator.telemetry.health import CHECK_SECONDS, Health
from orchestrator.telemetry.server import LARGEST, Answer


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _get(port: int, path: str, method: str = "GET", **more: Any) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, **more)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_process_is_ready_only_when_every_part_is(speak: Any) -> None:
    port = _free()
    there = [False]
    heard = speak(port=port, needs=("broker",), checks={"store": lambda: there[0]})
    assert _get(port, "/livez")[0] == 200
    status, body = _get(port, "/readyz")
    assert (status, json.loads(body)) == (503, {"ok": False, "parts": {"broker": "not ready", "store": "not ready"}})
    heard.telemetry.ready("broker", True)
    heard.telemetry.health._kept.clear()
    there[0] = True
    assert _get(port, "/readyz") == (200, b'{"ok":true,"parts":{"broker":"ok","store":"ok"}}')
    heard.telemetry.ready("broker", False)
    assert _get(port, "/readyz")[0] == 503
    assert [one["event"] for one in heard.lines if one["event"].startswith("process.")] == [
        "process.started", "process.ready", "process.not_ready",
    ]  # fmt: skip


def test_a_check_that_raises_is_not_ready_and_is_not_asked_all_the_time() -> None:
    asked = []
    now = [0.0]

    def store() -> None:
        asked.append(1)
        raise ConnectionError("password of carla")

    health = Health(60, checks={"store": store}, monotonic=lambda: now[0])
    assert health.ready().parts == {"store": "not ready"}
    assert not health.ready().ok
    assert len(asked) == 1
    now[0] += CHECK_SECONDS
    health.ready()
    assert len(asked) == 2


def test_a_main_loop_that_hangs_is_told_to_be_dead() -> None:
    now = [0.0]
    health = Health(10, monotonic=lambda: now[0])
    now[0] = 10
    assert health.live().ok
    now[0] = 10.1
    assert (health.live().ok, health.live().parts) == (False, {"loop": "stalled"})
    health.beat()
    assert health.live().ok


def test_metrics_have_closed_labels(speak: Any) -> None:
    port = _free()
    heard = speak(port=port)
    for name in ("crm", "nobody", "somebody"):
        heard.telemetry.count("expunge_tasks_answered_total", 2, system=name)
    heard.telemetry.observe("expunge_batch_seconds", 0.2, what="requests")
    heard.telemetry.gauge("expunge_consumer_lag", 7, topic="expunge.tasks.hr")
    status, page = _get(port, "/metrics")
    assert status == 200
    assert b'expunge_tasks_answered_total{system="crm"} 2.0' in page
    assert b'expunge_tasks_answered_total{system="other"} 4.0' in page
    assert b"nobody" not in page
    assert b'expunge_batch_seconds_bucket{le="0.25",what="requests"} 1.0' in page
    assert b'expunge_consumer_lag{topic="expunge.tasks.hr"} 7.0' in page
    assert b"process_resident_memory_bytes" in page


def test_gauges_of_the_store_are_read_at_the_scrape_and_kept_for_a_moment(
    speak: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = speak().telemetry
    reads = [0]

    def reader() -> list[Sample]:
        reads[0] += 1
        if reads[0] == 2:
            raise DependencyError("the store is away")
        return [
            Sample("expunge_dead_letters", 3),
            Sample("expunge_attention", 1, {"reason": "survived"}),
            Sample("expunge_attention", 1, {"reason": "made up"}),
            Sample("expunge_attention", 1, {"reason": "made up too"}),
        ]

    telemetry.meter.read(("expunge_dead_letters", "expunge_attention"), reader)
    assert reads[0] == 0
    page = telemetry.meter.page()
    assert telemetry.meter.page() == page or reads[0] == 1
    assert reads[0] == 1
    assert b"expunge_dead_letters 3.0" in page
    assert b'expunge_attention{reason="other"} 2.0' in page
    assert b"expunge_store_readable 1.0" in page
    monkeypatch.setattr(metrics_module, "CACHE_SECONDS", 0.0)
    page = telemetry.meter.page()
    assert b"expunge_store_readable 0.0" in page
    assert b"expunge_dead_letters" not in page


def test_every_metric_can_be_made(speak: Any) -> None:
    meter = speak().telemetry.meter
    for name in METRICS:
        assert meter._make(name) is meter._make(name)


def test_without_prometheus_metrics_are_nothing(speak: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    port = _free()
    telemetry = speak(port=port).telemetry
    telemetry.count("expunge_tasks_answered_total", system="crm")
    telemetry.observe("expunge_batch_seconds", 0.2, what="requests")
    telemetry.gauge("expunge_dead_letters", 1)
    telemetry.meter.read(("expunge_dead_letters",), list)
    assert not telemetry.meter.there
    assert _get(port, "/metrics")[0] == 501


def test_bad_requests_are_answered_and_never_quoted(speak: Any) -> None:
    port = _free()

    def broken(_: object) -> Answer:
        raise ValueError("carla.canary@example.org")

    heard = speak(
        port=port, routes={("POST", "/v1/echo"): lambda asked: Answer(200, asked.body), ("GET", "/b"): broken}
    )
    assert _get(port, "/carla.canary@example.org") == (404, b'{"error": "nothing here"}')
    assert _get(port, "/livez", "POST")[0] == 405
    assert _get(port, "/livez", "HEAD") == (200, b"")
    assert _get(port, "/livez", "DELETE")[0] == 501
    assert _get(port, "/b") == (500, b'{"error": "a mistake of ours"}')
    assert _get(port, "/v1/echo", "POST", body=b"hello") == (200, b"hello")
    assert _get(port, "/v1/echo", "POST", headers={"Transfer-Encoding": "chunked"})[0] == 411
    assert _get(port, "/v1/echo", "POST", headers={"Content-Length": str(LARGEST + 1)})[0] == 413
    assert "canary" not in heard.text


def test_a_port_that_is_taken_says_where() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DependencyError) as caught, running(TelemetrySettings(port=port), "run"):
            pass
    assert (caught.value.exit_code, caught.value.where) == (3, f"[telemetry] 127.0.0.1:{port}")
