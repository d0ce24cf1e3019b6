"""Names of record sets that tell something about whoever is in them (ADR 50): they stand in signed records for ever.

A list of words finds what is plain; what a name tells to those who know the company, only they can say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from connectors.datamap import RecordSet

_TELLING: Final = re.compile(
    r"health|medic|illness|sick|disab|handicap|invalid|pregnan|matern|patient|diagnos|therap|allerg|vaccin|psych|addict|"
    r"genetic|biometr|relig|faith|church|islam|jewish|catholic|politic|union|syndicat|gewerkschaft|works_?council|ethnic|"
    r"racial|race|sexual|gender|gay|lgbt|criminal|convict|offen[cs]e|prison|debt|insolven|blacklist|fraud|dismiss|"
    r"whistle|harass|sante|maladie|grossesse|krank|schwanger|behinder",
    re.IGNORECASE,
)
"""GDPR Art. 9 and 10, and what harms as much; in the languages of the letters, and German."""


def telling(sets: Iterable[RecordSet]) -> list[str]:
    """Say of each record set whose name tells something about a person what to call it instead."""
    return [
        f"record set {one.name!r}: its name stands in signed records, and tells something about whoever is in it; give"
        f' it a name that tells nothing, and say what it is in the data map only: title = "{one.title or one.name}"'
        for one in sets
        if _TELLING.search(one.name)
    ]
