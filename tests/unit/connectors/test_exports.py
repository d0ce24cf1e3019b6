from __future__ import annotations

import hashlib
import os
import stat
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import PermanentError, TransientError
from connectors.exports import FRAME, MAGIC, ExportSink, read_export
from connectors.testing.canary import find_canaries
from schemas.errors import SealError
from schemas.sealing import SharedKey

KEY = SharedKey("k", bytes(32))
CANARY = "k.a_nary@quill-example.org"
HEADER = len(MAGIC) + 16


def write(folder: Path, rows: list[tuple[str, dict[str, Any]]], task_id: str = "t1") -> tuple[Path, str]:
    sink = ExportSink(folder)
    with sink.create(KEY, task_id) as file:
        for record_set, row in rows:
            file.write(record_set, row)
        digest = file.commit()
    return sink.path(file.ref), digest


def big(count: int = 3000) -> list[tuple[str, dict[str, Any]]]:
    return [("s", {"n": number, "noise": os.urandom(48).hex()}) for number in range(count)]


def frames(raw: bytes) -> list[bytes]:
    found, place = [], HEADER
    while place < len(raw):
        end = place + 5 + int.from_bytes(raw[place + 1 : place + 5], "big")
        found.append(raw[place:end])
        place = end
    return found


CELLS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.dictionaries(TEXT, CELLS | TEXT, max_size=4)), max_size=20)


@given(rows=ROWS)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, dict[str, Any]]]
) -> None:
    path, _ = write(tmp_path_factory.mktemp("x"), rows)
    assert list(read_export(path, KEY, "t1")) == rows


def test_many_frames_are_read_back(tmp_path: Path) -> None:
    rows = big()
    path, _ = write(tmp_path, rows)
    assert len(frames(path.read_bytes())) > 2
    assert list(read_export(path, KEY, "t1")) == rows


def test_the_hash_is_of_the_encrypted_bytes(tmp_path: Path) -> None:
    path, digest = write(tmp_path, [("s", {"a": 1})])
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_i04_neither_name_nor_bytes_show_anything(tmp_path: Path) -> None:
    path, _ = write(tmp_path, [("s", {"mail": CANARY})], task_id=CANARY)
    assert not find_canaries(path.read_bytes() + str(path).encode(), [CANARY])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_files_of_one_task_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = (write(tmp_path, [("s", {"a": 1})])[0] for _ in range(2))
    assert one.name != other.name
    assert one.read_bytes()[HEADER:] != other.read_bytes()[HEADER:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: b"",
        lambda raw: raw[:HEADER],
        lambda raw: raw[:3] + b"X" + raw[4:],
        lambda raw: raw[: len(MAGIC)] + b"X" + raw[len(MAGIC) + 1 :],
        lambda raw: raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:],
        lambda raw: raw[:HEADER] + b"".join(frames(raw)[:-1]),
        lambda raw: raw[:HEADER] + b"".join(frames(raw)[1:]),
        lambda raw: raw[:HEADER] + b"".join([frames(raw)[1], frames(raw)[0], *frames(raw)[2:]]),
        lambda raw: raw[:HEADER] + b"".join([*frames(raw)[:-2], b"\1" + frames(raw)[-2][1:]]),
        lambda raw: raw + b"".join(frames(raw)),
        lambda raw: raw[: HEADER + 1] + b"\xff\xff\xff\xff" + raw[HEADER + 5 :],
    ],
)
def test_every_damage_is_noticed(tmp_path: Path, damage: Any) -> None:
    path, _ = write(tmp_path, big())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SealError) as caught:
        list(read_export(path, KEY, "t1"))
    assert caught.value.rule == "export.altered"


def test_another_key_or_task_does_not_open(tmp_path: Path) -> None:
    path, _ = write(tmp_path, [("s", {"a": 1})])
    for key, task in ((SharedKey("k", b"\1" * 32), "t1"), (KEY, "t2")):
        with pytest.raises(SealError):
            list(read_export(path, key, task))


@pytest.mark.parametrize("row", [{"a": b"bytes"}, {"a": []}, {1: "a"}, {"a": "\ud800"}, "row"])
def test_a_row_that_is_no_row_is_refused_without_a_trace(tmp_path: Path, row: Any) -> None:
    sink = ExportSink(tmp_path)
    with pytest.raises(PermanentError) as caught, sink.create(KEY, "t1") as file:
        file.write("s", row)
    assert caught.value.code == "export_row"
    assert not list(tmp_path.iterdir())


def test_what_is_not_committed_is_removed(tmp_path: Path) -> None:
    with ExportSink(tmp_path).create(KEY, "t1") as file:
        file.write("s", {"a": 1})
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())
    with pytest.raises(TransientError):
        file.commit()


def test_what_a_killed_process_left_is_discarded(tmp_path: Path) -> None:
    sink = ExportSink(tmp_path)
    finished, _ = write(tmp_path, [("s", {"a": 1})])
    (tmp_path / "0.export.unfinished").write_bytes(b"half")
    assert sink.discard_unfinished() == 1
    assert list(tmp_path.iterdir()) == [finished]


def test_a_folder_that_cannot_be_written_is_transient(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TransientError) as caught:
        ExportSink(tmp_path / "file").create(KEY, "t1")
    assert caught.value.code == "export_write"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_transient_and_leaves_nothing(tmp_path: Path) -> None:
    with ExportSink(tmp_path).create(KEY, "t1") as file:
        assert file._file is not None
        file._file.close()
        file._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed by discard
        file.write("s", {"a": 1})
        with pytest.raises(TransientError) as caught:
            file.commit()
        assert caught.value.code == "export_write"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ref", ["../x.export", "x", "", "/etc/passwd", "0" * 32 + ".export/.."])
def test_a_reference_leads_nowhere_else(tmp_path: Path, ref: str) -> None:
    with pytest.raises(SealError):
        ExportSink(tmp_path).path(ref)


def test_memory_stays_flat(tmp_path: Path) -> None:
    row = {"text": "long and the same " * 50}
    sink = ExportSink(tmp_path)
    tracemalloc.start()
    try:
        with sink.create(KEY, "t1") as file:
            for _ in range(20_000):
                file.write("s", row)
            file.commit()
        assert sum(1 for _ in read_export(sink.path(file.ref), KEY, "t1")) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 20 * FRAME
    finally:
        tracemalloc.stop()
