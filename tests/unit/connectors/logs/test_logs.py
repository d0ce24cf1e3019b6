from __future__ import annotations

import datetime as dt
import gzip
import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from connectors.contract import ErasureOrder, Look
from connectors.errors import MisconfiguredError, PermanentError
from connectors.files.connector import FileConnector, machine_time
from connectors.files.sets import load
from connectors.logs import LogSet
from schemas.outcomes import KeptWhy
from schemas.requests import parse_time
from schemas.tasks import Instruction
from tests.unit.connectors.files.store import MASKED, TEXT, Store, subject

REAL = Path(__file__).parents[5] / "shared" / "data" / "apache_access.log"
LINE = b'%s - - [%s +0000] "GET / HTTP/1.1" 200 1\n'
KEEP = Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="t", erase_up_to="2024-06-30", period_months=12)


def _line(ip: str, day: str) -> bytes:
    return LINE % (ip.encode(), day.encode())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, MASKED)


def test_old_lines_go_and_the_others_stay_masked(store: Store) -> None:
    old, new, other = (
        _line("10.0.0.1", "30/Jun/2024:10:00:00"),
        _line("10.0.0.1", "01/Jul/2024:10:00:00"),
        _line("10.0.0.2", "01/Jan/2020:10:00:00"),
    )
    undated = b"10.0.0.1 without a date\n"
    store.put("a.log", old + new + other + undated + b"2024-08-31T01:02:03Z 10.0.0.1 10.0.0.1\n")
    facts = store.holding(subject(ip="10.0.0.1")).facts
    assert (facts.anchor_first, facts.anchor_last, facts.anchor_missing) == ("2024-06-30", "2024-08-31", 1)
    report = store.erase(subject(ip="10.0.0.1"), KEEP)
    assert (len(report.erased), len(report.kept), report.method) == (1, 3, "pseudonymise")
    assert (report.due_first, report.due_last) == ("2025-07-01", "2025-08-31")
    after = store.get("a.log")
    token = re.findall(rb"erased-[0-9a-f]{16}", after)[0]
    assert after == (new + other + undated + b"2024-08-31T01:02:03Z 10.0.0.1 10.0.0.1\n").replace(b"10.0.0.1", token)
    assert store.count(ip="10.0.0.1") == 0
    assert set(store.look(subject(ip="10.0.0.1"), report.kept).values()) == {"masked"}


def test_masked_lines_are_found_by_their_key_and_erased_when_their_time_ends(store: Store) -> None:
    other = _line("10.0.0.2", "01/Jul/2024:10:00:00")
    store.put("a.log", _line("10.0.0.1", "01/Jul/2024:10:00:00") + other + _line("10.0.0.1", "01/Jan/2025:10:00:00"))
    kept = store.erase(subject(ip="10.0.0.1"), KEEP).kept
    held = store.holding(subject("t2", keys=kept, ip="10.0.0.1"))
    assert held.durable
    assert sorted(held.keys) == sorted(kept)
    later = Instruction(keep=KeptWhy.LEGAL_OBLIGATION, erase_up_to="2024-12-31", period_months=12)
    report = store.erase(subject("t2", keys=kept, ip="10.0.0.1"), later)
    assert (len(report.erased), len(report.kept)) == (1, 1)
    seen = store.look(subject("t2", ip="10.0.0.1"), kept)
    assert [seen[key] for key in report.erased] == ["gone"]
    assert [seen[key] for key in report.kept] == ["masked"]
    last = store.erase(subject("t3", keys=report.kept, ip="10.0.0.1"))
    assert last.erased == report.kept
    assert store.get("a.log") == other


def test_order_run_again_after_a_crash_still_knows_what_it_masked(store: Store) -> None:
    store.put("a.log", _line("10.0.0.1", "01/Jul/2024:10:00:00"))
    first = store.erase(subject(ip="10.0.0.1"), KEEP)
    again = store.erase(subject(ip="10.0.0.1"), KEEP)
    assert again.kept == first.kept != ()
    assert again.due_first == first.due_first
    other = store.erase(subject("another-task", ip="10.0.0.1"), KEEP)
    assert other.kept == ()


