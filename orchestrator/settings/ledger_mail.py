"""``[ledger_mail]``: checkpoints by mail to somebody outside of our control (ADR 37)."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from connectors.datamap import Location

_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f]{1,64}@[A-Za-z0-9.-]{1,253}\Z")
_SERVER: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?\Z")
_HERE: Final = ("localhost", "127.0.0.1", "[::1]")
_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


class LedgerMailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[ledger_mail]``.

    Attributes:
        to: The mailbox that keeps checkpoints, best one that the data protection officer alone can empty; empty: none.
        sender: Who it is from.
        server: ``host`` or ``host:port`` of the mail server that takes it.
        security: ``starttls`` (port 587), ``tls`` (465), or ``none`` (25), which is for a server on this machine only.
        username_env: Environment variable with the user name; where it is not set, nobody logs in.
        password_env: Environment variable with the password.
        ca_file: PEM file of the authority that signed the server's certificate; the system's by default.
        every_hours: Most often a checkpoint is mailed.
    """

    to: str = ""
    sender: str = ""
    server: str = ""
    security: Literal["starttls", "tls", "none"] = "starttls"
    username_env: str = "EXPUNGE_MAIL_USERNAME"
    password_env: str = "EXPUNGE_MAIL_PASSWORD"  # noqa: S105 - the name of a variable, not a password
    ca_file: str = ""
    every_hours: int = 24

    @property
    def host(self) -> str:
        """Where the server is."""
        return self._parts[0].strip("[]")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._parts[1] or _PORTS[self.security])

    @property
    def _parts(self) -> tuple[str, str]:
        found = _SERVER.match(self.server)
        return (found[1], (found[2] or "")[1:]) if found else ("", "")


def checked(found: LedgerMailSettings, location: Location) -> LedgerMailSettings:
    """Hold the values against what makes sense, and against each other.

    Raises:
        MisconfiguredError: one is missing or of another form; with its line.
    """

    def wrong(key: str, message: str, fix: str) -> Exception:
        return location.wrong(f"[ledger_mail] {message}", "ledger_mail", key, fix=fix)

    if found == LedgerMailSettings():
        return found
    for key in ("to", "sender"):
        if not _ADDRESS.match(getattr(found, key)):
            raise wrong(key, f"{key} is one address", f'e.g. {key} = "dpo@example.org"')
    if not _SERVER.match(found.server) or not 0 < found.port < 1 << 16:
        raise wrong(
            "server", "server is a host, with a port where it is another", 'e.g. server = "smtp.example.org:587"'
        )
    if found.security == "none" and found.server.rpartition(":")[0] not in _HERE and found.server not in _HERE:
        raise wrong("security", "security is none, and the server is another machine", 'security = "starttls" or "tls"')
    if not 1 <= found.every_hours <= 24 * 31:
        raise wrong("every_hours", f"every_hours is {found.every_hours}", "1 to 744")
    return found
