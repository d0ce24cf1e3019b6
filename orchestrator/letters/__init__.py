"""Letters: what a person is told, in plain language, and never more than the signed record says (ADR 38)."""
