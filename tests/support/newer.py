"""The next version, for tests of a rolling upgrade: a copy of this program whose messages and states have more in them.

It is another program on disk, started as any other, and not a patched import: what it sends and stores really has
fields, an outcome and a logic version that this version has never heard of. Each change has to fit exactly once, so
that a change of the source is noticed here.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from orchestrator.core.model import LOGIC

ROOT: Final = Path(__file__).parent.parent.parent
HOUSES: Final = ("schemas", "connectors", "orchestrator")


def _always(name: str, value: str) -> str:
    # With a factory it is no default that could be left out: it is in every message.
    return f'    {name}: str = msgspec.field(default_factory=lambda: "{value}")\n'


_TRACE: Final = '    traceparent: str = ""\n'
_ORCHESTRATOR: Final = (
    (
        "schemas/tasks.py",
        "    instructions: dict[Word, Instruction] = {}\n",
        "    instructions: dict[Word, Instruction] = {}\n" + _always("urgency", "soon"),
    ),
    (
        "schemas/envelope.py",
        '    traceparent: str = ""\n',
        '    traceparent: str = ""\n' + _always("expungeregion", "north"),
    ),
    ("orchestrator/core/model.py", f"LOGIC: Final = {LOGIC}\n", f"LOGIC: Final = {LOGIC + 1}\n"),
    (
        "orchestrator/core/model.py",
        '    package: str = ""\n',
        '    package: str = ""\n' + _always("patience", "long"),
    ),
)
_SHREDDED: Final = """class Shredded(_Outcome, frozen=True):
    before: Count
    method: Word
    looked_at: Time


"""
_WORKER: Final = (
    (
        "schemas/tasks.py",
        '    sealed: SealedOrEmpty = ""\n',
        '    sealed: SealedOrEmpty = ""\n' + _always("witness", "w7"),
    ),
    ("schemas/envelope.py", _TRACE, _TRACE + _always("expungeregion", "north")),
    ("schemas/outcomes.py", "class Anonymised(", f"{_SHREDDED}class Anonymised("),
    ("schemas/outcomes.py", "Final = NothingHeld | Deleted |", "Final = NothingHeld | Shredded | Deleted |"),
    ("connectors/verdict.py", "    Anonymised,\n    Deleted,\n", "    Anonymised,\n    Deleted,\n    Shredded,\n"),
    ("connectors/verdict.py", "    return Deleted(before,", "    return Shredded(before,"),
)


def orchestrator(into: Path) -> Path:
    """Write the program whose orchestrator is of the next version."""
    return _write(into, _ORCHESTRATOR)


def worker(into: Path) -> Path:
    """Write the program whose worker is of the next version: it says ``shredded`` where this one says ``deleted``."""
    return _write(into, _WORKER)


def elsewhen(into: Path, minutes: int) -> Path:
    """Write this version as it runs on a machine whose clock is off."""
    now = "        return dt.datetime.now(dt.UTC)"
    return _write(into, (("orchestrator/runtime/clock.py", f"{now}\n", f"{now} + dt.timedelta(minutes={minutes})\n"),))


def _write(into: Path, changes: tuple[tuple[str, str, str], ...]) -> Path:
    for house in HOUSES:
        shutil.copytree(ROOT / house, into / house, ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in changes:
        file = into / name
        text = file.read_text()
        assert text.count(old) == 1, f"{name}: {old!r} stands there {text.count(old)} times"
        file.write_text(text.replace(old, new))
    return into
