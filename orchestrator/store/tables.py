"""The tables. Every table is written in the same transaction as the journal row that caused the write."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

metadata: Final = MetaData()

# Compared byte by byte in both databases: a language's own order would sort times, ids and deadlines otherwise.
TEXT: Final = String().with_variant(String(collation="C"), "postgresql")
SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")
"""Numbers that the database gives; SQLite gives them only to a column that is called INTEGER."""
LATER: Final = {"later": True}
"""Marks a column that is empty when its row is inserted."""

journal: Final = Table(
    "journal",
    metadata,
    Column("seq", SERIAL, primary_key=True, autoincrement=True),
    Column("source", TEXT, nullable=False),
    Column("event_id", TEXT, nullable=False),
    Column("request_id", TEXT, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("observed_at", TEXT, nullable=False),
    Column("payload_hash", LargeBinary, nullable=False),
    # The event as the core sees it, JSON without identifiers; null while it waits to be applied.
    Column("body", LargeBinary),
    # The sealed original, only while it waits to be applied.
    Column("wire", LargeBinary),
    Column("verdict", TEXT, nullable=False),
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
    Column("request_id", TEXT, primary_key=True),
    Column("right", TEXT, nullable=False),
    Column("phase", TEXT, nullable=False),
    Column("result", TEXT),
    Column("attention", Integer, nullable=False),
    Column("received_at", TEXT, nullable=False),
    Column("due_on", TEXT, nullable=False),
    Column("next_timer", TEXT),
    # Name of the access package while it lives; a package file that no request names is swept.
    Column("package", TEXT),
    Column("logic", Integer, nullable=False),
    Column("state", LargeBinary, nullable=False),
    # What the person's receipt opens; by it a request is found that nobody can name any more (ADR 43).
    Column("receipt_sha256", TEXT),
)
"""One row a request: its state (msgpack) and the columns that lists are made from."""
Index("requests_timer", requests.c.next_timer)
Index(
    "requests_package",
    requests.c.package,
    sqlite_where=requests.c.package.is_not(None),
    postgresql_where=requests.c.package.is_not(None),
)
Index(
    "requests_receipt",
    requests.c.receipt_sha256,
    sqlite_where=requests.c.receipt_sha256.is_not(None),
    postgresql_where=requests.c.receipt_sha256.is_not(None),
)

capsules: Final = Table(
    "capsules",
    metadata,
    Column("request_id", TEXT, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
"""Identifiers, handles and the secret of the references, sealed; shrinks and goes with what is owed (decision 9)."""

subjects: Final = Table(
    "subjects",
    metadata,
    Column("subject_ref", LargeBinary, primary_key=True),
    Column("request_id", TEXT, primary_key=True),
    Column("right", TEXT, nullable=False),
)
"""Which requests are of the same person: keyed digests (formats.md 5), gone with the capsule."""
Index("subjects_request", subjects.c.request_id)

waits: Final = Table(
    "waits",
    metadata,
    Column("other", TEXT, primary_key=True),
    Column("request_id", TEXT, primary_key=True),
)
"""``request_id`` waits until ``other`` has closed."""

outbox: Final = Table(
    "outbox",
    metadata,
    Column("task_id", TEXT, primary_key=True),
    Column("request_id", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("due_on", TEXT, nullable=False),
    Column("lease_minutes", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # Of the distributed runtime: when it was given to the relay (``body`` is then what is published, to the byte), when
    # somebody last took it to publish it, when the broker had it, and why it can never be published.
    Column("released_at", TEXT, info=LATER),
    Column("claimed_at", TEXT, info=LATER),
    Column("published_at", TEXT, info=LATER),
    Column("quarantined", TEXT, info=LATER),
)
"""Tasks that no confirmation was accepted for yet; released by system, in order of deadline (decision 3)."""
Index(
    "outbox_release",
    outbox.c.system,
    outbox.c.due_on,
    outbox.c.task_id,
    # SQLite has one process, which does not release but gives: there, all of them are looked through.
    postgresql_where=outbox.c.released_at.is_(None),
)
# Nothing in it but the system: that a task was published is noted in its row, and moves it in no index.
Index(
    "outbox_flight",
    outbox.c.system,
    sqlite_where=outbox.c.released_at.is_not(None),
    postgresql_where=outbox.c.released_at.is_not(None),
)

obligations: Final = Table(
    "obligations",
    metadata,
    Column("request_id", TEXT, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("record_set", TEXT, nullable=False),
    Column("due", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
)
"""What is still owed, for lists; the truth is in the state."""
Index("obligations_due", obligations.c.due)

records: Final = Table(
    "records",
    metadata,
    Column("record_id", TEXT, primary_key=True),
    Column("request_id", TEXT, nullable=False),
    Column("number", Integer, nullable=False),
    Column("completed_at", TEXT, nullable=False),
    Column("jws", LargeBinary, nullable=False),
    # By which some of its lines can be shown alone (ADR 44); null of a record of before, until somebody asks.
    Column("outline", LargeBinary, nullable=True),
    UniqueConstraint("request_id", "number"),
)
"""Signed completion records, compact JWS."""

leaves: Final = Table(
    "ledger_leaves",
    metadata,
    Column("request_id", TEXT, primary_key=True),
    Column("fact", TEXT, primary_key=True),
    Column("at", TEXT, nullable=False),
    # SHA-256 of the document: of a record, or of the statement here, which goes when its own retention ends.
    Column("entry", LargeBinary, nullable=False),
    Column("statement", LargeBinary),
    # Its place in the tree; null until the sequencer has given it one.
    Column("number", BigInteger, info=LATER),
    # When its document was deleted at the end of its retention (ADR 45); one that is not there without it is lost.
    Column("retired_at", TEXT, info=LATER),
    sqlite_with_rowid=False,
)
"""Leaves of the ledger, written with the fact they stand for, numbered by one sequencer (ADR 37)."""
Index(
    "ledger_leaves_pending",
    leaves.c.at,
    sqlite_where=leaves.c.number.is_(None),
    postgresql_where=leaves.c.number.is_(None),
)
# Partial too: what waits stands in one index only, and SQLite reads it in its order.
Index(
    "ledger_leaves_number",
    leaves.c.number,
    unique=True,
    sqlite_where=leaves.c.number.is_not(None),
    postgresql_where=leaves.c.number.is_not(None),
)

tiles: Final = Table(
    "ledger_tiles",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)
"""The tree, 256 hashes a tile (C2SP tlog-tiles)."""

checkpoints: Final = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("at", TEXT, nullable=False),
    Column("note", LargeBinary, nullable=False),
)
"""Every checkpoint that was signed (C2SP tlog-checkpoint)."""

checkpoint_mails: Final = Table(
    "ledger_mails",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("due_at", TEXT, nullable=False),
    # When somebody last began to send it; whoever comes later leaves it alone for a while.
    Column("tried_at", TEXT, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", TEXT, nullable=True),
)
"""The last checkpoint that was mailed, and the next one until it is (ADR 37)."""

links: Final = Table(
    "links",
    metadata,
    Column("token_sha256", LargeBinary, primary_key=True),
    Column("link_id", TEXT, nullable=False, unique=True),
    Column("request_id", TEXT, nullable=False),
    Column("made_at", TEXT, nullable=False),
    Column("made_by", TEXT, nullable=False),
    Column("expires_at", TEXT, nullable=False),
    Column("left", Integer, nullable=False),
    Column("code", LargeBinary, nullable=False),
    Column("code_until", TEXT, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("revoked_at", TEXT, nullable=True),
    Column("begun", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("last_at", TEXT, nullable=True),
    Index("links_request", "request_id"),
)
"""Links by which a person fetches their copy (ADR 47). No token and no code, and nothing that leads to either."""

notices: Final = Table(
    "notices",
    metadata,
    Column("notice_id", TEXT, primary_key=True),
    Column("request_id", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""What a person or the DPO must be told, as CloudEvents for ``expunge.notices``."""
