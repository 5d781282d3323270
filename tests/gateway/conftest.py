from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.gateway import processes
from tests.gateway.processes import Browser, Gateway, StandIn

PUBLIC_ORIGIN = "https://chat.example.com"


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose engine and actions are stopped."""
    var: Path = tmp_path_factory.mktemp("alone")
    with (
        processes.closed_port() as engine,
        processes.closed_port() as actions,
        processes.gateway(var, engine, actions, ANXIN_PUBLIC_ORIGINS=PUBLIC_ORIGIN) as gateway,
    ):
        yield gateway


@pytest.fixture
def stranger(alone: Gateway) -> Iterator[Browser]:
    """A browser without a conversation, at a gateway that stands alone."""
    browser = alone.browser()
    with browser.http:
        yield browser


@pytest.fixture
def lonely(stranger: Browser) -> Browser:
    """A browser with a conversation, at a gateway that stands alone."""
    stranger.open()
    return stranger


@dataclass
class Installation:
    """A gateway with a scripted engine and a scripted vault behind it."""

    gateway: Gateway
    engine: StandIn
    vault: StandIn


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    var: Path = tmp_path_factory.mktemp("installation")
    with (
        processes.served(processes.engine_stand_in(var)) as engine,
        processes.served(processes.vault_stand_in(var)) as vault,
        processes.gateway(var, engine.port, vault.port) as gateway,
    ):
        yield Installation(gateway, engine, vault)


@pytest.fixture
def engine(installation: Installation) -> StandIn:
    return installation.engine


@pytest.fixture
def vault(installation: Installation) -> StandIn:
    return installation.vault


@pytest.fixture
def customer(installation: Installation) -> Iterator[Browser]:
    """A browser with a conversation that the engine answers."""
    browser = installation.gateway.browser()
    with browser.http:
        browser.open()
        yield browser
