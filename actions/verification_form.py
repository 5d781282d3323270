"""The steps of `verification_form`: account, birth date, where the code goes, the code, and what a purpose adds."""

from __future__ import annotations

import re

from rasa_sdk import FormValidationAction, Tracker
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.errors import (
    AccountProtected,
    FactorsMissing,
    GuessRefusal,
    NotIdentified,
    OtpExhausted,
    OtpNotSent,
    OtpWrong,
    Refusal,
    RenewalCodeExpired,
    RenewalNoCertificate,
    RenewalOutOfOrder,
    RenewalStopped,
    RenewalTooLate,
    ResendTooSoon,
    SendsUsedUp,
    UnlockSuspended,
)
from actions.turn import Slots, call, caller, entity, intent, say, text
from actions.verification import FORM, GIVEN, LEFT, STEPS, Flows, VerifiedFlow, say_of

NOT_MINE = "not_mine"
YES, NO = "yes", "no"
# The customer can do nothing more in the form after these.
_ENDS = (
    GuessRefusal,
    AccountProtected,
    SendsUsedUp,
    FactorsMissing,
    UnlockSuspended,
    RenewalStopped,
    RenewalNoCertificate,
    RenewalCodeExpired,
    RenewalTooLate,
)

_CHANNEL_WORDS = {
    "sms": ("簡訊", "短訊", "短信", "手機", "手机", "電話", "电话", "sms", "phone", "text"),
    "email": ("信箱", "郵", "邮", "mail"),
}
_SURE = 0.5
# A "yes" with one of these in it is no yes; but for these ways to say yes.
_UNCLEAR = re.compile(
    r"[?？嗎吗不沒没別别未勿唔嗯恩等停但先錯错]|\b(?:not?|don'?t|wait|stop|but|later|never|wrong|what|why|how|if)\b",
    re.IGNORECASE,
)
_NO_DOUBT = re.compile(r"[沒没]有?(?:問題|问题|錯|错)|no problem", re.IGNORECASE)


