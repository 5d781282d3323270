"""Several gateways, engines and vaults: any gateway serves any conversation, and nothing is done twice (G27, G31, T55)."""

from __future__ import annotations

import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.clients.replicas import WATCH_SECONDS
from bot.clients.signed import READY_SECONDS
from bot.conversations.log import LEASE_SECONDS
from bot.rig.postgresql import PostgresServer
from tests.actions.security.rounds import rounds, told
from tests.gateway import processes
from tests.gateway.errors import assert_problem
from tests.gateway.processes import Browser, Gateway, Json, StandIn, refused, said
from tests.gateway.test_stream import listening, take

AT_ONCE = 20
CALMED_SECONDS = 2  # until a gateway has looked at its engines again


@dataclass
class House:
    """Two gateways that share a log; two engines and two vaults behind them."""

    gateways: list[Gateway]
    engines: list[StandIn]
    vaults: list[StandIn]

    def script(self, text: str, answer: processes.Script) -> None:
        for engine in self.engines:
            engine.script(text, answer)

    def calls_with(self, text: str) -> list[Json]:
        return [call for engine in self.engines for call in engine.calls_with(text)]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    running = PostgresServer()
    yield running
    running.remove()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    var: Path = tmp_path_factory.mktemp("house")
    settings = {}
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("server")
        settings["ANXIN_CONVERSATIONS_URL"] = server.url(server.create())
    with ExitStack() as stack:
        engines = [stack.enter_context(processes.served(processes.engine_stand_in(var))) for _ in range(2)]
        vaults = [stack.enter_context(processes.served(processes.vault_stand_in(var))) for _ in range(2)]
        settings["ANXIN_ENGINES"] = ",".join(f"http://127.0.0.1:{engine.port}" for engine in engines)
        settings["ANXIN_ACTIONS"] = ",".join(f"http://127.0.0.1:{vault.port}" for vault in vaults)
        gateways = [stack.enter_context(processes.gateway(var, 1, 1, **settings)) for _ in range(2)]
        yield House(gateways, engines, vaults)


@pytest.fixture
def browsers(house: House) -> Iterator[tuple[Browser, Browser]]:
    """One customer, at either gateway."""
    one = house.gateways[0].browser()
    with one.http:
        one.open()
        other = one.elsewhere(house.gateways[1])
        with other.http:
            yield one, other


one_log = pytest.mark.parametrize("house", ["sqlite"], indirect=True)  # where the log makes no difference


def unlike(text: str) -> str:
    return f"{text} {''.join(c for c in uuid.uuid4().hex if c.isalpha())}"


# --- two gateways -------------------------------------------------------------------------------------


def test_a_conversation_goes_on_at_another_gateway(browsers: tuple[Browser, Browser]) -> None:
    for number in range(6):
        assert browsers[number % 2].say(f"第 {number} 句")[0]["text"] == f"回覆 第 {number} 句"
    assert browsers[0].messages() == browsers[1].messages()


def test_an_answered_id_is_answered_alike_at_another_gateway(house: House, browsers: tuple[Browser, Browser]) -> None:
    text, id_ = unlike("問題"), str(uuid.uuid4())
    assert browsers[0].say(text, id_) == browsers[1].say(text, id_)
    assert len(house.calls_with(text)) == 1


def test_what_is_asked_for_at_one_gateway_is_known_at_the_other(
    house: House, browsers: tuple[Browser, Browser]
) -> None:
    # The second has seen the conversation before: what it remembers must not decide.
    browsers[1].say("在嗎")
    ask = unlike("請寄碼")
    house.script(ask, lambda _: said("請輸入驗證碼", ask={"kind": "code"}))
    browsers[0].say(ask)
    browsers[1].say("48391")
    assert [m["text"] for m in browsers[0].messages() if m["from"] == "customer"][-1] == "••••••"


