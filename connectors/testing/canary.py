"""The forms in which a personal value may turn up where it must not be (invariant I4)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

_HASHES = ("md5", "sha1", "sha256")


def canary_forms(value: str) -> list[bytes]:
    """Give the bytes to search for: raw and changed in case, hashed, base64, URL-encoded, UTF-16. No duplicates.

    Base64 of the value inside a longer text is found for each of the three alignments.
    """
    cases = dict.fromkeys((value, value.lower(), value.upper(), value.strip()))
    forms: dict[bytes, None] = {}
    for text in cases:
        raw = text.encode("utf-8", "surrogatepass")
        forms[raw] = None
        forms[text.encode("utf-16-le", "surrogatepass")] = None
        forms[text.encode("utf-16-be", "surrogatepass")] = None
        forms[quote(raw, safe="").encode()] = None
        forms[quote_plus(raw).encode()] = None
        forms[ascii(text)[1:-1].encode()] = None
        for name in _HASHES:
            digest = hashlib.new(name, raw, usedforsecurity=False)
            forms[digest.hexdigest().encode()] = None
            forms[digest.hexdigest().upper().encode()] = None
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                forms[encode(digest.digest()).rstrip(b"=")] = None
            forms[digest.digest()] = None
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms |= dict.fromkeys(_aligned(raw, encode))
    # A form shorter than the value itself would be found everywhere by chance.
    return [form for form in forms if len(form) >= min(4, len(value))]


def _aligned(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterable[bytes]:
    """Base64 depends on where in its triple a value starts; the characters that mix with neighbours are cut off."""
    for shift in range(3):
        encoded = encode(b"\0" * shift + raw)
        start = (shift * 8 + 5) // 6
        end = (shift + len(raw)) * 8 // 6
        yield encoded[start:end]


def find_canaries(haystack: bytes, values: Iterable[str]) -> list[str]:
    """Give the values of which some form stands in the bytes."""
    return [value for value in values if any(form in haystack for form in canary_forms(value))]
