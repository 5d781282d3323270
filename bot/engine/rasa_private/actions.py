"""Custom actions: signed, bounded in time, and fatal to their turn when they fail.

* Rasa logs an action that failed and goes on as if it had succeeded (`processor.py:996`, P18): the
  customer would be told "done". Here a failed action ends the turn; nothing of the turn is stored.
* Rasa's client waits 300 s, sends the whole history and the whole domain with every call, and cannot
  sign (P9, P23, P20).
"""

from __future__ import annotations

import asyncio
import json
import time
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

import aiohttp
import rasa
from rasa.core.actions.action import ActionExecutionRejection, RemoteAction
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, Event, UserUttered, deserialise_events
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity

from bot.contracts import trace
from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import sign
from bot.contracts.turn import SIGN_ACTIONS, Done
from bot.settings import read_settings
from bot.traces import span

ACTION_DEADLINE_SECONDS = 3.0
CONNECT_DEADLINE_SECONDS = 1.0

_acted: ContextVar[bool] = ContextVar("acted", default=False)  # has an action run in this turn?


class TurnAborted(BaseException):
    """The turn cannot go on; the dialogue stays where it was before the customer's message.

    A BaseException, because Rasa swallows every Exception of an action and continues (P18).
    """

    def __init__(self, error: str, done: Done) -> None:
        super().__init__(error)
        self.error = error
        self.done = done


class TrackerMoved(TurnAborted):
    """Another replica has taken a turn of this conversation since its tracker was read; nothing of this one is stored."""

    def __init__(self) -> None:
        super().__init__("database_down", "unknown")


def begin_turn() -> None:
    """Forget the turn before: one connection of the gateway brings many."""
    _acted.set(False)


def told_done(aborted: TurnAborted) -> Done:
    """Return what can be said of a turn that ends here: after an action has run, nobody says that nothing was done."""
    return "unknown" if _acted.get() else aborted.done


def install() -> None:
    RemoteAction.run = _run_remote_action


async def _run_remote_action(
    self: RemoteAction, output_channel: Any, nlg: Any, tracker: DialogueStateTracker, domain: Domain
) -> list[Event]:
    """As `RemoteAction.run`: the events and messages that the actions process answers with."""
    body = json.dumps(_action_call(self.name(), tracker, domain), ensure_ascii=False).encode()
    try:
        with span("action", action=self.name()):
            answer = await _post(body, _seconds_left(tracker))
        _acted.set(True)
        responses, events = answer.get("responses") or [], answer.get("events") or []
        bot_messages: list[BotUttered] = await self._utter_responses(responses, output_channel, nlg, tracker)
        return [*bot_messages, *deserialise_events(events)]
    except ActionExecutionRejection:
        raise
    except TurnAborted as aborted:  # what an earlier action of this turn did stays done
        raise TurnAborted(aborted.error, told_done(aborted)) from aborted
    except Exception as problem:  # an answer that cannot be read; Rasa would go on as if it had succeeded
        raise TurnAborted("actions_down", "unknown") from problem


def _seconds_left(tracker: DialogueStateTracker) -> float:
    """Return what is left of the turn's time: it counts from the customer's message, over all of its actions."""
    spent = time.time() - tracker.latest_message.timestamp if tracker.latest_message else 0.0
    left = ACTION_DEADLINE_SECONDS - max(spent, 0.0)  # a clock that is set back gives no more than the whole
    if left <= 0:
        raise TurnAborted("actions_down", "unknown")
    return left


def _action_call(name: str, tracker: DialogueStateTracker, domain: Domain) -> dict[str, Any]:
    """Only this turn's events: an action decides by slots, the message and SQL, not by history."""
    state = tracker.current_state(EventVerbosity.NONE)
    events = list(tracker.events)
    start = max((i for i, e in enumerate(events) if isinstance(e, UserUttered)), default=0)
    state["events"] = [event.as_dict() for event in events[start:]]
    forms = {form: domain.forms.get(form) for form in domain.form_names}
    return {
        "next_action": name,
        "sender_id": tracker.sender_id,
        "tracker": state,
        "domain": {"forms": forms},
        "version": rasa.__version__,
    }


@lru_cache(maxsize=4)
def _key(master_key_file: Path) -> bytes:
    return derive(load_or_create_master_key(master_key_file), SIGN_ACTIONS)


class _Line:
    """Kept connections to the actions processes; of several the next one, past those that cannot be reached."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._next = 0

    def addresses(self, urls: tuple[str, ...]) -> list[str]:
        self._next = (self._next + 1) % len(urls)
        return [*urls[self._next :], *urls[: self._next]]

    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed or self._session._loop is not asyncio.get_running_loop():
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=20))
        return self._session


_line = _Line()


async def _post(body: bytes, seconds: float) -> dict[str, Any]:
    """Return what an actions process answers; another is asked only where the one before was not reached."""
    settings, until = read_settings(), time.monotonic() + seconds
    content, status = b"", 0
    for url in _line.addresses(settings.actions_urls):
        headers = {
            "Content-Type": "application/json",
            **trace.header(),
            **sign(_key(settings.key_file), "POST", "/webhook", body, time.time()),
        }
        left = max(until - time.monotonic(), 0.0)
        timeout = aiohttp.ClientTimeout(total=left, sock_connect=min(CONNECT_DEADLINE_SECONDS, left))
        try:
            async with _line.session().post(f"{url}/webhook", data=body, headers=headers, timeout=timeout) as reply:
                content, status = await reply.read(), reply.status
                break
        except aiohttp.ClientConnectorError:
            continue
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as problem:
            raise TurnAborted("actions_down", "unknown") from problem
    else:
        raise TurnAborted("actions_down", "no")
    if status == 400 and content:
        refusal = json.loads(content)
        raise ActionExecutionRejection(refusal.get("action_name"), refusal.get("error"))
    if status != 200:
        raise TurnAborted("actions_down", "no" if status in (400, 401, 404, 413) else "unknown")
    answer: dict[str, Any] = json.loads(content)
    return answer
