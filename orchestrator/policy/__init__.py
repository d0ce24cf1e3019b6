"""A company's published policy as data: the register, and a linter that says what does not hold together. Pure.

Texts go in, structs and findings come out; files are read by the floors above (``runtime/policies.py``). What an entry
means is in ``docs/policy-register.md``.
"""

from orchestrator.policy.reading import read
from orchestrator.policy.register import Register

__all__ = ["Register", "read"]
