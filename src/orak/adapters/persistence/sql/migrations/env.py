"""Run by Alembic, on the connection and in the transaction that `orak…migrations` hands it."""

from alembic import context

from orak.adapters.persistence.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making it anew
)
context.run_migrations()
