"""The certificate renewal in the chat: every step can be left and resumed, and nothing is installed without a yes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from actions.storage.models import CertificateRecord
from tests.actions.chat import Chat
from tests.actions.world import LOCKED, NORMAL, WITHOUT_CERTIFICATE, World


@pytest.fixture
def chat(world: World) -> Chat:
    chat = Chat(world)
    chat.begin("certificate_renewal")
    return chat


def ends_soon(world: World) -> None:
    ends = world.clock.now() + timedelta(days=20)
    world.execute(update(CertificateRecord).values(valid_until=ends))


def installed(chat: Chat) -> int:
    return sum(row["kind"] == "renew_certificate" for row in chat.world.rows()["ledger"].values())


@pytest.mark.parametrize("way", ["renew", "apply"])
def test_the_whole_way(chat: Chat, way: str) -> None:
    if way == "renew":
        ends_soon(chat.world)
    assert chat.verify(NORMAL, "email") == [f"utter_ask_renewal_birth_date_{way}"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d", chat.messages[0]["valid_until"])
    assert chat.enter("birth_date", NORMAL.born) == [f"utter_ask_renewal_confirmed_{way}"]
    assert chat.messages[0]["sent_to"] == "z**@example.com"
    assert installed(chat) == 0
    assert chat.press(confirmed="yes") == ["utter_renewed"]
    assert re.fullmatch(r"CR-\d{8}-[0-9A-Z]{4}", chat.messages[0]["receipt"])
    assert installed(chat) == 1


def test_neither_destination_is_the_customers(chat: Chat) -> None:
    chat.identify(NORMAL)
    assert chat.press(otp_channel="not_mine") == ["utter_otp_not_mine"]
    assert chat.form is None


def test_neither_was_the_customers_after_all(chat: Chat) -> None:
    chat.identify(NORMAL)
    chat.press(otp_channel="sms")
    code = chat.code()
    assert chat.press(otp_channel="not_mine") == ["utter_otp_not_mine"]
    chat.begin("certificate_renewal")
    chat.slots |= {"otp_channel": "sms", "requested_slot": "otp_code"}
    assert chat.enter("code", code)[0] == "utter_otp_superseded"


def test_without_a_certificate_there_is_nothing_to_renew(chat: Chat) -> None:
    assert chat.verify(WITHOUT_CERTIFICATE) == ["utter_renewal_no_certificate"]
    assert chat.form is None


def test_a_wrong_birth_date_is_asked_again_and_the_third_stops_it(chat: Chat) -> None:
    chat.verify(NORMAL)
    again = "utter_ask_renewal_birth_date_apply"
    for left in (2, 1):
        assert chat.enter("birth_date", "060/01/01") == ["utter_renewal_birth_date_wrong", again]
        assert chat.messages[0]["left"] == left
    assert chat.enter("birth_date", "060/01/01") == ["utter_renewal_stopped"]
    assert chat.form is None


def test_what_is_no_date_is_asked_again(chat: Chat) -> None:
    chat.verify(NORMAL)
    assert chat.enter("birth_date", "yesterday")[0] == "utter_birth_date_unreadable"
    assert chat.asked == "second_birth_date"


@pytest.mark.parametrize("step", ["birth_date", "confirm"])
def test_whoever_leaves_goes_on_at_the_same_step(chat: Chat, step: str) -> None:
    chat.verify(NORMAL)
    if step == "confirm":
        chat.enter("birth_date", NORMAL.born)
    chat.cancel()
    chat.begin("not_me")
    asked = {"birth_date": "utter_ask_renewal_birth_date_apply", "confirm": "utter_ask_renewal_confirmed_apply"}[step]
    assert chat.begin("certificate_renewal") == ["utter_continue", asked]
    if step == "birth_date":
        chat.enter("birth_date", NORMAL.born)
    assert chat.press(confirmed="yes") == ["utter_renewed"]


def test_whoever_comes_back_too_late_is_verified_again(chat: Chat) -> None:
    chat.verify(NORMAL)
    chat.cancel()
    chat.world.clock.pass_(minutes=15)
    assert chat.begin("certificate_renewal") == ["utter_renewal_begins", "utter_ask_account"]


def test_whoever_takes_too_long_is_told_so_with_the_button(chat: Chat) -> None:
    chat.verify(NORMAL)
    chat.enter("birth_date", NORMAL.born)
    chat.world.clock.pass_(minutes=15)
    (said,) = chat.press(confirmed="yes")
    assert said in ("utter_factors_missing", "utter_renewal_too_late")
    assert [button["payload"] for button in chat.messages[0]["buttons"]] == ["/renew_certificate"]
    assert installed(chat) == 0


def test_a_no_leaves_all_as_it_was_and_can_be_taken_back(chat: Chat) -> None:
    chat.verify(NORMAL)
    chat.enter("birth_date", NORMAL.born)
    assert chat.press(confirmed="no") == ["utter_renewal_declined"]
    assert installed(chat) == 0
    assert chat.begin("certificate_renewal") == ["utter_continue", "utter_ask_renewal_confirmed_apply"]


def test_a_step_that_was_taken_meanwhile_is_not_asked_again(chat: Chat) -> None:
    chat.verify(NORMAL)
    born = chat.world.put("c1", "birth_date", NORMAL.born)
    chat.world.services.certificate_renewal.give_birth_date("c1", born)  # in another window
    said = chat.enter("birth_date", NORMAL.born)
    assert said[-1] == "utter_ask_renewal_confirmed_apply"


def test_the_second_birth_date_is_not_taken_for_the_first(chat: Chat) -> None:
    chat.verify(NORMAL)
    first = chat.slots["birth_date"]
    chat.enter("birth_date", NORMAL.born)
    assert chat.slots["birth_date"] == first


def test_a_locked_password_does_not_matter(chat: Chat) -> None:
    assert chat.verify(LOCKED) == ["utter_ask_renewal_birth_date_apply"]
