"""Settings of one connected system, as they stand under ``[systems.<id>]`` of ``expunge.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec


class SystemSettings(msgspec.Struct, frozen=True):
    """What a connector factory gets.

    Attributes:
        system: The system's id, e.g. ``crm``.
        map_file: The data map.
        base: Folder that relative paths of the settings are relative to (the folder of ``expunge.toml``).
        options: The connector's own keys, e.g. ``url`` (sql), ``root`` (events, logs).
        source: The file the settings stand in, for error messages.
    """

    system: str
    map_file: Path
    base: Path
    options: Mapping[str, Any] = {}
    source: str = "expunge.toml"
