"""What every event of a request has in common."""

from __future__ import annotations

import msgspec


class Happened(msgspec.Struct, frozen=True, tag_field="event", tag=str.lower, omit_defaults=True, kw_only=True):
    """Something happened to a request. ``observed_at`` is stamped by the engine when it is accepted (I5)."""

    request_id: str
    observed_at: str
