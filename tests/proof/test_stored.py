"""The judge of the proofs over replicas sees each kind of disagreement: what is told is lost, doubled, mixed, out of order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.conversations.log import hash_of
from tests.proof.chats import Chat, Sent
from tests.proof.stored import Stored, judge


@dataclass
class World:
    """A conversation of three messages, as it should be stored."""

    chat: Chat = field(default_factory=lambda: Chat("demo-token"))
    messages: list[dict[str, Any]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    states: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in range(3):
            sent = Sent(f"問題 {number}", f"id-{number}")
            sent.answer = [{"seq": 2 * number + 2, "text": f"回覆 {number}"}]
            self.chat.sent.append(sent)
            self.messages.append(
                {
                    "seq": 2 * number + 1,
                    "sender": "customer",
                    "text": sent.text,
                    "request": sent.id,
                    "conversation": "c",
                }
            )
            self.messages.append(
                {
                    "seq": 2 * number + 2,
                    "sender": "bot",
                    "text": f"回覆 {number}",
                    "request": sent.id,
                    "conversation": "c",
                }
            )
            said = json.dumps([{"event": "user", "text": sent.text}])
            turn = {"seq": number + 1, "message": sent.id, "begins": number == 0, "fence": number + 1, "events": said}
            self.turns.append(turn)
            self.states["c", sent.id] = "answered"

    def faults(self) -> set[str]:
        stored = Stored({hash_of("demo-token"): "c"}, {"c": self.messages}, self.states, {"c": self.turns})
        return {kind for kind, count in judge([self.chat], stored).counts.items() if count}

    def swap_turns(self) -> None:
        for name in ("message", "events"):
            self.turns[1][name], self.turns[2][name] = self.turns[2][name], self.turns[1][name]


def test_what_is_as_told_is_in_order() -> None:
    assert World().faults() == set()


SPOILT: list[tuple[str, Callable[[World], object]]] = [
    ("lost", lambda world: world.turns.pop()),
    ("lost", lambda world: world.turns.pop(1)),
    ("lost", lambda world: (world.messages.pop(), world.messages.pop())),
    ("lost", lambda world: world.messages.pop()),
    ("lost", lambda world: world.states.update({("c", "id-1"): "failed"})),
    ("doubled", lambda world: world.turns.append({**world.turns[2], "seq": 4, "fence": 9})),
    ("doubled", lambda world: world.messages.append({**world.messages[5], "seq": 7})),
    ("doubled", lambda world: world.messages.append({**world.messages[4], "seq": 7})),
    ("mixed", lambda world: world.messages[2].update(text="別人的話")),
    ("mixed", lambda world: world.turns[1].update(events=json.dumps([{"event": "user", "text": "別人的話"}]))),
    ("mixed", lambda world: world.turns.append({**world.turns[2], "seq": 4, "fence": 9, "message": "other"})),
    ("blank", lambda world: world.turns[2].update(begins=True)),
    ("out_of_order", lambda world: world.turns[2].update(fence=1)),
    ("out_of_order", World.swap_turns),
]


@pytest.mark.parametrize(("kind", "spoil"), SPOILT, ids=[f"{kind} {n}" for n, (kind, _) in enumerate(SPOILT)])
def test_each_disagreement_is_seen(kind: str, spoil: Callable[[World], object]) -> None:
    world = World()
    spoil(world)
    assert kind in world.faults()


def test_a_message_that_was_sent_again_may_stand_later() -> None:
    world = World()
    world.swap_turns()
    world.chat.sent[1].refusals.append("engine_down")
    assert world.faults() == set()
    world.chat.sent[1].refusals[:] = ["busy"]  # nothing was kept: its place is where it was taken
    assert world.faults() == {"out_of_order"}
