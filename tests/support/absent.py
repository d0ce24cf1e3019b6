"""How a test says that a service it needs is not there."""

from typing import Final

SERVICE_ABSENT: Final = "service absent:"
"""What the reason of such a skip starts with; ``tests/conftest.py`` turns it into a failure where ``CI=true``."""
