"""Alembic's entry: runs on the connection that ``migrate`` passes in, in its transaction."""

from alembic import context

from orchestrator.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
