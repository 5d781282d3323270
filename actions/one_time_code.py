"""One-time codes in the chat: a code on its own, and the two questions that every code needs."""

from __future__ import annotations

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.errors import NotIdentified, Refusal
from actions.services.identification import Destinations
from actions.turn import Caller, call, caller, say
from actions.verification import DETAILS, STEPS, VerifiedFlow


class OneTimeCode(VerifiedFlow):
    """A code on its own: who is here is known, and nothing else happens."""

    purpose, intent, noun = "verify_identity", "send_code", "one_time_code"
    elsewhere = "utter_send_code_elsewhere"
    goes_on = False

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        dispatcher.utter_message(response="utter_otp_verified")


class ActionAskOtpChannel(Action):
    """Offers the masked destinations."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_ask_otp_channel"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who = caller(tracker)
        try:
            shown = await call(self._services.identification.destinations, who.conversation)
        except NotIdentified as refusal:
            say(dispatcher, refusal)
            return [SlotSet(step, None) for step in DETAILS]
        ways = offered(self._services, who, shown)
        dispatcher.utter_message(response="utter_ask_otp_channel", **ways)
        return []


class ActionAskOtpCode(Action):
    """Says where the code went and until when it is good; times travel in `ask`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_ask_otp_code"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who, purpose = caller(tracker), str(tracker.get_slot("purpose"))
        try:
            sent = await call(self._services.one_time_password.pending, who.conversation, purpose)
            shown = await call(self._services.identification.destinations, who.conversation)
        except Refusal as refusal:
            say(dispatcher, refusal)
            return [SlotSet(step, None) for step in STEPS]
        ways = offered(self._services, who, shown)
        ways.pop(sent.channel, None)
        ask = {
            "kind": "code",
            "digits": sent.digits,
            "sent_to": sent.sent_to,
            "expires_at": sent.expires_at.isoformat(),
            "resend_at": sent.resend_at.isoformat(),
        }
        dispatcher.utter_message(
            response="utter_ask_otp_code",
            sent_to=sent.sent_to,
            digits=sent.digits,
            minutes=sent.ttl_seconds // 60,
            ask=ask,
            **ways,
        )
        return []


def offered(services: Services, who: Caller, shown: Destinations) -> dict[str, str]:
    """Return the masked destination of each way that the institution sends codes by and the customer has."""
    channels = services.institutions[who.institution].otp_ttl_seconds
    return {
        channel: where
        for channel, where in (("sms", shown.sms), ("email", shown.email))
        if where and channel in channels
    }
