"""What this process knows of the work that is left, in memory only: hints, and tasks that are held back."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from orchestrator.core.plan import Limits
from schemas.tasks import Task


class Hints:
    """What the batches of this process have left to do, so that a runtime need not ask the store at every turn.

    Hints only ever say too much: ``None`` and an unlooked-at system mean "ask". They hold for the process that owns
    the store's lock; another one's work is found by asking now and then.
    """

    def __init__(self) -> None:
        self.tasks: set[str] | None = None
        self.earliest: str | None = None
        self._guard = threading.Lock()

    def may_have_tasks(self, system: str) -> bool:
        """Tell whether asking for tasks of this system may give any."""
        return self.tasks is None or system in self.tasks

    def may_be_due(self, now: str) -> bool:
        """Tell whether a timer may be due."""
        return self.earliest is None or self.earliest <= now

    def note(self, systems: Iterable[str], earliest: str | None) -> None:
        """Take in what a committed batch left behind."""
        with self._guard:
            if self.tasks is not None:
                self.tasks.update(systems)
            if self.earliest is not None and earliest is not None:
                self.earliest = min(self.earliest, earliest)

    def ask_for_timers(self) -> None:
        """Forget what is known of timers: another process may have set an earlier one."""
        with self._guard:
            self.earliest = None

    def take_tasks(self, among: AbstractSet[str]) -> set[str]:
        """Give the systems among these that may have tasks, and forget them; the asker asks the store for each.

        For a thread of its own beside the one whose batches note: nothing that is noted meanwhile is lost. The first
        time it gives all of them.
        """
        with self._guard:
            if self.tasks is None:
                self.tasks = set()
                return set(among)
            found = self.tasks & among
            self.tasks -= found
            return found


class _Held(msgspec.Struct):
    request_id: str
    system: str
    times: int
    until: dt.datetime


class Holdback:
    """Tasks whose answer could not be used. They stay in the outbox, and go out again after ever longer pauses.

    Without it such a task would be carried out again at once, for ever. It is in memory only: a new process tries
    each of them once more, which is what somebody who has mended the cause and starts it again expects.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: dict[str, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, task_id: str, request_id: str, system: str, now: dt.datetime) -> None:
        """Hold a task back; longer each time."""
        before = self._held.get(task_id)
        times = before.times + 1 if before else 1
        wait = min(self._limits.retry_first_seconds * 4 ** (times - 1), self._limits.retry_most_seconds)
        self._held[task_id] = _Held(request_id, system, times, now + dt.timedelta(seconds=wait))

    def holds(self, task_id: str, now: dt.datetime) -> bool:
        """Tell whether a task may not go out yet."""
        held = self._held.get(task_id)
        return held is not None and held.until > now

    def answered(self, task_ids: Iterable[str]) -> None:
        """Forget tasks that were answered at last."""
        for one in task_ids:
            self._held.pop(one, None)

    def release(self, request_ids: Iterable[str]) -> set[str]:
        """Let everything of these requests go out now: somebody mended the cause. Gives the systems."""
        wanted = set(request_ids)
        gone = [task_id for task_id, one in self._held.items() if one.request_id in wanted]
        return {self._held.pop(task_id).system for task_id in gone}

    def over(self, now: dt.datetime) -> set[str]:
        """Give the systems that have a task whose pause is over."""
        return {one.system for one in self._held.values() if one.until <= now}


def unanswered(tasks: Sequence[Task], answered: set[str]) -> list[Task]:
    """Give the tasks that no usable answer came to, each once."""
    return list({one.task_id: one for one in tasks if one.task_id not in answered}.values())
