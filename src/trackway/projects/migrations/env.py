"""Alembic's entry: runs the migrations on the connection, and inside the transaction, that `database.migrate` opened.

Alembic opens no transaction of its own within one of ours, so that all migrations are applied or none. Without such a
connection there is nothing to run on: the database is migrated by the product alone.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
