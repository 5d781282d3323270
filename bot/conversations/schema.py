"""Tables of the conversation log as this release wants them; a database of an older one keeps every row."""

from __future__ import annotations

from typing import Any

from pg8000 import dbapi
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect

from bot.contracts import postgresql, sqlite
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


def engine_of(url: URL) -> Engine:
    """Return SQLAlchemy's engine, for the schema and for what does not hurry."""
    if url.get_backend_name() != "sqlite":
        engine = create_engine(url.set(drivername="postgresql+pg8000"), hide_parameters=True)
        event.listen(engine, "do_connect", _connect)
        return engine
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": sqlite.BUSY_SECONDS, "check_same_thread": False}
    )
    event.listen(engine, "connect", sqlite.prepare)
    event.listen(engine, "begin", sqlite.begin)
    return engine


def _connect(_dialect: Any, _record: Any, _arguments: list[Any], options: dict[str, Any]) -> Any:
    return dbapi.connect(**postgresql.address(options), application_name="anxin")
