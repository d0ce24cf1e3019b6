"""An installation under the worked example's policy: three real databases and the command line over them.

Ada applied for a job from her private address, and is the contact of a client under her address there; both systems
hold one telephone number. The website knows an address of the network and a cookie, and no name.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator.cli import deciding, examining, main, showing, tasks
from orchestrator.runtime import embedded
from orchestrator.runtime.clock import ShiftedClock
from schemas.codec import decode, decode_event
from schemas.completion import CompletionRecord
from schemas.published import Notice
from tests.support.home import make_home, records_of
from tests.support.policies import ODIGO

PRIVATE, AT_WORK, PHONE = "ada@home.example", "ada.king@client.example", "+33612345678"
BOB: Final = "bob@client.example"
IP, COOKIE = "203.0.113.9", "c0ffee4711"
TABLES: Final = {
    "crm": "CREATE TABLE contacts (id INTEGER PRIMARY KEY, email TEXT, phone TEXT, name TEXT, comments TEXT);"
    "CREATE INDEX a ON contacts (email); CREATE INDEX b ON contacts (phone);",
    "hr": "CREATE TABLE applications (id INTEGER PRIMARY KEY, email TEXT, phone TEXT, name TEXT, shared_at DATE);"
    "CREATE INDEX a ON applications (email);",
    "logs": "CREATE TABLE visits (id INTEGER PRIMARY KEY, ip TEXT, cookie TEXT, path TEXT, day DATE);"
    "CREATE INDEX a ON visits (ip); CREATE INDEX b ON visits (cookie);",
}
MAPS: Final = {
    "crm": """version = 1
[[record_set]]
name = "contacts"
table = "contacts"
match = { email = [{ field = "email" }], phone = [{ field = "phone" }] }
yields = { email = [{ field = "email" }], phone = [{ field = "phone" }] }
personal = ["email", "phone", "name", "comments"]
purpose = "contact_request"
basis = "legitimate_interest"
""",
    "hr": """version = 1
[[record_set]]
name = "applications"
table = "applications"
match = { email = [{ field = "email" }] }
yields = { phone = [{ field = "phone" }] }
personal = ["email", "phone", "name"]
provided = ["email", "phone", "name"]
purpose = "recruitment"
basis = "pre_contractual"
""",
    "logs": """version = 1
[[record_set]]
name = "visits"
table = "visits"
match = { ip = [{ field = "ip" }], cookie_id = [{ field = "cookie" }] }
personal = ["ip", "cookie", "path"]
purpose = "logs"
basis = "legal_obligation"
[record_set.retain]
why = "exception_17_3_b"
text = "fr-decret-2011-219"
months = 12
anchor = "day"
mask = { ip = "{null}", cookie = "{null}", path = "gone" }
""",
}


WIDER_TABLES: Final = {
    "crm": """CREATE TABLE clients (id INTEGER PRIMARY KEY, email TEXT, name TEXT, company TEXT, ended_on DATE);
CREATE TABLE subscribers (id INTEGER PRIMARY KEY, email TEXT, name TEXT, topic TEXT, since DATE);
CREATE TABLE partners (id INTEGER PRIMARY KEY, email TEXT, name TEXT, solution TEXT, comments TEXT);
CREATE INDEX c ON clients (email); CREATE INDEX d ON subscribers (email); CREATE INDEX e ON partners (email);
""",
    "events": """CREATE TABLE registrations (id INTEGER PRIMARY KEY, email TEXT, name TEXT, event TEXT, day DATE);
CREATE INDEX a ON registrations (email);
""",
}
"""Besides: clients with contracts that run or ended, subscribers, partners; and registrations for events."""
_SET: Final = """[[record_set]]
name = "{name}"
table = "{name}"
match = {{ email = [{{ field = "email" }}] }}
personal = ["email", "name"]
purpose = "{purpose}"
basis = "{basis}"
"""
WIDER_MAPS: Final = {
    "crm": _SET.format(name="clients", purpose="client_relation", basis="contract")
    + """[record_set.retain]
