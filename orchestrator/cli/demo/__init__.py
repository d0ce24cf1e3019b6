"""``expunge demo``: a made-up company, one access and one erasure request, and what became of them.

``company`` makes the four systems from a seed; ``home`` holds the configuration and data maps as real files;
``story`` plays it through; ``picture`` prints it.
"""

from __future__ import annotations

from orchestrator.cli.demo.story import demo

__all__ = ["demo"]
