"""A certificate renewal from the code to the new certificate: left and taken up, in time, once (G20)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.security.certificate_renewal import WRONG_BIRTH_DATES
from actions.security.errors import (
    BirthDateUnreadable,
    FactorsMissing,
    OtpExpired,
    SecretGone,
)
from actions.security.one_time_password import AUTHORITY_LASTS
from actions.services.certificate_renewal import PURPOSE, Installed, Progress
from tests.actions.services.renewals import (
    CALLS,
    STEPS,
    WRONG,
    bring,
    cause,
    certificates,
    confirm,
    give,
    let_certificate_end,
    open_,
    refusal,
    renewal,
    row,
    rows,
    verify,
)
from tests.actions.world import NORMAL, World, statements

MILLISECOND = timedelta(milliseconds=1)
GOOD_FOR = timedelta(minutes=15)


# --- the whole way ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "way"), [(20, "renew"), (65, "apply")])
def test_the_steps_lead_to_a_new_certificate(world: World, days: int, way: str) -> None:
    let_certificate_end(world, days)
    verify(world)
    ends = f"{world.clock.time + timedelta(days=days) - timedelta(seconds=61):%Y/%m/%d}"
    assert open_(world) == Progress("birth_date", way, ends, "093***678")
    give(world)
    assert open_(world) == Progress("confirm", way, ends, "093***678")
    done = confirm(world)
    (new,) = certificates(world)
    assert done == Installed(done.receipt, f"{new.valid_until.astimezone(world.clock.time.tzinfo):%Y/%m/%d}")
    assert done.receipt.startswith("CR-20261120-")
    assert open_(world) == Progress("done", way, done.valid_until, "093***678")
    assert (row(world).serial, row(world).outcome, row(world).kind) == (new.serial, "installed", way)


def test_the_window_opens_at_midnight_in_taipei(world: World) -> None:
    let_certificate_end(world, 65)  # until 2027/01/24: from 2026/12/24
    world.clock.set(world.clock.time.replace(month=12, day=23, hour=23, minute=55))
    verify(world)
    assert open_(world).way == "apply"
    world.clock.set(world.clock.time.replace(day=24, hour=0, minute=0, second=0))
    verify(world)
    assert open_(world).way == "renew"


def test_the_code_may_go_to_the_mailbox(world: World) -> None:
    verify(world, channel="email")
    assert open_(world).sent_to.endswith("@example.com")
    assert "*" in open_(world).sent_to


def test_no_notice_is_sent_of_a_renewal(world: World) -> None:
    bring(world, "code")
    before = world.counts()["outbox"]
    open_(world)
    give(world)
    confirm(world)
    assert world.counts()["outbox"] == before


def test_the_same_confirmation_again_has_the_same_receipt_however_late(world: World) -> None:
    bring(world, "confirm")
    done = confirm(world)
    for minutes in (0, 1, 20, 100):
        world.clock.pass_(minutes=minutes)
        assert confirm(world) == done
        assert open_(world).step == "done"
    assert len(certificates(world)) == 1


def test_another_renewal_begins_with_another_code(world: World) -> None:
    bring(world, "confirm")
    first = confirm(world)
    bring(world, "confirm")
    second = confirm(world)
    assert first.receipt != second.receipt
    assert (len(certificates(world)), len(rows(world))) == (2, 2)


def test_an_institution_without_renewals_has_none(world: World) -> None:
    verify(world)
    for institution in ("gtjai", "icbca", "", "nobody"):
        with pytest.raises(FactorsMissing):
            renewal(world).open("c1", institution)


# --- left and taken up ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_it_goes_on_where_it_was_left(world: World, step: str) -> None:
    bring(world, step)
    expected = "birth_date" if step == "code" else step
    before = rows(world)
    for _ in range(3):
        world.clock.pass_(minutes=4)
        assert open_(world).step == expected
    if step != "code":
        assert [r.step_id for r in rows(world)] == [r.step_id for r in before]
    if expected == "birth_date":
        give(world)
    confirm(world)
    assert len(certificates(world)) == 1


@pytest.mark.parametrize("step", STEPS)
def test_in_another_conversation_it_goes_on_after_a_code_of_its_own(world: World, step: str) -> None:
    bring(world, step)
    verify(world, "c2")
    assert open_(world, "c2").step == "birth_date"
    assert (row(world).conversation, len(rows(world))) == ("c2", 1)
    for call in (open_, give, confirm):
        assert cause(call, world, "c1") == ("RenewalOutOfOrder", {"step": "code"})
    give(world, "c2")
    confirm(world, "c2")
    assert len(certificates(world)) == 1
    for call in (open_, give, confirm):
        assert cause(call, world, "c1") == ("RenewalOutOfOrder", {"step": "code"})
    assert len(certificates(world)) == 1


@pytest.mark.parametrize("step", ["birth_date", "confirm"])
def test_too_late_it_goes_on_with_another_code_and_the_same_row(world: World, step: str) -> None:
    bring(world, step)
    world.clock.pass_(minutes=15)
    assert refusal(open_, world) == "FactorsMissing"
    before = row(world)
    verify(world)
    assert open_(world).step == "birth_date"
    assert (row(world).id, row(world).taken) == (before.id, before.taken + 3)
    give(world)
    confirm(world)


def test_a_code_that_was_asked_for_has_to_be_entered_first(world: World) -> None:
    bring(world, "confirm")
    world.clock.pass_(seconds=61)
    code = world.send_code("c1", PURPOSE)
    for call in (open_, give, confirm):
        assert refusal(call, world) == "FactorsMissing"
    world.enter("c1", code, PURPOSE)
    assert refusal(confirm, world) == "RenewalOutOfOrder"
    assert open_(world).step == "birth_date"


def test_wrong_birth_dates_stay_counted_in_the_next_conversation(world: World) -> None:
    bring(world, "birth_date")
    for left in (2, 1):
        assert cause(give, world, "c1", WRONG) == ("RenewalBirthDateWrong", {"left": left})
    verify(world, "c2")
    open_(world, "c2")
    assert refusal(give, world, "c2", WRONG) == "RenewalStopped"


def test_one_that_lay_for_a_day_is_replaced(world: World) -> None:
    bring(world, "confirm")
    world.clock.pass_(days=1)
    verify(world)
    open_(world)
    old, new = rows(world)
    assert (old.outcome, old.closed_at is not None, new.outcome, new.step) == ("replaced", True, None, "birth_date")
    give(world)
    confirm(world)
    assert len(certificates(world)) == 1


def test_one_that_became_another_way_is_replaced(world: World) -> None:
    bring(world, "confirm")
    let_certificate_end(world, 20)
    verify(world, "c2")
    assert open_(world, "c2").way == "renew"
    assert [r.kind for r in rows(world)] == ["apply", "renew"]
    assert refusal(confirm, world) == "RenewalOutOfOrder"


# --- the limits of time -----------------------------------------------------------------------------


@pytest.mark.parametrize("short", [timedelta(0), MILLISECOND])
def test_a_code_is_good_for_300_seconds(world: World, short: timedelta) -> None:
    world.identify("c1", NORMAL)
    code, sent_at = world.send_code("c1", PURPOSE), world.clock.time
    world.clock.set(sent_at + timedelta(seconds=300) - short)
    if short:
        world.enter("c1", code, PURPOSE)
        assert open_(world).step == "birth_date"
    else:
        with pytest.raises(OtpExpired):
            world.enter("c1", code, PURPOSE)
        assert refusal(open_, world) == "FactorsMissing"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("short", [timedelta(0), MILLISECOND, -MILLISECOND])
def test_a_verified_code_is_good_for_a_quarter_of_an_hour(world: World, step: str, short: timedelta) -> None:
    assert AUTHORITY_LASTS[PURPOSE] == GOOD_FOR
    bring(world, step)
    verified_at = world.clock.time
    world.clock.set(verified_at + GOOD_FOR - short)
    call = CALLS[step]
    late = "FactorsMissing" if step == "code" else "RenewalTooLate"
    assert refusal(call, world) == (None if short > timedelta(0) else late)
    assert len(certificates(world)) == (step == "confirm" and short > timedelta(0))


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_set_back_lets_nothing_through(world: World, step: str) -> None:
    bring(world, step)
    world.clock.pass_(milliseconds=-1)
    call = CALLS[step]
    late = "FactorsMissing" if step == "code" else "RenewalTooLate"
    assert refusal(call, world) == late


# --- the second check -------------------------------------------------------------------------------


@pytest.mark.parametrize("born", ["070/01/01", "0700101", "民國70年1月1日", "1981-01-01", "７０．１．１"])
def test_the_birth_date_may_be_written_in_several_ways(world: World, born: str) -> None:
    bring(world, "birth_date")
    give(world, born=born)
    assert open_(world).step == "confirm"


def test_the_third_wrong_birth_date_stops_it_and_uses_up_the_code(world: World) -> None:
    bring(world, "birth_date")
    assert cause(give, world, "c1", WRONG) == ("RenewalBirthDateWrong", {"left": 2})
    assert cause(give, world, "c1", WRONG) == ("RenewalBirthDateWrong", {"left": 1})
    assert refusal(give, world, "c1", WRONG) == "RenewalStopped"
    for call in (open_, give, confirm):
        assert refusal(call, world) == "RenewalStopped"
    assert (row(world).outcome, row(world).wrong_birth_dates) == ("stopped", WRONG_BIRTH_DATES)
    assert not world.services.one_time_password.is_verified("c1", PURPOSE)
    bring(world, "confirm")  # with another code it begins anew
    confirm(world)


def test_the_same_birth_date_delivered_again_is_counted_once(world: World) -> None:
    bring(world, "birth_date")
    wrong = world.put("c1", "birth_date", WRONG)
    for _ in range(4):
        assert cause(renewal(world).give_birth_date, "c1", wrong) == ("RenewalBirthDateWrong", {"left": 2})
    right = give(world)
    for _ in range(3):
        renewal(world).give_birth_date("c1", right)
    assert (row(world).wrong_birth_dates, row(world).step) == (1, "confirm")


def test_what_is_no_date_is_not_counted_and_not_kept(world: World) -> None:
    bring(world, "birth_date")
    reference = world.put("c1", "birth_date", "not a date")
    with pytest.raises(BirthDateUnreadable):
        renewal(world).give_birth_date("c1", reference)
    with pytest.raises(SecretGone):
        renewal(world).give_birth_date("c1", reference)
    assert (row(world).wrong_birth_dates, row(world).step) == (0, "birth_date")


def test_a_birth_date_of_another_conversation_or_kind_is_not_taken(world: World) -> None:
    bring(world, "birth_date")
    for conversation, kind in (("c2", "birth_date"), ("c1", "code"), ("c1", "account")):
        reference = world.put(conversation, kind, NORMAL.born)
        with pytest.raises(SecretGone):
            renewal(world).give_birth_date("c1", reference)
    assert row(world).step == "birth_date"


def test_right_and_wrong_take_the_same_statements(world: World) -> None:
    bring(world, "birth_date")
    seen = []
    for born in (WRONG, NORMAL.born):
        reference = world.put("c1", "birth_date", born)
        with statements() as of_this:
            refusal(renewal(world).give_birth_date, "c1", reference)
        seen.append(of_this)
    assert seen[0] == seen[1]
