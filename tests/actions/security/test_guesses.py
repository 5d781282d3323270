"""How many codes may be tried, and what that makes of an attack (G6, G7, G8, T24, T26, T27)."""

from __future__ import annotations

import random
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from actions.security.errors import GuessesHotlineOnly, GuessesPaused, GuessesUsedUp, OtpExhausted, Refusal
from actions.security.guesses import (
    Guesses,
    GuessRules,
    WrongGuesses,
    count_wrong,
    judged,
    lifted_by_staff,
    may_guess,
    may_guess_at_all,
    pay,
    rings_alarm,
)
from actions.security.sends import SendRules
from actions.security.software_token import TokenRules
from actions.security.time_code import TimeCodeRules
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START, TAIPEI

RULES = GuessRules(TAIPEI)
TODAY = START.date()
FACTS = [
    yaml.safe_load(file.read_text(encoding="utf-8"))
    for file in sorted((Path(__file__).parents[3] / "data/institutions").glob("*.yml"))
]


def refused(guesses: Guesses, wrong_of_challenge: int = 0, now: datetime = START) -> type[Refusal] | None:
    try:
        may_guess(guesses, wrong_of_challenge, now, RULES)
    except Refusal as refusal:
        return type(refusal)
    return None


def guess(guesses: Guesses, right: bool, now: datetime = START) -> Guesses:
    return judged(pay(guesses, now, RULES), right, now, RULES)


def test_an_account_begins_without_a_guess() -> None:
    assert (Guesses(TODAY), WrongGuesses(TODAY)) == (Guesses(TODAY, 0, 0, None), WrongGuesses(TODAY, 0))


# --- one challenge --------------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "refusal"), [(0, None), (1, None), (2, None), (3, OtpExhausted), (4, OtpExhausted)])
def test_a_challenge_takes_three_wrong_codes(wrong: int, refusal: type[Refusal] | None) -> None:
    assert refused(Guesses(TODAY), wrong) is refusal


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: str(facts["id"]))
def test_the_number_is_that_of_the_institution(facts: dict[str, dict[str, int]]) -> None:
    assert facts["default"]["otp_wrong_attempts_per_code"] == RULES.per_challenge


# --- an account's day -----------------------------------------------------------------------------


@pytest.mark.parametrize(("evaluated", "refusal"), [(0, None), (29, None), (30, GuessesUsedUp), (31, GuessesUsedUp)])
def test_an_account_has_thirty_guesses_a_day(evaluated: int, refusal: type[Refusal] | None) -> None:
    assert refused(Guesses(TODAY, evaluated)) is refusal


def test_the_refusal_names_the_day_from_which_there_are_more() -> None:
    with pytest.raises(GuessesUsedUp) as said:
        may_guess(Guesses(TODAY, 30), 0, START, RULES)
    assert said.value.facts == {"next_date": "2026/11/21"}


def test_right_codes_count_against_the_day_too() -> None:
    assert guess(Guesses(TODAY, 12), right=True).evaluated == 13


def test_a_guess_is_paid_for_before_it_is_judged() -> None:
    assert pay(Guesses(TODAY, 12, 4), START, RULES) == Guesses(TODAY, 13, 5)


@pytest.mark.parametrize(
    ("now", "refusal"),
    [
        ("2026-11-20T15:59:59.999+00:00", GuessesUsedUp),
        ("2026-11-20T16:00:00+00:00", None),
        ("2026-11-20T10:59:59.999-05:00", GuessesUsedUp),
        ("2026-11-20T11:00:00-05:00", None),
    ],
)
def test_the_day_ends_at_midnight_where_the_institution_is(now: str, refusal: type[Refusal] | None) -> None:
    assert refused(Guesses(TODAY, 30), now=datetime.fromisoformat(now)) is refusal


def test_a_new_day_counts_from_none() -> None:
    assert pay(Guesses(TODAY, 30), START + timedelta(days=1), RULES).evaluated == 1


def test_a_clock_set_back_over_midnight_refills_nothing() -> None:
    assert refused(Guesses(TODAY + timedelta(days=1), 30)) is GuessesUsedUp


def test_a_clock_set_back_does_not_take_the_day_with_it() -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert pay(Guesses(tomorrow, 7), START, RULES) == Guesses(tomorrow, 8, 1)


def test_nothing_that_is_stored_knows_of_sends_or_challenges() -> None:
    # So that no resend can refill it: there is no path from one to the other.
    assert {field.name for field in fields(Guesses)} == {"day", "evaluated", "consecutive_wrong", "hotline_only_at"}


