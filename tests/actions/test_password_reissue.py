"""The password reissue in the chat: nothing happens without a clear yes."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import update

from actions.storage.models import Account
from tests.actions.chat import Chat
from tests.actions.world import LOCKED, WITHOUT_CERTIFICATE, World


@pytest.fixture
def chat(world: World) -> Chat:
    chat = Chat(world)
    chat.begin("password_reissue")
    return chat


def reissued(chat: Chat) -> int:
    return sum(row["kind"] == "reissue_password" for row in chat.world.rows()["ledger"].values())


def test_after_the_code_it_says_what_will_happen_and_where_the_mail_goes(chat: Chat) -> None:
    assert chat.verify(LOCKED) == ["utter_ask_reissue_confirmed"]
    assert chat.messages[0]["mailbox"] == "y**@example.com"
    assert reissued(chat) == 0


def test_a_yes_reissues_and_says_the_receipt(chat: Chat) -> None:
    chat.verify(LOCKED)
    assert chat.press(confirmed="yes") == ["utter_reissued"]
    assert re.fullmatch(r"RI-\d{8}-[0-9A-Z]{4}", chat.messages[0]["receipt"])
    assert reissued(chat) == 1


@pytest.mark.parametrize("words", ["好", "確定", "yes please", "好的 沒問題", "OK no problem"])
def test_a_yes_in_words_counts(chat: Chat, words: str) -> None:
    chat.verify(LOCKED)
    assert chat.say(words, "affirm") == ["utter_reissued"]


@pytest.mark.parametrize("words", ["不要", "no thanks", "先不用"])
def test_a_no_ends_it_and_nothing_was_done(chat: Chat, words: str) -> None:
    chat.verify(LOCKED)
    assert chat.say(words, "deny") == ["utter_reissue_declined"]
    assert (chat.form, reissued(chat)) == (None, 0)


@pytest.mark.parametrize("words", ["好像不對", "是嗎", "好 但是等一下", "yes but not now", "ok?", "對不起"])
def test_a_yes_that_says_something_else_too_is_asked_again(chat: Chat, words: str) -> None:
    chat.verify(LOCKED)
    assert chat.say(words, "affirm") == ["utter_ask_reissue_confirmed"]
    assert reissued(chat) == 0


def test_a_yes_that_is_only_guessed_is_asked_again(chat: Chat) -> None:
    chat.verify(LOCKED)
    assert chat.say("好", "affirm", confidence=0.4) == ["utter_ask_reissue_confirmed"]
    assert reissued(chat) == 0


@pytest.mark.parametrize("intent", ["nlu_fallback", "thanks", "reissue_letter", "out_of_scope"])
def test_what_is_no_answer_is_left_to_the_rules(chat: Chat, intent: str) -> None:
    chat.verify(LOCKED)
    assert chat.say("words", intent) == ["rejected"]
    assert (chat.asked, reissued(chat)) == ("confirmed", 0)


@pytest.mark.parametrize("value", ["maybe", "YES", "1"])
def test_no_other_button_is_a_yes(chat: Chat, value: str) -> None:
    chat.verify(LOCKED)
    assert chat.press(confirmed=value) == ["utter_ask_reissue_confirmed"]
    assert reissued(chat) == 0


def test_a_yes_before_the_question_is_no_yes(chat: Chat) -> None:
    chat.identify(LOCKED)
    assert chat.press(confirmed="yes") == ["rejected"]
    chat.press(otp_channel="sms")
    assert chat.enter("code", chat.code()) == ["utter_ask_reissue_confirmed"]


def test_without_a_certificate_nobody_is_asked_to_confirm(chat: Chat) -> None:
    assert chat.verify(WITHOUT_CERTIFICATE) == ["utter_reissue_no_certificate"]
    assert chat.form is None


def test_without_a_mailbox_nobody_is_asked_to_confirm(chat: Chat) -> None:
    chat.world.execute(update(Account).where(Account.number == LOCKED.number).values(email=None))
    assert chat.verify(LOCKED) == ["utter_reissue_no_mailbox"]
    assert chat.form is None


def test_coming_back_goes_on_at_the_question_without_another_code(chat: Chat) -> None:
    chat.verify(LOCKED)
    chat.cancel()
    assert chat.begin("password_reissue") == ["utter_continue", "utter_ask_reissue_confirmed"]
    assert chat.press(confirmed="yes") == ["utter_reissued"]


def test_a_form_that_ends_without_the_answer_does_nothing_and_asks(chat: Chat) -> None:
    chat.verify(LOCKED)
    chat.form = None
    assert asyncio.run(finish(chat)) == "verification_form"
    assert reissued(chat) == 0


async def finish(chat: Chat) -> str | None:
    """Run the act as if the form had ended; return what follows."""
    return chat._apply(await chat._run("action_finish_verified_flow", []))
