"""Whose turn it is: one at a time over all gateways, given back by an answer, a failure or time (G27, T50)."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.contracts import sqlite
from bot.conversations import log as module
from bot.conversations.log import LEASE_SECONDS, LogDown, TurnLost
from bot.conversations.on_postgresql import SECONDS
from bot.conversations.values import Conversation, Received
from bot.gateway.turns import ANSWER_SECONDS
from bot.rig.postgresql import PostgresServer
from tests.actions.security.rounds import rounds, told
from tests.conversations_log.gateway import THREADS, Gateway, at_once, bot, received

SHORT_SECONDS = 0.4
spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def other(url: str) -> Iterator[Gateway]:
    """A second gateway with the same log."""
    with Gateway(url) as started:
        yield started


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that is lost soon."""
    monkeypatch.setattr(module, "LEASE_SECONDS", SHORT_SECONDS)


def take(gateway: Gateway, conversation: Conversation, id_: str) -> Conversation:
    taken = gateway.receive(conversation, received(id_)).conversation
    assert taken
    return taken


# --- one at a time ------------------------------------------------------------------------------------


def test_another_message_waits_and_is_not_kept(log: Gateway, other: Gateway, conversation: Conversation) -> None:
    taken = take(log, conversation, "one")
    assert other.accept(taken, received("two")).outcome == "waiting"
    assert [m.request for m, _ in log.after(conversation.id, 0)] == ["one"]


def test_an_answer_gives_the_turn_back(log: Gateway, other: Gateway, conversation: Conversation) -> None:
    after = log.answer(take(log, conversation, "one"), "one", [bot("好")]).conversation
    assert other.accept(after, received("two")).outcome == "taken"


def test_a_failure_gives_the_turn_back(log: Gateway, other: Gateway, conversation: Conversation) -> None:
    log.fail(take(log, conversation, "one"), "one")
    assert other.receive(conversation, received("two")).outcome == "taken"


def test_nothing_is_decided_by_a_conversation_as_it_was(
    log: Gateway, other: Gateway, conversation: Conversation
) -> None:
    # An answer without a message moves nothing but the question that is open.
    taken = take(log, conversation, "one")
    asked = log.answer(taken, "one", [bot("驗證碼？", "code")]).conversation
    log.exchange(asked, received("two"))
    stale = other.accept(asked, received("three"))
    assert (stale.outcome, stale.conversation and stale.conversation.awaiting) == ("stale", None)
    assert len(log.after(conversation.id, 0)) == 3


def test_a_step_that_is_over_is_not_taken(log: Gateway, conversation: Conversation) -> None:
    over = Received("one", "print", "是", "zh-Hant", {}, is_current=False)
    assert log.accept(conversation, over).outcome == "not_current"
    assert log.after(conversation.id, 0) == []


def test_a_step_that_is_known_is_taken_again(log: Gateway, conversation: Conversation) -> None:
    log.lose(conversation, received("one"))
    over = Received("one", "print of 測試", "測試", "zh-Hant", {}, is_current=False)
    assert log.receive(conversation, over).outcome == "taken"


def test_an_old_yes_that_failed_confirms_nothing_new(log: Gateway, conversation: Conversation) -> None:
    """Pressed, failed, and pressed again after the customer has gone on: by then another question is open."""
    yes = Received("yes", "print of yes", "是", "zh-Hant", {"payload": "/inform{}"})
    log.fail(conversation := log.receive(conversation, yes).conversation or conversation, "yes")
    asked = log.answer(take(log, conversation, "two"), "two", [bot("要換發密碼嗎？", "confirm")]).conversation
    over = Received("yes", "print of yes", "是", "zh-Hant", {"payload": "/inform{}"}, is_current=False)
    assert log.receive(asked, over).outcome == "not_current"
    assert [m.request for m, _ in log.after(conversation.id, 0)] == ["yes", "two", "two"]


