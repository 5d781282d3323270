"""What every flow for a verified customer shares: opening, going on, leaving, and what is said when the firm is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actions.security import errors
from actions.security.errors import CoreOutcomeUnknown, CoreUnavailable, Refusal
from bot.content.flows import load_flows
from tests.actions.chat import Chat
from tests.actions.world import LOCKED, NORMAL, UNKNOWN, World, wrong_for

FLOWS = {  # by the noun of the action that opens it
    "password_unlock": "unlock_password",
    "password_reissue": "reissue_password",
    "one_time_code": "send_code",
    "certificate_renewal": "renew_certificate",
    "not_me": "not_me",
}
AT_HNYC = sorted(FLOWS)


def refuses(refusal: Refusal) -> Callable[..., Any]:
    def use_case(*_: Any, **__: Any) -> Any:
        raise refusal

    return use_case


@pytest.fixture
def chat(world: World) -> Chat:
    return Chat(world)


@pytest.mark.parametrize("noun", AT_HNYC)
def test_every_flow_asks_for_the_details_and_where_the_code_goes(chat: Chat, noun: str) -> None:
    assert chat.begin(noun)[-1] == "utter_ask_account"
    assert chat.enter("account", NORMAL.number) == ["utter_ask_birth_date"]
    assert chat.enter("birth_date", NORMAL.born) == ["utter_ask_otp_channel"]
    assert chat.press(otp_channel="sms") == ["utter_ask_otp_code"]


@pytest.mark.parametrize("noun", AT_HNYC)
def test_the_same_wish_again_goes_on_at_the_question_that_is_open(chat: Chat, noun: str) -> None:
    chat.begin(noun)
    chat.identify(NORMAL)
    assert chat.begin(noun) == ["utter_continue", "utter_ask_otp_channel"]
    chat.press(otp_channel="sms")
    sent = len(chat.world.messenger.sent)
    assert chat.begin(noun) == ["utter_continue", "utter_ask_otp_code"]
    chat.world.services.outbox.relay()
    assert len(chat.world.messenger.sent) - sent <= 1  # the first one, and no other


def test_another_wish_switches_and_asks_nothing_twice(chat: Chat) -> None:
    chat.begin("password_unlock")
    chat.identify(NORMAL)
    chat.press(otp_channel="sms")
    assert chat.begin("password_reissue") == ["utter_ask_otp_channel"]
    assert (chat.slots["purpose"], chat.slots["otp_channel"]) == ("reissue_password", None)


def test_a_code_of_one_wish_does_nothing_for_another(chat: Chat) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    chat.press(otp_channel="sms")
    code = chat.code()
    chat.begin("password_reissue")
    chat.press(otp_channel="email")
    assert chat.enter("code", code)[0] == "utter_otp_other_purpose"
    assert chat.asked == "otp_code"


def test_a_wish_that_was_left_at_its_form_does_not_go_on_in_another(chat: Chat) -> None:
    chat.begin("password_unlock")
    chat.cancel()
    chat.form = "error_report_form"
    assert chat.begin("password_unlock") == ["utter_ask_account"]


@pytest.mark.parametrize("noun", [*AT_HNYC, "notice_check"])
@pytest.mark.parametrize("institution", ["gtjai", "icbca"])
def test_where_there_is_no_such_flow_nothing_is_asked(world: World, noun: str, institution: str) -> None:
    chat = Chat(world, institution=institution)
    (said,) = chat.begin(noun)
    assert chat.form is None
    named = {"password_unlock": "utter_unlock_elsewhere", "one_time_code": "utter_send_code_elsewhere"}
    assert said == {**named, "not_me": "utter_not_me_by_phone"}.get(noun, "utter_elsewhere")


@pytest.mark.parametrize("noun", ["token_status", "password_unlock", "not_me", "notice_check"])
def test_behind_a_link_that_is_for_information_nothing_is_asked(world: World, noun: str) -> None:
    for institution in ("gtjai", "icbca"):
        chat = Chat(world, institution=institution, link=True)
        assert len(chat.begin(noun)) == 1
        assert chat.form is None
        assert chat.say("/inform") == []


def test_behind_a_link_that_is_trusted_the_customer_goes_on(world: World) -> None:
    assert Chat(world, link=True).begin("password_unlock") == ["utter_ask_account"]


def test_neither_destination_is_the_customers(chat: Chat) -> None:
    chat.begin("password_unlock")
    chat.identify(NORMAL)
    assert chat.press(otp_channel="not_mine") == ["utter_otp_not_mine"]
    assert (chat.form, chat.slots["purpose"]) == (None, None)
    chat.world.services.outbox.relay()
    assert chat.world.messenger.sent == []


def test_a_code_that_is_wrong_too_often_can_be_asked_for_again(chat: Chat) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    chat.press(otp_channel="sms")
    wrong = wrong_for(chat.code())
    said = [chat.enter("code", wrong)[0] for _ in range(4)]
    assert said == ["utter_otp_wrong"] * 2 + ["utter_otp_exhausted"] * 2
    chat.world.clock.pass_(seconds=61)
    assert chat.press(otp_channel="resend") == ["utter_ask_otp_code"]
    assert chat.enter("code", chat.code()) == ["utter_unlocked"]


@pytest.mark.parametrize(
    "refusal",
    [
        errors.GuessesHotlineOnly(),
        errors.GuessesUsedUp(next_date="2026/11/21"),
        errors.GuessesPaused(next_date="2026/11/21"),
        errors.AccountProtected(report="NM-20261120-DEMO"),
    ],
    ids=lambda refusal: type(refusal).__name__,
)
def test_where_no_code_helps_any_more_the_form_is_left(
    chat: Chat, refusal: Refusal, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    chat.press(otp_channel="sms")
    monkeypatch.setattr(chat.world.services.one_time_password, "verify", refuses(refusal))
    assert chat.enter("code", "000000") == [refusal.response]
    assert (chat.form, chat.slots["purpose"]) == (None, None)
    assert chat.messages[0]["buttons"] == []


def test_when_no_more_codes_are_sent_the_form_is_left(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    refusal = errors.SendsUsedUp(next_at="2026/11/20 11:00")
    monkeypatch.setattr(chat.world.services.one_time_password, "send", refuses(refusal))
    assert chat.press(otp_channel="sms") == ["utter_sends_used_up"]
    assert chat.form is None


def test_when_no_more_codes_are_sent_the_one_that_may_still_arrive_is_awaited(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    chat.press(otp_channel="sms")
    refusal = errors.SendsUsedUp(next_at="2026/11/20 11:00")
    monkeypatch.setattr(chat.world.services.one_time_password, "send", refuses(refusal))
    assert chat.press(otp_channel="resend") == ["utter_sends_used_up", "utter_ask_otp_code"]
    assert chat.enter("code", chat.code()) == ["utter_unlocked"]
    chat.begin("one_time_code")


def test_an_expired_code_is_not_awaited(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    chat.press(otp_channel="sms")
    chat.world.clock.pass_(minutes=5)
    monkeypatch.setattr(chat.world.services.one_time_password, "send", refuses(errors.SendsUsedUp(next_at="11:00")))
    assert chat.press(otp_channel="resend") == ["utter_sends_used_up"]
    assert chat.form is None


# --- the firm's own system does not answer ---------------------------------------------------------


@pytest.mark.parametrize("refusal", [CoreUnavailable(), CoreOutcomeUnknown()], ids=["unavailable", "unknown"])
@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans", "en"])
def test_a_silent_firm_is_said_with_the_button_that_tries_again(
    world: World, refusal: Refusal, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = Chat(world, language=language)
    chat.begin("password_unlock")
    with monkeypatch.context() as patch:
        patch.setattr(world.services.password_unlock, "unlock", refuses(refusal))
        assert chat.verify(LOCKED) == [refusal.response]
    title = load_flows()["unlock_password"].title[language]
    assert chat.messages[0]["buttons"] == [{"title": title, "payload": "/unlock_password"}]
    assert chat.begin("password_unlock") == ["utter_unlocked"]  # and no second code


def test_a_firm_that_is_silent_at_a_step_has_the_step_asked_again(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.begin("password_unlock")
    chat.enter("account", LOCKED.number)
    with monkeypatch.context() as patch:
        patch.setattr(chat.world.services.identification, "give_birth_date", refuses(CoreUnavailable()))
        assert chat.enter("birth_date", LOCKED.born) == ["utter_core_unavailable", "utter_ask_birth_date"]
    assert chat.enter("birth_date", LOCKED.born) == ["utter_ask_otp_channel"]


def test_a_stranger_is_asked_the_same_and_gets_no_further(chat: Chat) -> None:
    chat.begin("password_unlock")
    assert chat.identify(UNKNOWN) == ["utter_ask_otp_channel"]
    assert chat.press(otp_channel="sms") == ["utter_ask_otp_code"]
    assert chat.enter("code", "000000") == ["utter_otp_wrong", "utter_ask_otp_code"]


def test_a_verification_that_ran_out_before_the_act_says_so_with_the_button(chat: Chat) -> None:
    chat.begin("password_reissue")
    chat.verify(LOCKED)
    chat.world.clock.pass_(minutes=5)
    assert chat.press(confirmed="yes") == ["utter_factors_missing"]
    assert [button["payload"] for button in chat.messages[0]["buttons"]] == ["/reissue_password"]


@pytest.mark.parametrize("language", ["zh-Hans", "en"])
def test_the_language_may_change_in_the_middle(chat: Chat, language: str) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    chat.language = language
    chat.press(otp_channel="email")
    chat.world.services.outbox.relay()
    subject = chat.world.messenger.sent[-1].subject
    assert ("在线客服" in subject) if language == "zh-Hans" else ("online service" in subject)
    assert chat.enter("code", chat.code()) == ["utter_unlocked"]


def test_details_that_are_not_asked_for_are_not_taken(chat: Chat) -> None:
    chat.begin("password_unlock")
    assert chat.enter("birth_date", LOCKED.born) == ["rejected"]
    assert chat.asked == "account"
