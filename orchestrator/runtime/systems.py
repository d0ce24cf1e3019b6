"""The connected systems: how each is opened, and whether its data map fits its store."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors import registry
from connectors.contract import Connector
from connectors.errors import ConnectorError, MisconfiguredError
from orchestrator import settings as configuration
from orchestrator.core.plan import Plan
from orchestrator.errors import DependencyError
from orchestrator.runtime import planning
from orchestrator.settings import Settings

Opener = Callable[[], Connector]


def openers(settings: Settings) -> dict[str, Opener]:
    """Find the connector of every system and read its settings.

    Raises:
        UsageError: an unknown connector, or wrong settings.
    """
    try:
        return {one.system: registry.factory(one.connector, one.settings) for one in settings.systems}
    except MisconfiguredError as error:
        raise configuration.as_usage(error) from None
    except ConnectorError as error:
        raise DependencyError("a system cannot be reached", why=error.code, fix="see that its store is up") from None


def check_systems(systems: Mapping[str, Opener]) -> list[tuple[str, str]]:
    """Let every connector check its data map; returns (system, warning)."""
    warnings: list[tuple[str, str]] = []
    for name, opener in systems.items():
        connector = opener()
        try:
            warnings += [(name, text) for text in connector.check()]
        except MisconfiguredError as error:
            raise configuration.as_usage(error) from None
        except ConnectorError as error:
            raise DependencyError(
                f"system {name} cannot be reached", why=error.code, fix="see that its store is up"
            ) from None
        finally:
            connector.close()
    return warnings


def plan_of(settings: Settings, systems: Mapping[str, Opener]) -> Plan:
    """Open every system once, for what its data map says.

    Raises:
        UsageError: a data map does not fit. DependencyError: a store cannot be reached.
    """
    opened: dict[str, Connector] = {}
    try:
        for name, opener in systems.items():
            opened[name] = opener()
        return planning.build(settings, opened)
    except MisconfiguredError as error:
        raise configuration.as_usage(error) from None
    except ConnectorError as error:
        raise DependencyError("a system cannot be reached", why=error.code, fix="run `expunge check`") from None
    finally:
        for one in opened.values():
            one.close()
