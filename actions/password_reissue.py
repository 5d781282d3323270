"""The password reissue in the chat: what it does is said and confirmed before it is done."""

from __future__ import annotations

from rasa_sdk.executor import CollectingDispatcher

from actions.turn import Caller, call
from actions.verification import STEPS, VerifiedFlow


class PasswordReissue(VerifiedFlow):
    purpose, intent, noun = "reissue_password", "reissue_password", "password_reissue"
    steps = (*STEPS, "confirmed")
    declined = "utter_reissue_declined"

    async def check(self, who: Caller) -> None:
        await call(self.services.protection.refuse_protected, who.conversation)

    async def ask_confirmed(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        """Say what will happen, after whatever would refuse it has been asked."""
        await call(self.services.password_reissue.check, who.conversation)
        shown = await call(self.services.identification.destinations, who.conversation)
        dispatcher.utter_message(response="utter_ask_reissue_confirmed", mailbox=shown.email)

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        reissue = self.services.password_reissue.reissue
        receipt = await call(reissue, who.conversation, who.institution, who.language)
        dispatcher.utter_message(response="utter_reissued", receipt=receipt)
