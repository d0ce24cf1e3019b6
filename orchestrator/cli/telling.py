"""``expunge letter`` and ``expunge letters``: what a person is told, held against the signed record."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from orchestrator.cli import queries
from orchestrator.cli.desk import Desk
from orchestrator.engine import receipts
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.errors import UsageError, VerificationError
from orchestrator.keys import read_public
from orchestrator.ledger.record import verify
from orchestrator.letters import checking, making, writing
from orchestrator.letters.case import Case
from orchestrator.letters.template import LIST_KINDS, Template
from orchestrator.letters.writing import Letter
from orchestrator.runtime import letters as templates
from orchestrator.runtime.clock import chance
from orchestrator.settings import Settings
from schemas.completion import CompletionRecord
from schemas.published import Notice
from schemas.sealing import unb64u

_KID: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_WIDTH: Final = 100


def letter(desk: Desk, request_id: str, language: str | None, kind: str | None, notice_id: str | None) -> int:
    """Write one letter of a request.

    Raises:
        UsageError: no such request, language, kind or notice, or nothing to tell a person yet.
        VerificationError: a record is not signed with a key of ours, or the letter would say more than it.
    """
    settings = desk.settings()
    with desk.store(settings) as store:
        page = queries.page(store, request_id)
        told = queries.notices(store, request_id)
    records = [_checked(settings, one.jws) for one in page.records]
    case = _chosen([making.case_of(page.plan, page.state, one, records) for one in told], kind, notice_id, request_id)
    if case.notice.kind == "receipt":
        case = _with_receipt(desk, settings, case)
    code = templates.nearest(language or page.state.locale, settings.letters)
    if language is not None and code != language.partition("-")[0]:
        code = language  # no other one is meant: the error says which there are
    template = templates.load(code, settings.letters)
    if language is None and code != page.state.locale.partition("-")[0]:
        desk.screen.say(f"no letters in {page.state.locale!r}, the language of the request: written in {code!r}")
    found = checking.handed_out(template, case)
    data = _data(template, found, case.notice, request_id)
    desk.screen.data(data, lambda out: out.print(data["text"], soft_wrap=True, end=""))
    return 0


def _with_receipt(desk: Desk, settings: Settings, case: Case) -> Case:
    """Put the person's receipt in, as long as it is kept; it is opened for nothing but this letter."""
    if not (settings.keys / "store.jwk").is_file():
        desk.screen.say("without the person's receipt: the key that opens it is not in this home (keys/store.jwk)")
        return case
    keys = desk.own_keys(settings)
    with desk.store(settings) as store, store.read() as tx:
        found = receipts.kept(tx, keys, CapsuleBox(keys.store, chance), case.request_id)
    return msgspec.structs.replace(case, receipt=found.shown if found is not None else "")


def _chosen(cases: Sequence[Case], kind: str | None, notice_id: str | None, request_id: str) -> Case:
    """Give the newest case that is meant."""
    known = {writing.kind_of(one): one for one in cases if writing.kind_of(one)}
    if notice_id is not None:
        named = next((one for one in cases if one.notice.notice_id == notice_id), None)
        if named is None:
            there = ", ".join(one.notice.notice_id for one in cases if writing.kind_of(one))
            raise UsageError(f"request {request_id} has no notice {notice_id}", fix=f"there are: {there or 'none'}")
        if not writing.kind_of(named):
            why = f"it is for {named.notice.to}, who has `expunge show {request_id}`"
            raise UsageError("this notice is no letter to a person", why=why, fix="name another, or none")
        return named
    if kind is None:
        mine = [one for one in cases if writing.kind_of(one) and one.notice.to != "recipients"]
        # What is kept, and who else was told, is told by the answer too, which has all of it.
        whole = [one for one in mine if writing.kind_of(one) not in {"kept", "recipients_told"}]
        if not whole:
            fix = f"see `expunge show {request_id}`"
            raise UsageError(f"request {request_id}: there is nothing to tell a person yet", fix=fix)
        return whole[-1]
    if kind == "answer" and kind not in known:
        answers = [one for one in cases if writing.kind_of(one) in checking.ANSWERS]
        if answers:
            return answers[-1]
    if kind not in known:
        fix = f"there are: {', '.join(known) or 'none yet'}"
        if kind not in LIST_KINDS:
            fix += f"; kinds: {', '.join(LIST_KINDS)}"
        raise UsageError(f"request {request_id} has no letter {kind!r}", fix=fix)
    return known[kind]


