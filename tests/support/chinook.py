"""Chinook as a company of today: CRM and HR in one database, a real web server's log, events derived from it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.support.home import make_home

ROOT: Final = Path(__file__).parents[2]
DATA: Final = ROOT.parent / "shared" / "data"
MAPS: Final = ROOT / "tests" / "data" / "maps"

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="real data absent: ../shared/data is not beside this checkout"
)

SYSTEMS = """
[systems.crm]
connector = "sql"
map = "crm.toml"
domain = "customers"
url = "sqlite:///chinook.sqlite"

[systems.hr]
connector = "sql"
map = "hr.toml"
domain = "people"
url = "sqlite:///chinook.sqlite"

[systems.events]
connector = "events"
map = "events.toml"
domain = "customers"
root = "events"

[systems.logs]
connector = "logs"
map = "logs.toml"
domain = "customers"
root = "logs"
"""
EVENTS_MAP = """
[[record_set]]
name = "visits"
files = "*.jsonl"
match = { ip = [{ field = "client.ip" }] }
backups_kept_days = 14
"""
LOGS_MAP = """
[[record_set]]
name = "access"
files = "access.log*"
format = "text"
match = { ip = [{ field = "*" }] }
backups_kept_days = 14
"""

_MARKS = """
ALTER TABLE Customer ADD COLUMN Restricted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE Customer ADD COLUMN MarketingOk INTEGER NOT NULL DEFAULT 1;
ALTER TABLE Customer ADD COLUMN Segment TEXT;
UPDATE Customer SET Segment = Country;
"""


def add_marks(file: Path) -> None:
    """Add columns to a copy of the database that say what a customer's record may not be used for."""
    with sqlite3.connect(file) as store:
        store.executescript(_MARKS)
    store.close()


def make_shop(home: Path) -> Path:
    """Make a home with the shop's systems, filled."""
    make_home(home, SYSTEMS, ["crm", "hr", "events", "logs"])
    shutil.copy(DATA / "chinook.sqlite", home / "chinook.sqlite")
    (home / "chinook.sqlite").chmod(0o600)
    add_marks(home / "chinook.sqlite")
    shutil.copy(MAPS / "chinook_crm.toml", home / "crm.toml")
    shutil.copy(MAPS / "chinook_hr.toml", home / "hr.toml")
    (home / "events.toml").write_text(EVENTS_MAP)
    (home / "logs.toml").write_text(LOGS_MAP)
    (home / "logs").mkdir()
    shutil.copy(DATA / "apache_access.log", home / "logs" / "access.log.1")
    (home / "logs" / "access.log.1").chmod(0o600)
    (home / "events").mkdir()
    with (home / "events" / "visits.jsonl").open("w") as out:
        for line in (home / "logs" / "access.log.1").read_text(errors="replace").splitlines():
            ip, _, _, at = line.split(" ", 4)[:4]
            out.write(json.dumps({"client": {"ip": ip}, "at": at.strip("[")}) + "\n")
    return home


def addresses(home: Path, count: int) -> list[str]:
    """The most frequent client addresses of the log."""
    lines = (home / "logs" / "access.log.1").read_text(errors="replace").splitlines()
    return [ip for ip, _ in Counter(line.split(" ", 1)[0] for line in lines).most_common(count)]
