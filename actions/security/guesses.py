"""How many codes may be tried: per challenge, per account and day, in a row, and over all accounts (G6, G7).

An attempt is paid for before it is judged, in the account's row and whatever its channel, purpose or conversation;
what is refused here is not looked at, so that a right code after a limit gets the same refusal as a wrong one.
Sending another code touches none of these counts: nothing is refilled (G8).

Days are the institution's (`institutions.yml: timezone`), as for the unlock: the customer is told the date, and
whoever asks at the hotline counts the same day. A day never goes back: a clock that does refills nothing.
Our defaults: `institutions.yml: otp_wrong_attempts_per_code` for one code; issue 4 for the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from actions.security.errors import GuessesHotlineOnly, GuessesPaused, GuessesUsedUp, OtpExhausted


@dataclass(frozen=True)
class GuessRules:
    """The numbers that keep guessing within G7's budget; a test computes it from them."""

    zone: ZoneInfo
    per_challenge: int = 3
    per_day: int = 30
    wrong_in_a_row: int = 20
    all_accounts_per_day: int = 10_000  # wrong ones: one of them is right with a chance of 1 %
    alarm_at: int = 1_000  # of the above


@dataclass(frozen=True)
class Guesses:
    """What is stored of one account. `consecutive_wrong`: paid for since the last right one."""

    day: date
    evaluated: int = 0
    consecutive_wrong: int = 0
    hotline_only_at: datetime | None = None


@dataclass(frozen=True)
class WrongGuesses:
    """What is stored of all accounts of an institution together."""

    day: date
    wrong: int = 0


def may_guess(guesses: Guesses, wrong_of_challenge: int, now: datetime, rules: GuessRules) -> None:
    """Return if a code may be compared; raise `GuessesHotlineOnly`, `GuessesUsedUp` or `OtpExhausted`, in that order.

    The order is what the customer can do: only call; come back another day; have a new code sent.
    """
    if guesses.hotline_only_at or guesses.consecutive_wrong >= rules.wrong_in_a_row:
        raise GuessesHotlineOnly
    today = _day(guesses.day, now, rules.zone)
    if today == guesses.day and guesses.evaluated >= rules.per_day:
        raise GuessesUsedUp(next_date=f"{today + timedelta(days=1):%Y/%m/%d}")
    if wrong_of_challenge >= rules.per_challenge:
        raise OtpExhausted


def pay(guesses: Guesses, now: datetime, rules: GuessRules) -> Guesses:
    """Return the counts with one more; commit them before the code is compared."""
    today = _day(guesses.day, now, rules.zone)
    before = guesses.evaluated if today == guesses.day else 0
    return replace(guesses, day=today, evaluated=before + 1, consecutive_wrong=guesses.consecutive_wrong + 1)


def judged(guesses: Guesses, right: bool, now: datetime, rules: GuessRules) -> Guesses:
    """Return the counts after the verdict: a right code ends the row; the day's count stays.

    The last wrong one of a row closes the account to codes, and no right one that was under way opens it again.
    """
    if right:
        return replace(guesses, consecutive_wrong=0)
    if guesses.consecutive_wrong >= rules.wrong_in_a_row:
        return replace(guesses, hotline_only_at=guesses.hotline_only_at or now)
    return guesses


def lifted_by_staff(guesses: Guesses) -> Guesses:
    """Return the counts after the hotline has made sure who calls; today's stay used."""
    return replace(guesses, consecutive_wrong=0, hotline_only_at=None)


def may_guess_at_all(all_accounts: WrongGuesses, now: datetime, rules: GuessRules) -> None:
    """Return if any account may be guessed at; raise `GuessesPaused` (T27: three guesses at each of many accounts)."""
    today = _day(all_accounts.day, now, rules.zone)
    if today == all_accounts.day and all_accounts.wrong >= rules.all_accounts_per_day:
        raise GuessesPaused(next_date=f"{today + timedelta(days=1):%Y/%m/%d}")


def count_wrong(all_accounts: WrongGuesses, now: datetime, rules: GuessRules) -> WrongGuesses:
    """Return the count over all accounts with one more wrong guess."""
    today = _day(all_accounts.day, now, rules.zone)
    return WrongGuesses(today, (all_accounts.wrong if today == all_accounts.day else 0) + 1)


def rings_alarm(all_accounts: WrongGuesses, rules: GuessRules) -> bool:
    """Return whether this very guess is the one at which people are told, once a day."""
    return all_accounts.wrong == rules.alarm_at


def _day(stored: date, now: datetime, zone: ZoneInfo) -> date:
    return max(stored, now.astimezone(zone).date())
