from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.errors import MisconfiguredError, PermanentError, TransientError
from connectors.files import paths
from tests.unit.connectors.files.store import TEXT, Store, subject


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*.log", "a.log", True),
        ("*.log", "sub/a.log", False),
        ("**/*.log", "a.log", True),
        ("**/*.log", "x/y/a.log", True),
        ("x/**", "x/y/z", True),
        ("x/**/z", "x/z", True),
        ("x/?.log", "x/ab.log", False),
        ("[ab].log", "b.log", True),
    ],
)
def test_globs(glob: str, path: str, expected: bool) -> None:
    assert paths.matches(glob, path.split("/")) is expected


@pytest.mark.parametrize("glob", ["../a.log", "/etc/*", "a/../b", "", "a//b", "./a", "a\\\\b"])
def test_glob_out_of_the_root_is_refused_with_the_line(tmp_path: Path, glob: str) -> None:
    with pytest.raises(MisconfiguredError) as caught:
        Store(tmp_path, TEXT.replace('"*.log*"', f'"{glob}"'))
    assert caught.value.line == 4
    assert caught.value.fix


def _link_to_file(store: Store) -> None:
    outside = store.folder / "outside"
    outside.write_bytes(b"10.0.0.1\n")
    (store.root / "a.log").symlink_to(outside)


def _link_to_nothing(store: Store) -> None:
    (store.root / "a.log").symlink_to(store.folder / "nothing")


def _pipe(store: Store) -> None:
    os.mkfifo(store.root / "a.log")


@pytest.mark.parametrize(
    ("make", "code"), [(_link_to_file, "symlink"), (_link_to_nothing, "symlink"), (_pipe, "not_a_file")]
)
def test_what_is_no_file_of_ours_stops_the_work(tmp_path: Path, make: object, code: str) -> None:
    store = Store(tmp_path, TEXT)
    assert callable(make)
    make(store)
    with pytest.raises(PermanentError, match=f"^{code}$"):
        store.count(ip="10.0.0.1")
    with pytest.raises(MisconfiguredError, match=code):
        store.open().check()


def test_symlinked_folder_stops_the_work_where_a_glob_would_enter_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    store = Store(tmp_path, TEXT)
    (store.root / "sub").symlink_to(outside)
    store.put("a.log", b"x\n")
    assert store.count(ip="10.0.0.1") == 0
    deep = Store(tmp_path, TEXT.replace('"*.log*"', '"**/*.log"'))
    with pytest.raises(PermanentError, match="symlink"):
        deep.count(ip="10.0.0.1")


def test_one_file_in_two_record_sets_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT + TEXT.replace('"lines"', '"more"'))
    store.put("a.log", b"x\n")
    with pytest.raises(PermanentError, match="overlapping_globs"):
        store.count(ip="10.0.0.1")
    with pytest.raises(MisconfiguredError, match="overlapping_globs"):
        store.open().check()


def test_no_file_at_all_is_never_nothing_held_unless_the_map_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT)
    with pytest.raises(PermanentError, match="no_file"):
        store.count(ip="10.0.0.1")
    with pytest.raises(PermanentError, match="no_file"):
        store.export(subject(ip="10.0.0.1"))
    with pytest.raises(PermanentError, match="no_file"):
        store.erase(subject(ip="10.0.0.1"))
    with pytest.raises(PermanentError, match="no_file"):
        store.look(subject(ip="10.0.0.1"), ["1"])
    (warning,) = [one for one in store.open().check() if "no file matches" in one]
    assert "may_be_empty" in warning
    allowed = Store(tmp_path, TEXT + "may_be_empty = true\n")
    assert allowed.count(ip="10.0.0.1") == 0
    assert not [one for one in allowed.open().check() if "no_file" in one]
    store.put("a.log", b"10.0.0.1\n")
    assert store.count(ip="10.0.0.1") == 1


def test_missing_root_is_never_nothing_held(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT)
    store.root.rmdir()
    with pytest.raises(TransientError, match="root_missing"):
        store.count(ip="10.0.0.1")
    with pytest.raises(MisconfiguredError, match="root"):
        store.open().check()


def test_names_may_hold_anything_and_are_never_shown(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT.replace('"*.log*"', '"**/*.log"'))
    folder = store.root / "\n"
    folder.mkdir()
    name = os.fsencode(folder) + b"/\xff ada@x.org '\".log"
    Path(os.fsdecode(name)).write_bytes(b"10.0.0.1\n10.0.0.2\n")
    assert store.erase(subject(ip="10.0.0.1")).erased
    assert Path(os.fsdecode(name)).read_bytes() == b"10.0.0.2\n"
    assert "ada" not in repr(paths.listing(store.root, [paths.Globs(("**/*.log",))]))


def test_folder_of_our_own_is_ours_at_the_top_only(tmp_path: Path) -> None:
    store = Store(tmp_path, TEXT.replace('"*.log*"', '"**/*.log"'))
    for folder in (store.root / ".expunge", store.root / "sub" / ".expunge"):
        folder.mkdir(parents=True)
        (folder / "a.log").write_bytes(b"10.0.0.1\n")
    assert store.count(ip="10.0.0.1") == 1


def test_rotation_during_a_pass_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, TEXT)
    store.put("a.log", b"10.0.0.9\n")
    listing = paths.listing
    calls = 0

    def moving(root: Path, sets: list[paths.Globs]) -> list[tuple[paths.File, ...]]:
        nonlocal calls
        calls += 1
        if calls == 2:
            store.put("b.log", b"10.0.0.1\n")
        return listing(root, sets)

    monkeypatch.setattr(paths, "listing", moving)
    with pytest.raises(TransientError, match="file_changed"):
        store.count(ip="10.0.0.1")
