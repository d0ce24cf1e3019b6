"""What must be true after the storm; each check gives its findings in words without a value of a person."""

from __future__ import annotations

import datetime as dt
import io
import signal
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from orchestrator.core.model import Attention
from orchestrator.errors import ExpungeError
from orchestrator.keys import read_public
from orchestrator.ledger import record
from schemas.completion import CompletionRecord
from schemas.requests import Right
from schemas.topics import CONFIRMATIONS, HEARTBEATS
from tests.chaos import checks as embedded
from tests.chaos.distributed import expected
from tests.chaos.distributed.crew import Ended
from tests.chaos.distributed.ledger import Stored
from tests.chaos.distributed.storm import Outage
from tests.chaos.distributed.topics import Wire
from tests.chaos.workload import Workload
from tests.support.company import Company, Finder, Snapshot

DEPENDENCY: Final = 3
"""Exit code of a process that went away because a store or a broker did."""
YOUNG: Final = 30.0
"""Seconds within which a process may not have come to catching SIGTERM."""
PATIENCE: Final = 400.0
"""Seconds between an outage and the last of the tries that it made fail."""
_TRUE: Final = {
    "unreachable": ("targets",), "overloaded": ("targets",), "timeout": ("targets",), "OperationalError": ("targets",),
    "locked": ("targets", "frozen"), "disk_full": ("disk",), "input_output": ("disk",), "busy": ("frozen",),
    "file_changed": ("frozen", "stopped"),
}  # fmt: skip
"""Detail of an attention -> what of ours explains it."""


class After(msgspec.Struct):
    """Everything that is known when it is over.

    Attributes:
        now: The company as it stands.
        before: Rows and lines of bystanders before the storm; ``managers``: who managed whom.
        asked: Request id -> number of the person, and whether it is an erasure.
        called: Who was called to which request, and why, before an operator mended anything.
    """

    load: Workload
    now: Company
    before: Snapshot
    managers: dict[int, int | None]
    asked: dict[str, tuple[int, bool]]
    wire: Wire
    store: Stored
    called: list[tuple[str, Attention]]
    outages: list[Outage]
    ended: list[Ended]
    public_key: Path
    records: dict[str, CompletionRecord] = {}


def every_request_closed(after: After) -> list[str]:
    """Each is there and closed, after an operator let go on what had a true reason to wait."""
    phases = Counter(after.store.phases.values())
    return [f"{count} requests still {phase}" for phase, count in phases.items() if phase != "closed"]


def nothing_lost(after: After) -> list[str]:
    """Every published request is in the store; nothing else is."""
    lost, strange = after.asked.keys() - after.store.phases.keys(), after.store.phases.keys() - after.asked.keys()
    found = [f"{len(lost)} requests lost, e.g. {min(lost)}"] if lost else []
    return found + ([f"{len(strange)} requests nobody sent"] if strange else [])


def reasons_true(after: After) -> list[str]:
    """Whoever was called to a request finds what the reason says: something of ours was away, at that time."""
    untrue = Counter(
        f"{why.reason} ({why.detail or '-'}) at {why.system or '-'}" for _, why in after.called if not _true(after, why)
    )
    return [f"{count} without a cause: {what}" for what, count in untrue.items()]


def _true(after: After, why: Attention) -> bool:
    if why.reason != "keeps_failing":
        return False
    at = dt.datetime.fromisoformat(why.since).timestamp()
    causes = _TRUE.get(why.detail, ())
    return any(
        one.what.startswith(causes) and one.start <= at <= (one.end or at) + PATIENCE for one in after.outages if causes
    )


def records_verify(after: After) -> list[str]:
    """Every record verifies with the public key alone; keeps what they say."""
    key = read_public(after.public_key)
    failed = 0
    for _, request_id, number, jws in after.store.records:
        try:
            one = record.verify(jws, key)
        except ExpungeError:
            failed += 1
            continue
        if (one.request_id, one.number) != (request_id, number):
            failed += 1
        elif number == 1:
            after.records[request_id] = one
    for published in after.wire.completions:
        try:
            record.verify(published.jws.encode(), key)
        except ExpungeError:
            failed += 1
    return [f"{failed} records do not verify"] if failed else []


