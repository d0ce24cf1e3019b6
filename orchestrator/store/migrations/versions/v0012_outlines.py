"""Outlines of records: by which some lines can be shown alone."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; records of before have none."""
    op.add_column("records", sa.Column("outline", sa.LargeBinary(), nullable=True))
