"""What must be true after a kill run; each check gives its findings in words without a value of a person."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from orchestrator.errors import ExpungeError
from orchestrator.files import package
from orchestrator.keys import read_public
from orchestrator.ledger import record
from orchestrator.runtime.embedded import Embedded
from schemas.completion import CompletionRecord
from tests.chaos.workload import Workload
from tests.support.company import Company, Snapshot, bystanders_differ, made_up

_OF_THE_MOMENT: Final = frozenset(
    {"completed_at", "confirmed_at", "confirmation_sha256", "looked_at", "package_sha256", "receipt_sha256"}
)
"""What differs between two runs that did the same."""


@contextlib.contextmanager
def _database(company: Company) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"file:{company.home / 'expunge.db'}?mode=ro", uri=True)) as database:
        yield database


def requests_closed(company: Company, load: Workload) -> list[str]:
    """Every request is there and closed; nothing waits, nobody has to look."""
    with _database(company) as database:
        phases = Counter(dict(database.execute("SELECT phase, count(*) FROM requests GROUP BY phase").fetchall()))
        known = {row[0] for row in database.execute("SELECT request_id FROM requests")}
        left = {
            "requests that need attention": "SELECT count(*) FROM requests WHERE attention > 0",
            "events not applied": "SELECT count(*) FROM journal WHERE wire IS NOT NULL",
            "tasks still out": "SELECT count(*) FROM outbox",
            "dead letters": "SELECT count(*) FROM dead_letters",
        }
        counts = {what: database.execute(query).fetchone()[0] for what, query in left.items()}
    found = [f"{count} {what}" for what, count in counts.items() if count]
    lost = {one.request_id for one in load.forms} - known
    if lost:
        found.append(f"{len(lost)} requests lost, e.g. {min(str(one) for one in lost)}")
    found += [f"{count} requests still {phase}" for phase, count in phases.items() if phase != "closed"]
    return found


def no_trace_of_the_erased(company: Company, load: Workload) -> list[str]:
    """No table and no file holds a value of an erased person."""
    traces = company.traces(load.erased)
    places = Counter(place for places in traces.values() for place in places)
    return [f"{count} erased persons are still in {place}" for place, count in sorted(places.items())]


def no_byte_of_the_erased(company: Company, load: Workload) -> list[str]:
    """Not even free pages of the databases hold an e-mail address, since rows are overwritten when deleted."""
    values = [made_up(number).email.encode() for number in load.erased]
    found = []
    for name in ("crm", "hr"):
        for file in sorted(company.stores.glob(f"{name}.sqlite*")):
            data = file.read_bytes()
            count = sum(value in data for value in values)
            if count:
                found.append(f"{count} addresses of erased persons in the bytes of {file.name}")
    return found


def bystanders_untouched(company: Company, load: Workload, before: Snapshot) -> list[str]:
    """Rows of others are equal, lines of others are byte-identical and in their order; whole databases."""
    found = bystanders_differ(before, company.contents(), load.erased)
    for name in ("crm", "hr"):
        with contextlib.closing(sqlite3.connect(company.stores / f"{name}.sqlite")) as store:
            if store.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                found.append(f"{name}.sqlite is damaged")
            broken = store.execute("PRAGMA foreign_key_check").fetchall()
            if broken:
                found.append(f"{len(broken)} broken references in {name}.sqlite")
    return found


def kept_is_masked(company: Company, load: Workload) -> list[str]:
    """Exactly the invoices and log lines that have to stay are there, without the person."""
    erased = [number for number in load.erased if number in company.people]
    contents = company.contents()
    rows = {row[0]: row for row in contents["crm.sqlite/invoices"]}
    expected = {n * 10 + at for n in erased for at, (_, stay) in enumerate(company.invoices_of(n)) if stay}
    present = {key for key in rows if key // 10 in set(erased)}
    found = []
    if present != expected:
        found.append(f"{len(expected - present)} kept invoices are gone, {len(present - expected)} are still there")
    bare = [key for key in present if rows[key][3:5] != ("erased", None)]
    if bare:
        found.append(f"{len(bare)} kept invoices still name the person")
    contacts = {row[0]: row for row in contents["crm.sqlite/customers"]}
    wrong = [n for n in erased if n not in contacts or contacts[n][3:] != (None, "erased", None)]
    if wrong:
        found.append(f"{len(wrong)} contacts are not anonymised")
    lines = [line for place in contents for line in contents[place] if place.startswith("logs/access")]
    masked = sum(b"erased-" in line for line in lines)
    stay = sum(keep for n in erased for _, keep in company.access_of(n))
    if masked != stay:
        found.append(f"{masked} log lines are masked, {stay} have to be")
    return found


def references_hold(company: Company, before: dict[int, int | None]) -> list[str]:
    """Erasing managers changed nothing in who manages whom."""
    after = company.employees_manage()
    changed = [key for key in before.keys() | after.keys() if before.get(key, 0) != after.get(key, 0)]
    return [f"{len(changed)} employees have another manager, or are gone"] if changed else []


def records_of(company: Company) -> dict[str, CompletionRecord]:
    """Verify every record under the public key; gives them by id.

    Raises:
        VerificationError: one does not verify.
    """
    key = read_public(company.home / "keys" / "record.pub.jwk")
    with _database(company) as database:
        rows = database.execute("SELECT record_id, jws FROM records").fetchall()
    return {str(record_id): record.verify(jws, key) for record_id, jws in rows}


def nothing_doubled(company: Company, reference: Company, load: Workload) -> list[str]:
    """One record a request, with number 1, that verifies; what the person is told is told once."""
    try:
        records = records_of(company)
    except ExpungeError as error:
        return [f"a record does not verify: {error.what}"]
    found = []
    numbers = Counter(one.request_id for one in records.values())
    wanted = [str(one.request_id) for one in load.forms]
    found += [f"request {one} has {numbers[one]} records" for one in wanted if numbers[one] != 1]
    found += [f"record {key} has number {one.number}" for key, one in records.items() if one.number != 1]
    ours, theirs = _notices(company), _notices(reference)
    found += [
        f"notices of request {one}: {_first_difference(ours.get(one), theirs.get(one))}"
        for one in sorted(ours.keys() | theirs.keys())
        if ours.get(one) != theirs.get(one)
    ]
    return found[:5] + ([f"and {len(found) - 5} more"] if len(found) > 5 else [])


def _notices(company: Company) -> dict[str, list[Any]]:
    """Give what was told about each request, without times and numbers."""
    with _database(company) as database:
        rows = database.execute("SELECT request_id, body FROM notices ORDER BY notice_id").fetchall()
    found: dict[str, list[Any]] = {}
    for request_id, body in rows:
        said = msgspec.json.decode(body)["data"]
        # The number in its id also counts the timers that were set.
        del said["notice_id"]
        found.setdefault(request_id, []).append(said)
    return {one: sorted(notices, key=repr) for one, notices in found.items()}


def records_equal(company: Company, reference: Company) -> list[str]:
    """The records say the same as those of a run without kills."""
    try:
        ours, theirs = records_of(company), records_of(reference)
    except ExpungeError as error:
        return [f"a record does not verify: {error.what}"]
    differing = []
    for key in sorted(ours.keys() | theirs.keys()):
        if key not in ours or key not in theirs:
            differing.append(f"record {key} exists in one run only")
            continue
        one, other = (_timeless(msgspec.to_builtins(which[key])) for which in (ours, theirs))
        if one != other:
            differing.append(f"record {key}: {_first_difference(one, other)}")
    return differing[:1] + ([f"and {len(differing) - 1} more records differ"] if len(differing) > 1 else [])


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        exported = value.get("outcome") == "exported"
        left_out = _OF_THE_MOMENT | ({"file", "sha256"} if exported else set())
        return {name: _timeless(one) for name, one in value.items() if name not in left_out}
    if isinstance(value, list | tuple):
        return [_timeless(one) for one in value]
    return value


def _first_difference(one: Any, other: Any, path: str = "$") -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                return _first_difference(one.get(name), other.get(name), f"{path}.{name}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for place, (here, there) in enumerate(zip(one, other, strict=True)):
            if here != there:
                return _first_difference(here, there, f"{path}[{place}]")
    return f"{path}: {one!r} after kills, {other!r} without"


def packages_equal(company: Company, reference: Company, load: Workload) -> list[str]:
    """Each access has one package, and what is in it is the same as without kills, byte for byte."""
    ours, theirs = _packages(company, load), _packages(reference, load)
    found = [f"the package of {one} is missing" for one in load.accesses if not ours.get(one)]
    return found + [f"the package of {one} differs" for one in load.accesses if ours.get(one) != theirs.get(one)]


def _packages(company: Company, load: Workload) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with Embedded.open(company.home) as home:
        with home.store.read() as tx:
            query = sa.text("SELECT body FROM journal WHERE type = 'PackageAssembled' AND request_id = :one")
            bodies = {one: tx.connection.execute(query, {"one": one}).scalars().all() for one in load.accesses}
        for request_id, blobs in bodies.items():
            if len(blobs) == 1:
                file = msgspec.json.decode(blobs[0])["file"]
                out = io.BytesIO()
                with contextlib.suppress(ExpungeError):
                    package.deliver(home.settings.exports / file, home.engine.package_key(request_id), out)
                    found[request_id] = out.getvalue()
    return found


def nothing_left_over(company: Company, load: Workload) -> list[str]:
    """No temporary file in the stores, and in the exports nothing but one package an access."""
    temporary = list(company.stores.rglob(".expunge-*.tmp"))
    found = [f"{len(temporary)} temporary files in the stores"] if temporary else []
    exports = company.home / "exports"
    names = (
        Counter(one.suffix or one.name.split("-")[0] for one in exports.iterdir()) if exports.exists() else Counter()
    )
    extra = {name: count for name, count in names.items() if name != ".package"}
    if extra:
        found.append(f"left in exports: {extra}")
    if names[".package"] != len(load.accesses):
        found.append(f"{names['.package']} packages for {len(load.accesses)} accesses")
    return found
