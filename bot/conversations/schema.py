"""Tables of the conversation log as this release wants them; a database of an older one keeps every row."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect

from bot.conversations.models import Base

# What came after the first release, oldest first: table, column, its type. Older gateways may still write: a default.
ADDED = (
    ("conversation", "notice", "VARCHAR(24) NOT NULL DEFAULT ''"),
    ("conversation", "turn_mark", "INTEGER NOT NULL DEFAULT 0"),
    ("conversation", "turn_until", "DOUBLE PRECISION NOT NULL DEFAULT 0"),
)
_LOCK = 0x616E78696F  # any number that nobody else takes


def bring_up_to_date(engine: Engine) -> None:
    """Make what is missing, in one transaction and one gateway at a time (SQLite: `BEGIN IMMEDIATE`)."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        Base.metadata.create_all(connection)
        for table, column, type_ in ADDED:
            if column not in _columns(connection, table):
                connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column} {type_}")


def _columns(connection: Connection, table: str) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table)}