def no_record_doubled(after: After) -> list[str]:
    """One record a request, the same in the store and in the topic."""
    numbers = Counter((request_id, number) for _, request_id, number, _ in after.store.records)
    found = [f"{count} records {key[1]} of request {key[0]}" for key, count in numbers.items() if count > 1]
    later = sum(number > 1 for _, number in numbers)
    found += [f"{later} second records: something was taken back"] * bool(later)
    without = after.asked.keys() - {request_id for request_id, _ in numbers}
    found += [f"{len(without)} requests without a record"] * bool(without)
    kept = {record_id: jws for record_id, _, _, jws in after.store.records}
    told: dict[str, set[bytes]] = {}
    for one in after.wire.completions:
        told.setdefault(one.record_id, set()).add(one.jws.encode())
    differing = sum(bodies != {kept.get(one)} for one, bodies in told.items())
    silent = len(kept.keys() - told.keys())
    found += [f"{differing} records were published otherwise than stored"] * bool(differing)
    return found + [f"{silent} records were never published"] * bool(silent)


def no_false_completion(after: After) -> list[str]:
    """Whoever was told that it is done finds it done, and each line says what was to be done."""
    traces = after.now.traces(after.load.erased)
    false = {one for one in after.records if after.asked[one][1] and after.asked[one][0] in traces}
    found = [f"{len(false)} completions are false, e.g. {min(false)}"] if false else []
    other: Counter[str] = Counter()
    for request_id, one in after.records.items():
        number, erases = after.asked[request_id]
        wanted = expected.erasure(after.now, number) if erases else expected.access(after.now, number)
        other.update(expected.differ(wanted, one))
    return found + [f"{count} records say {what}" for what, count in other.most_common(5)]


def false_completions(after: After) -> int:
    """Count completed erasures of persons who are still somewhere."""
    traces = after.now.traces(after.load.erased)
    return sum(after.asked[one][1] and after.asked[one][0] in traces for one in after.records)


def repetitions_identical(after: After) -> list[str]:
    """What was published again was published in the same bytes.

    Confirmations are left out: a task that is carried out twice is answered twice, at two times (ADR 27).
    """
    found = []
    for name, topic in after.wire.topics.items():
        if name not in {CONFIRMATIONS.name, HEARTBEATS.name} and topic.in_other_words:
            found.append(f"{name}: {len(topic.in_other_words)} events in other words, e.g. {topic.in_other_words[0]}")
        if topic.unreadable:
            found.append(f"{name}: {topic.unreadable} unreadable")
    return found


def facts_count_once(after: After) -> list[str]:
    """However often an event came, it counts once: nothing was buried, nothing contradicts, every journal is true."""
    store = after.store
    twice = sum(count > 1 for count in store.intake.values())
    found = [f"{twice} requests were taken in twice"] * bool(twice)
    found += [f"{count} dead letters: {error}" for error, count in store.dead.items()]
    found += [f"{store.incidents} incidents"] * bool(store.incidents)
    return found + [f"{len(store.strayed)} journals do not lead to the state"] * bool(store.strayed)


def packages_whole(after: After) -> list[str]:
    """Each access has a package that opens and is about this person and nobody else."""
    finder = Finder(after.now.people)
    missing = [one for one in after.load.accesses if one not in after.store.packages]
    found = [f"{len(missing)} packages are missing"] if missing else []
    wrong = sum(_named(body, finder) != {after.asked[one][0]} for one, body in after.store.packages.items())
    return found + [f"{wrong} packages are not about the person, or not about her alone"] * bool(wrong)


def _named(body: bytes, finder: Finder) -> set[int]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {one for name in archive.namelist() for one in finder.of(archive.read(name))}


