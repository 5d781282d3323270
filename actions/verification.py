"""What every flow for a verified customer goes through: opening, the form's steps, and the act at its end.

There is one form, `verification_form`, because rules cost forms times intents. Its slot `purpose` names the flow;
no authority lies in it: the rows of SQL decide, read by the act itself. `purpose` None: the flow was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.errors import (
    CoreRefusal,
    FactorsMissing,
    Refusal,
    RenewalCodeExpired,
    RenewalOutOfOrder,
    RenewalTooLate,
)
from actions.turn import Caller, Slots, call, caller, leave_form, say
from bot.content.flows import load_flows
from bot.contracts.turn import Button

FORM, FINISH = "verification_form", "action_finish_verified_flow"
DETAILS = ("account", "birth_date")
STEPS = (*DETAILS, "otp_channel", "otp_code")
MORE_STEPS = ("second_birth_date", "confirmed")
GIVEN = "given"  # instead of a vault reference: the step is done already
LEFT: Slots = {"purpose": None} | dict.fromkeys((*STEPS, *MORE_STEPS))
# After these the same once more may succeed.
_AGAIN = (CoreRefusal, FactorsMissing, RenewalOutOfOrder, RenewalCodeExpired, RenewalTooLate)


class VerifiedFlow:
    """One purpose of the form. What goes wrong is raised as a `Refusal`; whoever calls says it."""

    purpose: ClassVar[str]  # of the code, as the services know it
    intent: ClassVar[str]  # of the customer: its title and institutions are in data/flows/titles.yml
    noun: ClassVar[str]
    steps: ClassVar[tuple[str, ...]] = STEPS
    elsewhere: ClassVar[str] = "utter_elsewhere"  # said where the institution does not have the flow
    from_link: ClassVar[str] = "utter_otp_link_refused"
    declined: ClassVar[str] = "utter_deny"
    goes_on: ClassVar[bool] = True  # a code that is still good is not asked for again

    def __init__(self, services: Services) -> None:
        self.services = services
        self.words = load_flows()[self.intent]

    def refused(self, who: Caller) -> str | None:
        """Return what is said instead where the flow is not for `who`; behind a link, trust decides (G45)."""
        if who.institution not in self.words.institutions:
            return self.elsewhere
        trusted = self.services.institutions[who.institution].link_trust == "full"
        return self.from_link if who.from_link and not trusted else None

    def button(self, language: str) -> Button:
        """Return the button that starts it."""
        return {"title": self.words.title[language], "payload": f"/{self.intent}"}

    async def check(self, who: Caller) -> None:
        """Raise a refusal that is known before anything is asked."""

    def begin(self, dispatcher: CollectingDispatcher) -> None:
        """Say what comes before the first question."""

    async def done_already(self, who: Caller) -> Slots:
        """Return the steps beyond the code that a customer with a good code need not do again."""
        return {}

    async def not_mine(self, who: Caller) -> None:
        """Note that none of the destinations is the customer's."""

    async def ask_second_birth_date(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        raise NotImplementedError

    async def take_second_birth_date(self, who: Caller, reference: str) -> None:
        raise NotImplementedError

    async def ask_confirmed(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        raise NotImplementedError

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        raise NotImplementedError


Flows = Mapping[str, VerifiedFlow]  # by purpose


class ActionOpenVerifiedFlow(Action):
    """Starts a flow, goes on with it if it is the one that is open, or says why not."""

    def __init__(self, flow: VerifiedFlow) -> None:
        self._flow = flow

    def name(self) -> str:
        return f"action_open_{self._flow.noun}"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        if is_open(self._flow, tracker):
            return go_on(dispatcher)
        return await start(self._flow, dispatcher, caller(tracker))


def is_open(flow: VerifiedFlow, tracker: Tracker) -> bool:
    return bool(tracker.active_loop_name == FORM and tracker.get_slot("purpose") == flow.purpose)


def go_on(dispatcher: CollectingDispatcher) -> list[EventType]:
    """Return the event that has the question asked again."""
    dispatcher.utter_message(response="utter_continue")
    return [FollowupAction(FORM)]


async def start(flow: VerifiedFlow, dispatcher: CollectingDispatcher, who: Caller) -> list[EventType]:
    """Return the events that open the form at its first step that is not done, or that act at once; or say why not."""
    refused, services = flow.refused(who), flow.services
    if refused:
        dispatcher.utter_message(response=refused)
        return leave_form()
    try:
        await flow.check(who)
        verified = flow.goes_on and await call(services.one_time_password.is_verified, who.conversation, flow.purpose)
        done = dict.fromkeys(STEPS, GIVEN) | await flow.done_already(who) if verified else {}
        if not verified and await call(services.identification.is_known, who.conversation):
            done = dict.fromkeys(DETAILS, GIVEN)
    except Refusal as refusal:
        say_of(flow, dispatcher, who, refusal)
        return [*leave_form(), *_set(LEFT)]
    slots = {**LEFT, **done, "purpose": flow.purpose}
    acts = all(slots[step] for step in flow.steps)
    if not acts:
        dispatcher.utter_message(response="utter_continue") if verified else flow.begin(dispatcher)
    return [*leave_form(), *_set(slots), FollowupAction(FINISH if acts else FORM)]


class ActionFinishVerifiedFlow(Action):
    """Does what the code was for; nothing when the flow was left."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    def name(self) -> str:
        return FINISH

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        flow, who = self._flows.get(str(tracker.get_slot("purpose"))), caller(tracker)
        if flow and not all(tracker.get_slot(step) for step in flow.steps):
            return [FollowupAction(FORM)]  # whatever ended the form: what was not confirmed is not done
        if flow:
            try:
                await flow.act(dispatcher, who)
            except Refusal as refusal:
                say_of(flow, dispatcher, who, refusal)
            else:
                flow.services.relay_soon()
        return _set(LEFT)


class ActionAskSecondBirthDate(Action):
    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    def name(self) -> str:
        return "action_ask_second_birth_date"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        flow, who = self._flows[str(tracker.get_slot("purpose"))], caller(tracker)
        try:
            await flow.ask_second_birth_date(dispatcher, who)
        except Refusal as refusal:
            return leave(flow, dispatcher, who, refusal)
        return []


class ActionAskConfirmed(Action):
    """Says what will happen, and asks whether it shall."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows

    def name(self) -> str:
        return "action_ask_confirmed"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        flow, who = self._flows[str(tracker.get_slot("purpose"))], caller(tracker)
        try:
            await flow.ask_confirmed(dispatcher, who)
        except Refusal as refusal:
            return leave(flow, dispatcher, who, refusal)
        return []


def leave(flow: VerifiedFlow, dispatcher: CollectingDispatcher, who: Caller, refusal: Refusal) -> list[EventType]:
    """Say why the customer can do nothing more here; the events end the form that asks."""
    say_of(flow, dispatcher, who, refusal)
    return [*_set(LEFT), SlotSet("requested_slot", None)]


def say_of(flow: VerifiedFlow, dispatcher: CollectingDispatcher, who: Caller, refusal: Refusal) -> None:
    """Say a refusal; with the flow's own button where the same once more may succeed."""
    say(dispatcher, refusal, [flow.button(who.language)] if isinstance(refusal, _AGAIN) else ())


def _set(slots: Slots) -> list[EventType]:
    return [SlotSet(name, value) for name, value in slots.items()]
