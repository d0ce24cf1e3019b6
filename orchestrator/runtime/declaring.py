"""Outputs that data maps declare anonymous (S09): with method and assessment, or they are in scope.

Nobody here can see that nobody can be found in something. So the linter's question is answered only where the team that
makes it names how, and the paper in which that was judged; both stand in what the linter reads then.
"""

from __future__ import annotations

import difflib

import msgspec

from connectors.anonymous import Declared, declared
from connectors.errors import MisconfiguredError
from orchestrator.errors import UsageError
from orchestrator.policy import Register
from orchestrator.settings import Settings, as_usage


def outputs(settings: Settings) -> list[tuple[str, Declared]]:
    """Give (system, output) of everything that a data map declares anonymous.

    Raises:
        UsageError: a data map cannot be read, or declares something without method or assessment; with its line.
    """
    try:
        return [(one.system, each) for one in settings.systems for each in declared(one.settings.map_file)]
    except MisconfiguredError as error:
        raise as_usage(error) from None


def with_methods(settings: Settings, register: Register) -> Register:
    """Give the register with the methods that data maps declare for its outputs.

    Raises:
        UsageError: as ``outputs``; or a data map declares what the policy does not have, or calls derived.
    """
    methods: dict[str, list[str]] = {}
    kinds = {one.id: one.kind for one in register.document.output}
    for system, one in outputs(settings):
        if kinds.get(one.output) != "anonymous":
            close = difflib.get_close_matches(one.output, kinds, n=1)
            fix = f"did you mean {close[0]!r}?" if close and close[0] != one.output else "an [[output]] of the policy"
            what = f"{system}: the policy has no anonymous output {one.output!r}"
            raise UsageError(what, where=f"{one.file}:{one.line}" if one.line else one.file, fix=fix)
        methods.setdefault(one.output, []).append(f"{one.method} (assessed in {one.assessment}, says {system})")
    known = tuple(
        msgspec.structs.replace(one, method="; ".join(filter(None, (one.method, *methods.get(one.id, ())))))
        for one in register.document.output
    )
    return msgspec.structs.replace(register, document=msgspec.structs.replace(register.document, output=known))
