"""Log lines on stderr, as JSON for machines or ``key=value`` for a terminal (structlog). Stdout belongs to data."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

from connectors.signals import LEVELS, Event, Level
from orchestrator.settings.services import TelemetrySettings
from orchestrator.telemetry import libraries
from orchestrator.telemetry.fields import Vocabulary
from orchestrator.telemetry.lean import structlog

_NUMBERS: Final[dict[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_ORDER: Final = ("at", "level", "event", "process")


class Lines:
    """Writes one line an event. What libraries say comes out in the same form."""

    def __init__(
        self,
        settings: TelemetrySettings,
        vocabulary: Vocabulary,
        process: str,
        stream: TextIO | None = None,
    ) -> None:
        self._vocabulary = vocabulary
        self._least = _NUMBERS[settings.level]
        self._process = vocabulary.label("process", process)
        renderer: Any = (
            structlog.processors.JSONRenderer(sort_keys=False)
            if settings.log == "json"
            else structlog.processors.LogfmtRenderer(key_order=_ORDER, drop_missing=True, bool_as_flag=False)
        )
        self._logger = structlog.wrap_logger(
            structlog.WriteLogger(stream or sys.stderr),
            processors=[structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"), _ordered, renderer],
            wrapper_class=structlog.BoundLogger,
        )
        self._bridge = libraries.Bridge(self._library)

    def __call__(self, event: Event, fields: dict[str, object]) -> None:
        """Write an event, if its level is asked for."""
        level = LEVELS.get(event, "info")
        if _NUMBERS[level] >= self._least:
            self._write(level, event, self._vocabulary.clean(fields))

    def _library(self, level: Level, fields: dict[str, Any]) -> None:
        if _NUMBERS[level] >= self._least:
            self._write(
                level, "library.message", fields | {"library": self._vocabulary.label("library", fields["library"])}
            )

    def _write(self, level: Level, event: Event, fields: dict[str, Any]) -> None:
        try:
            self._logger.msg(event, **{**fields, "level": level, "process": self._process})
        except (OSError, ValueError):
            return  # stderr is gone; there is nowhere left to say so

    def attach(self) -> None:
        """Take over what libraries log in this process."""
        libraries.attach(self._bridge)

    def detach(self) -> None:
        """Give it back; the libraries stay quiet."""
        libraries.detach(self._bridge)


def _ordered(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in _ORDER if name in line} | dict(line)
