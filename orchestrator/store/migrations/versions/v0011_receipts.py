"""The commitment by which a person's receipt finds their request."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column; requests that are there have no receipt."""
    op.add_column("requests", sa.Column("receipt_sha256", TEXT, nullable=True))
    there = sa.text("receipt_sha256 IS NOT NULL")
    op.create_index("requests_receipt", "requests", ["receipt_sha256"], sqlite_where=there, postgresql_where=there)
