"""Engine, actions or database stopped: said within five seconds, with the hotline, and nothing sent is lost."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from bot.content.institutions import load_institutions
from tests.gateway.errors import assert_problem
from tests.gateway.processes import ANSWERED_WITHIN_SECONDS, API, Browser, Gateway

CUSTOMERS = 20
LANGUAGES = ("zh-Hant", "zh-Hans", "en")


# --- the engine is stopped ----------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stopped_engine_is_said_within_five_seconds(stranger: Browser, language: str) -> None:
    stranger.open("hnyc", language)
    reply = stranger.post("messages", text="123 hi" if language == "en" else "？", timeout=ANSWERED_WITHIN_SECONDS)
    assert_problem(reply, 503, "engine_down", language)


@pytest.mark.parametrize("institution", ["hnyc", "gtjai", "icbca"])
def test_who_cannot_be_answered_reads_the_hotline(stranger: Browser, institution: str) -> None:
    stranger.open(institution)
    message = stranger.post("messages", text="有人嗎").json()["error"]["message"]
    assert load_institutions()[institution].hotline in message


def test_an_answer_that_must_wait_says_how_long(lonely: Browser) -> None:
    assert lonely.post("messages", text="有人嗎").headers["retry-after"] == "5"


def test_a_message_that_was_not_answered_is_kept(lonely: Browser) -> None:
    id_ = str(uuid.uuid4())
    lonely.post("messages", id=id_, text="通知信可以關掉嗎")
    assert [(m["id"], m["text"], m["from"], m["state"]) for m in lonely.messages()] == [
        (id_, "通知信可以關掉嗎", "customer", "failed")
    ]


def test_a_message_that_was_not_answered_can_be_sent_again(lonely: Browser) -> None:
    id_ = str(uuid.uuid4())
    for _ in range(3):
        assert_problem(lonely.post("messages", id=id_, text="通知信可以關掉嗎"), 503, "engine_down")
    assert [m["seq"] for m in lonely.messages()] == [1]


def test_messages_that_were_not_answered_are_kept_in_order(lonely: Browser) -> None:
    for text in ("一", "二", "三"):
        lonely.post("messages", text=text)
    assert [(m["seq"], m["text"]) for m in lonely.messages()] == [(1, "一"), (2, "二"), (3, "三")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_conversation_opens_without_the_engine_and_says_so(stranger: Browser, language: str) -> None:
    said = stranger.open("gtjai", language)["messages"]
    assert [message["from"] for message in said] == ["system"]
    assert load_institutions()["gtjai"].hotline in said[0]["text"]


def test_digits_are_hidden_before_a_message_is_kept(alone: Gateway, lonely: Browser) -> None:
    lonely.post("messages", text="帳號 9000180001 生日 072/05/17")
    assert "9000180001" not in str(lonely.messages())
    assert all(b"9000180001" not in file.read_bytes() for file in alone.var.iterdir() if file.is_file())


# --- actions are stopped ------------------------------------------------------------------------------


def test_stopped_actions_are_said_within_five_seconds(lonely: Browser) -> None:
    reply = lonely.post("secrets", kind="code", value="483920", timeout=ANSWERED_WITHIN_SECONDS)
    assert_problem(reply, 503, "actions_down")


def test_a_secret_that_could_not_be_handed_over_can_be_sent_again(lonely: Browser) -> None:
    id_ = str(uuid.uuid4())
    for _ in range(2):
        assert_problem(lonely.post("secrets", id=id_, kind="code", value="483920"), 503, "actions_down")
    assert [(m["seq"], m["state"]) for m in lonely.messages()] == [(1, "failed")]


def test_a_secret_is_kept_nowhere(alone: Gateway, lonely: Browser) -> None:
    canary = "canary-7Q4M-9000018"
    lonely.post("secrets", kind="contact", value=canary)
    assert canary not in str(lonely.messages())
    assert all(canary.encode() not in file.read_bytes() for file in alone.var.rglob("*") if file.is_file())


def test_another_secret_under_the_same_id_is_refused(lonely: Browser) -> None:
    id_ = str(uuid.uuid4())
    lonely.post("secrets", id=id_, kind="code", value="483920")
    assert_problem(lonely.post("secrets", id=id_, kind="code", value="483921"), 409, "other_content")


# --- the database cannot be used ----------------------------------------------------------------------


@contextmanager
def locking(gateway: Gateway) -> Iterator[None]:
    """Hold the file as another program would, so that no message can be written."""
    holder = sqlite3.connect(gateway.var / "conversations.sqlite", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.fixture
def locked(alone: Gateway, lonely: Browser) -> Iterator[Browser]:
    """A customer whose messages cannot be written."""
    with locking(alone):
        yield lonely


def test_a_locked_database_is_said_within_five_seconds(locked: Browser) -> None:
    reply = locked.post("messages", text="通知信可以關掉嗎", timeout=ANSWERED_WITHIN_SECONDS)
    assert_problem(reply, 503, "database_down")


def test_a_conversation_is_not_opened_where_it_cannot_be_kept(locked: Browser) -> None:
    reply = locked.http.post(f"{API}/conversations", json={"language": "en"}, timeout=ANSWERED_WITHIN_SECONDS)
    assert_problem(reply, 503, "database_down", "en")


@pytest.mark.parametrize("path", ["messages", "stream"])
def test_who_reads_meanwhile_waits_no_longer_than_five_seconds(locked: Browser, path: str) -> None:
    # Reading needs no lock of SQLite's; whether it takes one is not the customer's business.
    with locked.http.stream("GET", f"{API}/{path}", timeout=ANSWERED_WITHIN_SECONDS) as reply:
        assert reply.status_code in (200, 503)


def test_a_process_whose_database_is_down_still_runs(locked: Browser) -> None:
    assert locked.http.get("/healthz", timeout=ANSWERED_WITHIN_SECONDS).status_code == 200


def test_the_page_comes_without_the_database(locked: Browser) -> None:
    # A page of raw JSON tells a customer nothing.
    reply = locked.http.get("/Webhook/", timeout=ANSWERED_WITHIN_SECONDS)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_twenty_customers_at_once_read_within_five_seconds_that_the_database_is_down(alone: Gateway) -> None:
    customers = [alone.browser() for _ in range(CUSTOMERS)]
    for customer in customers:
        customer.open()

    def send(customer: Browser) -> httpx.Response:
        return customer.post("messages", text="有人嗎", timeout=ANSWERED_WITHIN_SECONDS)

    with locking(alone), ThreadPoolExecutor(CUSTOMERS) as pool:
        for reply in pool.map(send, customers):
            assert_problem(reply, 503, "database_down")
    for customer in customers:
        customer.http.close()


def test_a_message_can_be_sent_again_when_the_database_is_back(alone: Gateway, lonely: Browser) -> None:
    id_ = str(uuid.uuid4())
    with locking(alone):
        assert_problem(lonely.post("messages", id=id_, text="有人嗎"), 503, "database_down")
    assert_problem(lonely.post("messages", id=id_, text="有人嗎"), 503, "engine_down")
    assert [m["id"] for m in lonely.messages()] == [id_]
