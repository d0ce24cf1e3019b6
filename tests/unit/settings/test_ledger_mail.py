"""``[ledger_mail]``: what is wrong is told with its line, and nothing goes to another machine without TLS."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.settings import load
from orchestrator.settings.ledger_mail import LedgerMailSettings

GOOD = {"to": '"dpo@example.org"', "sender": '"expunge@example.org"', "server": '"smtp.example.org"'}


def read(folder: Path, values: dict[str, str]) -> LedgerMailSettings:
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    text = f'version = 1\n[ledger_mail]\n{lines}[systems.crm]\nconnector = "sql"\nmap = "crm.toml"\n'
    (folder / "expunge.toml").write_text(text)
    return load(folder).ledger_mail


@pytest.mark.parametrize(
    ("more", "host", "port"),
    [
        ({}, "smtp.example.org", 587),
        ({"security": '"tls"'}, "smtp.example.org", 465),
        ({"server": '"smtp.example.org:2525"'}, "smtp.example.org", 2525),
        ({"server": '"[::1]:2525"', "security": '"none"'}, "::1", 2525),
        ({"server": '"localhost"', "security": '"none"'}, "localhost", 25),
    ],
)
def test_the_server_is_a_host_and_a_port(tmp_path: Path, more: dict[str, str], host: str, port: int) -> None:
    found = read(tmp_path, GOOD | more)
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"to": '"dpo"'}, "to"),
        ({"to": '"dpo@example.org\\r\\nBcc: all@example.org"'}, "to"),
        ({"sender": '""'}, "sender"),
        ({"server": '"smtp.example.org:0"'}, "server"),
        ({"server": '"smtp.example.org:99999"'}, "server"),
        ({"server": '"smtp example"'}, "server"),
        ({"security": '"none"'}, "security"),
        ({"security": '"ssl"'}, "security"),
        ({"every_hours": "0"}, "every_hours"),
        ({"every_hours": '"daily"'}, "every_hours"),
        ({"password": '"secret"'}, "password"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, more: dict[str, str], key: str) -> None:
    values = GOOD | more
    with pytest.raises(UsageError) as caught:
        read(tmp_path, values)
    assert caught.value.where == f"{tmp_path / 'expunge.toml'}:{3 + list(values).index(key)}"
    assert caught.value.fix


def test_nothing_said_is_no_mail(tmp_path: Path) -> None:
    assert not read(tmp_path, {}).to
