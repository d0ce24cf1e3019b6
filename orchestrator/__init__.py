"""House 2: the pipeline.

Floors from bottom to top (import-linter enforces the order): errors, settings, telemetry; law, core and ledger
(pure); ports; engine; store, files, keys; runtime; cli.
"""
