"""The linter of a policy: what contradicts itself, rests on nothing, or was never decided. Pure.

A rule is a function over the register and a day; ``linter`` has the table of them. A finding never says more than
follows from the file: what the policy leaves out is asked, not asserted.
"""

from orchestrator.policy.lint.finding import Finding
from orchestrator.policy.lint.linter import lint

__all__ = ["Finding", "lint"]
