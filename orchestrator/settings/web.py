"""``[web]``: where people reach the pages that are for them (ADR 47)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import msgspec

from connectors.datamap import Location

_HERE: Final = ("localhost", "127.0.0.1", "::1")


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[web]``.

    Attributes:
        url: What links begin with, as people reach it: ``https://privacy.example.org/copy``.
        host: Where ``expunge link serve`` listens; a proxy with TLS stands before it.
        port: The same.
    """

    url: str = ""
    host: str = "127.0.0.1"
    port: int = 8470


def checked(found: WebSettings, location: Location) -> WebSettings:
    """Hold the values against what makes sense.

    Raises:
        MisconfiguredError: no https, or no address; with its line.
    """
    if found.url:
        try:
            parts = urlsplit(found.url)
            here = parts.hostname in _HERE
        except ValueError:
            raise location.wrong("[web] url is no address", "web", "url", fix=_FIX) from None
        if (
            not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
            or parts.scheme not in ("http", "https")
        ):
            raise location.wrong("[web] url is no address", "web", "url", fix=_FIX)
        if parts.scheme == "http" and not here:
            raise location.wrong(
                "[web] url is without TLS, and leads to a copy of somebody's data", "web", "url", fix=_FIX
            )
    if not 0 < found.port < 1 << 16:
        raise location.wrong(f"[web] port is {found.port}", "web", "port", fix="1 to 65535")
    return found


_FIX: Final = 'url = "https://privacy.example.org/copy"'
