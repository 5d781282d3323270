"""The one call from the gateway to the engine: a turn, and what came of it."""

from __future__ import annotations

import json
from typing import Any, Literal, TypedDict

TURN_PATH = "/webhooks/gateway/turn"
SIGN_TURNS = "sign gateway engine"
SIGN_ACTIONS = "sign engine actions"
SIGN_INTERNAL = "sign gateway actions"
SIGN_EVENTS = "sign events"

Done = Literal["no", "unknown"]


class Caller(TypedDict):
    """What every turn carries about its conversation; made by the gateway, never by the browser."""

    institution: str
    language: str
    reference: str  # of the conversation, to be read out to the hotline
    message: str  # id of the customer's message
    link: bool  # the conversation was opened from a link in a message
    notice: str  # reference of the notice whose link that was; "" where none is known


class TurnRequest(TypedDict):
    """Either `text` (what the customer wrote) or `payload` (of a button or a secret) is set."""

    conversation: str
    caller: Caller
    text: str | None
    payload: str | None
    again: bool  # it was asked before and the outcome is not known: answer from the tracker if it is there


class Button(TypedDict):
    title: str
    payload: str


class Ask(TypedDict, total=False):
    """What the next message should be. Times are ISO 8601 in UTC."""

    kind: str  # account | birth_date | choice | code | text | contact | confirm
    digits: int
    sent_to: str
    expires_at: str
    resend_at: str
    choices: list[str]


class BotMessage(TypedDict, total=False):
    text: str
    buttons: list[Button]
    ask: Ask
    topic: str
    source: str
    decision: str  # of a message that was not understood: clarify | handover


class TurnAnswer(TypedDict):
    messages: list[BotMessage]
    topic: str | None
    decision: str | None  # answer | clarify | handover; None for buttons and secrets
    confidence: float | None


class TurnRefused(TypedDict):
    """Body of a 503: the turn was not finished and the dialogue is where it was before."""

    error: Literal["actions_down", "busy", "database_down", "not_ready", "turn_failed"]
    done: Done


def payload(intent: str, **entities: str) -> str:
    """Return Rasa's text form of an intent with entities, e.g. `/inform{"otp_channel": "sms"}`."""
    return f"/{intent}" + (json.dumps(entities, ensure_ascii=False) if entities else "")


def parse_payload(text: str) -> dict[str, Any]:
    """Return Rasa's parse of a payload made by `payload`: intent at confidence 1, and its entities."""
    intent, brace, rest = text.removeprefix("/").partition("{")
    entities = json.loads("{" + rest) if brace else {}
    return {
        "text": text,
        "intent": {"name": intent, "confidence": 1.0},
        "intent_ranking": [],
        "entities": [{"entity": name, "value": value, "start": 0, "end": 0} for name, value in entities.items()],
    }
