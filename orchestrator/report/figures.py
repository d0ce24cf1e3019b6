"""The figures of a report, as they stand in its JSON. Durations in whole seconds, margins in whole days."""

from __future__ import annotations

import msgspec


class Spread(msgspec.Struct):
    """How a number is spread. ``p95``: nearest rank. Of margins ``slowest`` is the least. None: there are none."""

    count: int = 0
    median: int | None = None
    p95: int | None = None
    slowest: int | None = None


class ReceivedRow(msgspec.Struct):
    """Requests received in the period. ``result``: of the first record; ``open``: there is none yet."""

    right: str
    controller: str
    result: str
    count: int


class TimeRow(msgspec.Struct):
    """Requests completed for the first time in the period, of one right; ``all``: of all of them.

    ``margin``: days from the day of completion to the last day for the answer; negative: after it.
    """

    right: str
    complete: Spread
    answer: Spread
    margin: Spread
    late: int


class SlowRow(msgspec.Struct):
    """One of the slowest."""

    request_id: str
    right: str
    seconds: int
    margin: int


class MonthRow(msgspec.Struct):
    """What came, and what was completed, in one month of the period."""

    month: str
    received: int = 0
    completed: int = 0


class CountRow(msgspec.Struct):
    """How many of what."""

    what: str
    count: int


class OpenRow(msgspec.Struct):
    """A request that was not completed at the end of the period, although its last day was over."""

    request_id: str
    right: str
    due_on: str


class KeptRow(msgspec.Struct):
    """What records of the period say is kept, each record set of a request once, by its last word.

    ``first``, ``last``: earliest and latest end or day of review. ``undated``: record sets with a review only.
    """

    why: str
    text: str
    requests: int
    records: int
    first: str
    last: str
    undated: int


class OwedRow(msgspec.Struct):
    """What is owed now. ``first``: when something of it comes due next; ``last``: when the last of it ends."""

    kind: str
    text: str
    count: int
    first: str
    last: str


class SystemRow(msgspec.Struct):
    """One system. ``owner`` empty: it is not connected any more. ``last_answer`` None: it never answered.

    ``erased``, ``anonymised``, ``kept``, ``copied``: data records, as the completion records of the period say.
    ``verified``, ``attested``: lines of them. ``caught``: answers in the period that were not believed.
    """

    system: str
    owner: str
    backlog: int = 0
    backlog_since: str | None = None
    last_answer: str | None = None
    erased: int = 0
    anonymised: int = 0
    kept: int = 0
    copied: int = 0
    verified: int = 0
    attested: int = 0
    caught: int = 0


class RecipientRow(msgspec.Struct):
    """A processor or recipient in the completion records of the period. Never verified: a word."""

    recipient: str
    role: str
    done: int = 0
    keeps: int = 0
    told: int = 0
    not_told: int = 0


class CaughtRow(msgspec.Struct):
    """Answers that were not believed."""

    system: str
    kind: str
    count: int
    requests: int


class Returned(msgspec.Struct):
    """Closed erasures that were looked at again (I14): how often, how often something was there, and how much went."""

    looked: list[CountRow]
    came_back: list[CountRow]
    records: int


class Report(msgspec.Struct):
    """A report. ``over``: the period had ended when it was made. ``unasked``: found by sweeps, asked for by nobody.

    ``deleted``: taken in in the period, and deleted at the end of their retention since: in no other figure.

    ``afresh``: later records about what was kept, or left over. ``margins``: completed requests by days to spare.
    """

    v: int
    first: str
    last: str
    made_at: str
    over: bool
    received_total: int
    unasked: int
    completed_total: int
    afresh: int
    received: list[ReceivedRow]
    months: list[MonthRow]
    times: list[TimeRow]
    slowest: list[SlowRow]
    margins: list[CountRow]
    open: int
    overdue: list[OpenRow]
    extensions: list[CountRow]
    paused_requests: int
    paused_days: int
    refusals: list[CountRow]
    kept: list[KeptRow]
    owed: list[OwedRow]
    verified: int
    attested: int
    systems: list[SystemRow]
    recipients: list[RecipientRow]
    caught: list[CaughtRow]
    unread: list[CountRow]
    returned: Returned
    deleted: int = 0

    @property
    def empty(self) -> bool:
        """Tell whether nothing happened in the period."""
        happened = self.received_total + self.unasked + self.completed_total + self.afresh
        return not (happened or self.returned.looked or self.caught)
