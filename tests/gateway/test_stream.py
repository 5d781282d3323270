"""The stream: every message once, in order, and what was missed when it is taken up again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.gateway.conftest import Installation
from tests.gateway.errors import assert_problem
from tests.gateway.processes import API, Browser, Json, StandIn, said

Event = tuple[str, str, Json]  # id, event, data


@contextmanager
def listening(
    browser: Browser, after: int | None = None, last_event_id: str | None = None
) -> Iterator[Iterator[Event]]:
    """Open the stream, and hand out its events as they come."""
    headers = {"last-event-id": last_event_id} if last_event_id is not None else {}
    params = {"after": str(after)} if after is not None else {}
    timeout = httpx.Timeout(10)
    with browser.http.stream("GET", f"{API}/stream", params=params, headers=headers, timeout=timeout) as reply:
        assert reply.status_code == 200
        yield _events(_lines(reply.iter_bytes()))


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """As a browser reads them: only a line feed ends a line here, not each of Unicode's separators."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode() for line in whole)


def _events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line == "":
            if "data" in fields:
                yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def take(events: Iterator[Event], count: int) -> list[Event]:
    return [next(events) for _ in range(count)]


def numbers(events: list[Event]) -> list[int]:
    return [data["seq"] for _, _, data in events]


def test_what_was_said_before_comes_first(customer: Browser) -> None:
    customer.say("一")
    kept = customer.messages()
    with listening(customer) as events:
        assert [data for _, _, data in take(events, len(kept))] == kept


def test_what_is_said_meanwhile_comes_too(customer: Browser) -> None:
    with listening(customer, after=len(customer.messages())) as events:
        customer.say("一")
        customer.say("二")
        assert [data["text"] for _, _, data in take(events, 4)] == ["一", "回覆 一", "二", "回覆 二"]


def test_every_message_comes_once_and_in_order(customer: Browser) -> None:
    with listening(customer) as events:
        for number in range(10):
            customer.say(f"第 {number} 句")
        # The last of the first 21 (a greeting, ten questions, ten answers) has number 21: none was left out or doubled.
        assert numbers(take(events, 21)) == list(range(1, 22))


def test_each_event_carries_its_number_as_id(customer: Browser) -> None:
    customer.say("一")
    with listening(customer) as events:
        assert [(id_, event) for id_, event, _ in take(events, 3)] == [(str(n), "message") for n in (1, 2, 3)]


def test_a_stream_goes_on_after_the_last_event(customer: Browser) -> None:
    for text in ("一", "二", "三"):
        customer.say(text)
    with listening(customer, last_event_id="4") as events:
        assert numbers(take(events, 3)) == [5, 6, 7]


def test_the_last_event_counts_more_than_the_address(customer: Browser) -> None:
    # A browser that connects again keeps the address and adds the header.
    for text in ("一", "二", "三"):
        customer.say(text)
    with listening(customer, after=0, last_event_id="5") as events:
        assert numbers(take(events, 2)) == [6, 7]


def test_what_was_said_while_nobody_listened_comes_on_return(customer: Browser) -> None:
    with listening(customer) as events:
        last = take(events, 1)[-1][0]
    customer.say("一")
    with listening(customer, last_event_id=last) as events:
        assert [data["text"] for _, _, data in take(events, 2)] == ["一", "回覆 一"]


@pytest.mark.parametrize("cut", range(1, 7))
def test_a_stream_cut_anywhere_loses_and_doubles_nothing(customer: Browser, cut: int) -> None:
    for text in ("一", "二", "三"):
        customer.say(text)
    with listening(customer) as events:
        before = take(events, cut)
    with listening(customer, last_event_id=before[-1][0]) as events:
        assert numbers(before + take(events, 7 - cut)) == [1, 2, 3, 4, 5, 6, 7]


def test_two_windows_get_every_message_each(customer: Browser) -> None:
    with listening(customer) as one, listening(customer) as other:
        customer.say("一")
        assert take(one, 3) == take(other, 3)


def test_another_conversation_is_not_heard(installation: Installation, customer: Browser) -> None:
    other = installation.gateway.browser()
    with other.http:
        other.open()
        with listening(customer, after=1) as events:
            other.say("別人的")
            customer.say("自己的")
            assert [data["text"] for _, _, data in take(events, 2)] == ["自己的", "回覆 自己的"]


def test_a_message_with_line_ends_is_one_event(customer: Browser, engine: StandIn) -> None:
    engine.script("換行", lambda _: said("一\n\nid: 99\nevent: x\ndata: {}\r\n二\u2028三"))
    customer.say("換行")
    with listening(customer, after=2) as events:
        ((id_, event, data),) = take(events, 1)
    assert (id_, event, data["text"]) == ("3", "message", "一\n\nid: 99\nevent: x\ndata: {}\r\n二\u2028三")


def test_a_stream_is_one(customer: Browser) -> None:
    with customer.http.stream("GET", f"{API}/stream") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["x-accel-buffering"] == "no"


def test_a_stream_begins_at_once(installation: Installation, customer: Browser) -> None:
    # Before the first message: so that a browser knows that it is connected.
    with customer.http.stream("GET", f"{API}/stream?after=99", timeout=5) as reply:
        assert next(reply.iter_lines()).startswith(":")


def test_streams_whose_browser_has_gone_are_forgotten(installation: Installation, customer: Browser) -> None:
    def streams() -> float:
        text = httpx.get(f"{installation.gateway.base_url}/metrics", trust_env=False).text
        return float(re.findall(r"^anxin_streams (\S+)$", text, re.M)[0])

    for _ in range(30):
        with customer.http.stream("GET", f"{API}/stream") as reply:
            next(reply.iter_raw())
    until = time.monotonic() + 5
    while streams() and time.monotonic() < until:
        time.sleep(0.05)
    assert streams() == 0


@pytest.mark.parametrize("last", ["-1", "x", "1 OR 1=1", "9" * 20, "1.5"])
def test_an_odd_last_event_is_refused(customer: Browser, last: str) -> None:
    assert_problem(customer.http.get(f"{API}/stream", headers={"last-event-id": last}), 400, "bad_request")


def test_more_messages_come_than_are_read_from_the_log_at_once(customer: Browser, engine: StandIn) -> None:
    engine.script("多", lambda _: said(*[f"第 {number} 句" for number in range(248)]))
    customer.say("多")
    with listening(customer) as events:
        assert numbers(take(events, 250)) == list(range(1, 251))