def test_of_twenty_that_take_the_turn_at_once_one_has_it(
    log: Gateway, other: Gateway, conversation: Conversation
) -> None:
    gateways, kept = [log, other], rounds(10)
    for number in range(kept):
        fresh = log.open("hnyc", "zh-Hant", False)[0]
        outcomes = at_once(lambda n: gateways[n % 2].accept(fresh, received(f"{number}-{n}")).outcome)  # noqa: B023
        assert outcomes.count("taken") == 1
        assert len(log.after(fresh.id, 0)) == 1


def test_twenty_messages_at_two_gateways_are_kept_once_each_and_answered_in_order(
    log: Gateway, other: Gateway, conversation: Conversation
) -> None:
    gateways = [log, other]
    at_once(lambda n: gateways[n % 2].exchange(conversation, received(f"{n}", f"第 {n} 句"), bot(f"回覆 {n}")))
    said = [message for message, _ in log.after(conversation.id, 0)]
    assert sorted(m.request or "" for m in said[::2]) == sorted(str(n) for n in range(THREADS))
    assert [m.text for m in said[1::2]] == [f"回覆 {m.request}" for m in said[::2]]


# --- a turn that is not given back --------------------------------------------------------------------


def test_a_lease_is_longer_than_a_turn() -> None:
    assert LEASE_SECONDS > ANSWER_SECONDS + 2 * sqlite.BUSY_SECONDS  # and than the database takes for what came of it


@pytest.mark.usefixtures("short")
def test_the_next_message_goes_on_when_the_lease_is_over(
    log: Gateway, other: Gateway, conversation: Conversation
) -> None:
    began, taken = time.monotonic(), take(log, conversation, "one")
    assert other.accept(taken, received("two")).outcome == "waiting"
    assert other.receive(taken, received("two")).outcome == "taken"
    assert SHORT_SECONDS <= time.monotonic() - began < SHORT_SECONDS + 2


@pytest.mark.usefixtures("short")
def test_an_answer_that_comes_too_late_is_not_kept(log: Gateway, other: Gateway, conversation: Conversation) -> None:
    late = take(log, conversation, "one")
    second = take(other, late, "two")
    with pytest.raises(TurnLost):
        log.answer(late, "one", [bot("太晚")])
    assert [m.text for m in other.answer(second, "two", [bot("好")]).messages] == ["好"]


@pytest.mark.usefixtures("short")
def test_a_failure_that_comes_too_late_takes_nobody_s_turn(
    log: Gateway, other: Gateway, conversation: Conversation
) -> None:
    late = take(log, conversation, "one")
    second = take(other, late, "two")
    log.fail(late, "one")
    assert log.accept(second, received("three")).outcome == "waiting"
    assert [state for _, state in log.after(conversation.id, 0)] == ["failed", "received"]


@pytest.mark.usefixtures("short")
def test_an_interrupted_message_is_answered_once_when_it_is_sent_again(
    log: Gateway, other: Gateway, conversation: Conversation
) -> None:
    late = take(log, conversation, "one")
    again = other.receive(late, received("one"))
    assert (again.outcome, again.again) == ("taken", True)
    assert again.conversation
    other.answer(again.conversation, "one", [bot("好")])
    with pytest.raises(TurnLost):
        log.answer(late, "one", [bot("太晚")])
    assert [m.text for m, _ in log.after(conversation.id, 0)] == ["測試", "好"]


def test_a_clock_that_was_put_back_does_not_keep_a_conversation_waiting(
    log: Gateway, other: Gateway, conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 3600.0)  # as if it had been taken an hour from now
    taken = take(log, conversation, "one")
    monkeypatch.setattr(module, "LEASE_SECONDS", LEASE_SECONDS)
    assert other.accept(taken, received("two")).outcome == "taken"


# --- processes that are killed ------------------------------------------------------------------------


