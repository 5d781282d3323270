"""A customer's browser at the gateway, and the whole of an unlock as customers go through it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bot.rig.customers import Person
from bot.turns_bench.wire import NotAnswered, Reply, Wire

API = "/Webhook/api"
CODE_SECONDS = 30.0
UNLOCKED = "已經解鎖"
Json = dict[str, Any]


class Browser:
    """Keeps the cookie and the latest messages; every method raises `NotAnswered` for an error."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cookie = ""
        self.messages: list[Json] = []

    async def open(self) -> None:
        body = json.dumps({"institution": "hnyc", "language": "zh-Hant"}).encode()
        reply = await self._wire.request("POST", f"{API}/conversations", body)
        self.messages = _answered(reply, 201)
        self._cookie = reply.cookie

    async def say(self, text: str) -> None:
        await self.send("messages", {"text": text})

    async def press(self, title: str) -> None:
        await self.send("messages", {"button": self.button(title)})

    async def enter(self, kind: str, value: str) -> None:
        await self.send("secrets", {"kind": kind, "value": value})

    async def send(self, path: str, what: Json, id_: str = "") -> None:
        body = json.dumps({"id": id_ or str(uuid.uuid4()), **what}).encode()
        self.messages = _answered(await self._wire.request("POST", f"{API}/{path}", body, cookie=self._cookie))

    async def everything(self) -> list[Json]:
        """Return all that was said, as the gateway has it."""
        said: list[Json] = []
        while True:
            after = said[-1]["seq"] if said else 0
            reply = await self._wire.request("GET", f"{API}/messages?after={after}", cookie=self._cookie)
            more = _answered(reply)
            if not more:
                return said
            said += more

    def button(self, title: str) -> str:
        """Return the token of the button whose title has these words; raise `NotAnswered` where there is none."""
        for message in self.messages:
            for button in message["buttons"]:
                if title in button["title"]:
                    return str(button["button"])
        raise NotAnswered(f"no button {title}")

    @property
    def text(self) -> str:
        return "\n".join(message["text"] for message in self.messages)


class Codes:
    """The codes that arrived, read from the embedded outbox as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0
        self._codes: dict[str, str] = {}

    async def of(self, phone: str) -> str:
        """Return the newest code for `phone`; raise `NotAnswered` where none comes in time."""
        until = asyncio.get_running_loop().time() + CODE_SECONDS
        while True:
            self._read_on()
            if phone in self._codes:
                return self._codes.pop(phone)
            if asyncio.get_running_loop().time() > until:
                raise NotAnswered("no code arrived")
            await asyncio.sleep(0.005)

    def _read_on(self) -> None:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        lines = lines[: lines.rfind(b"\n") + 1]
        self._read += len(lines)
        for line in lines.splitlines():
            message = json.loads(line)
            if message.get("code"):
                self._codes[message["to"]] = message["code"]


Step = tuple[str, Callable[[], Awaitable[None]]]


def unlock(browser: Browser, person: Person, codes: Codes) -> list[Step]:
    """Return the steps of an unlock, one request each; the last raises `NotAnswered` where nothing was unlocked."""

    async def finish() -> None:
        await browser.enter("code", await codes.of(person.phone))
        if UNLOCKED not in browser.text:
            raise NotAnswered("not unlocked")

    return [
        ("unlock", lambda: browser.say("幫我解鎖密碼")),
        ("account", lambda: browser.enter("account", person.number)),
        ("birth date", lambda: browser.enter("birth_date", f"{person.born:%Y-%m-%d}")),
        ("way", lambda: browser.press("簡訊")),
        ("code", finish),
    ]


def _answered(reply: Reply, status: int = 200) -> list[Json]:
    if reply.status != status:
        raise NotAnswered(_kind(reply), reply.retry_after)
    try:
        messages: list[Json] = reply.json()["messages"]
    except (ValueError, KeyError, TypeError) as problem:
        raise NotAnswered(f"{status} without messages") from problem
    return messages


def _kind(reply: Reply) -> str:
    try:
        return f"{reply.status} {reply.json()['error']['code']}"
    except (ValueError, KeyError, TypeError):
        return str(reply.status)
