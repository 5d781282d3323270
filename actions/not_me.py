"""«It was not me»: what to do at once, and the suspension of online login for a verified customer."""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Caller, call
from actions.verification import VerifiedFlow


class NotMe(VerifiedFlow):
    """Where no code is asked for, there is the phone."""

    purpose, intent, noun = "protect_account", "not_me", "not_me"
    elsewhere = from_link = "utter_not_me_by_phone"

    async def check(self, who: Caller) -> None:
        await call(self.services.protection.refuse_protected, who.conversation)

    def begin(self, dispatcher: CollectingDispatcher) -> None:
        dispatcher.utter_message(response="utter_not_me_first")

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        protect = self.services.protection.protect
        report = await call(protect, who.conversation, who.institution, who.language, who.notice)
        dispatcher.utter_message(response="utter_protected", report=report)
