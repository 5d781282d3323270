"""The engine's one door: text stays text, only signed turns come in, and a failed turn leaves the dialogue alone."""

from __future__ import annotations

import asyncio
import contextvars
import http.client
import json
import random
import socket
import sqlite3
import time
import unicodedata
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from rasa.core.agent import Agent
from rasa.core.channels.channel import UserMessage

from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import SIGNATURE_HEADER, WINDOW_SECONDS, sign
from bot.contracts.turn import SIGN_ACTIONS, TURN_PATH, payload
from bot.engine.channel import MAX_BODY_BYTES, MAX_TEXT, as_text
from bot.engine.rasa_private import TurnAborted, begin_turn, told_done
from bot.engine.rasa_private import actions as rasa_actions
from tests.engine.processes import Processes, StandInActions, caller, says, turn_request

# Every one would be an intent, or upset the parser, if it went through as it is.
LOOK_ALIKES = [
    "/greet",
    "/unlock_password",
    '/inform{"otp_code": "x"}',
    '/inform{"account": "a", "otp_code": "b"}',
    "/inform@1.0{}",
    "/unlock_password@0.99",
    "/restart",
    "/session_start",
    "/back",
    "/nlu_fallback",
    "//greet",
    "///",
    "/",
    "/ greet",
    "／greet",
    "／／greet",
    " /greet",
    "\t/greet",
    "\n/greet",
    "\r\n/greet",
    "\x0b/greet",
    "\x0c/greet",
    "\x1c/greet",
    "\x1f/greet",
    "\x85/greet",
    "\u00a0/greet",
    "\u1680/greet",
    "\u2028/greet",
    "\u3000/greet",
    "\u200b/greet",
    "\u200d/greet",
    "\u2060/greet",
    "\ufeff/greet",
    "\u202e/greet",
    "\x00/greet",
    " \x00 /greet",
    "\x00\x00/\x00greet",
    "\ud800/greet",
    "\udfff /greet",
    "/\ud800greet",
    "\u2044greet",
    "\u2215greet",
    "\u29f8greet",
    "/" * 5000,
    " " * 1999 + "/greet",
    "/greet" + "x" * 5000,
]
SEED = 20261120
ALPHABET = [
    *"//／{}\"':@ \t\n\r\x00\x1c\u00a0\u200b\u3000\ufeff\ud800abc123",
    "greet",
    "inform",
    "解鎖",
    "驗證碼",
    "🙂",
]


def generated(count: int) -> Iterator[str]:
    chance = random.Random(SEED)
    for _ in range(count):
        yield "".join(chance.choices(ALPHABET, k=chance.randint(1, 12)))


def intent_of(agent: Agent, text: str) -> dict[str, Any]:
    assert agent.processor is not None
    return dict(asyncio.run(agent.processor.parse_message(UserMessage(as_text(text)))))


# --- text is text ---------------------------------------------------------------------------------------------------


def test_there_are_at_least_forty_look_alikes() -> None:
    assert len(set(LOOK_ALIKES)) >= 40


@pytest.mark.parametrize("text", LOOK_ALIKES, ids=[f"{i}" for i in range(len(LOOK_ALIKES))])
def test_no_look_alike_begins_with_a_slash(text: str) -> None:
    assert not as_text(text).strip().startswith("/")


@pytest.mark.parametrize("text", LOOK_ALIKES, ids=[f"{i}" for i in range(len(LOOK_ALIKES))])
def test_no_look_alike_is_taken_for_an_intent(agent: Agent, text: str) -> None:
    parse = intent_of(agent, text)
    assert parse["intent"]["confidence"] < 1.0
    assert parse["entities"] == []


def test_a_slash_would_be_taken_for_an_intent_without_us(agent: Agent) -> None:
    # So that the tests above do not pass because Rasa has changed.
    assert agent.processor is not None
    parse = asyncio.run(agent.processor.parse_message(UserMessage("/greet")))
    assert parse["intent"] == {"name": "greet", "confidence": 1.0}


def test_no_generated_text_begins_with_a_slash() -> None:
    assert [text for text in generated(20_000) if as_text(text).strip().startswith("/")] == []


