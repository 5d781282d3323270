"""A certificate renewal: its window, and its steps in their one order (G16, G20)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations, product
from zoneinfo import ZoneInfo

import pytest

from actions.security.certificate_renewal import (
    AUTHORITY_LASTS,
    CODE_LIVES,
    Renewal,
    Step,
    Way,
    choose_destination,
    confirm,
    give_birth_date,
    install,
    lasts_until,
    may_check,
    may_verify,
    not_mine,
    opens_on,
    resumed,
    verified,
    way_for,
)
from actions.security.errors import (
    RenewalBirthDateWrong,
    RenewalCodeExpired,
    RenewalNoCertificate,
    RenewalOutOfOrder,
    RenewalRefusal,
    RenewalStopped,
    RenewalTooLate,
)
from actions.security.password_unlock import Certificate
from tests.actions.security.rounds import told
from tests.actions.world import START, TAIPEI

MINE = "demo-hnyc-900018"
SECOND, MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)
NEW = Renewal(MINE)


def certificate(valid_until: datetime = START + timedelta(days=20), **changes: object) -> Certificate:
    values = {"account": MINE, "valid_from": START - timedelta(days=345), "revoked_at": None}
    return Certificate(valid_until=valid_until, **{**values, **changes})  # type: ignore[arg-type]


GOOD = [certificate()]


def until(step: Step, now: datetime = START) -> Renewal:
    """Return a renewal at which `step` is next, everything having happened at `now`."""
    renewal = choose_destination(NEW, 0, "c1", now)
    if step is Step.CODE:
        return renewal
    renewal = verified(renewal, 1, "c1", now)
    if step is Step.BIRTH_DATE:
        return renewal
    renewal = give_birth_date(renewal, 2, True, now).renewal
    return renewal if step is Step.CONFIRM else confirm(renewal, 3, now)


# --- renew or apply -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "opens"),
    [
        ("2026-12-15", "2026-11-15"),
        ("2027-01-31", "2026-12-31"),
        ("2027-01-01", "2026-12-01"),
        ("2027-02-28", "2027-01-28"),
        ("2027-03-31", "2027-02-28"),
        ("2027-03-30", "2027-02-28"),
        ("2027-03-29", "2027-02-28"),
        ("2027-03-28", "2027-02-28"),
        ("2027-03-01", "2027-02-01"),
        ("2028-02-29", "2028-01-29"),
        ("2028-03-31", "2028-02-29"),
        ("2028-03-29", "2028-02-29"),
        ("2100-03-31", "2100-02-28"),
        ("2027-05-31", "2027-04-30"),
        ("2027-12-31", "2027-11-30"),
    ],
)
def test_the_window_opens_a_calendar_month_before_the_last_day(last: str, opens: str) -> None:
    noon = datetime.fromisoformat(f"{last}T12:00:00").replace(tzinfo=TAIPEI)
    assert opens_on(noon, TAIPEI) == date.fromisoformat(opens)


def test_the_window_is_of_the_month_before_on_every_day_of_eight_years() -> None:
    day, end, wrong = date(2026, 1, 1), date(2034, 1, 1), 0
    while day < end:
        opens = opens_on(datetime(day.year, day.month, day.day, 23, 59, tzinfo=TAIPEI), TAIPEI)
        months = (day.year - opens.year) * 12 + day.month - opens.month
        last_of_month = (opens + timedelta(days=1)).day == 1
        wrong += months != 1 or (opens.day != day.day and not (last_of_month and opens.day < day.day))
        day += timedelta(days=1)
    assert wrong == 0


@pytest.mark.parametrize(
    ("now", "way"),
    [
        ("2027-02-27T15:59:59.999+00:00", Way.APPLY),
        ("2027-02-27T16:00:00+00:00", Way.RENEW),
        ("2027-02-27T10:59:59.999-05:00", Way.APPLY),
        ("2027-02-27T11:00:00-05:00", Way.RENEW),
        ("2027-03-31T09:59:59.999+08:00", Way.RENEW),
    ],
)
def test_the_window_opens_at_midnight_in_taipei(now: str, way: Way) -> None:
    certificates = [certificate(datetime(2027, 3, 31, 10, 0, tzinfo=TAIPEI))]
    assert way_for(certificates, MINE, datetime.fromisoformat(now), TAIPEI) is way


def test_the_last_day_is_that_of_taipei() -> None:
    assert opens_on(datetime(2027, 1, 31, 16, 0, tzinfo=UTC), TAIPEI) == date(2027, 1, 1)


@pytest.mark.parametrize(
    "certificates",
    [
        [],
        [certificate(START)],
        [certificate(START - SECOND)],
        [certificate(revoked_at=START - SECOND)],
        [certificate(valid_from=START + SECOND)],
        [certificate(account="demo-hnyc-900028")],
    ],
)
def test_without_a_valid_certificate_there_is_no_way_here(certificates: list[Certificate]) -> None:
    with pytest.raises(RenewalNoCertificate):
        way_for(certificates, MINE, START, TAIPEI)


def test_it_lasts_as_long_as_the_last_that_is_valid() -> None:
    later = START + timedelta(days=200)
    several = [certificate(later), certificate(), certificate(later + SECOND, revoked_at=START)]
    assert lasts_until(several, MINE, START) == later
    with pytest.raises(RenewalNoCertificate):
        lasts_until([certificate(START)], MINE, START)


def test_of_several_certificates_the_longest_lasting_counts() -> None:
    several = [certificate(), certificate(START + timedelta(days=200)), certificate(START)]
    assert way_for(several, MINE, START, TAIPEI) is Way.APPLY


# --- the steps ------------------------------------------------------------------------------------


def test_the_steps_lead_to_a_new_certificate() -> None:
    done, way = install(until(Step.INSTALL), 4, GOOD, START, TAIPEI)
    assert (done.step, way) == (Step.DONE, Way.RENEW)


def test_applying_goes_the_same_steps() -> None:
    _, way = install(until(Step.INSTALL), 4, [certificate(START + timedelta(days=99))], START, TAIPEI)
    assert way is Way.APPLY


@pytest.mark.parametrize("revoked", [{"revoked_at": START}, {"valid_until": START}, {"account": "demo-hnyc-900028"}])
def test_a_certificate_that_is_no_longer_valid_at_the_last_step_ends_it(revoked: dict[str, object]) -> None:
    with pytest.raises(RenewalNoCertificate):
        install(until(Step.INSTALL), 4, [certificate(**revoked)], START, TAIPEI)  # type: ignore[arg-type]


@pytest.mark.parametrize("age", [timedelta(0), MILLISECOND, CODE_LIVES - MILLISECOND])
def test_a_code_is_good_for_300_seconds(age: timedelta) -> None:
    assert timedelta(seconds=300) == CODE_LIVES
    assert verified(until(Step.CODE), 1, "c1", START + age).step is Step.BIRTH_DATE


@pytest.mark.parametrize("age", [-MILLISECOND, CODE_LIVES, CODE_LIVES + MILLISECOND, 10 * CODE_LIVES])
def test_outside_of_them_it_is_expired(age: timedelta) -> None:
    with pytest.raises(RenewalCodeExpired):
        may_verify(until(Step.CODE), 1, "c1", START + age)


def test_another_destination_can_be_chosen_while_the_code_is_awaited() -> None:
    again = choose_destination(until(Step.CODE), 1, "c2", START + SECOND)
    assert verified(again, 2, "c2", START + SECOND).step is Step.BIRTH_DATE


def test_the_code_of_the_destination_before_is_void() -> None:
    again = choose_destination(until(Step.CODE), 1, "c2", START)
    with pytest.raises(RenewalOutOfOrder) as refused:
        verified(again, 2, "c1", START)
    assert refused.value.facts == {"step": "code"}


def test_the_300_seconds_are_those_of_the_newest_code() -> None:
    again = choose_destination(until(Step.CODE), 1, "c2", START + CODE_LIVES)
    assert verified(again, 2, "c2", START + 2 * CODE_LIVES - MILLISECOND).verified_at


@pytest.mark.parametrize(("before", "left"), [(0, 2), (1, 1)])
def test_a_wrong_birth_date_is_counted(before: int, left: int) -> None:
    renewal = until(Step.BIRTH_DATE)
    for _ in range(before):
        renewal = give_birth_date(renewal, renewal.taken, False, START).renewal
    checked = give_birth_date(renewal, renewal.taken, False, START)
    assert isinstance(checked.refusal, RenewalBirthDateWrong)
    assert (checked.refusal.facts, checked.renewal.step) == ({"left": left}, Step.BIRTH_DATE)


def test_the_third_wrong_birth_date_stops_it() -> None:
    renewal = until(Step.BIRTH_DATE)
    for _ in range(2):
        renewal = give_birth_date(renewal, renewal.taken, False, START).renewal
    checked = give_birth_date(renewal, renewal.taken, False, START)
    assert isinstance(checked.refusal, RenewalStopped)
    assert (checked.renewal.step, checked.renewal.wrong_birth_dates) == (Step.STOPPED, 3)


def test_wrong_birth_dates_stay_counted_when_the_first_step_is_asked_again() -> None:
    once = give_birth_date(until(Step.BIRTH_DATE), 2, False, START).renewal
    assert resumed(once, START + AUTHORITY_LASTS).wrong_birth_dates == 1


@pytest.mark.parametrize("step", [Step.DESTINATION, Step.CODE, Step.BIRTH_DATE, Step.CONFIRM, Step.INSTALL])
def test_not_mine_stops_it_wherever_it_is_said(step: Step) -> None:
    renewal = NEW if step is Step.DESTINATION else until(step)
    assert not_mine(renewal).step is Step.STOPPED


def test_not_mine_undoes_nothing_that_is_done() -> None:
    done, _ = install(until(Step.INSTALL), 4, GOOD, START, TAIPEI)
    assert not_mine(done) == done


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.BIRTH_DATE])
def test_a_birth_date_is_compared_only_where_it_is_asked(step: Step) -> None:
    may_check(until(Step.BIRTH_DATE), 2, START)
    renewal = replace(until(Step.BIRTH_DATE), step=step)
    with pytest.raises(RenewalStopped if step is Step.STOPPED else RenewalOutOfOrder):
        may_check(renewal, 2, START)


def test_and_only_in_time_and_from_the_newest_page() -> None:
    may_check(until(Step.BIRTH_DATE), 2, START + AUTHORITY_LASTS - MILLISECOND)
    with pytest.raises(RenewalTooLate):
        may_check(until(Step.BIRTH_DATE), 2, START + AUTHORITY_LASTS)
    with pytest.raises(RenewalOutOfOrder):
        may_check(until(Step.BIRTH_DATE), 1, START)


# --- left and resumed -----------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Step.CODE, Step.BIRTH_DATE, Step.CONFIRM, Step.INSTALL])
def test_it_goes_on_where_it_was_left(step: Step) -> None:
    assert resumed(until(step), START + CODE_LIVES - MILLISECOND) == until(step)


def test_an_expired_code_is_sent_anew() -> None:
    again = resumed(until(Step.CODE), START + CODE_LIVES)
    assert (again.step, again.challenge) == (Step.DESTINATION, None)


@pytest.mark.parametrize("step", [Step.BIRTH_DATE, Step.CONFIRM, Step.INSTALL])
@pytest.mark.parametrize("age", [AUTHORITY_LASTS, AUTHORITY_LASTS + MILLISECOND, -MILLISECOND])
def test_after_a_quarter_of_an_hour_the_first_step_is_asked_again(step: Step, age: timedelta) -> None:
    assert timedelta(minutes=15) == AUTHORITY_LASTS
    again = resumed(until(step), START + age)
    assert (again.step, again.challenge, again.verified_at) == (Step.DESTINATION, None, None)


@pytest.mark.parametrize("age", [timedelta(0), AUTHORITY_LASTS - MILLISECOND])
def test_a_verified_code_is_good_for_the_rest_until_then(age: timedelta) -> None:
    assert install(until(Step.INSTALL), 4, GOOD, START + age, TAIPEI)[0].step is Step.DONE


@pytest.mark.parametrize("age", [AUTHORITY_LASTS, 10 * AUTHORITY_LASTS, -MILLISECOND])
def test_and_for_no_step_after_it(age: timedelta) -> None:
    with pytest.raises(RenewalTooLate):
        install(until(Step.INSTALL), 4, GOOD, START + age, TAIPEI)
    with pytest.raises(RenewalTooLate):
        confirm(until(Step.CONFIRM), 3, START + age)
    with pytest.raises(RenewalTooLate):
        give_birth_date(until(Step.BIRTH_DATE), 2, True, START + age)


@pytest.mark.parametrize("step", [Step.CODE, Step.BIRTH_DATE, Step.CONFIRM, Step.INSTALL])
def test_its_own_code_goes_on_and_another_begins_anew(step: Step) -> None:
    assert resumed(until(step), START, "c1") == until(step)
    again = resumed(until(step), START, "c2")
    assert (again.step, again.challenge, again.sent_at, again.verified_at) == (Step.DESTINATION, None, None, None)
    assert again.taken == until(step).taken + 1


def test_wrong_birth_dates_stay_counted_with_another_code() -> None:
    once = give_birth_date(until(Step.BIRTH_DATE), 2, False, START).renewal
    assert resumed(once, START, "c2").wrong_birth_dates == 1


def test_a_page_from_before_it_was_resumed_is_refused() -> None:
    again = resumed(until(Step.INSTALL), START + AUTHORITY_LASTS)
    for taken in range(5):
        with pytest.raises(RenewalOutOfOrder):
            install(again, taken, GOOD, START + AUTHORITY_LASTS, TAIPEI)


# --- no other order (G20) -------------------------------------------------------------------------

Act = Callable[[Renewal, int], Renewal]
ACTS: dict[str, Act] = {
    "choose": lambda renewal, taken: choose_destination(renewal, taken, "c1", START),
    "verify": lambda renewal, taken: verified(renewal, taken, "c1", START),
    "give": lambda renewal, taken: give_birth_date(renewal, taken, True, START).renewal,
    "confirm": lambda renewal, taken: confirm(renewal, taken, START),
    "install": lambda renewal, taken: install(renewal, taken, GOOD, START, TAIPEI)[0],
}
STEPS = list(ACTS)


def effects(path: Iterable[str], stale: Sequence[bool] = ()) -> tuple[int, int, list[str]]:
    """Return how often a path installs, how many of its steps are refused, and those that are taken."""
    renewal, installed, refused, taken = NEW, 0, 0, list[str]()
    for n, name in enumerate(path):
        page = renewal.taken - 1 if n < len(stale) and stale[n] else renewal.taken
        if name == "not mine":
            renewal = not_mine(renewal)
            continue
        try:
            renewal = ACTS[name](renewal, page)
        except RenewalRefusal:
            refused += 1
            continue
        taken.append(name)
        installed += name == "install"
    return installed, refused, taken


def legal(taken: list[str]) -> bool:
    """The drawing as one sentence: choose once or more, then each of the others once, in their order."""
    chosen = Counter(taken)["choose"]
    return taken[chosen:] == STEPS[1 : 1 + len(taken) - chosen] and set(taken[:chosen]) <= {"choose"}


def reaches(path: Sequence[str]) -> bool:
    """Whether the five steps are in `path` in their order, with none that stops it between."""
    rest = iter(path[: path.index("not mine")] if "not mine" in path else path)
    return all(step in rest for step in STEPS)


def test_no_order_of_the_steps_but_one_installs() -> None:
    paths = [path for n in range(1, 7) for path in product(STEPS, repeat=n)]
    count: Counter[str] = Counter(paths=len(paths))
    for path in paths:
        installed, refused, taken = effects(path)
        count.update(installed=installed, refused=refused, doubled=installed > 1, illegal=not legal(taken))
        assert installed == reaches(path)
    told(**count)
    assert (count["doubled"], count["illegal"]) == (0, 0)
    assert len(paths) >= 5_000


def test_not_mine_in_any_order_lets_nothing_through_after_it() -> None:
    paths = list(permutations([*STEPS, "not mine"]))
    installed = [path for path in paths if effects(path)[0]]
    told(paths=len(paths), installed=len(installed))
    assert installed == [(*STEPS, "not mine")]


def test_a_step_from_an_old_page_is_never_taken() -> None:
    paths = [(path, stale) for path in product(STEPS, repeat=5) for stale in product([False, True], repeat=2)]
    wrong = sum(effects(path, [True, True, True, True, True])[0] for path, _ in paths)
    for n in range(5):
        wrong += effects(STEPS, [n == m for m in range(5)])[0]
    told(paths=len(paths) + 5, installed=wrong)
    assert wrong == 0


@pytest.mark.parametrize(("n", "name"), list(enumerate(STEPS)))
@pytest.mark.parametrize("ahead", [-2, -1, 1, 2])
def test_a_step_with_another_number_is_refused(n: int, name: str, ahead: int) -> None:
    step = list(Step)[n]
    renewal = NEW if step is Step.DESTINATION else until(step)
    with pytest.raises(RenewalOutOfOrder) as refused:
        ACTS[name](renewal, renewal.taken + ahead)
    assert refused.value.facts == {"step": step.value}


@pytest.mark.parametrize("name", STEPS)
def test_nothing_goes_on_after_it_was_stopped(name: str) -> None:
    stopped = not_mine(NEW)
    with pytest.raises(RenewalStopped):
        ACTS[name](stopped, stopped.taken)


@pytest.mark.parametrize("name", STEPS)
def test_nothing_goes_on_after_it_is_done(name: str) -> None:
    done, _ = install(until(Step.INSTALL), 4, GOOD, START, TAIPEI)
    with pytest.raises(RenewalOutOfOrder):
        ACTS[name](done, done.taken)


# --- of the institution's zone, wherever the process runs -----------------------------------------


@pytest.mark.parametrize(("zone", "way"), [(TAIPEI, Way.APPLY), (ZoneInfo("America/New_York"), Way.RENEW)])
def test_the_last_day_is_one_of_the_institution(zone: ZoneInfo, way: Way) -> None:
    # 1 April in Taipei, whose window opens on 1 March; 31 March in New York, whose window opens on 28 February.
    certificates = [certificate(datetime(2027, 3, 31, 16, 30, tzinfo=UTC))]
    now = datetime(2027, 2, 28, 12, 0, tzinfo=zone)
    assert way_for(certificates, MINE, now, zone) is way
    assert install(until(Step.INSTALL, now), 4, certificates, now, zone)[1] is way
