"""Relays that are killed at any moment: no code leaves twice, no notice is lost, and few leave twice (G22, T55)."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import make_url

from actions.adapters.aes_gcm import AesGcm
from actions.adapters.embedded_outbox import EmbeddedOutbox
from actions.adapters.templates import JinjaTemplates
from actions.services.outbox import Outbox
from actions.storage import outbox as rows
from actions.storage.database import make_engine
from actions.storage.unit_of_work import UnitOfWork
from bot.settings import Settings
from tests.actions.security.rounds import rounds, told
from tests.actions.services.test_relay import queue
from tests.actions.world import SettableClock, World

KEY = b"k" * 32


def relay_forever(url: str, sent_to: str, time_: SettableClock, codes: bool) -> None:
    """Relay codes or notices in a process of its own until it is killed."""
    rows.SENDING_LEASE = timedelta(0)  # what a killed relay had is free at once
    work = UnitOfWork(make_engine(make_url(url)), time_)
    outbox = Outbox(work, AesGcm(KEY), JinjaTemplates({}), EmbeddedOutbox(Path(sent_to)))
    while True:
        outbox._drain(at_most_once=codes)
        time.sleep(0.002)


def lines(file: Path) -> Counter[str]:
    return Counter(json.loads(line)["id"] for line in file.read_text().splitlines()) if file.exists() else Counter()


def test_a_relay_may_be_killed_at_any_moment(world: World, settings: Settings, tmp_path: Path) -> None:
    world.services.outbox._cipher = AesGcm(KEY)
    file, chance, kills = tmp_path / "sent.jsonl", random.Random(4), 0
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    codes: list[str] = []
    notices: list[str] = []
    target = rounds(20)
    while kills < target:
        codes += [queue(world, "one_time_code") for _ in range(10)]
        notices += [queue(world) for _ in range(10)]
        arguments = (settings.security_url, str(file), world.clock, kills % 2 == 0)
        relay = context.Process(target=relay_forever, args=arguments)
        relay.start()
        before, until = sum(lines(file).values()), time.monotonic() + 30
        while sum(lines(file).values()) == before and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.06))
        relay.kill()
        relay.join()
        kills += 1
    world.clock.pass_(seconds=59)
    world.services.outbox._messenger = EmbeddedOutbox(file)
    world.services.outbox.relay()
    world.clock.pass_(seconds=61)
    world.services.outbox.relay()
    sent, states = lines(file), {id_: row["state"] for id_, row in world.rows()["outbox"].items()}
    doubled = sum(sent[id_] - 1 for id_ in notices)
    told(
        kills=kills,
        codes=len(codes),
        codes_twice=sum(sent[id_] > 1 for id_ in codes),
        codes_given_up=sum(states[id_] == "dead" for id_ in codes),
        notices=len(notices),
        notices_lost=sum(sent[id_] == 0 for id_ in notices),
        notices_twice=doubled,
    )
    assert max(sent[id_] for id_ in codes) == 1
    assert min(sent[id_] for id_ in notices) == 1
    assert {states[id_] for id_ in notices} == {"sent"}
    assert doubled <= kills  # a relay that dies leaves one message in doubt
    assert all(sent[id_] == 1 for id_ in codes if states[id_] == "sent")
    assert sum(states[id_] == "dead" for id_ in codes) <= kills
    assert not [row for row in world.rows()["outbox"].values() if row["ciphertext"]]
