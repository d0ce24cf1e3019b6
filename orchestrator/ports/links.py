"""Links by which a person fetches their copy, as a part of every transaction (ADR 47)."""

from __future__ import annotations

from typing import Protocol

import msgspec


class LinkRow(msgspec.Struct, frozen=True):
    """One link. Nothing in it opens anything: of the token there is a digest, of the code one that needs the token.

    Attributes:
        token_sha256: Of the token in the link, 256 bits of chance.
        link_id: What it is called by those in charge.
        made_by: A role.
        left: How many downloads may still begin.
        code: HMAC-SHA256 of the code, with the token as its key.
        tries: How many wrong codes are still allowed.
        begun: Downloads that began; ``refused``: answers that were no download, with or without a code.
        last_at: When it was last used.
    """

    token_sha256: bytes
    link_id: str
    request_id: str
    made_at: str
    made_by: str
    expires_at: str
    left: int
    code: bytes
    code_until: str
    tries: int
    revoked_at: str | None = None
    begun: int = 0
    refused: int = 0
    last_at: str | None = None


class LinkBook(Protocol):
    """Links, by the digest of their token and by their id."""

    def link(self, token_sha256: bytes) -> LinkRow | None:
        """Give one; in a write transaction nobody else changes it until that ends."""
        ...

    def link_called(self, link_id: str) -> LinkRow | None:
        """As ``link``, by its id."""
        ...

    def links_of(self, request_id: str) -> list[LinkRow]:
        """Give the links of a request, the oldest first."""
        ...

    def save_link(self, row: LinkRow) -> None:
        """Insert or replace one."""
        ...
