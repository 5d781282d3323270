"""Server-sent events: every message of a conversation after `Last-Event-ID`, in order, then as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from sanic import Request
from sanic.response import ResponseStream

from bot.conversations.log import ConversationLog
from bot.conversations.models import Message
from bot.gateway.turns import Turns

HEARTBEAT_SECONDS = 15.0
LOOK_SECONDS = 2.0  # another gateway may have written
AT_ONCE = 200


def stream(
    request: Request,
    conversation: str,
    after: int,
    log: ConversationLog,
    turns: Turns,
    shown: Callable[[Message, str | None], dict[str, Any]],
) -> ResponseStream:
    """Return the stream; it ends when the browser goes."""

    async def send(response: Any) -> None:
        last, quiet = after, 0.0
        news = turns.listen(conversation)
        try:
            await response.write(": hello\n\n")
            while True:
                news.clear()
                found = await asyncio.to_thread(log.after, conversation, last, AT_ONCE)
                for message, state in found:
                    data = json.dumps(shown(message, state), ensure_ascii=False)
                    await response.write(f"id: {message.seq}\nevent: message\ndata: {data}\n\n")
                    last, quiet = message.seq, 0.0
                if len(found) == AT_ONCE:
                    continue
                if quiet >= HEARTBEAT_SECONDS:
                    await response.write(": still here\n\n")
                    quiet = 0.0
                try:
                    await asyncio.wait_for(news.wait(), LOOK_SECONDS)
                except TimeoutError:
                    quiet += LOOK_SECONDS
        finally:
            turns.forget(conversation, news)

    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return ResponseStream(send, content_type="text/event-stream", headers=headers)
