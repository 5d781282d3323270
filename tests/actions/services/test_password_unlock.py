"""The self-service unlock: after a verified code, with a valid certificate, once a Taipei day, and nothing else (G15-G17)."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import delete, update

from actions.security.errors import (
    UnlockDoneToday,
    UnlockNoCertificate,
    UnlockNotLocked,
    UnlockSuspended,
    UnlockUnverified,
    UnlockUsedToday,
)
from actions.storage.models import Account, CertificateRecord, LedgerEntry
from tests.actions.world import (
    LOCKED,
    NORMAL,
    SUSPENDED,
    TAIPEI,
    UNKNOWN,
    UNLOCK,
    UNLOCKED_TODAY,
    VERIFY,
    WITHOUT_CERTIFICATE,
    WRONG_BIRTH_DATE,
    Person,
    Rows,
    World,
    on_postgresql,
    refusal_of,
)

LOGIN, UNLOCKED = "「華南永昌」登入成功通知!", "[華南永昌]電子交易 密碼解鎖通知"  # notices.yml
SECOND, MILLISECOND = timedelta(seconds=1), timedelta(milliseconds=1)


def relock(world: World, person: Person = LOCKED) -> None:
    world.execute(
        update(Account).where(Account.id == person.account).values(locked_at=world.clock.now(), wrong_passwords=3)
    )


def certify(world: World, person: Person = LOCKED, **values: Any) -> None:
    world.execute(update(CertificateRecord).where(CertificateRecord.account_id == person.account).values(**values))


def unlocks(world: World, person: Person = LOCKED) -> list[dict[str, Any]]:
    rows = world.rows()["ledger"].values()
    return [row for row in rows if (row["account_id"], row["kind"]) == (person.account, UNLOCK)]


def is_locked(world: World, person: Person = LOCKED) -> bool:
    return world.rows()["core_account"][person.account]["locked_at"] is not None


def changes(before: Rows, after: Rows) -> set[tuple[str, str, str]]:
    """Return table, key and column of every value that is not as before; new rows with the column "*"."""
    found = set()
    for table, rows in after.items():
        for key, row in rows.items():
            old = before[table].get(key)
            found |= {(table, key, name) for name in row if old and row[name] != old[name]} or (
                set() if old else {(table, key, "*")}
            )
        found |= {(table, key, "gone") for key in before[table].keys() - rows.keys()}
    return found


# --- authority ------------------------------------------------------------------------------------


def test_a_locked_password_is_unlocked_after_a_verified_code(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    assert not is_locked(world)


def test_the_receipt_names_the_day_in_taipei(world: World) -> None:
    world.clock.set(datetime(2026, 11, 20, 23, 50, tzinfo=TAIPEI))
    world.verify("c1", LOCKED)
    assert re.fullmatch(r"UL-20261120-[2-9A-Z]{4}", world.unlock("c1"))


def test_without_a_code_nothing_is_unlocked(world: World) -> None:
    world.identify("c1", LOCKED)
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")


def test_with_a_code_that_was_sent_and_not_entered_nothing_is_unlocked(world: World) -> None:
    world.identify("c1", LOCKED)
    world.send_code("c1", UNLOCK)
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")


def test_after_a_wrong_code_nothing_is_unlocked(world: World) -> None:
    world.identify("c1", LOCKED)
    world.send_code("c1", UNLOCK)
    refusal_of(lambda: world.enter("c1", "999999", UNLOCK))
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")


def test_a_code_verified_for_another_purpose_unlocks_nothing(world: World) -> None:
    world.verify("c1", LOCKED, VERIFY)
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")


def test_a_code_verified_in_another_conversation_unlocks_nothing(world: World) -> None:
    world.verify("c1", LOCKED)
    world.identify("c2", LOCKED)
    with pytest.raises(UnlockUnverified):
        world.unlock("c2")


def test_a_newer_code_that_is_not_verified_takes_the_authority_away(world: World) -> None:
    world.verify("c1", LOCKED)
    world.clock.pass_(seconds=60)
    world.send_code("c1", UNLOCK)
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")


@pytest.mark.parametrize("person", [UNKNOWN, WRONG_BIRTH_DATE], ids=["unknown account", "wrong birth date"])
def test_a_stranger_unlocks_nothing(world: World, person: Person) -> None:
    world.identify("c1", person)
    world.send("c1", UNLOCK)
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")


def test_the_authority_of_a_code_lasts_five_minutes(world: World) -> None:
    world.verify("c1", LOCKED)
    world.clock.pass_(minutes=5, milliseconds=-1)
    assert world.unlock("c1")


def test_the_authority_of_a_code_ends_after_five_minutes(world: World) -> None:
    world.verify("c1", LOCKED)
    world.clock.pass_(minutes=5)
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")


def test_a_code_is_of_no_more_use_once_other_details_were_entered(world: World) -> None:
    relock(world, NORMAL)
    world.verify("c1", NORMAL)
    world.identify("c1", LOCKED)
    with pytest.raises(UnlockUnverified):
        world.unlock("c1")
    assert (is_locked(world, NORMAL), is_locked(world, LOCKED)) == (True, True)


# --- refused --------------------------------------------------------------------------------------


def test_a_password_that_is_not_locked_is_not_unlocked(world: World) -> None:
    world.verify("c1", NORMAL)
    with pytest.raises(UnlockNotLocked):
        world.unlock("c1")


def test_an_account_without_a_certificate_is_not_unlocked(world: World) -> None:
    world.verify("c1", WITHOUT_CERTIFICATE)
    with pytest.raises(UnlockNoCertificate):
        world.unlock("c1")


def test_a_suspended_account_is_not_unlocked(world: World) -> None:
    world.verify("c1", SUSPENDED)
    with pytest.raises(UnlockSuspended):
        world.unlock("c1")


def test_an_account_suspended_after_the_code_is_not_unlocked(world: World) -> None:
    world.verify("c1", LOCKED)
    world.execute(update(Account).where(Account.id == LOCKED.account).values(suspended_at=world.clock.now()))
    with pytest.raises(UnlockSuspended):
        world.unlock("c1")


@pytest.mark.parametrize(
    ("column", "offset"),
    [("valid_until", -SECOND), ("valid_until", timedelta(0)), ("valid_from", SECOND), ("revoked_at", -SECOND)],
    ids=["expired by a second", "expiring now", "not yet valid", "revoked"],
)
def test_a_certificate_that_became_bad_after_the_code_unlocks_nothing(
    world: World, column: str, offset: timedelta
) -> None:
    world.verify("c1", LOCKED)
    certify(world, LOCKED, **{column: world.clock.now() + offset})
    with pytest.raises(UnlockNoCertificate):
        world.unlock("c1")


def test_a_certificate_in_its_last_millisecond_unlocks(world: World) -> None:
    world.verify("c1", LOCKED)
    certify(world, valid_until=world.clock.now() + MILLISECOND)
    assert world.unlock("c1")


def test_another_accounts_certificate_unlocks_nothing(world: World) -> None:
    world.verify("c1", LOCKED)
    certify(world, account_id=NORMAL.account)
    with pytest.raises(UnlockNoCertificate):
        world.unlock("c1")


def test_an_unlock_of_the_same_day_is_refused_with_when_and_when_next(world: World) -> None:
    world.verify("c1", UNLOCKED_TODAY)
    with pytest.raises(UnlockUsedToday) as refused:
        world.unlock("c1")
    assert refused.value.facts == {"used_at": "10:00", "next_date": "2026/11/21"}


def test_a_second_unlock_of_a_password_that_is_open_is_told_that_it_is_done(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    world.clock.pass_(minutes=2)
    world.verify("c2", LOCKED)
    with pytest.raises(UnlockDoneToday) as refused:
        world.unlock("c2")
    assert refused.value.facts == {"used_at": "10:00", "next_date": "2026/11/21"}


def test_a_password_locked_again_on_the_same_day_stays_locked(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    relock(world)
    world.clock.pass_(minutes=2)
    world.verify("c2", LOCKED)
    with pytest.raises(UnlockUsedToday):
        world.unlock("c2")
    assert is_locked(world)


@pytest.mark.parametrize(
    "person", [NORMAL, WITHOUT_CERTIFICATE, SUSPENDED, UNLOCKED_TODAY], ids=lambda p: str(p.number)
)
def test_a_refused_unlock_changes_nothing_at_all(world: World, person: Person) -> None:
    world.verify("c1", person)
    before = world.rows()
    assert refusal_of(lambda: world.unlock("c1"))
    assert world.rows() == before


def test_a_refused_unlock_does_not_use_up_the_day(world: World) -> None:
    world.verify("c1", WITHOUT_CERTIFICATE)
    refusal_of(lambda: world.unlock("c1"))
    certificate = CertificateRecord(
        serial="demo-new",
        account_id=WITHOUT_CERTIFICATE.account,
        valid_from=world.clock.now(),
        valid_until=world.clock.now() + SECOND,
    )
    with world.services.work.begin() as session:
        session.add(certificate)
        session.commit()
    assert world.unlock("c1")


def test_a_conversation_that_unlocked_hears_so_without_another_code(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    with pytest.raises(UnlockDoneToday) as refused:
        world.services.password_unlock.refuse_second("c1", "hnyc")
    assert refused.value.facts == {"used_at": "10:00", "next_date": "2026/11/21"}


def test_a_conversation_that_unlocked_is_told_if_the_password_is_locked_again(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    relock(world)
    with pytest.raises(UnlockUsedToday):
        world.services.password_unlock.refuse_second("c1", "hnyc")


def test_another_conversation_hears_nothing_of_an_unlock_without_a_code(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    world.identify("c2", LOCKED)
    assert refusal_of(lambda: world.services.password_unlock.refuse_second("c2", "hnyc")) is None


def test_on_the_next_day_the_same_conversation_may_start_again(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    world.clock.set(datetime(2026, 11, 21, tzinfo=TAIPEI))
    assert refusal_of(lambda: world.services.password_unlock.refuse_second("c1", "hnyc")) is None


# --- what it does (G17) ---------------------------------------------------------------------------


def test_only_the_lock_and_the_count_of_wrong_passwords_change(world: World) -> None:
    world.verify("c1", LOCKED)
    before = world.rows()
    receipt = world.unlock("c1")
    after = world.rows()
    (challenge,) = after["challenge"]
    ((notice,), (reference,), (act,)) = (
        after[table].keys() - before[table].keys() for table in ("outbox", "notice", "core_act")
    )
    assert changes(before, after) == {
        ("core_account", LOCKED.account, "locked_at"),
        ("core_account", LOCKED.account, "wrong_passwords"),
        ("challenge", challenge, "spent_at"),
        ("core_act", act, "*"),
        ("ledger", receipt, "*"),
        ("notice", reference, "*"),
        ("outbox", notice, "*"),
    }


def test_the_count_of_wrong_passwords_starts_anew(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    assert world.rows()["core_account"][LOCKED.account]["wrong_passwords"] == 0


def test_the_notice_is_sent_once_to_the_mailbox_on_record(world: World) -> None:
    world.verify("c1", LOCKED)
    receipt = world.unlock("c1")
    world.services.outbox.relay()
    notices = [message for message in world.messenger.sent if message.code is None]
    assert [(notice.channel, notice.to, notice.subject, receipt in notice.text) for notice in notices] == [
        ("email", "ydemo@example.com", LOGIN, False),
        ("email", "ydemo@example.com", UNLOCKED, True),
    ]


def test_the_notice_says_the_time_in_taipei(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    world.services.outbox.relay()
    assert (world.messenger.sent[-1].subject, "2026/11/20 10:00:00" in world.messenger.sent[-1].text) == (
        UNLOCKED,
        True,
    )


def test_an_account_without_a_mailbox_is_unlocked_without_a_notice(world: World) -> None:
    world.execute(update(Account).where(Account.id == LOCKED.account).values(email=None))
    world.verify("c1", LOCKED)
    assert world.unlock("c1")
    world.services.outbox.relay()
    assert [message.code is None for message in world.messenger.sent] == [False]


def test_the_same_verified_code_again_has_the_same_receipt(world: World) -> None:
    world.verify("c1", LOCKED)
    assert world.unlock("c1") == world.unlock("c1")


def test_the_same_verified_code_again_changes_nothing(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    before = world.rows()
    world.unlock("c1")
    assert world.rows() == before


def test_the_same_verified_code_does_not_unlock_a_password_that_was_locked_again(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    world.clock.pass_(days=1)
    relock(world)
    refusal_of(lambda: world.unlock("c1"))
    assert is_locked(world)
    assert len(unlocks(world)) == 1


def test_a_receipt_that_is_taken_is_drawn_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.verify("c1", LOCKED)
    relock(world, NORMAL)
    world.verify("c2", NORMAL)
    drawn = chain("2222", "AAAAAAAA", "2222", "3333", "BBBBBBBB")  # receipt, notice, receipt, receipt, notice
    monkeypatch.setattr(secrets, "choice", lambda alphabet: next(drawn))
    assert [world.unlock("c1"), world.unlock("c2")] == ["UL-20261120-2222", "UL-20261120-3333"]


# --- the day (G15) --------------------------------------------------------------------------------

MIDNIGHTS = [
    datetime(2026, 11, 21, tzinfo=TAIPEI),
    datetime(2027, 1, 1, tzinfo=TAIPEI),
    datetime(2027, 3, 1, tzinfo=TAIPEI),
    datetime(2028, 2, 29, tzinfo=TAIPEI),
    datetime(2028, 3, 1, tzinfo=TAIPEI),
]


@pytest.fixture(
    params=[None, "UTC", "America/New_York", "Asia/Kolkata"], ids=lambda zone: zone or "zone of the machine"
)
def process_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param:
        monkeypatch.setenv("TZ", request.param)
        time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def two_verified(world: World, midnight: datetime) -> None:
    """Verify c1 and c2 for the same locked account, shortly before `midnight`."""
    certify(world, valid_until=midnight + timedelta(days=1))
    for conversation, before in (("c1", timedelta(minutes=3)), ("c2", timedelta(minutes=1))):
        world.clock.set(midnight - before)
        world.verify(conversation, LOCKED)
    relock(world)


def test_the_zone_of_the_process_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # The tests below rest on it.
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    offset = datetime(2026, 11, 20, tzinfo=None).astimezone().utcoffset()
    monkeypatch.undo()
    time.tzset()
    assert offset == timedelta(hours=-5)
    assert os.environ.get("TZ") != "America/New_York"


@pytest.mark.usefixtures("process_zone")
@pytest.mark.parametrize("midnight", MIDNIGHTS, ids=lambda midnight: f"{midnight:%Y-%m-%d}")
def test_a_second_unlock_one_millisecond_before_midnight_is_refused(world: World, midnight: datetime) -> None:
    two_verified(world, midnight)
    world.clock.set(midnight - SECOND)
    world.unlock("c1")
    relock(world)
    world.clock.set(midnight - MILLISECOND)
    with pytest.raises(UnlockUsedToday) as refused:
        world.unlock("c2")
    assert refused.value.facts == {"used_at": "23:59", "next_date": f"{midnight:%Y/%m/%d}"}


@pytest.mark.usefixtures("process_zone")
@pytest.mark.parametrize("midnight", MIDNIGHTS, ids=lambda midnight: f"{midnight:%Y-%m-%d}")
def test_a_second_unlock_at_midnight_is_of_the_next_day(world: World, midnight: datetime) -> None:
    two_verified(world, midnight)
    world.clock.set(midnight - SECOND)
    first = world.unlock("c1")
    relock(world)
    world.clock.set(midnight)
    second = world.unlock("c2")
    days = [f"UL-{midnight - SECOND:%Y%m%d}", f"UL-{midnight:%Y%m%d}"]
    assert [receipt[:11] for receipt in (first, second)] == days


def test_a_clock_set_back_across_midnight_gives_no_second_unlock(world: World) -> None:
    two_verified(world, MIDNIGHTS[0])
    world.clock.set(MIDNIGHTS[0] + SECOND)
    world.unlock("c1")
    relock(world)
    world.clock.set(MIDNIGHTS[0] - SECOND)
    with pytest.raises(UnlockUsedToday):
        world.unlock("c2")


def test_the_unique_key_refuses_where_the_query_sees_nothing(world: World) -> None:
    # A row of the day whose time is unknown to the query cannot exist; a row for another receipt and the same day can.
    world.verify("c1", LOCKED)
    receipt = world.unlock("c1")
    day = world.rows()["ledger"][receipt]["day"]
    values = {"account_id": LOCKED.account, "day": day, "kind": UNLOCK, "channel": "other", "at": world.clock.now()}
    with world.services.work.begin() as session:
        session.add(LedgerEntry(receipt="UL-DEMO", key="another", fingerprint="", **values))
        assert refusal_of(session.commit) == "IntegrityError"


def test_an_unlock_removed_by_the_core_system_frees_the_day(world: World) -> None:
    # Nothing but the row decides.
    world.verify("c1", LOCKED)
    world.unlock("c1")
    relock(world)
    world.execute(delete(LedgerEntry).where(LedgerEntry.account_id == LOCKED.account))
    world.clock.pass_(minutes=2)
    world.verify("c2", LOCKED)
    assert world.unlock("c2")


@on_postgresql  # on SQLite nobody else writes while a decision is made
def test_the_state_of_an_account_is_that_of_when_it_is_locked_not_when_it_was_first_looked_at(world: World) -> None:
    core = world.services.core
    with world.services.work.begin() as session:
        looked_at = core.customer(session, LOCKED.account)
        world.execute(update(Account).where(Account.id == LOCKED.account).values(suspended_at=world.clock.now()))
        assert core.password(session, looked_at.account).suspended_at == world.clock.now()
