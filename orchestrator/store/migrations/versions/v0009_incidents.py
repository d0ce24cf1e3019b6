"""The registry of incidents."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the registry; there is no incident yet."""
    op.create_table(
        "incidents",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("detected_at", TEXT, nullable=False),
        sa.Column("tell_at", TEXT, nullable=True),
        sa.Column("told", sa.Integer(), nullable=False),
        sa.Column("announced", sa.Integer(), nullable=False),
        sa.Column("closed_at", TEXT, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id"),
    )
    op.create_index("incidents_tell", "incidents", ["tell_at"])
