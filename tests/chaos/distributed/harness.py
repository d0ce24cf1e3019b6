"""One run: build, work in the storm, come to rest, look."""

from __future__ import annotations

import argparse
import datetime as dt
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.suppression import SuppressionClient
from schemas.suppression import Answer, Asked
from tests.chaos.distributed import checks, ledger, stores, topics
from tests.chaos.distributed.crew import Crew, Landed
from tests.chaos.distributed.installation import TOKEN, Installation, Services, small_disk
from tests.chaos.distributed.publishing import Publishing
from tests.chaos.distributed.searching import Secrecy
from tests.chaos.distributed.storm import Plan, Storm
from tests.chaos.distributed.watching import Watch
from tests.chaos.workload import workload
from tests.support.company import Company, made_up

FIRST: Final = 0.1
"""Share of the requests that is there before anything goes wrong."""
SAMPLE: Final = 300


class Outcome(msgspec.Struct):
    """What happened."""

    checks: dict[str, list[str]]
    figures: dict[str, Any]
    seconds: dict[str, float]
    notes: list[str]
    landed: list[Landed]


class Harness:
    """Everything of one run."""

    def __init__(self, root: Path, args: argparse.Namespace) -> None:
        self._root = root
        self._args = args
        self._chance = random.Random(args.seed)
        self._begun = time.monotonic()
        self._seconds: dict[str, float] = {}
        self._notes: list[str] = []
        self._results: dict[str, list[str]] = {}
        self._figures: dict[str, Any] = {}
        today = dt.datetime.now(dt.UTC).date()
        self.load = workload(args.requests, args.seed, today)
        self._today = today

    def run(self) -> Outcome:
        """Do it."""
        with small_disk(self._root / "company" / "stores" / "events") as why_no_disk, Services.running() as services:
            if why_no_disk:
                self._notes.append(f"the disk was never full: {why_no_disk}")
            company = Company.build(self._root / "company", self.load.people, self._today)
            before = company.snapshot_bystanders(self.load.erased)
            managers = company.employees_manage()
            one = Installation(company, services, self._root)
            self._mark("set up")
            storm, crew, called = self._work(one, disk=not why_no_disk)
            now = stores.as_it_is(company, one.urls, self._root / "now")
            secrecy = Secrecy(sorted({*self.load.erased, *company.people}))
            wire = topics.read(services.kafka.address, one.topics, secrecy.look)
            found = ledger.stored(one.store_url)
            ledger.inspect(one.settings, found)
            asked = checks.asked_of(self.load, {made_up(n).email: n for n in {*self.load.erased, *company.people}})
            after = checks.After(
                self.load, now, before, managers, asked, wire, found, called, storm.outages, crew.ended,
                one.keys / "record.pub.jwk",
            )  # fmt: skip
            for name, check in (checks.of_the_requests(after) | checks.of_the_stores(after)).items():
                self._results[name] = _guarded(check)
            self._results["one writer at a time"] = _guarded(lambda: checks.one_writer_at_a_time(crew.out, crew.gone))
            self._mark("looked")
            self._results["secrecy"] = self._search(one, secrecy, crew)
            self._mark("searched")
        self._count(after, storm, crew, secrecy)
        self._seconds["in all"] = time.monotonic() - self._begun
        return Outcome(self._results, self._figures, self._seconds, self._notes, crew.landed)

    # -- the work -----------------------------------------------------------------------------------------
    def _work(self, one: Installation, *, disk: bool) -> tuple[Storm, Crew, list[Any]]:
        args, load = self._args, self.load
        persons = [next(i.value for i in form.identifiers if i.kind == "email") for form in load.forms]
        numbers = {made_up(n).email: n for n in one.company.people}
        erases = set(load.erased)
        erasures = {
            str(form.request_id): numbers[who]
            for form, who in zip(load.forms, persons, strict=True)
            if form.right == "erasure" and numbers.get(who) in erases
        }
        with Crew(one, args.sabotage, args.bus) as crew, Watch(one, erasures) as watch:
            publishing = Publishing(
                one.services.kafka.address, one.keys / "intake.pub.jwk", load.forms, persons,
                random.Random(args.seed), lambda: watch.seen.known,
            )  # fmt: skip
            storm = Storm(one, crew, self._chance, self._say)
            with publishing:
                publishing.up_to(FIRST)
                self._until(lambda: len(watch.seen.closed) >= 1, "the first request is closed", watch, 180)
                self._mark("first completion")
                plan = Plan(args.kills, args.broker_kills, args.postgres_kills, args.flushes, args.pause, args.longest)
                storm.run(
                    plan,
                    disk=disk,
                    progress=lambda share: self._progress(publishing, watch, share),
                    reached=lambda share: len(watch.seen.closed) >= share * len(load.forms),
                )
                self._figures["closed during the storm"] = len(watch.seen.closed)
                self._mark("storm")
                publishing.up_to(1.0)
                self._rest(publishing, watch)
            called = ledger.attention(one.store_url)
            ledger.go_on(one.settings, sorted({request_id for request_id, _ in called}))
            if called:
                self._rest(publishing, watch)
            self._mark("came to rest")
            self._results["suppression is true"] = self._suppressed(one, watch)
            crew.stop()
        self._results["the storm was whole"] = self._whole(storm, crew, disk=disk)
        self._notes += storm.notes
        self._figures["published"] = publishing.published
        self._figures["published twice on purpose"] = publishing.twice
        self._figures["suppression asked"] = watch.asked
        self._figures["suppression unknown"] = watch.unknown
        self._figures["needed attention"] = dict(
            Counter(f"{why.reason} ({why.detail}) at {why.system}" for _, why in called)
        )
        return storm, crew, called

    def _progress(self, publishing: Publishing, watch: Watch, share: float) -> None:
        publishing.up_to(FIRST + (1 - FIRST) * share)
        self._say(f"{share:4.0%} of the storm; published {publishing.published}, closed {len(watch.seen.closed)}")

    def _until(self, condition: Callable[[], bool], what: str, watch: Watch, seconds: float) -> bool:
        """Wait, as long as something moves."""
        until, moved = time.monotonic() + seconds, _moved(watch)
        while not condition():
            time.sleep(0.2)
            if _moved(watch) != moved:
                until, moved = time.monotonic() + seconds, _moved(watch)
            if time.monotonic() > until:
                self._notes.append(f"{seconds:.0f} s without progress; {what}: no; {watch.seen.left}")
                return False
        return True

    def _rest(self, publishing: Publishing, watch: Watch) -> None:
        self._say("waits until nothing goes on any more")
        total = len(self.load.forms)
        if self._until(
            lambda: publishing.done and watch.seen.settled(total), "everything rests", watch, self._args.rest
        ):
            # Once more: what an operator let go on is seen as going on only at the next look.
            time.sleep(2.0)
            self._until(lambda: watch.seen.settled(total), "everything rests", watch, self._args.rest)
        self._say(f"closed {len(watch.seen.closed)}, called somebody {len(watch.seen.attention)}, {watch.seen.left}")

    def _suppressed(self, one: Installation, watch: Watch) -> list[str]:
        """What was asked during the storm was never wrong; now everything is known, of the erased and of the others."""
        found = [f"{len(watch.wrong)} times an erased person read as not erased"] if watch.wrong else []
        client = SuppressionClient(one.page("suppression"), TOKEN, timeout=5.0)
        gone = set(self.load.erased)
        others = [n for n in one.company.people if n not in gone]
        erased = [n for n in self.load.erased if n in one.company.people]
        wanted: dict[Answer, list[int]] = {"erased": self._some(erased), "not_erased": self._some(others)}
        for answer, numbers in wanted.items():
            until = time.monotonic() + 30
            while True:
                told = Counter(client.ask([Asked("email", made_up(n).email) for n in numbers]))
                if told[answer] == len(numbers) or time.monotonic() > until:
                    break
                time.sleep(0.5)
            if told[answer] != len(numbers):
                found.append(f"afterwards {dict(told)} where {answer} is true")
        client.close()
        return found

    def _some(self, numbers: list[int]) -> list[int]:
        return self._chance.sample(numbers, min(SAMPLE, len(numbers)))

    def _whole(self, storm: Storm, crew: Crew, *, disk: bool) -> list[str]:
        args = self._args
        wanted = {
            "kill": args.kills, "broker": args.broker_kills, "postgres": args.postgres_kills, "flush": args.flushes,
            "zombie": 3, "stop": 1, "redis": 1, "disk": int(disk),
        }  # fmt: skip
        wanted["zombie that was replaced"] = storm.done["zombie that could be replaced"]
        landed = sum(one.signal in {9, 15} for one in crew.landed) - len(crew.members)
        done = dict(storm.done) | {"kill": min(landed, storm.done["kill"])}
        return [f"{done.get(name, 0)} of {count} {name}" for name, count in wanted.items() if done.get(name, 0) < count]

    # -- afterwards ---------------------------------------------------------------------------------------
    def _search(self, one: Installation, secrecy: Secrecy, crew: Crew) -> list[str]:
        scratch = self._root / "scratch"
        services = one.services
        secrecy.tables(one)
        secrecy.redis(services.redis.url)
        for server, what in ((services.kafka, "broker"), (services.own, "postgresql"), (services.redis, "redis")):
            server.stop()
            secrecy.service(server, scratch, what)
        secrecy.below(crew.out, "logs and metrics")
        secrecy.below(self._root / "homes", "homes")
        if one.exports.exists():
            secrecy.below(one.exports, "exports")
        return secrecy.findings() + secrecy.proves_itself(scratch, self.load.erased[0])

    def _count(self, after: checks.After, storm: Storm, crew: Crew, secrecy: Secrecy) -> None:
        wire = after.wire.topics
        signals = Counter(one.signal for one in crew.landed)
        repeated = {name: one.repeated for name, one in wire.items() if one.repeated}
        confirmations = wire.get("expunge.confirmations", topics.Topic())
        self._figures |= {
            "closed": sum(one == "closed" for one in after.store.phases.values()),
            "lost": len(after.asked.keys() - after.store.phases.keys()),
            "false completions": checks.false_completions(after),
            "records": len(after.store.records),
            "records beyond one a request": len(after.store.records) - len({one[1] for one in after.store.records}),
            "SIGKILL": signals[9], "SIGTERM": signals[15] - len(crew.members), "SIGSTOP": signals[19],
            "outages": dict(Counter(one.what.split()[0] for one in storm.outages)),
            "ended by themselves, saying": checks.excuses(crew.out),
            "deeds": dict(storm.done), "starts of processes": crew.starts,
            "published again": repeated,
            "in other words": {name: len(one.in_other_words) for name, one in wire.items() if one.in_other_words},
            "confirmations that came twice": confirmations.repeated,
            "events in topics": sum(one.events for one in wire.values()),
            "journal": after.store.journal, "dead letters": after.store.dead.total(),
            "forms searched for": secrecy.forms,
            "MB searched": {name: round(size / 1e6, 1) for name, size in secrecy.bytes.items()},
        }  # fmt: skip

    def _mark(self, what: str) -> None:
        self._seconds[what] = time.monotonic() - self._begun - sum(self._seconds.values())
        self._say(f"{what}: {self._seconds[what]:.1f} s")

    def _say(self, text: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._begun:7.1f} {text}\n")
        sys.stderr.flush()


def _moved(watch: Watch) -> tuple[int, int, tuple[int, ...]]:
    return len(watch.seen.known), len(watch.seen.closed), tuple(watch.seen.left.values())


def _guarded(check: Callable[[], list[str]]) -> list[str]:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - what cannot even be read is a finding, not the end
        return [f"cannot be checked: {type(error).__name__}"]
