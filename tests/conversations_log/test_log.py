"""The conversation log: every message once, in one order; on a real SQLite file and on a real PostgreSQL."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, update
from sqlalchemy.orm import Session

from bot.conversations.log import TurnLost, hash_of
from bot.conversations.models import ConversationRow, MessageRow
from bot.conversations.values import Conversation, Received
from tests.conversations_log.gateway import THREADS, Gateway, at_once, bot, received, sqlalchemy_url

# --- numbers ------------------------------------------------------------------------------------------


def test_the_first_message_has_number_1(log: Gateway, conversation: Conversation) -> None:
    assert [m.seq for m in log.say(conversation.id, [bot("您好")])] == [1]


def test_numbers_are_consecutive_when_twenty_send_at_once(log: Gateway, conversation: Conversation) -> None:
    at_once(lambda number: log.exchange(conversation, received(f"request-{number}"), bot("好"), bot("還有嗎")))
    assert [message.seq for message, _ in log.after(conversation.id, 0)] == list(range(1, 3 * THREADS + 1))


def test_numbers_are_consecutive_when_two_gateways_write_at_once(
    url: str, log: Gateway, conversation: Conversation
) -> None:
    with Gateway(url) as other:
        gateways = [log, other]
        at_once(lambda number: gateways[number % 2].exchange(conversation, received(f"request-{number}"), bot("好")))
    assert [message.seq for message, _ in log.after(conversation.id, 0)] == list(range(1, 2 * THREADS + 1))


def test_an_answer_stands_right_after_its_message_and_together(log: Gateway, conversation: Conversation) -> None:
    at_once(lambda number: log.exchange(conversation, received(f"request-{number}", f"{number}"), bot("一"), bot("二")))
    said = [message for message, _ in log.after(conversation.id, 0)]
    for question, first, second in zip(said[::3], said[1::3], said[2::3], strict=True):
        assert (question.sender, first.text, second.text) == ("customer", "一", "二")
        assert question.request == first.request == second.request


def test_what_is_said_of_itself_does_not_disturb_a_turn(log: Gateway, conversation: Conversation) -> None:
    taken = log.receive(conversation, received("one")).conversation
    assert taken
    log.say(conversation.id, [bot("提醒")])
    assert [m.seq for m in log.answer(taken, "one", [bot("好")]).messages] == [3]


def test_each_conversation_counts_for_itself(log: Gateway) -> None:
    one, other = log.open("hnyc", "zh-Hant", False)[0], log.open("hnyc", "zh-Hant", False)[0]
    log.say(one.id, [bot("一"), bot("二")])
    assert [m.seq for m in log.say(other.id, [bot("一")])] == [1]


# --- once ---------------------------------------------------------------------------------------------


def test_the_same_id_is_taken_once_when_twenty_bring_it(log: Gateway, conversation: Conversation) -> None:
    outcomes = at_once(lambda _: log.accept(conversation, received("one")).outcome)
    assert outcomes.count("taken") == 1
    assert set(outcomes) <= {"taken", "waiting", "stale"}
    assert len(log.after(conversation.id, 0)) == 1


def test_the_same_id_is_answered_once_when_twenty_bring_it(log: Gateway, conversation: Conversation) -> None:
    answers = at_once(lambda number: log.exchange(conversation, received("one"), bot(f"回覆 {number}")))
    assert len({str(answer) for answer in answers}) == 1
    assert len(log.after(conversation.id, 0)) == 2


def test_of_twenty_answers_to_one_turn_one_is_kept(log: Gateway, conversation: Conversation) -> None:
    taken = log.receive(conversation, received("one")).conversation
    assert taken

    def answer(number: int) -> bool:
        try:
            log.answer(taken, "one", [bot(f"回覆 {number}")])
        except TurnLost:
            return False
        return True

    assert sum(at_once(answer)) == 1
    assert len(log.after(conversation.id, 1)) == 1


def test_an_answered_id_is_known_as_answered(log: Gateway, conversation: Conversation) -> None:
    log.exchange(conversation, received("one"), bot("好"))
    assert log.receive(conversation, received("one")).outcome == "answered"


def test_the_answer_to_an_id_can_be_read_again(log: Gateway, conversation: Conversation) -> None:
    said = log.exchange(conversation, received("one"), bot("好"), bot("還有嗎"))
    assert log.answers(conversation.id, "one") == said


def test_an_answer_without_messages_is_an_answer_too(log: Gateway, conversation: Conversation) -> None:
    log.exchange(conversation, received("one"))
    assert log.receive(conversation, received("one")).outcome == "answered"


def test_the_same_id_in_another_conversation_is_another_message(log: Gateway) -> None:
    one, other = log.open("hnyc", "zh-Hant", False)[0], log.open("hnyc", "zh-Hant", False)[0]
    brought = [log.receive(one, received("one")), log.receive(other, received("one", "別的"))]
    assert [accepted.outcome for accepted in brought] == ["taken", "taken"]


def test_other_content_under_the_same_id_is_refused(log: Gateway, conversation: Conversation) -> None:
    log.receive(conversation, received("one", "第一"))
    assert log.receive(conversation, received("one", "第二")).outcome == "other_content"


def test_the_first_content_of_an_id_is_kept(log: Gateway, conversation: Conversation) -> None:
    log.receive(conversation, received("one", "第一"))
    log.receive(conversation, received("one", "第二"))
    assert [m.text for m, _ in log.after(conversation.id, 0)] == ["第一"]


def test_other_content_is_refused_after_the_answer_too(log: Gateway, conversation: Conversation) -> None:
    log.exchange(conversation, received("one", "第一"), bot("好"))
    assert log.receive(conversation, received("one", "第二")).outcome == "other_content"


def test_other_content_is_refused_after_a_failure_too(log: Gateway) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    log.lose(conversation, received("one", "第一"))
    seen = log.find(token)
    assert seen
    assert log.accept(seen, received("one", "第二")).outcome == "other_content"
    assert log.accept(seen, received("one", "第一")).outcome == "taken"


def test_of_twenty_contents_under_one_id_one_is_taken(log: Gateway, conversation: Conversation) -> None:
    outcomes = at_once(lambda number: log.receive(conversation, received("one", f"內容 {number}")).outcome)
    assert sorted(outcomes) == [*["other_content"] * (THREADS - 1), "taken"]


def test_a_message_of_a_conversation_that_is_gone_is_not_taken(log: Gateway, conversation: Conversation) -> None:
    gone = replace(conversation, id="0" * 32)
    assert log.accept(gone, received("one")).outcome == "gone"


# --- failures -----------------------------------------------------------------------------------------


def test_a_failed_message_says_so(log: Gateway, conversation: Conversation) -> None:
    log.lose(conversation, received("one"))
    assert [state for _, state in log.after(conversation.id, 0)] == ["failed"]


def test_a_failed_message_may_be_tried_again(log: Gateway, conversation: Conversation) -> None:
    log.lose(conversation, received("one"))
    tried = log.receive(conversation, received("one"))
    assert (tried.outcome, tried.again) == ("taken", True)
    assert tried.conversation
    log.answer(tried.conversation, "one", [bot("好")])
    assert [state for _, state in log.after(conversation.id, 0)] == ["answered", None]


def test_a_second_try_is_not_logged_as_a_second_message(log: Gateway, conversation: Conversation) -> None:
    log.lose(conversation, received("one"))
    log.receive(conversation, received("one"))
    assert len(log.after(conversation.id, 0)) == 1


def test_a_failure_that_comes_late_does_not_undo_an_answer(log: Gateway, conversation: Conversation) -> None:
    taken = log.receive(conversation, received("one")).conversation
    assert taken
    log.answer(taken, "one", [bot("好")])
    log.fail(taken, "one")
    assert log.receive(conversation, received("one")).outcome == "answered"


def test_a_second_try_asks_what_the_first_asked(log: Gateway, conversation: Conversation) -> None:
    secret = Received("one", "print", "••••••", "zh-Hant", None)
    taken = log.receive(conversation, secret).conversation
    assert taken
    log.note(conversation.id, "one", {"payload": "/inform"})
    log.fail(taken, "one")
    assert log.receive(conversation, secret).turn == {"payload": "/inform"}


def test_what_is_logged_outlives_the_process(url: str, log: Gateway, conversation: Conversation) -> None:
    log.receive(conversation, received("one", "留著"))
    with Gateway(url) as later:
        assert [m.text for m, _ in later.after(conversation.id, 0)] == ["留著"]


def test_an_odd_text_is_kept_or_shown_to_be_cut(log: Gateway, conversation: Conversation) -> None:
    # PostgreSQL has no NUL in a text; nothing is lost silently.
    log.exchange(conversation, received("one", "a\0b\u2028😀", "print"), bot("\0"))
    assert [m.text.replace("\ufffd", "\0") for m, _ in log.after(conversation.id, 0)] == ["a\0b\u2028😀", "\0"]


# --- reading ------------------------------------------------------------------------------------------


@pytest.fixture
def talk(log: Gateway, conversation: Conversation) -> str:
    """A greeting, an answered, a failed and a waiting message."""
    log.say(conversation.id, [bot("您好")])
    log.exchange(conversation, received("answered", "answered"), bot("好"), bot("還有嗎"))
    log.lose(conversation, received("failed", "failed"))
    log.receive(conversation, received("waiting", "waiting"))
    return conversation.id


def test_messages_come_in_order(log: Gateway, talk: str) -> None:
    assert [m.text for m, _ in log.after(talk, 0)] == ["您好", "answered", "好", "還有嗎", "failed", "waiting"]


def test_only_a_customers_message_has_a_state(log: Gateway, talk: str) -> None:
    states = {m.text: state for m, state in log.after(talk, 0)}
    assert states == {
        "您好": None,
        "answered": "answered",
        "好": None,
        "還有嗎": None,
        "failed": "failed",
        "waiting": "received",
    }


@pytest.mark.parametrize("seq", range(8))
def test_only_messages_after_a_number_come(log: Gateway, talk: str, seq: int) -> None:
    assert [m.seq for m, _ in log.after(talk, seq)] == list(range(seq + 1, 7))


def test_no_more_messages_come_than_asked_for(log: Gateway, talk: str) -> None:
    assert [m.seq for m, _ in log.after(talk, 1, most=2)] == [2, 3]


def test_a_conversation_is_read_without_the_others(log: Gateway, talk: str) -> None:
    other = log.open("hnyc", "zh-Hant", False)[0]
    assert log.after(other.id, 0) == []


def test_a_message_is_found_by_its_number(log: Gateway, talk: str) -> None:
    found = log.message(talk, 3)
    assert found is not None
    assert found.text == "好"


def test_no_message_is_found_where_none_is(log: Gateway, talk: str) -> None:
    assert log.message(talk, 99) is None


def test_the_time_of_a_message_has_its_zone(log: Gateway, talk: str) -> None:
    assert {m.at.utcoffset() for m, _ in log.after(talk, 0)} == {timedelta(0)}


# --- what is open -------------------------------------------------------------------------------------


def awaiting(log: Gateway, token: str) -> object:
    found = log.find(token)
    assert found is not None
    return found.awaiting


def test_the_latest_question_of_an_answer_is_open(log: Gateway) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    log.exchange(conversation, received("one"), bot("帳號？", "account"), bot("驗證碼？", "code"))
    assert awaiting(log, token) == {"kind": "code"}


def test_an_answer_without_a_question_closes_the_one_before(log: Gateway) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    for id_, ask in (("one", "code"), ("two", None)):
        log.exchange(conversation, received(id_), bot("好", ask))
    assert awaiting(log, token) is None


def test_a_failed_message_leaves_the_question_open(log: Gateway) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    log.exchange(conversation, received("one"), bot("驗證碼？", "code"))
    log.lose(conversation, received("two"))
    assert awaiting(log, token) == {"kind": "code"}


def test_the_conversation_goes_on_in_the_language_of_the_latest_message(log: Gateway) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    log.receive(conversation, received("one", language="en"))
    found = log.find(token)
    assert found is not None
    assert found.language == "en"


# --- whose it is --------------------------------------------------------------------------------------


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_a_token_finds_its_conversation(log: Gateway) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", True)
    found = log.find(token)
    assert found is not None
    assert (found.id, found.institution, found.link) == (conversation.id, "hnyc", True)


@pytest.mark.parametrize("change", [str.upper, str.swapcase, lambda t: t[:-1], lambda t: t + "=", lambda t: " " + t])
def test_a_token_that_is_not_quite_right_finds_nothing(log: Gateway, change: Callable[[str], str]) -> None:
    _, token = log.open("hnyc", "zh-Hant", False)
    assert change(token) == token or log.find(change(token)) is None


@pytest.mark.parametrize("given", ["", "x", "\ud800", "' OR 1=1 --", "null", "0" * 64])
def test_a_made_up_token_finds_nothing(log: Gateway, conversation: Conversation, given: str) -> None:
    assert log.find(given) is None


def test_the_hash_of_a_token_is_not_a_token(log: Gateway) -> None:
    _, token = log.open("hnyc", "zh-Hant", False)
    assert log.find(hash_of(token)) is None


def test_the_id_and_the_reference_of_a_conversation_are_no_tokens(log: Gateway) -> None:
    conversation, _ = log.open("hnyc", "zh-Hant", False)
    assert (log.find(conversation.id), log.find(conversation.reference)) == (None, None)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_token_is_kept_as_a_hash_only(log: Gateway, tmp_path: Path) -> None:
    _, token = log.open("hnyc", "zh-Hant", False)
    disk = everything_on_disk(tmp_path)
    assert hashlib.sha256(token.encode()).hexdigest().encode() in disk
    assert token.encode() not in disk


def test_a_token_has_256_bits(log: Gateway) -> None:
    # 43 characters of 6 bits, as secrets.token_urlsafe(32) gives them.
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", log.open("hnyc", "zh-Hant", False)[1])


def test_no_two_conversations_share_id_token_or_reference(log: Gateway) -> None:
    opened = [log.open("hnyc", "zh-Hant", False) for _ in range(50)]
    assert len({c.id for c, _ in opened} | {t for _, t in opened} | {c.reference for c, _ in opened}) == 150


def test_a_reference_can_be_read_out(conversation: Conversation) -> None:
    assert re.fullmatch(r"C-[2-9A-HJ-NP-Z]{6}", conversation.reference)


# --- from which notice --------------------------------------------------------------------------------


def test_the_notice_whose_link_opened_it_is_kept(log: Gateway) -> None:
    _, token = log.open("hnyc", "zh-Hant", True, "NT-20261120-7K3M-QXRT")
    found = log.find(token)
    assert found is not None
    assert (found.link, found.notice) == (True, "NT-20261120-7K3M-QXRT")


def test_without_a_notice_there_is_none(log: Gateway) -> None:
    _, token = log.open("hnyc", "zh-Hant", False)
    found = log.find(token)
    assert found is not None
    assert found.notice == ""


# --- how long it is kept ------------------------------------------------------------------------------


def make_old(url: str, conversation: Conversation, days: int) -> None:
    engine = create_engine(sqlalchemy_url(url))
    with Session(engine) as session:
        old = datetime.now(UTC) - timedelta(days=days)
        session.execute(update(ConversationRow).where(ConversationRow.id == conversation.id).values(opened_at=old))
        session.execute(update(MessageRow).where(MessageRow.conversation == conversation.id).values(at=old))
        session.commit()
    engine.dispose()


def test_a_conversation_that_was_silent_for_a_year_goes_with_all_of_it(url: str, log: Gateway) -> None:
    old, young = (log.open("hnyc", "zh-Hant", False)[0] for _ in range(2))
    for conversation in (old, young):
        log.exchange(conversation, received("m1"), bot("您好"))
    make_old(url, old, 366)
    assert log.log.purge(None, dry_run=True).conversations == 1
    assert (len(log.after(old.id, 0)), log.log.purge(None, dry_run=False).conversations) == (2, 1)
    assert (log.after(old.id, 0), len(log.after(young.id, 0))) == ([], 2)
    assert log.log.purge(None, dry_run=False).conversations == 0


def test_a_conversation_that_goes_on_stays_however_long_ago_it_was_opened(url: str, log: Gateway) -> None:
    conversation = log.open("hnyc", "zh-Hant", False)[0]
    make_old(url, conversation, 400)
    log.say(conversation.id, [bot("您好")])
    assert log.log.purge(0, dry_run=False).conversations == 0
    assert len(log.after(conversation.id, 0)) == 1
