"""The trained model and its domain, loaded once for all of the engine's tests."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot import training
from bot.settings import PREFIX, ROOT
from tests.engine.processes import Processes, StandInActions

if TYPE_CHECKING:
    from rasa.core.agent import Agent
    from rasa.shared.core.domain import Domain
    from rasa.shared.importers.importer import TrainingDataImporter

os.environ.update(training.engine_environment())  # here, because Rasa reads part of it when it is imported


@pytest.fixture(scope="session", autouse=True)
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the tests' own instead of var/; none of the developer's settings."""
    folder = tmp_path_factory.mktemp("var")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            patch.delenv(name)
        patch.setenv("ANXIN_VAR", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _quiet_rasa() -> None:
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.WARNING)
    logging.getLogger("rasa").setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def model() -> Path:
    """The model as `anxin train` makes it; trained here if it is missing or stale, so that nothing old is tested."""
    training.train_if_stale()
    return training.MODEL


@pytest.fixture(scope="session")
def importer() -> TrainingDataImporter:
    """The training data as Rasa's commands read them, by config.yml."""
    from rasa.shared.importers.importer import TrainingDataImporter

    return TrainingDataImporter.load_from_config(
        str(ROOT / "config.yml"), str(ROOT / "domain.yml"), [str(ROOT / "data")]
    )


@pytest.fixture(scope="session")
def domain(importer: TrainingDataImporter) -> Domain:
    return importer.get_domain()


@pytest.fixture(scope="session")
def agent(model: Path, var: Path) -> Agent:
    """The assistant as `rasa run` puts it together from endpoints.yml."""
    from rasa.core.agent import Agent
    from rasa.core.tracker_store import TrackerStore
    from rasa.core.utils import AvailableEndpoints

    endpoints = AvailableEndpoints.read_endpoints(str(ROOT / "endpoints.yml"))
    return Agent.load(
        str(model),
        generator=endpoints.nlg,
        tracker_store=TrackerStore.create(endpoints.tracker_store),
        action_endpoint=endpoints.action,
    )


@pytest.fixture
def actions(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInActions]:
    """Something that listens where the actions process would, and answers as the test says."""
    with StandInActions() as stand_in:
        monkeypatch.setenv("ANXIN_ACTIONS_PORT", str(stand_in.port))
        yield stand_in


@pytest.fixture(scope="module")
def processes(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """The real engine and actions, on free ports, with a folder of their own."""
    with Processes(tmp_path_factory.mktemp("processes")) as running:
        yield running
