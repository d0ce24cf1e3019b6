"""The one loop (architecture.md section 5): load, dedupe, step, commit, emit.

``intake`` seals and journals requests; ``engine`` applies what waits; ``batch`` is one transaction's work;
``capsule`` keeps what leads to the person; ``wire`` seals tasks and opens confirmations.
"""

from orchestrator.engine.engine import Engine
from orchestrator.engine.intake import Intake, Submitted

__all__ = ["Engine", "Intake", "Submitted"]
