"""Sweeps for what is past its period."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0008"
down_revision = "0007"

_TEXTS = ("state", "reason", "up_to", "started_at", "finished_at", "issued_at", "next_at", "task_id")
_COUNTS = ("scanned", "past", "undated", "unclear", "opened", "known")


def upgrade() -> None:
    """Add the places of the sweeps; none was begun yet."""
    op.create_table(
        "sweeps",
        sa.Column("system", TEXT, nullable=False),
        sa.Column("record_set", TEXT, nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in _TEXTS),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.Column("cursor", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("system", "record_set"),
    )