def test_no_generated_text_is_taken_for_an_intent(agent: Agent) -> None:
    async def parses() -> list[str]:
        assert agent.processor is not None
        taken = []
        for text in generated(3_000):
            parse = await agent.processor.parse_message(UserMessage(as_text(text)))
            # Our rules may find a day in it (3/1); a payload's entities come from another extractor.
            unpacked = [entity for entity in parse["entities"] if entity.get("extractor") != "EntityFinder"]
            if parse["intent"]["confidence"] >= 1.0 or unpacked:
                taken.append(text)
        return taken

    assert asyncio.run(parses()) == []


def test_text_can_be_stored_whatever_it_was() -> None:
    for text in [*LOOK_ALIKES, *generated(5_000)]:
        as_text(text).encode("utf-8")
        assert "\x00" not in as_text(text)


def test_text_is_bounded() -> None:
    assert max(len(as_text(text)) for text in [*LOOK_ALIKES, "字" * 5000, "🙂" * 5000]) <= MAX_TEXT


def test_ordinary_words_stay_as_they_are() -> None:
    for words in ("通知信可以關掉嗎", "and/or", "1/2", "https://example.com/a", "072/05/17", "e指發 不能下單"):
        assert as_text(words) == words


def test_a_slash_at_the_beginning_stays_visible() -> None:
    shown = as_text("/unlock_password")
    assert unicodedata.normalize("NFKC", shown) == "/unlock_password"


# --- only signed turns ----------------------------------------------------------------------------------------------


@pytest.fixture
def conversation() -> str:
    return uuid.uuid4().hex


