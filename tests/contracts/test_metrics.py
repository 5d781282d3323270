"""Counters as Prometheus reads them."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from bot.contracts.metrics import Counters


def test_counts_add_up() -> None:
    counters = Counters()
    counters.add("anxin_turns_total")
    counters.add("anxin_turns_total", 2)
    assert "\nanxin_turns_total 3\n" in counters.text()


def test_a_counter_says_that_it_is_one() -> None:
    counters = Counters()
    counters.add("anxin_turns_total")
    assert counters.text().startswith("# TYPE anxin_turns_total counter\n")


def test_a_gauge_says_that_it_is_one() -> None:
    assert Counters().text(anxin_outbox_waiting=7) == "# TYPE anxin_outbox_waiting gauge\nanxin_outbox_waiting 7\n"


def test_every_line_is_a_type_or_a_name_with_a_number() -> None:
    counters = Counters()
    counters.add("anxin_b_total", 5)
    counters.add("anxin_a_total", 0)
    for line in counters.text(anxin_waiting=1.5).splitlines():
        assert re.fullmatch(r"# TYPE [a-z_]+ (counter|gauge)|[a-z_]+ [0-9.]+", line)


def test_names_come_in_one_order() -> None:
    one, other = Counters(), Counters()
    for name in ("b", "a", "c"):
        one.add(name)
    for name in ("c", "b", "a"):
        other.add(name)
    assert one.text() == other.text()


def test_the_text_ends_with_a_line_end() -> None:
    assert Counters().text().endswith("\n")


def test_two_processes_parts_do_not_share_their_counts() -> None:
    one, other = Counters(), Counters()
    one.add("anxin_turns_total")
    assert "anxin_turns_total" not in other.text()


def test_relays_in_threads_are_all_counted() -> None:
    counters = Counters()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: counters.add("anxin_turns_total"), range(400)))
    assert "\nanxin_turns_total 400\n" in counters.text()