# --- in a row -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("consecutive_wrong", "refusal"), [(19, None), (20, GuessesHotlineOnly), (21, GuessesHotlineOnly)]
)
def test_twenty_wrong_in_a_row_leave_the_hotline_only(consecutive_wrong: int, refusal: type[Refusal] | None) -> None:
    assert refused(Guesses(TODAY, 0, consecutive_wrong)) is refusal


def test_the_twentieth_wrong_one_is_kept_with_its_time() -> None:
    assert guess(Guesses(TODAY, 0, 19), right=False).hotline_only_at == START


def test_the_nineteenth_wrong_one_closes_nothing() -> None:
    assert guess(Guesses(TODAY, 0, 18), right=False).hotline_only_at is None


def test_a_right_twentieth_ends_the_row() -> None:
    assert guess(Guesses(TODAY, 0, 19), right=True) == Guesses(TODAY, 1, 0)


def test_no_new_day_opens_an_account_again() -> None:
    closed = guess(Guesses(TODAY, 0, 19), right=False)
    assert refused(closed, now=START + timedelta(days=400)) is GuessesHotlineOnly


def test_a_right_code_that_was_under_way_does_not_open_it_again() -> None:
    closed = guess(Guesses(TODAY, 0, 19), right=False)
    assert refused(judged(closed, True, START, RULES)) is GuessesHotlineOnly


def test_the_first_time_stays_when_another_wrong_one_was_under_way() -> None:
    closed = guess(Guesses(TODAY, 0, 19), right=False)
    assert judged(closed, False, START + timedelta(seconds=1), RULES).hotline_only_at == START


def test_a_guess_that_was_paid_and_never_judged_counts_as_wrong() -> None:
    assert refused(pay(Guesses(TODAY, 0, 19), START, RULES)) is GuessesHotlineOnly


def test_staff_lifts_it() -> None:
    assert refused(lifted_by_staff(guess(Guesses(TODAY, 0, 19), right=False))) is None


def test_staff_gives_no_guesses_back() -> None:
    assert lifted_by_staff(Guesses(TODAY, 30, 20, START)) == Guesses(TODAY, 30)


@pytest.mark.parametrize(
    ("guesses", "wrong", "refusal"),
    [
        (Guesses(TODAY, 30, 20, START), 3, GuessesHotlineOnly),
        (Guesses(TODAY, 30, 19), 3, GuessesUsedUp),
        (Guesses(TODAY, 29, 19), 3, OtpExhausted),
    ],
)
def test_of_several_reasons_the_one_that_lasts_longest_is_said(
    guesses: Guesses, wrong: int, refusal: type[Refusal]
) -> None:
    assert refused(guesses, wrong) is refusal


# --- over all accounts ----------------------------------------------------------------------------


@pytest.mark.parametrize(("wrong", "paused"), [(9_999, False), (10_000, True), (10_001, True)])
def test_guessing_pauses_for_everybody_at_the_budget(wrong: int, paused: bool) -> None:
    if not paused:
        may_guess_at_all(WrongGuesses(TODAY, wrong), START, RULES)
        return
    with pytest.raises(GuessesPaused) as said:
        may_guess_at_all(WrongGuesses(TODAY, wrong), START, RULES)
    assert said.value.facts == {"next_date": "2026/11/21"}


def test_the_pause_ends_with_the_day() -> None:
    may_guess_at_all(WrongGuesses(TODAY, 10_000), START + timedelta(days=1), RULES)


def test_wrong_guesses_are_counted_by_day() -> None:
    counted = count_wrong(WrongGuesses(TODAY, 7), START, RULES)
    assert (counted, count_wrong(counted, START + timedelta(days=1), RULES)) == (
        WrongGuesses(TODAY, 8),
        WrongGuesses(TODAY + timedelta(days=1), 1),
    )


@pytest.mark.parametrize(("wrong", "rings"), [(999, False), (1_000, True), (1_001, False)])
def test_people_are_told_at_a_tenth_of_the_budget(wrong: int, rings: bool) -> None:
    assert rings_alarm(WrongGuesses(TODAY, wrong), RULES) is rings


