"""A turn that fails is not told as done and leaves no trace; and no database error looks like a new customer."""

from __future__ import annotations

import ast
import asyncio
import json
import time
import uuid
from typing import Any

import pytest
import rasa
from rasa.core.actions.action import RemoteAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import UserMessage

from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import SignatureCheck, Unsigned
from bot.contracts.turn import SIGN_ACTIONS, parse_payload, payload
from bot.engine import rasa_private
from bot.engine.channel import CollectedMessages
from bot.engine.rasa_private import TurnAborted
from bot.settings import ROOT, read_settings
from tests.engine.processes import Reply, StandInActions, caller, free_port, says

OPENED = ({"event": "active_loop", "name": None}, {"event": "followup", "name": "error_report_form"})


def press(agent: Agent, conversation: str, intent: str, **entities: str) -> list[dict[str, Any]]:
    """Take one turn, as the channel does for a button; return what was said."""
    output, pressed = CollectedMessages(), payload(intent, **entities)
    message = UserMessage(pressed, output, conversation, input_channel="gateway", metadata=caller())
    message.parse_data = parse_payload(pressed)
    asyncio.run(agent.handle_message(message))
    return [dict(said) for said in output.messages]


def stored(agent: Agent, conversation: str) -> list[dict[str, Any]]:
    tracker = asyncio.run(agent.tracker_store.retrieve(conversation))
    return [event.as_dict() for event in tracker.events] if tracker else []


@pytest.fixture
def conversation() -> str:
    return uuid.uuid4().hex


def opens_a_report(call: dict[str, Any]) -> Reply:
    """Answer as the actions process does while a report is opened: everything works, no slot is filled."""
    return says(*OPENED) if call["next_action"] == "action_open_error_report" else says()


# --- what is pinned -------------------------------------------------------------------------------------------------


def test_rasa_is_the_version_that_this_is_written_for() -> None:
    assert rasa.__version__ == rasa_private.PINNED


def test_the_requirements_pin_the_same_version() -> None:
    pinned = [line for line in (ROOT / "requirements" / "engine.in").read_text().splitlines() if "rasa=" in line]
    assert pinned == [f"rasa=={rasa_private.PINNED}"]


def test_another_version_of_rasa_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rasa, "__version__", "3.6.20")
    with pytest.raises(RuntimeError, match=r"rasa_private is written for rasa 3\.6\.21, not 3\.6\.20"):
        rasa_private.install()


def test_custom_actions_go_our_way(agent: Agent) -> None:
    assert RemoteAction.run is rasa_private.actions._run_remote_action


# --- a failing action -----------------------------------------------------------------------------------------------

FAILURES: dict[str, tuple[Any, str]] = {
    "raises": (lambda call: (500, b""), "unknown"),
    "raises and echoes": (lambda call: (500, json.dumps(call).encode()), "unknown"),
    "is not signed as it should be": (lambda call: (401, b""), "no"),
    "is not there": (lambda call: (404, b""), "no"),
    "finds the call too large": (lambda call: (413, b""), "no"),
    "refuses the call without a word": (lambda call: (400, b""), "no"),
    "hangs up": (lambda call: None, "unknown"),
    "answers with half of JSON": (lambda call: (200, b'{"events": ['), "unknown"),
    "answers with a list": (lambda call: (200, b"[]"), "unknown"),
    "answers with an event that Rasa does not know": (lambda call: says({"event": "of nothing"}), "unknown"),
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_failing_action_ends_the_turn(agent: Agent, actions: StandInActions, conversation: str, how: str) -> None:
    actions.answer, done = FAILURES[how]
    with pytest.raises(TurnAborted) as aborted:
        press(agent, conversation, "report_error")
    assert (aborted.value.error, aborted.value.done) == ("actions_down", done)


@pytest.mark.parametrize("how", FAILURES)
def test_nothing_of_a_turn_with_a_failing_action_is_stored(
    agent: Agent, actions: StandInActions, conversation: str, how: str
) -> None:
    press(agent, conversation, "greet")
    before = stored(agent, conversation)
    actions.answer, _ = FAILURES[how]
    with pytest.raises(BaseException):  # noqa: B017, PT011  # whatever ends it, it must not be stored
        press(agent, conversation, "report_error")
    assert stored(agent, conversation) == before


def test_an_action_that_fails_as_the_second_of_a_turn_undoes_the_first(
    agent: Agent, actions: StandInActions, conversation: str
) -> None:
    press(agent, conversation, "greet")
    before = stored(agent, conversation)
    actions.answer = lambda call: says(*OPENED) if len(actions.calls) == 1 else (500, b"")
    with pytest.raises(TurnAborted):
        press(agent, conversation, "report_error")
    assert [call["next_action"] for call in actions.calls] == ["action_open_error_report", "validate_error_report_form"]
    assert stored(agent, conversation) == before


def test_once_an_action_of_the_turn_has_run_it_is_not_said_that_nothing_was_done(
    agent: Agent, actions: StandInActions, conversation: str
) -> None:
    # The first may have sent a message or used a code.
    actions.answer = lambda call: says(*OPENED) if len(actions.calls) == 1 else (404, b"")
    with pytest.raises(TurnAborted) as aborted:
        press(agent, conversation, "report_error")
    assert (aborted.value.error, aborted.value.done) == ("actions_down", "unknown")


def test_after_a_failed_turn_the_same_turn_can_be_taken_again(
    agent: Agent, actions: StandInActions, conversation: str
) -> None:
    actions.answer = lambda call: (500, b"")
    with pytest.raises(TurnAborted):
        press(agent, conversation, "report_error")
    actions.answer = opens_a_report
    assert press(agent, conversation, "report_error")[-1]["ask"] == {"kind": "choice"}


def test_no_actions_process_at_all_means_that_nothing_was_done(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, conversation: str
) -> None:
    monkeypatch.setenv("ANXIN_ACTIONS_PORT", str(free_port()))
    with pytest.raises(TurnAborted) as aborted:
        press(agent, conversation, "report_error")
    assert (aborted.value.error, aborted.value.done) == ("actions_down", "no")


def test_an_action_that_does_not_answer_in_time_may_have_been_done(
    agent: Agent, actions: StandInActions, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rasa_private.actions, "ACTION_DEADLINE_SECONDS", 0.05)
    actions.answer = actions.never
    with pytest.raises(TurnAborted) as aborted:
        press(agent, conversation, "report_error")
    assert (aborted.value.error, aborted.value.done) == ("actions_down", "unknown")


def test_the_deadline_of_an_action_ends_before_the_gateway_gives_up() -> None:
    tree = ast.parse((ROOT / "bot" / "clients" / "engine.py").read_text(encoding="utf-8"))
    gateway = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TURN_SECONDS"
    )
    assert rasa_private.actions.ACTION_DEADLINE_SECONDS < gateway < 5


