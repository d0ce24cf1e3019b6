from __future__ import annotations

import contextlib
import errno
import gzip
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from connectors.errors import PermanentError, TransientError
from connectors.files import replace, stream
from connectors.files.connector import FileConnector
from connectors.files.sets import load
from connectors.logs import LogSet
from tests.unit.connectors.files.store import TEXT, Store, subject

HERS = b"10.0.0.1 - hers\n"
OTHER = b"10.0.0.2 - other \xff\r\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, TEXT)


def test_bystanders_stay_byte_for_byte(store: Store) -> None:
    store.put("a.log", OTHER + HERS + b"\n\r\n" + HERS + b"10.0.0.3 no newline at the end")
    untouched = store.put("b.log", OTHER)
    before = untouched.stat()
    report = store.erase(subject(ip="10.0.0.1"))
    assert len(report.erased) == 2
    assert store.get("a.log") == OTHER + b"\n\r\n" + b"10.0.0.3 no newline at the end"
    assert untouched.stat().st_ino == before.st_ino
    assert store.names() == {"a.log", "b.log"}
    again = store.erase(subject(ip="10.0.0.1"))
    assert (again.erased, again.kept) == ((), ())


def test_last_line_without_newline_goes(store: Store) -> None:
    store.put("a.log", OTHER + HERS.rstrip())
    store.erase(subject(ip="10.0.0.1"))
    assert store.get("a.log") == OTHER


def test_every_line_hers_leaves_an_empty_file(store: Store) -> None:
    store.put("a.log", HERS * 3)
    assert len(set(store.erase(subject(ip="10.0.0.1")).erased)) == 3
    assert store.get("a.log") == b""
    assert store.count(ip="10.0.0.1") == 0


def test_gz_stays_gz_without_name_or_time(store: Store) -> None:
    file = store.put("a.log.gz", OTHER + HERS)
    file.write_bytes(file.read_bytes() + gzip.compress(HERS + OTHER))
    store.erase(subject(ip="10.0.0.1"))
    raw = file.read_bytes()
    assert gzip.decompress(raw) == OTHER + OTHER
    assert raw[3] == 0
    assert raw[4:8] == b"\0\0\0\0"


def test_mode_and_attributes_stay(store: Store) -> None:
    file = store.put("a.log", HERS)
    file.chmod(0o640)
    with contextlib.suppress(OSError):
        os.setxattr(file, "user.note", b"kept")
    attributes = os.listxattr(file)
    store.erase(subject(ip="10.0.0.1"))
    assert file.stat().st_mode & 0o7777 == 0o640
    assert os.listxattr(file) == attributes


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_stays(store: Store) -> None:
    file = store.put("a.log", HERS)
    os.chown(file, 1234, 4321)
    store.erase(subject(ip="10.0.0.1"))
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 4321)


def test_line_of_five_megabytes(store: Store) -> None:
    long = b"x" * 5_000_000 + b" 10.0.0.1 " + b"y" * 100 + b"\n"
    store.put("a.log", OTHER + long + OTHER)
    assert len(store.erase(subject(ip="10.0.0.1")).erased) == 1
    assert store.get("a.log") == OTHER + OTHER


def test_line_without_end_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MAX_LINE", stream.CHUNK)
    store.put("a.log", b"x" * (3 * stream.CHUNK))
    with pytest.raises(PermanentError, match="line_too_long"):
        store.count(ip="10.0.0.1")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(HERS * 1000)[:-9], "truncated_gz"),
        (gzip.compress(HERS)[:-8] + bytes(8), "broken_gz"),
        (HERS, "broken_gz"),
        (b"\x28\xb5\x2f\xfd....", "unknown_format"),
        (b"PK\x03\x04....", "unknown_format"),
    ],
    ids=["truncated", "wrong checksum", "plain", "zstd", "zip"],
)
def test_unreadable_file_stops_the_work(store: Store, content: bytes, code: str) -> None:
    (store.root / "a.log.gz").write_bytes(content)
    with pytest.raises(PermanentError, match=f"^{code}$"):
        store.erase(subject(ip="10.0.0.1"))
    assert (store.root / "a.log.gz").read_bytes() == content
    assert store.names() == {"a.log.gz"}


def test_utf_16_is_not_searched_as_if_it_were_text(store: Store) -> None:
    store.put("a.log", "10.0.0.1\n".encode("utf-16"))
    with pytest.raises(PermanentError, match="unknown_format"):
        store.count(ip="10.0.0.1")


def test_second_name_of_a_file_stops_the_work(store: Store) -> None:
    file = store.put("a.log", HERS)
    (store.folder / "elsewhere").hardlink_to(file)
    with pytest.raises(PermanentError, match="hard_link"):
        store.erase(subject(ip="10.0.0.1"))
    assert store.get("a.log") == HERS


