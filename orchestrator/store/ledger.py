"""The ledger's tables: leaves, tiles, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from connectors.sqltext import compiled_for
from orchestrator.ports import CheckpointMail, CheckpointRow, LeafRow
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of

_L: Final = t.leaves.c
_T: Final = t.tiles.c
_C: Final = t.checkpoints.c
_PENDING: Final = (
    sa.select(*columns_of(LeafRow, t.leaves))
    .where(_L.number.is_(None))
    .order_by(_L.at)
    .limit(sa.bindparam("most", type_=sa.Integer()))
)
_NUMBER: Final = (
    sa.update(t.leaves)
    .where(_L.request_id == sa.bindparam("of"), _L.fact == sa.bindparam("what"))
    .values(number=sa.bindparam("given"))
)
_TILE: Final = sa.select(_T.hashes).where(_T.level == sa.bindparam("level"), _T.place == sa.bindparam("place"))
_LAST: Final = sa.select(*columns_of(CheckpointRow, t.checkpoints)).order_by(_C.size.desc()).limit(1)
_OF_REQUEST: Final = sa.select(*columns_of(LeafRow, t.leaves)).where(_L.request_id == sa.bindparam("of"))
_RECORDS: Final = sa.select(t.records.c.number, t.records.c.jws).where(t.records.c.request_id == sa.bindparam("of"))
_LONGER: Final = (
    sa.select(*columns_of(CheckpointRow, t.checkpoints))
    .where(
        _C.size >= sa.bindparam("size", type_=sa.BigInteger()),
        sa.func.length(_C.note) >= sa.bindparam("least", type_=sa.Integer()),
    )
    .order_by(_C.size)
    .limit(sa.bindparam("most", type_=sa.Integer()))
)


class Leaves(Rows):
    """The ledger's part of a transaction."""

    def add_leaves(self, rows: Sequence[LeafRow]) -> None:
        """Write leaves that have no number yet."""
        self._insert(t.leaves, [msgspec.structs.asdict(row) for row in rows])

    def pending_leaves(self, limit: int) -> list[LeafRow]:
        """Give leaves that have no number yet, oldest first."""
        return [LeafRow(*row) for row in self._all(_PENDING, most=limit)]

    def number_leaves(self, rows: Sequence[LeafRow]) -> None:
        """Write the numbers of leaves."""
        given = [{"of": row.request_id, "what": row.fact, "given": row.number} for row in rows]
        self._many(compiled_for(_NUMBER, self._dialect), given)

    def tile(self, level: int, place: int) -> bytes | None:
        """Give a tile."""
        found = self._all(_TILE, level=level, place=place)
        return bytes(found[0][0]) if found else None

    def save_tiles(self, tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Insert tiles, or replace them by longer ones."""
        rows = [{"level": level, "place": place, "hashes": hashes} for (level, place), hashes in sorted(tiles.items())]
        self._upsert(t.tiles, rows, ("level", "place"))

    def last_checkpoint(self) -> CheckpointRow | None:
        """Give the checkpoint of the largest tree."""
        found = self._all(_LAST)
        return CheckpointRow(*found[0]) if found else None

    def save_checkpoint(self, row: CheckpointRow) -> None:
        """Keep a checkpoint, or replace its note."""
        self._upsert(t.checkpoints, [msgspec.structs.asdict(row)], ("size",))

    # -- what is mailed -----------------------------------------------------------------------------------
    def checkpoint_mails(self) -> list[CheckpointMail]:
        """Give the mails that are known, smallest checkpoint first."""
        query = sa.select(*columns_of(CheckpointMail, t.checkpoint_mails)).order_by(t.checkpoint_mails.c.size)
        return [CheckpointMail(*row) for row in self.connection.execute(query)]

    def save_checkpoint_mail(self, row: CheckpointMail) -> None:
        """Keep a mail, and forget those that it replaces."""
        replaced = sa.delete(t.checkpoint_mails)
        if row.sent_at is None:
            replaced = replaced.where(t.checkpoint_mails.c.sent_at.is_(None))
        self.connection.execute(replaced)
        self._upsert(t.checkpoint_mails, [msgspec.structs.asdict(row)], ("size",))

    # -- for those who look -------------------------------------------------------------------------------
    def leaves_of(self, request_id: str) -> list[LeafRow]:
        """Give the leaves of a request, in order of their numbers."""
        found = [LeafRow(*row) for row in self._all(_OF_REQUEST, of=request_id)]
        return sorted(found, key=lambda one: (one.number is None, one.number or 0, one.at))

    def records_of(self, request_id: str) -> list[tuple[str, bytes]]:
        """Give (fact, JWS) of every record of a request."""
        rows = self._all(_RECORDS, of=request_id)
        logged = {one.fact for one in self.leaves_of(request_id)}
        found = []
        for number, jws in rows:
            later = f"corrected.{number}" if f"corrected.{number}" in logged else f"discharged.{number}"
            found.append(("completed" if number == 1 else later, bytes(jws)))
        return found

    def all_leaves(self, size: int) -> Iterator[tuple[LeafRow, bytes | None]]:
        """Give the first ``size`` leaves, one after the other, each with the JWS of its record, if it is of one."""
        record_id = _L.request_id.concat(".").concat(
            sa.case(
                (_L.fact == "completed", "1"),
                (_L.fact.startswith("corrected."), sa.func.substr(_L.fact, len("corrected.") + 1)),
                else_=sa.func.substr(_L.fact, len("discharged.") + 1),
            )
        )
        is_record = sa.or_(_L.fact == "completed", _L.fact.startswith("discharged."), _L.fact.startswith("corrected."))
        query = (
            sa.select(*columns_of(LeafRow, t.leaves), t.records.c.jws)
            .outerjoin(t.records, sa.and_(is_record, t.records.c.record_id == record_id))
            .where(_L.number < size)
            .order_by(_L.number)
            .execution_options(yield_per=1000)
        )
        with self.connection.execute(query) as rows:
            for row in rows:
                yield LeafRow(*row[:-1]), row[-1]

    def pending_count(self) -> int:
        """Count the leaves that have no number yet."""
        query = sa.select(sa.func.count()).select_from(t.leaves).where(_L.number.is_(None))
        return int(self.connection.execute(query).scalar_one())

    def retired_count(self) -> int:
        """Count the leaves whose document was deleted at the end of its retention."""
        query = sa.select(sa.func.count()).select_from(t.leaves).where(_L.retired_at.is_not(None))
        return int(self.connection.execute(query).scalar_one())

    def longer_checkpoints(self, size: int, least: int, limit: int) -> list[CheckpointRow]:
        """Give the first checkpoints of this size or more whose note has at least so many bytes, smallest first."""
        return [CheckpointRow(*row) for row in self._all(_LONGER, size=size, least=least, most=limit)]

    def all_checkpoints(self) -> list[CheckpointRow]:
        """Give every checkpoint, smallest first."""
        query = sa.select(*columns_of(CheckpointRow, t.checkpoints)).order_by(_C.size)
        return [CheckpointRow(*row) for row in self.connection.execute(query)]
