"""The distributed chaos harness: everything that can go wrong at once, then everything must be as without (I10, I11).

    python -m tests.chaos.distributed --requests 5000 --kills 60 --broker-kills 3 --seed 7

Two orchestrators and two workers of each of four systems work on Kafka, PostgreSQL and Redis of the harness's own
(containers), while processes, broker, databases and cache are killed. Progress on stderr, the table on stdout; exit
code 0 if every check holds, 1 if one fails, 2 where there is no container engine. ``--sabotage`` puts a fault in, to
see the harness fail.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.chaos.distributed.harness import Harness, Outcome
from tests.chaos.distributed.sabotage import SABOTAGES
from tests.support.services import why_no_engine


def report(outcome: Outcome) -> None:
    """Print the table."""
    print(f"{'check':<28}{'':6}findings")
    for name, findings in outcome.checks.items():
        print(f"{name:<28}{'FAIL' if findings else 'ok':<6}{'; '.join(findings[:4])}")
    print()
    for name, value in outcome.figures.items():
        text = ", ".join(f"{key} {one}" for key, one in value.items()) if isinstance(value, dict) else f"{value:,}"
        print(f"{name:<32}{text or 'none'}")
    killed = [one for one in outcome.landed if one.signal == 9]
    doing = Counter(phase for one in killed for phase in (one.phases or ("between",)))
    print(f"{'what was killed was':<32}{', '.join(f'{name} {count}' for name, count in doing.most_common())}")
    for note in outcome.notes:
        print(f"note: {note}")
    print("seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in outcome.seconds.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the harness; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.distributed", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=60, help="SIGKILLs and SIGTERMs of processes")
    parser.add_argument("--broker-kills", type=int, default=3)
    parser.add_argument("--postgres-kills", type=int, default=4, help="in turn the orchestrator's and the systems'")
    parser.add_argument("--flushes", type=int, default=3, help="FLUSHALL of Redis")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two deeds, on average")
    parser.add_argument("--longest", type=float, default=10.0, help="seconds a deed waits for work to be done, at most")
    parser.add_argument("--rest", type=float, default=240.0, help="seconds without progress that count as stuck")
    parser.add_argument("--bus", choices=("faust", "plain"), default="faust", help="what the orchestrators read with")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.add_argument("--sabotage", choices=sorted(SABOTAGES), default="", help="put a fault into the processes")
    parser.add_argument("--keep", type=Path, help="build here, and leave everything for a look")
    args = parser.parse_args(argv)
    if (reason := why_no_engine()) is not None:
        sys.stderr.write(f"no container engine: {reason}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="expunge-chaos-") as scratch:
        outcome = Harness(args.keep.resolve() if args.keep else Path(scratch), args).run()
    failed = [name for name, findings in outcome.checks.items() if findings]
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(outcome)).decode())
    else:
        report(outcome)
        print(f"{'FAILED: ' + ', '.join(failed) if failed else 'all checks hold'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
