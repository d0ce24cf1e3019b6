"""What the libraries log: only from WARNING on, and none of it as it is (I4).

kafka-python's debug log prints keys and values, Faust raises its level, SQLAlchemy's errors end in the row that was in
the way. There are two walls: a level on the libraries' own loggers, and a record factory that empties every record of
a logger that is not ours, whoever set which level and whichever handler prints it. A record keeps its place
(``file:line``), numbers, classes of exceptions, and its template if that stands word for word in the source of the
library: so it is code, and not a text that was formatted with data.
"""

from __future__ import annotations

import ast
import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from connectors.redact import HIDDEN
from connectors.signals import LABELS, Level
from orchestrator.telemetry.fields import error_name

LOUD: Final = LABELS["library"]
_ERROR: Final = "expunge_error"
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

Emit = Callable[[Level, dict[str, Any]], None]


_attached: list[logging.Handler] = []
"""While one is there, records are emptied. More than one: tests, and an embedded runtime inside of something."""


def attach(handler: logging.Handler) -> None:
    """Let libraries speak from WARNING on, empty what they say at its source, and give the rest to ``handler``."""
    _attached.append(handler)
    _quiet()
    logging.root.addHandler(handler)


def detach(handler: logging.Handler) -> None:
    """Give the log back; the libraries stay quiet."""
    logging.root.removeHandler(handler)
    _attached.remove(handler)


def _quiet() -> None:
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, logger in logging.root.manager.loggerDict.items():
        # A level of its own (SQLAlchemy's echo, a worker's --loglevel) would go round the one above.
        if name.partition(".")[0] in LOUD and isinstance(logger, logging.Logger) and "." in name:
            logger.setLevel(logging.NOTSET)
    current = logging.getLogRecordFactory()
    if getattr(current, "empties", False):
        return

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = current(*args, **kwargs)
        if _attached:
            empty(record)
        return record

    factory.empties = True  # type: ignore[attr-defined]
    factory.cleans = getattr(current, "cleans", False)  # type: ignore[attr-defined]
    logging.setLogRecordFactory(factory)


def empty(record: logging.LogRecord) -> None:
    """Take everything out of a record that may be data."""
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    template = _template(record)
    args: Any = record.args
    if isinstance(args, Mapping):
        args = {name: _hide(value) for name, value in args.items()}
    elif args:
        args = tuple(_hide(value) for value in args)
    try:
        record.msg = template % args if args else template
    except (TypeError, ValueError, KeyError):
        record.msg = template
    record.args = None
    record.exc_info = record.exc_text = record.stack_info = None
    for name in record.__dict__.keys() - _STANDARD:
        record.__dict__[name] = HIDDEN
    record.__dict__[_ERROR] = "" if error is None else error_name(error)


class Bridge(logging.Handler):
    """Gives what libraries log the form of our own lines."""

    def __init__(self, emit: Emit) -> None:
        super().__init__(logging.WARNING)
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        if record.levelno < logging.WARNING:
            return
        fields = {
            "library": record.name.partition(".")[0],
            "place": f"{Path(record.pathname).stem}:{record.lineno}",
            "text": record.getMessage(),
        }
        if error := record.__dict__.get(_ERROR):
            fields["error"] = error
        self._emit("error" if record.levelno >= logging.ERROR else "warning", fields)


def _template(record: logging.LogRecord) -> str:
    if isinstance(record.msg, BaseException):
        return error_name(record.msg)
    return record.msg if isinstance(record.msg, str) and record.msg in _texts(record.pathname) else HIDDEN


@functools.lru_cache(maxsize=50)
def _texts(file: str) -> frozenset[str]:
    """Give every whole text of a source file; the pieces of an f-string are none."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    pieces = {id(one) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for one in node.values}
    return frozenset(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces
    )


def _hide(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return error_name(value) if isinstance(value, BaseException) else HIDDEN
