"""What every event of a request has in common, and every command of a person in charge."""

from __future__ import annotations

import msgspec


class Happened(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower, omit_defaults=True, kw_only=True):
    """Something happened to a request. ``observed_at`` is stamped by the engine when it is accepted (I5)."""

    request_id: str
    observed_at: str


class Command(Happened, frozen=True, kw_only=True):
    """Somebody in charge decided. ``role``: who, e.g. ``dpo``.

    ``given_at``: when it was given. It may be applied later, if nobody works on the store; what has to be in time
    was in time then.
    """

    role: str
    given_at: str = ""

    @property
    def when(self) -> str:
        """When it was given."""
        return self.given_at or self.observed_at
