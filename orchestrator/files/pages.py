"""The pages of a copy that a person reads: static HTML, everything escaped, no script, nothing from outside.

Works from a phone to paper; the files beside the pages are whole, a page shows the first records only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import jinja2
import msgspec

from orchestrator.core.copying import About
from orchestrator.policy.informing import Information, Receiver

SHOWN: Final = 500
"""Records on a page; so that a phone can open it."""
LONGEST: Final = 20_000
"""Characters of a value on a page; the files have it whole."""

_RESTS_ON: Final = {
    "scc": "standard contractual clauses",
    "bcr": "binding corporate rules",
    "adequacy": "an adequacy decision",
}
_PAGES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("orchestrator.files"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


class Resource(msgspec.Struct):
    """One record set of a copy. ``stem``: path of its files without ending; ``shown``: records on its page."""

    system: str
    record_set: str
    stem: str
    title: str
    titles: dict[str, str]
    purpose: str
    columns: tuple[str, ...] = ()
    rows: int = 0
    shown: int = 0
    files: dict[str, tuple[int, str]] = {}


def index(about: About, resources: Sequence[Resource]) -> bytes:
    """Give the overview."""
    systems: dict[str, list[Resource]] = {}
    for one in resources:
        systems.setdefault(one.system, []).append(one)
    page = _PAGES.get_template("index.html")
    return page.render(about=about, systems=list(systems.items()), names=_names).encode()


def records(one: Resource, rows: Iterable[dict[str, Any]]) -> bytes:
    """Give the page of one record set; ``rows`` are those that it shows."""
    page = _PAGES.get_template("records.html")
    shown = [[(name, _text(value)) for name, value in row.items()] for row in rows]
    return page.render(one=one, rows=shown, back="../" * one.stem.count("/")).encode()


def information(info: Information) -> bytes:
    """Give the page of GDPR Art. 15(1) and (2)."""
    return _PAGES.get_template("about.html").render(info=info, receiver=_receiver, complaints=_complaints).encode()


def _text(value: Any) -> str:
    if value is None or value == "":
        return "(nothing)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... (the rest is in the files)"


def _names(about: About) -> list[str]:
    known = {one.id: one.name for one in about.information.controllers} if about.information else {}
    return [known.get(one) or one for one in about.controllers]


def _receiver(one: Receiver) -> str:
    place = ", ".join(filter(None, (one.country, one.area.replace("_", " "))))
    rests = [_RESTS_ON.get(each.mechanism, each.mechanism.replace("_", " ")) for each in one.safeguards]
    more = f"; the transfer rests on {', '.join(rests)}" if rests else ""
    return f"{one.name or one.id} ({one.role.replace('_', ' ')}{', ' + place if place else ''}{more})"


def _complaints(info: Information) -> list[str]:
    return list(dict.fromkeys(one.authority for one in info.controllers if one.authority))
