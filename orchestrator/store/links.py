"""Links by which a person fetches their copy."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from orchestrator.ports import LinkRow
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of

_K: Final = t.links.c
_ALL: Final = sa.select(*columns_of(LinkRow, t.links))


class Links(Rows):
    """The table ``links``."""

    def link(self, token_sha256: bytes) -> LinkRow | None:
        """Give one by the digest of its token; in a write transaction it is ours until that ends."""
        return self._link(_ALL.where(_K.token_sha256 == token_sha256))

    def link_called(self, link_id: str) -> LinkRow | None:
        """Give one by its id; in a write transaction it is ours until that ends."""
        return self._link(_ALL.where(_K.link_id == link_id))

    def links_of(self, request_id: str) -> list[LinkRow]:
        """Give the links of a request, the oldest first."""
        query = _ALL.where(_K.request_id == request_id).order_by(_K.made_at, _K.link_id)
        return [_read(row) for row in self.connection.execute(query)]

    def save_link(self, row: LinkRow) -> None:
        """Insert or replace one."""
        self._upsert(t.links, [msgspec.structs.asdict(row)], ("token_sha256",))

    def _link(self, query: sa.Select[Any]) -> LinkRow | None:
        row = self.connection.execute(self._mine(query)).first()
        return _read(row) if row else None


def _read(row: Any) -> LinkRow:
    made = LinkRow(*row)
    return msgspec.structs.replace(made, token_sha256=bytes(made.token_sha256), code=bytes(made.code))
