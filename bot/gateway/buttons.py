"""Buttons: the browser sees a title and a signed token; what a button means stays in the conversation log."""

from __future__ import annotations

import hashlib
import hmac

from bot.conversations.values import Conversation, Message

_SIGNATURE_LENGTH = 32  # hex digits, 128 bits


def token(key: bytes, message: Message, index: int) -> str:
    """Return the token of one button of a message: its place and a signature bound to the conversation."""
    place = f"{message.seq}.{index}"
    return f"{place}.{_signature(key, message.conversation, place)}"


def place_of(key: bytes, conversation: str, given: str) -> tuple[int, int] | None:
    """Return message number and button index of a genuine token, else None."""
    seq, _, rest = given.partition(".")
    index, _, signature = rest.partition(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in (seq, index)):
        return None
    expected = _signature(key, conversation, f"{seq}.{index}")
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        return None
    return int(seq), int(index)


def is_current(payload: str, message: Message, conversation: Conversation) -> bool:
    """Return whether a button may still be pressed.

    One that starts something or asks a question always may; one that answers a step only while that step
    is the latest, so that an old "yes" never confirms something new.
    """
    return not payload.startswith("/inform{") or message.seq > conversation.turn_seq


def _signature(key: bytes, conversation: str, place: str) -> str:
    return hmac.new(key, f"{conversation}|{place}".encode(), hashlib.sha256).hexdigest()[:_SIGNATURE_LENGTH]
