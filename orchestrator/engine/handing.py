"""Hands a copy over: whether it may be, and links by which the person fetches it (ADR 47).

* A token has 256 bits of chance and is in nobody's store: there is its SHA-256.
* A download needs a code of eight digits too, told by another channel. After five wrong ones it is dead, and a new code
  has to be made by somebody in charge; so is one that is a day old.
* Looking at a link changes nothing: mail scanners open links. Only a code that is right begins a download.
* How often something may be used is counted under a lock, so that many processes allow no download too many.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from typing import Final, Literal

import msgspec

from orchestrator.core.machine import AWAITED
from orchestrator.engine.base import a_role, again
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.stored import load_state
from orchestrator.errors import UsageError
from orchestrator.ports import Chance, Clock, Keyring, LinkRow, Store, Transaction
from schemas.requests import utc
from schemas.sealing import b64u

DAYS: Final = 7
DOWNLOADS: Final = 3
TRIES: Final = 5
CODE_LIVES: Final = dt.timedelta(hours=24)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_CODE: Final = re.compile(r"[0-9]{8}\Z")

Verdict = Literal["good", "no_code", "wrong_code", "code_dead", "ended", "unknown"]
"""``code_dead``: too old, or too often wrong: a new one has to be asked for. ``ended``: the link opens nothing more."""


class Made(msgspec.Struct, frozen=True):
    """A link just made. ``token`` and ``code`` are told once: they are not kept."""

    link_id: str
    token: str
    code: str
    expires_at: str
    code_until: str
    downloads: int


class Looked(msgspec.Struct, frozen=True):
    """What a link is worth. ``file``, ``key``: of the package, only with a right code."""

    verdict: Verdict
    expires_at: str = ""
    left: int = 0
    tries: int = 0
    file: str = ""
    key: bytes = b""


def package_of(tx: Transaction, box: CapsuleBox, request_id: str) -> tuple[str, bytes]:
    """Give the file of a request's package and its key, if it may be handed out.

    Raises:
        UsageError: there is none, it has expired, or nobody knows yet that it goes to the right person.
    """
    state = load_state(tx, request_id)
    sealed = tx.capsules([request_id]).get(request_id)
    if state.identity.level != "verified" or (state.fee is not None and not state.fee.accepted_at):
        why = "the person has been asked, and did not answer yet"
        where, fix = f"request {request_id}", f"see `expunge show {request_id}`"
        raise UsageError("the copy is not to be handed out yet", where=where, why=why, fix=fix)
    if not state.package or state.package == AWAITED:
        why = "only an access request that found something has one"
        raise UsageError(f"request {request_id} has no package", why=why, fix=f"see `expunge show {request_id}`")
    key = box.open(request_id, sealed).package_key if sealed else b""
    if not key:
        raise UsageError(f"the package of request {request_id} has expired", fix="submit a new access request")
    return state.package, key


def judge(row: LinkRow, code: str | None, key: bytes, now: str) -> tuple[Verdict, LinkRow]:
    """Judge one use of a link; gives the link as it is afterwards. Pure.

    Args:
        row: The link.
        code: What was typed; None: the link was only looked at, which leaves it as it is.
        key: What codes are kept under.
        now: RFC 3339.
    """
    if row.revoked_at is not None or now >= row.expires_at or row.left <= 0:
        return "ended", row
    dead = row.tries <= 0 or now >= row.code_until
    if code is None:
        return ("code_dead" if dead else "no_code"), row
    used = msgspec.structs.replace(row, last_at=now, refused=row.refused + 1)
    if dead:
        return "code_dead", used
    if not _CODE.match(code):
        return "no_code", used  # nothing was guessed: a program that sends whatever form it finds locks nobody out
    if not hmac.compare_digest(_sealed(key, row.token_sha256, code), row.code):
        return "wrong_code", msgspec.structs.replace(used, tries=row.tries - 1)
    return "good", msgspec.structs.replace(row, last_at=now, left=row.left - 1, begun=row.begun + 1, tries=TRIES)


class Links:
    """Links of one store."""

    def __init__(self, store: Store, keys: Keyring, clock: Clock, chance: Chance) -> None:
        """Take what it works with."""
        self._store = store
        self._box = CapsuleBox(keys.store, chance)
        self._key = keys.log
        self._clock = clock
        self._chance = chance

    def make(
        self, request_id: str, role: str, *, days: int = DAYS, downloads: int = DOWNLOADS, verified_again: bool = False
    ) -> Made:
        """Make a link to a package.

        Raises:
            UsageError: the copy may not be handed out, or there was a link before and nobody says that the person was
                verified again.
        """
        a_role(role)
        if not 1 <= days <= 31 or not 1 <= downloads <= 10:  # noqa: PLR2004 - said in the fix
            raise UsageError("a link lives 1 to 31 days, and is good for 1 to 10 downloads", fix="give such numbers")
        token, code = b64u(self._chance(32)), self._code()
        now = self._clock.now()
        row = LinkRow(
            token_sha256=_digest(token),
            link_id=self._chance(6).hex(),
            request_id=request_id,
            made_at=utc(now),
            made_by=role,
            expires_at=utc(now + dt.timedelta(days=days)),
            left=downloads,
            code=_sealed(self._key, _digest(token), code),
            code_until=utc(now + CODE_LIVES),
            tries=TRIES,
        )

        def write() -> None:
            with self._store.write() as tx:
                package_of(tx, self._box, request_id)
                if tx.links_of(request_id) and not verified_again:
                    fix = "see that it is the same person, then --verified-again; a new code alone: `expunge link code`"
                    raise UsageError("there was a link to this copy before", where=f"request {request_id}", fix=fix)
                tx.save_link(row)

        again(write)
        return Made(row.link_id, token, code, row.expires_at, row.code_until, downloads)

    def look(self, token: str) -> Looked:
        """Say what a link is worth; changes nothing."""
        if not _TOKEN.match(token):
            return Looked("unknown")
        with self._store.read() as tx:
            row = tx.link(_digest(token))
            if row is None:
                return Looked("unknown")
            verdict, _ = judge(row, None, self._key, utc(self._clock.now()))
            if verdict != "ended" and not self._there(tx, row.request_id):
                verdict = "ended"
        return Looked(verdict, row.expires_at, row.left, row.tries)

    def take(self, token: str, code: str) -> Looked:
        """Begin a download, if the code is right."""
        return again(lambda: self._take(token, code))

    def _take(self, token: str, code: str) -> Looked:
        if not _TOKEN.match(token):
            return Looked("unknown")
        with self._store.write() as tx:
            row = tx.link(_digest(token))
            if row is None:
                return Looked("unknown")
            verdict, after = judge(row, code, self._key, utc(self._clock.now()))
            found = self._there(tx, row.request_id)
            if verdict != "ended" and found is None:
                return Looked("ended")
            if after != row:
                tx.save_link(after)
            file, key = found if found is not None and verdict == "good" else ("", b"")
            return Looked(verdict, after.expires_at, after.left, after.tries, file, key)

    def give_back(self, token: str) -> None:
        """Take back that a download began: nothing could be sent, and that was our fault."""

        def write() -> None:
            with self._store.write() as tx:
                row = tx.link(_digest(token))
                if row is not None and row.begun > 0:
                    tx.save_link(msgspec.structs.replace(row, left=row.left + 1, begun=row.begun - 1))

        again(write)

    def new_code(self, link_id: str) -> tuple[str, LinkRow]:
        """Make a new code for a link; the one before opens nothing any more.

        Raises:
            UsageError: there is no such link, or it opens nothing more.
        """
        code = self._code()

        def write() -> LinkRow:
            with self._store.write() as tx:
                row, now = _called(tx, link_id), self._clock.now()
                if judge(row, None, self._key, utc(now))[0] == "ended":
                    raise UsageError("this link opens nothing any more", where=link_id, fix="`expunge link make`")
                sealed = _sealed(self._key, row.token_sha256, code)
                row = msgspec.structs.replace(row, code=sealed, code_until=utc(now + CODE_LIVES), tries=TRIES)
                tx.save_link(row)
                return row

        return code, again(write)

    def revoke(self, link_id: str) -> LinkRow:
        """Let a link open nothing more, by its id.

        Raises:
            UsageError: there is no such link.
        """

        def write() -> LinkRow:
            with self._store.write() as tx:
                row = _called(tx, link_id)
                if row.revoked_at is None:
                    row = msgspec.structs.replace(row, revoked_at=utc(self._clock.now()))
                    tx.save_link(row)
                return row

        return again(write)

    def of(self, request_id: str) -> list[LinkRow]:
        """Give the links of a request."""
        with self._store.read() as tx:
            return tx.links_of(request_id)

    def _there(self, tx: Transaction, request_id: str) -> tuple[str, bytes] | None:
        try:
            return package_of(tx, self._box, request_id)
        except UsageError:
            return None

    def _code(self) -> str:
        return f"{int.from_bytes(self._chance(16), 'big') % 10**8:08}"


def _called(tx: Transaction, link_id: str) -> LinkRow:
    row = tx.link_called(link_id)
    if row is None:
        raise UsageError("there is no such link", where=link_id, fix="`expunge link list ID` shows them")
    return row


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _sealed(key: bytes, token_sha256: bytes, code: str) -> bytes:
    """Give what is kept of a code. Who reads the store has not the key, and can try no guess."""
    return hmac.digest(key, b"expunge/link-code/v1\x00" + token_sha256 + code.encode(), "sha256")
