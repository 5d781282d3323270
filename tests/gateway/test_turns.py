"""Turns through a real gateway, with a scripted engine behind it: once, one at a time, in order (G23, G24, G27, G29, G30)."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.gateway import processes
from tests.gateway.conftest import Installation
from tests.gateway.errors import assert_problem
from tests.gateway.processes import ANSWERED_WITHIN_SECONDS, API, Browser, Json, StandIn, refused, said

AT_ONCE = 20
STEP_YES = '/inform{"report_confirmed": "yes"}'
STEP_NO = '/inform{"report_confirmed": "no"}'
A_WHILE_SECONDS = 0.3  # how long the engine waits for what must not come


def new_id() -> str:
    return str(uuid.uuid4())


def unlike(text: str) -> str:
    """A text that no other test sends: all share one engine."""
    return f"{text} {''.join(c for c in uuid.uuid4().hex if c.isalpha())}"


def texts(messages: list[Json]) -> list[str]:
    return [message["text"] for message in messages]


def press(browser: Browser, button: str, id_: str | None = None) -> httpx.Response:
    return browser.post("messages", button=button, id=id_ or new_id())


def offered(browser: Browser, engine: StandIn, *payloads: str) -> list[str]:
    """Have the engine offer buttons, and return what the browser got for them."""
    text = unlike("開始")
    engine.script(text, lambda _: said("請選擇", buttons=tuple((f"選項 {i}", p) for i, p in enumerate(payloads))))
    return [button["button"] for button in browser.say(text)[-1]["buttons"]]


# --- what the engine is told --------------------------------------------------------------------------


def test_a_text_is_answered(customer: Browser) -> None:
    assert texts(customer.say("通知信可以關掉嗎")) == ["回覆 通知信可以關掉嗎"]


def test_several_messages_of_an_answer_come_in_order(customer: Browser, engine: StandIn) -> None:
    text = unlike("說三句")
    engine.script(text, lambda _: said("一", "二", "三"))
    assert texts(customer.say(text)) == ["一", "二", "三"]


def test_the_engine_is_told_who_calls_by_the_gateway(installation: Installation, engine: StandIn) -> None:
    browser, text = installation.gateway.browser(), unlike("hello there")
    with browser.http:
        browser.open("gtjai", "zh-Hant", link="c=demo")
        browser.say(text)
    caller = engine.calls_with(text)[0]["caller"]
    assert (caller["institution"], caller["language"], caller["link"]) == ("gtjai", "en", True)


def test_the_engine_is_told_the_id_of_the_message(customer: Browser, engine: StandIn) -> None:
    text, id_ = unlike("問題"), new_id()
    customer.say(text, id_)
    assert engine.calls_with(text)[0]["caller"]["message"] == id_


def test_the_engine_is_not_told_the_token(customer: Browser, engine: StandIn) -> None:
    text = unlike("問題")
    customer.say(text)
    assert customer.token not in json.dumps(engine.calls_with(text))


def test_each_conversation_has_its_own_id_at_the_engine(installation: Installation, engine: StandIn) -> None:
    text = unlike("問題")
    for _ in range(3):
        browser = installation.gateway.browser()
        with browser.http:
            browser.open()
            browser.say(text)
    assert len({call["conversation"] for call in engine.calls_with(text)}) == 3


@pytest.mark.parametrize(
    "text",
    ["/inform{}", "/restart", "/cancel", "／restart", "\u200b/restart", " /restart", '/inform{"verified": true}'],
)
def test_what_looks_like_an_intent_is_sent_as_text(customer: Browser, engine: StandIn, text: str) -> None:
    before = len(engine.calls)
    customer.say(text)
    assert [(call["text"], call["payload"]) for call in engine.calls[before:]] == [(text, None)]


def test_digits_are_hidden_before_the_engine_reads_them(customer: Browser, engine: StandIn) -> None:
    before = len(engine.calls)
    customer.say("我的帳號是 9000180001")
    assert "9000180001" not in json.dumps(engine.calls[before:])


def test_a_hotline_reaches_the_engine(customer: Browser, engine: StandIn) -> None:
    before = len(engine.calls)
    customer.say("412-8889 是你們的電話嗎")
    assert engine.calls[before]["text"] == "412-8889 是你們的電話嗎"


# --- the same id twice --------------------------------------------------------------------------------


def test_the_same_id_is_given_to_the_engine_once(customer: Browser, engine: StandIn) -> None:
    text, id_ = unlike("問題"), new_id()
    for _ in range(3):
        customer.say(text, id_)
    assert len(engine.calls_with(text)) == 1


def test_the_same_id_gets_the_same_answer(customer: Browser) -> None:
    id_ = new_id()
    assert customer.say("通知信可以關掉嗎", id_) == customer.say("通知信可以關掉嗎", id_)


def test_the_same_id_is_kept_once(customer: Browser) -> None:
    id_, before = new_id(), len(customer.messages())
    for _ in range(3):
        customer.say("通知信可以關掉嗎", id_)
    assert texts(customer.messages()[before:]) == ["通知信可以關掉嗎", "回覆 通知信可以關掉嗎"]


def test_an_id_in_capitals_is_the_same_id(customer: Browser, engine: StandIn) -> None:
    text, id_ = unlike("問題"), "7f1f2d50-0000-4000-8000-00000000abcd"
    customer.say(text, id_)
    customer.say(text, id_.upper())
    assert len(engine.calls_with(text)) == 1


def test_an_empty_answer_is_given_twice_too(customer: Browser, engine: StandIn) -> None:
    text, id_ = unlike("沉默"), new_id()
    engine.script(text, lambda _: said())
    assert [customer.say(text, id_), customer.say(text, id_)] == [[], []]
    assert len(engine.calls_with(text)) == 1


def test_twenty_sends_of_one_id_at_once_ask_the_engine_once(customer: Browser, engine: StandIn) -> None:
    text, id_ = unlike("問題"), new_id()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: customer.say(text, id_), range(AT_ONCE)))
    assert len(engine.calls_with(text)) == 1
    assert answers == [answers[0]] * AT_ONCE


def test_other_content_under_the_same_id_is_refused(customer: Browser) -> None:
    id_ = new_id()
    customer.say("第一", id_)
    assert_problem(customer.post("messages", id=id_, text="第二"), 409, "other_content")


def test_other_content_under_the_same_id_does_not_reach_the_engine(customer: Browser, engine: StandIn) -> None:
    id_, second = new_id(), unlike("第二")
    customer.say("第一", id_)
    customer.post("messages", id=id_, text=second)
    assert engine.calls_with(second) == []


def test_an_id_belongs_to_its_conversation(installation: Installation, customer: Browser) -> None:
    id_ = new_id()
    customer.say("第一", id_)
    other = installation.gateway.browser()
    with other.http:
        other.open()
        assert texts(other.say("第二", id_)) == ["回覆 第二"]


def test_the_same_id_gets_the_same_answer_when_a_code_is_asked_for_since(customer: Browser, engine: StandIn) -> None:
    # What counts as a secret depends on what is asked for; the id decides whether a message is the same.
    text, id_ = unlike("從 2026 年開始"), new_id()
    engine.script(text, lambda _: said("請輸入驗證碼", ask={"kind": "code"}))
    first = customer.say(text, id_)
    assert customer.say(text, id_) == first


def test_the_same_id_gets_the_same_answer_when_no_code_is_asked_for_any_more(
    customer: Browser, engine: StandIn
) -> None:
    ask, id_ = unlike("請寄碼"), new_id()
    engine.script(ask, lambda _: said("請輸入驗證碼", ask={"kind": "code"}))
    customer.say(ask)
    first = customer.say("483920", id_)
    assert customer.say("483920", id_) == first


# --- one at a time, in order --------------------------------------------------------------------------


def test_two_messages_at_once_are_answered_one_after_the_other(customer: Browser, engine: StandIn) -> None:
    first, second, before = unlike("第一"), unlike("第二"), len(customer.messages())
    second_came = threading.Event()

    def slowly(_: Json) -> tuple[int, Json | bytes]:
        second_came.wait(A_WHILE_SECONDS)
        return said("一")

    def at_once(_: Json) -> tuple[int, Json | bytes]:
        second_came.set()
        return said("二")

    engine.script(first, slowly)
    engine.script(second, at_once)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(customer.say, first)
        engine.wait_for_call(first)
        two = pool.submit(customer.say, second)
        assert (texts(one.result()), texts(two.result())) == (["一"], ["二"])
    assert texts(customer.messages()[before:]) == [first, "一", second, "二"]


def test_the_engine_never_has_two_turns_of_one_conversation(customer: Browser, engine: StandIn) -> None:
    words = [unlike(f"第 {number} 句") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(customer.say, words))
    conversation = engine.calls_with(words[0])[0]["conversation"]
    assert engine.most_at_once[conversation] == 1


def test_an_answer_stands_right_after_its_message(customer: Browser) -> None:
    before = len(customer.messages())
    words = [unlike(f"第 {number} 句") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(customer.say, words))
    log = texts(customer.messages()[before:])
    assert log[1::2] == [f"回覆 {text}" for text in log[::2]]


def test_a_slow_conversation_does_not_hold_up_another(
    installation: Installation, customer: Browser, engine: StandIn
) -> None:
    slow, release = unlike("慢"), threading.Event()

    def wait(_: Json) -> tuple[int, Json | bytes]:
        release.wait(ANSWERED_WITHIN_SECONDS)
        return said("好了")

    engine.script(slow, wait)
    other = installation.gateway.browser()
    with ThreadPoolExecutor(1) as pool, other.http:
        other.open()
        waiting = pool.submit(customer.say, slow)
        engine.wait_for_call(slow)
        assert texts(other.say("快")) == ["回覆 快"]
        assert not waiting.done()
        release.set()


# --- failures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["actions_down", "database_down", "not_ready", "turn_failed"])
@pytest.mark.parametrize("done", ["no", "unknown"])
def test_what_the_engine_says_of_a_failure_reaches_the_customer(
    customer: Browser, engine: StandIn, error: str, done: str
) -> None:
    text = unlike("失敗")
    engine.script(text, lambda _: refused(error, done))
    code = {"actions_down": "actions_down", "database_down": "dialogue_down"}.get(error, "engine_down")
    assert_problem(customer.post("messages", text=text), 503, code, unknown=done == "unknown")


def test_an_engine_that_waited_in_vain_for_the_conversation_is_said_to_be_busy(
    customer: Browser, engine: StandIn
) -> None:
    text, id_ = unlike("等"), new_id()
    engine.script(text, lambda _: refused("busy", "no"))
    assert_problem(customer.post("messages", text=text, id=id_), 409, "busy")
    engine.script(text, lambda _: said("好了"))
    assert texts(customer.say(text, id_)) == ["好了"]


WRONG_ANSWERS: dict[str, tuple[int, Json | bytes]] = {
    "nothing": (200, b""),
    "no JSON": (200, b"<html>"),
    "half JSON": (200, b'{"messages": ['),
    "array": (200, b"[]"),
    "number": (200, b"7"),
    "object without messages": (200, {}),
    "messages that are none": (200, {"messages": "x", "topic": None, "decision": None}),
    "null": (200, b"null"),
    "unsigned": (401, b""),
    "no such path": (404, b""),
    "too large": (413, b""),
    "error": (500, b"Traceback: canary"),
    "error as JSON": (500, {"error": "turn_failed"}),
    "refusal without a word": (503, b""),
    "refusal with an odd word": (503, {"error": "actions_down", "done": "maybe"}),
}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_a_wrong_answer_of_the_engine_is_a_failure_that_is_said(customer: Browser, engine: StandIn, name: str) -> None:
    text = unlike("亂答")
    engine.script(text, lambda _: WRONG_ANSWERS[name])
    reply = customer.post("messages", text=text)
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "engine_down")
    assert customer.messages()[-1]["state"] == "failed"


def test_a_wrong_answer_of_the_engine_is_not_shown(customer: Browser, engine: StandIn) -> None:
    text = unlike("亂答")
    engine.script(text, lambda _: (500, b"Traceback: canary"))
    assert "canary" not in customer.post("messages", text=text).text + json.dumps(customer.messages())


def test_a_failed_message_is_answered_when_it_is_sent_again(customer: Browser, engine: StandIn) -> None:
    text, id_, before = unlike("再試"), new_id(), len(customer.messages())
    engine.script(text, lambda _: refused("actions_down", "no"))
    assert_problem(customer.post("messages", id=id_, text=text), 503, "actions_down")
    engine.script(text, lambda _: said("好了"))
    assert texts(customer.say(text, id_)) == ["好了"]
    assert [(m["text"], m.get("state")) for m in customer.messages()[before:]] == [(text, "answered"), ("好了", None)]


def test_the_engine_learns_that_a_message_was_asked_before(customer: Browser, engine: StandIn) -> None:
    text, id_ = unlike("再試"), new_id()
    engine.script(text, lambda _: refused("turn_failed", "unknown"))
    for _ in range(2):
        customer.post("messages", id=id_, text=text)
    calls = engine.calls_with(text)
    assert [(call["caller"]["message"], call["again"]) for call in calls] == [(id_, False), (id_, True)]


def test_an_engine_that_hangs_is_said_within_five_seconds(customer: Browser, engine: StandIn) -> None:
    text, release = unlike("慢"), threading.Event()

    def hang(_: Json) -> tuple[int, Json | bytes]:
        release.wait(30)
        return said("太晚了")

    engine.script(text, hang)
    reply = customer.post("messages", text=text, timeout=ANSWERED_WITHIN_SECONDS)
    release.set()
    assert_problem(reply, 503, "engine_down", unknown=True)


def test_an_engine_that_answers_in_drops_is_said_within_five_seconds(installation: Installation) -> None:
    # Every byte comes in time, the whole does not.
    stop = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n")
            while not stop.wait(0.5):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        var = installation.gateway.var.parent / "drops"
        with processes.gateway(var, port, installation.vault.port) as gateway:
            browser = gateway.browser()
            with browser.http, processes.closed_port():
                opener = threading.Thread(target=drip, args=(listener,), daemon=True)
                opener.start()
                try:
                    reply = browser.http.post(f"{API}/conversations", json={}, timeout=ANSWERED_WITHIN_SECONDS)
                finally:
                    stop.set()
                    opener.join()
    assert reply.status_code == 201
    assert [message["from"] for message in reply.json()["messages"]] == ["system"]


def test_who_waits_behind_a_hanging_message_is_answered_within_five_seconds(customer: Browser, engine: StandIn) -> None:
    first, second, release = unlike("慢"), unlike("也慢"), threading.Event()

    def hang(_: Json) -> tuple[int, Json | bytes]:
        release.wait(30)
        return said("太晚了")

    engine.script(first, hang)
    engine.script(second, hang)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(customer.post, "messages", text=first)
        engine.wait_for_call(first)
        try:
            reply = customer.post("messages", text=second, timeout=ANSWERED_WITHIN_SECONDS)
        finally:
            release.set()
    assert reply.status_code in (409, 503)


def test_a_slow_vault_and_a_hanging_engine_are_said_within_five_seconds(
    customer: Browser, engine: StandIn, vault: StandIn
) -> None:
    release, (was_engine, was_vault) = threading.Event(), (engine.default, vault.default)

    def hang(_: Json) -> tuple[int, Json | bytes]:
        release.wait(30)
        return said("太晚了")

    def slowly(call: Json) -> tuple[int, Json | bytes]:
        release.wait(2)
        return was_vault(call)

    engine.default, vault.default = hang, slowly
    try:
        reply = customer.post("secrets", kind="code", value="483920", timeout=ANSWERED_WITHIN_SECONDS)
    finally:
        engine.default, vault.default = was_engine, was_vault
        release.set()
    assert_problem(reply, 503, "engine_down", unknown=True)


def test_an_answer_whose_reader_has_gone_is_kept(customer: Browser, engine: StandIn) -> None:
    # A phone that reloads the page while it waits.
    text, id_, release = unlike("走開"), new_id(), threading.Event()

    def slowly(_: Json) -> tuple[int, Json | bytes]:
        release.wait(3)
        return said("在這裡")

    engine.script(text, slowly)
    before = len(customer.messages())
    with contextlib.closing(socket.create_connection(("127.0.0.1", customer.gateway.port))) as phone:
        body = json.dumps({"id": id_, "text": text}).encode()
        phone.sendall(
            b"POST /Webhook/api/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Cookie: anxin={customer.token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        engine.wait_for_call(text)
    release.set()
    customer.say("還在嗎")
    assert texts(customer.messages()[before:])[:2] == [text, "在這裡"]


# --- buttons ------------------------------------------------------------------------------------------


def test_a_button_means_what_the_engine_said(customer: Browser, engine: StandIn) -> None:
    payload = f"/{unlike('start').replace(' ', '_')}"
    (button,) = offered(customer, engine, payload)
    press(customer, button)
    assert [(call["text"], call["payload"]) for call in engine.calls_with(payload)] == [(None, payload)]


def test_what_a_button_means_is_not_shown(customer: Browser, engine: StandIn) -> None:
    offered(customer, engine, STEP_YES)
    assert "report_confirmed" not in json.dumps(customer.messages())


def test_a_pressed_button_is_kept_by_its_title(customer: Browser, engine: StandIn) -> None:
    (button,) = offered(customer, engine, "/password_unlock")
    press(customer, button)
    assert customer.messages()[-2]["text"] == "選項 0"


def test_a_button_of_another_conversation_is_void(
    installation: Installation, customer: Browser, engine: StandIn
) -> None:
    (button,) = offered(customer, engine, "/password_unlock")
    other = installation.gateway.browser()
    with other.http:
        other.open()
        offered(other, engine, "/cancel")
        assert_problem(press(other, button), 409, "button_void")


def test_a_payload_is_no_button(customer: Browser) -> None:
    for given in ("/password_unlock", STEP_YES, "1.0", "1.0." + "0" * 32):
        assert_problem(press(customer, given), 409, "button_void")


def test_a_starting_button_can_be_pressed_again_later(customer: Browser, engine: StandIn) -> None:
    (button,) = offered(customer, engine, "/password_unlock")
    customer.say("等一下")
    assert [press(customer, button).status_code, press(customer, button).status_code] == [200, 200]


def test_a_step_button_dies_with_its_step(customer: Browser, engine: StandIn) -> None:
    (button,) = offered(customer, engine, STEP_YES)
    customer.say("等一下")
    assert_problem(press(customer, button), 409, "button_void")


def test_the_other_button_of_a_step_dies_when_one_is_pressed(customer: Browser, engine: StandIn) -> None:
    yes, no = offered(customer, engine, STEP_YES, STEP_NO)
    assert press(customer, yes).status_code == 200
    assert_problem(press(customer, no), 409, "button_void")


@pytest.mark.parametrize("round_", range(3))
def test_of_twenty_presses_of_a_step_at_once_one_counts(customer: Browser, engine: StandIn, round_: int) -> None:
    # A double click must not confirm the step after.
    payload = STEP_YES.replace("yes", unlike("yes"))
    (button,) = offered(customer, engine, payload)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = sorted(reply.status_code for reply in pool.map(lambda _: press(customer, button), range(AT_ONCE)))
    assert statuses == [200] + [409] * (AT_ONCE - 1)
    assert len(engine.calls_with(payload)) == 1


def test_a_step_button_sent_twice_with_one_id_counts_once(customer: Browser, engine: StandIn) -> None:
    payload, id_ = STEP_YES.replace("yes", unlike("yes")), new_id()
    (button,) = offered(customer, engine, payload)
    assert press(customer, button, id_).json() == press(customer, button, id_).json()
    assert len(engine.calls_with(payload)) == 1


def test_a_step_button_that_failed_can_be_tried_again(customer: Browser, engine: StandIn) -> None:
    payload, id_ = STEP_YES.replace("yes", unlike("yes")), new_id()
    (button,) = offered(customer, engine, payload)
    engine.script(payload, lambda _: refused("actions_down", "no"))
    assert_problem(press(customer, button, id_), 503, "actions_down")
    engine.script(payload, lambda _: said("好了"))
    assert texts(press(customer, button, id_).json()["messages"]) == ["好了"]


def test_a_step_button_that_was_answered_with_nothing_is_answered_so_again(customer: Browser, engine: StandIn) -> None:
    payload, id_ = STEP_YES.replace("yes", unlike("yes")), new_id()
    (button,) = offered(customer, engine, payload)
    engine.script(payload, lambda _: said())
    replies = [press(customer, button, id_) for _ in range(2)]
    assert [(reply.status_code, reply.json()) for reply in replies] == [(200, {"messages": []})] * 2


def test_another_button_under_the_same_id_is_refused(customer: Browser, engine: StandIn) -> None:
    one, other, id_ = *offered(customer, engine, "/password_unlock", "/cancel"), new_id()
    press(customer, one, id_)
    assert_problem(press(customer, other, id_), 409, "other_content")


# --- language -----------------------------------------------------------------------------------------


def test_the_language_can_be_chosen(customer: Browser, engine: StandIn) -> None:
    reply = customer.post("messages", language="en")
    assert [m["language"] for m in reply.json()["messages"]] == ["en"]
    assert engine.calls[-1]["caller"]["language"] == "en"


def test_a_chosen_language_stays(customer: Browser, engine: StandIn) -> None:
    customer.post("messages", language="zh-Hans")
    customer.say("123")
    assert engine.calls[-1]["caller"]["language"] == "zh-Hans"


# --- secrets ------------------------------------------------------------------------------------------


def canary() -> str:
    return "canary" + uuid.uuid4().hex


def test_a_secret_goes_to_the_vault_and_its_reference_to_the_engine(
    customer: Browser, engine: StandIn, vault: StandIn
) -> None:
    value, before = canary(), len(engine.calls)
    customer.post("secrets", kind="account", value=value)
    assert (vault.calls[-1]["kind"], vault.calls[-1]["value"]) == ("account", value)
    assert engine.calls[before]["payload"].startswith('/inform{"account": "ref-')
    assert value not in json.dumps(engine.calls)


def test_a_secret_is_written_nowhere_by_the_gateway(installation: Installation, customer: Browser) -> None:
    value = canary()
    customer.post("secrets", kind="contact", value=value)
    assert value not in json.dumps(customer.messages())
    assert all(value.encode() not in f.read_bytes() for f in installation.gateway.var.rglob("*") if f.is_file())


def test_the_same_secret_under_one_id_goes_to_the_vault_once(customer: Browser, vault: StandIn) -> None:
    value, id_ = canary(), new_id()
    for _ in range(3):
        customer.post("secrets", id=id_, kind="code", value=value)
    assert [call["value"] for call in vault.calls].count(value) == 1


def test_a_second_try_of_a_secret_uses_the_reference_of_the_first(customer: Browser, engine: StandIn) -> None:
    default, seen = engine.default, []
    value, id_ = canary(), new_id()

    def fail(call: Json) -> tuple[int, Json | bytes]:
        seen.append(call["payload"])
        return refused("turn_failed", "unknown")

    engine.default = fail
    try:
        for _ in range(2):
            customer.post("secrets", id=id_, kind="code", value=value)
    finally:
        engine.default = default
    assert len(seen) == 2
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("kind", "entity", "text", "value"),
    [
        ("code", "otp_code", "碼是 483920", "碼是 483920"),
        ("account", "account", "帳號 9000018", "9000018"),
        ("birth_date", "birth_date", "072/05/17", "072/05/17"),
        ("contact", "report_contact", "zdemo@example.com", "zdemo@example.com"),
    ],
)
def test_a_secret_typed_as_text_while_it_is_asked_for_takes_the_way_of_its_field(
    customer: Browser, engine: StandIn, vault: StandIn, kind: str, entity: str, text: str, value: str
) -> None:
    ask, before = unlike("請問"), len(engine.calls)
    engine.script(ask, lambda _: said("請輸入", ask={"kind": kind}))
    customer.say(ask)
    customer.say(text)
    assert (vault.calls[-1]["kind"], vault.calls[-1]["value"].strip()) == (kind, value)
    assert engine.calls[-1]["payload"].startswith(f'/inform{{"{entity}": "ref-')
    assert value not in json.dumps([engine.calls[before:], customer.messages()])


def test_a_long_text_while_a_code_is_asked_for_is_answered(customer: Browser, engine: StandIn) -> None:
    # It is longer than what the vault takes: a complaint, not a code.
    ask = unlike("請問")
    engine.script(ask, lambda _: said("請輸入", ask={"kind": "code"}))
    customer.say(ask)
    assert customer.post("messages", text="等了很久，483920 還是不行。" * 40).status_code == 200


WRONG_VAULTS: dict[str, tuple[int, Json | bytes]] = {
    "nothing": (201, b""),
    "no JSON": (201, b"x"),
    "no reference": (201, {}),
    "refused": (400, b""),
    "error": (500, b""),
}


@pytest.mark.parametrize("name", WRONG_VAULTS)
def test_a_wrong_answer_of_the_vault_is_a_failure_that_is_said(customer: Browser, vault: StandIn, name: str) -> None:
    default, vault.default = vault.default, lambda _: WRONG_VAULTS[name]
    try:
        assert_problem(customer.post("secrets", kind="code", value="483920"), 503, "actions_down")
    finally:
        vault.default = default
