"""The state of a software token in the chat: each thing that is so is said, and nothing that is not."""

from __future__ import annotations

import pytest

from actions.services.token_view import PlaceView, TokenView
from actions.token_status import told
from tests.actions.chat import Chat
from tests.actions.world import Person, World

SINCE, LATER = "2026/11/20 08:00", "2026/11/20 14:00"
INVEST = PlaceView("invest_app", SINCE, SINCE, True)
BANK, BANK_WAITS = PlaceView("bank_app", SINCE, LATER, True), PlaceView("bank_app", SINCE, LATER, False)
FROZEN, FROZEN_FOR_GOOD = Person("900068", "1986/06/06"), Person("900078", "1987/07/07")
IN_BOTH = Person("900088", "1988/08/08")


def view(
    *places: PlaceView, status: str = "active", biometrics: bool = False, until: str = "", for_good: bool = False
) -> TokenView:
    return TokenView(status, list(places), biometrics, until, for_good, [])


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (view(status="none"), ["utter_token_none"]),
        (view(status="suspended"), ["utter_token_suspended"]),
        (view(status="revoked"), ["utter_token_revoked"]),
        (view(INVEST), ["utter_token_in_invest_app"]),
        (view(INVEST, BANK), ["utter_token_in_invest_app", "utter_token_in_bank_app"]),
        (view(INVEST, BANK_WAITS), ["utter_token_in_invest_app", "utter_token_waits_in_bank_app"]),
        (view(INVEST, biometrics=True), ["utter_token_in_invest_app", "utter_token_biometrics"]),
        (
            view(INVEST, BANK_WAITS, until=LATER),
            ["utter_token_is_frozen", "utter_token_enabled_in_invest_app", "utter_token_enabled_in_bank_app"],
        ),
        (view(INVEST, for_good=True), ["utter_token_is_frozen_for_good", "utter_token_enabled_in_invest_app"]),
        (view(status="none", until=LATER), ["utter_token_is_frozen"]),
    ],
)
def test_each_state_is_said_in_whole_sentences(state: TokenView, said: list[str]) -> None:
    assert [response for response, _ in told(state)] == said


def test_a_frozen_token_is_never_said_to_be_usable() -> None:
    assert not any("usable_at" in values for _, values in told(view(INVEST, BANK_WAITS, until=LATER)))


@pytest.mark.parametrize(
    ("person", "said"),
    [
        (FROZEN, "utter_token_is_frozen"),
        (FROZEN_FOR_GOOD, "utter_token_is_frozen_for_good"),
        (IN_BOTH, "utter_token_in_invest_app"),
    ],
)
def test_a_verified_customer_hears_the_state_and_again_without_another_code(
    world: World, person: Person, said: str
) -> None:
    chat = Chat(world, institution="icbca")
    assert chat.begin("token_status") == ["utter_ask_account"]
    assert chat.verify(person)[0] == said
    assert chat.begin("token_status")[0] == said


def test_the_code_comes_by_sms_only(world: World) -> None:
    chat = Chat(world, institution="icbca")
    chat.begin("token_status")
    chat.identify(FROZEN)
    assert "email" not in chat.messages[0]
    assert chat.press(otp_channel="email") == ["utter_otp_channel_unavailable", "utter_ask_otp_channel"]
    chat.press(otp_channel="sms")
    assert "email" not in chat.messages[0]


def test_behind_a_link_nothing_is_asked(world: World) -> None:
    chat = Chat(world, institution="icbca", link=True)
    assert chat.begin("token_status") == ["utter_otp_link_refused"]
    assert chat.form is None
