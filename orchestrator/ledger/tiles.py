"""The stored form of the tree: tiles of 256 hashes (C2SP tlog-tiles), each written by appending only.

Tile (level, place) holds the hashes of perfect subtrees over 256^level leaves, from the one at 256 * place on. A leaf
costs two hashes however many there are; a proof reads two tiles a level, of which a hundred thousand leaves have three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from orchestrator.ledger.merkle import EMPTY, HASH_BYTES, leaf_hash, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
Tile = tuple[int, int]
"""Level and place."""
Read = Callable[[Tile], bytes]
"""Gives the bytes of a tile: 32 for each hash."""


class Tree:
    """A tree over ``size`` leaves, read tile by tile; each at most once."""

    def __init__(self, read: Read, size: int) -> None:
        """Take what gives tiles.

        Args:
            read: Raises LookupError where a tile is missing.
            size: Leaves; what a tile holds beyond them is not looked at.
        """
        self.size = size
        self._read = read
        self._known: dict[Tile, list[list[bytes]]] = {}
        """Rows of each tile, the hashes themselves first; each row has the nodes over two of the row before."""

    def node(self, height: int, place: int) -> bytes:
        """Give the hash of the perfect subtree over leaves [place << height, (place + 1) << height).

        Raises:
            LookupError: the tile is missing, or shorter than it has to be.
        """
        level, inner = divmod(height, HEIGHT)
        first = place << inner
        tile = (level, first // WIDTH)
        rows = self._known.get(tile) or self._known.setdefault(tile, [_cut(self._read(tile))])
        while len(rows) <= inner and len(rows[-1]) > 1:
            # Only what a proof needs is folded, but what one needs the others of the same tile need too.
            rows.append(_halved(rows[-1]))
        at = place % (WIDTH >> inner)
        if len(rows) <= inner or at >= len(rows[inner]):
            raise LookupError(f"tile {level}/{tile[1]} is too short")
        return rows[inner][at]

    def root(self) -> bytes:
        """Give the root: the perfect subtrees at the right edge, folded from the smallest on."""
        over = b""
        size, height = self.size, 0
        while size:
            if size & 1:
                one = self.node(height, size - 1)
                over = node_hash(one, over) if over else one
            size, height = size >> 1, height + 1
        return over or EMPTY


def append(read: Read, size: int, entries: Sequence[bytes]) -> dict[Tile, bytes]:
    """Give the tiles that change when entries are appended to a tree over ``size`` leaves.

    Args:
        read: Gives the tiles at the right edge.
        size: Leaves before.
        entries: What the new leaves hold, in order.

    Raises:
        LookupError: a tile at the right edge is missing or does not have the length it must have.
    """
    changed: dict[Tile, bytes] = {}
    level, count, new = 0, size, [leaf_hash(one) for one in entries]
    while new:
        place, held = divmod(count, WIDTH)
        tile = _cut(read((level, place))) if held else []
        if len(tile) != held:
            raise LookupError(f"tile {level}/{place} does not fit the size of the tree")
        above: list[bytes] = []
        for one in new:
            tile.append(one)
            if len(tile) == WIDTH:
                changed[level, place] = b"".join(tile)
                above.append(folded(tile))
                place, tile = place + 1, []
        if tile:
            changed[level, place] = b"".join(tile)
        level, count, new = level + 1, count // WIDTH, above
    return changed


def folded(hashes: Sequence[bytes]) -> bytes:
    """Give the root over 2^n hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = _halved(row)
    return row[0]


def _halved(row: Sequence[bytes]) -> list[bytes]:
    """Give the nodes over two and two; one that has no neighbour is over nothing yet."""
    both = iter(row)
    return [node_hash(left, right) for left, right in zip(both, both, strict=False)]


def _cut(tile: bytes) -> list[bytes]:
    if len(tile) % HASH_BYTES:
        raise LookupError("a tile is damaged")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
