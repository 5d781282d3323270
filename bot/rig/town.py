"""A whole installation on this machine: engines, gateways and actions behind nginx, on private PostgreSQL and Redis.

Every process is a real one and has a log of its own; each can be killed, frozen, ended and started again. Gateways are
not told that nginx is a proxy: so all customers seem to be this machine, and are not limited by rate.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.contracts.keys import load_or_create_master_key
from bot.rig import nginx
from bot.rig.ports import kept_port
from bot.rig.postgresql import PostgresServer
from bot.rig.process import OwnProcess
from bot.rig.redis import RedisServer
from bot.settings import Settings, read_settings

Between = Callable[[int], int]  # the port of a process -> the port at which the others are told to reach it


@dataclass
class Town:
    """What runs; `settings` are those of every process but for its own port."""

    url: str  # of nginx
    settings: Settings
    engines: list[OwnProcess]
    gateways: list[OwnProcess]
    actions: list[OwnProcess]
    front: OwnProcess
    postgresql: PostgresServer
    redis: RedisServer

    @property
    def processes(self) -> list[OwnProcess]:
        return [*self.actions, *self.engines, *self.gateways]

    def wait_until_ready(self) -> None:
        for process in [*self.processes, self.front]:
            process.wait_until_ready()

    def addresses(self) -> str:
        """Return who listens where, a line each."""
        lines = [f"customers  {self.url}/Webhook/  (as {nginx.NAME}; its certificate is nobody's)"]
        lines += [f"{process.name:<10} {process.ready_url}" for process in self.processes]
        return "\n".join([*lines, f"PostgreSQL port {self.postgresql.port}", f"Redis      {self.redis.url}"])


@contextmanager
def town(
    folder: Path, engines: int = 3, gateways: int = 2, actions: int = 2, before_actions: Between = lambda port: port
) -> Iterator[Town]:
    """Start everything at once in an empty `folder`, yield when it is ready, and end and erase it."""
    with ExitStack() as stack:
        postgresql = PostgresServer(port=kept_port())
        stack.callback(postgresql.remove)
        redis = RedisServer(parent=str(folder))
        stack.callback(redis.remove)
        made = _laid_out(folder, postgresql, redis, (engines, gateways, actions), before_actions)
        try:
            for process in [*made.processes, made.front]:
                process.start()
            made.wait_until_ready()
            yield made
        finally:
            _end(made)


def _laid_out(
    folder: Path, postgresql: PostgresServer, redis: RedisServer, counts: tuple[int, int, int], between: Between
) -> Town:
    ports = [[kept_port() for _ in range(count)] for count in counts]
    databases = (postgresql.url(postgresql.create()) for _ in range(3))
    environment = {
        "PATH": os.defpath,  # and nothing else of ours
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANXIN_VAR": str(folder / "var"),
        "ANXIN_ENGINES": _addresses(ports[0]),
        "ANXIN_ACTIONS": _addresses([between(port) for port in ports[2]]),
        "ANXIN_REDIS_URL": redis.url,
        "ANXIN_TRACKERS_URL": next(databases),
        "ANXIN_CONVERSATIONS_URL": next(databases),
        "ANXIN_SECURITY_URL": next(databases),
    }
    settings = read_settings(environment)
    settings.var.mkdir(parents=True)
    load_or_create_master_key(settings.key_file)

    def process(kind: str, port: int) -> OwnProcess:
        own = environment | {f"ANXIN_{kind.upper()}_PORT": str(port)}
        line = [sys.executable, "-m", "bot.cli", "serve", kind]
        name, ready = f"{kind}-{port}", f"http://127.0.0.1:{port}/readyz"
        return OwnProcess(name, line, own, ready, folder / f"{name}.log")

    front, url = _front(folder, ports[1])
    kinds = [
        [process(kind, port) for port in of_kind]
        for kind, of_kind in zip(("engine", "gateway", "actions"), ports, strict=True)
    ]
    return Town(url, settings, kinds[0], kinds[1], kinds[2], front, postgresql, redis)


def _addresses(ports: list[int]) -> str:
    return ",".join(f"http://127.0.0.1:{port}" for port in ports)


def _front(folder: Path, gateways: list[int]) -> tuple[OwnProcess, str]:
    """Return nginx and its address; that it is ready is said by its plain port, which sends everybody to the other."""
    own, port, plain_port = folder / "nginx", kept_port(), kept_port()
    own.mkdir()
    nginx.certify(own)
    configuration = nginx.configured(own, [f"127.0.0.1:{gateway}" for gateway in gateways], port, plain_port)
    line, ready = nginx.command(own, configuration), f"http://127.0.0.1:{plain_port}/"
    return OwnProcess("nginx", line, {}, ready, own / "log"), f"https://127.0.0.1:{port}"


def _end(town: Town) -> None:
    """End customers' door first; one that has to be killed is told when all have ended."""
    with ExitStack() as ending:
        for process in [town.front, *reversed(town.processes)]:
            process.thaw()
            process.tell_to_end()
            ending.callback(process.wait_until_ended)
