"""An answer of a firm's own system that was lost is found again by itself, and nothing is done twice for it (G13, G25)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from actions.background import resolve_acts
from actions.security.secret import Secret
from actions.services.hotline import Caller
from actions.services.pending_acts import GIVEN_UP_AFTER, Act
from actions.storage.models import AuditEntry, LedgerEntry, Notice, PendingAct
from tests.actions.core.town import FAULTS, Town
from tests.actions.world import UNLOCK, Person

REISSUE = "reissue_password"
PATHS = {UNLOCK: "/password/unlock", REISSUE: "/password/reissue"}
LOST = ("hang", "hang after", "cut before", "cut after", "garbage", "wrong type")


def perform(town: Town, purpose: str, conversation: str) -> str:
    services = town.world.services
    call = services.password_unlock.unlock if purpose == UNLOCK else services.password_reissue.reissue
    return town.said(lambda: call(conversation, "hnyc", "zh-Hant"))


def resolve(town: Town) -> int:
    town.world.clock.pass_(seconds=11)
    return resolve_acts(town.world.services)


def waiting(town: Town) -> int:
    with town.world.services.work.begin() as session:
        return len(session.scalars(select(PendingAct)).all())


def lost(town: Town, purpose: str, fault: str = "cut after", conversation: str = "c1") -> Person:
    """Let the answer to an act be lost, and the firm be well again."""
    person = town.newcomer()
    town.world.verify(conversation, person, purpose)
    town.firm.at[PATHS[purpose]] = FAULTS[fault]
    assert perform(town, purpose, conversation) == "CoreAnswerAwaited"
    town.firm.at.clear()
    assert town.stored(person) == (0, 1)
    return person


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("purpose", PATHS)
def test_a_lost_answer_is_found_with_ledger_and_notice(town: Town, purpose: str, fault: str) -> None:
    person = lost(town, purpose, fault)
    assert resolve(town) == 1
    assert (town.acts(person, PATHS[purpose]), town.stored(person), waiting(town)) == (1, (1, 2), 0)
    assert resolve(town) == 0
    assert perform(town, purpose, "c1") == "done"
    assert (town.acts(person, PATHS[purpose]), town.stored(person)) == (1, (1, 2))


@pytest.mark.parametrize("purpose", PATHS)
def test_who_asks_again_first_is_answered_and_nothing_is_left_to_find(town: Town, purpose: str) -> None:
    person = lost(town, purpose)
    assert perform(town, purpose, "c1") == "done"
    assert (resolve(town), waiting(town), town.stored(person)) == (0, 0, (1, 2))


@pytest.mark.parametrize("purpose", PATHS)
def test_what_was_certainly_not_done_is_not_done_later(town: Town, purpose: str) -> None:
    person = town.newcomer()
    town.world.verify("c1", person, purpose)
    with town.firm.away():
        assert perform(town, purpose, "c1") == "CoreUnavailable"
    assert (waiting(town), resolve(town), town.acts(person, PATHS[purpose])) == (0, 0, 0)


@pytest.mark.parametrize("purpose", PATHS)
def test_a_process_that_was_killed_in_between_leaves_what_it_was_about_to_do(
    town: Town, purpose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = town.newcomer()
    town.world.verify("c1", person, purpose)

    def killed(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(town.world.services.core, purpose.replace("password", "") + "password", killed)
        with pytest.raises(SystemExit):
            perform(town, purpose, "c1")
    assert waiting(town) == 1
    assert (resolve(town), town.acts(person, PATHS[purpose]), town.stored(person)) == (1, 1, (1, 2))


@pytest.mark.parametrize("purpose", PATHS)
def test_it_is_asked_again_less_and_less_often_and_given_up_after_a_day(town: Town, purpose: str) -> None:
    person = lost(town, purpose, "cut before")
    town.firm.always = FAULTS["cut before"]
    asked = []
    for _ in range(6):
        before = len(town.firm.asked)
        resolve(town)
        asked.append(len(town.firm.asked) > before)
    assert asked == [True, False, True, False, False, False]
    town.world.clock.pass_(seconds=GIVEN_UP_AFTER.total_seconds())
    assert (resolve(town), waiting(town), town.stored(person)) == (0, 0, (0, 1))
    with town.world.services.work.begin() as session:
        assert session.scalar(select(AuditEntry.outcome).where(AuditEntry.outcome == "given up"))


def test_a_password_that_was_locked_anew_is_not_called_unlocked(town: Town) -> None:
    person = lost(town, UNLOCK)
    town.firm.accounts[person.account].locked_at = town.firm.now() + timedelta(seconds=5)
    assert perform(town, UNLOCK, "c1") == "UnlockUsedToday"
    assert (town.acts(person, PATHS[UNLOCK]), town.stored(person), waiting(town)) == (1, (1, 2), 0)


def test_an_answer_that_comes_after_midnight_counts_for_the_day_it_was_asked(town: Town) -> None:
    person = lost(town, UNLOCK)
    asked_at = town.world.clock.now()
    town.world.clock.pass_(hours=20)
    assert resolve(town) == 1
    with town.world.services.work.begin() as session:
        entry = session.scalars(select(LedgerEntry).where(LedgerEntry.account_id == person.account)).one()
        assert (entry.day, entry.at) == (asked_at.date(), asked_at)
        told = session.scalars(select(Notice).where(Notice.kind == "password_unlocked")).one()
        assert told.at == asked_at
    town.firm.accounts[person.account].locked_at = town.firm.now()
    town.world.verify("c2", person, UNLOCK)
    assert perform(town, UNLOCK, "c2") == "done"


def test_a_reissue_that_is_asked_for_with_a_new_code_is_the_first_one(town: Town) -> None:
    person = lost(town, REISSUE)
    town.world.clock.pass_(minutes=2)
    town.world.verify("c2", person, REISSUE)
    assert perform(town, REISSUE, "c2") == "done"
    assert (town.acts(person, PATHS[REISSUE]), waiting(town)) == (1, 0)
    assert perform(town, REISSUE, "c2") == "FactorsMissing"
    assert town.acts(person, PATHS[REISSUE]) == 1


def test_an_account_that_was_protected_since_is_left_to_the_hotline(town: Town) -> None:
    person = lost(town, UNLOCK, "cut before")
    town.world.verify("c2", person, "protect_account")
    town.world.services.protection.protect("c2", "hnyc", "zh-Hant")
    assert (resolve(town), waiting(town), town.acts(person, PATHS[UNLOCK])) == (0, 1, 0)


def test_the_hotlines_unlock_is_found_too(town: Town) -> None:
    person = town.newcomer()
    caller, hotline = Caller("hnyc", Secret(person.number)), town.world.services.hotline
    town.firm.at[PATHS[UNLOCK]] = FAULTS["cut after"]
    assert town.said(lambda: hotline.unlock(caller, "key-1", "demo", "zh-Hant")) == "CoreAnswerAwaited"
    town.firm.at.clear()
    assert resolve(town) == 1
    receipt = hotline.unlock(caller, "key-1", "demo", "zh-Hant")
    assert receipt.startswith("UL-")
    assert (town.acts(person, PATHS[UNLOCK]), town.stored(person)) == (1, (1, 1))


@pytest.mark.parametrize("purpose", PATHS)
def test_many_who_ask_at_once_find_one_act(town: Town, purpose: str) -> None:
    """The customer twice, and the job of two replicas."""
    person = lost(town, purpose)
    town.world.clock.pass_(seconds=11)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(resolve_acts, town.world.services) for _ in range(2)]
        asked = [pool.submit(perform, town, purpose, "c1") for _ in range(2)]
    assert {call.result() for call in asked} == {"done"}
    assert sum(job.result() for job in jobs) <= 1
    assert (town.acts(person, PATHS[purpose]), town.stored(person), waiting(town)) == (1, (1, 2), 0)


@pytest.mark.parametrize("purpose", PATHS)
def test_the_same_code_twice_at_once_has_one_answer_though_the_firm_takes_its_time(town: Town, purpose: str) -> None:
    person = town.newcomer()
    town.world.verify("c1", person, purpose)
    town.firm.before_act = lambda: time.sleep(0.15)
    with ThreadPoolExecutor(3) as pool:
        said = [pool.submit(perform, town, purpose, "c1") for _ in range(3)]
    assert [call.result() for call in said] == ["done"] * 3
    assert (town.acts(person, PATHS[purpose]), town.stored(person)) == (1, (1, 2))


def test_one_that_cannot_be_asked_for_keeps_none_of_the_others_waiting(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [lost(town, UNLOCK, conversation=f"c{number}") for number in range(3)]
    go_on, asked = town.world.services.password_unlock.go_on, []

    def fails_first(act: Act) -> str:
        asked.append(act.account)
        if len(asked) == 1:
            raise RuntimeError("demo")
        return go_on(act)

    monkeypatch.setattr(town.world.services.password_unlock, "go_on", fails_first)
    assert (resolve(town), waiting(town)) == (2, 1)
    assert sorted(asked) == sorted(person.account for person in people)


def test_what_only_we_refuse_now_says_nothing_of_what_was_done(town: Town) -> None:
    person = lost(town, REISSUE)
    town.firm.accounts[person.account].customer["email"] = None
    assert (perform(town, REISSUE, "c1"), waiting(town)) == ("ReissueNoMailbox", 1)
    town.firm.accounts[person.account].customer["email"] = "zdemo@example.com"
    assert (resolve(town), town.acts(person, PATHS[REISSUE]), town.stored(person)) == (1, 1, (1, 2))
