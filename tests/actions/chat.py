"""A conversation with the custom actions alone: forms are run as Rasa runs them, words are taken for what the test says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from rasa_sdk import Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher

from actions.server import register_actions
from bot.content.institutions import load_institutions
from bot.contracts.turn import parse_payload, payload
from bot.engine.understanding.entities import EntityRules
from bot.settings import ROOT
from tests.actions.world import START, Person, World

ENTITIES = {"code": "otp_code", "account": "account", "birth_date": "birth_date"}
Said = list[str]


@lru_cache
def forms() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["forms"]
    return found


@dataclass
class Chat:
    """What was said last is in `messages`; each call returns the names of the responses."""

    world: World
    conversation: str = "c1"
    institution: str = "hnyc"
    language: str = "zh-Hant"
    link: bool = False
    notice: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    form: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    _message: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.actions: ActionExecutor = register_actions(self.world.services)
        self._rules = EntityRules(load_institutions())

    # --- what a customer does ---------------------------------------------------------------------

    def begin(self, noun: str, words: str = "") -> Said:
        """Write words that are taken for the intent whose opener is `action_open_<noun>`."""
        return asyncio.run(self._turn(words, "", noun))

    def say(self, words: str, intent: str = "nlu_fallback", confidence: float = 0.9) -> Said:
        """Answer the question in words; `["rejected"]` where the form leaves them to the rules."""
        return asyncio.run(self._turn(words, intent, None, confidence))

    def press(self, **entities: str) -> Said:
        return self.say(payload("inform", **entities))

    def enter(self, kind: str, value: str) -> Said:
        return self.press(**{ENTITIES[kind]: self.world.put(self.conversation, kind, value)})

    def identify(self, person: Person) -> Said:
        self.enter("account", person.number)
        return self.enter("birth_date", person.born)

    def verify(self, person: Person, channel: str = "sms") -> Said:
        """Go from the account to behind the code."""
        self.identify(person)
        self.press(otp_channel=channel)
        return self.enter("code", self.code())

    def cancel(self) -> None:
        self.form = self.slots["requested_slot"] = None

    def code(self) -> str:
        self.world.services.outbox.relay()
        return str([message.code for message in self.world.messenger.sent if message.code][-1])

    @property
    def asked(self) -> str | None:
        return self.slots.get("requested_slot") if self.form else None

    # --- as Rasa does it --------------------------------------------------------------------------

    async def _turn(self, words: str, intent: str, noun: str | None, confidence: float = 0.9) -> Said:
        if words.startswith("/"):
            self._message = parse_payload(words)
        else:
            found = [one._asdict() for one in self._rules.find(words, self.institution, START)]
            self._message = {"text": words, "intent": {"name": intent, "confidence": confidence}, "entities": found}
        self._message["metadata"] = {"institution": self.institution, "language": self.language, "link": self.link}
        self._message["metadata"]["notice"] = self.notice
        self.messages = []
        if noun:
            await self._act(f"action_open_{noun}")
        elif self.form and not await self._fill():
            return ["rejected"]
        return [message["response"] for message in self.messages]

    async def _act(self, name: str) -> None:
        follows = self._apply(await self._run(name, []))
        if follows in forms():
            known = (
                {}
                if self.form == follows
                else {k: v for k, v in self.slots.items() if v and k in self._required(follows)}
            )
            self.form = follows
            await self._ask(*self._validated(await self._validate(known)))
        elif follows:
            await self._act(follows)

    @staticmethod
    def _required(form: str) -> list[str]:
        return list(forms()[form]["required_slots"])

    async def _fill(self) -> bool:
        """Validate what the message gives; False where it gives nothing that was asked for."""
        asked = str(self.asked)
        given = {e["entity"]: e["value"] for e in self._message["entities"]}
        slots = {asked: given[asked]} if asked in ("account", "birth_date", "otp_code") and asked in given else {}
        events = await self._validate(slots)
        if not {e["name"] for e in events if e["event"] == "slot"} - {"requested_slot"}:
            return False
        await self._ask(*self._validated(events))
        return True

    async def _validate(self, slots: dict[str, Any]) -> list[dict[str, Any]]:
        candidates = [{"event": "slot", "name": name, "value": value} for name, value in slots.items()]
        return await self._run(f"validate_{self.form}", candidates)

    def _validated(self, events: list[dict[str, Any]]) -> list[str | None]:
        """Apply what a validation came to; return which slot it says is next, if it does."""
        self._apply(events)
        return [e["value"] for e in events if e.get("name") == "requested_slot"]

    async def _ask(self, *told: str | None) -> None:
        missing = (slot for slot in self._required(str(self.form)) if self.slots.get(slot) is None)
        slot = told[0] if told else next(missing, None)
        self.slots["requested_slot"] = slot
        if slot and f"action_ask_{slot}" in self.actions.actions:
            self._apply(await self._run(f"action_ask_{slot}", []))
        elif slot:
            self.messages.append({"response": f"utter_ask_{slot}"})
        if self.slots["requested_slot"] is None:
            done, self.form = self.form, None
            await self._act("action_finish_verified_flow" if done == "verification_form" else "action_check_notice")

    async def _run(self, name: str, candidates: list[dict[str, Any]]) -> list[dict[str, Any]]:
        slots = self.slots | {e["name"]: e["value"] for e in candidates}
        loop = {"name": self.form} if self.form else {}
        tracker = Tracker(self.conversation, slots, self._message, candidates, False, None, loop, None)
        dispatcher = CollectingDispatcher()
        events = await self.actions.actions[name](dispatcher, tracker, {"forms": forms()})
        self.messages += dispatcher.messages
        return list(events)

    def _apply(self, events: list[dict[str, Any]]) -> str | None:
        for event in events:
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
            elif event["event"] == "active_loop":
                self.form = event["name"]
        return next((e["name"] for e in events if e["event"] == "followup"), None)
