"""«It was not me»: what is said first, the protection, and what comes after it."""

from __future__ import annotations

import re

import pytest
import yaml

from bot.settings import ROOT
from tests.actions.chat import Chat
from tests.actions.world import LOCKED, NORMAL, World


@pytest.fixture
def chat(world: World) -> Chat:
    return Chat(world)


def test_the_first_message_says_what_to_do_and_the_details_are_asked_at_once(chat: Chat) -> None:
    assert chat.begin("not_me") == ["utter_not_me_first", "utter_ask_account"]


def test_a_verified_customer_is_protected_and_gets_a_reference(chat: Chat) -> None:
    chat.begin("not_me")
    assert chat.verify(NORMAL) == ["utter_protected"]
    assert re.fullmatch(r"NM-\d{8}-[0-9A-Z]{4}", chat.messages[0]["report"])
    assert chat.form is None


def test_once_more_is_the_same_reference(chat: Chat) -> None:
    chat.begin("not_me")
    chat.verify(NORMAL)
    report = chat.messages[0]["report"]
    assert chat.begin("not_me") == ["utter_account_protected"]
    assert chat.messages[0]["report"] == report


def test_in_another_conversation_it_is_the_same_reference_too(world: World) -> None:
    reports = []
    for conversation in ("c1", "c2"):
        chat = Chat(world, conversation)
        chat.begin("not_me")
        assert chat.verify(NORMAL) == ["utter_protected"]
        reports.append(chat.messages[0]["report"])
        world.clock.pass_(seconds=61)
    assert reports[0] == reports[1]


@pytest.mark.parametrize("noun", ["password_unlock", "password_reissue", "certificate_renewal"])
def test_after_it_nothing_is_asked_for_what_is_stopped(chat: Chat, noun: str) -> None:
    chat.begin("not_me")
    chat.verify(LOCKED)
    report = chat.messages[0]["report"]
    assert chat.begin(noun) == ["utter_account_protected"]
    assert (chat.form, chat.messages[0]["report"]) == (None, report)


def test_the_notice_that_it_began_with_is_kept(world: World) -> None:
    chat = Chat(world, link=True, notice="NT-20261120-7K3M-9PQR")
    chat.begin("not_me")
    chat.verify(NORMAL)
    evidence = world.services.protection.evidence(chat.messages[0]["report"], "demo staff")
    assert evidence["began_with"] == "NT-20261120-7K3M-9PQR"


def test_whoever_finds_a_stranger_while_unlocking_is_not_asked_again(chat: Chat) -> None:
    chat.begin("password_unlock")
    chat.identify(LOCKED)
    assert chat.begin("not_me") == ["utter_not_me_first", "utter_ask_otp_channel"]


def test_what_is_said_after_it_offers_no_unlock() -> None:
    words = yaml.safe_load((ROOT / "data" / "flows" / "not_me.yml").read_text(encoding="utf-8"))["responses"]
    payloads = {b["payload"] for said in words.values() for one in said for b in one.get("buttons") or ()}
    assert payloads & {"/unlock_password", "/reissue_password", "/renew_certificate"} == set()
