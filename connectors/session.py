"""Calls a connector so that nothing it raises gets through: every item of a batch has an answer, or a reason why not.

A call that raises is bisected down to the item that fails, so one subject never fails the others. After any
exception the connector is closed and a new one is opened: nobody knows what state the old one is in.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

from connectors.answers import ForeignTaskError
from connectors.contract import Connector, TaskId
from connectors.errors import ConnectorError, MisconfiguredError, TransientError
from connectors.redact import text_is_safe
from schemas.outcomes import Failed, FailureKind, Never, Unverifiable

_CODE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")


class Keyed(Protocol):
    """Anything about one task."""

    @property
    def task_id(self) -> TaskId: ...


_Item = TypeVar("_Item", bound=Keyed)
_Answer = TypeVar("_Answer")


def failure(error: Exception) -> Failed | Unverifiable:
    """Give the outcome of an exception: who mends it, and a code that is never a message text (I4)."""
    if isinstance(error, ForeignTaskError):
        return Unverifiable("wrong_task")
    kind = FailureKind.PERMANENT
    if isinstance(error, TransientError):
        kind = FailureKind.TRANSIENT
    elif isinstance(error, MisconfiguredError):
        kind = FailureKind.MISCONFIGURED
    return Failed(kind, _code(error))


def second_look_failure(error: Exception) -> Failed | Unverifiable:
    """Give the outcome of an exception after the deed: what was done is not known, so it is not "could not"."""
    outcome = failure(error)
    permanent = isinstance(outcome, Failed) and outcome.kind is FailureKind.PERMANENT
    return Unverifiable("second_look_failed") if permanent else outcome


def _code(error: Exception) -> str:
    """Give the code if it is a word and holds no identifier; a connector may have put anything into it."""
    name = type(error).__name__
    if isinstance(error, ConnectorError):
        code: object = error.code
        if isinstance(code, str) and _CODE.match(code) and text_is_safe(code):
            return code
    return name if _CODE.match(name) else "error"


class Session:
    """One connector at a time, opened when first needed, opened anew after an exception. Close it, or use ``with``.

    Args:
        open_connector: Opens a connector on a fresh connection.
        explain: Turns an exception into an outcome; the second look has its own.
    """

    def __init__(
        self, open_connector: Callable[[], Connector], explain: Callable[[Exception], Failed | Unverifiable] = failure
    ) -> None:
        self._open = open_connector
        self._explain = explain
        self._connector: Connector | None = None
        self.opened: list[Connector] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the connection. A failing close changes nothing: the second look is the judge."""
        connector, self._connector = self._connector, None
        if connector is not None:
            with contextlib.suppress(Exception):
                connector.close()

    def connector(self) -> Connector:
        """Give the open connector, or open one. Raises whatever opening raises."""
        if self._connector is None:
            self._connector = self._open()
            self.opened.append(self._connector)
        return self._connector

    def ask(
        self, call: Callable[[Connector, Sequence[_Item]], Mapping[TaskId, _Answer]], items: Sequence[_Item]
    ) -> dict[TaskId, _Answer | Never]:
        """Call for all items at once; where that raises, for ever smaller parts of them."""
        if not items:
            return {}
        try:
            return dict(call(self.connector(), items))
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; only the class name leaves
            self.close()
            # Time or the configuration is at fault, not one of the items: asking again would only repeat it.
            if len(items) == 1 or isinstance(error, TransientError | MisconfiguredError):
                reason = self._explain(error)
                return {item.task_id: reason for item in items}
        half = len(items) // 2
        return {**self.ask(call, items[:half]), **self.ask(call, items[half:])}
