"""Real services on a real SQLite file; only the clock and the messenger are ours."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.bootstrap import Services, build
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
