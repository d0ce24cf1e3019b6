"""The kill harness: SIGKILL at many random instants of the work, then everything must be as without kills (I11).

    python -m tests.chaos.kill --requests 1000 --kills 200 --seed 7

Exit code 0 if every check holds, 1 if one fails. ``--spoil`` puts a fault into the workers, to see a check fail.
"""

from __future__ import annotations

import argparse
import datetime as dt
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from orchestrator.runtime.embedded import Embedded
from tests.chaos import checks
from tests.chaos.runs import Landed, Runner, look
from tests.chaos.sabotage import SABOTAGES
from tests.chaos.worker import PHASES
from tests.chaos.workload import Workload, workload
from tests.support.company import Company, Snapshot
from tests.support.secrecy import Search

COLD: Final = 12
"""Every so many kills hit ``expunge run`` in a new interpreter."""
TERM: Final = 10
"""After every so many kills comes a SIGTERM, which has to end the run cleanly."""
EARLY: Final = 0.6
"""Share of the requests that are there before the first start; most others come during the first third of the kills."""
RESERVE: Final = 0.1
"""Share of the requests that is held back, so that there is something to kill if the work is over too early."""
STARTING: Final = 0.2
"""Seconds within which a forked worker has opened its home."""
SNAPSHOTS: Final = 10
"""How often, among the kills, everything on disk is set aside for the search."""


class Outcome(msgspec.Struct):
    """What happened: each check by name with its findings, and where the signals landed."""

    checks: dict[str, list[str]]
    landed: list[Landed]
    seconds: dict[str, float]
    events: int
    notes: list[str]


