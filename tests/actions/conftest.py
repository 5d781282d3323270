"""Real services on a real database; only the clock and the messenger are ours.

`services` and `world` run on SQLite; in tests/actions/services, and wherever `database_url` is asked for, on both.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actions.bootstrap import Services, build
from bot.rig.postgresql import PostgresServer
from bot.settings import Settings, read_settings
from tests.actions.world import RecordingMessenger, SettableClock, World


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def messenger() -> RecordingMessenger:
    return RecordingMessenger()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the first start leaves it; copied for each test, because the disk is what takes time."""
    var = tmp_path_factory.mktemp("made") / "var"
    build(read_settings({"ANXIN_VAR": str(var)}), SettableClock(), RecordingMessenger()).work.dispose()
    return var


@pytest.fixture(scope="session")
def made_postgresql(postgresql: PostgresServer, made: Path) -> str:
    """Return a database of `postgresql` as the first start leaves it, with the keys of `made`; to be copied."""
    name = postgresql.create()
    environment = {"ANXIN_VAR": str(made), "ANXIN_SECURITY_URL": postgresql.url(name)}
    build(read_settings(environment), SettableClock(), RecordingMessenger()).work.dispose()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with the demo customers in it, once on each kind; its keys are those of `made`."""
    if request.param == "sqlite":
        copy = tmp_path / "var" / "security.sqlite"
        copy.parent.mkdir()
        shutil.copy(request.getfixturevalue("made") / "security.sqlite", copy)
        yield f"sqlite:///{copy}"
    else:
        template = request.getfixturevalue("made_postgresql")
        server: PostgresServer = request.getfixturevalue("postgresql")
        name = server.create(template)
        yield server.url(name)
        server.drop(name)


@pytest.fixture
def stored(request: pytest.FixtureRequest, database_url: str) -> Callable[[], list[Path]]:
    """Return what lists the files that the database keeps its rows and its journal in."""
    if database_url.startswith("sqlite"):
        file = Path(database_url.removeprefix("sqlite:///"))
        return lambda: list(file.parent.glob(f"{file.name}*"))
    server: PostgresServer = request.getfixturevalue("postgresql")
    return server.files


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database with nothing in it, once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgresql")
        name = server.create()
        yield server.url(name)
        server.drop(name)


@pytest.fixture
def settings(tmp_path: Path, made: Path) -> Settings:
    shutil.copytree(made, tmp_path / "var")
    return read_settings({"ANXIN_VAR": str(tmp_path / "var")})


@pytest.fixture
def services(settings: Settings, clock: SettableClock, messenger: RecordingMessenger) -> Iterator[Services]:
    built = build(settings, clock, messenger)
    yield built
    built.work.dispose()


@pytest.fixture
def world(services: Services, clock: SettableClock, messenger: RecordingMessenger) -> World:
    return World(services, clock, messenger)