def test_secret_that_a_crash_cut_short_is_made_anew(store: Store) -> None:
    store.put("a.log", _line("10.0.0.1", "01/Jul/2024:10:00:00"))
    (store.root / ".expunge").mkdir()
    (store.root / ".expunge" / "key").write_bytes(b"short")
    assert store.erase(subject(ip="10.0.0.1"), KEEP).kept
    key = store.root / ".expunge" / "key"
    assert (len(key.read_bytes()), key.stat().st_mode & 0o777) == (32, 0o600)


def test_identifier_that_came_back_into_a_masked_line_is_seen(store: Store) -> None:
    store.put("a.log", _line("10.0.0.1", "01/Jul/2024:10:00:00"))
    kept = store.erase(subject(ip="10.0.0.1"), KEEP).kept
    store.put("a.log", store.get("a.log").replace(b"GET", b"10.0.0.1 GET"))
    assert list(store.look(subject(ip="10.0.0.1"), kept).values()) == ["present"]


def test_two_people_in_one_line_get_a_token_each(store: Store) -> None:
    store.put("a.log", b"2024-07-01 10.0.0.1 ada@x.org\n")
    one, two = subject("t1", ip="10.0.0.1"), subject("t2", email="ada@x.org")
    reports = store.open().erase([ErasureOrder(one, {"lines": KEEP}), ErasureOrder(two, {"lines": KEEP})])
    assert len(set(re.findall(rb"erased-[0-9a-f]{16}", store.get("a.log")))) == 2
    for who in (one, two):
        assert list(store.look(who, reports[who.task_id]["lines"].kept).values()) == ["masked"]


def test_line_that_one_of_two_must_keep_stays_and_is_not_claimed(store: Store) -> None:
    store.put("a.log", b"2024-07-01 10.0.0.1 ada@x.org\n")
    one, two = subject("t1", ip="10.0.0.1"), subject("t2", email="ada@x.org")
    reports = store.open().erase([ErasureOrder(one, {"lines": Instruction()}), ErasureOrder(two, {"lines": KEEP})])
    assert reports[one.task_id]["lines"].erased == ()
    assert len(reports[two.task_id]["lines"].kept) == 1
    assert store.count(ip="10.0.0.1") == 1
    assert store.count(email="ada@x.org") == 0


def test_without_an_instruction_nothing_is_touched(store: Store) -> None:
    store.put("a.log", b"2024-07-01 10.0.0.1\n")
    report = store.open().erase([ErasureOrder(subject(ip="10.0.0.1"), {})])["task-1"]["lines"]  # type: ignore[index]
    assert (report.erased, report.kept) == ((), ())
    assert store.count(ip="10.0.0.1") == 1


def test_live_file_is_left_to_rotation(store: Store) -> None:
    live = store.put("live.log", b"2024-07-01 10.0.0.1\n")
    store.put("old.log", b"2024-07-01 10.0.0.1\n")
    before = live.stat()
    report = store.erase(subject(ip="10.0.0.1"))
    assert (len(report.erased), report.pending_count) == (1, 1)
    assert report.pending is not None
    written = dt.datetime.fromtimestamp(before.st_mtime, dt.UTC)
    assert abs(parse_time(report.pending, where="pending") - written - dt.timedelta(hours=24)) < dt.timedelta(seconds=1)
    assert live.stat() == before
    held = store.holding(subject(ip="10.0.0.1"))
    assert (len(held.keys), held.pending_count, held.pending) == (1, 1, report.pending)
    # The same line stood in both files: the one that is left keeps number 0.
    seen = store.look(subject(ip="10.0.0.1"), (*report.erased, *held.keys))
    assert [seen[key] for key in report.erased] == ["gone"]
    live.rename(store.root / "live.log.1")
    assert len(store.erase(subject(ip="10.0.0.1")).erased) == 1
    assert store.get("live.log.1") == b""


def test_live_file_nobody_writes_to_is_looked_at_one_period_from_now(store: Store) -> None:
    live = store.put("live.log", b"2024-07-01 10.0.0.1\n")
    os.utime(live, (1_000_000, 1_000_000))
    connector = FileConnector(store.root, load(store.settings, LogSet), now=lambda: 5_000_000.0)
    pending = connector.locate([subject(ip="10.0.0.1")])["task-1"]["lines"].pending  # type: ignore[index]
    assert parse_time(pending or "", where="pending").timestamp() == 5_000_000 + 24 * 3600


