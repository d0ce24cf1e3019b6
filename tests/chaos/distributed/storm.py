"""What goes wrong, and when: kills, outages, zombies, a full disk, in an order that the seed gives."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import redis

from tests.chaos.distributed.crew import Crew, Member
from tests.chaos.distributed.installation import FILES, SESSION_SECONDS, Installation

WORK: Final = 0.95
"""Share of the work during which things go wrong."""
TERM: Final = 3
"""Every so many kills are SIGTERMs."""
FROZEN: Final = SESSION_SECONDS + 5
"""Seconds a zombie sleeps: its session is over, and the rebalance done."""
LATER: Final = 60.0
"""Seconds more for another to take its place, should the broker be away or the machine busy."""
FULL: Final = 8.0
"""Seconds the disk is full."""
AT_WORK: Final = 3.0
"""Seconds to wait for a process at work before anybody is hit."""
IN_THE_ACT: Final = 20.0
"""Seconds to wait for a moment in which a worker is at work, before it is frozen anyway."""
SPARE: Final = 4096
"""Bytes that a full disk has left: a new file can be begun, and not be ended."""


class Outage(msgspec.Struct):
    """Something was away, from when to when (seconds since the epoch). ``what``: a service, a disk, or a process."""

    what: str
    start: float
    end: float = 0.0


class Plan(msgspec.Struct):
    """How much of everything; ``pause``: seconds between two deeds, on average; ``longest``: see ``Storm.run``."""

    kills: int
    brokers: int
    postgres: int
    flushes: int
    pause: float
    longest: float


class Storm:
    """Goes over an installation at work."""

    def __init__(self, one: Installation, crew: Crew, chance: random.Random, say: Callable[[str], None]) -> None:
        self._one = one
        self._crew = crew
        self._chance = chance
        self._say = say
        self.outages: list[Outage] = []
        self.done: Counter[str] = Counter()
        self.notes: list[str] = []
        self._spans: list[threading.Thread] = []

    def run(
        self, plan: Plan, *, disk: bool, progress: Callable[[float], None], reached: Callable[[float], bool]
    ) -> None:
        """Do everything, spread over the work: a deed waits until as large a share of the work as of the deeds is done.

        Args:
            plan: How much; nothing waits longer than ``plan.longest`` seconds.
            disk: Whether there is a disk that can be filled.
            progress: Told, before each deed, which share of them is done by it.
            reached: Whether this share of the work is done.
        """
        deeds: list[tuple[str, Callable[[], None]]] = [("kill", self._kill)] * plan.kills
        deeds += [("broker", self._broker)] * plan.brokers
        deeds += [("postgres", self._postgres)] * plan.postgres
        deeds += [("flush", self._flush)] * plan.flushes
        self._chance.shuffle(deeds)
        # What takes long goes on beside the others, so it begins early, spread over the first half.
        spans: list[tuple[str, Callable[[], None]]] = [
            ("zombie", lambda: self._zombie("events")),
            ("zombie", lambda: self._zombie("crm")),
            ("zombie", lambda: self._zombie("")),
            ("stop", self._stopped),
            ("redis", self._redis),
        ]
        spans += [("disk", self._disk)] if disk else []
        self._chance.shuffle(spans)
        for place, (name, deed) in enumerate(spans):
            deeds.insert((place + 1) * len(deeds) // (2 * len(spans)) + place, (name, self._beside(deed)))
        for number, (name, deed) in enumerate(deeds, 1):
            progress(number / len(deeds))
            time.sleep(self._chance.uniform(0.2, 2 * plan.pause))
            until = time.monotonic() + plan.longest
            while not reached(WORK * (number - 1) / len(deeds)) and time.monotonic() < until:
                time.sleep(0.05)
            deed()
            self.done[name] += 1
        for one in self._spans:
            one.join()

    def _beside(self, deed: Callable[[], None]) -> Callable[[], None]:
        def start() -> None:
            thread = threading.Thread(target=deed, name="span")
            self._spans.append(thread)
            thread.start()

        return start

    # -- processes ----------------------------------------------------------------------------------------
    def _kill(self) -> None:
        """Hit anybody; every other time somebody who is at work, if there is one soon."""
        number = signal.SIGTERM if self._chance.randrange(TERM) == 0 else signal.SIGKILL
        until = time.monotonic() + (AT_WORK if self._chance.random() < 1 / 2 else 0)
        for _ in range(20_000):
            victims = self._crew.victims()
            busy = [one for one in victims if self._crew.doing(one)]
            aims = victims if time.monotonic() > until else busy
            if aims and self._crew.send(self._chance.choice(aims), number):
                return
            time.sleep(0.001)
        self.notes.append("for 20 s there was nobody to kill")

    def _zombie(self, system: str) -> None:
        """Freeze one in the act, longer than its session, and let it wake."""
        one = self._caught(system)
        if one is None:
            self.notes.append(f"no zombie of {system or 'the orchestrators'}: nobody ran")
            return
        outage = self._begin(f"frozen {one.name}")
        self._say(f"{one.name} is frozen ({', '.join(self._crew.doing(one)) or 'idle'})")
        # Who takes its place is left alone meanwhile, else the zombie would find nobody there when it wakes.
        heirs = [other for other in self._crew.victims() if other.system == system and other.name != "suppression"]
        for other in heirs:
            self._crew.hold(other)
        time.sleep(FROZEN)
        # Of a system on files nobody can take the place: who is frozen holds the lock.
        replaceable = bool(heirs) and bool(system) and system not in FILES
        until = time.monotonic() + LATER
        while replaceable and time.monotonic() < until and not self._replaced(heirs, outage):
            time.sleep(0.5)
        self._crew.send(one, signal.SIGCONT)
        self._end(outage)
        # A while to come to itself before something else hits it: what the zombie does then is what is looked for.
        time.sleep(3)
        for other in (one, *heirs):
            self._crew.release(other)
        if replaceable:
            self.done["zombie that could be replaced"] += 1
            self.done["zombie that was replaced"] += self._replaced(heirs, outage)

    def _replaced(self, heirs: Sequence[Member], outage: Outage) -> bool:
        return any(self._crew.took_over(one, outage.start, outage.end or time.time()) for one in heirs)

    def _caught(self, system: str) -> Member | None:
        """Hold a process of a system and send it SIGSTOP, when it is at work if that happens soon."""
        act = {"rewriting a file"} if system in FILES else {"transaction"} if not system else {"erase", "locate"}
        until = time.monotonic() + IN_THE_ACT
        while True:
            some = [one for one in self._crew.victims() if one.system == system and one.name != "suppression"]
            late = time.monotonic() > until
            for one in some:
                if (late or act & set(self._crew.doing(one))) and self._crew.send(one, signal.SIGSTOP):
                    self._crew.hold(one)
                    return one
            if late and time.monotonic() > until + IN_THE_ACT:
                return None
            time.sleep(0.002)

    def _stopped(self) -> None:
        """A worker is away for longer than the session."""
        some = [one for one in self._crew.victims() if one.system]
        if not some:
            self.notes.append("no worker to stop")
            return
        one = self._chance.choice(some)
        self._crew.hold(one)
        outage = self._begin(f"stopped {one.name}")
        self._crew.send(one, signal.SIGKILL)
        time.sleep(FROZEN)
        self._crew.release(one)
        self._end(outage)

    # -- services -----------------------------------------------------------------------------------------
    def _broker(self) -> None:
        outage = self._begin("broker")
        self._one.services.kafka.kill()
        time.sleep(self._chance.uniform(0, 2))
        self._one.services.kafka.start()
        self._end(outage)

    def _postgres(self) -> None:
        own = self.done["postgres"] % 2 == 0
        outage = self._begin("store" if own else "targets")
        server = self._one.services.own if own else self._one.services.targets
        server.kill()
        time.sleep(self._chance.uniform(0, 2))
        server.start()
        self._end(outage)

    def _redis(self) -> None:
        outage = self._begin("redis")
        self._one.services.redis.kill()
        time.sleep(self._chance.uniform(0, 3))
        self._one.services.redis.start()
        self._end(outage)

    def _flush(self) -> None:
        for _ in range(50):
            try:
                with redis.Redis.from_url(self._one.services.redis.url, socket_timeout=3) as client:
                    client.flushall()
            except redis.RedisError:
                time.sleep(0.2)  # it is being killed at this moment
            else:
                return
        self.notes.append("Redis could not be flushed")

    def _disk(self) -> None:
        """Fill the disk of the event files, and make room again."""
        folder = self._one.company.stores / "events"
        filler = folder / ".filler"
        outage = self._begin("disk")
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        with filler.open("wb") as out:
            os.posix_fallocate(out.fileno(), 0, max(1, free - SPARE))
        time.sleep(FULL)
        filler.unlink()
        self._end(outage)

    def _begin(self, what: str) -> Outage:
        outage = Outage(what, time.time())
        self.outages.append(outage)
        self._say(f"{what}: away")
        return outage

    def _end(self, outage: Outage) -> None:
        outage.end = time.time()
        self._say(f"{outage.what}: back after {outage.end - outage.start:.1f} s")
