"""Links by which a person fetches their copy."""

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the table; there is no link yet."""
    op.create_table(
        "links",
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("link_id", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("made_at", TEXT, nullable=False),
        sa.Column("made_by", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.Column("left", sa.Integer(), nullable=False),
        sa.Column("code", sa.LargeBinary(), nullable=False),
        sa.Column("code_until", TEXT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("revoked_at", TEXT, nullable=True),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("last_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("token_sha256"),
        sa.UniqueConstraint("link_id"),
    )
    op.create_index("links_request", "links", ["request_id"])
