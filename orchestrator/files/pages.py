"""The pages of a copy that a person reads: static HTML, everything escaped, no script, nothing from outside.

Works from a phone to paper, in the language of the request; the files beside the pages are whole, a page shows the
first records only. What could deceive a reader (control characters, a text that turns its direction) is shown as code.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import jinja2
import markupsafe
import msgspec

from orchestrator.core.copying import About
from orchestrator.files.wording import Words, load
from orchestrator.policy.informing import Information, Receiver

SHOWN: Final = 500
"""Records on a page; so that a phone can open it."""
LONGEST: Final = 20_000
"""Characters of a value on a page; the files have it whole."""
ROOM: Final = 2_000_000
"""Characters on a page, all values together; it ends with the record that fills it."""
_NOTHING_MORE: Final = frozenset({"gdpr_applies", "none_needed"})
"""Of transfers: what needs no instrument that could be named."""
_LEAST: Final = 100
"""Characters that a value has on a page in any case."""
_COLUMNS, _CELL, _LINE = 6, 120, 1_000
"""What fits a table: columns, characters of a cell, and of a cell that has no neighbour."""

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls
    "\u2028-\u202e\u2060-\u206f"  # separators, what turns the direction of a text
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"  # no characters, and halves of such
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.0*)?((?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)")
_NUMBER: Final = re.compile(r"-?\d+\.\d+")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,60}")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_.-]+")


def visible(text: str, code: str = "[U+{code}]") -> str:
    """Show what cannot be seen as its code: controls, and what turns the direction of a text."""
    return _HIDDEN.sub(lambda one: code.format(code=f"{ord(one[0]):04X}"), text)


def _visible(value: object, code: str = "[U+{code}]") -> object:
    """Show what cannot be seen; what a template makes itself stays as it is."""
    if not isinstance(value, str) or isinstance(value, markupsafe.Markup):
        return value
    return visible(value, code)


_PAGES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("orchestrator.files"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
    finalize=_visible,
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

    @property
    def name(self) -> str:
        """The last part of its files' path."""
        return self.stem.rpartition("/")[2]

    def called(self, column: str) -> str:
        """Give what a column is called: the data map's title, else its name with its words apart."""
        return self.titles.get(column) or spelled(column)


class Shown(msgspec.Struct, frozen=True):
    """A value as it is shown. ``moment``: the day or time, as it stands in the files. ``none``: the value is empty."""

    text: str
    moment: str = ""
    none: bool = False


def spelled(name: str) -> str:
    """Give the words of a technical name: BillingAddress, billing_address: Billing address."""
    if not _NAME.fullmatch(name):
        return name
    words = [one if one.isupper() and len(one) > 1 else one.lower() for one in _HUMP.sub(" ", name).split()]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def index(about: About, resources: Sequence[Resource]) -> bytes:
    """Give the overview."""
    systems: dict[str, list[Resource]] = {}
    for one in resources:
        systems.setdefault(one.system, []).append(one)
    words = load(about.locale)
    page = _PAGES.get_template("index.html")
    told = {place: words.why(why) for place, why in about.not_given.items()}
    return page.render(
        w=words,
        about=about,
        systems=list(systems.items()),
        names=_names(about),
        not_given=[(_place(about, words, place), why) for place, why in sorted(told.items())],
        empty=[_place(about, words, place) for place in about.empty],
        held_back=[(_place(about, words, place), count) for place, count in sorted(about.held_back.items())],
        received=_received(about, words),
    ).encode()


def records(one: Resource, rows: Iterable[dict[str, Any]], locale: str = "en") -> tuple[bytes, int]:
    """Give the page of one record set, and how many records are on it: at most ``SHOWN``, within ``ROOM``."""
    words, left = load(locale), ROOM
    shown: list[list[tuple[str, Shown]]] = []
    for row in rows:
        cells = []
        for name, value in row.items():
            cell = _shown(words, value, min(LONGEST, max(left, _LEAST)))
            left -= len(cell.text) + len(name)
            cells.append((name, cell))
        shown.append(cells)
        if left <= 0 or len(shown) == SHOWN:
            break
    template = "table.html" if _fits_a_table(one, shown) else "records.html"
    page = _PAGES.get_template(template).render(
        w=words, one=one, shown=len(shown), rows=shown, back="../" * one.stem.count("/")
    )
    return page.encode(), len(shown)


