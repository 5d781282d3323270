"""How a moment is told to a customer."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from actions.security.moments import minute_by_which
from tests.actions.world import TAIPEI


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("2026-11-20T02:00:00+00:00", "2026/11/20 10:00"),
        ("2026-11-20T02:00:00.000001+00:00", "2026/11/20 10:01"),
        ("2026-11-20T02:00:01+00:00", "2026/11/20 10:01"),
        ("2026-11-20T02:00:59.999999+00:00", "2026/11/20 10:01"),
        ("2026-12-31T15:59:30+00:00", "2027/01/01 00:00"),
    ],
)
def test_a_moment_is_told_as_the_first_whole_minute_that_is_not_before_it(moment: str, told: str) -> None:
    assert minute_by_which(datetime.fromisoformat(moment), TAIPEI) == told


def test_it_is_a_minute_where_the_institution_is() -> None:
    moment = datetime.fromisoformat("2026-11-20T02:00:00+00:00")
    assert minute_by_which(moment, ZoneInfo("America/New_York")) == "2026/11/19 21:00"