Index("notices_request", notices.c.request_id)

holds: Final = Table(
    "holds",
    metadata,
    Column("hold_id", TEXT, primary_key=True),
    Column("reason", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("review_by", TEXT, nullable=False),
    Column("placed_at", TEXT, nullable=False),
    # Systems and record sets, with a space between; empty: all.
    Column("scope", TEXT, nullable=False),
    Column("anchor_from", TEXT),
    Column("anchor_to", TEXT),
    # 1: it is about the people of ``hold_subjects`` only.
    Column("by_person", Integer, nullable=False),
    Column("released_at", TEXT),
    Column("released_by", TEXT),
)
"""The registry of legal holds; a released one stays, without whom it was about."""

hold_subjects: Final = Table(
    "hold_subjects",
    metadata,
    Column("subject_ref", LargeBinary, primary_key=True),
    Column("hold_id", TEXT, primary_key=True),
)
"""Whom a standing hold is about: keyed digests (formats.md 5)."""

mails: Final = Table(
    "mails",
    metadata,
    Column("mail_id", TEXT, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("arrived_at", TEXT, nullable=False),
    Column("dated", TEXT, nullable=False),
    Column("taken_at", TEXT, nullable=False),
    Column("standing", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("size", Integer, nullable=False),
    Column("request_id", TEXT),
    # The mail itself, sealed; null where nobody needs it any more.
    Column("sealed", LargeBinary),
    Column("settled_at", TEXT),
    Column("settled_by", TEXT),
    Column("outcome", TEXT),
)
"""Mails that were taken in, by keyed digests of their Message-ID (ADR 33)."""
Index(
    "mails_waiting",
    mails.c.arrived_at,
    sqlite_where=mails.c.standing == "waiting",
    postgresql_where=mails.c.standing == "waiting",
)
Index("mails_request", mails.c.request_id)

incidents: Final = Table(
    "incidents",
    metadata,
    Column("incident_id", TEXT, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("detected_at", TEXT, nullable=False),
    # When its owner hears of it next.
    Column("tell_at", TEXT),
    Column("told", Integer, nullable=False),
    Column("announced", Integer, nullable=False),
    Column("closed_at", TEXT),
    Column("body", LargeBinary, nullable=False),
)
"""The registry of incidents (ADR 34): codes, counts and dates, and nobody they are about."""
Index("incidents_tell", incidents.c.tell_at)

suppressions: Final = Table(
    "suppressions",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("record_id", TEXT, primary_key=True),
    Column("request_id", TEXT, nullable=False),
    Column("until", TEXT, nullable=False),
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
    Column("name", TEXT, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("token", TEXT, nullable=False),
)
"""How often a cache was fed, and the token of the last time. A cache that carries another token lost something."""

dead_letters: Final = Table(
    "dead_letters",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("source", TEXT, nullable=False),
    Column("event_id", TEXT, nullable=False),
    Column("request_id", TEXT, nullable=False),
    Column("observed_at", TEXT, nullable=False),
    Column("error", TEXT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Events that could not be applied: error class and the original bytes, sealed; emptied with the capsule."""
Index("dead_letters_request", dead_letters.c.request_id)

plans: Final = Table(
    "plans",
    metadata,
    Column("digest", TEXT, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""Plans by digest; a request is decided under the plan it arrived with."""

positions: Final = Table(
    "positions",
    metadata,
    Column("consumer_group", TEXT, primary_key=True),
    Column("topic", TEXT, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    # Of the topic that was read: one of the same name that was made anew begins at 0 again, and says other things.
    Column("topic_id", TEXT, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
)
"""What was consumed, up to which offset; written with what it caused, so this and not the broker has the say."""

parked: Final = Table(
    "parked",
    metadata,
    Column("event_id", TEXT, primary_key=True),
    Column("source", TEXT, primary_key=True),
    Column("payload_hash", LargeBinary, primary_key=True),
    Column("request_id", TEXT, nullable=False),
    Column("type", TEXT, nullable=False),
    # Why it cannot be applied yet.
    Column("reason", TEXT, nullable=False),
    Column("parked_at", TEXT, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("retry_at", TEXT, nullable=False),
    # When it is given up; null: never.
    Column("until", TEXT),
    Column("sealed", LargeBinary, nullable=False),
)
"""Events that came too early, or are sealed to a key that is not held: tried again, listed, never lost."""
Index("parked_retry", parked.c.retry_at)
Index("parked_request", parked.c.request_id)

publications: Final = Table(
    "publications",
    metadata,
    Column("publication_id", TEXT, primary_key=True),
    Column("topic", TEXT, nullable=False),
    Column("request_id", TEXT, nullable=False),
    # Empty until somebody took it to publish it.
    Column("claimed_at", TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""Records, notices and dead letters that have to go out, as the events they travel as; deleted when they have."""
Index("publications_next", publications.c.claimed_at, publications.c.publication_id)

sweeps: Final = Table(
    "sweeps",
    metadata,
    Column("system", TEXT, primary_key=True),
    Column("record_set", TEXT, primary_key=True),
    Column("run", Integer, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("up_to", TEXT, nullable=False),
    Column("started_at", TEXT, nullable=False),
    Column("finished_at", TEXT, nullable=False),
    Column("issued_at", TEXT, nullable=False),
    Column("next_at", TEXT, nullable=False),
    Column("task_id", TEXT, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("scanned", BigInteger, nullable=False),
    Column("past", BigInteger, nullable=False),
    Column("undated", BigInteger, nullable=False),
    Column("unclear", BigInteger, nullable=False),
    Column("opened", BigInteger, nullable=False),
    Column("known", BigInteger, nullable=False),
    # Where the next page begins, sealed with the system's key: it is the key of a record.
    Column("cursor", TEXT, nullable=False),
)
"""How far the sweep of each record set is that looks for what is past its period (ADR 36)."""
