"""The ledger. Records that were signed before it began wait for their number like every other leaf."""

import hashlib

import sqlalchemy as sa
from alembic import op

from orchestrator.store.tables import TEXT

revision = "0007"
down_revision = "0006"
_PAGE = 1000


def upgrade() -> None:
    """Add the tables, and a leaf for every record that is there."""
    leaves = op.create_table(
        "ledger_leaves",
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("fact", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("request_id", "fact"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ledger_leaves_pending",
        "ledger_leaves",
        ["at"],
        sqlite_where=sa.text("number IS NULL"),
        postgresql_where=sa.text("number IS NULL"),
    )
    op.create_index(
        "ledger_leaves_number",
        "ledger_leaves",
        ["number"],
        unique=True,
        sqlite_where=sa.text("number IS NOT NULL"),
        postgresql_where=sa.text("number IS NOT NULL"),
    )
    op.create_table(
        "ledger_tiles",
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "place"),
    )
    op.create_table(
        "ledger_checkpoints",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    names = ("record_id", "request_id", "number", "completed_at", "jws")
    records = sa.table("records", *(sa.column(name) for name in names))
    bind, last = op.get_bind(), ""
    query = sa.select(records).where(records.c.record_id > sa.bindparam("last")).order_by(records.c.record_id)
    while rows := bind.execute(query.limit(_PAGE), {"last": last}).all():
        last = rows[-1].record_id
        bind.execute(
            sa.insert(leaves),
            [
                {
                    "request_id": row.request_id,
                    "fact": "completed" if row.number == 1 else f"discharged.{row.number}",
                    "at": row.completed_at,
                    "entry": hashlib.sha256(bytes(row.jws)).digest(),
                    "statement": None,
                    "number": None,
                }
                for row in rows
            ],
        )
