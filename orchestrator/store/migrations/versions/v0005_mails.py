"""Requests by mail."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the mails that were taken in; there is none yet."""
    op.create_table(
        "mails",
        sa.Column("mail_id", TEXT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("arrived_at", TEXT, nullable=False),
        sa.Column("dated", TEXT, nullable=False),
        sa.Column("taken_at", TEXT, nullable=False),
        sa.Column("standing", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("request_id", TEXT, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("settled_at", TEXT, nullable=True),
        sa.Column("settled_by", TEXT, nullable=True),
        sa.Column("outcome", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("mail_id"),
    )
    waiting = sa.text("standing = 'waiting'")
    op.create_index("mails_waiting", "mails", ["arrived_at"], sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("mails_request", "mails", ["request_id"])
