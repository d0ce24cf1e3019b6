"""What was erased, as keyed digests, as long as it may come back; and how often the cache was fed."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add two tables."""
    op.create_table(
        "suppressions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("record_id", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("until", TEXT, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("fed", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("digest", "record_id"),
    )
    op.create_index("suppressions_request", "suppressions", ["request_id"], unique=False)
    op.create_index("suppressions_fed", "suppressions", ["fed"], unique=False)
    op.create_table(
        "feeds",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO feeds (name, number, token) VALUES ('suppressions', 0, 'none')")
