"""What is wrong with a template, or with a letter that was about to be handed out."""

from __future__ import annotations

from orchestrator.errors import UsageError, VerificationError


class TemplateError(UsageError):
    """A template is wrong; ``where`` names file and line."""


class OverclaimError(VerificationError):
    """A letter says more than the record, or leaves out what has to be said. It is not handed out."""