def test_the_deadlines_of_a_turn_with_two_actions_end_before_the_gateway_gives_up(
    agent: Agent, actions: StandInActions, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A turn asks one action after the other; each may take nearly its deadline, and together they took longer.
    monkeypatch.setattr(rasa_private.actions, "ACTION_DEADLINE_SECONDS", 0.3)

    def slowly(call: dict[str, Any]) -> Reply:
        actions.released.wait(0.2)
        return opens_a_report(call)

    actions.answer = slowly
    with pytest.raises(TurnAborted):
        press(agent, conversation, "report_error")


def test_an_action_may_decline_and_then_the_rules_decide(
    agent: Agent, actions: StandInActions, conversation: str
) -> None:
    actions.answer = opens_a_report
    press(agent, conversation, "report_error")
    declined = json.dumps({"action_name": "validate_error_report_form", "error": "rejected"}).encode()
    actions.answer = lambda call: (400, declined) if len(actions.calls) == 3 else says()
    said = press(agent, conversation, "notice_opt_out")
    assert said[0]["topic"] == "notice_opt_out"
    assert said[1]["ask"] == {"kind": "choice"}


def test_an_answer_that_cannot_be_made_ends_the_turn(agent: Agent, conversation: str) -> None:
    # Rasa would go on and send nothing at all.
    message = UserMessage("/greet", CollectedMessages(), conversation, metadata=caller(institution="nowhere"))
    message.parse_data = parse_payload("/greet")
    with pytest.raises(TurnAborted):
        asyncio.run(agent.handle_message(message))


# --- what an action is told -----------------------------------------------------------------------------------------


def test_only_the_events_of_this_turn_are_sent(agent: Agent, actions: StandInActions, conversation: str) -> None:
    actions.answer = opens_a_report
    for turn in ("greet", "report_error", "inform"):
        actions.calls.clear()
        press(agent, conversation, turn)
    assert actions.calls
    for call in actions.calls:
        first, *others = call["tracker"]["events"]
        assert (first["event"], first["text"]) == ("user", "/inform")
        assert "user" not in [event["event"] for event in others]


def test_a_call_stays_small_however_long_the_conversation(
    agent: Agent, actions: StandInActions, conversation: str
) -> None:
    actions.answer = opens_a_report
    press(agent, conversation, "report_error")
    sizes = []
    for _ in range(10):
        press(agent, conversation, "greet")
        sizes.append(len(actions.bodies[-1]))
    assert sizes[-1] < sizes[0] * 1.1


def test_an_action_is_told_the_slots_the_form_and_who_is_calling(
    agent: Agent, actions: StandInActions, conversation: str
) -> None:
    actions.answer = opens_a_report
    press(agent, conversation, "report_error")
    press(agent, conversation, "greet")
    tracker = actions.calls[-1]["tracker"]
    assert tracker["active_loop"]["name"] == "error_report_form"
    assert tracker["slots"]["requested_slot"] == "report_platform"
    assert tracker["latest_message"]["metadata"]["institution"] == "hnyc"
    assert tracker["sender_id"] == conversation


def test_of_the_domain_only_the_forms_are_sent(agent: Agent, actions: StandInActions, conversation: str) -> None:
    actions.answer = opens_a_report
    press(agent, conversation, "report_error")
    assert set(actions.calls[0]["domain"]) == {"forms"}
    assert actions.calls[0]["domain"]["forms"]["report_status_form"] == {"required_slots": ["status_reference"]}


def test_a_call_is_signed_for_the_actions_process(agent: Agent, actions: StandInActions, conversation: str) -> None:
    actions.answer = opens_a_report
    press(agent, conversation, "report_error")
    key = derive(load_or_create_master_key(read_settings().key_file), SIGN_ACTIONS)
    SignatureCheck(key).check("POST", "/webhook", actions.headers[0], actions.bodies[0], time.time())
    with pytest.raises(Unsigned):
        SignatureCheck(key).check("POST", "/webhook", actions.headers[0], actions.bodies[0] + b" ", time.time())


def test_what_an_action_says_is_in_our_words_with_its_facts(
    agent: Agent, actions: StandInActions, conversation: str
) -> None:
    response = {"response": "utter_report_filed", "report": "ER-20261120-7K3M"}
    actions.answer = lambda call: says(responses=(response,))
    (said,) = press(agent, conversation, "report_error")
    assert "ER-20261120-7K3M" in said["text"]
