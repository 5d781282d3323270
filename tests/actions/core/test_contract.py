"""What every core system does for the use cases, ours and a firm's alike."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from actions.security import software_token
from actions.security.errors import CoreUnavailable
from actions.security.secret import Secret
from actions.security.software_token import App, Release, SoftwareToken, Status, TokenRules, WayOut
from actions.services.ports import CoreSystem, Customer, IssuedCertificate
from tests.actions.core.houses import DAY, NUMBER, ONE, OTHER, House
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START, TAIPEI, refusal_of

RULES = TokenRules(TAIPEI)
SECOND = timedelta(seconds=1)


def asked(house: House, call: Callable[[CoreSystem, Session], Any]) -> Any:
    """Return what one transaction of its own gets."""
    with house.work.begin() as session:
        result = call(house.core, session)
        session.commit()
    return result


def unlock(house: House, key: str = "k1", account: str = ONE) -> str | None:
    return refusal_of(lambda: asked(house, lambda core, session: core.unlock_password(session, account, key)))


def reissue(house: House, key: str = "k1") -> str | None:
    return refusal_of(lambda: asked(house, lambda core, session: core.reissue_password(session, ONE, key)))


def issue(house: House, key: str = "k1", way: str = "renew", account: str = ONE) -> IssuedCertificate:
    certificate: IssuedCertificate = asked(
        house, lambda core, session: core.issue_certificate(session, account, way, key)
    )
    return certificate


def suspend(house: House, key: str) -> None:
    asked(house, lambda core, session: core.suspend_login(session, ONE, key))


def restore(house: House, key: str) -> None:
    asked(house, lambda core, session: core.restore_login(session, ONE, key))


def is_locked(house: House, account: str = ONE) -> bool:
    return asked(house, lambda core, session: core.password(session, account)).locked_at is not None


def is_suspended(house: House) -> bool:
    return asked(house, lambda core, session: core.password(session, ONE)).suspended_at is not None


def everything(house: House, account: str = ONE) -> dict[str, Any]:
    """Return all that can be read of an account."""

    def read(core: CoreSystem, session: Session) -> dict[str, Any]:
        return {
            "customer": core.customer(session, account),
            "password": core.password(session, account),
            "certificates": core.certificates(session, account),
            "token": core.token(session, account),
        }

    all_: dict[str, Any] = asked(house, read)
    return all_


# --- who a customer is ----------------------------------------------------------------------------


def found(house: House, institution: str, number: str) -> Customer | None:
    customer: Customer | None = asked(house, lambda core, session: core.find(session, institution, Secret(number)))
    return customer


def test_a_customer_is_found_by_number_with_all_that_is_on_record(house: House) -> None:
    assert found(house, "hnyc", NUMBER) == Customer(
        account=ONE,
        institution="hnyc",
        number=NUMBER,
        birth_date=date(1980, 1, 2),
        phone="0930000678",
        email="zdemo@example.com",
        branch="測試分公司",
        branch_number="T001",
        agent="測試營業員",
    )


@pytest.mark.parametrize(("institution", "number"), [("hnyc", "700018"), ("icbca", NUMBER), ("hnyc", NUMBER + "0")])
def test_nobody_is_found_by_a_number_that_is_nobodys(house: House, institution: str, number: str) -> None:
    assert found(house, institution, number) is None


def test_a_customer_is_the_same_by_account(house: House) -> None:
    assert asked(house, lambda core, session: core.customer(session, ONE)) == found(house, "hnyc", NUMBER)


def test_a_customer_shows_neither_number_nor_how_to_be_reached(house: House) -> None:
    shown = repr(found(house, "hnyc", NUMBER))
    assert [secret for secret in (NUMBER, "1980", "0930", "example.com") if secret in shown] == []


def test_mail_domains_are_never_none_and_in_one_order(house: House) -> None:
    first, again = (asked(house, lambda core, session: core.mail_domains(session, "hnyc")) for _ in range(2))
    assert "example.com" in first
    assert list(first) == list(again)


# --- the unlock -----------------------------------------------------------------------------------


def test_a_locked_password_is_told_since_when(house: House) -> None:
    house.lock()
    assert asked(house, lambda core, session: core.password(session, ONE)).locked_at == START
    assert not is_locked(house, OTHER)


def test_a_locked_password_is_unlocked(house: House) -> None:
    house.certify()
    house.lock()
    assert unlock(house) is None
    assert not is_locked(house)


def test_an_unlock_changes_nothing_else(house: House) -> None:
    house.certify()
    house.lock()
    house.lock(OTHER)
    before, others = everything(house), everything(house, OTHER)
    unlock(house)
    after = everything(house)
    assert replace(after.pop("password"), locked_at=START) == before.pop("password")
    assert (after, everything(house, OTHER)) == (before, others)


def test_the_same_key_unlocks_once(house: House) -> None:
    house.certify()
    house.lock()
    assert [unlock(house), unlock(house)] == [None, None]
    assert house.acts() == 1
    house.lock()
    assert unlock(house) is None
    assert is_locked(house)


def test_another_key_unlocks_again(house: House) -> None:
    house.certify()
    house.lock()
    unlock(house)
    house.lock()
    assert unlock(house, "k2") is None
    assert not is_locked(house)


def test_one_key_of_two_accounts_is_two_acts(house: House) -> None:
    for account in (ONE, OTHER):
        house.certify(account)
        house.lock(account)
        assert unlock(house, account=account) is None
    assert (is_locked(house), is_locked(house, OTHER)) == (False, False)


def test_one_key_of_two_acts_is_two_acts(house: House) -> None:
    house.certify()
    house.lock()
    assert [unlock(house), reissue(house)] == [None, None]
    assert house.is_initial()


def test_what_is_not_locked_is_not_unlocked(house: House) -> None:
    house.certify()
    assert unlock(house) == "UnlockNotLocked"


def test_what_is_suspended_is_not_unlocked(house: House) -> None:
    house.certify()
    house.lock()
    house.suspend()
    assert unlock(house) == "UnlockSuspended"
    assert is_locked(house)


@pytest.mark.parametrize(
    ("since", "until"),
    [(-9 * DAY, -DAY), (-9 * DAY, timedelta(0)), (-9 * DAY, -SECOND), (SECOND, 9 * DAY)],
    ids=["expired", "expires now", "expired a second ago", "not yet valid"],
)
def test_no_unlock_without_a_certificate_that_is_valid_now(house: House, since: timedelta, until: timedelta) -> None:
    house.certify(since=since, until=until)
    house.certify(OTHER)
    house.lock()
    assert (unlock(house), is_locked(house), house.acts()) == ("UnlockNoCertificate", True, 0)


def test_a_certificate_revoked_after_it_was_read_unlocks_nothing(house: House) -> None:
    house.certify()
    house.lock()
    (read,) = asked(house, lambda core, session: core.certificates(session, ONE))
    assert (read.account, read.valid_until, read.revoked_at) == (ONE, START + 9 * DAY, None)
    house.revoke()
    assert (unlock(house), is_locked(house)) == ("UnlockNoCertificate", True)


def test_a_lock_opened_after_it_was_read_is_refused(house: House) -> None:
    house.certify()
    house.lock()
    assert is_locked(house)
    unlock(house, "another")
    assert unlock(house) == "UnlockNotLocked"


def test_an_act_that_was_refused_is_done_under_its_key_once_it_may_be(house: House) -> None:
    house.lock()
    assert unlock(house) == "UnlockNoCertificate"
    house.certify()
    assert (unlock(house), is_locked(house)) == (None, False)


# --- reissue, certificates, login -----------------------------------------------------------------


@pytest.mark.parametrize("locked", [True, False])
def test_a_reissued_password_is_initial_and_open(house: House, locked: bool) -> None:
    house.certify()
    if locked:
        house.lock()
    assert reissue(house) is None
    assert (is_locked(house), house.is_initial()) == (False, True)


def test_a_password_is_reissued_once_for_a_key(house: House) -> None:
    house.certify()
    assert [reissue(house), reissue(house)] == [None, None]
    assert house.acts() == 1


def test_no_reissue_without_certificate_or_while_suspended(house: House) -> None:
    assert reissue(house) == "ReissueNoCertificate"
    house.certify()
    house.suspend()
    assert (reissue(house), house.is_initial(), house.acts()) == ("UnlockSuspended", False, 0)


@pytest.mark.parametrize("way", ["renew", "apply"])
def test_an_issued_certificate_is_on_record_and_valid_at_once(house: House, way: str) -> None:
    house.certify()
    old = asked(house, lambda core, session: core.certificates(session, ONE))
    issued = issue(house, way=way)
    listed = asked(house, lambda core, session: core.certificates(session, ONE))
    (new,) = [certificate for certificate in listed if certificate not in old]
    assert (new.valid_from, new.valid_until, new.revoked_at) == (START, issued.valid_until, None)
    assert (len(listed), issued.valid_until > START + 300 * DAY) == (2, True)


def test_the_same_key_is_the_same_certificate(house: House) -> None:
    house.certify()
    assert issue(house) == issue(house)
    assert issue(house, "k2") != issue(house)
    assert house.acts() == 2


def test_no_certificate_without_one_or_while_suspended(house: House) -> None:
    assert refusal_of(lambda: issue(house)) == "RenewalNoCertificate"
    house.certify()
    house.suspend()
    assert refusal_of(lambda: issue(house)) == "UnlockSuspended"
    assert house.acts() == 0


def test_login_is_suspended_and_restored(house: House) -> None:
    suspend(house, "k1")
    suspend(house, "k2")
    assert is_suspended(house)
    restore(house, "k3")
    assert not is_suspended(house)


def test_a_suspension_told_late_once_more_suspends_nothing(house: House) -> None:
    suspend(house, "k1")
    restore(house, "k2")
    suspend(house, "k1")
    assert not is_suspended(house)


# --- the software token ---------------------------------------------------------------------------


def tokens() -> dict[str, SoftwareToken]:
    """Return a token in every state that the rules bring it to."""
    now = START
    enrolled = software_token.enrol(SoftwareToken(), App.INVEST, "demo-device", now, RULES)
    in_bank = software_token.enrol(SoftwareToken(), App.BANK, "demo-device", now, RULES)
    both, bank_first = (
        software_token.synchronise(
            software_token.enter_password(token, True, True, now + DAY, RULES), app, "demo-device", now + DAY, RULES
        )
        for token, app in ((enrolled, App.BANK), (in_bank, App.INVEST))
    )
    right = software_token.enter_password(both, True, True, now, RULES)
    wrong = software_token.enter_password(both, False, True, now, RULES).token
    frozen = both
    for _ in range(6):
        frozen = software_token.enter_password(frozen, False, True, now, RULES).token
    for_good = replace(frozen, freezes=3, frozen_until=None, frozen_for_good_at=now)
    return {
        "enrolled": enrolled,
        "in the bank app": in_bank,
        "both": both,
        "bank app first": bank_first,
        "biometrics": software_token.add_biometrics(right, now, RULES),
        "wrong": wrong,
        "frozen": frozen,
        "frozen for good": for_good,
        "thawed": software_token.unfreeze(frozen, Release(WayOut.BRANCH, "demo"), now),
        "suspended": software_token.suspend(frozen),
        "revoked": software_token.revoke(both),
    }


def keep(house: House, token: SoftwareToken, key: str) -> SoftwareToken:
    """Keep `token` and return what another transaction reads."""

    def call(core: CoreSystem, session: Session) -> None:
        core.token(session, ONE)
        core.keep_token(session, ONE, token, key)

    asked(house, call)
    read: SoftwareToken = asked(house, lambda core, session: core.token(session, ONE))
    return read


def test_where_there_is_no_token_its_status_is_none(house: House) -> None:
    assert asked(house, lambda core, session: core.token(session, ONE)) == SoftwareToken()


@pytest.mark.parametrize("name", tokens())
def test_a_token_is_read_as_it_was_kept(house: House, name: str) -> None:
    assert keep(house, tokens()[name], "k1") == tokens()[name]


def test_a_token_is_read_as_it_was_kept_whatever_it_was_before(house: House) -> None:
    states = list(tokens().values())
    pairs = [(before, after) for before in states for after in states]
    pairs = random.Random(4).sample(pairs, min(len(pairs), rounds(40)))
    for number, (before, after) in enumerate(pairs):
        assert keep(house, before, f"a{number}") == before
        assert keep(house, after, f"b{number}") == after
    told(pairs=len(pairs))


def test_a_token_is_kept_once_for_a_key(house: House) -> None:
    enrolled, revoked = tokens()["enrolled"], tokens()["revoked"]
    keep(house, enrolled, "k1")
    keep(house, revoked, "k2")
    assert keep(house, enrolled, "k1") == revoked
    assert revoked.status is Status.REVOKED


# --- together -------------------------------------------------------------------------------------


def test_fifty_at_once_with_one_key_are_one_act(house: House) -> None:
    house.certify()
    house.lock()
    with ThreadPoolExecutor(50) as pool:
        outcomes = Counter(pool.map(lambda _: unlock(house), range(50)))
    told(tried=50, done=outcomes[None], unavailable=outcomes[CoreUnavailable.__name__], acts=house.acts())
    assert set(outcomes) <= {None, "CoreUnavailable"}
    assert (outcomes[None] > 0, house.acts(), is_locked(house)) == (True, 1, False)


def test_fifty_at_once_with_a_key_each_are_one_unlock(house: House) -> None:
    house.certify()
    house.lock()
    with ThreadPoolExecutor(50) as pool:
        outcomes = Counter(pool.map(lambda number: unlock(house, f"k{number}"), range(50)))
    told(tried=50, done=outcomes[None], unavailable=outcomes["CoreUnavailable"], acts=house.acts())
    assert set(outcomes) <= {None, "CoreUnavailable", "UnlockNotLocked"}
    assert (outcomes[None], house.acts()) == (1, 1)


def test_fifty_at_once_get_one_certificate(house: House) -> None:
    house.certify()

    def got(_: int) -> str:
        try:
            return issue(house).serial
        except CoreUnavailable:
            return ""

    with ThreadPoolExecutor(50) as pool:
        serials = set(pool.map(got, range(50))) - {""}
    assert (len(serials), house.acts()) == (1, 1)
