"""A message of the log as the browser gets it."""

from __future__ import annotations

from typing import Any

from bot.conversations.values import Message
from bot.gateway import buttons


def shown(key: bytes, message: Message, state: str | None) -> dict[str, Any]:
    """Return a message as the browser gets it: buttons by token, never by payload."""
    optional = {
        "topic": message.topic,
        "decision": message.decision,
        "ask": message.ask and {**message.ask, **_choices(message)},
        "source": message.source,
        "state": state,
        "id": message.request if message.sender == "customer" else None,
    }
    return {
        "seq": message.seq,
        "from": message.sender,
        "text": message.text,
        "buttons": [
            {"title": button["title"], "button": buttons.token(key, message, index)}
            for index, button in enumerate(message.buttons)
        ],
        "language": message.language,
        "at": message.at.isoformat(),
        **{name: value for name, value in optional.items() if value is not None},
    }


def _choices(message: Message) -> dict[str, Any]:
    is_choice = (message.ask or {}).get("kind") in ("choice", "confirm")
    return {"choices": [button["title"] for button in message.buttons]} if is_choice else {}
