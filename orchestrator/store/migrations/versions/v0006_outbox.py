"""Many events in little time: indexes of the outbox that lead to what is asked for only, and room to change rows."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Keep free tasks apart from those that are out; what changes on the way is in no index, and finds its place."""
    op.drop_index("outbox_release", "outbox")
    op.create_index(
        "outbox_release",
        "outbox",
        ["system", "due_on", "task_id"],
        unique=False,
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.drop_index("outbox_flight", "outbox")
    op.create_index(
        "outbox_flight",
        "outbox",
        ["system"],
        unique=False,
        sqlite_where=sa.text("released_at IS NOT NULL"),
        postgresql_where=sa.text("released_at IS NOT NULL"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Heap-only updates: a row that finds room on its own page needs no new entry in any index, and what it was
        # before is cleared away by the next who looks. For pages to come; those that are there stay as they are.
        for table in ("requests", "capsules", "outbox"):
            op.execute(sa.text(f"ALTER TABLE {table} SET (fillfactor = 50)"))