def test_twenty_messages_at_two_gateways_are_kept_once_each_in_one_order(
    house: House, browsers: tuple[Browser, Browser]
) -> None:
    words = [unlike(f"第 {number} 句") for number in range(AT_ONCE)]

    def slowly(call: Json) -> tuple[int, Json | bytes]:
        time.sleep(random.Random(call["text"]).uniform(0, 0.05))
        return said(f"回覆 {call['text']}")

    for text in words:
        house.script(text, slowly)
    before = len(browsers[0].messages())
    ids = [str(uuid.uuid4()) for _ in words]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda n: browsers[n % 2].insist(words[n], ids[n]), range(AT_ONCE)))
    log = browsers[1].messages()[before:]
    assert sorted(m["id"] for m in log[::2]) == sorted(ids)
    assert [m["text"] for m in log[1::2]] == [f"回覆 {m['text']}" for m in log[::2]]
    assert [len(house.calls_with(text)) for text in words] == [1] * AT_ONCE
    conversation = house.calls_with(words[0])[0]["conversation"]
    assert {engine.most_at_once.get(conversation, 0) for engine in house.engines} <= {0, 1}


def test_many_conversations_at_two_gateways_lose_and_mix_nothing(house: House) -> None:
    customers, messages = rounds(10), 6

    def talk(number: int) -> None:
        browser = house.gateways[number % 2].browser()
        with browser.http:
            browser.open()
            other = browser.elsewhere(house.gateways[(number + 1) % 2])
            with other.http, ThreadPoolExecutor(messages) as pool:
                words = [f"客戶 {number} 第 {n} 句" for n in range(messages)]
                sent = [(browser, other)[n % 2] for n in range(messages)]
                list(pool.map(lambda n: sent[n].insist(words[n], str(uuid.uuid4())), range(messages)))
            log = browser.messages(after=1)
            assert sorted(m["text"] for m in log[::2]) == sorted(words)
            assert [m["text"] for m in log[1::2]] == [f"回覆 {m['text']}" for m in log[::2]]

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(talk, range(customers)))
    told(conversations=customers, messages=customers * messages)


def test_who_waits_too_long_at_another_gateway_reads_busy_and_nothing_is_kept(
    house: House, browsers: tuple[Browser, Browser]
) -> None:
    slow, second, release = unlike("慢"), unlike("第二"), threading.Event()

    def hang(_: Json) -> tuple[int, Json | bytes]:
        release.wait(4)
        return said("好了")

    house.script(slow, hang)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(browsers[0].say, slow)
        while not house.calls_with(slow):
            time.sleep(0.01)
        id_ = str(uuid.uuid4())
        assert_problem(browsers[1].post("messages", id=id_, text=second), 409, "busy")
        assert second not in str(browsers[1].messages())
        release.set()
        assert [m["text"] for m in first.result()] == ["好了"]
    assert browsers[1].say(second, id_)[0]["text"] == f"回覆 {second}"


def test_a_stream_hears_within_two_seconds_of_another_gateway(browsers: tuple[Browser, Browser]) -> None:
    with listening(browsers[0], after=1) as events:
        browsers[1].say("從另一台")
        began = time.monotonic()
        assert [data["text"] for _, _, data in take(events, 2)] == ["從另一台", "回覆 從另一台"]
        assert time.monotonic() - began < 2


def test_a_stream_goes_on_at_another_gateway_exactly(browsers: tuple[Browser, Browser]) -> None:
    browsers[0].say("一")
    with listening(browsers[0]) as events:
        last = take(events, 2)[-1][0]
    browsers[1].say("二")
    with listening(browsers[1], last_event_id=last) as events:
        assert [data["seq"] for _, _, data in take(events, 3)] == [3, 4, 5]


# --- two engines --------------------------------------------------------------------------------------


@one_log
def test_both_engines_are_asked(house: House, browsers: tuple[Browser, Browser]) -> None:
    before = [len(engine.calls) for engine in house.engines]
    for number in range(6):
        browsers[0].say(f"第 {number} 句")
    assert [len(e.calls) - n for e, n in zip(house.engines, before, strict=True)] == [3, 3]


@one_log
def test_an_engine_that_did_nothing_is_followed_by_another(house: House, browsers: tuple[Browser, Browser]) -> None:
    text = unlike("換一台")
    answers = [refused("not_ready", "no"), said("好了")]
    house.script(text, lambda _: answers.pop(0))
    assert [m["text"] for m in browsers[0].say(text)] == ["好了"]
    assert len(house.calls_with(text)) == 2


