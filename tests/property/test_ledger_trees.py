"""Trees against a brute-force one, written as RFC 6962 section 2.1 defines it: no other code of ours is asked."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import VerificationError
from orchestrator.ledger import merkle
from orchestrator.ledger.tiles import Tile, Tree, append


def mth(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: list[bytes]) -> list[bytes]:
    """PROOF of section 2.1.2."""
    return subproof(m, leaves, b=True)


def subproof(m: int, leaves: list[bytes], *, b: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if b else [mth(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m <= k:
        return [*subproof(m, leaves[:k], b=b), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], b=False), mth(leaves[:k])]


def leaves_of(count: int) -> list[bytes]:
    return [b"%d" % at for at in range(count)]


def grown(counts: list[int]) -> tuple[dict[Tile, bytes], int]:
    tiles: dict[Tile, bytes] = {}
    size = 0
    every = leaves_of(sum(counts))
    for count in counts:
        tiles |= append(tiles.__getitem__, size, every[size : size + count])
        size += count
    return tiles, size


BATCHES = st.lists(st.integers(0, 300), min_size=1, max_size=5)


@given(BATCHES, st.data())
@settings(max_examples=150, deadline=None)
def test_however_it_grows_a_tree_is_that_of_the_rfc(counts: list[int], data: st.DataObject) -> None:
    tiles, size = grown(counts)
    leaves = leaves_of(size)
    tree = Tree(tiles.__getitem__, size)
    assert tree.root() == mth(leaves) == merkle.root(tree.node, size)
    if size == 0:
        return
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size))
    assert merkle.inclusion(tree.node, index, size) == path(index, leaves)
    assert merkle.consistency(tree.node, first, size) == proof(first, leaves)
    # Of an older size, from the tiles of today.
    assert Tree(tiles.__getitem__, first).root() == mth(leaves[:first])
    merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), index, size, path(index, leaves), mth(leaves))
    merkle.verify_consistency(first, size, proof(first, leaves), mth(leaves[:first]), mth(leaves))


@given(st.integers(1, 400), st.data())
@settings(max_examples=150, deadline=None)
def test_nothing_altered_is_believed(size: int, data: st.DataObject) -> None:
    tiles, _ = grown([size])
    leaves = leaves_of(size)
    tree = Tree(tiles.__getitem__, size)
    index = data.draw(st.integers(0, size - 1))
    steps = merkle.inclusion(tree.node, index, size)
    leaf = merkle.leaf_hash(leaves[index])
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index)) if size > 1 else size
    with pytest.raises(VerificationError):
        merkle.verify_inclusion(leaf, other, size, steps, tree.root())
    for at in range(len(steps)):
        changed = [*steps]
        changed[at] = bytes([changed[at][0] ^ 1, *changed[at][1:]])
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(leaf, index, size, changed, tree.root())
    first = data.draw(st.integers(1, size))
    forked = mth([*leaves[: first - 1], b"forged"])
    with pytest.raises(VerificationError):
        merkle.verify_consistency(first, size, merkle.consistency(tree.node, first, size), forked, tree.root())
