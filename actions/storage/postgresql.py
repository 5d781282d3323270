"""How every process speaks to PostgreSQL (pg8000): durable commits, and an answer or an error within seconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pg8000 import dbapi
from pg8000.converters import make_params
from pg8000.core import SYNC_MSG as SYNC
from pg8000.core import Context
from sqlalchemy import URL, Connection, Dialect

from bot.contracts.postgresql import MODES, address

CONNECT_SECONDS = 2
ISOLATION = "READ COMMITTED"  # row locks, unique keys and `locks.hold` decide races, not the level
GRACE_SECONDS = 1.0  # the server gives up first, and says why
IDLE_SECONDS = 10  # a replica that stopped in the middle of a transaction gives its locks back
UNNAMED = b"\x00"
CLOSED = "connection is closed"  # by these words SQLAlchemy's dialect knows that a connection is of no more use
FAILED = "in failed transaction block"
KINDS = {
    "0A": dbapi.NotSupportedError,
    "22": dbapi.DataError,
    "23": dbapi.IntegrityError,
    "42": dbapi.ProgrammingError,
}
OF_AN_ADDRESS = frozenset({"host", "options", "sslmode", "sslrootcert"})  # what may stand behind its "?"


class PatientConnection(dbapi.Connection):
    """A connection on which no call waits longer than `be_patient` says, though the server stand still.

    The server's own timeouts do not help against a server that stands still. An error says what went wrong,
    never with which values: PostgreSQL would quote the row. Whoever gets an error other than the server's
    finds it closed, for what the server still owes would be read as the answer to the next statement.
    """

    def be_patient(self, seconds: float) -> None:
        self._usock.settimeout(seconds)

    def handle_ERROR_RESPONSE(self, data: bytes, context: Any) -> None:
        super().handle_ERROR_RESPONSE(data, context)
        context.error = _without_values(context.error.args[0])

    def execute_simple(self, statement: str) -> Any:
        with self._to_the_end():
            return super().execute_simple(statement)

    def execute_unnamed(self, statement: str, vals: Any = (), oids: Any = (), stream: Any = None) -> Any:
        _refuse_what_is_no_text(vals)
        with self._to_the_end():
            if stream is not None:
                return super().execute_unnamed(statement, vals, oids, stream)
            return self._in_one_round_trip(statement, vals, oids)

    def _in_one_round_trip(self, statement: str, vals: Any, oids: Any) -> Any:
        """Send all that makes up a statement, then read all the answers; pg8000 waits for each of three (1.31).

        PostgreSQL, Extended Query: after an error the server skips what follows, up to the Sync at its end.
        """
        context, values = Context(statement), make_params(self.py_types, vals)
        try:
            self.send_PARSE(UNNAMED, statement, oids)
            self.send_DESCRIBE_STATEMENT(UNNAMED)
            self.send_BIND(UNNAMED, values)
            self.send_EXECUTE()
            self._sock.write(SYNC)
            self._sock.flush()
        except AttributeError:  # pg8000 forgets its socket when it closes
            raise dbapi.InterfaceError(CLOSED) from None
        self.handle_messages(context)
        return context

    def close(self) -> None:
        with suppress(dbapi.InterfaceError, OSError):  # it is closed, or the server is gone: the same
            super().close()
        self._transaction_status = None  # the server rolls back by itself: `rollback` has nothing to do

    @contextmanager
    def _to_the_end(self) -> Iterator[None]:
        try:
            yield
        except dbapi.DatabaseError:  # the server's answer, to its end
            raise
        except BaseException as problem:
            if isinstance(problem, dbapi.InterfaceError) and str(problem) == FAILED:  # an answer, too
                raise
            self.close()
            if isinstance(problem, (OSError, dbapi.InterfaceError)):
                why = "PostgreSQL stands still" if isinstance(problem, TimeoutError) else "PostgreSQL is gone"
                raise dbapi.OperationalError(f"{CLOSED}: {why}") from None
            raise


def _without_values(said: Mapping[str, str]) -> dbapi.DatabaseError:
    """Return the error for what the server said (PostgreSQL, Error and Notice Message Fields): C its code, M its sentence."""
    code = said.get("C", "")
    kind = KINDS.get(code[:2], dbapi.OperationalError)
    if code.startswith("22"):  # data exceptions quote the value in their sentence
        return kind(f"data exception {code}")
    return kind(f"{said.get('M', '')} ({code})")


def _refuse_what_is_no_text(values: Any) -> None:
    """Raise before a byte is sent: half a statement would have to close the connection."""
    for value in values:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise dbapi.DataError("a value is not text that UTF-8 can hold") from None


def connect(_dialect: Dialect, _record: Any, _arguments: list[Any], options: dict[str, Any]) -> PatientConnection:
    """Return a connection; an event of SQLAlchemy's engine (`do_connect`). `patience` comes with the options."""
    patience = float(options.pop("patience"))
    settings = {
        "timezone": "UTC",
        "synchronous_commit": "on",  # whatever the server's default: acknowledged is durable (G22)
        "statement_timeout": f"{patience}s",
        "lock_timeout": f"{patience * 2 / 3:.1f}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
    }
    more = {"options": options.pop("options")} if "options" in options else {}
    try:
        connection = PatientConnection(
            **address(options),
            timeout=CONNECT_SECONDS,
            application_name="anxin-actions",
            startup_params={**more, **settings},
        )
    except (OSError, dbapi.InterfaceError) as problem:
        raise dbapi.OperationalError(f"no connection: {problem}") from None
    connection.be_patient(patience + GRACE_SECONDS)
    return connection


def unfit(url: URL) -> str | None:
    """Return what of `url` this module does not know, in a sentence; None if nothing."""
    for name, value in url.query.items():
        if name not in OF_AN_ADDRESS or not isinstance(value, str):
            return f"The address of PostgreSQL takes {', '.join(sorted(OF_AN_ADDRESS))} behind its question mark."
    known = url.query.get("sslmode", "prefer") in MODES
    return None if known else f"PostgreSQL's sslmode is one of {', '.join(MODES)}."


def with_driver(url: URL) -> URL:
    """Return `url` with pg8000 as its driver."""
    return url.set(drivername="postgresql+pg8000")


def undurable(connection: Connection) -> str | None:
    """Return what would lose an acknowledged commit in a power cut, None if nothing (G22)."""
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        value = connection.exec_driver_sql(f"SHOW {name}").scalar_one()
        if value not in ("on", "remote_apply"):
            return f"PostgreSQL runs with {name}={value}; set {name}=on"
    return None
