"""What others are told through a broker: records, notices, dead letters. Each is written with what caused it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from orchestrator.engine.base import BATCH, Base, again
from orchestrator.engine.releasing import UNPUBLISHED_AFTER
from orchestrator.ports import Publication
from schemas.requests import utc


class Publishing(Base):
    """Publications, in two phases: taken, and dropped when the broker has them."""

    def publications(self, limit: int = BATCH, again_after: dt.timedelta = UNPUBLISHED_AFTER) -> list[Publication]:
        """Take what has to go out; what another relay took within ``again_after`` is left to it.

        Call ``publicised`` when the broker has acknowledged them; what is not reported is given out again, and is then
        the same to the byte.
        """
        now = self._clock.now()

        def take() -> list[Publication]:
            with self.store.write() as tx:
                return tx.take_publications(utc(now), utc(now - again_after), limit)

        return again(take)

    def publicised(self, publication_ids: Sequence[str]) -> None:
        """Note that the broker has these."""

        def drop() -> None:
            with self.store.write() as tx:
                tx.publications_remove(publication_ids)

        again(drop)