def post(processes: Processes, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    return processes.request("POST", TURN_PATH, body, headers)


def test_a_signed_question_is_answered(processes: Processes, conversation: str) -> None:
    status, answer = processes.turn(conversation, "通知信可以關掉嗎")
    assert status == 200
    assert (answer["topic"], answer["decision"]) == ("notice_opt_out", "answer")
    assert answer["messages"][0]["topic"] == "notice_opt_out"
    assert 0.4 <= answer["confidence"] < 1


def test_an_unsigned_turn_is_401_and_empty(processes: Processes, conversation: str) -> None:
    assert post(processes, turn_request(conversation, "hi"), {}) == (401, b"")


def test_a_stale_turn_is_401_and_empty(processes: Processes, conversation: str) -> None:
    body = turn_request(conversation, "hi")
    old = processes.signed(body, time.time() - WINDOW_SECONDS - 2)
    assert post(processes, body, old) == (401, b"")


def test_a_turn_from_the_future_is_401_and_empty(processes: Processes, conversation: str) -> None:
    body = turn_request(conversation, "hi")
    early = processes.signed(body, time.time() + WINDOW_SECONDS + 2)
    assert post(processes, body, early) == (401, b"")


def test_a_replayed_turn_is_401_and_empty(processes: Processes, conversation: str) -> None:
    body = turn_request(conversation, "hi")
    headers = processes.signed(body)
    assert post(processes, body, headers)[0] == 200
    assert post(processes, body, headers) == (401, b"")


def test_an_altered_turn_is_401_and_empty(processes: Processes, conversation: str) -> None:
    body = turn_request(conversation, "hi")
    headers = processes.signed(body)
    assert post(processes, body.replace(b"hi", b"ho"), headers) == (401, b"")


def test_a_turn_signed_with_a_key_of_another_purpose_is_401_and_empty(processes: Processes, conversation: str) -> None:
    body = turn_request(conversation, "hi")
    other = derive(load_or_create_master_key(processes.settings.key_file), SIGN_ACTIONS)
    assert post(processes, body, sign(other, "POST", TURN_PATH, body, time.time())) == (401, b"")


def test_a_turn_signed_for_another_path_is_401_and_empty(processes: Processes, conversation: str) -> None:
    body = turn_request(conversation, "hi")
    elsewhere = sign(processes.key, "POST", "/webhooks/gateway/other", body, time.time())
    assert post(processes, body, elsewhere) == (401, b"")


@pytest.mark.parametrize("signature", ["", "0" * 64, "g" * 64, "é"])
def test_a_wrong_signature_is_401_and_empty(processes: Processes, conversation: str, signature: str) -> None:
    body = turn_request(conversation, "hi")
    headers = {**processes.signed(body), SIGNATURE_HEADER: signature.encode().decode("latin-1")}
    assert post(processes, body, headers) == (401, b"")


def test_a_refused_turn_leaves_no_trace(processes: Processes, conversation: str) -> None:
    post(processes, turn_request(conversation, "hi"), {})
    assert processes.events(conversation) == []


def test_a_body_that_is_too_large_is_413_before_it_is_looked_at(processes: Processes, conversation: str) -> None:
    body = turn_request(conversation, "x" * MAX_BODY_BYTES)
    assert post(processes, body, processes.signed(body)) == (413, b"")


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[]", b"null", b"{}", b'{"text": "hi"}', b'"\xff"'])
def test_a_signed_body_that_is_no_turn_is_refused_without_an_echo(processes: Processes, body: bytes) -> None:
    status, content = post(processes, body, processes.signed(body))
    assert status in (400, 503)
    assert b"Traceback" not in content
    assert not body.strip(b"[]{}\"'") or body not in content


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/rest/webhook",
        "/webhooks/rest/",
        "/webhooks/callback/webhook",
        "/webhooks/socketio/",
        "/conversations/x/tracker",
        "/conversations/x/messages",
        "/conversations/x/execute",
        "/conversations/x/trigger_intent",
        "/conversations/x/tracker/events",
        "/model",
        "/model/parse",
        "/model/train",
        "/model/predict",
        "/socket.io/",
        "/domain",
        "/status",
        "/version",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_nothing_else_of_rasa_is_served(processes: Processes, path: str, method: str) -> None:
    status, _ = processes.request(method, path, b"{}" if method != "GET" else b"")
    assert status == 404


def test_a_token_opens_no_door_of_rasa(processes: Processes) -> None:
    assert processes.request("GET", "/conversations/x/tracker?token=x")[0] == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_health_is_told_without_a_signature(processes: Processes, path: str) -> None:
    assert processes.request("GET", path)[0] == 200


def test_no_answer_allows_another_origin(processes: Processes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", processes.settings.engine_port, timeout=10)
    connection.request("GET", "/healthz", headers={"Origin": "https://evil.example"})
    reply = connection.getresponse()
    names = {name.lower() for name, _ in reply.getheaders()}
    connection.close()
    assert "access-control-allow-origin" not in names


def test_the_engine_listens_on_loopback_only(processes: Processes) -> None:
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table.read().splitlines()[1:]]
    port = f"{processes.settings.engine_port:04X}"
    listening = {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[1].endswith(f":{port}")}
    assert listening == {"0100007F"}


# --- a turn ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["\x00", " \x00 ", "\u200b", "🙂", "?", "/", "\ud83d"])
def test_a_message_of_nothing_is_not_answered_with_nothing(processes: Processes, conversation: str, text: str) -> None:
    status, answer = processes.turn(conversation, text)
    assert status == 200
    assert "".join(message["text"] for message in answer["messages"])


def test_a_button_has_no_decision_or_confidence(processes: Processes, conversation: str) -> None:
    _, answer = processes.turn(conversation, payload=payload("notice_opt_out"))
    assert (answer["topic"], answer["decision"], answer["confidence"]) == (None, None, None)
    assert answer["messages"][0]["topic"] == "notice_opt_out"


def test_text_that_looks_like_a_payload_presses_no_button(processes: Processes, conversation: str) -> None:
    written = payload("goodbye", otp_code="x")
    processes.turn(conversation, text=written)
    user = next(event for event in processes.events(conversation) if event["event"] == "user")
    assert user["text"] == "／" + written[1:]
    assert user["parse_data"]["intent"]["confidence"] < 1.0
    assert user["parse_data"]["entities"] == []


def test_the_caller_is_stored_as_the_gateway_said_it(processes: Processes, conversation: str) -> None:
    who = caller("gtjai", "en")
    processes.turn(conversation, "hello there", who=who)
    user = next(event for event in processes.events(conversation) if event["event"] == "user")
    assert {name: user["metadata"][name] for name in who} == who
    assert user["input_channel"] == "gateway"


def test_two_conversations_know_nothing_of_each_other(processes: Processes) -> None:
    one, other = uuid.uuid4().hex, uuid.uuid4().hex
    processes.turn(one, "通知信可以關掉嗎")
    _, answer = processes.turn(other, payload=payload("repeat"))
    assert "無法關閉" not in json.dumps(answer, ensure_ascii=False)
    assert len([event for event in processes.events(other) if event["event"] == "user"]) == 1


def test_a_turn_that_cannot_be_answered_is_503_and_not_an_empty_200(processes: Processes, conversation: str) -> None:
    status, answer = processes.turn(conversation, payload=payload("greet"), who=caller(institution="nowhere"))
    assert (status, answer["error"]) == (503, "turn_failed")


def test_the_same_turn_again_is_answered_again_and_taken_once(processes: Processes, conversation: str) -> None:
    who = caller()
    _, first = processes.turn(conversation, "通知信可以關掉嗎", who=who)
    stored = processes.events(conversation)
    _, second = processes.turn(conversation, "通知信可以關掉嗎", who=who, again=True)
    assert second == first
    assert processes.events(conversation) == stored


def test_a_turn_again_that_never_arrived_is_taken(processes: Processes, conversation: str) -> None:
    _, answer = processes.turn(conversation, "通知信可以關掉嗎", again=True)
    assert answer["messages"][0]["topic"] == "notice_opt_out"


def test_an_earlier_turn_again_is_answered_with_its_own_answer(processes: Processes, conversation: str) -> None:
    who = caller()
    _, first = processes.turn(conversation, "通知信可以關掉嗎", who=who)
    processes.turn(conversation, payload=payload("thanks"))
    _, again = processes.turn(conversation, "通知信可以關掉嗎", who=who, again=True)
    assert again == first


# --- two questions, words that lean, wishes denied ------------------------------------------------------------------

TWO_QUESTIONS = "通知信可以關掉嗎？驗證碼多久有效？"


def topics(answer: dict[str, Any]) -> list[str | None]:
    return [message.get("topic") for message in answer["messages"]]


def test_two_questions_get_two_messages_of_two_topics(processes: Processes, conversation: str) -> None:
    status, answer = processes.turn(conversation, TWO_QUESTIONS)
    assert status == 200
    assert topics(answer) == ["notice_opt_out", "otp_validity"]
    assert (answer["topic"], answer["decision"]) == ("notice_opt_out", "answer")
    assert all(message["text"] and message["source"] for message in answer["messages"])


def test_two_questions_in_english_get_two_messages_in_english(processes: Processes, conversation: str) -> None:
    words = "can I turn these e-mails off? and also how do I change my password?"
    _, answer = processes.turn(conversation, words, who=caller(language="en"))
    assert topics(answer) == ["notice_opt_out", "password_change"]
    assert "cannot be switched off" in answer["messages"][0]["text"]


def test_two_questions_again_get_the_same_two_and_are_taken_once(processes: Processes, conversation: str) -> None:
    who = caller()
    _, first = processes.turn(conversation, TWO_QUESTIONS, who=who)
    stored = processes.events(conversation)
    _, second = processes.turn(conversation, TWO_QUESTIONS, who=who, again=True)
    assert second == first
    assert processes.events(conversation) == stored


@pytest.mark.parametrize("how", [{"payload": payload("repeat")}, {"text": "再說一次"}], ids=["button", "words"])
def test_repeat_after_two_questions_says_both(processes: Processes, conversation: str, how: dict[str, str]) -> None:
    _, first = processes.turn(conversation, TWO_QUESTIONS)
    _, again = processes.turn(conversation, **how)
    said = "\n".join(message["text"] for message in again["messages"])
    assert all(message["text"] in said for message in first["messages"])
    assert len(again["messages"]) == 1


def test_the_turn_after_two_questions_answers_neither_again(processes: Processes, conversation: str) -> None:
    processes.turn(conversation, TWO_QUESTIONS)
    _, answer = processes.turn(conversation, "謝謝")
    assert topics(answer) == [None]


def test_a_question_beside_a_flow_is_answered_and_then_the_flow_begins(processes: Processes, conversation: str) -> None:
    processes.start("actions")
    try:
        _, answer = processes.turn(conversation, "幫我解鎖密碼。另外通知信可以關掉嗎？")
    finally:
        processes.stop("actions")
    assert topics(answer)[0] == "notice_opt_out"
    assert topics(answer).count("notice_opt_out") == 1
    assert answer["topic"] == "unlock_password"
    assert answer["messages"][-1]["ask"] == {"kind": "account"}


def test_two_questions_in_a_flow_are_both_answered_and_the_flow_asks_again(
    processes: Processes, conversation: str
) -> None:
    processes.start("actions")
    try:
        processes.turn(conversation, payload=payload("unlock_password"))
        _, answer = processes.turn(conversation, TWO_QUESTIONS)
    finally:
        processes.stop("actions")
    assert topics(answer)[:2] == ["notice_opt_out", "otp_validity"]
    assert topics(answer)[2:] == [None]
    assert answer["messages"][-1]["ask"] == {"kind": "account"}


def test_words_that_lean_on_the_question_before_are_answered(processes: Processes, conversation: str) -> None:
    processes.turn(conversation, "驗證碼多久有效")
    for words in ("那email的呢", "為什麼"):
        _, answer = processes.turn(conversation, words)
        assert topics(answer) == ["otp_validity"], words


def test_words_that_lean_on_nothing_are_not_answered_from_another_conversation(
    processes: Processes, conversation: str
) -> None:
    _, alone = processes.turn(uuid.uuid4().hex, "為什麼")
    processes.turn(uuid.uuid4().hex, "驗證碼多久有效")
    _, answer = processes.turn(conversation, "為什麼")
    assert (answer["topic"], answer["confidence"]) == (alone["topic"], alone["confidence"])
    assert answer["topic"] != "otp_validity"


def test_a_denied_wish_starts_nothing(processes: Processes, conversation: str) -> None:
    _, answer = processes.turn(conversation, "我沒有要解鎖密碼")
    assert (answer["topic"], answer["decision"]) == ("cancel", "answer")
    assert "ask" not in answer["messages"][-1]


def test_a_denied_wish_leaves_the_flow_that_is_open(processes: Processes, conversation: str) -> None:
    processes.start("actions")
    try:
        processes.turn(conversation, payload=payload("unlock_password"))
        _, left = processes.turn(conversation, "我沒有要解鎖密碼")
        _, after = processes.turn(conversation, payload=payload("otp_validity"))
    finally:
        processes.stop("actions")
    assert "ask" not in left["messages"][-1]
    assert all("ask" not in message for message in after["messages"])


def test_what_is_asked_back_can_be_pressed_and_so_can_none_of_these(processes: Processes, conversation: str) -> None:
    _, answer = processes.turn(conversation, "密碼")
    assert answer["decision"] == "clarify"
    assert answer["topic"] is None
    pressed = [button["payload"] for button in answer["messages"][-1]["buttons"]]
    assert 2 <= len(pressed) <= 4
    assert pressed[-1] == payload("none_of_these")
    _, none = processes.turn(conversation, payload=pressed[-1])
    assert none["messages"][0]["text"]
    assert payload("human") in [button["payload"] for button in none["messages"][0]["buttons"]]
    _, one = processes.turn(conversation, payload=pressed[0])
    assert one["messages"][0]["topic"] == pressed[0].removeprefix("/")


# --- actions that are down ------------------------------------------------------------------------------------------


@pytest.fixture
def report_being_described(processes: Processes, conversation: str) -> str:
    """A conversation in which a report is open and the description is asked; then the actions process goes."""
    processes.start("actions")
    try:
        processes.turn(conversation, payload=payload("report_error"))
        _, answer = processes.turn(conversation, payload=payload("inform", report_platform="e指發"))
        assert answer["messages"][-1]["ask"] == {"kind": "text"}
    finally:
        processes.stop("actions")
    return conversation


def test_a_turn_without_actions_is_refused_leaves_the_dialogue_and_can_be_sent_again(
    processes: Processes, report_being_described: str
) -> None:
    conversation, words = report_being_described, "按了下單沒有反應"
    before = processes.events(conversation)
    assert processes.turn(conversation, words) == (503, {"error": "actions_down", "done": "no"})
    assert processes.events(conversation) == before
    processes.start("actions")
    try:
        status, answer = processes.turn(conversation, words)
    finally:
        processes.stop("actions")
    assert status == 200
    taken = [e["value"] for e in processes.events(conversation) if e.get("name") == "report_description" and e["value"]]
    assert set(taken) == {words}
    since = [button["payload"] for button in answer["messages"][-1]["buttons"]]
    assert any("report_since" in pressed for pressed in since)


def test_a_question_that_needs_no_action_is_answered_without_actions(processes: Processes, conversation: str) -> None:
    status, answer = processes.turn(conversation, "通知信可以關掉嗎")
    assert (status, answer["decision"]) == (200, "answer")


def test_a_refused_turn_says_nothing_of_what_it_had_said_so_far(
    processes: Processes, report_being_described: str
) -> None:
    # In a form a question is answered first, and then the form asks again, which needs the actions.
    status, answer = processes.turn(report_being_described, payload=payload("notice_opt_out"))
    assert status == 503
    assert set(answer) == {"error", "done"}


def test_switching_flows_opens_the_second_and_goes_on_with_it(processes: Processes, conversation: str) -> None:
    processes.start("actions")
    try:
        processes.turn(conversation, payload=payload("report_error"))
        _, opened = processes.turn(conversation, payload=payload("unlock_password"))
        _, again = processes.turn(conversation, payload=payload("otp_validity"))
        _, left = processes.turn(conversation, payload=payload("cancel"))
    finally:
        processes.stop("actions")
    assert opened["messages"][-1]["ask"] == {"kind": "account"}
    assert again["messages"][0]["topic"] == "otp_validity"
    assert again["messages"][-1]["ask"] == {"kind": "account"}
    assert "ask" not in left["messages"][-1]


def test_a_turn_that_the_gateway_gave_up_on_is_whole_before_the_next_begins(
    processes: Processes, conversation: str
) -> None:
    with StandInActions(processes.settings.actions_port) as actions:

        def when_released(call: dict[str, Any]) -> tuple[int, bytes]:
            actions.released.wait(20)
            return says({"event": "slot", "name": "report_key", "value": "late"})

        actions.answer = when_released
        body = turn_request(conversation, payload=payload("report_error"))
        gateway = http.client.HTTPConnection("127.0.0.1", processes.settings.engine_port, timeout=10)
        gateway.request("POST", TURN_PATH, body, {"content-type": "application/json", **processes.signed(body)})
        assert actions.asked.wait(10)
        gateway.close()
        actions.released.set()
        # The next turn waits for the one before it to end, whichever way it does.
        processes.turn(conversation, payload=payload("thanks"))
    names = [event.get("name") for event in processes.events(conversation)]
    assert names.index("action_open_error_report") < names.index("utter_thanks")


def test_the_log_of_the_engine_quotes_no_customer(processes: Processes, conversation: str) -> None:
    canary = f"金絲雀{uuid.uuid4().hex}"
    processes.turn(conversation, canary)
    processes.turn(conversation, f"/{canary}")
    processes.turn(conversation, payload=payload("inform", otp_code=canary))
    processes.turn(conversation, canary, who=caller(institution="nowhere"))
    assert canary not in (processes.var / "engine.log").read_text(encoding="utf-8", errors="replace")


def test_a_conversation_that_cannot_be_read_is_refused_and_ends_nobody_else(
    processes: Processes, conversation: str
) -> None:
    processes.turn(conversation, payload=payload("greet"))
    with sqlite3.connect(processes.var / "trackers.sqlite") as database:
        database.execute("UPDATE turn SET events = 'not JSON', seq = seq + 1 WHERE conversation = ?", (conversation,))
    assert processes.turn(conversation, payload=payload("greet"))[1] == {"error": "database_down", "done": "no"}
    assert processes.turn(uuid.uuid4().hex, payload=payload("greet"))[0] == 200


def test_a_turn_goes_to_its_end_though_its_caller_has_gone(processes: Processes, conversation: str) -> None:
    """A gateway that was killed, or waited long enough: what it began is stored before the next turn begins."""
    for number in range(20):
        who = caller()
        body = turn_request(conversation, f"通知信可以關掉嗎 {number}", None, who, False)
        with socket.create_connection(("127.0.0.1", processes.settings.engine_port)) as line:
            headers = {"host": "demo", "content-length": str(len(body)), **processes.signed(body)}
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            line.sendall(f"POST {TURN_PATH} HTTP/1.1\r\n{head}\r\n".encode() + body)
            time.sleep(number / 4000)  # gone at another moment each time
        processes.turn(conversation, payload=payload("greet"))
    said = [event["text"] for event in processes.events(conversation) if event["event"] == "user"]
    begun = [text for text in said if text.startswith("通知信")]
    assert len(begun) == len(set(begun))
    assert len(said) - len(begun) == 20


def test_nobody_says_that_nothing_was_done_after_an_action_has_run() -> None:
    def said(acted: bool) -> str:
        begin_turn()
        rasa_actions._acted.set(acted)
        return told_done(TurnAborted("database_down", "no"))

    assert [contextvars.copy_context().run(said, acted) for acted in (False, True)] == ["no", "unknown"]
