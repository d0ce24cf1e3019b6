"""What the distributed runtime needs: positions, an outbox in two phases, publications, what is parked."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables, and the columns of the outbox; what is in the outbox was not released yet."""
    for name in ("released_at", "claimed_at", "published_at", "quarantined"):
        op.add_column("outbox", sa.Column(name, TEXT, nullable=True))
    op.create_index(
        "outbox_flight",
        "outbox",
        ["system", "claimed_at", "published_at"],
        unique=False,
        sqlite_where=sa.text("released_at IS NOT NULL"),
        postgresql_where=sa.text("released_at IS NOT NULL"),
    )
    op.create_table(
        "positions",
        sa.Column("consumer_group", TEXT, nullable=False),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("topic_id", TEXT, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer_group", "topic", "partition"),
    )
    op.create_table(
        "parked",
        sa.Column("event_id", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("payload_hash", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("parked_at", TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retry_at", TEXT, nullable=False),
        sa.Column("until", TEXT, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "source", "payload_hash"),
    )
    op.create_index("parked_retry", "parked", ["retry_at"], unique=False)
    op.create_index("parked_request", "parked", ["request_id"], unique=False)
    op.create_table(
        "publications",
        sa.Column("publication_id", TEXT, nullable=False),
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("claimed_at", TEXT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("publication_id"),
    )
    op.create_index("publications_next", "publications", ["claimed_at", "publication_id"], unique=False)