def test_live_line_that_only_has_to_stay_does_not_wait(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT)
    store.put("live.log", b"2024-07-01 10.0.0.1\n")
    report = store.erase(subject(ip="10.0.0.1"), Instruction(keep=KeptWhy.HOLD))
    assert (len(report.kept), report.pending, report.pending_count, report.method) == (1, None, 0, "rewrite")
    assert list(store.look(subject(ip="10.0.0.1"), report.kept).values()) == ["present"]


def test_more_than_allowed_stops_before_anything_is_rewritten(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT + "max_records = 2\n")
    store.put("a.log", b"10.0.0.9\n10.0.0.1\n")
    store.put("b.log", b"10.0.0.1\n10.0.0.1\n")
    orders = [ErasureOrder(subject(f"t{n}", ip=f"10.0.0.{n}"), {"lines": Instruction()}) for n in (9, 1)]
    with pytest.raises(PermanentError, match=r"^max_records$"):
        store.open().erase(orders)
    assert store.get("a.log") == b"10.0.0.9\n10.0.0.1\n"
    assert len(store.open().erase(orders[:1])) == 1
    assert store.get("a.log") == b"10.0.0.1\n"


def test_second_look_takes_one_pass_where_nothing_changed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.files import lines

    store.put("a.log", b"2024-07-01 10.0.0.1\n")
    who = subject(ip="10.0.0.1")
    passes = 0
    real = lines.LineFormat.scan

    def counted(*arguments: object, **more: object) -> object:
        nonlocal passes
        passes += 1
        return real(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(lines.LineFormat, "scan", counted)
    connector = store.open()
    keys = connector.locate([who])[who.task_id]["lines"].keys
    look = Look(who, {"lines": keys})
    assert list(connector.present([look])[who.task_id]["lines"].values()) == ["present"]
    assert passes == 1
    store.put("a.log", b"2024-07-01 10.0.0.2\n")
    assert list(connector.present([look])[who.task_id]["lines"].values()) == ["gone"]
    assert passes == 2
    connector.close()
    assert list(connector.present([look])[who.task_id]["lines"].values()) == ["gone"]
    assert passes == 3


def test_line_nothing_leads_to_is_never_called_gone(store: Store) -> None:
    store.put("a.log", b"10.0.0.1\n")
    assert store.look(subject(), ["line:00#0", "nonsense"]) == {"line:00#0": "present", "nonsense": "present"}
    with pytest.raises(PermanentError, match="unknown_record_set"):
        store.open().present([Look(subject(), {"other": ("line:00#0",)})])


def test_export_of_lines(store: Store) -> None:
    store.put("a.log", b"10.0.0.1 \xff\r\n10.0.0.2\n")
    store.put("b.log.gz", b"10.0.0.1 two\n")
    assert store.export(subject(ip="10.0.0.1")) == [{"line": "10.0.0.1 \ufffd"}, {"line": "10.0.0.1 two"}]
    assert store.export(subject()) == []


def test_json_logs(tmp_path: Path) -> None:
    text = TEXT.split("match.email")[0] + 'format = "json"\nmatch.email = [{ field = "who" }]\n'
    store = Store(tmp_path, text)
    store.put("a.log.gz", b'{"who":"ada@x.org"}\n{"who":"bob@x.org","about":"ada@x.org"}\n')
    assert len(store.erase(subject(email="ada@x.org")).erased) == 1
    assert store.get("a.log.gz") == b'{"who":"bob@x.org","about":"ada@x.org"}\n'


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (('field = "*"', 'field = "user"'), 6, "a text log has no fields"),
        (('files = "*', 'free_text = ["said"]\nfiles = "*'), 4, "free_text: 'said': a text log has no fields"),
        (('mask = { "*" = "{random}" }', 'mask = { "*" = "gone" }'), 8, "masked as a whole"),
        (('live = "live.log"', 'erase = "anonymise"'), 5, "neither parents nor rules"),
        (('live = "live.log"', 'parent = "x"'), 5, "neither parents nor rules"),
        (('live = "live.log"', "rotation_hours = 0"), 5, "above 0"),
        (('live = "live.log"', 'live = "/var/log/x"'), 5, "absolute"),
        (('live = "live.log"', 'yields.name = [{ field = "x" }]'), 5, "no fields to take identifiers"),
        (('live = "live.log"', 'control.phone = "+331"'), 5, "not matched"),
        (('live = "live.log"', 'control.ip = ""'), 5, "empty"),
        (('live = "live.log"', 'formats = "json"'), 5, "unknown key"),
        (('live = "live.log"', 'format = "csv"'), 5, "Invalid enum value"),
        (('files = "*.log*"', "files = []"), 4, "no files"),
        (("months = 12", "months = -1"), 8, "negative"),
    ],
)
def test_wrong_map_names_line_and_fix(tmp_path: Path, change: tuple[str, str], line: int, words: str) -> None:
    with pytest.raises(MisconfiguredError, match=words) as caught:
        Store(tmp_path, MASKED.replace(*change, 1))
    assert caught.value.line == line
    assert caught.value.file.endswith("map.toml")
    assert caught.value.fix


