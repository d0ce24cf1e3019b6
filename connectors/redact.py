"""Keeps personal data out of logs while a batch runs (invariant I4), whoever writes the log: a connector, its driver.

The template of a log message is code; its arguments are data. So while ``guarded`` is active, in the thread that
runs the batch, arguments lose their text and exceptions everything but their class and place; in every other thread
(a driver's pool, say) the identifiers the batch knows are replaced, and SQLAlchemy's parameters are dropped.

Both are needed: what a connector formats into the template itself can only be caught by value, and only for the
values that are known. The conformance suite looks for the rest.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import re
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "[hidden]"
REDACTED: Final = "[redacted]"

_SHORT: Final = 6
"""Values shorter than this are replaced as whole words only: customer id 7 must not eat every 7 of a log."""

# SQLAlchemy ends its error texts with the parameters, PostgreSQL with the row that was in the way.
_TAIL: Final = re.compile(r"\[parameters: .*|\[SQL: .*|DETAIL: .*", re.DOTALL)
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}

_strict: contextvars.ContextVar[bool] = contextvars.ContextVar("expunge_redact_strict", default=False)


class _Known:
    """The values of the batches that run now, process-wide; their pattern is made when the first log line comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: dict[int, frozenset[str]] = {}
        self._pattern: re.Pattern[str] | None = None
        self._next = 0

    def add(self, values: frozenset[str]) -> int:
        with self._lock:
            self._next += 1
            self._batches[self._next] = values
            self._pattern = None
            return self._next

    def remove(self, number: int) -> None:
        with self._lock:
            del self._batches[number]
            self._pattern = None

    def active(self) -> bool:
        return bool(self._batches)

    def pattern(self) -> re.Pattern[str]:
        with self._lock:
            if self._pattern is None:
                self._pattern = _compile(frozenset().union(*self._batches.values()))
            return self._pattern


def _compile(values: frozenset[str]) -> re.Pattern[str]:
    forms = {form for value in values if value for form in (value, quote(value, safe=""), quote_plus(value))}
    forms |= {ascii(value)[1:-1] for value in values if value}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    parts = [re.escape(form) if len(form) >= _SHORT else rf"(?<!\w){re.escape(form)}(?!\w)" for form in longest_first]
    return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)


_known = _Known()


class Redactor(logging.Filter):
    """Cleans every record that passes; to be put on handlers. Lets all records through, and outside a batch as is."""

    def filter(self, record: logging.LogRecord) -> bool:
        if _known.active():
            _clean(record)
        return True


_REDACTOR: Final = Redactor()


@contextlib.contextmanager
def guarded(values: Iterable[str]) -> Iterator[None]:
    """Redact what is logged inside the block. ``values``: identifiers of the batch, in clear."""
    number = _known.add(frozenset(values))
    token = _strict.set(True)
    try:
        _install()
        yield
    finally:
        _strict.reset(token)
        _known.remove(number)


def text_is_safe(text: str) -> bool:
    """Tell whether a text holds none of the identifiers of the running batches."""
    return not (_known.active() and _known.pattern().search(text))


def _install() -> None:
    """Clean at the source (handlers that come later) and at the handlers there are (values given by ``extra``)."""
    current = logging.getLogRecordFactory()
    if not getattr(current, "cleans", False):

        def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = current(*args, **kwargs)
            if _known.active():
                _clean(record)
            return record

        factory.cleans = True  # type: ignore[attr-defined]
        logging.setLogRecordFactory(factory)
    for logger in (logging.root, *list(logging.root.manager.loggerDict.values())):
        for handler in getattr(logger, "handlers", ()):
            handler.addFilter(_REDACTOR)


def _clean(record: logging.LogRecord) -> None:
    strict = _strict.get()
    if record.exc_info and not isinstance(record.exc_info, bool):
        record.exc_text = _exception(record.exc_info, strict=strict)
        record.exc_info = None
    record.msg = _scrub(_message(record, hide=strict or record.name.startswith("sqlalchemy")))
    record.args = None
    if record.exc_text:
        record.exc_text = _scrub(record.exc_text)
    for name in record.__dict__.keys() - _STANDARD:
        value = record.__dict__[name]
        record.__dict__[name] = _hide(value) if strict else (_scrub(value) if isinstance(value, str) else value)


def _scrub(text: str) -> str:
    return _known.pattern().sub(REDACTED, _TAIL.sub(HIDDEN, text))


def _message(record: logging.LogRecord, *, hide: bool) -> str:
    template = type(record.msg).__name__ if isinstance(record.msg, BaseException) else str(record.msg)
    args: Any = record.args
    if not args:
        return template
    if hide:
        args = {k: _hide(v) for k, v in args.items()} if isinstance(args, Mapping) else tuple(_hide(v) for v in args)
    try:
        return str(template % args)
    except (TypeError, ValueError, KeyError):
        return template


def _hide(value: object) -> object:
    """Numbers tell how much and how long; any text may be a cell of a row."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return type(value).__name__ if isinstance(value, BaseException) else HIDDEN


def _exception(
    info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None], *, strict: bool
) -> str:
    kind, error, trace = info
    if kind is None or error is None:
        return ""
    if not strict:
        return "".join(traceback.format_exception(kind, error, trace))
    # Source lines are left out too: a line of a script may hold a value.
    places = [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(trace)]
    return "\n".join([*places, kind.__name__])
