"""What libraries log may hold keys and values; kafka-python's debug log prints both (services.md)."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.testing.canary import find_canaries

CANARY = "carla.canary@example.org"


@pytest.fixture
def root() -> Iterator[io.StringIO]:
    """A root logger as a careless program sets it: DEBUG, with a handler that prints everything."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    before = logging.root.level
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.DEBUG)
    yield out
    logging.root.removeHandler(handler)
    logging.root.setLevel(before)


def _everything(name: str) -> None:
    log = logging.getLogger(name)
    log.debug("Sending (key=%r value=%r) to %s", CANARY, CANARY.encode(), "topic")
    log.info(f"sent {CANARY}")  # noqa: G004
    log.warning("broker %s went away after %d ms", CANARY, 17)
    log.warning(f"broker {CANARY} went away")  # noqa: G004
    log.error("broker said %(what)s", {"what": CANARY})
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("could not send")
    log.error(ValueError(CANARY))


@pytest.mark.parametrize(
    "name", ["kafka.producer.kafka", "faust.app", "aiokafka", "sqlalchemy.engine", "anything.else"]
)
def test_i04_a_library_prints_no_data_even_when_the_root_logger_is_at_debug(
    speak: Any, root: io.StringIO, name: str
) -> None:
    heard = speak()
    _everything(name)
    assert find_canaries((heard.text + root.getvalue()).encode(), [CANARY]) == []
    mine = [one for one in heard.lines if one["event"] == "library.message"]
    assert [one["level"] for one in mine] == ["warning", "warning", "error", "error", "error"]
    assert mine[0]["text"] == "broker [hidden] went away after 17 ms"
    assert mine[1]["text"] == "[hidden]"
    assert (mine[3]["text"], mine[3]["error"]) == ("could not send", "ValueError")
    assert mine[4]["text"] == "ValueError"
    assert mine[0]["place"].startswith("test_libraries:")


def test_a_library_is_silent_below_warning(speak: Any, root: io.StringIO) -> None:
    speak()
    logging.getLogger("kafka.producer.kafka").debug("Sending (key=%r)", CANARY)
    logging.getLogger("kafka").info("connected")
    assert "kafka" not in root.getvalue()


def test_the_second_wall_holds_where_somebody_turned_the_library_up_again(speak: Any, root: io.StringIO) -> None:
    speak()
    log = logging.getLogger("kafka.producer.kafka")
    log.setLevel(logging.DEBUG)  # as a Faust worker with `-l debug` does
    try:
        _everything(log.name)
    finally:
        log.setLevel(logging.NOTSET)
    assert "kafka.producer.kafka DEBUG Sending (key='[hidden]' value='[hidden]') to [hidden]" in root.getvalue()
    assert find_canaries(root.getvalue().encode(), [CANARY]) == []


def test_these_tests_can_fail(root: io.StringIO) -> None:
    logging.getLogger("some.library").debug("Sending (key=%r)", CANARY)
    assert CANARY in root.getvalue()


def test_afterwards_the_log_is_given_back(speak: Any, root: io.StringIO) -> None:
    from orchestrator.telemetry.libraries import Bridge, attach, detach

    bridge = Bridge(lambda _level, _fields: None)
    attach(bridge)
    detach(bridge)
    assert bridge not in logging.root.handlers
