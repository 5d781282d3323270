"""Processes killed by SIGKILL at random moments under load: nothing that was told is lost, nothing is done twice.

G4, G17, G22, G23, G26, G29, G41, T54, T55. 100 kills on each database; 1,000 with ANXIN_ROUNDS=10.
"""

from __future__ import annotations

import random
import time

import pytest

from actions.bootstrap import Services
from bot.rig.actions import Actions
from bot.rig.customers import Outbox, add_people
from tests.actions.security.rounds import rounds, told
from tests.proof.load import History, Load, settled

SEED = 20261120
LONGEST_PAUSE_SECONDS = 0.3


def test_nothing_is_lost_or_doubled_when_processes_are_killed(
    actions: Actions, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    kills, moments, history = rounds(100), random.Random(SEED), History()
    people = add_people(services.work, 20 * kills)
    with Load(actions, people, history, SEED):
        for _ in range(kills):
            time.sleep(moments.uniform(0, LONGEST_PAUSE_SECONDS))
            actions.kill(moments.choice(actions.replicas))
        for replica in actions.replicas:
            actions.wait(replica)
        time.sleep(1)
    with capsys.disabled():
        told(kills=kills)
        found = settled(services, history, Outbox(actions.var / "outbox.jsonl"))
    assert found == []
    assert all((history.reports, history.receipts, history.events))
