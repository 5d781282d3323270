"""Whether an e-mail is one of ours: by reference, from the conversation's link, or from the list."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from actions.notice_check import SUBJECTS
from actions.security.notices import NOTICES
from bot.settings import ROOT
from tests.actions.chat import Chat
from tests.actions.world import LOCKED, NORMAL, Person, World

UNKNOWN = "NT-20261120-7K3M-9PQR"


@pytest.fixture
def chat(world: World) -> Chat:
    return Chat(world)


def notified(world: World, person: Person) -> dict[str, Any]:
    """Have `person` log in to the chat, which sends a notice; return its row."""
    chat = Chat(world, "elsewhere")
    chat.begin("one_time_code")
    chat.verify(person)
    (row,) = world.rows()["notice"].values()
    return row


def test_without_a_reference_it_is_asked_for(chat: Chat) -> None:
    assert chat.begin("notice_check", "查證這封信") == ["utter_ask_checked_notice"]


@pytest.mark.parametrize("where", ["message", "form", "link"])
def test_a_reference_is_found_wherever_it_comes_from(world: World, where: str) -> None:
    row = notified(world, NORMAL)
    chat = Chat(world, notice=row["reference"] if where == "link" else "")
    said = chat.begin("notice_check", f"幫我查 {row['reference']}" if where == "message" else "查證這封信")
    if where == "form":
        said = chat.say(f"編號是 {row['reference'].lower()}", "check_notice")
    assert said == ["utter_notice_found"]
    assert chat.form is None
    found = chat.messages[0]
    assert (found["subject"], found["mailbox"]) == (SUBJECTS["login_success"], "z**@example.com")
    assert found["at"] == "2026/11/20 10:00:00（線上客服）"


@pytest.mark.parametrize("person", [None, NORMAL, LOCKED], ids=["nobody", "its owner", "somebody else"])
def test_wrong_and_foreign_references_get_the_same_words(world: World, person: Person | None) -> None:
    row = notified(world, NORMAL)
    chat = Chat(world)
    if person:
        chat.begin("one_time_code")
        world.clock.pass_(seconds=61)
        chat.verify(person)
    wrong = chat.begin("notice_check", f"查 {UNKNOWN}")
    messages = chat.messages
    assert wrong == ["utter_notice_unknown"]
    if person is LOCKED:
        assert chat.begin("notice_check", f"查 {row['reference']}") == wrong
        assert chat.messages == messages


@pytest.mark.parametrize(
    "words",
    [
        "沒有編號",
        "找不到編號",
        "没有",
        "I can't find it",
        "there is no reference",
        "昨天早上的登入成功通知",
        "11/18 那封密碼鎖住",
    ],
)
def test_who_has_no_reference_is_verified_and_sees_the_list(chat: Chat, words: str) -> None:
    chat.begin("notice_check", "查證這封信")
    assert chat.say(words, "report_status") == ["utter_notice_list_begins", "utter_ask_account"]
    assert chat.verify(NORMAL) == ["utter_notice_list"]
    assert SUBJECTS["login_success"] in chat.messages[0]["listed"]


def test_the_button_for_no_reference_goes_on_to_the_list(chat: Chat) -> None:
    chat.begin("notice_check", "查證這封信")
    assert chat.press(checked_notice="none") == ["utter_notice_list_begins", "utter_ask_account"]


def test_who_tells_the_day_at_once_is_not_asked_for_a_reference(chat: Chat) -> None:
    said = chat.begin("notice_check", "幫我查昨天早上的登入成功通知是不是你們寄的")
    assert said == ["utter_notice_list_begins", "utter_ask_account"]


def test_what_looks_like_no_reference_of_ours_is_asked_again(chat: Chat) -> None:
    chat.begin("notice_check", "查證這封信")
    assert chat.say("9182736", "nlu_fallback") == ["utter_notice_reference_unreadable", "utter_ask_checked_notice"]


def test_a_question_in_between_is_left_to_the_rules(chat: Chat) -> None:
    chat.begin("notice_check", "查證這封信")
    assert chat.say("怎麼分辨真信", "notice_authentic") == ["rejected"]
    assert chat.asked == "checked_notice"


def test_the_list_again_needs_no_other_code(chat: Chat) -> None:
    chat.begin("notice_check", "查證這封信")
    chat.press(checked_notice="none")
    chat.verify(NORMAL)
    chat.begin("notice_check", "查證這封信")
    assert chat.press(checked_notice="none") == ["utter_notice_list"]


def test_the_same_wish_while_being_verified_for_the_list_goes_on(chat: Chat) -> None:
    chat.begin("notice_check", "查證這封信")
    chat.press(checked_notice="none")
    chat.enter("account", NORMAL.number)
    assert chat.begin("notice_check", "查證這封信") == ["utter_continue", "utter_ask_birth_date"]
    assert chat.begin("notice_check", f"找到了 {UNKNOWN}") == ["utter_notice_unknown"]
    assert chat.form is None


def test_the_subjects_are_those_of_the_e_mails() -> None:
    assert tuple(SUBJECTS) == NOTICES
    for kind, subject in SUBJECTS.items():
        for language in ("zh-Hant", "zh-Hans", "en"):
            file = ROOT / "actions" / "templates" / "e-mail" / language / f"{kind}.subject.txt"
            assert file.read_text(encoding="utf-8").strip() == subject


def test_the_words_for_an_unknown_reference_name_our_sender_and_the_hotline() -> None:
    words = yaml.safe_load((ROOT / "data" / "flows" / "notice_check.yml").read_text(encoding="utf-8"))["responses"]
    for variation in words["utter_notice_unknown"]:
        assert "{notice_sender_address}" in variation["text"]
        assert "{hotline}" in variation["text"]
