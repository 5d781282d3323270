"""The engine on one database: SQLite and PostgreSQL, with the same promises."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, Pool, create_engine, event

from actions.storage import postgresql
from bot.contracts import sqlite

PATIENCE_SECONDS = 3.0
POOL = {"pool_size": 8, "pool_timeout": 3.0}
MORE = {"sqlite": 24, "postgresql": 8}  # three replicas stay below PostgreSQL's 100 connections


class UnfitDatabase(Exception):
    """This database cannot be used as it is; the text says why in a sentence, without address or password."""


def make_engine(url: URL, patience: float = PATIENCE_SECONDS, pool: type[Pool] | None = None) -> Engine:
    """Return an engine on which no statement takes longer than about `patience` seconds.

    Parameters never appear in an error or a log. SQLite: WAL, `synchronous=FULL` (an acknowledged commit
    survives a power cut), `BEGIN IMMEDIATE`. PostgreSQL: read committed, `synchronous_commit=on`, a
    connection is tried before it is lent.
    """
    backend = url.get_backend_name()
    if backend not in MORE:
        raise UnfitDatabase("The account-security database is SQLite or PostgreSQL.")
    arguments: dict[str, Any] = {"poolclass": pool} if pool else {**POOL, "max_overflow": MORE[backend]}
    if backend == "sqlite":
        busy = patience if pool else sqlite.BUSY_SECONDS
        return _sqlite(url, {**arguments, "connect_args": {"timeout": busy, "check_same_thread": False}})
    return _postgresql(url, {**arguments, "connect_args": {"patience": patience}})


def _sqlite(url: URL, arguments: dict[str, Any]) -> Engine:
    engine = create_engine(url, hide_parameters=True, **arguments)
    event.listen(engine, "connect", sqlite.prepare)
    event.listen(engine, "begin", sqlite.begin)
    return engine


def _postgresql(url: URL, arguments: dict[str, Any]) -> Engine:
    if problem := postgresql.unfit(url):
        raise UnfitDatabase(problem)
    engine = create_engine(
        postgresql.with_driver(url),
        hide_parameters=True,
        isolation_level=postgresql.ISOLATION,
        pool_pre_ping=True,
        **arguments,
    )
    event.listen(engine, "do_connect", postgresql.connect)
    return engine


def refuse_undurable(engine: Engine) -> None:
    """Return if an acknowledged commit survives a power cut here; raise `UnfitDatabase` otherwise (G22)."""
    undurable = postgresql.undurable if engine.dialect.name == "postgresql" else _undurable_sqlite
    with engine.execution_options(reads=True).connect() as connection:
        problem = undurable(connection)
    if problem:
        raise UnfitDatabase(f"{problem}: an acknowledged commit would be lost in a power cut.")


def _undurable_sqlite(connection: Connection) -> str | None:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    if mode != "wal":
        return f"SQLite keeps its journal as {mode} on this file system instead of wal; use a local disk"
    return None if synchronous >= 2 else f"SQLite runs with synchronous={synchronous} instead of FULL"
