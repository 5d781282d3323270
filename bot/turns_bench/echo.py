"""`python -m bot.turns_bench.echo PORT FILE`: the limit. A server that does nothing but commit what it is sent, durably."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from sanic import HTTPResponse, Request, Sanic


def create_app(file: Path) -> Sanic:
    app = Sanic("anxin-echo", configure_logging=False)

    @app.before_server_start
    async def begin(app: Sanic) -> None:
        app.ctx.database = sqlite3.connect(file, isolation_level=None)
        app.ctx.database.execute("PRAGMA journal_mode=WAL")
        app.ctx.database.execute("PRAGMA synchronous=FULL")
        app.ctx.database.execute("CREATE TABLE said (content BLOB)")

    @app.post("/")
    async def echo(request: Request) -> HTTPResponse:
        request.app.ctx.database.execute("INSERT INTO said VALUES (?)", (request.body,))
        return HTTPResponse(request.body, content_type="application/json")

    return app


if __name__ == "__main__":
    create_app(Path(sys.argv[2])).run(port=int(sys.argv[1]), single_process=True, access_log=False, motd=False)
