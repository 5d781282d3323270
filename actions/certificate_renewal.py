"""The certificate renewal in the chat, step by step; every step can be left and resumed."""

from __future__ import annotations

import contextlib

from rasa_sdk.executor import CollectingDispatcher

from actions.security.errors import Refusal
from actions.turn import Caller, Slots, call
from actions.verification import GIVEN, STEPS, VerifiedFlow

CONFIRM, DONE = "confirm", "done"


class CertificateRenewal(VerifiedFlow):
    purpose, intent, noun = "renew_certificate", "renew_certificate", "certificate_renewal"
    steps = (*STEPS, "second_birth_date", "confirmed")
    declined = "utter_renewal_declined"

    async def check(self, who: Caller) -> None:
        await call(self.services.protection.refuse_protected, who.conversation)

    def begin(self, dispatcher: CollectingDispatcher) -> None:
        dispatcher.utter_message(response="utter_renewal_begins")

    async def done_already(self, who: Caller) -> Slots:
        """Go on at the step where the renewal was left; an installation that was confirmed is only told again."""
        progress = await call(self.services.certificate_renewal.open, who.conversation, who.institution)
        done = {CONFIRM: ("second_birth_date",), DONE: ("second_birth_date", "confirmed")}
        return dict.fromkeys(done.get(progress.step, ()), GIVEN)

    async def not_mine(self, who: Caller) -> None:
        with contextlib.suppress(Refusal):  # nothing had begun yet
            await call(self.services.certificate_renewal.not_mine, who.conversation)

    async def ask_second_birth_date(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        progress = await call(self.services.certificate_renewal.open, who.conversation, who.institution)
        response = f"utter_ask_renewal_birth_date_{progress.way}"
        dispatcher.utter_message(response=response, valid_until=progress.valid_until)

    async def take_second_birth_date(self, who: Caller, reference: str) -> None:
        await call(self.services.certificate_renewal.give_birth_date, who.conversation, reference)

    async def ask_confirmed(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        progress = await call(self.services.certificate_renewal.open, who.conversation, who.institution)
        response = f"utter_ask_renewal_confirmed_{progress.way}"
        dispatcher.utter_message(response=response, valid_until=progress.valid_until, sent_to=progress.sent_to)

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        install = self.services.certificate_renewal.confirm_and_install
        done = await call(install, who.conversation, who.language)
        dispatcher.utter_message(response="utter_renewed", receipt=done.receipt, valid_until=done.valid_until)