@one_log
@pytest.mark.parametrize("answer", [refused("turn_failed", "unknown"), (500, b""), (200, b"{")])
def test_an_engine_that_may_have_done_something_is_not(
    house: House, browsers: tuple[Browser, Browser], answer: tuple[int, Json | bytes]
) -> None:
    text = unlike("不知道")
    house.script(text, lambda _: answer)
    reply = browsers[0].post("messages", text=text)
    assert_problem(reply, 503, "engine_down", unknown=True)
    assert len(house.calls_with(text)) == 1


@one_log
def test_an_engine_that_is_not_ready_is_left_alone_until_it_is(house: House, browsers: tuple[Browser, Browser]) -> None:
    resting = house.engines[0]
    resting.is_ready = False
    time.sleep(CALMED_SECONDS)
    before = len(resting.calls)
    for number in range(4):
        browsers[0].say(f"第 {number} 句")
    assert len(resting.calls) == before
    resting.is_ready = True
    time.sleep(CALMED_SECONDS)
    for number in range(4):
        browsers[0].say(f"第 {number} 句")
    assert len(resting.calls) > before


@one_log
def test_a_secret_goes_to_another_vault_when_one_fails(house: House, browsers: tuple[Browser, Browser]) -> None:
    def fail(_: Json) -> tuple[int, Json | bytes]:
        return 201, b"x"

    default, house.vaults[0].default = house.vaults[0].default, fail
    try:
        for _ in range(2):
            assert browsers[0].post("secrets", kind="code", value="483920").status_code == 200
    finally:
        house.vaults[0].default = default


def test_an_engine_that_is_gone_is_skipped_at_once(tmp_path: Path) -> None:
    with (
        processes.closed_port() as gone,
        processes.served(processes.engine_stand_in(tmp_path)) as engine,
        processes.gateway(
            tmp_path, 1, 1, ANXIN_ENGINES=f"http://127.0.0.1:{gone},http://127.0.0.1:{engine.port}"
        ) as gateway,
    ):
        browser = gateway.browser()
        with browser.http:
            browser.open()
            began = time.monotonic()
            for number in range(10):
                assert browser.say(f"第 {number} 句")[0]["text"] == f"回覆 第 {number} 句"
            assert time.monotonic() - began < 2


def test_an_engine_that_stands_still_is_found_out(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        processes.served(processes.engine_stand_in(tmp_path)) as engine,
        processes.gateway(
            tmp_path, 1, 1, ANXIN_ENGINES=f"http://127.0.0.1:{silent.getsockname()[1]},http://127.0.0.1:{engine.port}"
        ) as gateway,
    ):
        time.sleep(WATCH_SECONDS + READY_SECONDS + 0.5)
        browser = gateway.browser()
        with browser.http:
            browser.open()
            for number in range(4):
                assert browser.say(f"第 {number} 句")[0]["text"] == f"回覆 第 {number} 句"


# --- a gateway is killed ------------------------------------------------------------------------------


def test_a_message_whose_gateway_was_killed_is_answered_once_by_another(tmp_path: Path) -> None:
    release = threading.Event()

    def hang(call: Json) -> tuple[int, Json | bytes]:
        if not call["again"]:
            release.wait(10)
        return said("好了")

    with (
        processes.served(processes.engine_stand_in(tmp_path)) as engine,
        processes.gateway(tmp_path, engine.port, 1) as killed,
        processes.gateway(tmp_path, engine.port, 1) as other,
    ):
        browser = killed.browser()
        browser.open()
        moved, id_ = browser.elsewhere(other), str(uuid.uuid4())
        engine.script("中斷", hang)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(browser.post, "messages", id=id_, text="中斷")
            engine.wait_for_call("中斷")
            killed.process.kill()
            began = time.monotonic()
            release.set()
        assert [m["text"] for m in moved.insist("之後", str(uuid.uuid4()))] == ["回覆 之後"]
        assert time.monotonic() - began < LEASE_SECONDS + 2
        assert [m["text"] for m in moved.insist("中斷", id_)] == ["好了"]
        assert [m["text"] for m in moved.insist("中斷", id_)] == ["好了"]
        assert [call["again"] for call in engine.calls_with("中斷")] == [False, True]
        assert [m["text"] for m in moved.messages(after=1)] == ["中斷", "之後", "回覆 之後", "好了"]
        moved.http.close()
        browser.http.close()
