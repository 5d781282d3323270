"""The software token: where it may be used, what freezes it, and what ends that (G18-G21)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from actions.security.errors import (
    TokenAlreadyActive,
    TokenFrozen,
    TokenFrozenForGood,
    TokenNeedsLogin,
    TokenNotActive,
    TokenNotFrozen,
    TokenNotYetUsable,
    TokenOtherDevice,
    TokenRefusal,
    TokenReleaseRefused,
    TokenWrong,
)
from actions.security.software_token import (
    App,
    Entered,
    Place,
    Release,
    SoftwareToken,
    Status,
    TokenRules,
    WayOut,
    add_biometrics,
    disable,
    enrol,
    enter_password,
    may_be_entered,
    may_make_high_risk,
    revoke,
    status_for_customer,
    suspend,
    synchronise,
    unfreeze,
)
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START

RULES = TokenRules(ZoneInfo("Asia/Hong_Kong"))
PHONE, OTHER_PHONE = "device-a", "device-b"
MILLISECOND, DAY = timedelta(milliseconds=1), timedelta(hours=24)
FACTS = yaml.safe_load((Path(__file__).parents[3] / "data/institutions/icbca.yml").read_text(encoding="utf-8"))

NEW = enrol(SoftwareToken(), App.INVEST, PHONE, START, RULES)


def wrong(token: SoftwareToken, times: int, now: datetime = START) -> SoftwareToken:
    for _ in range(times):
        token = enter_password(token, False, True, now, RULES).token
    return token


def right(token: SoftwareToken, now: datetime = START) -> Entered:
    return enter_password(token, True, True, now, RULES)


def in_both(now: datetime = START) -> SoftwareToken:
    return synchronise(right(NEW), App.BANK, PHONE, now, RULES)


def permanently_frozen() -> SoftwareToken:
    return wrong(wrong(wrong(NEW, 6), 6, START + DAY), 6, START + 2 * DAY)


FROZEN, FOR_GOOD = wrong(NEW, 6), permanently_frozen()


# --- the numbers ----------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_institution() -> None:
    assert FACTS["stated"]["token_activation_delay_hours"] == {
        app.value: delay.total_seconds() / 3600 for app, delay in RULES.delay.items()
    }
    assert FACTS["default"]["token_permanent_after_freezes"] == RULES.permanent_after_freezes
    assert FACTS["stated"]["token_wrong_password_freeze"] == (
        f"{RULES.wrong_before_freeze} wrong passwords freeze it for {RULES.freeze.total_seconds() / 3600:.0f} hours"
    )


# --- where it may be used -------------------------------------------------------------------------


def test_an_account_begins_without_a_token() -> None:
    assert status_for_customer(SoftwareToken(), START).status is Status.NONE


def test_the_invest_app_may_use_it_at_once() -> None:
    may_make_high_risk(NEW, App.INVEST, START, RULES)


def test_the_bank_app_does_not_have_it_before_it_is_synchronised() -> None:
    with pytest.raises(TokenNotActive):
        may_make_high_risk(NEW, App.BANK, START + DAY, RULES)


def test_the_bank_app_may_not_use_it_a_millisecond_before_six_hours() -> None:
    with pytest.raises(TokenNotYetUsable) as refused:
        may_make_high_risk(in_both(), App.BANK, START + timedelta(hours=6) - MILLISECOND, RULES)
    assert refused.value.facts == {"usable_at": "2026/11/20 16:00"}


def test_the_bank_app_may_use_it_after_six_hours_exactly() -> None:
    may_make_high_risk(in_both(), App.BANK, START + timedelta(hours=6), RULES)


def test_the_six_hours_run_from_the_synchronising_not_from_the_enrolment() -> None:
    late = START + timedelta(hours=5)
    with pytest.raises(TokenNotYetUsable):
        may_make_high_risk(in_both(late), App.BANK, START + timedelta(hours=6), RULES)


def test_a_token_of_the_bank_app_waits_there_and_not_in_the_invest_app() -> None:
    first = enrol(SoftwareToken(), App.BANK, PHONE, START, RULES)
    both = synchronise(right(first), App.INVEST, PHONE, START, RULES)
    assert {place.app: place.usable_at - START for place in both.places} == {
        App.BANK: timedelta(hours=6),
        App.INVEST: timedelta(0),
    }


def test_synchronising_needs_the_same_device() -> None:
    with pytest.raises(TokenOtherDevice):
        synchronise(right(NEW), App.BANK, OTHER_PHONE, START, RULES)


def test_synchronising_needs_the_right_password() -> None:
    with pytest.raises(TokenWrong):
        synchronise(enter_password(NEW, False, True, START, RULES), App.BANK, PHONE, START, RULES)


@pytest.mark.parametrize("app", App)
def test_synchronising_twice_does_not_start_the_wait_again(app: App) -> None:
    with pytest.raises(TokenAlreadyActive):
        synchronise(Entered(in_both(), None), app, PHONE, START + DAY, RULES)


@pytest.mark.parametrize("app", App)
def test_an_active_token_is_not_enrolled_again(app: App) -> None:
    with pytest.raises(TokenAlreadyActive):
        enrol(NEW, app, PHONE, START, RULES)


def test_the_password_adds_biometrics() -> None:
    assert add_biometrics(right(NEW), START, RULES).biometrics


def test_a_wrong_password_adds_no_biometrics() -> None:
    with pytest.raises(TokenWrong):
        add_biometrics(enter_password(NEW, False, True, START, RULES), START, RULES)


# --- what ends it ---------------------------------------------------------------------------------

ENDS: list[Callable[[SoftwareToken], SoftwareToken]] = [
    lambda token: disable(token, App.INVEST),
    lambda token: disable(token, App.BANK),
    suspend,
    revoke,
]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("app", App)
def test_what_ends_it_ends_it_in_both_apps(end: Callable[[SoftwareToken], SoftwareToken], app: App) -> None:
    ended = end(in_both())
    with pytest.raises(TokenNotActive):
        may_make_high_risk(ended, app, START + DAY, RULES)


@pytest.mark.parametrize("end", ENDS)
def test_an_ended_token_belongs_to_no_device(end: Callable[[SoftwareToken], SoftwareToken]) -> None:
    assert end(in_both()).device is None


@pytest.mark.parametrize("end", ENDS)
def test_what_ends_it_ends_biometrics(end: Callable[[SoftwareToken], SoftwareToken]) -> None:
    assert not end(add_biometrics(right(in_both()), START, RULES)).biometrics


@pytest.mark.parametrize("end", ENDS)
def test_an_ended_token_comes_back_by_enrolment_and_the_bank_app_waits_again(
    end: Callable[[SoftwareToken], SoftwareToken],
) -> None:
    again = enrol(end(in_both()), App.INVEST, OTHER_PHONE, START + DAY, RULES)
    both = synchronise(right(again, START + DAY), App.BANK, OTHER_PHONE, START + DAY, RULES)
    with pytest.raises(TokenNotYetUsable):
        may_make_high_risk(both, App.BANK, START + DAY + timedelta(hours=6) - MILLISECOND, RULES)


def test_an_app_that_does_not_have_it_cannot_disable_it() -> None:
    with pytest.raises(TokenNotActive):
        disable(NEW, App.BANK)


@pytest.mark.parametrize(("token", "word"), [(suspend(NEW), Status.SUSPENDED), (revoke(NEW), Status.REVOKED)])
def test_a_customer_is_told_how_it_ended(token: SoftwareToken, word: Status) -> None:
    assert status_for_customer(token, START).status is word


def test_a_suspended_token_can_be_revoked() -> None:
    assert revoke(suspend(NEW)).status is Status.REVOKED


@pytest.mark.parametrize("token", [SoftwareToken(), revoke(NEW)])
def test_what_is_not_there_is_not_revoked(token: SoftwareToken) -> None:
    with pytest.raises(TokenNotActive):
        revoke(token)


@pytest.mark.parametrize("token", [SoftwareToken(), suspend(NEW), revoke(NEW)])
@pytest.mark.parametrize(
    "act",
    [
        lambda token: enter_password(token, True, True, START, RULES),
        lambda token: synchronise(Entered(token, None), App.BANK, PHONE, START, RULES),
        lambda token: add_biometrics(Entered(token, None), START, RULES),
        lambda token: disable(token, App.INVEST),
        suspend,
        lambda token: may_make_high_risk(token, App.INVEST, START, RULES),
    ],
)
def test_without_an_active_token_nothing_can_be_done_with_it(
    token: SoftwareToken, act: Callable[[SoftwareToken], object]
) -> None:
    with pytest.raises(TokenNotActive):
        act(token)


# --- wrong passwords (G18, G19) -------------------------------------------------------------------


@pytest.mark.parametrize("times", range(1, 6))
def test_up_to_five_wrong_passwords_are_told_how_many_are_left(times: int) -> None:
    refusal = enter_password(wrong(NEW, times - 1), False, True, START, RULES).refusal
    assert isinstance(refusal, TokenWrong)
    assert refusal.facts == {"left": 6 - times}


def test_the_sixth_wrong_password_freezes_for_24_hours() -> None:
    refusal = enter_password(wrong(NEW, 5), False, True, START, RULES).refusal
    assert isinstance(refusal, TokenFrozen)
    assert refusal.facts == {"frozen_until": "2026/11/21 10:00"}


def test_the_end_of_a_freeze_is_told_by_the_minute_after_it() -> None:
    refusal = enter_password(wrong(NEW, 5), False, True, START + MILLISECOND, RULES).refusal
    assert refusal
    assert refusal.facts == {"frozen_until": "2026/11/21 10:01"}


@pytest.mark.parametrize("age", [timedelta(0), MILLISECOND, DAY - MILLISECOND, -timedelta(hours=1)])
def test_a_freeze_lasts_until_its_last_millisecond(age: timedelta) -> None:
    with pytest.raises(TokenFrozen):
        may_be_entered(FROZEN, True, START + age, RULES)


@pytest.mark.parametrize("age", [DAY, DAY + MILLISECOND, 100 * DAY])
def test_a_freeze_is_over_at_24_hours_exactly(age: timedelta) -> None:
    assert right(FROZEN, START + age).refusal is None


@pytest.mark.parametrize("token", [FROZEN, FOR_GOOD])
def test_a_right_and_a_wrong_password_are_refused_alike_while_frozen(token: SoftwareToken) -> None:
    said = []
    for is_right in (True, False):
        with pytest.raises(TokenRefusal) as refused:
            enter_password(token, is_right, True, START, RULES)
        said.append((type(refused.value), refused.value.facts))
    assert said[0] == said[1]


def test_guesses_while_frozen_change_nothing() -> None:
    before = replace(FROZEN)
    for _ in range(50):
        with pytest.raises(TokenFrozen):
            enter_password(FROZEN, False, True, START + DAY - MILLISECOND, RULES)
    assert before == FROZEN
    assert FROZEN.frozen_until == START + DAY


def test_after_a_freeze_entries_are_counted_from_none() -> None:
    assert wrong(FROZEN, 1, START + DAY).wrong == 1


def test_a_right_password_clears_the_wrong_ones() -> None:
    assert right(wrong(NEW, 5)).token.wrong == 0


def test_a_right_password_does_not_clear_the_freezes() -> None:
    assert right(FROZEN, START + DAY).token.freezes == 1


def test_the_second_freeze_still_ends() -> None:
    twice = wrong(FROZEN, 6, START + DAY)
    assert status_for_customer(twice, START + DAY).frozen_until == START + 2 * DAY


def test_the_third_freeze_is_permanent() -> None:
    refusal = enter_password(
        wrong(wrong(FROZEN, 6, START + DAY), 5, START + 2 * DAY), False, True, START + 2 * DAY, RULES
    )
    assert isinstance(refusal.refusal, TokenFrozenForGood)


@pytest.mark.parametrize("years", [1, 10, 100])
def test_time_does_not_end_a_permanent_freeze(years: int) -> None:
    with pytest.raises(TokenFrozenForGood):
        may_be_entered(FOR_GOOD, True, START + years * 365 * DAY, RULES)


def test_wrong_passwords_survive_disabling_and_enrolling_anew() -> None:
    again = enrol(disable(wrong(NEW, 5), App.INVEST), App.INVEST, PHONE, START, RULES)
    assert isinstance(enter_password(again, False, True, START, RULES).refusal, TokenFrozen)


@pytest.mark.parametrize(("token", "refusal"), [(FROZEN, TokenFrozen), (FOR_GOOD, TokenFrozenForGood)])
@pytest.mark.parametrize(
    "around",
    [
        lambda token: enrol(disable(token, App.INVEST), App.INVEST, PHONE, START, RULES),
        lambda token: enrol(suspend(token), App.BANK, OTHER_PHONE, START, RULES),
        lambda token: enrol(revoke(token), App.INVEST, PHONE, START, RULES),
        lambda token: enrol(token, App.INVEST, PHONE, START, RULES),
        lambda token: synchronise(Entered(token, None), App.BANK, PHONE, START, RULES),
        lambda token: add_biometrics(Entered(token, None), START, RULES),
        lambda token: may_make_high_risk(token, App.INVEST, START, RULES),
    ],
)
def test_no_way_leads_around_a_freeze(
    token: SoftwareToken, refusal: type[TokenRefusal], around: Callable[[SoftwareToken], object]
) -> None:
    with pytest.raises(refusal):
        around(token)


def test_whoever_is_not_logged_in_moves_no_counter() -> None:
    tries, before = rounds(1_000), replace(NEW)
    for _ in range(tries):
        with pytest.raises(TokenNeedsLogin):
            enter_password(NEW, False, False, START, RULES)
    told(anonymous_tries=tries, counted=NEW.wrong)
    assert before == NEW


# --- ways out -------------------------------------------------------------------------------------

BY = {"asked_by": "staff-one", "agreed_by": "staff-two"}


@pytest.mark.parametrize(("token", "way"), list(product([FROZEN, FOR_GOOD], WayOut)))
def test_a_way_out_opens_what_the_guide_says_it_opens(token: SoftwareToken, way: WayOut) -> None:
    release = Release(way, **BY)
    if way in status_for_customer(token, START).ways_out:
        assert status_for_customer(unfreeze(token, release, START), START).ways_out == ()
        return
    with pytest.raises(TokenReleaseRefused):
        unfreeze(token, release, START)


def test_a_freeze_of_24_hours_is_ended_at_a_branch_only() -> None:
    assert status_for_customer(FROZEN, START).ways_out == (WayOut.BRANCH,)


def test_a_permanent_freeze_is_ended_at_a_branch_or_with_the_device() -> None:
    assert status_for_customer(FOR_GOOD, START).ways_out == (WayOut.BRANCH, WayOut.E_PASSWORD_DEVICE)


@pytest.mark.parametrize("agreed_by", [None, "", "staff-one"])
def test_one_person_alone_does_not_end_a_permanent_freeze(agreed_by: str | None) -> None:
    with pytest.raises(TokenReleaseRefused):
        unfreeze(FOR_GOOD, Release(WayOut.BRANCH, "staff-one", agreed_by), START)


def test_the_device_needs_no_second_person() -> None:
    assert not status_for_customer(
        unfreeze(FOR_GOOD, Release(WayOut.E_PASSWORD_DEVICE, "owner"), START), START
    ).ways_out


def test_a_branch_forgives_no_freeze_of_24_hours() -> None:
    assert unfreeze(FROZEN, Release(WayOut.BRANCH, **BY), START).freezes == 1


def test_after_a_permanent_freeze_everything_is_counted_from_none() -> None:
    free = unfreeze(FOR_GOOD, Release(WayOut.BRANCH, **BY), START)
    assert (free.wrong, free.freezes, free.frozen_until, free.frozen_for_good_at) == (0, 0, None, None)


@pytest.mark.parametrize(("token", "now"), [(NEW, START), (FROZEN, START + DAY), (SoftwareToken(), START)])
def test_what_is_not_frozen_is_not_unfrozen(token: SoftwareToken, now: datetime) -> None:
    with pytest.raises(TokenNotFrozen):
        unfreeze(token, Release(WayOut.BRANCH, **BY), now)


# --- what the customer is told --------------------------------------------------------------------


def test_a_customer_is_told_where_since_when_and_usable_when() -> None:
    assert status_for_customer(in_both(START + MILLISECOND), START).places == (
        Place(App.INVEST, START, START),
        Place(App.BANK, START + MILLISECOND, START + MILLISECOND + timedelta(hours=6)),
    )


@pytest.mark.parametrize(
    ("token", "now", "until", "for_good"),
    [
        (NEW, START, None, False),
        (FROZEN, START, START + DAY, False),
        (FROZEN, START + DAY, None, False),
        (FOR_GOOD, START + DAY, None, True),
        (FOR_GOOD, START + 500 * DAY, None, True),
    ],
)
def test_a_customer_is_told_until_when_it_is_frozen(
    token: SoftwareToken, now: datetime, until: datetime | None, for_good: bool
) -> None:
    status = status_for_customer(token, now)
    assert (status.frozen_until, status.frozen_for_good) == (until, for_good)


def test_a_freeze_stays_when_the_token_is_given_up() -> None:
    assert status_for_customer(disable(FROZEN, App.INVEST), START).frozen_until == START + DAY


@pytest.mark.parametrize(("app", "wait"), [(App.INVEST, timedelta(0)), (App.BANK, timedelta(hours=6))])
def test_an_app_has_it_from_the_moment_of_enrolment(app: App, wait: timedelta) -> None:
    assert enrol(SoftwareToken(), app, PHONE, START, RULES).places == (Place(app, START, START + wait),)


def test_a_permanent_freeze_ends_together_with_any_other() -> None:
    both = replace(FOR_GOOD, frozen_until=START + 9 * DAY)
    assert not status_for_customer(unfreeze(both, Release(WayOut.BRANCH, **BY), START), START).ways_out