def gateway_process(url: str, conversations: list[Conversation], number: int, messages: int, diary: str) -> None:
    """Bring messages to conversations in turn, and write down each that was answered."""
    module.LEASE_SECONDS = SHORT_SECONDS
    with Gateway(url) as gateway, Path(diary).open("a", buffering=1) as kept:
        for n in range(messages):
            conversation = conversations[n % len(conversations)]
            gateway.exchange(conversation, received(f"{number}-{n}"), bot(f"回覆 {number}-{n}"))
            kept.write(json.dumps([conversation.id, f"{number}-{n}"]) + "\n")


def test_gateways_that_are_killed_lose_nothing_they_told_and_double_nothing(
    url: str, log: Gateway, tmp_path: Path
) -> None:
    conversations = [log.open("hnyc", "zh-Hant", False)[0] for _ in range(3)]
    kills, messages, without_end = rounds(2), 40, 1_000_000
    processes = []
    for number in range(kills + 2):
        times = without_end if number < kills else messages
        arguments = (url, conversations, number, times, str(tmp_path / f"diary-{number}"))
        processes.append(spawn.Process(target=gateway_process, args=arguments))
        processes[-1].start()
    for number in range(kills):
        diary = tmp_path / f"diary-{number}"
        until = time.monotonic() + 30
        while time.monotonic() < until and (not diary.exists() or diary.read_text().count("\n") < 5):
            time.sleep(0.005)
        os.kill(processes[number].pid or 0, signal.SIGKILL)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [-signal.SIGKILL] * kills + [0, 0]

    kept = {c.id: [m for m, _ in log.after(c.id, 0, most=10_000)] for c in conversations}
    for said in kept.values():
        assert [m.seq for m in said] == list(range(1, len(said) + 1))
        ids = [m.request for m in said if m.sender == "customer"]
        assert len(ids) == len(set(ids))
        answers = [m.request for m in said if m.sender == "bot"]
        assert len(answers) == len(set(answers))
    diaries = [json.loads(line) for file in tmp_path.glob("diary-*") for line in file.read_text().splitlines()]
    told(told=len(diaries), killed=kills)
    assert all(
        [f"回覆 {id_}"] == [m.text for m in kept[c] if m.request == id_ and m.sender == "bot"] for c, id_ in diaries
    )


# --- the database is killed ---------------------------------------------------------------------------


def test_a_postgresql_that_is_killed_is_said_and_nothing_told_is_lost() -> None:
    server = PostgresServer()
    try:
        with Gateway(server.url(server.create())) as log, ThreadPoolExecutor(4) as pool:
            conversations = [log.open("hnyc", "zh-Hant", False)[0] for _ in range(4)]
            for number in range(rounds(2)):
                jobs = [pool.submit(talk_on, log, c, number) for c in conversations]
                time.sleep(0.3)
                server.kill()
                answered = [job.result() for job in jobs]  # each ended with `LogDown`, in time
                server.start()
                for conversation, ids in zip(conversations, answered, strict=True):
                    kept = [m.request for m, _ in log.after(conversation.id, 0, 100_000) if m.sender == "bot"]
                    assert set(ids) <= set(kept)
                    assert len(kept) == len(set(kept))
    finally:
        server.remove()


def talk_on(log: Gateway, conversation: Conversation, round_: int) -> list[str]:
    """Exchange messages until the log is down; return the ids that were answered."""
    answered: list[str] = []
    found = conversation
    while True:
        id_ = f"{round_}-{len(answered)}"
        try:
            log.exchange(found, received(id_), bot(id_))
        except LogDown:
            return answered
        answered.append(id_)


def test_a_postgresql_that_stands_still_is_said_in_time() -> None:
    server = PostgresServer()
    try:
        with Gateway(server.url(server.create())) as log:
            conversation = log.open("hnyc", "zh-Hant", False)[0]
            server.freeze()
            began = time.monotonic()
            with pytest.raises(LogDown):
                log.accept(conversation, received("one"))
            assert time.monotonic() - began < SECONDS + 1
            server.thaw()
            assert log.receive(conversation, received("one")).outcome == "taken"
    finally:
        server.thaw()
        server.remove()
