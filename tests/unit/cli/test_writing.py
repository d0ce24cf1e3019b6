import stat
from pathlib import Path

import pytest

from orchestrator.cli.writing import new_file
from orchestrator.errors import UsageError


def test_a_file_has_its_mode_and_content(tmp_path: Path) -> None:
    with new_file(tmp_path / "a", 0o600) as out:
        out.write(b"x")
    assert (tmp_path / "a").read_bytes() == b"x"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> None:
        with new_file(tmp_path / "a", 0o600) as out:
            out.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_not_even_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("a", "link"):
        with pytest.raises(UsageError), new_file(tmp_path / name, 0o600):
            pass
    assert (tmp_path / "a").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught, new_file(tmp_path / "no" / "a", 0o600):
        pass
    assert caught.value.why == "No such file or directory"
