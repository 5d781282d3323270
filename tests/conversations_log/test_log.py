"""The conversation log on a real SQLite file: every message once, in one order."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, update
from sqlalchemy.orm import Session

from bot.conversations.log import ConversationLog, OtherContent, Received, Said
from bot.conversations.models import Conversation, Message

THREADS = 20


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/conversations.sqlite"


@pytest.fixture
def log(url: str) -> ConversationLog:
    return ConversationLog(url)


@pytest.fixture
def conversation(log: ConversationLog) -> Conversation:
    return log.open("hnyc", "zh-Hant", False)[0]


def received(id_: str, text: str = "測試", fingerprint: str | None = None, language: str = "zh-Hant") -> Received:
    return Received(id_, fingerprint or f"print of {text}", text, language, {"text": text})


def bot(text: str, ask: str | None = None) -> Said:
    return Said("bot", text, [], {"kind": ask} if ask else None)


def at_once(job: Callable[[int], object]) -> list[object]:
    """Return what `job` returns in each of twenty threads that begin together."""
    gate = threading.Barrier(THREADS)

    def run(number: int) -> object:
        gate.wait()
        return job(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


# --- numbers ------------------------------------------------------------------------------------------


def test_the_first_message_has_number_1(log: ConversationLog, conversation: Conversation) -> None:
    assert [m.seq for m in log.say(conversation.id, [bot("您好")])] == [1]


def test_numbers_are_consecutive_when_twenty_send_at_once(log: ConversationLog, conversation: Conversation) -> None:
    def exchange(number: int) -> None:
        log.receive(conversation.id, received(f"request-{number}"))
        log.answer(conversation.id, f"request-{number}", [bot("好"), bot("還有嗎")])

    at_once(exchange)
    assert [message.seq for message, _ in log.after(conversation.id, 0)] == list(range(1, 3 * THREADS + 1))


def test_numbers_are_consecutive_when_two_gateways_write_at_once(url: str, conversation: Conversation) -> None:
    gateways = [ConversationLog(url), ConversationLog(url)]
    at_once(lambda number: gateways[number % 2].receive(conversation.id, received(f"request-{number}")))
    assert [message.seq for message, _ in gateways[0].after(conversation.id, 0)] == list(range(1, THREADS + 1))


def test_the_messages_of_one_answer_stand_together(log: ConversationLog, conversation: Conversation) -> None:
    def exchange(number: int) -> None:
        log.receive(conversation.id, received(f"request-{number}"))
        log.answer(conversation.id, f"request-{number}", [bot("一"), bot("二")])

    at_once(exchange)
    answers = [m for m, _ in log.after(conversation.id, 0) if m.sender == "bot"]
    for first, second in zip(answers[::2], answers[1::2], strict=True):
        assert (first.request, first.text, second.text, second.seq) == (second.request, "一", "二", first.seq + 1)


def test_each_conversation_counts_for_itself(log: ConversationLog) -> None:
    one, other = log.open("hnyc", "zh-Hant", False)[0], log.open("hnyc", "zh-Hant", False)[0]
    log.say(one.id, [bot("一"), bot("二")])
    assert [m.seq for m in log.say(other.id, [bot("一")])] == [1]


# --- once ---------------------------------------------------------------------------------------------


def test_the_same_id_is_new_once_when_twenty_bring_it(log: ConversationLog, conversation: Conversation) -> None:
    states = at_once(lambda _: log.receive(conversation.id, received("one")))
    assert states.count("new") == 1


def test_the_same_id_is_logged_once_when_twenty_bring_it(log: ConversationLog, conversation: Conversation) -> None:
    at_once(lambda _: log.receive(conversation.id, received("one")))
    assert len(log.after(conversation.id, 0)) == 1


def test_the_same_id_is_answered_once_when_twenty_answer_it(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    answers = at_once(
        lambda number: [m.text for m in log.answer(conversation.id, "one", [bot(f"回覆 {number}")])],
    )
    assert len({str(answer) for answer in answers}) == 1
    assert len(log.after(conversation.id, 1)) == 1


def test_an_answered_id_is_known_as_answered(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    log.answer(conversation.id, "one", [bot("好")])
    assert log.receive(conversation.id, received("one")) == "answered"


def test_the_answer_to_an_id_can_be_read_again(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    said = log.answer(conversation.id, "one", [bot("好"), bot("還有嗎")])
    assert [m.seq for m in log.answers(conversation.id, "one")] == [m.seq for m in said]


def test_an_answer_without_messages_is_an_answer_too(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    log.answer(conversation.id, "one", [])
    assert log.receive(conversation.id, received("one")) == "answered"


def test_the_same_id_in_another_conversation_is_another_message(log: ConversationLog) -> None:
    one, other = log.open("hnyc", "zh-Hant", False)[0], log.open("hnyc", "zh-Hant", False)[0]
    assert log.receive(one.id, received("one")) == log.receive(other.id, received("one", "別的")) == "new"


def test_other_content_under_the_same_id_is_refused(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one", "第一"))
    with pytest.raises(OtherContent):
        log.receive(conversation.id, received("one", "第二"))


def test_the_first_content_of_an_id_is_kept(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one", "第一"))
    with pytest.raises(OtherContent):
        log.receive(conversation.id, received("one", "第二"))
    assert [m.text for m, _ in log.after(conversation.id, 0)] == ["第一"]


def test_other_content_is_refused_after_the_answer_too(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one", "第一"))
    log.answer(conversation.id, "one", [bot("好")])
    with pytest.raises(OtherContent):
        log.receive(conversation.id, received("one", "第二"))


def test_of_twenty_contents_under_one_id_one_is_taken(log: ConversationLog, conversation: Conversation) -> None:
    def bring(number: int) -> str:
        try:
            return log.receive(conversation.id, received("one", f"內容 {number}"))
        except OtherContent:
            return "refused"

    assert sorted(str(state) for state in at_once(bring)) == ["new", *["refused"] * (THREADS - 1)]


# --- failures -----------------------------------------------------------------------------------------


def test_a_failed_message_says_so(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    log.fail(conversation.id, "one")
    assert [state for _, state in log.after(conversation.id, 0)] == ["failed"]


def test_a_failed_message_may_be_tried_again(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    log.fail(conversation.id, "one")
    assert log.receive(conversation.id, received("one")) == "failed"
    log.answer(conversation.id, "one", [bot("好")])
    assert log.receive(conversation.id, received("one")) == "answered"


def test_a_second_try_is_not_logged_as_a_second_message(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    log.fail(conversation.id, "one")
    log.receive(conversation.id, received("one"))
    assert len(log.after(conversation.id, 0)) == 1


def test_a_failure_that_comes_late_does_not_undo_an_answer(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one"))
    log.answer(conversation.id, "one", [bot("好")])
    log.fail(conversation.id, "one")
    assert log.receive(conversation.id, received("one")) == "answered"


def test_a_second_try_asks_what_the_first_asked(log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, Received("one", "print", "••••••", "zh-Hant", None))
    log.set_turn(conversation.id, "one", {"payload": "/inform"})
    log.fail(conversation.id, "one")
    assert log.turn(conversation.id, "one")[1] == {"payload": "/inform"}


def test_what_is_logged_outlives_the_process(url: str, log: ConversationLog, conversation: Conversation) -> None:
    log.receive(conversation.id, received("one", "留著"))
    assert [m.text for m, _ in ConversationLog(url).after(conversation.id, 0)] == ["留著"]


# --- reading ------------------------------------------------------------------------------------------


@pytest.fixture
def talk(log: ConversationLog, conversation: Conversation) -> str:
    """A greeting, an answered, a failed and a waiting message."""
    log.say(conversation.id, [bot("您好")])
    for id_ in ("answered", "failed", "waiting"):
        log.receive(conversation.id, received(id_, id_))
        if id_ == "answered":
            log.answer(conversation.id, id_, [bot("好"), bot("還有嗎")])
        if id_ == "failed":
            log.fail(conversation.id, id_)
    return conversation.id


def test_messages_come_in_order(log: ConversationLog, talk: str) -> None:
    assert [m.text for m, _ in log.after(talk, 0)] == ["您好", "answered", "好", "還有嗎", "failed", "waiting"]


def test_only_a_customers_message_has_a_state(log: ConversationLog, talk: str) -> None:
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
def test_only_messages_after_a_number_come(log: ConversationLog, talk: str, seq: int) -> None:
    assert [m.seq for m, _ in log.after(talk, seq)] == list(range(seq + 1, 7))


def test_no_more_messages_come_than_asked_for(log: ConversationLog, talk: str) -> None:
    assert [m.seq for m, _ in log.after(talk, 1, most=2)] == [2, 3]


def test_a_conversation_is_read_without_the_others(log: ConversationLog, talk: str) -> None:
    other = log.open("hnyc", "zh-Hant", False)[0]
    assert log.after(other.id, 0) == []


def test_a_message_is_found_by_its_number(log: ConversationLog, talk: str) -> None:
    found = log.message(talk, 3)
    assert found is not None
    assert found.text == "好"


def test_no_message_is_found_where_none_is(log: ConversationLog, talk: str) -> None:
    assert log.message(talk, 99) is None


def test_the_time_of_a_message_has_its_zone(log: ConversationLog, talk: str) -> None:
    assert {m.at.utcoffset() for m, _ in log.after(talk, 0)} == {timedelta(0)}


# --- what is open -------------------------------------------------------------------------------------


def awaiting(log: ConversationLog, token: str) -> object:
    found = log.find(token)
    assert found is not None
    return found.awaiting


def test_the_latest_question_of_an_answer_is_open(log: ConversationLog) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    log.receive(conversation.id, received("one"))
    log.answer(conversation.id, "one", [bot("帳號？", "account"), bot("驗證碼？", "code")])
    assert awaiting(log, token) == {"kind": "code"}


def test_an_answer_without_a_question_closes_the_one_before(log: ConversationLog) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    for id_, ask in (("one", "code"), ("two", None)):
        log.receive(conversation.id, received(id_))
        log.answer(conversation.id, id_, [bot("好", ask)])
    assert awaiting(log, token) is None


def test_a_failed_message_leaves_the_question_open(log: ConversationLog) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    log.receive(conversation.id, received("one"))
    log.answer(conversation.id, "one", [bot("驗證碼？", "code")])
    log.receive(conversation.id, received("two"))
    log.fail(conversation.id, "two")
    assert awaiting(log, token) == {"kind": "code"}


def test_the_conversation_goes_on_in_the_language_of_the_latest_message(log: ConversationLog) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", False)
    log.receive(conversation.id, received("one", language="en"))
    found = log.find(token)
    assert found is not None
    assert found.language == "en"


# --- whose it is --------------------------------------------------------------------------------------


def everything_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_a_token_finds_its_conversation(log: ConversationLog) -> None:
    conversation, token = log.open("hnyc", "zh-Hant", True)
    found = log.find(token)
    assert found is not None
    assert (found.id, found.institution, found.link) == (conversation.id, "hnyc", True)


@pytest.mark.parametrize("change", [str.upper, str.swapcase, lambda t: t[:-1], lambda t: t + "=", lambda t: " " + t])
def test_a_token_that_is_not_quite_right_finds_nothing(log: ConversationLog, change: Callable[[str], str]) -> None:
    _, token = log.open("hnyc", "zh-Hant", False)
    assert change(token) == token or log.find(change(token)) is None


@pytest.mark.parametrize("given", ["", "x", "\ud800", "' OR 1=1 --", "null", "0" * 64])
def test_a_made_up_token_finds_nothing(log: ConversationLog, conversation: Conversation, given: str) -> None:
    assert log.find(given) is None


def test_the_hash_of_a_token_is_not_a_token(log: ConversationLog) -> None:
    conversation, _ = log.open("hnyc", "zh-Hant", False)
    assert log.find(conversation.token_hash) is None


def test_the_id_and_the_reference_of_a_conversation_are_no_tokens(log: ConversationLog) -> None:
    conversation, _ = log.open("hnyc", "zh-Hant", False)
    assert (log.find(conversation.id), log.find(conversation.reference)) == (None, None)


def test_a_token_is_kept_as_a_hash_only(log: ConversationLog, tmp_path: Path) -> None:
    _, token = log.open("hnyc", "zh-Hant", False)
    disk = everything_on_disk(tmp_path)
    assert hashlib.sha256(token.encode()).hexdigest().encode() in disk
    assert token.encode() not in disk


def test_a_token_has_256_bits(log: ConversationLog) -> None:
    # 43 characters of 6 bits, as secrets.token_urlsafe(32) gives them.
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", log.open("hnyc", "zh-Hant", False)[1])


def test_no_two_conversations_share_id_token_or_reference(log: ConversationLog) -> None:
    opened = [log.open("hnyc", "zh-Hant", False) for _ in range(50)]
    assert len({c.id for c, _ in opened} | {t for _, t in opened} | {c.reference for c, _ in opened}) == 150


def test_a_reference_can_be_read_out(conversation: Conversation) -> None:
    assert re.fullmatch(r"C-[2-9A-HJ-NP-Z]{6}", conversation.reference)


# --- from which notice --------------------------------------------------------------------------------


def test_the_notice_whose_link_opened_it_is_kept(log: ConversationLog) -> None:
    _, token = log.open("hnyc", "zh-Hant", True, "NT-20261120-7K3M-QXRT")
    found = log.find(token)
    assert found is not None
    assert (found.link, found.notice) == (True, "NT-20261120-7K3M-QXRT")


def test_without_a_notice_there_is_none(log: ConversationLog) -> None:
    _, token = log.open("hnyc", "zh-Hant", False)
    found = log.find(token)
    assert found is not None
    assert found.notice == ""


# --- how long it is kept ------------------------------------------------------------------------------


def make_old(url: str, conversation: Conversation, days: int) -> None:
    engine = create_engine(url)
    with Session(engine) as session:
        old = datetime.now(UTC) - timedelta(days=days)
        session.execute(update(Conversation).where(Conversation.id == conversation.id).values(opened_at=old))
        session.execute(update(Message).where(Message.conversation == conversation.id).values(at=old))
        session.commit()
    engine.dispose()


def test_a_conversation_that_was_silent_for_a_year_goes_with_all_of_it(url: str, log: ConversationLog) -> None:
    old, young = (log.open("hnyc", "zh-Hant", False)[0] for _ in range(2))
    for conversation in (old, young):
        log.receive(conversation.id, received("m1"))
        log.answer(conversation.id, "m1", [bot("您好")])
    make_old(url, old, 366)
    assert log.purge(None, dry_run=True).conversations == 1
    assert (len(log.after(old.id, 0)), log.purge(None, dry_run=False).conversations) == (2, 1)
    assert (log.after(old.id, 0), len(log.after(young.id, 0))) == ([], 2)
    assert log.purge(None, dry_run=False).conversations == 0


def test_a_conversation_that_goes_on_stays_however_long_ago_it_was_opened(url: str, log: ConversationLog) -> None:
    conversation = log.open("hnyc", "zh-Hant", False)[0]
    make_old(url, conversation, 400)
    log.say(conversation.id, [bot("您好")])
    assert log.purge(0, dry_run=False).conversations == 0
    assert len(log.after(conversation.id, 0)) == 1
