"""What one pass looks for and what it finds: plain values, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from connectors.contract import Subject
from connectors.datamap import RecordSet
from schemas.tasks import Link

TOKEN: Final = re.compile(rb"erased-[0-9a-f]{16}")
"""What stands in place of an identifier in a line that is kept."""

TOKEN_TEXT: Final = re.compile(TOKEN.pattern.decode())


class Wanted(NamedTuple):
    """One identifier value of one subject; ``owner`` is the subject's place in the batch."""

    owner: int
    kind: str
    value: str

    def __repr__(self) -> str:
        """Hide the value (I4)."""
        return f"Wanted(owner={self.owner}, kind={self.kind!r})"


@dataclass(frozen=True, repr=False)
class Query:
    """What a batch looks for in one record set.

    Attributes:
        wanted: Identifier values of kinds this record set matches by.
        tokens: Token of a pseudonymised record -> the subjects it belongs to.
        size: Bytes that will be searched, roughly; decides how much preparation pays.
    """

    wanted: tuple[Wanted, ...]
    tokens: Mapping[str, frozenset[int]]
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.wanted or self.tokens)


class Match(NamedTuple):
    """What one record says of the batch.

    Attributes:
        owners: Subjects an identifier in the record leads to.
        tokens: Tokens of the query that stand in it.
        masked: Every place that the retention rule masks holds its replacement.
        anchor: ISO date its retention starts at, if the record tells.
        links: Further identifiers it gives.
    """

    owners: frozenset[int]
    tokens: frozenset[str]
    masked: bool
    anchor: str | None
    links: tuple[Link, ...]


@dataclass(slots=True, repr=False)
class Record:
    """One record found: where it is and what it says.

    Attributes:
        file: Index of the file in the record set's sorted list.
        at: Offset in bytes of the (decompressed) line, or number of the row.
        digest: blake2b-16 of the record, in hex.
        live: It stands in a file that is still written to.
    """

    file: int
    at: int
    digest: str
    match: Match
    live: bool

    def owners(self, tokens: Mapping[str, frozenset[int]]) -> frozenset[int]:
        """Give the subjects the record belongs to, by identifier or by token."""
        return self.match.owners.union(*(tokens[token] for token in self.match.tokens))


@dataclass(slots=True, repr=False)
class FileScan:
    """One file, read once: its records of the batch, and how many lines or rows it has in all."""

    records: list[Record] = field(default_factory=list)
    total: int = 0


def tokens_in(keys: Iterable[str]) -> list[str]:
    """Give the tokens among record keys (``token:<token>#<n>``); other keys lead nowhere by themselves."""
    found = (key.removeprefix("token:").partition("#")[0] for key in keys if key.startswith("token:"))
    return [token for token in found if TOKEN_TEXT.fullmatch(token)]


def query(one: RecordSet, subjects: Sequence[Subject], more: Mapping[int, Iterable[str]], size: int = 0) -> Query:
    """Make the query of a batch for one record set; ``more`` gives tokens beside those of the subjects' keys."""
    wanted: list[Wanted] = []
    tokens: dict[str, set[int]] = {}
    for owner, subject in enumerate(subjects):
        wanted.extend(
            Wanted(owner, kind, value)
            for kind in one.match
            for value in sorted(subject.identifiers.get(kind, ()))
            if value
        )
        for token in (*tokens_in(subject.keys.get(one.name, ())), *more.get(owner, ())):
            tokens.setdefault(token, set()).add(owner)
    return Query(tuple(wanted), {token: frozenset(owners) for token, owners in tokens.items()}, size)
