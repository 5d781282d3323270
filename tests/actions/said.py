"""Trackers as the engine sends them: what was said, what it was taken for, and the entities our rules find."""

from __future__ import annotations

import asyncio
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.content.institutions import load_institutions
from bot.contracts.turn import parse_payload
from bot.engine.understanding.entities import EntityRules
from tests.actions.world import START

RULES = EntityRules(load_institutions())

Slots = dict[str, Any]


def said(
    text: str,
    intent: str = "report_error",
    confidence: float = 0.9,
    form: str | None = None,
    institution: str = "hnyc",
    **slots: Any,
) -> Tracker:
    """Return the tracker after a message; one that begins with `/` is a button."""
    if text.startswith("/"):
        message = parse_payload(text)
    else:
        found = [one._asdict() for one in RULES.find(text, institution, START)]
        message = {"text": text, "intent": {"name": intent, "confidence": confidence}, "entities": found}
    message["metadata"] = {"institution": institution, "language": "zh-Hant"}
    return Tracker("c1", slots, message, [], False, None, {"name": form} if form else {}, None)


def run(action: Any, tracker: Tracker) -> tuple[Slots, list[str], str | None]:
    """Run a custom action; return the slots it sets, the responses it says, and the action that follows."""
    dispatcher = CollectingDispatcher()
    events = asyncio.run(action.run(dispatcher, tracker, {}))
    slots = {event["name"]: event["value"] for event in events if event["event"] == "slot"}
    follows = next((event["name"] for event in events if event["event"] == "followup"), None)
    return slots, [message["response"] for message in dispatcher.messages], follows


def taken(form: Any, slot: str, tracker: Tracker) -> tuple[Any, list[str]]:
    """Return what a form takes for `slot` from the message, and the responses it says."""
    dispatcher = CollectingDispatcher()
    slots = asyncio.run(getattr(form, f"extract_{slot}")(dispatcher, tracker, {}))
    return slots.get(slot), [message["response"] for message in dispatcher.messages]
