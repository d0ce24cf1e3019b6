"""The table of facts: what a sentence may name, of which type, and in which sentences.

A sentence with ``each`` is written once for every entry of a list, and may name what belongs to that entry as well. A
fact that is not known has no value, and a sentence that names it is not written. A flag is never written: it decides
whether a sentence is.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec


class Kind(enum.StrEnum):
    """How a fact is written."""

    TEXT = "text"
    DATE = "date"
    COUNT = "count"
    FLAG = "flag"
    WORD = "word"
    WORDS = "words"
    LAW = "law"
    MONEY = "money"


class Fact(msgspec.Struct, frozen=True):
    """One fact. ``table``: table of the language file that has its words. ``lists``: where it belongs to an entry."""

    kind: Kind
    table: str = ""
    lists: tuple[str, ...] = ()


Value = str | int | bool | tuple[str, ...]

RIGHTS: Final = (
    "access",
    "portability",
    "erasure",
    "rectification",
    "restriction",
    "objection",
    "withdrawal_of_consent",
    "complaint",
    "safeguard_copy",
)
RESULTS: Final = (
    "fulfilled",
    "partly_fulfilled",
    "nothing_held",
    "unidentifiable",
    "withdrawn",
    "refused",
    "identity_not_established",
    "lapsed",
    "not_subject",
)
DONE: Final = (
    "erased",
    "anonymised",
    "partly_erased",
    "kept",
    "live_file",
    "attested",
    "exported",
    "rectified",
    "restricted",
    "lifted",
    "stopped",
    "notified",
    "erased_later",
    "came_back",
    "found_gone",
)
"""Lists of what the lines of a record say, one entry a line."""
NOT_DONE: Final = ("out_of_scope", "not_found", "not_subject_there", "returned", "not_finished")
"""Lists of what was not searched or not finished."""
OF_OTHERS: Final = ("processor_done", "processor_kept", "processor_unasked", "not_told")
"""Lists of what processors and recipients did, by their word; who was told stands under ``notified``."""
LISTS: Final = (*DONE, *NOT_DONE, *OF_OTHERS, "passed_on", "by_hand")

_COUNTED: Final = (
    "erased", "anonymised", "partly_erased", "kept", "live_file", "exported", "rectified", "restricted", "lifted",
    "stopped", "erased_later", "came_back",
)  # fmt: skip

FACTS: Final[dict[str, Fact]] = {
    "request_id": Fact(Kind.TEXT),
    "right": Fact(Kind.WORD, "right"),
    "received_on": Fact(Kind.DATE),
    "due_on": Fact(Kind.DATE),
    "lift_on": Fact(Kind.DATE),
    "completed_on": Fact(Kind.DATE),
    "backups_until": Fact(Kind.DATE),
    "extension": Fact(Kind.WORD, "extension"),
    "asks": Fact(Kind.WORD, "asks"),
    "ground": Fact(Kind.WORD, "ground"),
    "would_help": Fact(Kind.WORDS, "identifier"),
    "authority": Fact(Kind.TEXT),
    "court": Fact(Kind.TEXT),
    "price": Fact(Kind.MONEY),
    "receipt": Fact(Kind.TEXT),
    "for_other": Fact(Kind.FLAG),
    "document_asked": Fact(Kind.FLAG),
    "clock_stops": Fact(Kind.FLAG),
    "in_time": Fact(Kind.FLAG),
    "first_answer": Fact(Kind.FLAG),
    "all_erased": Fact(Kind.FLAG),
    "some_erased": Fact(Kind.FLAG),
    "nothing_erased": Fact(Kind.FLAG),
    "some_anonymised": Fact(Kind.FLAG),
    "some_attested": Fact(Kind.FLAG),
    "some_kept": Fact(Kind.FLAG),
    "some_restricted": Fact(Kind.FLAG),
    "some_unsearched": Fact(Kind.FLAG),
    "none_kept_now": Fact(Kind.FLAG),
    "some_came_back": Fact(Kind.FLAG),
    "backup_restored": Fact(Kind.FLAG),
    "some_erased_later": Fact(Kind.FLAG),
    "some_found_gone": Fact(Kind.FLAG),
    "copy_made": Fact(Kind.FLAG),
    "remedy_due": Fact(Kind.FLAG),
    "masked": Fact(Kind.FLAG, lists=("kept",)),
    "anonymous": Fact(Kind.FLAG, lists=("erased_later", "came_back")),
    **{f"is_{one}": Fact(Kind.FLAG) for one in RIGHTS},
    **{f"result_{one}": Fact(Kind.FLAG) for one in RESULTS},
    "what": Fact(Kind.WORDS, "category", (*DONE, *NOT_DONE, "passed_on")),
    "count": Fact(Kind.COUNT, lists=_COUNTED),
    "until": Fact(Kind.DATE, lists=("kept", "processor_kept")),
    "review_on": Fact(Kind.DATE, lists=("kept", "processor_kept")),
    "why": Fact(Kind.WORD, "kept", ("kept", "processor_kept")),
    "law": Fact(Kind.LAW, lists=("kept", "processor_kept")),
    "looked_on": Fact(Kind.DATE, lists=("erased", "anonymised")),
    "said_on": Fact(Kind.DATE, lists=("attested", "by_hand", "processor_done")),
    "by": Fact(Kind.WORD, "role", ("attested", "by_hand")),
    "recipient": Fact(Kind.TEXT, lists=("notified", *OF_OTHERS)),
    "purposes": Fact(Kind.WORDS, "purpose", ("stopped",)),
    "no_article": Fact(Kind.FLAG, lists=("not_subject_there",)),
    "no_kinds": Fact(Kind.FLAG, lists=("not_found",)),
    "article": Fact(Kind.LAW, lists=("not_subject_there",)),
    "kinds": Fact(Kind.WORDS, "identifier", ("not_found",)),
}


class Item(msgspec.Struct, frozen=True):
    """One entry of a list: the place it is about, and its own facts."""

    place: str
    values: dict[str, Value]


class Known(msgspec.Struct, frozen=True):
    """What is known of a case. A flag that is not there is false."""

    values: dict[str, Value]
    lists: dict[str, tuple[Item, ...]]


def allowed(each: str) -> tuple[str, ...]:
    """Give the facts that a sentence may name: those of the letter, and those of the list it goes through."""
    return tuple(name for name, fact in FACTS.items() if not fact.lists or each in fact.lists)
