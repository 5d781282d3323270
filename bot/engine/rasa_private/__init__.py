"""All that reaches into Rasa's private parts, pinned to rasa 3.6.21 and tested in tests/engine.

actions.py   custom actions are signed, bounded in time, and fatal to their turn when they fail
turn.py      a turn without what only a debug log would show
tracker.py   a tracker that goes on from turn to turn and does not grow
events.py    events as they are stored, by a table, without secrets
model.py     the model's domain is read once
rules.py     RulePolicy, asked about the rules that can fit
runner.py    the model's graph without a scheduler
"""

from __future__ import annotations

import rasa

from bot.engine.rasa_private import actions, model, turn
from bot.engine.rasa_private.actions import TrackerMoved, TurnAborted, begin_turn, told_done

PINNED = "3.6.21"

__all__ = ["PINNED", "TrackerMoved", "TurnAborted", "begin_turn", "install", "told_done"]


def install() -> None:
    """Put ours in the place of Rasa's; raise `RuntimeError` for another version than was read."""
    if rasa.__version__ != PINNED:
        raise RuntimeError(f"bot/engine/rasa_private is written for rasa {PINNED}, not {rasa.__version__}.")
    actions.install()
    turn.install()
    model.install()
