"""How much is taken: from a conversation, from an address, at once; refused in words, and before anything is kept (G43)."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sanic import Request
from sanic.compat import Header

from bot.gateway import limits
from bot.gateway.limits import Limits, Rate, Throttle, address_of
from bot.gateway.problems import Problem
from tests.gateway import processes
from tests.gateway.errors import assert_problem
from tests.gateway.processes import API, Browser, Gateway, Json, StandIn, said

CUSTOMER, NEIGHBOUR = "203.0.113.7", "203.0.113.8"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(throttle: Throttle, caller: str, times: int) -> int:
    """Return how many of so many were taken."""
    count = 0
    for _ in range(times):
        try:
            throttle.take(caller)
        except Problem:
            continue
        count += 1
    return count


# --- a rate -------------------------------------------------------------------------------------------


def test_a_burst_is_taken_and_no_more() -> None:
    assert taken(Throttle(Rate(20, 30), Clock()), "one", 100) == 20


def test_after_a_burst_so_many_a_minute_are_taken() -> None:
    clock = Clock()
    throttle = Throttle(Rate(20, 30), clock)
    taken(throttle, "one", 20)
    count = 0
    for _ in range(60):
        clock.now += 1
        count += taken(throttle, "one", 1)
    assert count == 30


def test_who_is_refused_is_told_when_it_goes_on() -> None:
    clock = Clock()
    throttle = Throttle(Rate(2, 30), clock)
    taken(throttle, "one", 2)
    with pytest.raises(Problem) as refused:
        throttle.take("one")
    assert refused.value.retry_after == pytest.approx(2)
    clock.now += refused.value.retry_after or 0
    throttle.take("one")


def test_a_refusal_costs_nothing() -> None:
    clock = Clock()
    throttle = Throttle(Rate(2, 30), clock)
    taken(throttle, "one", 1000)
    clock.now += 2
    assert taken(throttle, "one", 1) == 1


def test_callers_are_counted_alone() -> None:
    throttle = Throttle(Rate(2, 30), Clock())
    assert (taken(throttle, "one", 5), taken(throttle, "other", 5)) == (2, 2)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_REMEMBERED", 100)
    throttle = Throttle(Rate(2, 30), Clock())
    for number in range(1000):
        throttle.take(str(number))
    assert len(throttle._full_at) == 100


@given(st.lists(st.floats(0, 10), max_size=60), st.integers(1, 10), st.floats(1, 600))
@settings(max_examples=100, deadline=None)
def test_no_more_than_the_burst_and_the_rate_is_ever_taken(pauses: list[float], burst: int, a_minute: float) -> None:
    clock = Clock()
    throttle, count, began = Throttle(Rate(burst, a_minute), clock), 0, clock.now
    for pause in pauses:
        clock.now += pause
        count += taken(throttle, "one", 1)
        assert count <= burst + (clock.now - began) * a_minute / 60 + 1e-6


def test_a_customer_on_a_phone_stays_below() -> None:
    clock = Clock()
    throttle = Throttle(Limits().messages_of_a_conversation, clock)
    for _ in range(100):  # a message every two seconds for minutes: nobody types so
        throttle.take("one")
        clock.now += 2


# --- an address ---------------------------------------------------------------------------------------


@dataclass
class Called:
    """As much of a request as the address needs."""

    ip: str
    headers: Header = field(default_factory=Header)


def address(ip: str, forwarded: str | list[str] | None = None, proxies: str = "") -> str | None:
    """`forwarded`: a list has each line of the header by itself."""
    lines = [forwarded] if isinstance(forwarded, str) else forwarded or []
    request = Called(ip, Header([("x-forwarded-for", line) for line in lines]))
    return address_of(cast(Request, request), [ip_network(p, strict=False) for p in proxies.split()])


def test_an_address_is_the_callers() -> None:
    assert address(CUSTOMER) == CUSTOMER


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_none(ip: str) -> None:
    assert address(ip) is None


def test_what_a_stranger_says_of_others_is_not_believed() -> None:
    assert address(CUSTOMER, NEIGHBOUR) == CUSTOMER
    assert address(CUSTOMER, "127.0.0.1", "10.0.0.1") == CUSTOMER


def test_a_proxy_is_believed() -> None:
    assert address("10.0.0.1", CUSTOMER, "10.0.0.1") == CUSTOMER
    assert address("10.0.0.9", CUSTOMER, "10.0.0.0/24") == CUSTOMER


def test_what_a_customer_wrote_before_a_proxy_is_not_believed() -> None:
    assert address("10.0.0.1", f"127.0.0.1, {NEIGHBOUR}, {CUSTOMER}", "10.0.0.1") == CUSTOMER


def test_a_proxy_behind_a_proxy_is_believed() -> None:
    assert address("10.0.0.1", f"{NEIGHBOUR}, {CUSTOMER}, 10.0.0.2", "10.0.0.1 10.0.0.2") == CUSTOMER


def test_a_line_that_a_customer_sent_before_the_proxys_own_is_not_believed() -> None:
    assert address("10.0.0.1", ["127.0.0.1", CUSTOMER], "10.0.0.1") == CUSTOMER
    assert address("10.0.0.1", [NEIGHBOUR, CUSTOMER], "10.0.0.1") == CUSTOMER


def test_nobody_behind_a_proxy_is_this_machine() -> None:
    assert address("10.0.0.1", "127.0.0.1", "10.0.0.1") == "127.0.0.1"


def test_a_proxy_by_its_mapped_address_is_a_proxy() -> None:
    assert address("::ffff:10.0.0.1", CUSTOMER, "10.0.0.0/24") == CUSTOMER


@pytest.mark.parametrize(
    ("hop", "found"), [(f"{CUSTOMER}:5123", CUSTOMER), ("[2001:db8:1:2::3]:443", "2001:db8:1:2::/64")]
)
def test_a_port_is_left_away(hop: str, found: str) -> None:
    assert address("10.0.0.1", hop, "10.0.0.1") == found


@pytest.mark.parametrize("forwarded", [None, "", " , "])
def test_a_proxy_that_says_nothing_is_counted_itself(forwarded: str | None) -> None:
    assert address("10.0.0.1", forwarded, "10.0.0.1") == "10.0.0.1"


@pytest.mark.parametrize("forwarded", ["x", "1.2.3", "unknown", "203.0.113.7:80:80", "'; --"])
def test_what_is_no_address_is_counted_together(forwarded: str) -> None:
    assert address("10.0.0.1", forwarded, "10.0.0.1") == "unknown"


def test_a_home_with_version_6_is_one_caller() -> None:
    assert address("2001:db8:1:2::3") == address("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert address("2001:db8:1:3::3") != address("2001:db8:1:2::3")


def test_a_mapped_address_is_of_version_4() -> None:
    assert address(f"::ffff:{CUSTOMER}") == CUSTOMER


# --- at the gateway -----------------------------------------------------------------------------------

FEW = (
    "messages_of_a_conversation=Rate(3, 6), messages_of_an_address=Rate(5, 6), conversations_of_an_address=Rate(4, 6), "
    "turns_at_once=2, turns_waiting=2"
)


@dataclass
class Small:
    """A gateway that takes little, and its engine."""

    gateway: Gateway
    engine: StandIn

    def customer(self, ip: str | None) -> Browser:
        return self.gateway.browser(**({"x-forwarded-for": ip} if ip else {}))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    var: Path = tmp_path_factory.mktemp("small")
    with (
        processes.served(processes.engine_stand_in(var)) as engine,
        processes.gateway(var, engine.port, 1, limits=FEW, ANXIN_PROXIES="127.0.0.1") as gateway,
    ):
        yield Small(gateway, engine)


_numbers = count(1)


def fresh_address() -> str:
    """Return an address that no other test calls from."""
    return f"198.51.100.{next(_numbers)}"


@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans", "en"])
def test_who_sends_too_much_is_told_kindly_and_nothing_is_kept(small: Small, language: str) -> None:
    with (browser := small.customer(fresh_address())).http:
        browser.open("gtjai", language)
        for _ in range(3):
            browser.say("123")
        reply = browser.post("messages", text="123")
        assert_problem(reply, 429, "too_many", language, "gtjai")
        assert 1 <= int(reply.headers["retry-after"]) <= 10
        assert len(browser.messages()) == 7


def test_secrets_count_too(small: Small) -> None:
    with (browser := small.customer(fresh_address())).http:
        browser.open()
        codes = [browser.post("secrets", kind="code", value="483920").status_code for _ in range(4)]
    assert codes == [503, 503, 503, 429]  # there is no vault


def test_many_conversations_of_one_address_are_limited_together(small: Small) -> None:
    ip, statuses = fresh_address(), []
    for _ in range(3):
        with (browser := small.customer(ip)).http:
            browser.open()
            statuses += [browser.post("messages", text="在嗎").status_code for _ in range(2)]
    assert statuses == [200] * 5 + [429]


def test_so_many_conversations_are_opened_from_one_address(small: Small) -> None:
    ip = fresh_address()
    with (browser := small.customer(ip)).http:
        replies = [browser.http.post(f"{API}/conversations", json={"language": "en"}) for _ in range(5)]
    assert [reply.status_code for reply in replies] == [201] * 4 + [429]
    assert_problem(replies[-1], 429, "too_many", "en")


def test_others_are_not_limited_by_it(small: Small) -> None:
    with (browser := small.customer(fresh_address())).http:
        browser.open()
        for _ in range(8):
            browser.post("messages", text="在嗎")
    with (other := small.customer(fresh_address())).http:
        other.open()
        assert other.post("messages", text="在嗎").status_code == 200


def test_this_machine_is_not_limited(small: Small) -> None:
    with (browser := small.customer(None)).http:
        for _ in range(6):
            browser.open()
        assert {browser.post("messages", text="在嗎").status_code for _ in range(12)} == {200}


def test_who_pretends_to_be_this_machine_is_limited(small: Small) -> None:
    with (browser := small.customer(f"127.0.0.1, {fresh_address()}")).http:
        browser.open()
        assert [browser.post("messages", text="在嗎").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_what_is_more_than_fits_is_refused_at_once_and_not_kept(small: Small) -> None:
    release = threading.Event()

    def hang(_: Json) -> tuple[int, Json | bytes]:
        release.wait(4)
        return said("好了")

    small.engine.script("擠", hang)
    browsers = [small.customer(None) for _ in range(8)]
    for browser in browsers:
        browser.open(language="en")
    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(browser.post, "messages", text="擠", id=str(uuid.uuid4())) for browser in browsers]
        small.engine.wait_for_call("擠", 2)
        time.sleep(1)
        refused = [job.result() for job in jobs if job.done()]
        release.set()
        statuses = sorted(job.result().status_code for job in jobs)
    assert statuses == [200] * 4 + [503] * 4
    assert len(refused) == 4
    for reply in refused:
        assert_problem(reply, 503, "overloaded")
        assert reply.headers["retry-after"] == "5"
    kept = [len(browser.messages()) for browser in browsers]
    assert sorted(kept) == [1] * 4 + [3] * 4
    assert browsers[0].post("messages", text="在嗎").status_code == 200
    for browser in browsers:
        browser.http.close()


def test_a_customer_has_so_many_windows(small: Small) -> None:
    with (browser := small.customer(None)).http, ExitStack() as stack:
        browser.open()
        for _ in range(8):
            stream = stack.enter_context(browser.http.stream("GET", f"{API}/stream"))
            assert stream.status_code == 200
        assert_problem(browser.http.get(f"{API}/stream"), 429, "too_many")
