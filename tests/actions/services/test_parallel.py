"""The same call twice at once does what it does one after the other, on both databases (G4, G8, G15, G23)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import func, select, update

from actions.security.secret import Secret
from actions.services.hotline import Caller
from actions.storage.models import Account, CertificateRecord, ChallengeRecord, LedgerEntry, OutboxMessage
from tests.actions.security.rounds import rounds
from tests.actions.world import LOCKED, NORMAL, UNLOCK, VERIFY, World, refusal_of

AT_ONCE = 8
ROUNDS = rounds(5)


def together(*calls: Callable[[], object]) -> Counter[str | None]:
    """Run all calls, started at the same moment; count what they raise, None for nothing."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> str | None:
        start.wait(30)
        return refusal_of(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


def many(call: Callable[..., object], *values: object) -> list[Callable[[], object]]:
    return [partial(call, *values)] * AT_ONCE


def test_one_account_number_given_many_times_at_once_is_taken_once(world: World) -> None:
    for round_ in range(ROUNDS):
        conversation = f"c{round_}"
        reference = world.put(conversation, "account", NORMAL.number)
        give = world.services.identification.give_account
        assert together(*many(give, conversation, "hnyc", reference)) == {None: AT_ONCE}


def test_different_account_numbers_given_at_once_are_taken_one_after_the_other(world: World) -> None:
    for round_ in range(ROUNDS):
        references = [world.put(f"c{round_}", "account", str(900000 + n)) for n in range(AT_ONCE)]
        give = world.services.identification.give_account
        assert together(*[partial(give, f"c{round_}", "hnyc", each) for each in references]) == {None: AT_ONCE}


def test_one_birth_date_given_many_times_at_once_is_taken_once(world: World) -> None:
    for round_ in range(ROUNDS):
        conversation = f"c{round_}"
        account = world.put(conversation, "account", NORMAL.number)
        world.services.identification.give_account(conversation, "hnyc", account)
        reference = world.put(conversation, "birth_date", NORMAL.born)
        give = world.services.identification.give_birth_date
        assert together(*many(give, conversation, reference)) == {None: AT_ONCE}
        assert world.services.identification.is_known(conversation)


def test_one_contact_given_many_times_at_once_is_kept_once(world: World) -> None:
    for round_ in range(ROUNDS):
        reference = world.put(f"c{round_}", "contact", "demo@example.com")
        give = world.services.error_report.give_contact
        assert together(*many(give, f"c{round_}", reference)) == {None: AT_ONCE}


def test_of_many_sends_at_once_in_one_conversation_one_is_done(world: World) -> None:
    for round_ in range(ROUNDS):
        world.clock.pass_(days=1)
        world.identify("c1", NORMAL)
        assert together(*many(world.send, "c1")) == {None: 1, "ResendTooSoon": AT_ONCE - 1}
        assert sent(world) == round_ + 1


def test_of_many_sends_at_once_in_many_conversations_of_a_customer_one_is_done(world: World) -> None:
    for round_ in range(ROUNDS):
        world.clock.pass_(days=1)
        for n in range(AT_ONCE):
            world.identify(f"c{n}", NORMAL)
        outcome = together(*[partial(world.send, f"c{n}") for n in range(AT_ONCE)])
        assert outcome == {None: 1, "ResendTooSoon": AT_ONCE - 1}
        assert sent(world) == round_ + 1


def sent(world: World) -> int:
    with world.services.work.begin() as session:
        return session.scalars(select(func.count()).select_from(OutboxMessage)).one()


def test_one_entered_code_delivered_many_times_at_once_is_right_every_time_and_used_once(world: World) -> None:
    verify = world.services.one_time_password.verify
    for round_ in range(ROUNDS):
        world.clock.pass_(days=1)
        world.identify("c1", NORMAL)
        reference = world.put("c1", "code", world.send_code("c1"))
        assert together(*many(verify, "c1", VERIFY, reference)) == {None: AT_ONCE}
        with world.services.work.begin() as session:
            used = select(func.count()).where(ChallengeRecord.used_at.is_not(None))
            assert session.scalar(used) == round_ + 1


def test_of_many_wrong_codes_at_once_three_are_judged(world: World) -> None:
    for _ in range(ROUNDS):
        world.clock.pass_(days=1)
        world.identify("c1", NORMAL)
        code = int(world.send_code("c1"))
        wrong = [f"{(code + 1 + n) % 10**6:06d}" for n in range(AT_ONCE)]
        outcome = together(*[partial(world.enter, "c1", each) for each in wrong])
        assert outcome == {"OtpWrong": 3, "OtpExhausted": AT_ONCE - 3}
        world.services.hotline.allow_codes_again(Caller("hnyc", Secret(NORMAL.number)), "demo")  # 20 in a row close it


def test_a_code_entered_while_another_is_sent_is_right_or_superseded(world: World) -> None:
    for _ in range(ROUNDS):
        world.clock.pass_(days=1)
        world.identify("c1", NORMAL)
        code = world.send_code("c1")
        world.clock.pass_(seconds=60)
        outcome = together(partial(world.send, "c1"), partial(world.enter, "c1", code))
        assert outcome in ({None: 2}, {None: 1, "OtpSuperseded": 1})


def test_of_many_unlocks_at_once_in_many_conversations_of_a_customer_one_is_done(world: World) -> None:
    conversations = ["c1", "c2", "c3", "c4"]  # a code a minute, and the first is good for five
    for conversation in conversations:
        world.clock.pass_(seconds=60)
        world.verify(conversation, LOCKED, UNLOCK)
    outcome = together(*[partial(world.unlock, conversation) for conversation in conversations])
    assert outcome == {None: 1, "UnlockDoneToday": 3}


@pytest.mark.parametrize("by", ["revoked", "expired"])
def test_a_certificate_that_ends_while_it_is_used_unlocks_only_before_it_ends(world: World, by: str) -> None:
    world.verify("c1", LOCKED, UNLOCK)
    now = world.clock.now()
    change = {"revoked_at": now} if by == "revoked" else {"valid_until": now}
    end = update(CertificateRecord).where(CertificateRecord.account_id == LOCKED.account).values(**change)
    outcome = together(partial(world.unlock, "c1"), partial(world.execute, end))
    assert outcome in ({None: 2}, {None: 1, "UnlockNoCertificate": 1})
    with world.services.work.begin() as session:
        unlocked = session.get_one(Account, LOCKED.account).locked_at is None
        done = session.scalars(
            select(func.count()).select_from(LedgerEntry).where(LedgerEntry.account_id == LOCKED.account)
        ).one()
    assert (unlocked, done) == ((True, 1) if outcome == {None: 2} else (False, 0))


def test_secrets_put_at_once_while_old_ones_are_erased_are_all_kept(world: World) -> None:
    for _ in range(ROUNDS):
        for n in range(20):
            world.put("c1", "code", f"{n:06d}")
        world.clock.pass_(minutes=3)
        assert together(*[partial(world.put, "c1", "code", f"{n:06d}") for n in range(AT_ONCE)]) == {None: AT_ONCE}
        assert world.counts()["vault"] == AT_ONCE
        world.clock.pass_(minutes=3)


def test_many_relays_at_once_send_every_message_once(world: World) -> None:
    for round_ in range(ROUNDS):
        world.clock.pass_(hours=6)  # ten a day are sent, no more
        for n in range(4):
            world.identify(f"c{n}", (NORMAL, LOCKED)[n % 2])
        world.send("c0")
        world.send("c1")
        assert together(*many(world.services.outbox.relay)) == {None: AT_ONCE}
        assert len({message.id for message in world.messenger.sent}) == len(world.messenger.sent) == 2 * (round_ + 1)