why = "exception_17_3_e"
text = "policy:clients"
months = 12
anchor = "ended_on"
open = "no_ground"
review_months = 6
mask = { email = "{null}", name = "{null}" }
"""
    + _SET.format(name="subscribers", purpose="marketing", basis="consent")
    + _SET.format(name="partners", purpose="partner_contact", basis="legitimate_interest"),
    "events": "version = 1\n"
    + _SET.format(name="registrations", purpose="event_registration", basis="legitimate_interest"),
}


def build(home: Path, *, wider: bool = False, asks: bool = False) -> Path:
    """Make the installation, with Ada, Bob and Eve in it.

    ``wider``: with every activity of the policy but one. ``asks``: its processors are asked and its recipients told;
    elsewhere nobody would answer for them.
    """
    names = [*TABLES, *(["events"] if wider else [])]
    systems = "".join(
        f'[systems.{name}]\nconnector = "sql"\nmap = "{name}.toml"\nurl = "sqlite:///{name}.db"\n' for name in names
    )
    recipients = f"[recipients]\nask = {str(asks).lower()}\n"
    make_home(home, f'[policy]\nfile = "odigo.toml"\n{recipients}{systems}', names)
    shutil.copy(ODIGO, home / "odigo.toml")
    today = dt.datetime.now(dt.UTC).date()
    month_ago = (today - dt.timedelta(days=30)).isoformat()
    for name in names:
        more = (WIDER_MAPS.get(name, ""), WIDER_TABLES.get(name, "")) if wider else ("", "")
        (home / f"{name}.toml").write_text(MAPS.get(name, "") + more[0])
        with closing(sqlite3.connect(home / f"{name}.db")) as db, db:
            db.executescript(TABLES.get(name, "") + more[1])
    insert(home, "crm", "contacts", (1, AT_WORK, PHONE, "Ada", "asks for a demo"))
    insert(home, "crm", "contacts", (2, BOB, "+33612345679", "Bob", "asks too"))
    insert(home, "hr", "applications", (1, PRIVATE, PHONE, "Ada", today.isoformat()))
    insert(home, "hr", "applications", (2, "eve@home.example", None, "Eve", "2026-02-01"))
    insert(home, "logs", "visits", (1, IP, COOKIE, "/jobs", month_ago))
    insert(home, "logs", "visits", (2, IP, "0ther0ne", "/home", month_ago))
    return home


def insert(home: Path, system: str, table: str, row: tuple[Any, ...]) -> None:
    """Write one row of a system."""
    with closing(sqlite3.connect(home / f"{system}.db")) as db, db:
        db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", row)


def keys_in(home: Path, system: str, table: str) -> list[int]:
    """Give the keys of what a system still holds in one table."""
    with closing(sqlite3.connect(home / f"{system}.db")) as db:
        return [row[0] for row in db.execute(f"SELECT id FROM {table} ORDER BY id")]


class Odigo:
    """``expunge ... --home`` of that installation."""

    def __init__(
        self,
        root: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        *,
        wider: bool = False,
        asks: bool = False,
    ) -> None:
        self.err = ""
        self.home, self.root, self._patch, self._capsys = root / "home", root, monkeypatch, capsys
        build(self.home, wider=wider, asks=asks)

    def __call__(self, *arguments: str, code: int | None = 0) -> str:
        self._capsys.readouterr()
        got = main([*arguments, "--home", str(self.home)])
        out, self.err = self._capsys.readouterr()
        assert code is None or got == code, (arguments, out, self.err)
        return out

    def policy(self, old: str, new: str) -> None:
        """Change one place of the policy file."""
        file = self.home / "odigo.toml"
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1
        file.write_text(text.replace(old, new), encoding="utf-8")

    def submit(self, right: str, request_id: str = "one", *, ids: dict[str, str], **more: Any) -> None:
        given = [{"kind": kind, "value": value} for kind, value in ids.items()]
        body = {"right": right, "request_id": request_id, "identifiers": given, **more}
        (self.root / "form.json").write_text(json.dumps(body))
        self("submit", str(self.root / "form.json"))

    def run(self, code: int = 0) -> None:
        self("run", "--until-idle", code=code)

    def later(self, days: int) -> None:
        clock = ShiftedClock()
        clock.shift = dt.timedelta(days=days)
        for module in (embedded, deciding, tasks, showing, examining):
            self._patch.setattr(module, "SystemClock", lambda: clock)

    def shown(self, request_id: str = "one") -> dict[str, Any]:
        page: dict[str, Any] = json.loads(self("show", request_id, "-o", "json", code=None))
        return page

    def notices(self) -> list[Notice]:
        with closing(sqlite3.connect(self.home / "expunge.db")) as db:
            rows = db.execute("SELECT body FROM notices ORDER BY rowid").fetchall()
        return [decode(bytes(decode_event(bytes(body)).data), Notice) for (body,) in rows]

    def record(self, request_id: str = "one") -> CompletionRecord:
        return records_of(self.home, request_id)[-1]

    def rows(self, system: str) -> list[int]:
        """Give the keys of what a system still holds."""
        return keys_in(self.home, system, {"crm": "contacts", "hr": "applications", "logs": "visits"}[system])
