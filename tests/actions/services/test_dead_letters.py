"""Dead letters: people see what did not leave and why, and send notices again; codes never."""

from __future__ import annotations

from dataclasses import astuple
from datetime import timedelta

import pytest

from actions.services.dead_letters import CannotResend, DeadLetters
from actions.services.ports import NotSent, RefusedForGood
from tests.actions.services.test_relay import CANARY, queue, row
from tests.actions.world import World

TO = "canary-to@example.com"


@pytest.fixture
def letters(world: World) -> DeadLetters:
    return DeadLetters(world.services.work)


def die(world: World, kind: str = "password_unlocked") -> str:
    """Queue a message that is refused for good, and return its id."""
    world.messenger.problem = RefusedForGood("SMTPRecipientsRefused 550 at mail:25")
    id_ = queue(world, kind, TO)
    world.services.outbox.relay()
    world.messenger.problem = None
    return id_


def test_without_dead_letters_there_are_none(world: World, letters: DeadLetters) -> None:
    queue(world)
    world.services.outbox.relay()
    assert letters.list() == []


def test_a_dead_letter_says_what_it_was_and_why_it_did_not_leave(world: World, letters: DeadLetters) -> None:
    id_ = die(world)
    (letter,) = letters.list()
    assert (letter.id, letter.kind, letter.channel, letter.tries) == (id_, "password_unlocked", "email", 1)
    assert letter.problem == "SMTPRecipientsRefused 550 at mail:25"
    assert letter.queued_at == world.clock.now()


def test_a_dead_letter_shows_no_content_and_no_address(world: World, letters: DeadLetters) -> None:
    die(world)
    die(world, "one_time_code")
    shown = str([astuple(letter) for letter in letters.list()])
    assert not [secret for secret in (CANARY, TO, "canary", "UL-2026") if secret in shown]


def test_the_oldest_dead_letter_comes_first(world: World, letters: DeadLetters) -> None:
    first = die(world)
    world.clock.pass_(minutes=1)
    second = die(world)
    assert [letter.id for letter in letters.list()] == [first, second]


def test_dead_letters_are_counted(world: World) -> None:
    die(world)
    die(world, "one_time_code")
    assert world.services.outbox.given_up() == 2


def test_a_notice_is_sent_again_under_its_id(world: World, letters: DeadLetters) -> None:
    id_ = die(world)
    letters.resend(id_)
    assert world.services.outbox.relay() == 1
    assert [(message.id, message.to) for message in world.messenger.sent] == [(id_, TO)]
    assert letters.list() == []


def test_a_notice_that_is_sent_again_has_another_day_of_tries(world: World, letters: DeadLetters) -> None:
    id_ = die(world)
    world.clock.pass_(days=30)
    letters.resend(id_)
    world.messenger.problem = NotSent("refused")
    world.services.outbox.relay()
    assert row(world, id_)["state"] == "queued"
    assert row(world, id_)["due_at"] - world.clock.now() <= timedelta(seconds=2)


def test_a_code_is_not_sent_again(world: World, letters: DeadLetters) -> None:
    id_ = die(world, "one_time_code")
    with pytest.raises(CannotResend, match="the customer asks for another one"):
        letters.resend(id_)
    assert world.services.outbox.relay() == 0


def test_all_notices_are_sent_again_and_no_code(world: World, letters: DeadLetters) -> None:
    ids = {die(world), die(world)}
    code = die(world, "one_time_code")
    assert letters.resend_all() == 2
    world.services.outbox.relay()
    assert {message.id for message in world.messenger.sent} == ids
    assert [letter.id for letter in letters.list()] == [code]


def test_a_message_that_is_not_known_is_said_so(letters: DeadLetters) -> None:
    with pytest.raises(CannotResend, match="no message 1234"):
        letters.resend("1234")


@pytest.mark.parametrize("state", ["queued", "sent"])
def test_a_message_that_was_not_given_up_is_not_sent_again(world: World, letters: DeadLetters, state: str) -> None:
    id_ = queue(world)
    if state == "sent":
        world.services.outbox.relay()
    with pytest.raises(CannotResend, match=f"it is {state}"):
        letters.resend(id_)
