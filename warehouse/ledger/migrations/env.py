"""Alembic's entry: runs the revisions in the transaction that `Ledger.migrate` opened."""

from __future__ import annotations

from alembic import context

from warehouse.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite can, once the driver leaves transactions alone
)
with context.begin_transaction():
    context.run_migrations()
