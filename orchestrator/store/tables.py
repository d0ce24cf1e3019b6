"""The tables. Every table is written in the same transaction as the journal row that caused the write."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

metadata: Final = MetaData()

journal: Final = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("source", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("observed_at", String, nullable=False),
    Column("payload_hash", LargeBinary, nullable=False),
    # The event as the core sees it, JSON without identifiers; null while it waits to be applied.
    Column("body", LargeBinary),
    # The sealed original, only while it waits to be applied.
    Column("wire", LargeBinary),
    Column("verdict", String, nullable=False),
    # The id first: a batch is looked up by its ids, and with the source first every look-up read the whole journal.
    UniqueConstraint("event_id", "source"),
    sqlite_autoincrement=True,
)
"""Inbox, history and audit trail in one: every accepted event, keyed by CloudEvents (source, id)."""
Index(
    "journal_waiting",
    journal.c.seq,
    sqlite_where=journal.c.wire.is_not(None),
    postgresql_where=journal.c.wire.is_not(None),
)
Index("journal_request", journal.c.request_id)

requests: Final = Table(
    "requests",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("right", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("result", String),
    Column("attention", Integer, nullable=False),
    Column("received_at", String, nullable=False),
    Column("due_on", String, nullable=False),
    Column("next_timer", String),
    # Name of the access package while it lives; a package file that no request names is swept.
    Column("package", String),
    Column("logic", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""One row a request: its state (msgpack) and the columns that lists are made from."""
Index("requests_timer", requests.c.next_timer)
Index(
    "requests_package",
    requests.c.package,
    sqlite_where=requests.c.package.is_not(None),
    postgresql_where=requests.c.package.is_not(None),
)

capsules: Final = Table(
    "capsules",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Identifiers, handles and the secret of the references, sealed; shrinks and goes with what is owed (decision 9)."""

subjects: Final = Table(
    "subjects",
    metadata,
    Column("subject_ref", LargeBinary, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("right", String, nullable=False),
)
"""Which requests are of the same person: keyed digests (formats.md 5), gone with the capsule."""
Index("subjects_request", subjects.c.request_id)

waits: Final = Table(
    "waits",
    metadata,
    Column("other", String, primary_key=True),
    Column("request_id", String, primary_key=True),
)
"""``request_id`` waits until ``other`` has closed."""

outbox: Final = Table(
    "outbox",
    metadata,
    Column("task_id", String, primary_key=True),
    Column("request_id", String, nullable=False),
    Column("system", String, nullable=False),
    Column("due_on", String, nullable=False),
    Column("lease_minutes", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Tasks that no confirmation was accepted for yet; released by system, in order of deadline (decision 3)."""
Index("outbox_release", outbox.c.system, outbox.c.due_on, outbox.c.task_id)

obligations: Final = Table(
    "obligations",
    metadata,
    Column("request_id", String, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("system", String, nullable=False),
    Column("record_set", String, nullable=False),
    Column("due", String, nullable=False),
    Column("text", String, nullable=False),
)
"""What is still owed, for lists; the truth is in the state."""
Index("obligations_due", obligations.c.due)

records: Final = Table(
    "records",
    metadata,
    Column("record_id", String, primary_key=True),
    Column("request_id", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("completed_at", String, nullable=False),
    Column("jws", LargeBinary, nullable=False),
    UniqueConstraint("request_id", "number"),
)
"""Signed completion records, compact JWS."""

notices: Final = Table(
    "notices",
    metadata,
    Column("notice_id", String, primary_key=True),
    Column("request_id", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What a person or the DPO must be told, as CloudEvents for ``expunge.notices``."""
Index("notices_request", notices.c.request_id)

suppressions: Final = Table(
    "suppressions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("record_id", String, primary_key=True),
    Column("request_id", String, nullable=False),
    Column("until", String, nullable=False),
    # JSON of `engine.suppressing.Entry`: since when, where, which purposes are left out.
    Column("entry", LargeBinary, nullable=False),
    # Number of the feed that wrote it to the cache; null: not yet.
    Column("fed", Integer),
)
"""What was erased, as keyed digests, as long as it may come back (ADR 7)."""
Index("suppressions_request", suppressions.c.request_id)
Index("suppressions_fed", suppressions.c.fed)

feeds: Final = Table(
    "feeds",
    metadata,
    Column("name", String, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("token", String, nullable=False),
)
"""How often a cache was fed, and the token of the last time. A cache that carries another token lost something."""

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("observed_at", String, nullable=False),
    Column("error", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Events that could not be applied: error class and the original bytes, sealed; emptied with the capsule."""
Index("dead_letters_request", dead_letters.c.request_id)

plans: Final = Table(
    "plans",
    metadata,
    Column("digest", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Plans by digest; a request is decided under the plan it arrived with."""
