"""Server-sent events: every message of a conversation after `Last-Event-ID`, in order, then as they come.

A stream ends when the browser goes, when this gateway does or when the log is down; the browser comes back by
itself, to whichever gateway there is, and goes on after the last event it has.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sanic.response import ResponseStream

from bot.conversations.log import ConversationLog, LogDown
from bot.conversations.values import Message
from bot.gateway.news import Listener, News

HEARTBEAT_SECONDS = 15.0
AT_ONCE = 200
BACK_AFTER_MS = 1000
_BACK_SOON = f"retry: {BACK_AFTER_MS}\n\n"

Shown = Callable[[Message, str | None], dict[str, Any]]


def stream(conversation: str, after: int, log: ConversationLog, news: News, shown: Shown) -> ResponseStream:
    """Return the stream of what comes after a number."""

    async def send(response: Any) -> None:
        await response.write(": hello\n\n")
        with news.listening(conversation, after) as listener, suppress(LogDown):
            while not news.has_ended:
                listener.news.clear()
                found = await log.after(conversation, listener.last, AT_ONCE)
                for message, state in found:
                    await response.write(_event(shown(message, state)))
                    listener.last = message.seq
                if len(found) < AT_ONCE:
                    await _wait(response, listener)
        await response.write(_BACK_SOON)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return ResponseStream(send, content_type="text/event-stream", headers=headers)


async def _wait(response: Any, listener: Listener) -> None:
    """Wait for news; meanwhile say now and then that the line is open."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await listener.news.wait()
                return
        except TimeoutError:
            await response.write(": still here\n\n")


def _event(message: dict[str, Any]) -> str:
    return f"id: {message['seq']}\nevent: message\ndata: {json.dumps(message, ensure_ascii=False)}\n\n"
