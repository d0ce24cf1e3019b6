"""Checkpoints that are mailed."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table; nothing was mailed yet."""
    op.create_table(
        "ledger_mails",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", TEXT, nullable=False),
        sa.Column("tried_at", TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("size"),
    )