def _checked(settings: Settings, jws: bytes) -> CompletionRecord:
    """Check a stored record with the public key that it names, also one that is retired by now."""
    active = settings.keys / "record.pub.jwk"
    key = read_public(active)
    try:
        kid = msgspec.json.decode(unb64u(jws.split(b".")[0].decode("ascii")), type=dict[str, str]).get("kid", "")
    except (ValueError, msgspec.MsgspecError):
        raise VerificationError("the record is damaged: it cannot be decoded", fix="restore the database") from None
    if kid != key.kid and _KID.match(kid):
        older = settings.keys / f"record.{kid}.pub.jwk"
        key = read_public(older) if older.is_file() else key
    return verify(jws, key)


def _data(template: Template, found: Letter, notice: Notice, request_id: str) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "notice_id": notice.notice_id,
        "kind": found.kind,
        "to": found.to,
        "language": found.language,
        "subject": found.subject,
        "sentences": [
            {"key": one.key, "text": one.text, "listed": one.listed, "claims": one.claims, "place": one.place}
            for one in found.said
        ],
        "fill_in": ["salutation", "signature"] + (["whom"] if found.to == "recipients" else []),
        "text": text_of(template, found),
    }


def text_of(template: Template, found: Letter) -> str:
    """Set a letter as text: paragraphs, and lists with dashes."""
    language = template.language
    lines = [found.subject, "", language.salutation, ""]
    listed = False
    for one in found.said:
        if listed and not one.listed:
            lines.append("")
        start, indent = ("- ", "  ") if one.listed else ("", "")
        lines += textwrap.wrap(
            one.text, _WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False,
            break_long_words=False,
        )  # fmt: skip
        if not one.listed:
            lines.append("")
        listed = one.listed
    if listed:
        lines.append("")
    return "\n".join([*lines, language.signature, ""])


def languages(desk: Desk) -> int:
    """List languages and kinds; in a home folder a company's own ones too.

    Raises:
        UsageError: a file of one's own is wrong.
    """
    folder = desk.settings().letters if (desk.home / "expunge.toml").is_file() else None
    found = templates.languages(folder)
    data = {"languages": found, "kinds": LIST_KINDS}
    desk.screen.data(data, lambda out: _print(out, found))
    return 0


def _print(out: Console, found: Sequence[templates.Tongue]) -> None:
    for one in found:
        of = "shipped" if one.shipped else "your own"
        out.print(f"{one.code:<6}{one.name:<12}{of}{', with ' + one.files[0] if one.shipped and one.files else ''}")
    out.print(f"\nkinds: {', '.join(LIST_KINDS)}", soft_wrap=True)


def check(desk: Desk, named: Sequence[Path]) -> int:
    """Check a company's own files: those that are named, or those of the installation.

    Raises:
        UsageError: the first that is wrong, with its line.
    """
    files = named or list(templates.own(desk.settings().letters).values())
    found = [(file, templates.check(file)) for file in files]
    data = [{"file": str(file), "language": one.language.code, "sentences": _own(one, file)} for file, one in found]
    desk.screen.data(data, lambda _: None)
    for one in data:
        desk.screen.say(f"ok: {one['file']}, {len(one['sentences'])} sentences of your own in {one['language']!r}")
    if not data:
        desk.screen.say("no templates of your own: letters are written with those that are shipped")
    return 0


def _own(template: Template, file: Path) -> list[str]:
    every = (*(one for some in template.letters.values() for one in some), *template.subjects.values())
    return sorted({one.key for one in every if one.where.startswith(f"{file}:")})
