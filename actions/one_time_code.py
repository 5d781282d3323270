"""Custom actions that verify a one-time code: on its own, and as the steps every verified flow shares."""

from __future__ import annotations

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.errors import NotIdentified, OtpNotSent, Refusal, ResendTooSoon
from actions.turn import Slots, call, caller, entity, intent, leave_form, say, text

PURPOSES = {"password_unlock_form": "unlock_password", "one_time_code_form": "verify_identity"}
GIVEN = "given"  # instead of a vault reference: the detail is known already

_CHANNEL_WORDS = {
    "sms": ("簡訊", "短訊", "短信", "手機", "手机", "電話", "电话", "sms", "phone", "text"),
    "email": ("信箱", "郵", "邮", "mail"),
}


class OpenVerifiedFlow(Action):
    """Starts a flow that needs a code, with nothing left over from an earlier one."""

    form = "one_time_code_form"
    elsewhere = "utter_send_code_elsewhere"

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_open_" + self.form.removesuffix("_form")

    def _is_offered(self, institution: str) -> bool:
        return self._services.institutions[institution].sends_codes

    async def _check(self, conversation: str, institution: str) -> None:
        """Raise a refusal that needs no code to be known."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who, leave = caller(tracker), leave_form()
        institution = self._services.institutions[who.institution]
        refused = "utter_otp_link_refused" if who.from_link and institution.link_trust != "full" else None
        if not self._is_offered(who.institution):
            refused = self.elsewhere
        if refused:
            dispatcher.utter_message(response=refused)
            return leave
        try:
            await self._check(who.conversation, who.institution)
        except Refusal as refusal:
            say(dispatcher, refusal)
            return leave
        known = await call(self._services.identification.is_known, who.conversation)
        detail = GIVEN if known else None
        slots = {"account": detail, "birth_date": detail, "otp_channel": None, "otp_code": None}
        events = [SlotSet(name, value) for name, value in slots.items()]
        return [*leave, *events, FollowupAction(self.form)]


class ValidateVerifiedForm(FormValidationAction):
    """Takes account, birth date, channel and code in turn; each refusal leaves the form at its step."""

    form = "one_time_code_form"

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return f"validate_{self.form}"

    async def validate_account(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        who = caller(tracker)
        if value in (None, GIVEN):
            return {"account": value}
        try:
            await call(self._services.identification.give_account, who.conversation, who.institution, value)
        except Refusal as refusal:
            say(dispatcher, refusal)
            return {"account": None}
        return {"account": value}

    async def validate_birth_date(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value in (None, GIVEN):
            return {"birth_date": value}
        try:
            await call(self._services.identification.give_birth_date, tracker.sender_id, value)
        except NotIdentified as refusal:
            say(dispatcher, refusal)
            return {"account": None, "birth_date": None}
        except Refusal as refusal:
            say(dispatcher, refusal)
            return {"birth_date": None}
        return {"birth_date": value}

    async def extract_otp_channel(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        requested = tracker.get_slot("requested_slot")
        chosen = entity(tracker, "otp_channel")
        if not chosen and requested == "otp_code" and intent(tracker) == "send_code":
            chosen = "resend"
        if not chosen and requested == "otp_channel":
            chosen = _channel_named(text(tracker))
        return {"otp_channel": chosen} if chosen else {}

    async def validate_otp_channel(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value is None:
            return {"otp_channel": None}
        who, purpose, otp = caller(tracker), PURPOSES[self.form], self._services.one_time_password
        try:
            channel = (await call(otp.pending, who.conversation, purpose)).channel if value == "resend" else value
            await call(otp.send, who.conversation, purpose, channel, who.language)
        except ResendTooSoon as refusal:
            say(dispatcher, refusal)
            return await self._back_to_pending(who.conversation, purpose)
        except NotIdentified as refusal:
            say(dispatcher, refusal)
            return {"account": None, "birth_date": None, "otp_channel": None}
        except Refusal as refusal:
            say(dispatcher, refusal)
            return {"otp_channel": None}
        self._services.relay_soon()
        return {"otp_channel": channel, "otp_code": None}

    async def _back_to_pending(self, conversation: str, purpose: str) -> Slots:
        try:
            sent = await call(self._services.one_time_password.pending, conversation, purpose)
        except OtpNotSent:  # it was sent in another conversation of the same customer
            return {"otp_channel": None}
        return {"otp_channel": sent.channel, "otp_code": None}

    async def validate_otp_code(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value is None:
            return {"otp_code": None}
        try:
            await call(self._services.one_time_password.verify, tracker.sender_id, PURPOSES[self.form], value)
        except NotIdentified as refusal:
            say(dispatcher, refusal)
            return {"account": None, "birth_date": None, "otp_channel": None, "otp_code": None}
        except Refusal as refusal:
            say(dispatcher, refusal)
            return {"otp_code": None}
        return {"otp_code": value}


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
            return [SlotSet("account", None), SlotSet("birth_date", None)]
        offered = self._services.institutions[who.institution].otp_ttl_seconds
        ways = {"sms": shown.sms if "sms" in offered else None, "email": shown.email if "email" in offered else None}
        dispatcher.utter_message(response="utter_ask_otp_channel", **{k: v for k, v in ways.items() if v})
        return []


class ActionAskOtpCode(Action):
    """Says where the code went and until when it is good; times travel in `ask`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_ask_otp_code"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who, purpose = caller(tracker), PURPOSES[str(tracker.active_loop_name)]
        try:
            sent = await call(self._services.one_time_password.pending, who.conversation, purpose)
            shown = await call(self._services.identification.destinations, who.conversation)
        except Refusal as refusal:
            say(dispatcher, refusal)
            return [SlotSet(step, None) for step in ("account", "birth_date", "otp_channel", "otp_code")]
        other = {"sms": shown.sms, "email": shown.email} | {sent.channel: None}
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
            **{channel: where for channel, where in other.items() if where},
        )
        return []


class ActionOneTimeCodeVerified(Action):
    """The code was right; nothing else happens."""

    def name(self) -> str:
        return "action_one_time_code_verified"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        dispatcher.utter_message(response="utter_otp_verified")
        return [SlotSet("otp_channel", None), SlotSet("otp_code", None)]


def _channel_named(words: str) -> str | None:
    lowered = words.lower()
    named = [channel for channel, marks in _CHANNEL_WORDS.items() if any(mark in lowered for mark in marks)]
    return named[0] if len(named) == 1 else None