def one_writer_at_a_time(folder: Path, gone: Mapping[int, int]) -> list[str]:
    """Nobody begins to rewrite a file of a system while another process has not ended doing so.

    Args:
        folder: Where the processes noted begin and end of each rewrite.
        gone: When which process ended, monotonic nanoseconds: what it had begun ended with it.
    """
    found = []
    for file in sorted(folder.glob("writers-*")):
        inside: dict[int, int] = {}
        at_once = 0
        for line in sorted(file.read_text().splitlines(), key=lambda one: int(one.split()[2])):
            what, pid, at = line.split()
            inside = {one: count for one, count in inside.items() if count and gone.get(one, int(at) + 1) > int(at)}
            inside[int(pid)] = inside.get(int(pid), 0) + (1 if what == "begin" else -1)
            at_once += what == "begin" and any(count > 0 for one, count in inside.items() if one != int(pid))
        if at_once:
            found.append(f"{file.name.removeprefix('writers-')}: {at_once} times two processes rewrote at once")
    return found


def processes_end_well(after: After) -> list[str]:
    """A process ends as it was told to, or with the exit code of one that lost something it needs."""
    odd: Counter[str] = Counter()
    for one in after.ended:
        allowed = {DEPENDENCY, -signal.SIGKILL if one.asked == signal.SIGKILL else 0 if one.asked else DEPENDENCY}
        if one.asked == signal.SIGTERM and one.at - one.started < YOUNG:
            allowed.add(-signal.SIGTERM)
        if one.code not in allowed:
            odd[f"{one.name.rsplit('-', 1)[0]} ended with {one.code} after signal {one.asked}"] += 1
    return [f"{count} times {what}" for what, count in odd.items()]


def excuses(folder: Path) -> dict[str, int]:
    """Count what the processes that ended by themselves said: the first line of the error, and its cause."""
    said: Counter[str] = Counter()
    for file in folder.glob("*.log"):
        lines = file.read_text().splitlines()
        for at, line in enumerate(lines):
            if line.startswith("error: "):
                why = next((one.split(maxsplit=1)[1] for one in lines[at + 1 : at + 4] if one.startswith("  why:")), "")
                said[f"{line.removeprefix('error: ')} ({why.split()[0] if why else '-'})"] += 1
    return dict(said)


def of_the_stores(after: After) -> dict[str, Callable[[], list[str]]]:
    """Give the checks of the company's stores; they are those of the embedded harness."""
    return {
        "no trace of the erased": lambda: embedded.no_trace_of_the_erased(after.now, after.load),
        "others untouched": lambda: embedded.bystanders_untouched(after.now, after.load, after.before),
        "what is kept is masked": lambda: embedded.kept_is_masked(after.now, after.load),
        "references hold": lambda: embedded.references_hold(after.now, after.managers),
        "no half-written file": lambda: [str(one.name) for one in after.now.stores.rglob(".expunge-*.tmp")],
    }


def of_the_requests(after: After) -> dict[str, Callable[[], list[str]]]:
    """Give the checks of requests, records and topics, in the order in which they need each other."""
    return {
        "every request closed": lambda: every_request_closed(after),
        "nothing lost": lambda: nothing_lost(after),
        "reasons are true": lambda: reasons_true(after),
        "records verify": lambda: records_verify(after),
        "no record doubled": lambda: no_record_doubled(after),
        "no false completion": lambda: no_false_completion(after),
        "repetitions identical": lambda: repetitions_identical(after),
        "every fact counts once": lambda: facts_count_once(after),
        "packages whole": lambda: packages_whole(after),
        "processes end well": lambda: processes_end_well(after),
    }


def asked_of(load: Workload, numbers: dict[str, int]) -> dict[str, tuple[int, bool]]:
    """Give, by request id, the person and whether it is an erasure. ``numbers``: e-mail address -> person."""
    found = {}
    for form in load.forms:
        (email,) = [one.value for one in form.identifiers if one.kind == "email"]
        found[str(form.request_id)] = (numbers[email], form.right is Right.ERASURE)
    return found
