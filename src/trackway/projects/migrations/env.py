"""Alembic's entry: runs the migrations on the connection, and in the transaction, that `database.migrate` opened.

Within our transaction Alembic opens none of its own, so that all migrations are applied or none. Only the product
migrates the database: without its connection no migration runs.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
context.run_migrations()
