"""The log on PostgreSQL: one statement a call, on kept connections that know it already.

A statement sees the rows as they were when it began; only the row it updates is looked at again after waiting
for it. So `turn_mark` decides: it moves in every transaction that adds a request, hence a conversation that still
has the mark that the caller has read has no request that this statement does not see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import asyncpg

from bot.conversations import statements
from bot.conversations.statements import Row
from bot.conversations.values import Accepted, Message, Received, Said

CONNECTIONS = 10
SECONDS = 2.0  # for connecting, for waiting for a connection and for a statement: then the database is down

_NOW = "extract(epoch FROM clock_timestamp())::float8"
_STANDS = "id, reference, institution, language, link, notice, turn_seq, awaiting, turn_mark, turn_until"
_ACCEPT = f"""
WITH known AS (
  SELECT state, fingerprint, turn, ({statements.SAID_AT}) AS said_at FROM request WHERE conversation = $1 AND id = $2
),
taken AS (
  UPDATE conversation SET
    turn_mark = turn_mark + 1,
    turn_until = {_NOW} + $6::float8,
    last_seq = CASE WHEN EXISTS (SELECT FROM known) THEN last_seq ELSE last_seq + 1 END,
    turn_seq = CASE WHEN EXISTS (SELECT FROM known) THEN turn_seq ELSE last_seq + 1 END,
    language = CASE WHEN EXISTS (SELECT FROM known) THEN language ELSE $8 END
  WHERE id = $1 AND turn_mark = $4 AND (turn_until <= {_NOW} OR turn_until > {_NOW} + 2 * $6::float8)
    AND CASE WHEN EXISTS (SELECT FROM known)
      THEN EXISTS (SELECT FROM known WHERE fingerprint = $3 AND state <> 'answered' AND ($5 OR said_at = turn_seq))
      ELSE $5 END
  RETURNING {_STANDS}, last_seq
),
asked AS (
  INSERT INTO request (conversation, id, fingerprint, state, turn)
  SELECT id, $2, $3, 'received', $9::json FROM taken WHERE NOT EXISTS (SELECT FROM known)
),
said AS (
  INSERT INTO message (conversation, seq, sender, text, language, buttons, request, at)
  SELECT id, last_seq, 'customer', $7, language, '[]', $2, $10 FROM taken WHERE NOT EXISTS (SELECT FROM known)
)
SELECT stands.*, {_NOW} AS now, known.state, known.fingerprint, known.turn AS known_turn, known.said_at
FROM (
  SELECT {_STANDS}, true AS taken FROM taken
  UNION ALL
  SELECT {_STANDS}, false FROM conversation WHERE id = $1 AND NOT EXISTS (SELECT FROM taken)
) stands LEFT JOIN known ON true
"""  # noqa: S608  # constants only
_APPEND = f"""
WITH owner AS (
  UPDATE conversation SET
    last_seq = last_seq + $4,
    turn_mark = CASE WHEN $3::int IS NULL THEN turn_mark ELSE turn_mark + 1 END,
    turn_until = CASE WHEN $3::int IS NULL THEN turn_until ELSE 0 END,
    awaiting = CASE WHEN $3::int IS NULL THEN awaiting ELSE $5::json END
  WHERE id = $1 AND ($3::int IS NULL OR turn_mark = $3)
  RETURNING {_STANDS}, last_seq
),
done AS (
  UPDATE request SET state = 'answered' FROM owner WHERE request.conversation = owner.id AND request.id = $2
),
said AS (
  INSERT INTO message (conversation, seq, sender, text, language, topic, decision, buttons, ask, source, request, at)
  SELECT owner.id, owner.last_seq - $4 + n, sender, text, owner.language, topic, decision, buttons::json, ask::json,
         source, $2, $13
  FROM owner, unnest($6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
    WITH ORDINALITY AS one (sender, text, topic, decision, buttons, ask, source, n)
)
SELECT * FROM owner
"""  # noqa: S608  # constants only
_FAIL = """
WITH released AS (UPDATE conversation SET turn_mark = turn_mark + 1, turn_until = 0 WHERE id = $1 AND turn_mark = $3)
UPDATE request SET state = 'failed' WHERE conversation = $1 AND id = $2 AND state = 'received'
"""
_HEADS = "SELECT id, last_seq FROM conversation WHERE id = ANY($1::text[])"


class PostgresLog:
    """The statements of the log, each one round trip."""

    problems: tuple[type[Exception], ...] = (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # now and then, where a connection breaks in the middle of a statement
        OSError,
        TimeoutError,
    )

    def __init__(self, url: str) -> None:
        self._url = url

    async def start(self) -> None:
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=CONNECTIONS,
            command_timeout=SECONDS,
            timeout=SECONDS,
            reset=_nothing,  # the default asks the server once more; no statement here leaves anything behind
            server_settings={"application_name": "anxin-gateway", "synchronous_commit": "on"},
        )

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), SECONDS)
        except TimeoutError:
            self._pool.terminate()

    async def rows(self, statement: str, *values: object) -> Sequence[Row]:
        connection = await self._pool.acquire(timeout=SECONDS)
        try:
            found: Sequence[Row] = await connection.fetch(statement, *values)
            return found
        except (TimeoutError, asyncpg.InternalClientError):
            connection.terminate()  # it would be asked to give up, and waited for, as long again
            raise
        finally:
            await self._pool.release(connection)

    async def write(self, statement: str, *values: object) -> None:
        await self.rows(statement, *values)

    async def heads(self, ids: Sequence[str]) -> Sequence[Row]:
        return await self.rows(_HEADS, list(ids))

    async def accept(self, id_: str, mark: int, received: Received, lease: float, at: datetime) -> Accepted:
        found = await self.rows(
            _ACCEPT,
            id_,
            received.id,
            received.fingerprint,
            mark,
            received.is_current,
            lease,
            _storable(received.text),
            received.language,
            statements.dumped(received.turn),
            at,
        )
        if not found:
            return Accepted("gone", None)
        row = found[0]
        known = row if row["state"] is not None else None
        if row["taken"]:
            return statements.accepted("taken", row, known, received)
        why = statements.judged(row, known, mark, received, row["now"], lease)
        # Nothing is to be seen that forbids it: somebody was faster after this statement had begun.
        return statements.accepted("stale" if why == "taken" else why, row, known, received)

    async def append(
        self, id_: str, request: str | None, mark: int | None, said: Sequence[Said], at: datetime
    ) -> tuple[Row, list[Message]] | None:
        dumped = statements.dumped
        columns = (
            [one.sender for one in said],
            [_storable(one.text) for one in said],
            [one.topic for one in said],
            [one.decision for one in said],
            [dumped(one.buttons) for one in said],
            [dumped(one.ask) for one in said],
            [one.source for one in said],
        )
        awaiting = statements.last_ask([one.ask for one in said])
        found = await self.rows(_APPEND, id_, request, mark, len(said), awaiting, *columns, at)
        if not found:
            return None
        row = found[0]
        first = row["last_seq"] - len(said) + 1
        return row, [statements.appended(row, first + n, one, request, at) for n, one in enumerate(said)]

    async def fail(self, id_: str, request: str, mark: int) -> None:
        await self.write(_FAIL, id_, request, mark)


async def _nothing(_connection: object) -> None:
    """Leave a connection as it is."""


def _storable(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # the one character that PostgreSQL cannot keep
