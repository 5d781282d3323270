"""A code is good for its account, purpose, channel, address and conversation alone; all else is a wrong one (G9, T30-T32)."""

from __future__ import annotations

import random
from itertools import product

import pytest
from sqlalchemy import delete, update

from actions.security.errors import OtpWrong
from actions.storage.models import Account, ChallengeRecord, GuessBudget
from tests.actions.security.rounds import rounds, told
from tests.actions.world import LOCKED, NORMAL, SUSPENDED, UNLOCK, VERIFY, Person, World, refusal_of

PURPOSES = (VERIFY, UNLOCK, "reissue_password", "renew_certificate", "check_notice")
CHANNELS, PEOPLE, SESSIONS = ("sms", "email"), (NORMAL, LOCKED, SUSPENDED), ("a", "b", "c")
Place = tuple[str, str, str, Person]  # purpose, channel, session, person
PLACES: list[Place] = list(product(PURPOSES, CHANNELS, SESSIONS, PEOPLE))
# What is entered is told by conversation (session and person) and purpose; the channel goes with the code.
PAIRS = [(sent, entered) for sent in PLACES for entered in PLACES if sent != entered]


def conversation_of(place: Place) -> str:
    return f"{place[2]}-{place[3].number}"


def test_a_code_is_refused_everywhere_but_where_it_was_sent(world: World) -> None:
    """The code of one place is entered at another, where another code waits: refused, and counted there."""
    chosen = random.Random(7).sample(PAIRS, min(len(PAIRS), rounds(220)))
    for session, person in product(SESSIONS, PEOPLE):
        world.identify(f"{session}-{person.number}", person)
    tried = accepted = counted = 0
    for sent, entered in chosen:
        world.clock.pass_(microseconds=10)
        world.has_code(conversation_of(sent), "111111", sent[0], sent[1])
        world.clock.pass_(microseconds=10)
        waiting = world.has_code(conversation_of(entered), "222222", entered[0], entered[1])
        refusal = refusal_of(lambda entered=entered: world.enter(conversation_of(entered), "111111", entered[0]))  # type: ignore[misc]
        rows = world.rows()["challenge"]
        tried, accepted = tried + 1, accepted + (refusal is None)
        counted += rows[waiting]["wrong"]
        assert refusal in ("OtpWrong", "OtpOtherPurpose", "OtpSuperseded"), (sent, entered, refusal)
        assert not [row for row in rows.values() if row["used_at"]]
        world.execute(delete(ChallengeRecord))
        world.execute(delete(GuessBudget))
    told(tried=tried, accepted=accepted)
    assert (accepted, counted) == (0, tried)


def test_a_code_is_good_where_it_was_sent(world: World) -> None:
    # Proves that the test above would notice.
    for place in PLACES[::7]:
        world.clock.pass_(microseconds=10)
        world.identify(conversation_of(place), place[3])
        world.has_code(conversation_of(place), "111111", place[0], place[1])
        assert world.enter(conversation_of(place), "111111", place[0])


@pytest.mark.parametrize(
    ("channel", "column", "new"), [("sms", "phone", "0930000999"), ("email", "email", "n@demo.example")]
)
def test_a_code_is_refused_and_counted_once_the_address_has_changed(
    world: World, channel: str, column: str, new: str
) -> None:
    world.identify("c1", NORMAL)
    code = world.send_code("c1", channel=channel)
    before = on_record(world, column)
    world.execute(update(Account).where(Account.id == NORMAL.account).values({column: new}))
    with pytest.raises(OtpWrong) as refused:
        world.enter("c1", code)
    assert refused.value.facts == {"left": 2}
    world.execute(update(Account).where(Account.id == NORMAL.account).values({column: before}))
    assert world.enter("c1", code)


def test_another_channels_address_may_change_meanwhile(world: World) -> None:
    world.identify("c1", NORMAL)
    code = world.send_code("c1", channel="sms")
    world.execute(update(Account).where(Account.id == NORMAL.account).values(email="new@demo.example"))
    assert world.enter("c1", code)


def test_an_address_that_was_taken_off_makes_its_code_a_wrong_one(world: World) -> None:
    world.identify("c1", NORMAL)
    code = world.send_code("c1")
    world.execute(update(Account).where(Account.id == NORMAL.account).values(phone=None))
    with pytest.raises(OtpWrong):
        world.enter("c1", code)


def test_a_code_sent_before_its_address_was_kept_is_refused(world: World) -> None:
    # As after an upgrade from revision 2: the customer asks for another.
    world.identify("c1", NORMAL)
    code = world.send_code("c1")
    world.execute(update(ChallengeRecord).values(destination=""))
    with pytest.raises(OtpWrong):
        world.enter("c1", code)


def on_record(world: World, column: str) -> str:
    return str(world.rows()["core_account"][NORMAL.account][column])
