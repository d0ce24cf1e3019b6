"""Searches everything that the product wrote for the persons: files as they lie on the disk, and what is in them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from tests.chaos.distributed.installation import Installation
from tests.support.secrecy import Hit, Search
from tests.support.services import Server

_LARGEST = 1 << 22


class Secrecy:
    """Collects hits, and how much was searched."""

    def __init__(self, persons: Sequence[int]) -> None:
        self._search = Search(persons)
        self.hits: set[Hit] = set()
        self.bytes: Counter[str] = Counter()
        self.files = 0

    @property
    def forms(self) -> int:
        """How many forms are searched for."""
        return self._search.forms

    def look(self, data: bytes, place: str) -> None:
        """Search bytes."""
        self.bytes[place.split(maxsplit=1)[0]] += len(data)
        self.hits |= self._search.of(data, place)

    def below(self, folder: Path, what: str) -> None:
        """Search every file below a folder, and every name."""
        hits, files, size = self._search.below([folder])
        self.hits |= {Hit(f"{what}: {one.place}", one.number, one.field) for one in hits}
        self.files += files
        self.bytes[what] += size

    def service(self, server: Server, scratch: Path, what: str) -> None:
        """Search what a service stores, byte by byte, and what it printed."""
        folder = server.copy_data(scratch / what)
        self.below(folder, what)
        shutil.rmtree(folder)
        self.look(server.log(), f"{what} log")

    def redis(self, url: str) -> None:
        """Search every key and value: the files of Redis are compressed."""
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter():
                self.look(key + b"\n" + (client.dump(key) or b""), "redis keys")
                if client.type(key) == b"hash":
                    for field, value in client.hscan_iter(key):
                        self.look(field + b"\n" + value, "redis fields")

    def tables(self, one: Installation) -> None:
        """Search every row: long values are compressed in the files."""
        with psycopg.connect(one.store_url) as db:
            names = [row[0] for row in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
            for name in names:
                query = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(name))
                with db.cursor().copy(query) as copy:
                    held = bytearray()
                    for piece in copy:
                        held += piece
                        if len(held) > _LARGEST:  # rows come whole, so none is cut
                            self.look(bytes(held), f"rows of {name}")
                            held.clear()
                    self.look(bytes(held), f"rows of {name}")

    def findings(self) -> list[str]:
        """Give the places where something stands, without the values."""
        places = Counter(one.place for one in self.hits)
        found = [f"{count} values in {place}" for place, count in places.most_common(8)]
        return found + [f"and {len(places) - 8} more places"] * (len(places) > 8)

    def proves_itself(self, scratch: Path, number: int) -> list[str]:
        """Plant a value, and look whether it is found."""
        from tests.chaos.kill import search_plant

        scratch.mkdir(exist_ok=True)
        (scratch / "planted").write_bytes(b"x" + search_plant(number))
        hits, _, _ = self._search.below([scratch])
        (scratch / "planted").unlink()
        return [] if hits else ["the search does not find what was planted"]
