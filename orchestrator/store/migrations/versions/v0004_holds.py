"""The registry of legal holds."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the registry; there is no hold yet."""
    op.create_table(
        "holds",
        sa.Column("hold_id", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("review_by", TEXT, nullable=False),
        sa.Column("placed_at", TEXT, nullable=False),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("anchor_from", TEXT, nullable=True),
        sa.Column("anchor_to", TEXT, nullable=True),
        sa.Column("by_person", sa.Integer(), nullable=False),
        sa.Column("released_at", TEXT, nullable=True),
        sa.Column("released_by", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("hold_id"),
    )
    op.create_table(
        "hold_subjects",
        sa.Column("subject_ref", sa.LargeBinary(), nullable=False),
        sa.Column("hold_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("subject_ref", "hold_id"),
    )
