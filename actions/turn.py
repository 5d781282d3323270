"""What every custom action starts from: who is calling, and how a refusal is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rasa_sdk import Tracker
from rasa_sdk.events import ActiveLoop, EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.security.errors import Refusal
from bot.contracts.turn import Button

T = TypeVar("T")
Slots = dict[str, Any]


@dataclass(frozen=True)
class Caller:
    """The conversation as the gateway describes it with every turn."""

    conversation: str
    institution: str
    language: str
    from_link: bool
    notice: str = ""  # reference of the notice whose link opened the conversation


def caller(tracker: Tracker) -> Caller:
    """Return who is calling; in `rasa shell`, where no gateway speaks, the default institution."""
    said = tracker.latest_message.get("metadata") or {}
    return Caller(
        conversation=tracker.sender_id,
        institution=said.get("institution", "hnyc"),
        language=said.get("language", "zh-Hant"),
        from_link=bool(said.get("link", True)),
        notice=str(said.get("notice") or ""),
    )


async def call(use_case: Callable[..., T], *values: Any) -> T:
    """Run a use case off the event loop."""
    return await asyncio.to_thread(use_case, *values)


def say(dispatcher: CollectingDispatcher, refusal: Refusal, buttons: Sequence[Button] = ()) -> None:
    """Say a refusal by its response name, with its facts; `buttons` stand after those of the response."""
    dispatcher.utter_message(response=refusal.response, buttons=[dict(button) for button in buttons], **refusal.facts)


def leave_form() -> list[EventType]:
    """Return the events that end whatever form is open."""
    return [ActiveLoop(None), SlotSet("requested_slot", None)]


def entity(tracker: Tracker, name: str) -> str | None:
    """Return the value that a button or field of this turn carries, if any."""
    return next(tracker.get_latest_entity_values(name), None)


def intent(tracker: Tracker) -> str:
    return str((tracker.latest_message.get("intent") or {}).get("name") or "")


def text(tracker: Tracker) -> str:
    """Return what the customer wrote in this turn; empty when a button was pressed."""
    written = str(tracker.latest_message.get("text") or "")
    return "" if written.startswith("/") else written
