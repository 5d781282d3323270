"""One number follows a request through all processes, and nobody can make another's."""

from __future__ import annotations

import logging
import re

import pytest

from bot.contracts import trace

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_callers_number_is_taken_over_and_handed_on() -> None:
    trace.enter(GIVEN)
    assert trace.number() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace.header() == {"traceparent": GIVEN}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        GIVEN.upper(),
        GIVEN + "\n",
        "canary",
    ],
)
def test_what_cannot_be_read_begins_a_new_one(header: str | None) -> None:
    trace.enter(header)
    first = trace.number()
    assert re.fullmatch("[0-9a-f]{32}", first)
    trace.enter(header)
    assert trace.number() != first


def test_a_line_in_the_log_shows_its_beginning() -> None:
    trace.enter(GIVEN)
    record = logging.LogRecord("demo", logging.INFO, "", 0, "demo", (), None)
    assert trace.Numbered().filter(record)
    assert record.trace == " [4bf92f35]"  # type: ignore[attr-defined]
