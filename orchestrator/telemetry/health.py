"""Whether a process lives and is ready. Never an identifier: names of parts and yes or no.

*Live* is a main loop that went round within ``stall_seconds``: else it hangs, and a supervisor should start it again.
*Ready* is every part that the process needs. What is not known is not ready.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from connectors.signals import Part

CHECK_SECONDS: Final = 2.0
"""A check's answer is kept so long: probes must not become the store's load."""

Check = Callable[[], object]
"""Raises, or gives False, when the part is not there."""


class Report(msgspec.Struct):
    """What a probe is told."""

    ok: bool
    parts: dict[str, str] = {}


class Health:
    """Beats and parts of one process."""

    def __init__(
        self,
        stall_seconds: float,
        needs: Iterable[Part] = (),
        checks: Mapping[Part, Check] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stall = stall_seconds
        self._monotonic = monotonic
        self._beat = monotonic()
        self._told: dict[Part, bool] = dict.fromkeys(needs, False)
        self._checks = dict(checks or {})
        self._kept: dict[Part, tuple[float, bool]] = {}
        self._lock = threading.Lock()

    def beat(self) -> None:
        """Note that the main loop went round."""
        self._beat = self._monotonic()

    def tell(self, part: Part, ok: bool) -> bool:
        """Note a part's state; tells whether it changed."""
        before = self._told.get(part)
        self._told[part] = ok
        return before != ok

    def live(self) -> Report:
        """Tell whether the main loop goes round."""
        ok = self._monotonic() - self._beat <= self._stall
        return Report(ok, {"loop": "ok" if ok else "stalled"})

    def ready(self) -> Report:
        """Tell whether everything needed is there."""
        parts = {**self._told}
        for part in self._checks:
            parts[part] = self._ask(part) and parts.get(part, True)
        found = {str(part): "ok" if ok else "not ready" for part, ok in sorted(parts.items())}
        return Report(all(parts.values()), found)

    def _ask(self, part: Part) -> bool:
        with self._lock:
            now = self._monotonic()
            kept = self._kept.get(part)
            if kept is not None and now - kept[0] < CHECK_SECONDS:
                return kept[1]
            try:
                ok = self._checks[part]() is not False
            except Exception:  # noqa: BLE001 - whatever it is, the part is not ready
                ok = False
            self._kept[part] = (self._monotonic(), ok)
            return ok
