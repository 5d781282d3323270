"""Processes of a benchmark: started on free ports, watched until they are there, measured, ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from actions.bootstrap import open_security_database
from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.turn import SIGN_TURNS
from bot.rig.customers import Person, add_people
from bot.rig.ports import kept_port
from bot.rig.postgresql import PostgresServer
from bot.settings import ROOT, Settings, read_settings
from bot.training import SERVE_ENGINE, engine_environment

STOP_SECONDS = 15
SERVE = (sys.executable, "-m", "bot.cli", "serve")


class Ended(Exception):
    """A process ended by itself; the text has its last words."""


@dataclass
class Process:
    """One program, listening on `port`; what it says goes to `log`."""

    name: str
    port: int
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    _running: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**environment(), **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise `Ended` unless it runs."""
        if self._running is None or self._running.poll() is not None:
            raise Ended(f"{self.name}: {self.log.read_text(errors='replace')[-1500:]}")

    @property
    def pid(self) -> int:
        assert self._running
        return self._running.pid

    def stop(self) -> None:
        if self._running is None:
            return
        self._running.terminate()
        try:
            self._running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None


def memory_of(pid: int) -> float:
    """Return the RSS of a process and of all below it, in megabytes; 0 if it has gone."""
    try:
        top = psutil.Process(pid)
        return sum(float(p.memory_info().rss) for p in (top, *top.children(recursive=True))) / 2**20
    except psutil.NoSuchProcess:
        return 0.0


def environment() -> dict[str, str]:
    """Return this one without our settings: what is measured is the default."""
    return {name: value for name, value in engine_environment().items() if not name.startswith("ANXIN_")}


class Ours:
    """An installation of ours: actions, engine and gateway, everything durable in SQLite files or in PostgreSQL."""

    def __init__(self, folder: Path, database: str, postgresql: PostgresServer | None = None) -> None:
        self.var, self._database = folder / "var", database
        self.var.mkdir(parents=True, mode=0o700)
        names = ("TRACKERS", "CONVERSATIONS", "SECURITY")
        urls = {f"ANXIN_{name}_URL": postgresql.url(postgresql.create()) for name in names} if postgresql else {}
        ports = {f"ANXIN_{name}_PORT": str(kept_port()) for name in ("ACTIONS", "ENGINE", "GATEWAY")}
        self._environment = {"ANXIN_VAR": str(self.var), **ports, **urls}
        self.settings: Settings = read_settings(self._environment)
        self.actions = self._process("actions", self.settings.actions_port, [*SERVE, "actions"])
        self.engine = self._process("engine", self.settings.engine_port, list(SERVE_ENGINE))
        self.gateway = self._process("gateway", self.settings.gateway_port, [*SERVE, "gateway"])
        self.signing_key = derive(load_or_create_master_key(self.settings.key_file), SIGN_TURNS)
        self._people = 0

    @property
    def by_name(self) -> dict[str, Process]:
        return {"actions": self.actions, "engine": self.engine, "gateway": self.gateway}

    def new_people(self, count: int) -> list[Person]:
        """Make customers who are locked out; each can be unlocked once."""
        work = open_security_database(self.settings)
        people = add_people(work, count, self._people)
        work.dispose()
        self._people += count
        return people

    def _process(self, name: str, port: int, command: list[str]) -> Process:
        return Process(f"{name}, {self._database}", port, command, self.var.parent / f"{name}.log", self._environment)
