"""The command line. ``main`` is the console script ``expunge``.

``app`` declares the commands and imports nothing heavy; each command's work is in a module of its own, imported when
it runs, so that ``expunge --help`` answers at once. ``guard`` turns every exception into words and an exit code;
``screen`` keeps data on stdout and everything else on stderr; ``queries`` reads the store, never an identifier.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; the process's own by default.

    Returns:
        Exit code: 0 fine, 1 findings or needs attention, 2 usage or configuration, 3 dependency unreachable,
        4 verification failed, 130 interrupted.
    """
    from orchestrator.cli.app import app
    from orchestrator.cli.guard import guarded

    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: app(arguments, prog_name="expunge", standalone_mode=False), arguments)
