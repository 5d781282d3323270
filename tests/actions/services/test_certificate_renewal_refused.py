"""Who is not let through a renewal: another's code, no valid certificate, a protected account (G9, G16, G21)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Executable, delete, update

from actions.security.errors import (
    AccountProtected,
    RenewalNoCertificate,
    UnlockSuspended,
)
from actions.security.one_time_password import AUTHORITY_LASTS
from actions.services.certificate_renewal import PURPOSE
from actions.storage.models import Account, CertificateRecord
from tests.actions.security.rounds import rounds, told
from tests.actions.services.renewals import (
    CALLS,
    STEPS,
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
    together,
    verify,
)
from tests.actions.world import LOCKED, NORMAL, SUSPENDED, WITHOUT_CERTIFICATE, World, wrong_for

MILLISECOND = timedelta(milliseconds=1)


# --- whose code -------------------------------------------------------------------------------------


def test_only_a_code_of_this_purpose_conversation_and_account_opens_it(world: World) -> None:
    counts: Counter[str] = Counter()
    people = {"mine": NORMAL, "another's": LOCKED}
    for purpose in AUTHORITY_LASTS:
        for where in ("here", "elsewhere"):
            for whose, person in people.items():
                world.clock.pass_(hours=25)
                here, there = f"{purpose} {where} {whose}", f"{purpose} {where} {whose} too"
                conversation = here if where == "here" else there
                world.identify(conversation, person)
                world.enter(conversation, world.send_code(conversation, purpose), purpose)
                world.identify(here, NORMAL)  # who is here now
                before = world.rows()
                outcomes = {refusal(call, world, here) for call in (open_, confirm)}
                after = world.rows()
                ours = (purpose, where, whose) == (PURPOSE, "here", "mine")
                counts["tried"] += 1
                if ours:
                    counts["accepted"] += None in outcomes
                else:
                    counts["refused"] += outcomes == {"FactorsMissing"} and after == before
    told(**counts)
    assert counts == {"tried": 28, "accepted": 1, "refused": 27}


@pytest.mark.parametrize("spoil", ["never sent", "not entered", "wrong"])
def test_without_a_right_code_nothing_begins_and_nothing_is_told(world: World, spoil: str) -> None:
    world.identify("c1", NORMAL)
    if spoil != "never sent":
        code = world.send_code("c1", PURPOSE)
    if spoil == "wrong":
        refusal(world.enter, "c1", wrong_for(code), PURPOSE)
    for call in (open_, give, confirm):
        assert cause(call, world) == ("FactorsMissing", {})
    assert rows(world) == []


def test_who_says_to_be_another_customer_meanwhile_is_verified_again(world: World) -> None:
    bring(world, "confirm")
    world.clock.pass_(minutes=10)
    world.identify("c1", LOCKED)
    for call in (open_, give, confirm):
        assert refusal(call, world) == "FactorsMissing"
    world.identify("c1", NORMAL)
    assert open_(world).step == "confirm"


# --- the certificate (G16) --------------------------------------------------------------------------

SPOILT: dict[str, Callable[[datetime], dict[str, object]]] = {
    "revoked": lambda now: {"revoked_at": now},
    "revoked before": lambda now: {"revoked_at": now - timedelta(days=1)},
    "expired": lambda now: {"valid_until": now},
    "expired a millisecond ago": lambda now: {"valid_until": now - MILLISECOND},
    "not yet valid": lambda now: {"valid_from": now + MILLISECOND},
    "another's": lambda now: {"account_id": LOCKED.account},
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("step", STEPS)
def test_a_certificate_that_ends_between_the_steps_ends_it_at_the_last(world: World, step: str, how: str) -> None:
    bring(world, step)
    values = SPOILT[how](world.clock.now())
    world.execute(update(CertificateRecord).where(CertificateRecord.account_id == NORMAL.account).values(**values))
    if step == "code":
        assert refusal(open_, world) == "RenewalNoCertificate"
        assert rows(world) == []
        return
    if step == "birth_date":
        give(world)
    before = world.rows()
    with pytest.raises(RenewalNoCertificate):
        confirm(world)
    assert world.rows() == before
    assert certificates(world) == []


def test_a_certificate_revoked_while_it_is_confirmed_is_followed_only_by_one_before_that(world: World) -> None:
    counts: Counter[str] = Counter()
    mine = CertificateRecord.account_id == NORMAL.account
    for n in range(rounds(20)):
        world.clock.pass_(hours=25)
        let_certificate_end(world, 20)
        bring(world, "confirm", f"c{n}")
        revoke = update(CertificateRecord).where(mine).values(revoked_at=world.clock.now())
        outcome = together([partial(confirm, world, f"c{n}"), partial(after, n % 10 * 0.003, world, revoke)])
        installed = len(certificates(world))
        assert outcome in ({None: 2}, {None: 1, "RenewalNoCertificate": 1})
        assert installed == (outcome == {None: 2})
        counts.update(tried=1, accepted=installed, doubled=installed > 1)
        world.execute(update(CertificateRecord).where(mine).values(revoked_at=None))
        world.execute(delete(CertificateRecord).where(mine, ~CertificateRecord.serial.startswith("demo-")))
    told(**counts)


def after(seconds: float, world: World, statement: Executable) -> None:
    time.sleep(seconds)
    world.execute(statement)


def test_without_any_certificate_it_does_not_begin(world: World) -> None:
    verify(world, person=WITHOUT_CERTIFICATE)
    assert refusal(open_, world) == "RenewalNoCertificate"
    assert rows(world, WITHOUT_CERTIFICATE) == []


# --- not mine, protected, suspended -----------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS)
def test_not_mine_stops_it_at_any_step_and_uses_up_the_code(world: World, step: str) -> None:
    bring(world, step)
    renewal(world).not_mine("c1")
    renewal(world).not_mine("c1")
    expected = {"FactorsMissing", "RenewalOutOfOrder"} if step == "code" else {"RenewalStopped"}
    assert {refusal(call, world) for call in (open_, give, confirm)} == expected
    assert [r.outcome for r in rows(world)] == ([] if step == "code" else ["stopped"])
    assert not world.services.one_time_password.is_verified("c1", PURPOSE)
    assert certificates(world) == []


def test_not_mine_voids_a_code_that_is_on_its_way(world: World) -> None:
    world.identify("c1", NORMAL)
    code = world.send_code("c1", PURPOSE)
    renewal(world).not_mine("c1")
    assert refusal(world.enter, "c1", code, PURPOSE) == "OtpSuperseded"


def test_not_mine_before_anything_was_sent_changes_nothing(world: World) -> None:
    before = world.rows()
    renewal(world).not_mine("nobody")
    assert world.rows() == before


def test_not_mine_undoes_nothing_that_is_done(world: World) -> None:
    bring(world, "confirm")
    done = confirm(world)
    renewal(world).not_mine("c1")
    assert confirm(world) == done
    assert row(world).outcome == "installed"


def test_not_mine_from_another_conversation_stops_only_its_own(world: World) -> None:
    bring(world, "confirm")
    world.clock.pass_(seconds=61)
    world.identify("c2", NORMAL)
    world.send_code("c2", PURPOSE)
    renewal(world).not_mine("c2")  # whoever knows the details, and no code
    confirm(world)


@pytest.mark.parametrize("step", STEPS)
def test_a_protected_account_is_refused_at_every_step(world: World, step: str) -> None:
    bring(world, step)
    world.identify("c2", NORMAL)
    world.clock.pass_(seconds=61)
    world.enter("c2", world.send_code("c2", "protect_account"), "protect_account")
    reference = world.services.protection.protect("c2", "hnyc", "zh-Hant")
    call = CALLS[step]
    with pytest.raises(AccountProtected) as refused:
        call(world)
    assert refused.value.facts == {"report": reference}
    assert certificates(world) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_suspended_account_is_refused_at_every_step(world: World, step: str) -> None:
    bring(world, step)
    world.execute(update(Account).where(Account.id == NORMAL.account).values(suspended_at=world.clock.now()))
    call = CALLS[step]
    with pytest.raises(UnlockSuspended):
        call(world)
    assert certificates(world) == []


def test_an_account_that_was_suspended_before_does_not_begin(world: World) -> None:
    verify(world, person=SUSPENDED)
    assert refusal(open_, world) == "UnlockSuspended"
