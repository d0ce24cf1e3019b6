"""Runtimes: one process that runs engine and connectors. ``embedded`` needs no service."""
