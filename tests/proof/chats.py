"""Customers who write through nginx, and what they were told: every message with all that came back for it."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.rig.nginx import DEPLOY, NAME

API = "/Webhook/api"
AT_ONCE = 240  # nginx takes 300 from one address
PATIENCE_SECONDS = 60.0
REQUEST_SECONDS = 15.0
QUESTIONS = (
    "通知信可以關掉嗎",
    "為什麼會收到登入通知",
    "忘記密碼怎麼辦",
    "how do I switch the e-mails off",
    "收不到驗證碼",
    "what are your opening hours",
)
FLOWS = ("我要解鎖密碼", "取消", "我要回報問題", "取消")  # of these, each calls an action
UNTAKEN = frozenset({"busy", "too_many", "overloaded"})  # refusals that say that nothing was kept
_UNAVAILABLE = (DEPLOY / "unavailable.html").read_bytes()


@dataclass
class Sent:
    """One message of a customer, and the answer that acknowledged it."""

    text: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    refusals: list[str] = field(default_factory=list)
    answer: list[dict[str, Any]] | None = None
    seconds: float = 0.0  # of the try that was answered

    @property
    def is_plain(self) -> bool:
        """Whether it was taken at most once, so that its place in the order is the one it was taken at."""
        return set(self.refusals) <= UNTAKEN


@dataclass
class Chat:
    """One conversation, by its token."""

    token: str
    sent: list[Sent] = field(default_factory=list)


class Customers:
    """Their browsers. `dishonest`: whatever came back that is neither an answer nor a refusal in due form."""

    def __init__(self, url: str, session: aiohttp.ClientSession, seed: int) -> None:
        self._url = url
        self._session = session
        self._random = random.Random(seed)
        self.chats: list[Chat] = []
        self.dishonest: list[str] = []
        self.refused: Counter[str] = Counter()
        self.tried = 0

    def words(self, flows: float = 0.2) -> str:
        """Return something to say that nobody else says: a question, or what opens or leaves a flow."""
        letters = "".join(self._random.choices("abcdefghijkmnopqrstuvwxyz", k=8))
        said = self._random.choice(FLOWS if self._random.random() < flows else QUESTIONS)
        return f"{said} {letters}"

    async def open(self) -> Chat:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            status, _, _, cookie = await self._post("conversations", {"institution": "hnyc", "language": "zh-Hant"})
            if status == 201 and cookie:
                self.chats.append(Chat(cookie))
                return self.chats[-1]
            await asyncio.sleep(0.5)
        raise TimeoutError("no conversation opens")

    def write(self, chat: Chat, text: str) -> Sent:
        chat.sent.append(Sent(text))
        return chat.sent[-1]

    async def deliver(self, chat: Chat, sent: Sent, patience: float = PATIENCE_SECONDS) -> None:
        """Send a message, again and again by its id until it is answered."""
        until = time.monotonic() + patience
        while await self.try_once(chat, sent) is not None and time.monotonic() < until:
            await asyncio.sleep(self._random.uniform(0.1, 1.0))

    async def try_once(self, chat: Chat, sent: Sent) -> float | None:
        """Send it; return None where it was answered, else the seconds after which to try again."""
        self.tried += 1
        began = time.monotonic()
        status, body, wait, _ = await self._post("messages", {"id": sent.id, "text": sent.text}, chat.token)
        if status == 200:
            sent.answer, sent.seconds = body["messages"], time.monotonic() - began
            if not body["messages"]:
                self.dishonest.append(f"{sent.id}: 200 and nothing said")
            return None
        code = self._refusal(status, body)
        sent.refusals.append(code)
        self.refused[code] += 1
        return wait

    def _refusal(self, status: int, body: Any) -> str:
        error = body.get("error", {}) if isinstance(body, dict) else {}
        if status in (409, 429, 503) and all(error.get(name) for name in ("code", "message", "reference")):
            return str(error["code"])
        if status in (502, 504) and body == _UNAVAILABLE:
            return "no gateway"
        if status == 0:
            return "cut off"
        self.dishonest.append(f"{status}: {str(body)[:300]}")
        return f"dishonest {status}"

    async def _post(self, path: str, body: dict[str, str], token: str = "") -> tuple[int, Any, float, str | None]:
        """Return status (0 without an answer), body, the seconds of Retry-After, and the cookie that was set."""
        headers = {"host": NAME} | ({"cookie": f"anxin={token}"} if token else {})
        try:
            async with self._session.post(
                f"{self._url}{API}/{path}", json=body, headers=headers, server_hostname=NAME
            ) as reply:
                is_json = reply.content_type == "application/json"
                content = await reply.json() if is_json else await reply.read()
                cookie = reply.cookies.get("anxin")
                wait = float(reply.headers.get("retry-after", 0))
                return reply.status, content, wait, cookie.value if cookie else None
        except (aiohttp.ClientError, TimeoutError):
            return 0, None, 0.0, None

    def counts(self) -> dict[str, int]:
        """Return what was tried and what came of it, each kind of refusal by its code."""
        sent = [one for chat in self.chats for one in chat.sent]
        return {
            "conversations": len(self.chats),
            "messages": len(sent),
            "tried": self.tried,
            "acknowledged": sum(one.answer is not None for one in sent),
            **{f"refused {code}": count for code, count in sorted(self.refused.items())},
            "dishonest": len(self.dishonest),
        }


@asynccontextmanager
async def customers(url: str, seed: int) -> AsyncIterator[Customers]:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(limit=AT_ONCE, ssl=trusting)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_SECONDS, sock_read=REQUEST_SECONDS)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Customers(url, session, seed)
