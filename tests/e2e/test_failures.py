"""A stopped process or database: within five seconds the customer reads what is wrong, and nothing is lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.e2e.conftest import Anxin, Customer

WITHIN_SECONDS = 5.0


@contextmanager
def hung(anxin: Anxin, name: str) -> Iterator[None]:
    process = anxin.process_on(name)
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def locked(anxin: Anxin, database: str) -> Iterator[None]:
    connection = sqlite3.connect(anxin.var / database, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def send(customer: Customer, path: str, body: dict[str, str]) -> httpx.Response:
    """Send, and check that an answer of some kind comes in time."""
    started = time.monotonic()
    reply = customer.http.post(f"/Webhook/api/{path}", json=body)
    assert time.monotonic() - started < WITHIN_SECONDS
    return reply


def assert_honest(reply: httpx.Response, code: str) -> str:
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (503, code)
    assert "412-8889" in error["message"]
    assert error["reference"] in error["message"]
    return str(error["message"])


@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans", "en"])
def test_a_hung_engine_is_said_in_the_customers_language(anxin: Anxin, language: str) -> None:
    customer = anxin.customer(language=language)
    words = {"zh-Hant": "期貨登入也會寄信嗎", "zh-Hans": "期货登录也会发邮件吗", "en": "are futures covered"}
    with hung(anxin, "engine"):
        reply = send(customer, "messages", {"id": str(uuid.uuid4()), "text": words[language]})
    message = assert_honest(reply, "engine_down")
    assert {"zh-Hant": "再試一次", "zh-Hans": "再试一次", "en": "try again"}[language] in message


def test_a_message_sent_to_a_hung_engine_is_kept_and_answered_once_later(anxin: Anxin) -> None:
    customer = anxin.customer()
    body = {"id": str(uuid.uuid4()), "text": "期貨登入也會寄信嗎"}
    with hung(anxin, "engine"):
        send(customer, "messages", body)
        assert [m["state"] for m in customer.log() if m["from"] == "customer"] == ["failed"]
    reply = customer.http.post("/Webhook/api/messages", json=body)
    assert reply.json()["messages"][0]["topic"] == "notice_futures_coverage"
    log = customer.log()
    assert [m["state"] for m in log if m["from"] == "customer"] == ["answered"]
    assert sum(m.get("topic") == "notice_futures_coverage" for m in log) == 1


def test_hung_actions_are_said_and_the_step_is_still_there(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    body = {"id": str(uuid.uuid4()), "kind": "account", "value": "900028"}
    with hung(anxin, "actions"):
        message = assert_honest(send(customer, "secrets", body), "actions_down")
    assert "沒有辦" in message
    reply = customer.http.post("/Webhook/api/secrets", json=body)
    assert reply.json()["messages"][0]["ask"]["kind"] == "birth_date"


def test_questions_are_answered_while_actions_hang(anxin: Anxin) -> None:
    customer = anxin.customer()
    with hung(anxin, "actions"):
        assert send(customer, "messages", {"id": str(uuid.uuid4()), "text": "通知信可以關掉嗎"}).status_code == 200


def test_an_unlock_whose_answer_was_lost_is_told_by_the_second_try_and_done_once(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.identify("900028", "071/02/02")
    customer.press("簡訊")
    body = {"id": str(uuid.uuid4()), "kind": "code", "value": anxin.newest_code()}
    with hung(anxin, "engine"):  # it takes the turn in, and finishes it when nobody waits any more
        assert "不確定" in assert_honest(send(customer, "secrets", body), "engine_down")
    time.sleep(1)
    answer = customer.http.post("/Webhook/api/secrets", json=body).json()
    assert "已經解鎖" in answer["messages"][0]["text"]
    with sqlite3.connect(anxin.var / "security.sqlite") as database:
        rows = database.execute(
            "SELECT count(*) FROM ledger WHERE account_id = 'demo-hnyc-900028' AND kind = 'unlock_password'"
        ).fetchone()
    assert rows == (1,)


@pytest.mark.parametrize("name", ["engine", "actions", "gateway"])
def test_a_killed_process_is_started_again_and_nothing_is_lost(anxin: Anxin, name: str) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    os.kill(anxin.process_on(name), signal.SIGKILL)
    time.sleep(0.5)
    anxin.wait_until_ready()
    assert customer.say("期貨登入也會寄信嗎")[-1]["ask"]["kind"] == "account"
    assert f"The {name} ended" in anxin.output.read_text(errors="replace")


def test_a_locked_conversation_log_is_said_and_the_message_can_be_sent_again(anxin: Anxin) -> None:
    customer = anxin.customer()
    body = {"id": str(uuid.uuid4()), "text": "通知信可以關掉嗎"}
    with locked(anxin, "conversations.sqlite"):
        message = assert_honest(send(customer, "messages", body), "database_down")
    assert "還沒有送達" in message
    assert customer.http.post("/Webhook/api/messages", json=body).status_code == 200


def test_a_locked_tracker_is_an_error_and_never_a_blank_conversation(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    body = {"id": str(uuid.uuid4()), "text": "期貨登入也會寄信嗎"}
    with locked(anxin, "trackers.sqlite"):
        assert_honest(send(customer, "messages", body), "dialogue_down")
    messages = customer.http.post("/Webhook/api/messages", json=body).json()["messages"]
    assert messages[-1]["ask"]["kind"] == "account"


def test_a_locked_security_database_refuses_and_accepts_nothing(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.identify("900028", "071/02/02")
    customer.press("簡訊")
    body = {"id": str(uuid.uuid4()), "kind": "code", "value": anxin.newest_code()}
    with locked(anxin, "security.sqlite"):
        assert_honest(send(customer, "secrets", body), "actions_down")
    answer = customer.http.post("/Webhook/api/secrets", json=body).json()
    assert "已經解鎖" in answer["messages"][0]["text"]