class Harness:
    """One kill run and its reference."""

    def __init__(self, root: Path, args: argparse.Namespace) -> None:
        self._args = args
        self._chance = random.Random(args.seed)
        now = dt.datetime.now(dt.UTC)
        # Neither run may see the date change. The command line has the machine's clock only, so it is left out then.
        self._shift = -7200.0 if now.hour == 23 else 0.0
        self.load: Workload = workload(args.requests, args.seed, now.date())
        self.company = Company.build(root / "killed", self.load.people, now.date())
        self.reference = self.company.twin(root / "reference")
        self.before: Snapshot = self.company.snapshot_bystanders(self.load.erased)
        self.managers = self.company.employees_manage()
        self._root = root
        self._aside = root / "aside"
        self._waiting = list(self.load.forms)
        self._window = 0.0

    def run(self) -> Outcome:
        """Run both, then check."""
        begun = time.monotonic()
        seconds: dict[str, float] = {}
        self._submit(self.reference, self.load.forms)
        with Runner(self.reference, self._args.batch, self._shift) as runner:
            seconds["without kills"], code = runner.whole()
        if code:
            raise SystemExit(f"the run without kills ended with {code}: see {runner.output}")
        expected = self._events(self.reference)
        self._take(int(len(self._waiting) * EARLY))
        with Runner(self.company, self._args.batch, self._shift, self._args.spoil) as runner:
            started = time.monotonic()
            landed = self._kill(runner, seconds["without kills"], expected)
            self._take(len(self._waiting))
            rest, code = runner.whole()
            _, code_again = runner.whole()
            seconds |= {"with kills": time.monotonic() - started, "of it after the last kill": rest}
        results = self._check(landed)
        results["runs end well"] = [f"exit code {one}" for one in (code, code_again) if one]
        results["runs end well"] += self._ends(landed)
        kills = sum(one.signal == signal.SIGKILL for one in landed)
        results["kills landed"] = [] if kills >= self._args.kills else [f"{kills} of {self._args.kills}"]
        hits, notes = self._search([runner.out, self.reference.root / "out"])
        results["secrecy"] = hits
        seconds["in all"] = time.monotonic() - begun
        return Outcome(results, landed, seconds, expected, notes)

    def _submit(self, company: Company, forms: Sequence[object]) -> None:
        with Embedded.open(company.home) as home:
            home.intake.submit(forms)  # type: ignore[arg-type]

    def _take(self, count: int) -> None:
        now, self._waiting = self._waiting[:count], self._waiting[count:]
        if now:
            self._submit(self.company, now)

    def _events(self, company: Company) -> int:
        mark = Landed(0, 0, ())
        look(company, self._root, mark)
        return mark.events

    # -- the kills ----------------------------------------------------------------------------------------
    def _kill(self, runner: Runner, reference: float, expected: int) -> list[Landed]:
        landed: list[Landed] = []
        kills = 0
        self._window = STARTING + 2 * reference / self._args.kills
        reserve = int(len(self.load.forms) * RESERVE)
        late = (len(self._waiting) - reserve) * 3 // self._args.kills + 1
        while kills < self._args.kills:
            if len(landed) % TERM == TERM - 1:
                one = self._one(runner, signal.SIGTERM, 0)
            elif len(landed) % COLD == COLD - 1 and not self._shift:
                one = runner.cold(self._chance.uniform(0, 1.5 + self._window))
            else:
                one = self._one(runner, signal.SIGKILL, late if len(self._waiting) > reserve else 0)
            look(self.company, self._root, one)
            landed.append(one)
            kills += one.signal == signal.SIGKILL
            self._set_aside(kills)
            if one.signal == 0:
                if not self._waiting:
                    break
                self._take(max(1, reserve // 10))
            self._steer(one, kills, expected, expected / reference)
        return landed

    def _one(self, runner: Runner, which: signal.Signals, submit: int) -> Landed:
        pid, begun = runner.start(), time.monotonic()
        self._take(submit)
        return runner.cut(pid, begun, self._chance.uniform(0, self._window), which)

    def _steer(self, one: Landed, kills: int, expected: int, rate: float) -> None:
        """Let the next worker live about as long as it takes to be where the kills should be by then.

        A worker that is killed before its first commit brings nothing, so the time grows until one gets further.
        """
        missing = 0.95 * expected * (kills + 1) / self._args.kills - one.events
        self._window = STARTING + max(0.0, 2 * missing / rate)

    def _set_aside(self, kills: int) -> None:
        each = max(1, self._args.kills // SNAPSHOTS)
        target = self._aside / f"{kills:04d}"
        if kills % each == 0 and not target.exists():
            shutil.copytree(self.company.home, target)

    def _ends(self, landed: list[Landed]) -> list[str]:
        odd = [one for one in landed if one.code != (-signal.SIGKILL if one.signal == signal.SIGKILL else 0)]
        counts = Counter((one.signal, one.code) for one in odd)
        return [f"{count} runs with signal {which} ended with {code}" for (which, code), count in counts.items()]

    # -- afterwards ---------------------------------------------------------------------------------------
    def _check(self, landed: list[Landed]) -> dict[str, list[str]]:
        company, reference, load = self.company, self.reference, self.load
        todo: dict[str, Callable[[], list[str]]] = {
            "every request closed": lambda: checks.requests_closed(company, load),
            "no trace of the erased": lambda: checks.no_trace_of_the_erased(company, load),
            "no byte of the erased": lambda: checks.no_byte_of_the_erased(company, load),
            "others untouched": lambda: checks.bystanders_untouched(company, load, self.before),
            "what is kept is masked": lambda: checks.kept_is_masked(company, load),
            "references hold": lambda: checks.references_hold(company, self.managers),
            "no record doubled": lambda: checks.nothing_doubled(company, reference, load),
            "records as without kills": lambda: checks.records_equal(company, reference),
            "packages as without kills": lambda: checks.packages_equal(company, reference, load),
            "nothing left over": lambda: checks.nothing_left_over(company, load),
        }
        return {name: _guarded(check) for name, check in todo.items()}

    def _search(self, outputs: list[Path]) -> tuple[list[str], list[str]]:
        """Search all that the product wrote, also what lay on disk at some of the kills."""
        persons = sorted({*self.load.erased, *self.company.people})
        search = Search(persons)
        own = [one for one in self.company.stores.rglob(".expunge") if one.is_dir()]
        hits, files, size = search.below([self.company.home, self.reference.home, self._aside, *own, *outputs])
        proof = self.company.home / "planted.txt"
        proof.write_bytes(b"x" + search_plant(persons[0]))
        planted, _, _ = search.below([self.company.home])
        proof.unlink()
        found = [f"{count} values in {place}" for place, count in Counter(hit.place for hit in hits).items()]
        if not any(hit.place.endswith("planted.txt") for hit in planted):
            found.append("the search does not find what was planted")
        return found, [f"secrecy: {search.forms:,} forms searched in {files:,} files, {size / 1e6:,.0f} MB"]


def search_plant(number: int) -> bytes:
    """Give a value in a form that only a careful search finds."""
    import base64

    from tests.support.company import made_up

    return base64.b64encode(b"ab" + made_up(number).email.encode() + b"c")


def _guarded(check: Callable[[], list[str]]) -> list[str]:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a file that cannot even be read is a finding, not the end
        return [f"cannot be checked: {type(error).__name__}"]


def report(outcome: Outcome, total: int) -> None:
    """Print the table."""
    print(f"\n{'check':<28}{'':6}findings")
    for name, findings in outcome.checks.items():
        print(f"{name:<28}{'FAIL' if findings else 'ok':<6}{'; '.join(findings[:4])}")
    by = Counter(one.signal for one in outcome.landed)
    print(f"\nSIGKILL {by[signal.SIGKILL]}, SIGTERM {by[signal.SIGTERM]}, ended before the signal {by[0]}")
    killed = [one for one in outcome.landed if one.signal == signal.SIGKILL]
    print(f"\n{'kills by requests closed':<40}kills by events applied, of all events")
    last = max((one.events for one in outcome.landed), default=0)
    bins = Counter(min(9, one.closed * 10 // max(1, total)) for one in killed)
    events = Counter(min(9, one.events * 10 // max(1, last, outcome.events)) for one in killed)
    for place in range(10):
        low, high = place * total // 10, (place + 1) * total // 10
        left = f"{low:>6} to {high:<6}{bins[place]:>4} {'#' * min(18, -(-bins[place] // 4))}"
        print(f"{left:<40}{place * 10:>3} to {place * 10 + 10:>3} %{events[place]:>5} {'#' * -(-events[place] // 4)}")
    print("\nwhat the worker was doing (threads do several things at once)")
    doing = Counter(phase for one in killed for phase in (one.phases or ("between",)))
    for phase in (*PHASES, "between", "command line"):
        print(f"  {phase:<20}{doing[phase]:>5}")
    print(f"  {'a half-written file was left':<29}{sum(one.temporary for one in killed):>5}")
    for note in outcome.notes:
        print(f"\n{note}")
    print("\nseconds: " + ", ".join(f"{name} {value:.1f}" for name, value in outcome.seconds.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the harness; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kill", description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=20, help="events a transaction, tasks a call of a connector")
    parser.add_argument("--spoil", choices=sorted(SABOTAGES), default="", help="put a fault into the workers")
    parser.add_argument("--keep", type=Path, help="build here, and leave everything for a look")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="expunge-kill-") as scratch:
        root = args.keep or Path(scratch)
        outcome = Harness(root, args).run()
    report(outcome, args.requests)
    failed = [name for name, findings in outcome.checks.items() if findings]
    print(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'all checks hold'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
