import json
import stat
from pathlib import Path

import pytest

from orchestrator import settings
from orchestrator.cli import main
from orchestrator.keys import KeyFolder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_new_home_is_private_and_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "a" / "home"
    assert main(["init", str(home)]) == 0
    assert capsys.readouterr().out == f"{home}\n"
    assert mode(home) == mode(home / "keys") == 0o700
    assert mode(home / "expunge.db") == 0o600
    assert all(mode(one) == 0o600 for one in (home / "keys").glob("*.jwk") if not one.name.endswith(".pub.jwk"))
    assert (home / "maps" / "example-crm.toml").is_file()


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    main(["init", str(tmp_path)])
    (tmp_path / "expunge.toml").write_text("version = 1\n# mine\n", encoding="utf-8")
    before = snapshot(tmp_path)
    assert main(["init", str(tmp_path)]) == 0
    assert {k: v for k, v in snapshot(tmp_path).items() if not k.startswith("expunge.db")} == {
        k: v for k, v in before.items() if not k.startswith("expunge.db")
    }


def test_init_again_makes_the_keys_of_new_systems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", str(tmp_path)])
    text = (tmp_path / "expunge.toml").read_text(encoding="utf-8")
    start = text.index("# [systems.crm]")
    connected = text[:start] + "\n".join(line.removeprefix("# ") for line in text[start:].splitlines())
    (tmp_path / "expunge.toml").write_text(connected, encoding="utf-8")
    capsys.readouterr()
    assert main(["init", str(tmp_path), "-o", "json"]) == 0
    made = json.loads(capsys.readouterr().out)["made"]
    assert sorted(Path(one).name for one in made) == [
        "system-crm.jwk",
        "system-events.jwk",
        "system-hr.jwk",
        "system-logs.jwk",
    ]
    found = settings.load(tmp_path)
    assert [one.system for one in found.systems] == ["crm", "hr", "events", "logs"]
    KeyFolder(found.keys, [one.system for one in found.systems])


def test_a_home_without_systems_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", str(tmp_path)])
    capsys.readouterr()
    assert main(["check", "--home", str(tmp_path)]) == 2
    assert "add a [systems.<id>] table" in capsys.readouterr().err


def test_the_configuration_may_move_store_and_keys(tmp_path: Path) -> None:
    (tmp_path / "expunge.toml").write_text(
        'version = 1\n[store]\npath = "other.db"\n[keys]\nfolder = "other"\n', encoding="utf-8"
    )
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "other.db").is_file()
    assert (tmp_path / "other" / "record.pub.jwk").is_file()
    assert not (tmp_path / "keys").exists()


def test_broken_toml_names_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "expunge.toml").write_text("version = 1\n\n[systems.crm\n", encoding="utf-8")
    assert main(["init", str(tmp_path)]) == 2
    assert f"{tmp_path / 'expunge.toml'}:3" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file" / "home")]) == 3
    assert "the folder cannot be written" in capsys.readouterr().err


def test_there_is_no_force(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path), "--force"]) == 2
