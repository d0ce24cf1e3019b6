"""Mails that were taken in, by keyed digests; what one says is sealed, and goes when nobody needs it any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from connectors.sqltext import VALUES
from orchestrator.ports import MailRow
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of

_M: Final = t.mails.c
_WHOLE: Final = columns_of(MailRow, t.mails)
_OPEN: Final = [sa.null().label("sealed") if one is _M.sealed else one for one in _WHOLE]
_WAITING: Final = sa.select(*_OPEN).where(_M.standing == "waiting").order_by(_M.arrived_at, _M.mail_id)
_AMONG: Final = sa.select(*_OPEN).where(_M.mail_id.in_(sa.bindparam(VALUES, expanding=True)))
_DROP: Final = (
    sa.update(t.mails)
    .where(_M.request_id.in_(sa.bindparam(VALUES, expanding=True)), _M.sealed.is_not(None))
    .values(sealed=sa.null())
)


class Mails(Rows):
    """The table ``mails``."""

    def mails(self, mail_ids: Sequence[str]) -> dict[str, MailRow]:
        """Give those of these mails that were taken in, without what is sealed."""
        rows = self.connection.execute(_AMONG, {VALUES: list(mail_ids)}) if mail_ids else ()
        return {row[0]: _read(row) for row in rows}

    def mail(self, mail_id: str) -> MailRow | None:
        """Give one mail whole."""
        row = self.connection.execute(sa.select(*_WHOLE).where(_M.mail_id == mail_id)).first()
        return _read(row) if row else None

    def mails_of(self, request_id: str) -> list[MailRow]:
        """Give the mails of a request whole, the oldest first."""
        query = sa.select(*_WHOLE).where(_M.request_id == request_id).order_by(_M.arrived_at, _M.mail_id)
        return [_read(row) for row in self.connection.execute(query)]

    def waiting_mails(self) -> list[MailRow]:
        """Give the mails that wait for a person, the oldest first, without what is sealed."""
        return [_read(row) for row in self.connection.execute(_WAITING)]

    def add_mails(self, rows: Sequence[MailRow]) -> None:
        """Note mails."""
        self._insert(t.mails, [msgspec.structs.asdict(one) for one in rows])

    def settle_mail(self, mail_id: str, *, at: str, role: str, outcome: str, request_id: str | None) -> bool:
        """Note what a person made of a mail that waited; False if it does not wait."""
        change: dict[str, Any] = {
            "standing": "settled",
            "settled_at": at,
            "settled_by": role,
            "outcome": outcome,
            "request_id": request_id,
        }
        if request_id is None:
            change["sealed"] = None
        waits = sa.update(t.mails).where(_M.mail_id == mail_id, _M.standing == "waiting")
        return self.connection.execute(waits.values(**change)).rowcount == 1

    def drop_mails(self, request_ids: Sequence[str]) -> None:
        """Forget what the mails of these requests say."""
        self._change(_DROP, request_ids)


def _read(row: Any) -> MailRow:
    made = MailRow(*row)
    made.content = bytes(made.content)
    made.sealed = None if made.sealed is None else bytes(made.sealed)
    return made