def test_check_warns_of_globs_that_match_nothing(store: Store) -> None:
    warnings = store.open().check()
    assert len(warnings) == 2
    store.put("live.log", b"")
    assert store.open().check() == []
    assert [one.name for one in store.open().record_sets()] == ["lines"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_check_finds_a_root_that_cannot_be_written(store: Store) -> None:
    store.root.chmod(0o500)
    with pytest.raises(MisconfiguredError, match="cannot be read and written"):
        store.open().check()
    store.root.chmod(0o700)


def test_check_finds_files_that_cannot_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a.log", b"x\n")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: real(path, mode) and not str(path).endswith("a.log"))
    with pytest.raises(MisconfiguredError, match="not_permitted"):
        store.open().check()


def test_machine_time_is_now() -> None:
    assert abs(machine_time() - dt.datetime.now(dt.UTC).timestamp()) < 60


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.exists(), reason="../shared/data/apache_access.log is not here")
def test_every_visitor_of_a_real_log_can_be_erased_alone(tmp_path: Path) -> None:
    content = REAL.read_bytes()
    lines = content.splitlines(keepends=True)
    oracle = Counter(line.split(b" ", 1)[0].decode() for line in lines)
    store = Store(tmp_path, TEXT)
    shutil.copy(REAL, store.root / "access.log")
    visitors = sorted(oracle)
    found = store.open().locate([subject(f"t{n}", ip=ip) for n, ip in enumerate(visitors)])
    for n, ip in enumerate(visitors):
        # The address may stand in other visitors' lines too (a referrer), never fewer than its own.
        assert len(found[f"t{n}"]["lines"].keys) >= oracle[ip]  # type: ignore[index]
    chosen = visitors[:: len(visitors) // 20]
    pattern = re.compile(b"|".join(rb"(?<![\w.])" + re.escape(ip.encode()) + rb"(?![\w])(?!\.\w)" for ip in chosen))
    orders = [ErasureOrder(subject(f"t{n}", ip=ip), {"lines": Instruction()}) for n, ip in enumerate(chosen)]
    store.open().erase(orders)
    assert store.get("access.log") == b"".join(line for line in lines if not pattern.search(line))
    assert sum(store.count(ip=ip) for ip in chosen) == 0


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.exists(), reason="../shared/data/apache_access.log is not here")
def test_real_log_packed_and_masked(tmp_path: Path) -> None:
    store = Store(tmp_path, MASKED)
    content = REAL.read_bytes()
    (store.root / "access.log.gz").write_bytes(gzip.compress(content))
    report = store.erase(subject(ip="83.149.9.216"), Instruction(keep=KeptWhy.LEGAL_OBLIGATION, period_months=12))
    assert len(report.kept) == content.count(b"83.149.9.216 ") == 23
    assert (report.due_first, report.due_last) == ("2016-05-17", "2016-05-17")
    token = re.findall(rb"erased-[0-9a-f]{16}", store.get("access.log.gz"))[0]
    assert store.get("access.log.gz") == content.replace(b"83.149.9.216", token)
