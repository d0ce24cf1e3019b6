"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 has the same): hashes, proofs, and how a proof is checked.

A tree is asked for its *perfect* nodes only, those over 2^height leaves that are all there: they never change again,
so they can be stored (``tiles``). Every other hash is folded from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from orchestrator.errors import VerificationError

HASH_BYTES: Final = 32
EMPTY: Final = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""
MOST: Final = 1 << 62
"""No tree is larger; what claims to be is not computed with."""
Node = Callable[[int, int], bytes]
"""(height, place) -> hash of the perfect subtree over leaves [place << height, (place + 1) << height)."""
_FIX: Final = "get proof and checkpoint again from the issuer; do not rely on these"


def leaf_hash(entry: bytes) -> bytes:
    """Give the hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Give the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(node: Node, size: int) -> bytes:
    """Give the root of the tree over the first ``size`` leaves."""
    return _over(node, 0, size) if size else EMPTY


def inclusion(node: Node, index: int, size: int) -> list[bytes]:
    """Give the audit path of leaf ``index`` in the tree over ``size`` leaves (section 2.1.1), leaf's neighbour first.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_over(node, middle, high))
            high = middle
        else:
            path.append(_over(node, low, middle))
            low = middle
    return path[::-1]


def consistency(node: Node, first: int, second: int) -> list[bytes]:
    """Give the proof that the tree over ``second`` leaves only appends to that over ``first`` (section 2.1.2).

    Raises:
        ValueError: ``first`` is 0 or greater than ``second``.
    """
    if not 0 < first <= second:
        raise ValueError("no such trees")
    low, high, path, known = 0, second, [], True
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            path.append(_over(node, middle, high))
            high = middle
        else:
            path.append(_over(node, low, middle))
            low, known = middle, False
    if not known:  # else it is the root of the first tree, which whoever checks has
        path.append(_over(node, low, high))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected: bytes) -> None:
    """Check that a leaf (its hash) stands at ``index`` of the tree over ``size`` leaves with this root.

    Raises:
        VerificationError: it does not.
    """
    _hashes(leaf, expected, *path)
    if not 0 <= index < size <= MOST:
        raise VerificationError("the proof is of a leaf that the tree does not have", fix=_FIX)
    at, last, found = index, size - 1, leaf
    for one in path:
        if last == 0:
            raise VerificationError("the proof of inclusion is too long", fix=_FIX)
        if at & 1 or at == last:
            found = node_hash(one, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, one)
        at, last = at >> 1, last >> 1
    if last:
        raise VerificationError("the proof of inclusion is too short", fix=_FIX)
    if found != expected:
        raise VerificationError("not in the ledger: the proof does not lead to the root of the checkpoint", fix=_FIX)


def verify_consistency(first: int, second: int, path: Sequence[bytes], before: bytes, after: bytes) -> None:
    """Check that the tree over ``second`` leaves with root ``after`` begins with that over ``first`` with ``before``.

    Raises:
        VerificationError: it does not: history was changed, or the proof is none.
    """
    _hashes(before, after, *path)
    if not 0 <= first <= second <= MOST:
        raise VerificationError("the ledger is smaller than it was", fix=_FIX)
    if first in {0, second}:
        if path:
            raise VerificationError("the proof of consistency is too long", fix=_FIX)
        if before != (EMPTY if first == 0 else after):
            raise VerificationError("the ledger was forked: one size has two roots", fix=_FIX)
        return
    whole = first & (first - 1) == 0
    steps = [before, *path] if whole else list(path)
    if not steps:
        raise VerificationError("the proof of consistency is too short", fix=_FIX)
    if _climbed(first, second, steps) != (before, after):
        raise VerificationError("the ledger was forked: what it held before is not what it holds now", fix=_FIX)


def _climbed(first: int, second: int, steps: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Give the roots that a proof of consistency leads to (RFC 9162 section 2.1.4.2)."""
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = steps[0]
    for one in steps[1:]:
        if last == 0:
            raise VerificationError("the proof of consistency is too long", fix=_FIX)
        if at & 1 or at == last:
            old, new = node_hash(one, old), node_hash(one, new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, one)
        at, last = at >> 1, last >> 1
    if last:
        raise VerificationError("the proof of consistency is too short", fix=_FIX)
    return old, new


def _split(size: int) -> int:
    """Give the largest power of two below ``size`` (2 and up)."""
    return 1 << ((size - 1).bit_length() - 1)


def _over(node: Node, low: int, high: int) -> bytes:
    """Give the hash over leaves [low, high); ``low`` is one that a subtree begins at."""
    found: list[bytes] = []
    while low < high:
        height = (high - low).bit_length() - 1
        found.append(node(height, low >> height))
        low += 1 << height
    over = found.pop()
    while found:
        over = node_hash(found.pop(), over)
    return over


def _hashes(*hashes: bytes) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise VerificationError("a hash does not have 32 bytes", fix=_FIX)