def information(info: Information, locale: str = "en") -> bytes:
    """Give the page of GDPR Art. 15(1) and (2)."""
    words = load(locale)

    def receiver(one: Receiver) -> str:
        return _receiver(one, words)

    places = list(dict.fromkeys(one.authority for one in info.controllers if one.authority))
    page = _PAGES.get_template("about.html")
    return page.render(w=words, info=info, receiver=receiver, complaints=places, law=words.law).encode()


def readme(about: About) -> bytes:
    """Give README.txt."""
    words = load(about.locale)
    kind = "readme_portability" if about.right == "portability" else "readme"
    said = [words.say(one) for one in (kind, "readme_open", "readme_files", "marks", "keep_safe")]
    return ("\n\n".join(said) + "\n").encode()


def _shown(words: Words, value: Any, longest: int) -> Shown:
    if value is None or value == "":
        return Shown(words.say("nothing"), none=True)
    if isinstance(value, bool):
        return Shown(words.say("yes" if value else "no"))
    text = str(value).replace("\r\n", "\n")
    if isinstance(value, float) and _NUMBER.fullmatch(text):
        return Shown(text.replace(".", words.language.decimal))
    if len(text) > longest:
        return Shown(words.say("cut", text=_coded(words, text[:longest])))
    return _moment(words, text) or Shown(_coded(words, text))


def _coded(words: Words, text: str) -> str:
    return str(_visible(text, words.say("code", code="{code}")))


def _moment(words: Words, text: str) -> Shown | None:
    """Give a day or a time as people write it; None where the text is neither."""
    try:
        if _DATE.fullmatch(text):
            return Shown(words.date(text), moment=text)
        if (found := _MOMENT.fullmatch(text)) is None:
            return None
        day, time, rest = found.groups()
        dt.time.fromisoformat(time)
        if time in {"00:00", "00:00:00"} and not rest:
            return Shown(words.date(day), moment=text)  # the date of a system that has only moments
        return Shown(words.say("time", date=words.date(day), time=f"{time}{rest}"), moment=text)
    except ValueError:  # the 31st of February
        return None


def _fits_a_table(one: Resource, rows: Sequence[Sequence[tuple[str, Shown]]]) -> bool:
    longest = _LINE if len(one.columns) == 1 else _CELL
    # Cells are found by their place: every record has to have every column, in their order.
    return (
        len(rows) > 1
        and len(one.columns) <= _COLUMNS
        and all(tuple(name for name, _ in row) == one.columns for row in rows)
        and all(len(cell.text) <= longest for row in rows for _, cell in row)
    )


def _place(about: About, words: Words, place: str) -> str:
    system, _, record_set = place.partition("/")
    if not record_set:
        return words.say("system", name=system)
    told = about.sets.get(place)
    return f"{(told and told.title) or spelled(record_set)} ({system})"


def _received(about: About, words: Words) -> str:
    found = _moment(words, about.received_at[:10])
    return found.text if found else about.received_at[:10]


def _names(about: About) -> list[str]:
    known = {one.id: one.name for one in about.information.controllers} if about.information else {}
    return [known.get(one) or one for one in about.controllers]


def _receiver(one: Receiver, words: Words) -> str:
    place = ", ".join(filter(None, (one.country, words.word("area", one.area) if one.area else "")))
    rests = [words.word("mechanism", each.mechanism) for each in one.safeguards if each.mechanism not in _NOTHING_MORE]
    more = f"; {words.say('rests', 'about', mechanisms=words.list(rests))}" if rests else ""
    return f"{one.name or one.id} ({words.word('role', one.role)}{', ' + place if place else ''}{more})"
