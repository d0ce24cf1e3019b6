"""When the documents of a leaf were deleted at the end of their retention."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the column; no document was deleted so far."""
    op.add_column("ledger_leaves", sa.Column("retired_at", TEXT, nullable=True))