def _replaced(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    other.rename(file)


def _grown(file: Path) -> None:
    with file.open("ab") as out:
        out.write(HERS)


@pytest.mark.parametrize("change", [_replaced, _grown])
def test_file_changed_by_another_process_stays_as_that_left_it(
    store: Store, change: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = store.put("a.log", OTHER + HERS)
    assert callable(change)
    real = os.fsync
    seen: list[bytes] = []

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if Path(f"/proc/self/fd/{descriptor}").readlink().suffix == ".tmp" and not seen:
            change(file)
            seen.append(file.read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(TransientError, match="file_changed"):
        store.erase(subject(ip="10.0.0.1"))
    assert file.read_bytes() == seen[0]
    assert store.names() == {"a.log"}
    store.erase(subject(ip="10.0.0.1"))
    assert file.read_bytes() == OTHER


@pytest.mark.parametrize("swaps", [True, False])
def test_file_put_in_place_after_the_last_look_goes_back(
    store: Store, swaps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = store.put("a.log", OTHER + HERS)
    theirs = OTHER + HERS + b"written by another process\n"
    real = replace.exchange
    calls: list[int] = []

    def exchange(one: Path, other: Path) -> None:
        if not calls:
            new = file.with_name("theirs")
            new.write_bytes(theirs)
            new.rename(file)
        calls.append(1)
        real(one, other)

    monkeypatch.setattr(replace, "exchange", exchange)
    if not swaps:
        monkeypatch.setattr(replace, "_renameat2", None)
    with pytest.raises(TransientError, match="file_changed"):
        store.erase(subject(ip="10.0.0.1"))
    assert file.read_bytes() == theirs
    assert store.names() == {"a.log"}
    assert len(calls) == 2
    store.erase(subject(ip="10.0.0.1"))
    assert file.read_bytes() == theirs.replace(HERS, b"")
    assert store.names() == {"a.log"}


def test_too_little_room_is_noticed_before_writing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a.log", HERS)
    usage = shutil.disk_usage(store.root)._replace(free=3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(TransientError, match="disk_full"):
        store.erase(subject(ip="10.0.0.1"))
    assert store.get("a.log") == HERS


@contextlib.contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_disk_full_while_writing_leaves_the_original(store: Store) -> None:
    content = OTHER * 20_000 + HERS
    store.put("a.log", content)
    with _file_size_limit(100_000), pytest.raises(TransientError, match=r"^disk_full$"):
        store.erase(subject(ip="10.0.0.1"))
    assert store.get("a.log") == content
    assert store.names() == {"a.log"}
    store.erase(subject(ip="10.0.0.1"))
    assert store.get("a.log") == OTHER * 20_000


def test_really_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    try:
        store = Store(mount, TEXT)
        content = OTHER * 30_000 + HERS
        store.put("a.log", content)
        # The check beforehand would stop it; another process may fill the disk after it.
        roomy = shutil.disk_usage(mount)._replace(free=10**9)
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda _: roomy)
            with pytest.raises(TransientError, match=r"^disk_full$"):
                store.erase(subject(ip="10.0.0.1"))
        assert store.get("a.log") == content
        assert store.names() == {"a.log"}
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_wrong_number_of_lines_is_never_put_in_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.files import lines

    store.put("a.log", OTHER + HERS)
    monkeypatch.setattr(lines, "_count", lambda *_, **__: 7)
    with pytest.raises(PermanentError, match="line_count"):
        store.erase(subject(ip="10.0.0.1"))
    assert store.get("a.log") == OTHER + HERS


def test_second_process_waits_or_is_told_to(store: Store) -> None:
    store.put("a.log", HERS)
    loaded = load(store.settings, LogSet)
    (store.root / ".expunge").mkdir()
    with filelock.FileLock(store.root / ".expunge" / "lock"):
        impatient = FileConnector(store.root, loaded, lock_seconds=0.05)
        with pytest.raises(TransientError, match=r"^busy$"), replace.locked(store.root, 0.05):
            pass
        assert impatient.locate([subject(ip="10.0.0.1")])
    assert len(store.erase(subject(ip="10.0.0.1")).erased) == 1


CRASH = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {repo!r})
from tests.unit.connectors.files.store import Store, TEXT, subject
at = int(sys.argv[2])
calls = 0
def die(name):
    real = getattr(os, name)
    def hook(*args, **kwargs):
        global calls
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(os, name, hook)
for name in ("fsync", "fchmod", "rename", "open", "unlink"):
    die(name)
Store(Path(sys.argv[1]), TEXT).erase(subject(ip="10.0.0.1"))
print(calls)
"""


@pytest.mark.chaos
def test_killed_anywhere_it_converges_and_leaves_nothing_behind() -> None:
    repo = str(Path(__file__).parents[4])
    script = CRASH.format(repo=repo)
    content = {"a.log": OTHER + HERS + OTHER, "b.log.gz": HERS + OTHER, "c.log": OTHER + HERS}
    at, kills = 1, 0
    while True:
        with tempfile.TemporaryDirectory() as name:
            store = Store(Path(name), TEXT)
            for file, lines in content.items():
                store.put(file, lines)
            done = subprocess.run(
                [sys.executable, "-c", script, name, str(at)], capture_output=True, text=True, cwd=repo, check=False
            )
            for file, lines in content.items():
                assert store.get(file) in {lines, lines.replace(HERS, b"")}
            store.erase(subject(ip="10.0.0.1"))
            assert {file: store.get(file) for file in content} == {
                file: lines.replace(HERS, b"") for file, lines in content.items()
            }
            assert store.names() == set(content)
        if done.returncode != -signal.SIGKILL:
            assert done.returncode == 0, done.stderr
            break
        kills += 1
        at += 1 if at < 12 else 4
    assert kills >= 12


def test_errors_never_name_a_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("ada@x.org.log", HERS)

    def broken(*_: object, **__: object) -> int:
        raise OSError(errno.EIO, "broken", "ada@x.org.log")

    monkeypatch.setattr(os, "fchmod", broken)
    with pytest.raises(TransientError) as caught:
        store.erase(subject(ip="10.0.0.1"))
    assert str(caught.value) == "input_output"
    assert caught.value.__cause__ is None


def test_not_permitted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("a.log", HERS)

    def refused(*_: object, **__: object) -> int:
        raise OSError(errno.EPERM, "no", "a.log")

    monkeypatch.setattr(os, "fchmod", refused)
    with pytest.raises(PermanentError, match=r"^not_permitted$"):
        store.erase(subject(ip="10.0.0.1"))
    assert store.names() == {"a.log"}
