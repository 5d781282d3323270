"""A turn that reaches an engine after its customer has sent the message again and was answered: nothing happens twice (G29, T53)."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no stubs
import httpx
import pytest

from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import sign
from bot.contracts.turn import SIGN_TURNS, TURN_PATH, Caller, TurnRequest, payload
from bot.rig.process import OwnProcess
from bot.rig.town import Town

PATIENCE_SECONDS = 10.0


def turn(
    town: Town, engine: OwnProcess, conversation: str, message: str, pressed: str, again: bool = False
) -> tuple[int, Any]:
    """Ask one engine as a gateway does."""
    who = Caller(institution="hnyc", language="zh-Hant", reference="C-TEST01", message=message, link=False, notice="")
    call = TurnRequest(conversation=conversation, caller=who, text=None, payload=pressed, again=again)
    body = json.dumps(call).encode()
    key = derive(load_or_create_master_key(town.settings.key_file), SIGN_TURNS)
    url = engine.ready_url.replace("/readyz", TURN_PATH)
    headers = {"content-type": "application/json", **sign(key, "POST", TURN_PATH, body, time.time())}
    reply = httpx.post(url, content=body, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)
    return reply.status_code, reply.json()


async def messages_of(town: Town, conversation: str) -> list[str]:
    """Return the message of each turn that is stored."""
    trackers = await asyncpg.connect(town.settings.trackers_url)
    rows = await trackers.fetch("SELECT message FROM turn WHERE conversation = $1 ORDER BY seq", conversation)
    await trackers.close()
    return [row["message"] for row in rows]


@pytest.mark.parametrize("between", [0, 12], ids=["at once", "after twelve more turns"])
def test_it_is_answered_as_before_and_changes_nothing(town: Town, between: int) -> None:
    slow, other = town.engines[:2]
    conversation, message, told = uuid.uuid4().hex, str(uuid.uuid4()), []
    pressed = payload("report_error")
    assert turn(town, slow, conversation, str(uuid.uuid4()), payload("greet"))[0] == 200
    slow.freeze()
    late = threading.Thread(target=lambda: told.append(turn(town, slow, conversation, message, pressed)))
    late.start()
    time.sleep(0.3)  # it is on its way, and stays there
    again = turn(town, other, conversation, message, pressed, again=True)
    for _ in range(between):
        assert turn(town, other, conversation, str(uuid.uuid4()), payload("repeat"))[0] == 200
    before = asyncio.run(messages_of(town, conversation))
    slow.thaw()
    late.join()
    assert (again[0], told[0][0]) == (200, 200)
    assert told[0][1]["messages"] == again[1]["messages"]
    assert asyncio.run(messages_of(town, conversation)) == before
