"""The custom actions of one-time codes: what a turn says, also when something has run out in between."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.one_time_code import ActionAskOtpChannel, ActionAskOtpCode, OneTimeCode
from actions.services.ports import Message
from actions.verification_form import ValidateVerificationForm
from tests.actions.world import NORMAL, UNKNOWN, VERIFY, Person, World

FORM = "verification_form"


def tracker(conversation: str = "c1", **slots: Any) -> Tracker:
    said = {"text": "", "metadata": {"institution": "hnyc", "language": "zh-Hant"}}
    return Tracker(conversation, {"purpose": VERIFY, **slots}, said, [], False, None, {"name": FORM}, None)


def form_of(world: World) -> ValidateVerificationForm:
    return ValidateVerificationForm(world.services, {VERIFY: OneTimeCode(world.services)})


def ask(action: Any, at: Tracker) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Run an action; return its events and messages."""
    dispatcher = CollectingDispatcher()
    events = asyncio.run(action.run(dispatcher, at, {}))
    return events, dispatcher.messages


def choose(world: World, channel: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    dispatcher = CollectingDispatcher()
    form = form_of(world)
    slots = asyncio.run(form.validate_otp_channel(channel, dispatcher, tracker(), {}))
    return slots, dispatcher.messages


def test_a_chosen_channel_is_sent_a_code(world: World) -> None:
    world.identify("c1", NORMAL)
    slots, _ = choose(world, "email")
    assert slots == {"otp_channel": "email", "otp_code": None}
    assert world.rows()["outbox"].keys()


@pytest.mark.parametrize("person", [NORMAL, UNKNOWN], ids=["customer", "stranger"])
def test_the_question_for_the_code_says_where_it_went_and_until_when(world: World, person: Person) -> None:
    world.identify("c1", person)
    sent = world.send("c1")
    _, (message,) = ask(ActionAskOtpCode(world.services), tracker())
    assert message["response"] == "utter_ask_otp_code"
    assert datetime.fromisoformat(message["ask"]["expires_at"]) == sent.expires_at
    assert message["sent_to"] == sent.sent_to


def test_an_identification_that_ran_out_is_asked_for_again_instead_of_a_channel(world: World) -> None:
    world.identify("c1", NORMAL)
    world.clock.pass_(minutes=15)
    events, (message,) = ask(ActionAskOtpChannel(world.services), tracker(account="given", birth_date="given"))
    assert message["response"] == "utter_secret_gone"
    assert {event["name"]: event["value"] for event in events} == {"account": None, "birth_date": None}


def test_an_identification_that_ran_out_is_asked_for_again_instead_of_a_code(world: World) -> None:
    # Otherwise the turn fails, and so does every turn after it.
    world.identify("c1", NORMAL)
    world.send("c1")
    world.clock.pass_(minutes=15)
    events, (message,) = ask(ActionAskOtpCode(world.services), tracker(account="given", birth_date="given"))
    assert message["response"] == "utter_secret_gone"
    emptied = {event["name"] for event in events if event["value"] is None}
    assert {"account", "birth_date"} <= emptied


def test_a_customer_does_not_wait_for_the_messenger(world: World) -> None:
    # A stranger never waits for it: the difference would tell who is a customer (G12).
    released = threading.Event()

    class Slow:
        def send(self, message: Message) -> None:
            released.wait(20)

    world.identify("c1", NORMAL)
    world.services.outbox._messenger = Slow()

    async def choose_sms() -> dict[str, Any]:
        form = form_of(world)
        try:
            return await asyncio.wait_for(form.validate_otp_channel("sms", CollectingDispatcher(), tracker(), {}), 3)
        finally:
            released.set()

    assert asyncio.run(choose_sms()) == {"otp_channel": "sms", "otp_code": None}


def test_a_messenger_that_fails_does_not_fail_the_turn(world: World) -> None:
    world.messenger.problem = ValueError("unforeseen")
    world.identify("c1", NORMAL)
    slots, _ = choose(world, "sms")
    assert slots["otp_channel"] == "sms"


def test_nothing_an_action_returns_holds_a_code(world: World) -> None:
    world.identify("c1", NORMAL)
    slots, messages = choose(world, "sms")
    world.services.outbox.relay()
    code = world.messenger.sent[-1].code
    events, said = ask(ActionAskOtpCode(world.services), tracker())
    assert code
    assert code not in f"{slots}{messages}{events}{said}"


def test_an_early_resend_says_how_long_to_wait_and_keeps_the_question(world: World) -> None:
    world.identify("c1", NORMAL)
    world.send("c1")
    slots, (message,) = choose(world, "resend")
    assert (message["response"], message["seconds"]) == ("utter_otp_resend_too_soon", 60)
    assert slots == {"otp_channel": "sms", "otp_code": None}


def test_a_code_that_waits_in_another_conversation_leaves_the_channel_open(world: World) -> None:
    world.identify("c2", NORMAL)
    world.send("c2")
    world.identify("c1", NORMAL)
    slots, (message,) = choose(world, "sms")
    assert message["response"] == "utter_otp_resend_too_soon"
    assert slots == {"otp_channel": None}
    assert world.services.one_time_password.pending("c2", VERIFY)
