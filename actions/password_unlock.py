"""Custom actions of the self-service unlock."""

from __future__ import annotations

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.one_time_code import OpenVerifiedFlow, ValidateVerifiedForm
from actions.security.errors import Refusal
from actions.turn import call, caller, say


class ActionOpenPasswordUnlock(OpenVerifiedFlow):
    form = "password_unlock_form"
    elsewhere = "utter_unlock_elsewhere"

    def _is_offered(self, institution: str) -> bool:
        return self._services.institutions[institution].self_unlock_per_day is not None

    async def _check(self, conversation: str, institution: str) -> None:
        await call(self._services.password_unlock.refuse_second, conversation, institution)


class ValidatePasswordUnlockForm(ValidateVerifiedForm):
    form = "password_unlock_form"


class ActionPasswordUnlock(Action):
    """Unlocks, and says the receipt; or says why not."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_password_unlock"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who = caller(tracker)
        try:
            receipt = await call(self._services.password_unlock.unlock, who.conversation, who.institution, who.language)
        except Refusal as refusal:
            say(dispatcher, refusal)
        else:
            dispatcher.utter_message(response="utter_unlocked", receipt=receipt)
            self._services.relay_soon()
        return [SlotSet("otp_channel", None), SlotSet("otp_code", None)]
