"""One ledger over chat, hotline and what happens elsewhere: one unlock a day, one receipt a command (G15, G24, T35, T36)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import update

from actions.security.errors import CommandKeyReused, NotIdentified, UnlockDoneToday, UnlockUsedToday
from actions.security.notices import Event
from actions.security.secret import Secret
from actions.services.events import ToldEvent
from actions.services.hotline import Caller
from actions.storage.models import Account
from tests.actions.security.rounds import rounds, told
from tests.actions.services.test_parallel import together
from tests.actions.world import (
    LOCKED,
    NORMAL,
    SUSPENDED,
    TAIPEI,
    UNKNOWN,
    UNLOCK,
    WITHOUT_CERTIFICATE,
    Person,
    World,
    refusal_of,
)

MORNING, AFTERNOON = datetime(2026, 11, 20, 9, 30, tzinfo=TAIPEI), datetime(2026, 11, 20, 15, 0, tzinfo=TAIPEI)
UNLOCKED = "[華南永昌]電子交易 密碼解鎖通知"


def relock(world: World, person: Person = LOCKED) -> None:
    world.execute(update(Account).where(Account.id == person.account).values(locked_at=world.clock.now()))


def unlocked_elsewhere(world: World, at: datetime, id_: str = "demo-event-1", market: str = "securities") -> list[str]:
    event = Event("password_unlocked", at, LOCKED.number, market=market)
    return world.services.events.receive(ToldEvent(id_, "hnyc", event))


def unlocks(world: World) -> list[dict[str, object]]:
    rows = world.rows()["ledger"].values()
    return [row for row in rows if (row["account_id"], row["kind"]) == (LOCKED.account, UNLOCK)]


def used(world: World, person: Person = LOCKED) -> list[tuple[str, str, str]]:
    entries = world.services.hotline.used_today(Caller("hnyc", Secret(person.number)), "demo staff")
    return [(entry.kind, entry.channel, entry.receipt) for entry in entries]


# --- one a day ------------------------------------------------------------------------------------


def test_unlocked_by_phone_in_the_morning_the_chat_refuses_in_the_afternoon(world: World) -> None:
    world.clock.set(MORNING)
    world.unlock_by_phone(LOCKED)
    world.clock.set(AFTERNOON)
    relock(world)
    world.is_verified("c1", LOCKED)
    with pytest.raises(UnlockUsedToday) as refused:
        world.unlock("c1")
    assert refused.value.facts == {"used_at": "09:30", "next_date": "2026/11/21"}


def test_unlocked_in_the_chat_in_the_morning_the_hotline_is_refused_in_the_afternoon(world: World) -> None:
    world.clock.set(MORNING)
    world.is_verified("c1", LOCKED)
    world.unlock("c1")
    world.clock.set(AFTERNOON)
    relock(world)
    with pytest.raises(UnlockUsedToday) as refused:
        world.unlock_by_phone(LOCKED)
    assert refused.value.facts == {"used_at": "09:30", "next_date": "2026/11/21"}


def test_an_unlock_elsewhere_is_the_days_one(world: World) -> None:
    before = MORNING - timedelta(hours=1)
    world.execute(update(Account).where(Account.id == LOCKED.account).values(locked_at=before))
    unlocked_elsewhere(world, MORNING)
    world.is_verified("c1", LOCKED)
    with pytest.raises(UnlockDoneToday) as refused:
        world.unlock("c1")
    assert refused.value.facts == {"used_at": "09:30", "next_date": "2026/11/21"}


def test_an_unlock_of_yesterday_elsewhere_is_not_todays(world: World) -> None:
    unlocked_elsewhere(world, MORNING - timedelta(days=1))
    relock(world)
    world.is_verified("c1", LOCKED)
    assert world.unlock("c1")


def test_an_unlock_of_futures_uses_nothing(world: World) -> None:
    assert unlocked_elsewhere(world, MORNING, market="futures") == []
    world.is_verified("c1", LOCKED)
    assert world.unlock("c1")


def test_an_unlock_elsewhere_after_ours_is_noted_and_uses_nothing_more(world: World) -> None:
    world.clock.set(MORNING)
    world.unlock_by_phone(LOCKED)
    world.clock.set(AFTERNOON)
    assert len(unlocked_elsewhere(world, AFTERNOON)) == 1
    assert len(unlocks(world)) == 1


@pytest.mark.parametrize(
    ("person", "refusal"),
    [(NORMAL, "UnlockNotLocked"), (WITHOUT_CERTIFICATE, "UnlockNoCertificate"), (SUSPENDED, "UnlockSuspended")],
    ids=["open", "without certificate", "suspended"],
)
def test_the_hotline_is_under_the_same_rules(world: World, person: Person, refusal: str) -> None:
    before = world.rows()
    assert refusal_of(lambda: world.unlock_by_phone(person)) == refusal
    assert world.rows() == before


def test_the_caller_has_to_have_an_account(world: World) -> None:
    with pytest.raises(NotIdentified):
        world.unlock_by_phone(UNKNOWN)


def test_the_customer_is_told_by_mail_with_the_receipt(world: World) -> None:
    receipt = world.unlock_by_phone(LOCKED)
    (letter,) = world.letters()
    assert (letter.to, letter.subject, receipt in letter.text) == ("ydemo@example.com", UNLOCKED, True)


# --- one a command --------------------------------------------------------------------------------


def test_the_same_key_has_the_same_receipt_and_one_letter(world: World) -> None:
    receipts = {world.unlock_by_phone(LOCKED) for _ in range(3)}
    assert (len(receipts), len(unlocks(world)), len(world.letters())) == (1, 1, 1)


def test_the_same_key_has_the_same_receipt_on_a_later_day(world: World) -> None:
    first = world.unlock_by_phone(LOCKED)
    world.clock.pass_(days=1)
    relock(world)
    assert world.unlock_by_phone(LOCKED) == first
    assert world.rows()["core_account"][LOCKED.account]["locked_at"] is not None


def test_a_command_of_the_chat_that_comes_in_by_phone_has_the_receipt_of_the_chat(world: World) -> None:
    key = world.is_verified("c1", LOCKED)
    assert world.unlock("c1") == world.unlock_by_phone(LOCKED, key)


def test_the_same_key_for_another_account_is_refused_and_the_first_stays(world: World) -> None:
    receipt = world.unlock_by_phone(LOCKED)
    relock(world, NORMAL)
    before = world.rows()
    with pytest.raises(CommandKeyReused) as refused:
        world.unlock_by_phone(NORMAL)
    assert refused.value.facts == {"receipt": receipt}
    assert world.rows() == before


def test_other_content_under_the_same_key_is_refused_a_hundred_times(world: World) -> None:
    receipt = world.unlock_by_phone(LOCKED)
    relock(world, NORMAL)
    outcomes = Counter(refusal_of(lambda: world.unlock_by_phone(NORMAL)) for _ in range(rounds(20)))
    told(tried=rounds(20), accepted=outcomes[None])
    assert outcomes == {"CommandKeyReused": rounds(20)}
    assert [row["receipt"] for row in unlocks(world)] == [receipt]


# --- what was used --------------------------------------------------------------------------------


def test_what_was_used_today_is_told_over_all_channels_in_order(world: World) -> None:
    unlocked_elsewhere(world, MORNING)
    world.is_verified("c1", LOCKED, "reissue_password")
    reissued = world.reissue("c1")
    world.clock.pass_(minutes=5)
    world.is_verified("c2", LOCKED, "protect_account")
    protected = world.protect("c2")
    assert [(kind, channel) for kind, channel, _ in used(world)] == [
        (UNLOCK, "other"),
        ("reissue_password", "chat"),
        ("protect_account", "chat"),
    ]
    assert [receipt for *_, receipt in used(world)][1:] == [reissued, protected]
    assert ("hotline:demo staff", "read_ledger", "done", "") in world.decided()


def test_what_was_used_yesterday_is_not_told(world: World) -> None:
    world.unlock_by_phone(LOCKED)
    world.clock.set(datetime(2026, 11, 21, tzinfo=TAIPEI))
    assert used(world) == []


def test_what_another_customer_used_is_not_told(world: World) -> None:
    world.unlock_by_phone(LOCKED)
    assert used(world, NORMAL) == []


# --- at once --------------------------------------------------------------------------------------


def test_of_many_unlocks_at_once_over_chat_and_hotline_one_is_done(world: World) -> None:
    done = tried = 0
    for round_ in range(rounds(3)):
        world.clock.pass_(days=1)
        relock(world)
        calls = []
        for n in range(10):
            world.is_verified(f"c{n}", LOCKED)
            calls += [partial(world.unlock, f"c{n}"), partial(world.unlock_by_phone, LOCKED, f"key-{round_}-{n}")]
        outcome = together(*calls)
        done, tried = done + outcome[None], tried + len(calls)
        assert outcome == {None: 1, "UnlockDoneToday": 19}
    told(tried=tried, accepted=done, doubled=done - rounds(3), lost=rounds(3) - len(unlocks(world)))
    assert len(unlocks(world)) == rounds(3)


def test_the_same_key_many_times_at_once_has_one_receipt(world: World) -> None:
    receipts: set[str] = set()
    assert together(*[lambda: receipts.add(world.unlock_by_phone(LOCKED))] * 8) == {None: 8}
    assert (len(receipts), len(unlocks(world)), len(world.letters())) == (1, 1, 1)


def test_an_unlock_elsewhere_at_the_same_moment_is_counted_once(world: World) -> None:
    for round_ in range(rounds(3)):
        world.clock.pass_(days=1)
        relock(world)
        world.is_verified("c1", LOCKED)
        elsewhere = partial(unlocked_elsewhere, world, world.clock.now(), f"demo-event-{round_}")
        outcome = together(partial(world.unlock, "c1"), elsewhere)
        assert outcome in ({None: 2}, {None: 1, "UnlockDoneToday": 1})
        assert len(unlocks(world)) == round_ + 1