def test_a_spray_over_many_accounts_stays_within_the_budget_and_rings_once() -> None:
    accounts, evaluated, alarms = rounds(10_000), 0, 0
    everybody = WrongGuesses(TODAY)
    for _ in range(accounts):
        own = Guesses(TODAY)
        for tried in range(3):
            try:
                may_guess_at_all(everybody, START, RULES)
                may_guess(own, tried, START, RULES)
            except Refusal:
                break
            own = guess(own, right=False)
            everybody = count_wrong(everybody, START, RULES)
            evaluated += 1
            alarms += rings_alarm(everybody, RULES)
    told(accounts=accounts, tried=3 * accounts, evaluated=evaluated, alarms=alarms)
    assert evaluated == min(3 * accounts, RULES.all_accounts_per_day)
    assert alarms == 1


# --- attack economics (G7) ------------------------------------------------------------------------


def chance_of_one(guesses: int, digits: int = 6) -> float:
    """Chance that at least one of so many guesses is right."""
    return 1.0 - (1.0 - 10.0**-digits) ** guesses


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: str(facts["id"]))
def test_codes_have_the_digits_that_the_numbers_below_count_on(facts: dict[str, dict[str, int]]) -> None:
    assert facts["limits"]["otp_digits"] >= 6


def test_an_account_is_guessed_with_at_most_three_in_a_hundred_thousand_a_day() -> None:
    assert chance_of_one(RULES.per_day) <= 3.0e-5


def test_an_account_is_guessed_with_at_most_1_1_percent_a_year() -> None:
    assert chance_of_one(RULES.per_day * 365) <= 0.011


def test_resending_gives_no_more_guesses_than_the_day_has() -> None:
    assert SendRules(TAIPEI).per_day * RULES.per_challenge <= RULES.per_day


def test_a_stranger_who_is_never_right_stops_at_twenty_for_good() -> None:
    assert chance_of_one(RULES.wrong_in_a_row) <= 2.0e-5


def test_a_software_token_is_guessed_with_at_most_six_in_a_million_a_day() -> None:
    token, code = TokenRules(ZoneInfo("Asia/Hong_Kong")), TimeCodeRules()
    a_day = token.wrong_before_freeze * (timedelta(hours=24) / token.freeze)
    codes_that_fit = 1 + code.late_steps
    assert a_day * codes_that_fit * 10.0**-code.digits <= 6.0e-6


def test_a_spray_without_a_budget_would_hit_one_in_four() -> None:
    # Why a code is looked at only after account and birth date, and under a budget over all accounts.
    assert chance_of_one(100_000 * RULES.per_challenge) == pytest.approx(0.26, abs=0.005)


def test_a_spray_under_the_budget_hits_with_at_most_one_percent_a_day() -> None:
    assert chance_of_one(RULES.all_accounts_per_day) <= 0.01


# --- any order of guesses -------------------------------------------------------------------------


def test_no_order_of_guesses_passes_a_limit() -> None:
    chance, sequences, tried, evaluated, over = random.Random(7), rounds(200), 0, 0, 0
    for _ in range(sequences):
        state, wrong, by_day, row = Guesses(TODAY), 0, dict[date, int](), 0
        now = START.astimezone(UTC)
        closed = False
        for _ in range(120):
            tried += 1
            now += timedelta(seconds=chance.choice([1, 60, 600, 7200, -3600]))
            if chance.random() < 0.3:
                wrong = 0  # another code was sent
            right = chance.random() < 0.05
            try:
                may_guess(state, wrong, now, RULES)
            except Refusal:
                continue
            over += closed
            state = judged(pay(state, now, RULES), right, now, RULES)
            evaluated += 1
            by_day[state.day] = by_day.get(state.day, 0) + 1
            wrong, row = (wrong, 0) if right else (wrong + 1, row + 1)
            closed = row >= 20
        over += max(by_day.values()) > 30
    told(sequences=sequences, tried=tried, evaluated=evaluated, over_a_limit=over)
    assert over == 0


# --- of the institution's day, wherever the process runs ------------------------------------------


@pytest.mark.parametrize(
    ("zone", "counted"),
    [
        (TAIPEI, WrongGuesses(date(2026, 11, 21), 1)),
        (ZoneInfo("America/New_York"), WrongGuesses(date(2026, 11, 20), 10_001)),
    ],
)
def test_the_budget_over_all_accounts_is_of_the_institutions_day(zone: ZoneInfo, counted: WrongGuesses) -> None:
    before, now, rules = (
        WrongGuesses(date(2026, 11, 20), 10_000),
        datetime(2026, 11, 20, 16, 30, tzinfo=UTC),
        GuessRules(zone),
    )
    assert count_wrong(before, now, rules) == counted
    if counted.wrong == 1:
        may_guess_at_all(before, now, rules)
        return
    with pytest.raises(GuessesPaused):
        may_guess_at_all(before, now, rules)
