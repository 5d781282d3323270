"""A gateway that is told to end: what it has taken it answers, what listens comes back, and nothing is lost (G31)."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.actions.security.rounds import rounds, told
from tests.gateway import processes
from tests.gateway.processes import API, Browser, Gateway, Json, StandIn, said

LONGEST_SECONDS = 8  # so long the supervisor waits before it kills


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[StandIn]:
    with processes.served(processes.engine_stand_in(tmp_path)) as engine:
        yield engine


@pytest.fixture
def gateway(tmp_path: Path, engine: StandIn) -> Iterator[Gateway]:
    with processes.gateway(tmp_path, engine.port, 1) as gateway:
        yield gateway


@pytest.fixture
def browser(gateway: Gateway) -> Iterator[Browser]:
    with (browser := gateway.browser()).http:
        browser.open()
        yield browser


def slow(engine: StandIn, text: str) -> threading.Event:
    release = threading.Event()

    def hang(_: Json) -> tuple[int, Json | bytes]:
        release.wait(4)
        return said("好了")

    engine.script(text, hang)
    return release


def test_what_is_under_way_is_answered_and_the_process_ends(
    gateway: Gateway, browser: Browser, engine: StandIn
) -> None:
    release = slow(engine, "慢")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(browser.say, "慢")
        engine.wait_for_call("慢")
        began = time.monotonic()
        gateway.process.terminate()
        threading.Timer(2, release.set).start()
        assert [message["text"] for message in waiting.result()] == ["好了"]
    assert gateway.process.wait(LONGEST_SECONDS) == 0
    assert time.monotonic() - began < LONGEST_SECONDS


def test_an_engine_that_hangs_does_not_hold_it_up(gateway: Gateway, browser: Browser, engine: StandIn) -> None:
    release = slow(engine, "慢")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(browser.post, "messages", text="慢")
        engine.wait_for_call("慢")
        gateway.process.terminate()
        assert waiting.result().status_code in (200, 503)
    release.set()
    assert gateway.process.wait(LONGEST_SECONDS) == 0


def test_it_says_at_once_that_it_is_not_ready_and_closes_each_connection(gateway: Gateway, browser: Browser) -> None:
    gateway.process.terminate()
    time.sleep(0.1)
    ready = httpx.get(f"{gateway.base_url}/readyz", trust_env=False)
    assert (ready.status_code, ready.json()) == (503, {"status": "ending"})
    assert ready.headers["connection"] == "close"
    # Who has not noticed yet is served.
    reply = browser.post("messages", text="還在嗎")
    assert (reply.status_code, reply.headers["connection"]) == (200, "close")


def test_it_takes_no_new_connection_in_the_end(gateway: Gateway, browser: Browser, engine: StandIn) -> None:
    release = slow(engine, "慢")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(browser.say, "慢")
        engine.wait_for_call("慢")
        gateway.process.terminate()
        time.sleep(1.5)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{gateway.base_url}/healthz", trust_env=False)
        release.set()
        waiting.result()


def test_a_stream_is_told_to_come_back_and_ends(gateway: Gateway, browser: Browser) -> None:
    with browser.http.stream("GET", f"{API}/stream", timeout=10) as reply:
        chunks = reply.iter_text()
        next(chunks)
        gateway.process.terminate()
        rest = "".join(chunks)
    assert rest.endswith("retry: 1000\n\n")
    assert gateway.process.wait(LONGEST_SECONDS) == 0


def test_a_stream_that_comes_back_too_soon_is_told_again(gateway: Gateway, browser: Browser) -> None:
    # An error would be the end of it: a browser tries again only what was a stream.
    gateway.process.terminate()
    time.sleep(0.1)
    with browser.http.stream("GET", f"{API}/stream", timeout=10) as reply:
        assert (reply.status_code, "".join(reply.iter_text())) == (200, ": hello\n\nretry: 1000\n\n")


def test_restarts_under_load_lose_and_double_nothing(tmp_path: Path, engine: StandIn) -> None:
    """Gateways end one after the other while customers write; each goes to whichever takes the connection."""
    customers, ends, stop = 6, rounds(2), threading.Event()
    with ExitStack() as stack, ThreadPoolExecutor(customers) as pool:
        doors = [stack.enter_context(processes.gateway(tmp_path, engine.port, 1)) for _ in range(2)]
        jobs = [pool.submit(_write, number, doors, stop) for number in range(customers)]
        try:
            for _ in range(ends):
                time.sleep(1)
                doors.append(stack.enter_context(processes.gateway(tmp_path, engine.port, 1)))
                doors.pop(0).process.terminate()
            time.sleep(2)
        finally:
            stop.set()
        written = [job.result() for job in jobs]
        for number, (token, sent) in enumerate(written):
            with (browser := doors[-1].browser()).http:
                browser.http.cookies.set("anxin", token, path="/Webhook/")
                said = browser.everything()[1:]
            assert [m["text"] for m in said[::2]] == sent
            assert [m["text"] for m in said[1::2]] == [f"回覆 {text}" for text in sent], number
    texts = [call["text"] for call in engine.calls if call["text"]]
    assert len(texts) == len(set(texts))
    told(customers=customers, messages=len(texts), ends=ends)


def _write(number: int, doors: list[Gateway], stop: threading.Event) -> tuple[str, list[str]]:
    """Write until told to stop; return the token and what was sent, all of it answered."""
    sent: list[str] = []
    with (browser := doors[-1].browser()).http:
        browser.open()
        while not stop.is_set():
            sent.append(f"客戶 {number} 第 {len(sent)} 句")
            _deliver(browser, list(doors), sent[-1], start=len(sent) + number)
            time.sleep(0.02)
        return browser.token, sent


def _deliver(browser: Browser, doors: list[Gateway], text: str, start: int) -> None:
    """Send as a proxy does: to the next gateway only where no connection is made; anything else is a failure."""
    body = {"id": str(uuid.uuid4()), "text": text}
    for step in range(len(doors)):
        door = doors[(start + step) % len(doors)]
        try:
            reply = browser.http.post(f"{door.base_url}{API}/messages", json=body, headers={"connection": "close"})
        except httpx.ConnectError:
            continue
        assert reply.status_code == 200, reply.text
        return
    raise AssertionError("no gateway takes a connection")
