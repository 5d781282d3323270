"""Who takes part, each with its processes; and new ones of the same kind for cold starts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from bot.rig.ports import kept_port
from bot.rig.postgresql import PostgresServer
from bot.turns_bench import contenders, stock
from bot.turns_bench.contenders import Contender
from bot.turns_bench.processes import Ours, Process
from bot.turns_bench.results import ECHO, ENGINE, POSTGRESQL, SQLITE, WHOLE
from bot.turns_bench.stock import Trained


@dataclass
class Entrant:
    """Processes that are started all at once, and the ways to ask them; the last one is the nearest to Rasa."""

    name: str
    processes: list[Process]
    contenders: list[Contender]
    ours: Ours | None = None

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()


@dataclass
class LineUp:
    """Makes entrants, each with ports and a folder of its own below `folder`; `postgresql`: None where there is none.

    Each is made when it is asked for, to be started then: its ports are free just now.
    """

    folder: Path
    trained: Mapping[str, Trained]
    postgresql: PostgresServer | None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def everyone(self) -> Iterator[Entrant]:
        """Yield an installation of ours for each database, which is asked in both ways, and the others."""
        yield from map(self.ours, self._databases)
        yield from map(self._stock, self.trained)
        yield self._echo()

    def for_cold_starts(self) -> Iterator[Entrant]:
        """Yield who has something to start: of ours also an engine alone."""
        yield from map(self._engine, self._databases)
        yield from map(self.ours, self._databases)
        yield from map(self._stock, self.trained)

    @property
    def _databases(self) -> list[str]:
        return [SQLITE, *([POSTGRESQL] if self.postgresql else [])]

    def ours(self, database: str) -> Entrant:
        """Return an installation of ours, to be asked at its gateway and at its engine."""
        folder = self._new_folder()
        ours = Ours(folder, database, self.postgresql if database == POSTGRESQL else None)
        whole = Contender(f"{WHOLE}, {database}", ours.gateway.port, contenders.whole_path())
        engine = Contender(f"{ENGINE}, {database}", ours.engine.port, contenders.engine(ours.signing_key))
        return Entrant(whole.name, list(ours.by_name.values()), [whole, engine], ours)

    def _engine(self, database: str) -> Entrant:
        made = self.ours(database)
        assert made.ours
        return Entrant(made.contenders[1].name, [made.ours.engine], made.contenders[1:])

    def _stock(self, name: str) -> Entrant:
        trained, port = self.trained[name], kept_port()
        process = Process(name, port, [*trained.command, str(port)], self._new_folder() / "log", folder=trained.folder)
        topics = {text: topic for topic, text in stock.answers().items()}
        return Entrant(name, [process], [Contender(name, port, contenders.rest(topics))])

    def _echo(self) -> Entrant:
        port, folder = kept_port(), self._new_folder()
        command = [sys.executable, "-m", "bot.turns_bench.echo", str(port), str(folder / "echo.sqlite")]
        process = Process(ECHO, port, command, folder / "log")
        return Entrant(ECHO, [process], [Contender(ECHO, port, contenders.echo())])

    def _new_folder(self) -> Path:
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder


@contextmanager
def postgresql() -> Iterator[PostgresServer | None]:
    """Yield a private one on the disk of the temporary folder; None where it is not installed."""
    try:
        server = PostgresServer(parent=None)
    except FileNotFoundError:
        yield None
        return
    try:
        yield server
    finally:
        server.remove()
