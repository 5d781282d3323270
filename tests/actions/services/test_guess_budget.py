"""The budget of guesses: one an account, whatever the channel, purpose, conversation, resend or process (G6, G7)."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import count
from multiprocessing import get_context

import pytest
from sqlalchemy import insert, update

from actions.bootstrap import build
from actions.security.errors import GuessesHotlineOnly, GuessesPaused, GuessesUsedUp, NotIdentified, OtpWrong, Refusal
from actions.security.secret import Secret
from actions.services.hotline import Caller
from actions.storage.models import GuessBudget
from bot.settings import Settings, read_settings
from tests.actions.security.rounds import told
from tests.actions.world import (
    LOCKED,
    NORMAL,
    TAIPEI,
    UNKNOWN,
    UNLOCK,
    VERIFY,
    WRONG_BIRTH_DATE,
    Person,
    RecordingMessenger,
    SettableClock,
    World,
    refusal_of,
)

PURPOSES = (VERIFY, UNLOCK, "reissue_password", "renew_certificate", "protect_account", "check_notice")
A_DAY, IN_A_ROW, TODAY = 30, 20, date(2026, 11, 20)
WHOEVER = [pytest.param(p, id=n) for p, n in ((NORMAL, "customer"), (UNKNOWN, "unknown"), (WRONG_BIRTH_DATE, "wrong"))]
PROCESSES, EACH = 3, 12
numbers = count()


def guess(world: World, person: Person, code: str = "000000", right: str = "424242") -> None:
    """Enter `code` against a new one, in the next of seven conversations, for the next purpose, by the next channel."""
    n = next(numbers)
    conversation, purpose = f"guess-{n % 7}", PURPOSES[n % len(PURPOSES)]
    world.clock.pass_(milliseconds=1)
    world.identify(conversation, person)
    world.has_code(conversation, right, purpose, ("sms", "email")[n % 2])
    world.enter(conversation, code, purpose)


def wrong(world: World, person: Person, times: int) -> list[str | None]:
    return [refusal_of(lambda: guess(world, person)) for _ in range(times)]


def budget(world: World, subject: str = NORMAL.account) -> dict[str, object]:
    return world.rows()["guess_budget"][subject]


def set_budget(world: World, subject: str, evaluated: int, in_a_row: int = 0, day: date = TODAY) -> None:
    row = {"subject": subject, "day": day, "evaluated": evaluated, "consecutive_wrong": in_a_row}
    world.execute(insert(GuessBudget).values(row))


def refused(world: World, person: Person, code: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        guess(world, person, code)
    return caught.value


# --- a day ----------------------------------------------------------------------------------------


def test_thirty_guesses_a_day_are_judged_over_all_channels_purposes_and_conversations(world: World) -> None:
    for _ in range(3):
        assert wrong(world, NORMAL, 9) == ["OtpWrong"] * 9
        guess(world, NORMAL, "424242")
    assert budget(world)["evaluated"] == A_DAY
    assert wrong(world, NORMAL, 3) == ["GuessesUsedUp"] * 3
    assert budget(world)["evaluated"] == A_DAY


def test_after_the_days_guesses_a_right_code_is_refused_as_a_wrong_one(world: World) -> None:
    set_budget(world, NORMAL.account, A_DAY)
    right, other = refused(world, NORMAL, "424242"), refused(world, NORMAL, "000000")
    assert type(right) is type(other) is GuessesUsedUp
    assert right.facts == other.facts == {"next_date": "2026/11/21"}
    assert not [row for row in world.rows()["challenge"].values() if row["used_at"] or row["wrong"]]


def test_a_resend_refills_nothing(world: World) -> None:
    world.identify("c1", NORMAL)
    for evaluated in (3, 6, 9):
        world.send("c1")
        assert [refusal_of(lambda: world.enter("c1", "wrong 000000")) for _ in range(4)][:3] == ["OtpWrong"] * 3
        assert budget(world)["evaluated"] == evaluated
        world.clock.pass_(seconds=60)


def test_the_day_ends_at_midnight_of_the_institution(world: World) -> None:
    set_budget(world, NORMAL.account, A_DAY)
    world.clock.set(datetime(2026, 11, 20, 23, 59, 59, 990_000, tzinfo=TAIPEI))
    assert wrong(world, NORMAL, 1) == ["GuessesUsedUp"]
    world.clock.set(datetime(2026, 11, 21, tzinfo=TAIPEI))
    assert wrong(world, NORMAL, 1) == ["OtpWrong"]
    assert (budget(world)["evaluated"], budget(world)["day"]) == (1, date(2026, 11, 21))


def test_a_clock_set_back_over_midnight_refills_nothing(world: World) -> None:
    set_budget(world, NORMAL.account, A_DAY, day=date(2026, 11, 21))
    assert wrong(world, NORMAL, 1) == ["GuessesUsedUp"]


def test_what_is_no_code_is_not_counted(world: World) -> None:
    assert refusal_of(lambda: guess(world, NORMAL, "12")) == "OtpMalformed"
    assert not world.rows()["guess_budget"]


def test_another_account_has_its_own_budget(world: World) -> None:
    set_budget(world, NORMAL.account, A_DAY)
    assert wrong(world, LOCKED, 1) == ["OtpWrong"]


@pytest.mark.parametrize("person", WHOEVER)
def test_a_strangers_guesses_are_counted_as_a_customers(world: World, person: Person) -> None:
    first, rest = wrong(world, person, IN_A_ROW), wrong(world, person, 2)
    assert (first, rest) == (["OtpWrong"] * IN_A_ROW, ["GuessesHotlineOnly"] * 2)
    (row,) = (row for subject, row in world.rows()["guess_budget"].items() if " at " not in subject)
    assert (row["evaluated"], row["consecutive_wrong"]) == (IN_A_ROW, IN_A_ROW)


# --- in a row -------------------------------------------------------------------------------------


def test_nineteen_wrong_ones_and_a_right_one_start_the_row_anew(world: World) -> None:
    wrong(world, NORMAL, IN_A_ROW - 1)
    guess(world, NORMAL, "424242")
    assert (budget(world)["consecutive_wrong"], budget(world)["hotline_only_at"]) == (0, None)


def test_twenty_wrong_ones_in_a_row_close_the_account_to_codes_until_the_hotline_opens_it(world: World) -> None:
    wrong(world, NORMAL, IN_A_ROW)
    assert budget(world)["hotline_only_at"] == world.clock.now()
    right, other = refused(world, NORMAL, "424242"), refused(world, NORMAL, "000000")
    assert type(right) is type(other) is GuessesHotlineOnly
    assert right.facts == other.facts == {}
    world.clock.pass_(days=400)
    assert wrong(world, NORMAL, 1) == ["GuessesHotlineOnly"]


def test_the_row_goes_on_over_midnight(world: World) -> None:
    wrong(world, NORMAL, IN_A_ROW - 1)
    world.clock.pass_(days=1)
    assert wrong(world, NORMAL, 2) == ["OtpWrong", "GuessesHotlineOnly"]


def test_the_hotline_opens_an_account_again_and_todays_guesses_stay_used(world: World) -> None:
    wrong(world, NORMAL, IN_A_ROW)
    world.services.hotline.allow_codes_again(Caller("hnyc", Secret(NORMAL.number)), "demo staff")
    assert wrong(world, NORMAL, A_DAY - IN_A_ROW) == ["OtpWrong"] * (A_DAY - IN_A_ROW)
    assert wrong(world, NORMAL, 1) == ["GuessesUsedUp"]
    assert ("hotline:demo staff", "allow_codes_again", "done", "") in world.decided()


def test_the_hotline_opens_no_account_that_nobody_has(world: World) -> None:
    with pytest.raises(NotIdentified):
        world.services.hotline.allow_codes_again(Caller("hnyc", Secret(UNKNOWN.number)), "demo staff")
    assert not world.rows()["guess_budget"]


# --- over all accounts (T27) ----------------------------------------------------------------------


def test_the_thousandth_wrong_code_of_a_day_rings_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    set_budget(world, "everyone at hnyc", 998)
    with caplog.at_level(logging.ERROR):
        wrong(world, NORMAL, 1)
        assert not caplog.records
        wrong(world, LOCKED, 3)
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "1000 wrong codes today of everyone at hnyc"
    ]


def test_after_ten_thousand_wrong_codes_of_a_day_nobody_is_judged(world: World) -> None:
    set_budget(world, "everyone at hnyc", 9_999)
    assert wrong(world, NORMAL, 1) == ["OtpWrong"]
    right, other = refused(world, LOCKED, "424242"), refused(world, UNKNOWN, "000000")
    assert type(right) is type(other) is GuessesPaused
    assert right.facts == other.facts == {"next_date": "2026/11/21"}
    assert LOCKED.account not in world.rows()["guess_budget"]
    world.clock.pass_(days=1)
    guess(world, LOCKED, "424242")


def test_a_pause_at_one_institution_is_none_at_another(world: World) -> None:
    set_budget(world, "everyone at icbca", 10_000)
    assert wrong(world, NORMAL, 1) == ["OtpWrong"]


def test_right_codes_do_not_count_against_everyone(world: World) -> None:
    set_budget(world, "everyone at hnyc", 5)
    guess(world, NORMAL, "424242")
    assert budget(world, "everyone at hnyc")["evaluated"] == 5


# --- over processes -------------------------------------------------------------------------------


def enter_all(environment: dict[str, str], tasks: list[tuple[str, str, str]]) -> list[str | None]:
    """What a replica does: enter each code that waits in the vault."""
    services = build(read_settings(environment), SettableClock(), RecordingMessenger())
    verify = services.one_time_password.verify
    refusals = [refusal_of(lambda task=task: verify(*task)) for task in tasks]  # type: ignore[misc]
    services.work.dispose()
    return refusals


@pytest.mark.parametrize(("before", "most"), [((24, 0), 6), ((0, 16), 4)], ids=["of a day", "in a row"])
def test_three_processes_together_judge_no_more_than_is_left(
    world: World, settings: Settings, before: tuple[int, int], most: int
) -> None:
    set_budget(world, NORMAL.account, *before)
    environment = {"ANXIN_VAR": str(settings.var), "ANXIN_SECURITY_URL": settings.security_url}
    tasks = []
    for n in range(PROCESSES * EACH):
        world.identify(f"c{n}", NORMAL)
        world.has_code(f"c{n}", purpose=PURPOSES[n % len(PURPOSES)])
        tasks.append((f"c{n}", PURPOSES[n % len(PURPOSES)], world.put(f"c{n}", "code", "000000")))
    with get_context("spawn").Pool(PROCESSES) as pool:
        shares = [(environment, tasks[n::PROCESSES]) for n in range(PROCESSES)]
        outcomes = Counter(each for share in pool.starmap(enter_all, shares, chunksize=1) for each in share)
    told(tried=len(tasks), accepted=outcomes["OtpWrong"], doubled=max(0, outcomes["OtpWrong"] - most))
    assert outcomes["OtpWrong"] == most
    assert set(outcomes) == {"OtpWrong", "GuessesUsedUp" if before[0] else "GuessesHotlineOnly"}
    assert budget(world)["evaluated"] == before[0] + most


def test_counts_stay_when_every_process_starts_anew(world: World, settings: Settings) -> None:
    wrong(world, NORMAL, 5)
    before = budget(world)
    build(settings, world.clock, RecordingMessenger()).work.dispose()
    assert budget(world) == before


def test_a_guess_of_another_day_starts_at_one(world: World) -> None:
    wrong(world, NORMAL, 2)
    world.execute(update(GuessBudget).values(day=TODAY - timedelta(days=1)))
    with pytest.raises(OtpWrong):
        guess(world, NORMAL)
    assert budget(world)["evaluated"] == 1


def test_guesses_at_nobodys_codes_stop_no_customer(world: World) -> None:
    set_budget(world, "nobody at hnyc", 20_000)
    wrong(world, UNKNOWN, 3)
    guess(world, NORMAL, "424242")
    assert world.rows()["guess_budget"]["nobody at hnyc"]["evaluated"] == 20_003
    assert "everyone at hnyc" not in world.rows()["guess_budget"]
