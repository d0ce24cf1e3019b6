"""A process killed between writing a file of the exports and noting it leaves nothing behind for good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine import Engine
from orchestrator.runtime.embedded import Embedded
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support.company import Company, made_up


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


@pytest.fixture
def company(tmp_path: Path) -> Company:
    company = Company.build(tmp_path, 3, dt.date(2026, 6, 1))
    with Embedded.open(company.home) as home:
        who = Identifier("email", made_up(1001).email)
        home.intake.submit([RequestForm(Right.ACCESS, (who,), request_id="copy")])
    return company


def _run_killed_in(company: Company, monkeypatch: pytest.MonkeyPatch, method: str, *, after: bool) -> None:
    original: Callable[..., Any] = getattr(Engine, method)

    def killed(self: Engine, *args: Any, **kwargs: Any) -> Any:
        exported = [one for one in _names(company) if one.endswith(".export")]
        if exported and after:
            original(self, *args, **kwargs)
        if exported:
            raise Killed
        return original(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, method, killed)
        with Embedded.open(company.home) as home, pytest.raises(Killed):
            home.run(until_idle=True)


def _run(company: Company) -> None:
    with Embedded.open(company.home) as home:
        home.run(until_idle=True)


def _names(company: Company) -> list[str]:
    folder = company.home / "exports"
    return sorted(one.name for one in folder.iterdir()) if folder.exists() else []


def test_an_export_written_and_not_confirmed_goes(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_killed_in(company, monkeypatch, "confirm", after=False)
    assert _names(company)
    _run(company)
    assert [Path(one).suffix for one in _names(company)] == [".package"]


def test_a_package_written_and_not_noted_goes(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_killed_in(company, monkeypatch, "packaged", after=False)
    (left,) = [one for one in _names(company) if one.endswith(".package")]
    _run(company)
    (package,) = _names(company)
    assert package.endswith(".package")
    assert package != left


def test_parts_of_a_package_that_is_noted_go(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_killed_in(company, monkeypatch, "packaged", after=True)
    assert any(one.endswith(".export") for one in _names(company))
    _run(company)
    assert [Path(one).suffix for one in _names(company)] == [".package"]


def test_a_package_begun_goes(company: Company) -> None:
    begun = company.home / "exports" / ".assembling-x"
    begun.mkdir(parents=True)
    (begun / "spool").write_bytes(b"sealed")
    _run(company)
    assert [Path(one).suffix for one in _names(company)] == [".package"]


def test_what_is_still_needed_stays(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    _run_killed_in(company, monkeypatch, "package_key", after=True)
    parts = [one for one in _names(company) if one.endswith(".export")]
    _run(company)
    (package,) = _names(company)
    _run(company)
    assert parts
    assert _names(company) == [package]
