"""Who a conversation says it is: a stranger takes the same path, the same writes and the same words (G12, T33)."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from actions.security.errors import AccountUnreadable, BirthDateUnreadable, NotIdentified, SecretGone
from actions.services.identification import Destinations
from actions.storage.models import Account
from tests.actions.world import (
    LOCKED,
    NORMAL,
    SUSPENDED,
    UNKNOWN,
    WRONG_BIRTH_DATE,
    Person,
    World,
    refusal_of,
    statements,
)

STRANGERS = [pytest.param(UNKNOWN, id="unknown account"), pytest.param(WRONG_BIRTH_DATE, id="wrong birth date")]
ANYBODY = [*STRANGERS, *(pytest.param(p, id=p.number) for p in (NORMAL, LOCKED, SUSPENDED))]


def shown(world: World, conversation: str) -> Destinations:
    return world.services.identification.destinations(conversation)


def test_a_customer_is_shown_the_masked_destinations_on_record(world: World) -> None:
    world.identify("c1", NORMAL)
    assert shown(world, "c1") == Destinations("093***678", "z**@example.com")


def test_a_destination_that_is_not_on_record_is_not_shown(world: World) -> None:
    world.execute(update(Account).where(Account.id == NORMAL.account).values(phone=None))
    world.identify("c1", NORMAL)
    assert shown(world, "c1") == Destinations(None, "z**@example.com")


@pytest.mark.parametrize("person", STRANGERS)
def test_a_stranger_is_shown_plausible_destinations(world: World, person: Person) -> None:
    world.identify("c1", person)
    destinations = shown(world, "c1")
    assert re.fullmatch(r"09\d\*\*\*\d{3}", destinations.sms or "")
    assert re.fullmatch(r"[a-z]\*\*@[a-z.]+", destinations.email or "")


@pytest.mark.parametrize("person", STRANGERS)
def test_a_stranger_sees_the_same_destinations_in_every_conversation(world: World, person: Person) -> None:
    world.identify("c1", person)
    world.clock.pass_(days=30)
    world.identify("c2", person)
    second = shown(world, "c2")
    world.clock.pass_(days=-30)
    assert shown(world, "c1") == second


def test_a_wrong_birth_date_does_not_show_the_destinations_on_record(world: World) -> None:
    world.identify("c1", WRONG_BIRTH_DATE)
    world.identify("c2", NORMAL)
    # As a whole: an invented mailbox alone begins with the same letter once in 26 times.
    assert shown(world, "c1") != shown(world, "c2")


def test_a_strangers_mailbox_may_be_where_a_customers_is(world: World) -> None:
    # Where it never is, a customer's mailbox tells that the details are right.
    domains = set()
    for n in range(150):
        world.identify("c1", Person(f"7{n:05d}", "070/01/01"))
        domains.add((shown(world, "c1").email or "").partition("@")[2])
    assert "example.com" in domains


def test_a_customer_of_another_institution_is_a_stranger(world: World) -> None:
    world.identify("c1", NORMAL, institution="icbca")
    # As a whole: an invented mailbox alone begins with the same letter once in 26 times.
    assert shown(world, "c1") != Destinations(sms="093***678", email="z**@example.com")


@pytest.mark.parametrize("person", ANYBODY)
def test_nobody_is_refused_for_who_they_say_they_are(world: World, person: Person) -> None:
    assert refusal_of(lambda: world.identify("c1", person)) is None


@pytest.mark.parametrize("person", STRANGERS)
def test_a_stranger_leaves_as_many_rows_as_a_customer(world: World, person: Person) -> None:
    before = world.counts()
    world.identify("c1", NORMAL)
    customer = world.counts()
    world.identify("c2", person)
    stranger = world.counts()
    assert {t: stranger[t] - customer[t] for t in before} == {t: customer[t] - before[t] for t in before}


@pytest.mark.parametrize("person", STRANGERS)
def test_a_stranger_takes_the_same_statements_as_a_customer(world: World, person: Person) -> None:
    with statements() as for_customer:
        world.identify("c1", NORMAL)
    with statements() as for_stranger:
        world.identify("c2", person)
    # Which columns an UPDATE names depends on what changes: an empty account stays empty.
    assert [s.split(" SET ")[0] for s in for_stranger] == [s.split(" SET ")[0] for s in for_customer]


@pytest.mark.parametrize("person", STRANGERS)
def test_only_the_account_of_a_strangers_row_is_empty(world: World, person: Person) -> None:
    world.identify("c1", NORMAL)
    world.identify("c2", person)
    rows = world.rows()["identification"]
    empty = {id_: {name for name, value in row.items() if value in (None, b"")} for id_, row in rows.items()}
    assert empty["c2"] - empty["c1"] == {"account_id"}


def test_the_account_number_is_erased_when_both_details_are_given(world: World) -> None:
    world.identify("c1", NORMAL)
    assert world.rows()["identification"]["c1"]["account_ciphertext"] == b""


def test_the_account_number_is_kept_encrypted_until_then(world: World) -> None:
    world.services.identification.give_account("c1", "hnyc", world.put("c1", "account", NORMAL.number))
    assert NORMAL.number.encode() not in world.rows()["identification"]["c1"]["account_ciphertext"]


def test_an_unreadable_account_is_refused_and_used_up(world: World) -> None:
    reference = world.put("c1", "account", "帳號")
    with pytest.raises(AccountUnreadable):
        world.services.identification.give_account("c1", "hnyc", reference)
    with pytest.raises(SecretGone):
        world.services.identification.give_account("c1", "hnyc", reference)


def test_an_unreadable_birth_date_is_refused_and_used_up(world: World) -> None:
    world.services.identification.give_account("c1", "hnyc", world.put("c1", "account", NORMAL.number))
    reference = world.put("c1", "birth_date", "072/02/30")
    with pytest.raises(BirthDateUnreadable):
        world.services.identification.give_birth_date("c1", reference)
    with pytest.raises(SecretGone):
        world.services.identification.give_birth_date("c1", reference)


def test_after_an_unreadable_birth_date_the_account_is_still_known(world: World) -> None:
    identification = world.services.identification
    identification.give_account("c1", "hnyc", world.put("c1", "account", NORMAL.number))
    with pytest.raises(BirthDateUnreadable):
        identification.give_birth_date("c1", world.put("c1", "birth_date", "072/02/30"))
    identification.give_birth_date("c1", world.put("c1", "birth_date", NORMAL.born))
    assert shown(world, "c1").sms == "093***678"


def test_a_birth_date_without_an_account_is_refused(world: World) -> None:
    with pytest.raises(NotIdentified):
        world.services.identification.give_birth_date("c1", world.put("c1", "birth_date", NORMAL.born))


def test_another_birth_date_after_the_identification_needs_the_account_again(world: World) -> None:
    world.identify("c1", NORMAL)
    with pytest.raises(NotIdentified):
        world.services.identification.give_birth_date("c1", world.put("c1", "birth_date", "070/01/02"))


def test_the_same_reference_again_changes_nothing(world: World) -> None:
    identification = world.services.identification
    account, born = world.put("c1", "account", NORMAL.number), world.put("c1", "birth_date", NORMAL.born)
    identification.give_account("c1", "hnyc", account)
    identification.give_birth_date("c1", born)
    before = world.rows()
    world.clock.pass_(minutes=1)
    identification.give_account("c1", "hnyc", account)
    identification.give_birth_date("c1", born)
    assert world.rows() == before


def test_another_conversations_reference_is_refused(world: World) -> None:
    with pytest.raises(SecretGone):
        world.services.identification.give_account("c2", "hnyc", world.put("c1", "account", NORMAL.number))


def test_another_account_starts_the_identification_anew(world: World) -> None:
    world.identify("c1", NORMAL)
    world.services.identification.give_account("c1", "hnyc", world.put("c1", "account", LOCKED.number))
    with pytest.raises(NotIdentified):
        shown(world, "c1")


def test_the_birth_date_of_the_first_account_does_not_open_the_second(world: World) -> None:
    world.identify("c1", NORMAL)
    world.identify("c1", Person(LOCKED.number, NORMAL.born))
    assert world.rows()["identification"]["c1"]["account_id"] is None


def test_who_has_given_nothing_is_not_known(world: World) -> None:
    assert not world.services.identification.is_known("c1")


def test_who_has_given_the_account_alone_is_not_known(world: World) -> None:
    world.services.identification.give_account("c1", "hnyc", world.put("c1", "account", NORMAL.number))
    assert not world.services.identification.is_known("c1")
    with pytest.raises(NotIdentified):
        shown(world, "c1")


@pytest.mark.parametrize("person", ANYBODY)
def test_anybody_is_known_for_fifteen_minutes(world: World, person: Person) -> None:
    world.identify("c1", person)
    world.clock.pass_(minutes=15, milliseconds=-1)
    assert world.services.identification.is_known("c1")
    world.clock.pass_(milliseconds=1)
    assert not world.services.identification.is_known("c1")


def test_after_fifteen_minutes_the_details_are_asked_again(world: World) -> None:
    world.identify("c1", NORMAL)
    world.clock.pass_(minutes=15)
    with pytest.raises(NotIdentified):
        shown(world, "c1")


def test_another_conversation_is_not_identified_with_it(world: World) -> None:
    world.identify("c1", NORMAL)
    with pytest.raises(NotIdentified):
        shown(world, "c2")


def test_one_identity_is_the_same_over_conversations(world: World) -> None:
    world.identify("c1", WRONG_BIRTH_DATE)
    world.identify("c2", WRONG_BIRTH_DATE)
    rows = world.rows()["identification"]
    assert rows["c1"]["identity"] == rows["c2"]["identity"]


def test_no_row_holds_a_detail_in_clear(world: World) -> None:
    world.identify("c1", UNKNOWN)
    kept = repr(world.rows()["identification"])
    assert UNKNOWN.number not in kept
    assert "1981" not in kept
