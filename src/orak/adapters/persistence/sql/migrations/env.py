"""What Alembic runs, on the connection and in the transaction of `_migrate`."""

from alembic import context

from orak.adapters.persistence.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by making a new one
)
context.run_migrations()
