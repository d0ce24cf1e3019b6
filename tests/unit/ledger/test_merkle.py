"""RFC 6962 trees: the vectors of two public implementations, and what a forger may try."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import VerificationError
from orchestrator.ledger import merkle
from orchestrator.ledger.tiles import Tile, Tree, append

VECTORS = Path(__file__).parents[2] / "data" / "merkle"
LEAVES = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""Of certificate-transparency's own tests."""


def grown(entries: list[bytes]) -> dict[Tile, bytes]:
    return append(lambda _: b"", 0, entries)


def tree(entries: list[bytes]) -> Tree:
    return Tree(grown(entries).__getitem__, len(entries))


def vectors(name: str) -> list[Any]:
    lines = (VECTORS / f"{name}.jsonl").read_text().splitlines()
    return [pytest.param(one, id=one["name"]) for one in map(json.loads, lines)]


def raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.parametrize("size", ROOTS)
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    made = tree(LEAVES[:size])
    assert made.root().hex() == ROOTS[size]
    assert merkle.root(made.node, size).hex() == ROOTS[size]


def test_the_empty_tree_has_a_root() -> None:
    assert tree([]).root() == merkle.root(tree([]).node, 0) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("one", vectors("inclusion"))
def test_inclusion_as_transparency_dev_has_it(one: dict[str, Any]) -> None:
    given = (raw(one["leafHash"]), one["leafIdx"], one["treeSize"], [raw(p) for p in one["proof"] or []])
    if one["wantErr"]:
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(*given, raw(one["root"]))
    else:
        merkle.verify_inclusion(*given, raw(one["root"]))


@pytest.mark.parametrize("one", vectors("consistency"))
def test_consistency_as_transparency_dev_has_it(one: dict[str, Any]) -> None:
    given = (one["size1"], one["size2"], [raw(p) for p in one["proof"] or []], raw(one["root1"]), raw(one["root2"]))
    no_hashes = {len(raw(one["root1"])), len(raw(one["root2"]))} != {32}  # one is right there: any text equals itself
    if one["wantErr"] or no_hashes:
        with pytest.raises(VerificationError):
            merkle.verify_consistency(*given)
    else:
        merkle.verify_consistency(*given)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    made = tree(LEAVES)
    for index, size in ((-1, 8), (8, 8), (0, 0)):
        with pytest.raises(ValueError, match="no such leaf"):
            merkle.inclusion(made.node, index, size)
    for first, second in ((0, 8), (9, 8)):
        with pytest.raises(ValueError, match="no such trees"):
            merkle.consistency(made.node, first, second)


def test_every_refusal_says_why() -> None:
    made = tree(LEAVES)
    leaf, path, root = merkle.leaf_hash(LEAVES[5]), merkle.inclusion(made.node, 5, 8), made.root()
    wrong = [
        ("does not have", (leaf, 8, 8, path, root)),
        ("too long", (leaf, 5, 8, [*path, leaf], root)),
        ("too short", (leaf, 5, 8, path[:-1], root)),
        ("not in the ledger", (merkle.leaf_hash(b"forged"), 5, 8, path, root)),
        ("32 bytes", (leaf, 5, 8, [*path[:-1], path[-1][:-1]], root)),
    ]
    for why, given in wrong:
        with pytest.raises(VerificationError, match=why):
            merkle.verify_inclusion(*given)
    before, steps = tree(LEAVES[:6]).root(), merkle.consistency(made.node, 6, 8)
    changed = [
        ("smaller than it was", (8, 6, steps, root, before)),
        ("too long", (6, 8, [*steps, leaf], before, root)),
        ("too long", (8, 8, steps, root, root)),
        ("too short", (6, 8, steps[:-1], before, root)),
        ("too short", (6, 8, [], before, root)),
        ("two roots", (8, 8, [], before, root)),
        ("two roots", (0, 8, [], before, root)),
        ("forked", (6, 8, steps, before, before)),
        ("forked", (6, 8, steps, root, root)),
    ]
    for why, args in changed:
        with pytest.raises(VerificationError, match=why):
            merkle.verify_consistency(*args)


def test_a_tile_that_is_missing_or_does_not_fit_stops_the_growth() -> None:
    tiles = grown([bytes([one]) for one in range(200)])
    with pytest.raises(LookupError):
        append(lambda _: tiles[0, 0][:-32], 200, [b"x"])
    with pytest.raises(LookupError):
        append(lambda _: tiles[0, 0][:-1], 200, [b"x"])
    with pytest.raises(LookupError):
        append(dict[Tile, bytes]().__getitem__, 200, [b"x"])
    with pytest.raises(LookupError):
        Tree(tiles.__getitem__, 201).root()


def test_a_hundred_thousand_leaves_cost_two_hashes_each_and_a_proof_reads_six_tiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashed = 0
    real = merkle.node_hash

    def counting(left: bytes, right: bytes) -> bytes:
        nonlocal hashed
        hashed += 1
        return real(left, right)

    monkeypatch.setattr("orchestrator.ledger.tiles.node_hash", counting)
    tiles: dict[Tile, bytes] = {}
    size = 0
    while size < 100_000:
        new = [at.to_bytes(4, "big") for at in range(size, size + 250)]
        tiles |= append(tiles.__getitem__, size, new)
        size += len(new)
    assert hashed <= size
    read: list[Tile] = []

    def reading(tile: Tile) -> bytes:
        read.append(tile)
        return tiles[tile]

    made = Tree(reading, size)
    root = made.root()
    hashed = 0
    for at in (70_001, 70_002, 70_103):
        path = merkle.inclusion(made.node, at, size)
        merkle.verify_inclusion(merkle.leaf_hash(at.to_bytes(4, "big")), at, size, path, root)
    assert len(read) == len(set(read)) <= 6
    assert hashed <= 255 * len(read), "the proofs of a request fold a tile once, and not each for itself"
