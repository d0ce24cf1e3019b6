"""The configuration: ``expunge.toml`` in the home folder. Errors name the file, the line and the fix."""

from orchestrator.settings.home import FILE_NAME, ConnectedSystem, Policy, Settings, as_usage, load
from orchestrator.settings.services import LedgerSettings, RedisSettings, SuppressionSettings, TelemetrySettings

__all__ = [
    "FILE_NAME",
    "ConnectedSystem",
    "LedgerSettings",
    "Policy",
    "RedisSettings",
    "Settings",
    "SuppressionSettings",
    "TelemetrySettings",
    "as_usage",
    "load",
]
