"""As much of a gateway as the log's tests need: a loop of its own in a thread, and a turn that waits for its turn."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from bot.conversations.log import ConversationLog, hash_of
from bot.conversations.values import Accepted, Answered, Conversation, Message, Received, Said

T = TypeVar("T")
THREADS = 20
PATIENCE_SECONDS = 30


class Gateway:
    """Calls the log from any thread; every call runs in this gateway's one loop."""

    def __init__(self, url: str) -> None:
        self.log = ConversationLog(url)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self.log.start())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self.log.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(call, self.loop).result(PATIENCE_SECONDS)

    def open(self, *values: Any) -> tuple[Conversation, str]:
        return self._run(self.log.open(*values))

    def find(self, token: str) -> Conversation | None:
        return self._run(self.log.find(hash_of(token)))

    def accept(self, seen: Conversation, message: Received) -> Accepted:
        return self._run(self.log.accept(seen, message))

    def receive(self, conversation: Conversation, message: Received) -> Accepted:
        """Accept a message as a gateway does: what has moved meanwhile is read again, and a turn is waited for."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            accepted = self.accept(conversation, message)
            conversation = accepted.conversation or conversation
            if accepted.outcome not in ("stale", "waiting"):
                return accepted
            assert time.monotonic() < until, accepted.outcome
            time.sleep(0.002)

    def exchange(self, conversation: Conversation, message: Received, *said: Said) -> list[Message]:
        """Receive a message and answer it, if it was not answered before."""
        accepted = self.receive(conversation, message)
        if accepted.outcome == "answered":
            return self.answers(conversation.id, message.id)
        assert accepted.outcome == "taken"
        assert accepted.conversation
        return self.answer(accepted.conversation, message.id, said).messages

    def lose(self, conversation: Conversation, message: Received) -> Conversation:
        """Receive a message and fail; return the conversation as it was in that turn."""
        taken = self.receive(conversation, message).conversation
        assert taken
        self.fail(taken, message.id)
        return taken

    def answer(self, taken: Conversation, request: str, said: Sequence[Said]) -> Answered:
        return self._run(self.log.answer(taken, request, said))

    def fail(self, taken: Conversation, request: str) -> None:
        self._run(self.log.fail(taken, request))

    def note(self, conversation: str, request: str, turn: dict[str, Any]) -> None:
        self._run(self.log.note(conversation, request, turn))

    def say(self, conversation: str, said: Sequence[Said]) -> list[Message]:
        return self._run(self.log.say(conversation, said))

    def answers(self, conversation: str, request: str) -> list[Message]:
        return self._run(self.log.answers(conversation, request))

    def message(self, conversation: str, seq: int) -> Message | None:
        return self._run(self.log.message(conversation, seq))

    def after(self, conversation: str, seq: int, most: int = 200) -> list[tuple[Message, str | None]]:
        return self._run(self.log.after(conversation, seq, most))

    def heads(self, *conversations: str) -> dict[str, int]:
        return self._run(self.log.heads(conversations))


def received(id_: str, text: str = "測試", fingerprint: str | None = None, language: str = "zh-Hant") -> Received:
    return Received(id_, fingerprint or f"print of {text}", text, language, {"text": text})


def bot(text: str, ask: str | None = None) -> Said:
    return Said("bot", text, [], {"kind": ask} if ask else None)


def at_once(job: Callable[[int], T], times: int = THREADS) -> list[T]:
    """Return what `job` returns in each of so many threads that begin together."""
    gate = threading.Barrier(times)

    def run(number: int) -> T:
        gate.wait()
        return job(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+pg8000://")
