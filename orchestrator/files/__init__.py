"""Files the orchestrator itself writes: access packages, encrypted at rest (decision 14)."""