class ValidateVerificationForm(FormValidationAction):
    """Takes each step in turn; a refusal leaves the form at its step, or ends it where no step would help."""

    def __init__(self, services: Services, flows: Flows) -> None:
        self._services = services
        self._flows = flows

    def name(self) -> str:
        return f"validate_{FORM}"

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[str]:
        flow = self._flows.get(str(tracker.get_slot("purpose")))
        return list(flow.steps) if flow else []

    async def validate_account(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        who = caller(tracker)
        if value in (None, GIVEN):
            return {"account": value}
        try:
            await call(self._services.identification.give_account, who.conversation, who.institution, value)
        except Refusal as refusal:
            return self._refused(dispatcher, tracker, refusal, "account")
        return {"account": value}

    async def validate_birth_date(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value in (None, GIVEN):
            return {"birth_date": value}
        try:
            await call(self._services.identification.give_birth_date, tracker.sender_id, value)
        except Refusal as refusal:
            return self._refused(dispatcher, tracker, refusal, "birth_date")
        return {"birth_date": value}

    async def extract_otp_channel(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        requested = tracker.get_slot("requested_slot")
        chosen = entity(tracker, "otp_channel") if requested in ("otp_channel", "otp_code") else None
        if not chosen and requested == "otp_code" and intent(tracker) == "send_code":
            chosen = "resend"
        if not chosen and requested == "otp_channel":
            chosen = _channel_named(text(tracker))
        return {"otp_channel": chosen} if chosen else {}

    async def validate_otp_channel(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value in (None, GIVEN):
            return {"otp_channel": value}
        who, flow, otp = caller(tracker), self._flow(tracker), self._services.one_time_password
        if value == NOT_MINE:
            await flow.not_mine(who)
            dispatcher.utter_message(response="utter_otp_not_mine")
            return LEFT
        try:
            channel = value
            if value == "resend":
                channel = (await call(otp.pending, who.conversation, flow.purpose)).channel
            await call(otp.send, who.conversation, flow.purpose, channel, who.language)
        except ResendTooSoon as refusal:
            say(dispatcher, refusal)
            return await self._back_to_pending(who.conversation, flow.purpose)
        except SendsUsedUp as refusal:
            if tracker.get_slot("requested_slot") == "otp_code" and await self._waits(who.conversation, flow.purpose):
                say(dispatcher, refusal)
                return await self._back_to_pending(who.conversation, flow.purpose)
            return self._refused(dispatcher, tracker, refusal, "otp_channel")
        except Refusal as refusal:
            return self._refused(dispatcher, tracker, refusal, "otp_channel")
        self._services.relay_soon()
        return {"otp_channel": channel, "otp_code": None}

    async def _back_to_pending(self, conversation: str, purpose: str) -> Slots:
        try:
            sent = await call(self._services.one_time_password.pending, conversation, purpose)
        except OtpNotSent:  # it was sent in another conversation of the same customer
            return {"otp_channel": None}
        return {"otp_channel": sent.channel, "otp_code": None}

    async def _waits(self, conversation: str, purpose: str) -> bool:
        """Return whether a code that was sent before may still arrive in time."""
        sent = await call(self._services.one_time_password.pending, conversation, purpose)
        return sent.expires_at > self._services.clock.now()

    async def validate_otp_code(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value in (None, GIVEN):
            return {"otp_code": value}
        who, flow = caller(tracker), self._flow(tracker)
        try:
            await call(self._services.one_time_password.verify, who.conversation, flow.purpose, value, who.language)
        except OtpWrong as refusal:
            # The last wrong one has voided the code: that is what the customer needs to hear.
            last = not refusal.facts["left"]
            return self._refused(dispatcher, tracker, OtpExhausted() if last else refusal, "otp_code")
        except Refusal as refusal:
            return self._refused(dispatcher, tracker, refusal, "otp_code")
        return {"otp_code": value}

    async def extract_second_birth_date(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        asked = tracker.get_slot("requested_slot") == "second_birth_date"
        given = entity(tracker, "birth_date") if asked else None
        return {"second_birth_date": given} if given else {}

    async def validate_second_birth_date(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value in (None, GIVEN):
            return {"second_birth_date": value}
        try:
            await self._flow(tracker).take_second_birth_date(caller(tracker), value)
        except RenewalOutOfOrder as refusal:
            say(dispatcher, refusal)
            return {"second_birth_date": None, **await self._flow(tracker).done_already(caller(tracker))}
        except Refusal as refusal:
            return self._refused(dispatcher, tracker, refusal, "second_birth_date")
        return {"second_birth_date": GIVEN}

    async def extract_confirmed(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Slots:
        if tracker.get_slot("requested_slot") != "confirmed":
            return {}
        chosen = entity(tracker, "confirmed") or _answer(tracker)
        if chosen:
            return {"confirmed": chosen}
        return {"confirmed": None} if intent(tracker) in ("affirm", "deny") else {}  # unclear: asked again

    async def validate_confirmed(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value == NO:
            dispatcher.utter_message(response=self._flow(tracker).declined)
            return LEFT
        return {"confirmed": YES if value == YES else None}

    def _flow(self, tracker: Tracker) -> VerifiedFlow:
        return self._flows[str(tracker.get_slot("purpose"))]

    def _refused(self, dispatcher: CollectingDispatcher, tracker: Tracker, refusal: Refusal, step: str) -> Slots:
        """Say why not; return the slots to empty: those to ask for again, or all where nothing would help."""
        if isinstance(refusal, _ENDS):
            say_of(self._flow(tracker), dispatcher, caller(tracker), refusal)
            return LEFT
        say(dispatcher, refusal)
        if isinstance(refusal, NotIdentified):
            return dict.fromkeys(STEPS)
        return {step: None}


def _channel_named(words: str) -> str | None:
    lowered = words.lower()
    named = [channel for channel, marks in _CHANNEL_WORDS.items() if any(mark in lowered for mark in marks)]
    return named[0] if len(named) == 1 else None


def _answer(tracker: Tracker) -> str | None:
    """Return yes or no where the words say nothing else; a yes is never guessed."""
    sure = float((tracker.latest_message.get("intent") or {}).get("confidence") or 0) >= _SURE
    if intent(tracker) == "affirm":
        return YES if sure and not _UNCLEAR.search(_NO_DOUBT.sub("", text(tracker))) else None
    return NO if intent(tracker) == "deny" and sure else None
