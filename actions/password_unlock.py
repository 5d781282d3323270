"""The self-service unlock in the chat."""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Caller, call
from actions.verification import VerifiedFlow


class PasswordUnlock(VerifiedFlow):
    """Unlocks, and says the receipt."""

    purpose, intent, noun = "unlock_password", "unlock_password", "password_unlock"
    elsewhere = "utter_unlock_elsewhere"

    async def check(self, who: Caller) -> None:
        await call(self.services.protection.refuse_protected, who.conversation)
        await call(self.services.password_unlock.refuse_second, who.conversation, who.institution)

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        unlock = self.services.password_unlock.unlock
        receipt = await call(unlock, who.conversation, who.institution, who.language)
        dispatcher.utter_message(response="utter_unlocked", receipt=receipt)
