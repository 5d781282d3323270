"""Which events make which notices, and what is told of an event."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.security.error_report import ALPHABET
from actions.security.notices import (
    CHAT_PLATFORM,
    EVENTS,
    MOST_PLATFORM_CHARACTERS,
    NOTICES,
    STATES,
    Event,
    EventUnusable,
    event_time,
    new_notice_reference,
    notices_of,
    plain_words,
    stated,
)
from bot.content.institutions import load_institutions

deterministic = settings(derandomize=True, deadline=None, database=None)
TAIPEI = ZoneInfo("Asia/Taipei")
AT = datetime(2026, 11, 20, 2, 0, 7, tzinfo=UTC)
GIVEN: dict[str, str] = {"platform": "e指發", "branch": "測試分公司", "branch_number": "0000", "agent": "測試營業員"}


def event(kind: str = "login", **others: Any) -> Event:
    return Event(**{"kind": kind, "at": AT, "account": "900018", **GIVEN, **others})


def kinds(happened: Event) -> list[str]:
    return [notice.kind for notice in notices_of(happened, TAIPEI)]


def unusable(happened: Event) -> tuple[str, ...]:
    with pytest.raises(EventUnusable) as refused:
        notices_of(happened, TAIPEI)
    assert "900018" not in str(refused.value)
    return refused.value.names


# --- which ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("login", ["login_success"]),
        ("wrong_password", ["wrong_password"]),
        ("password_locked", ["password_locked"]),
        ("password_changed", ["password_changed"]),
        ("password_unlocked", ["password_unlocked"]),
        ("password_reissued", ["password_reissued"]),
    ],
)
def test_an_event_makes_its_notice(kind: str, made: list[str]) -> None:
    assert kinds(event(kind)) == made


def test_every_event_is_covered() -> None:
    assert {kind for name in EVENTS for kind in kinds(event(name))} == set(NOTICES)


def test_the_wrong_entry_that_locks_makes_two_notices() -> None:
    assert kinds(event("wrong_password", locked=True)) == [
        "wrong_password",
        "password_locked",
    ]


@pytest.mark.parametrize("kind", EVENTS)
def test_futures_make_no_notice(kind: str) -> None:
    # institutions.yml: notices_scope: securities logins and password changes only.
    assert kinds(event(kind, market="futures")) == []


def test_logging_in_to_the_chat_is_a_login_on_a_platform_of_the_institution() -> None:
    assert CHAT_PLATFORM in load_institutions()["hnyc"].platforms
    (notice,) = notices_of(event(platform=CHAT_PLATFORM), TAIPEI)
    assert notice.values["platform"] == "線上客服"


@pytest.mark.parametrize("kind", ["", "logout", "LOGIN", "login_success", "one_time_code"])
def test_an_unknown_event_is_refused(kind: str) -> None:
    assert unusable(event(kind)) == ("kind",)


# --- what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVENTS)
def test_a_notice_has_the_time_and_what_it_states_and_nothing_else(kind: str) -> None:
    for notice in notices_of(event(kind), TAIPEI):
        assert set(notice.values) == {"time", *STATES[notice.kind]}


@pytest.mark.parametrize("kind", EVENTS)
def test_no_notice_has_the_account(kind: str) -> None:
    assert "900018" not in str(notices_of(event(kind), TAIPEI))


def test_the_reissue_notice_shows_the_first_and_the_last_digit() -> None:
    (notice,) = notices_of(event("password_reissued"), TAIPEI)
    assert notice.values["masked_account"] == "9____8"


@pytest.mark.parametrize("account", ["", "9", "98"])
def test_an_account_that_a_mask_would_show_whole_is_refused(account: str) -> None:
    assert unusable(event("password_reissued", account=account)) == ("masked_account",)


@pytest.mark.parametrize("kind", ["login", "wrong_password"])
@pytest.mark.parametrize("platform", ["", " ", "\n", "://", "\u202e\u200b"])
def test_a_notice_that_names_a_platform_needs_one(kind: str, platform: str) -> None:
    assert unusable(event(kind, platform=platform)) == ("platform",)


@pytest.mark.parametrize("name", ["branch", "branch_number", "agent"])
def test_the_reissue_notice_needs_all_it_states(name: str) -> None:
    assert unusable(event("password_reissued", **{name: ""})) == (name,)


@pytest.mark.parametrize("kind", ["password_locked", "password_changed", "password_unlocked"])
def test_a_notice_that_names_no_platform_needs_none(kind: str) -> None:
    assert kinds(event(kind, platform="")) == [kind]


@pytest.mark.parametrize("kind", NOTICES)
def test_an_effect_of_our_own_states_what_an_event_does(kind: str) -> None:
    name = "login" if kind == "login_success" else kind
    (notice,) = notices_of(event(name), TAIPEI)
    assert stated(kind, event(name), TAIPEI) == notice.values


# --- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 11, 20, 2, 0, 7, tzinfo=UTC), "2026/11/20 10:00:07"),
        (datetime(2026, 12, 31, 15, 59, 59, 999_999, tzinfo=UTC), "2026/12/31 23:59:59"),
        (datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC), "2027/01/01 00:00:00"),
        (datetime(2028, 2, 28, 16, 0, 0, tzinfo=UTC), "2028/02/29 00:00:00"),
        (datetime(2026, 11, 19, 21, 0, 7, tzinfo=ZoneInfo("America/New_York")), "2026/11/20 10:00:07"),
    ],
)
def test_time_is_told_to_the_second_in_taipei(at: datetime, said: str) -> None:
    assert event_time(at, TAIPEI) == said


def test_a_time_without_a_zone_is_refused() -> None:
    assert unusable(event(at=AT.replace(tzinfo=None))) == ("at",)


# --- plain words ----------------------------------------------------------------------------------


def test_the_names_of_all_platforms_stay_as_they_are() -> None:
    names = {name for institution in load_institutions().values() for name in institution.platforms}
    assert {name for name in names if plain_words(name) != name} == set()


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("https://evil.example/a?b=1", "https evil example a b 1"),
        ("evil。example", "evil example"),
        ("evil⒈example", "evil example"),
        ("a@b.example", "a b example"),
        ("<b>e指發</b>", "b e指發 b"),
        ("e指發\r\nBcc: a", "e指發 Bcc a"),
        ("e\u202e指\u200b發", "e 指 發"),
        ("{{ 7*7 }}", "7 7"),
        ("字" * 99, "字" * 30),
    ],
)
def test_a_platform_is_printed_as_plain_words(said: str, plain: str) -> None:
    assert plain_words(said) == plain


@deterministic
@given(st.text(max_size=200))
def test_plain_words_are_short_and_hold_nothing_that_makes_a_link_or_a_line(text: str) -> None:
    plain = plain_words(text)
    assert len(plain) <= MOST_PLATFORM_CHARACTERS
    assert not re.search(r"[.:/@<>&\"'{}%\x00-\x1f\u2028\u2029\u202a-\u202e]", plain)
    assert plain_words(plain) == plain


@deterministic
@given(st.text(max_size=200))
def test_what_is_printed_fits_into_the_link(text: str) -> None:
    assert len(plain_words(text).encode()) <= 120


# --- references -----------------------------------------------------------------------------------


def test_a_reference_names_its_day() -> None:
    own = f"[{ALPHABET}]{{4}}"
    assert re.fullmatch(rf"NT-20261120-{own}-{own}", new_notice_reference(date(2026, 11, 20)))


def test_references_do_not_repeat_in_a_day_of_notices() -> None:
    assert len({new_notice_reference(date(2026, 11, 20)) for _ in range(20_000)}) == 20_000


# --- of the institution's zone; and what a refusal says -------------------------------------------


@pytest.mark.parametrize(
    ("zone", "time"), [(TAIPEI, "2026/11/20 10:00:07"), (ZoneInfo("America/New_York"), "2026/11/19 21:00:07")]
)
def test_a_notice_tells_the_time_where_the_institution_is(zone: ZoneInfo, time: str) -> None:
    (notice,) = notices_of(event(), zone)
    assert notice.values["time"] == time


def test_the_shortest_account_that_a_mask_hides_something_of_has_three_characters() -> None:
    (notice,) = notices_of(event("password_reissued", account="987"), TAIPEI)
    assert notice.values["masked_account"] == "9_7"


def test_an_unusable_event_says_which_values_are_missing() -> None:
    assert str(EventUnusable("branch", "agent")) == "not usable: branch, agent"
