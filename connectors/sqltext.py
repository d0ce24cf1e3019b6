"""Statements of SQLAlchemy Core as text, compiled once, and run by the driver itself.

Core's work per execution (cache key, expanding an ``IN``, building a result) takes several times as long as SQLite
itself; where thousands of small statements run, that is most of the time. What is compiled here is compiled by Core,
for the dialect at hand; only what the driver takes and gives is not touched any more, so this is for columns whose
values need no conversion: texts, integers, bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import visitors

VALUES: Final = "values"
"""Name of the expanding parameter of every ``IN``."""
CHUNK: Final = 512
"""Most values in one statement."""

_T = TypeVar("_T")


class Text(NamedTuple):
    """A statement as the driver takes it.

    Attributes:
        sql: Its text.
        order: Its parameters by place; None where the driver takes them by name.
        fixed: Values that stand in the statement itself.
    """

    sql: str
    order: tuple[str, ...] | None
    fixed: Mapping[str, Any]

    def bound(self, values: Mapping[str, Any]) -> Any:
        """Give parameters as the driver takes them."""
        every = {**self.fixed, **values} if self.fixed else values
        return every if self.order is None else tuple([every[name] for name in self.order])


@functools.lru_cache(maxsize=1024)
def compiled_for(statement: sa.ClauseElement, dialect: sa.Dialect, size: int = 0) -> Text:
    """Compile a statement; ``size`` is how many values its expanding parameter has."""

    def filled(bind: sa.BindParameter[Any]) -> None:
        bind.required = False
        if bind.key == VALUES:
            bind.value = [None] * size

    sized = visitors.cloned_traverse(statement, {}, {"bindparam": filled}) if size else statement
    compiled = sized.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    order = getattr(compiled, "positiontup", None)
    return Text(str(compiled), tuple(order) if order is not None else None, fixed)


def spread(values: Sequence[Any]) -> dict[str, Any]:
    """Give values as the parameters that an expanding ``IN`` of as many values was compiled to."""
    return {f"{VALUES}_{place}": value for place, value in enumerate(values, 1)}


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Give values in parts of at most ``CHUNK``, each filled up by repeating its last one to a power of two.

    An ``IN`` does not mind a value that stands twice; and so a statement has ten texts, not five hundred.
    """
    for start in range(0, len(values), CHUNK):
        part = list(values[start : start + CHUNK])
        size = 1 << (len(part) - 1).bit_length()
        yield part + part[-1:] * (size - len(part))
