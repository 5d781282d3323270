"""What Alembic runs: the revisions, in the transaction of the connection that it was given."""

from __future__ import annotations

from alembic import context

from actions.storage.models import Base


def run() -> None:
    context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
    context.run_migrations()


if __name__ != "actions.storage.migrations.env":  # Alembic runs this file as a script; importing it does nothing
    run()
