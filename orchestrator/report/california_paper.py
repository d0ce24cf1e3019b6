"""California's yearly figures as a document, each with its legal text, and what nobody here knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.law.california import DAYS_TEXT, DENIED_TEXT, KINDS, LOG_TEXT
from orchestrator.report.california import California
from orchestrator.report.document import Document, Section
from orchestrator.report.figures import CountRow
from orchestrator.report.wording import code, day, many, minute, missing, number

TITLE: Final = "Requests of consumers under the CCPA"
COLUMNS: Final = ("request_id", "received_on", "nature", "right", "manner", "responded_on", "response", "basis")
"""Columns of the log as CSV."""
GROUNDS: Final = {
    "not_verifiable": "the request was not verifiable",
    "exempt": "what it asked for is exempt, or has to be kept",
    "other": "other grounds",
}
NONE: Final = "No request of this period was made to a controller that is known to be under the CCPA."
NOT_KNOWN: Final = tuple(
    " ".join(one.split())
    for one in """
Whether a person is a consumer, a resident of California, is not known: every request to a controller whose law is the
CCPA is counted.

Whether the business is one that has to publish these figures (10,000,000 consumers a year) is not known here.

An objection and a withdrawal of consent are counted as an opt-out, a restriction as a request to limit. Whether they
were about a sale, a sharing or sensitive data is not known.

An opt-out by a preference signal, or by a link that writes straight into a system, is no request here, and is missing.

Nothing held: the person was told that there is nothing. The text does not say whether that is compliance or denial; it
is in neither figure.

Denied: refused, not verified in time, or not what the right is about. In part: something is kept or was not searched.

Days are calendar days in UTC, from receipt to the answer; the median of an even count is the mean of the middle two,
rounded down.

11 CCR 7101 and 7102 were read as in force since 29 March 2023; whether they were amended since was not checked.

What this log holds may be used for nothing but the record, and to mend how requests are handled (11 CCR 7101(d)).
""".strip().split("\n\n")
)


def document(found: California) -> Document:
    """Give the figures as people read them; the log itself is in the CSV and the JSON."""
    received = sum(one.received for one in found.metrics)
    over = "" if found.over else ", so the last day is not over"
    said = f"Received {day(found.first)} to {day(found.last)}; made on {minute(found.made_at)}{over}"
    glance = [
        (number(received), "requests received"),
        (
            number(sum(one.complied + one.complied_in_part for one in found.metrics)),
            "complied with, in whole or in part",
        ),
        (number(sum(one.denied for one in found.metrics)), "denied"),
        (number(sum(one.open for one in found.metrics)), "without a response yet"),
    ]
    warning = (
        "" if received else "No request of this period was made to a controller that is known to be under the CCPA."
    )
    if found.unknown_law:
        of = many(found.unknown_law, "request")
        warning = (
            f"Of {of} nobody knows under which law the controller is (the policy does not say). None is in any figure."
        )
    warning = " ".join(one for one in (warning, missing(found.deleted)) if one)
    return Document(
        TITLE, said, list(_sections(found)), glance, warning, about_title="What is not known, and how it was counted",
        about=NOT_KNOWN,
    )  # fmt: skip


def _sections(found: California) -> Iterator[Section]:
    words = {one.nature: one.words for one in KINDS}
    yield Section(
        "Received, complied with, denied",
        "By kind of request. Received is the sum of the figures beside it.",
        (
            "kind",
            "text",
            "received",
            "complied with in whole",
            "in part",
            "denied",
            "nothing held",
            "withdrawn",
            "open",
        ),
        [
            (
                words[one.nature],
                one.text,
                *map(
                    number,
                    (
                        one.received,
                        one.complied,
                        one.complied_in_part,
                        one.denied,
                        one.nothing_held,
                        one.withdrawn,
                        one.open,
                    ),
                ),
            )
            for one in found.metrics
        ],
        2,
    )
    yield Section(
        "Days to the response",
        f"The median of the calendar days within which the business substantively responded ({DAYS_TEXT}).",
        ("kind", "responses", "median days"),
        [(words[one.nature], number(one.responded), number(one.median_days)) for one in found.metrics],
    )
    yield Section(
        "Grounds of denials",
        f"Denials in whole or in part; to publish them is a choice ({DENIED_TEXT}).",
        ("ground", "requests"),
        _counts(found.denied_because, GROUNDS),
    )
    yield Section(
        "Manner in which requests were made",
        f"Of those in the log ({LOG_TEXT}). Unknown: received before the manner was kept.",
        ("manner", "requests"),
        _counts(found.manners),
    )
    yield Section(
        "What is in no figure",
        "Requests of the period that are none of the five kinds, or are under other laws.",
        ("what", "requests"),
        [
            *_counts(found.not_counted),
            ("to controllers under other laws only", number(found.other_law)),
            ("to controllers whose law nobody knows", number(found.unknown_law)),
        ],
    )


def _counts(rows: list[CountRow], words: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(code(one.what, words or {}), number(one.count)) for one in rows]


def log_rows(found: California) -> Iterator[tuple[str, ...]]:
    """Give the log as rows of its columns."""
    for one in found.log:
        yield (
            one.request_id, one.received_on, one.nature, one.right, one.manner, one.responded_on, one.response,
            "; ".join(one.basis),
        )  # fmt: skip
