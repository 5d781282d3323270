"""Engine, actions or database stopped: said within five seconds, with the hotline, and nothing sent is lost."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bot.content.institutions import load_institutions
from bot.rig.postgresql import PostgresServer
from tests.actions.security.rounds import rounds
from tests.gateway import processes
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


# --- PostgreSQL is down -------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    running = PostgresServer()
    yield running
    running.thaw()
    running.remove()


@pytest.fixture
def kept_elsewhere(server: PostgresServer, tmp_path: Path) -> Iterator[Browser]:
    """A customer whose conversation PostgreSQL keeps."""
    with (
        processes.served(processes.engine_stand_in(tmp_path)) as engine,
        processes.gateway(tmp_path, engine.port, 1, ANXIN_CONVERSATIONS_URL=server.url(server.create())) as gateway,
    ):
        browser = gateway.browser()
        with browser.http:
            browser.open()
            yield browser


def test_a_postgresql_that_stands_still_is_said_within_five_seconds(
    server: PostgresServer, kept_elsewhere: Browser
) -> None:
    id_ = str(uuid.uuid4())
    server.freeze()
    for _ in range(2):
        reply = kept_elsewhere.post("messages", id=id_, text="有人嗎", timeout=ANSWERED_WITHIN_SECONDS)
        assert_problem(reply, 503, "database_down")
    assert kept_elsewhere.http.get("/healthz", timeout=ANSWERED_WITHIN_SECONDS).status_code == 200
    server.thaw()
    # What it was told while it stood still it may do now: then the turn is taken until the lease is over.
    assert [m["text"] for m in kept_elsewhere.insist("有人嗎", id_)] == ["回覆 有人嗎"]


def test_a_postgresql_that_was_killed_is_used_again_when_it_is_back(
    server: PostgresServer, kept_elsewhere: Browser
) -> None:
    id_ = str(uuid.uuid4())
    server.kill()
    reply = kept_elsewhere.post("messages", id=id_, text="有人嗎", timeout=ANSWERED_WITHIN_SECONDS)
    assert_problem(reply, 503, "database_down")
    server.start()
    assert [m["text"] for m in kept_elsewhere.insist("有人嗎", id_)] == ["回覆 有人嗎"]
    assert [m["text"] for m in kept_elsewhere.messages(after=1)] == ["有人嗎", "回覆 有人嗎"]


def test_a_postgresql_that_is_killed_under_load_is_said_honestly_and_loses_nothing(
    server: PostgresServer, kept_elsewhere: Browser
) -> None:
    customers, kills, stop = 6, rounds(2), threading.Event()
    browsers = [kept_elsewhere.gateway.browser() for _ in range(customers)]

    def write(browser: Browser) -> tuple[list[str], set[tuple[int, str]]]:
        sent: list[str] = []
        told: set[tuple[int, str]] = set()
        browser.open()
        while not stop.is_set():
            sent.append(f"第 {len(sent)} 句")
            id_ = str(uuid.uuid4())
            while (reply := browser.post("messages", id=id_, text=sent[-1])).status_code != 200:
                told.add((reply.status_code, reply.json()["error"]["code"]))
                time.sleep(0.1)
        return sent, told

    with ThreadPoolExecutor(customers) as pool:
        jobs = [pool.submit(write, browser) for browser in browsers]
        for _ in range(kills):
            time.sleep(0.5)
            server.kill()
            time.sleep(0.3)
            server.start()
        time.sleep(0.5)
        stop.set()
        written = [job.result() for job in jobs]
    for browser, (sent, told) in zip(browsers, written, strict=True):
        assert told <= {(503, "database_down"), (409, "busy")}
        said = browser.everything()
        said = said[next(i for i, m in enumerate(said) if m["from"] == "customer") :]  # a greeting may have met a kill
        assert [m["text"] for m in said[::2]] == sent
        assert [m["text"] for m in said[1::2]] == [f"回覆 {text}" for text in sent]
        browser.http.close()
