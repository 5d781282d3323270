"""The self-service unlock in the chat."""

from __future__ import annotations

import pytest

from tests.actions.chat import Chat
from tests.actions.world import LOCKED, NORMAL, SUSPENDED, UNLOCKED_TODAY, WITHOUT_CERTIFICATE, Person, World


@pytest.fixture
def chat(world: World) -> Chat:
    return Chat(world)


@pytest.mark.parametrize(
    ("person", "said"),
    [
        (LOCKED, "utter_unlocked"),
        (NORMAL, "utter_unlock_not_locked"),
        (WITHOUT_CERTIFICATE, "utter_unlock_no_certificate"),
        (UNLOCKED_TODAY, "utter_unlock_used_today"),
        (SUSPENDED, "utter_unlock_suspended"),
    ],
)
def test_a_verified_customer_is_unlocked_or_told_why_not(chat: Chat, person: Person, said: str) -> None:
    chat.begin("password_unlock")
    assert chat.verify(person) == [said]
    assert chat.form is None


def test_a_second_wish_on_the_day_asks_for_nothing(chat: Chat) -> None:
    chat.begin("password_unlock")
    chat.verify(LOCKED)
    assert chat.begin("password_unlock") == ["utter_unlock_done_today"]
    assert chat.form is None
