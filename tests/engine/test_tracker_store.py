"""What was said to a dialogue is stored once, in order, read back as it was; an error is told and never a new customer."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from rasa.core.tracker_store import FailSafeTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)

from bot.engine.rasa_private import TrackerMoved, TurnAborted
from bot.engine.rasa_private.tracker import TURNS_KEPT, LiveTracker
from bot.engine.tracker_store import LIVE_TRACKERS, ConversationTrackerStore, taking
from bot.rig.postgresql import PostgresServer

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@pytest.fixture
def run() -> Iterator[Run[Any]]:
    """Run coroutines on one loop, as the engine does: its connections stay."""
    loop = asyncio.new_event_loop()
    yield loop.run_until_complete
    loop.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/trackers.sqlite"
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def opened(url: str, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> Callable[[], ConversationTrackerStore]:
    """Another store each time, as another replica has one."""
    monkeypatch.setenv("ANXIN_TRACKERS_URL", url)
    return lambda: ConversationTrackerStore(None, domain)


@pytest.fixture
def store(opened: Callable[[], ConversationTrackerStore]) -> ConversationTrackerStore:
    return opened()


@pytest.fixture
def conversation() -> str:
    return uuid.uuid4().hex


OPENS: tuple[Event, ...] = (ActionExecuted("action_session_start"), SessionStarted())


async def take(store: ConversationTrackerStore, conversation: str, text: str, *events: Event) -> LiveTracker:
    """Take one turn: the customer says `text`, and `events` happen."""
    tracker = await store.get_or_create_tracker(conversation, append_action_listen=False)
    begins = () if tracker.events else OPENS
    said = UserUttered(text, {"name": "greet"}, message_id=f"id of {text}", metadata={"institution": "hnyc"})
    for event in (*begins, ActionExecuted("action_listen"), said, ActionExecuted("utter_greet"), *events):
        tracker.update(event)
    await store.save(tracker)
    return tracker  # type: ignore[no-any-return]


def texts(tracker: LiveTracker | None) -> list[str]:
    return [event.text for event in tracker.events if isinstance(event, UserUttered)] if tracker else []


def test_what_was_stored_comes_back_in_another_replica(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    said = BotUttered("哪一份?", {"buttons": []})
    run(take(opened(), conversation, "一", SlotSet("report_since", "今天"), ActiveLoop("report_status_form"), said))
    tracker = run(opened().retrieve(conversation))
    assert (texts(tracker), tracker.get_slot("report_since")) == (["一"], "今天")
    assert (tracker.active_loop_name, tracker.events[-1].text) == ("report_status_form", "哪一份?")


def test_a_conversation_that_never_was_is_none(store: ConversationTrackerStore, run: Run[Any]) -> None:
    assert run(store.retrieve("never")) is None


def test_a_live_tracker_is_used_while_it_is_the_newest(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    here, there = opened(), opened()
    live = run(take(here, conversation, "一"))
    assert run(here.retrieve(conversation)) is live
    run(take(there, conversation, "二"))
    assert texts(run(here.retrieve(conversation))) == ["一", "二"]


def test_of_two_replicas_that_take_the_same_turn_one_is_refused_and_reads_anew(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    here, there = opened(), opened()
    run(take(here, conversation, "一"))
    old = run(here.retrieve(conversation))
    run(take(there, conversation, "二"))
    old.update(UserUttered("三"))
    with pytest.raises(TrackerMoved):
        run(here.save(old))
    assert texts(run(here.retrieve(conversation))) == ["一", "二"]
    run(take(here, conversation, "三"))
    assert texts(run(there.retrieve(conversation))) == ["一", "二", "三"]


def test_twenty_at_once_are_stored_in_one_order_and_none_is_lost(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    stores = [opened() for _ in range(4)]
    run(take(stores[0], conversation, "first"))

    async def until_stored(number: int, text: str) -> None:
        while True:
            try:
                await take(stores[number % 4], conversation, text)
            except TrackerMoved:
                await asyncio.sleep(0.001 * number)
            else:
                return

    async def all_of_them(round_: int) -> None:
        await asyncio.gather(*(until_stored(number, f"{round_} {number}") for number in range(4)))

    for round_ in range(5):
        run(all_of_them(round_))
    full = run(opened().retrieve_full_tracker(conversation))
    assert len(texts(full)) == 21


def test_a_message_is_stored_once(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    here, there = opened(), opened()
    run(take(here, conversation, "一"))
    with pytest.raises(TrackerMoved):
        run(take(there, conversation, "一"))
    assert texts(run(there.retrieve(conversation))) == ["一"]


@pytest.mark.parametrize("is_here", [True, False], ids=["by this engine", "by another"])
def test_a_message_that_was_taken_before_is_seen_before_anything_is_done(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any], is_here: bool
) -> None:
    here, there = opened(), opened()
    run(take(here, conversation, "一"))
    run(take(here if is_here else there, conversation, "二"))
    with taking("id of 二"), pytest.raises(TrackerMoved):
        run(here.retrieve(conversation))
    with taking("id of 三"):
        assert texts(run(here.retrieve(conversation))) == ["一", "二"]


def test_a_turn_that_failed_leaves_nothing(store: ConversationTrackerStore, conversation: str, run: Run[Any]) -> None:
    run(take(store, conversation, "一"))
    failed = run(store.retrieve(conversation))
    failed.update(UserUttered("never told"))
    failed.update(SlotSet("report_since", "x"))
    again = run(store.retrieve(conversation))
    assert (texts(again), again.get_slot("report_since")) == (["一"], None)


def test_only_the_end_of_a_long_conversation_is_kept_and_read_with_what_it_left_behind(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    store = opened()
    run(take(store, conversation, "0", SlotSet("report_since", "今天"), ActiveLoop("report_status_form")))
    for number in range(1, 60):
        live = run(take(store, conversation, str(number)))
    read = run(opened().retrieve(conversation))
    kept = [str(number) for number in range(60 - TURNS_KEPT, 60)]
    assert texts(live) == texts(read) == kept
    assert [event.as_dict() for event in read.events][2:] == [event.as_dict() for event in live.events][2:]
    for tracker in (live, read):
        assert (tracker.active_loop_name, tracker.get_slot("report_since")) == ("report_status_form", "今天")
        assert ActiveLoop("report_status_form") in list(tracker.events)[:3]
    assert len(texts(run(opened().retrieve_full_tracker(conversation)))) == 60


def test_a_new_session_is_read_without_the_one_before(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    store = opened()
    run(take(store, conversation, "一", SlotSet("report_since", "今天")))
    tracker = run(store.retrieve(conversation))
    for event in (*OPENS, ActionExecuted("action_listen"), UserUttered("二")):
        tracker.update(event)
    run(store.save(tracker))
    for read in (run(store.retrieve(conversation)), run(opened().retrieve(conversation))):
        assert (texts(read), read.get_slot("report_since")) == (["二"], None)


def test_a_clock_that_is_set_back_hides_no_event(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    # Rasa looks for the events after the newest session start by time, not by order (P14).
    store = opened()
    tracker = run(store.create_tracker(conversation))
    start = [ActionExecuted("action_session_start", timestamp=1000.0), SessionStarted(timestamp=1000.0)]
    for event in (*start, UserUttered("hi", timestamp=995.0), SlotSet("report_since", "x", timestamp=996.0)):
        tracker.update(event)
    run(store.save(tracker))
    assert run(opened().retrieve(conversation)).get_slot("report_since") == "x"


def test_saving_twice_stores_a_turn_once(store: ConversationTrackerStore, conversation: str, run: Run[Any]) -> None:
    tracker = run(take(store, conversation, "一"))
    run(store.save(tracker))
    assert run(store._rows.latest(conversation)) == (1, 0)


def test_what_was_said_to_a_message_is_found_however_long_ago(
    store: ConversationTrackerStore, conversation: str, run: Run[Any]
) -> None:
    run(take(store, conversation, "first", BotUttered("the first answer")))
    for number in range(2 * TURNS_KEPT):
        run(take(store, conversation, str(number)))
    said = run(store.answered(conversation, "id of first"))
    assert [event.text for event in said if isinstance(event, BotUttered)] == ["the first answer"]
    assert run(store.answered(conversation, "another")) is None


def test_no_more_trackers_stay_live_than_are_wanted(
    store: ConversationTrackerStore, run: Run[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.tracker_store.LIVE_TRACKERS", 3)
    for number in range(5):
        run(take(store, f"c{number}", "一"))
    assert list(store._live) == ["c2", "c3", "c4"]
    assert LIVE_TRACKERS >= 1000


SECRETS = (
    "482913",
    "４８２９１３",
    "4 8 2 9 1 3",
    "A123456789",
    "4111 1111 1111 1111",
    "90028-1",
    "民國71年2月2日",
    "①②③④⑤⑥",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_could_be_a_secret_is_not_stored_wherever_it_stands(
    store: ConversationTrackerStore, conversation: str, secret: str, run: Run[Any]
) -> None:
    """The gateway hides it before; this is the wall behind the wall (G10, T43)."""
    entities = [{"entity": "number", "value": secret, "start": 0, "end": 3}]
    said = UserUttered(secret, {"name": "inform"}, entities, {"text": secret, "entities": entities})
    run(
        take(
            store, conversation, "一", said, SlotSet("report_description", f"我的是{secret}"), BotUttered(f"{secret}?")
        )
    )
    (row,) = run(store._rows.last(conversation, 1))
    digits = "".join(character for character in secret if character.isdigit())
    for kept in (row.events, row.left):
        assert secret not in kept
        assert digits not in kept


def test_keys_references_and_times_are_stored_as_they_are(
    opened: Callable[[], ConversationTrackerStore], conversation: str, run: Run[Any]
) -> None:
    made = [
        "v_12345678901234567890123456789012",
        uuid.uuid4().hex,
        str(uuid.UUID(int=7)),
        "2026-11-20T10:05:00.123456+00:00",
    ]
    run(take(opened(), conversation, "一", *(SlotSet("report_key", value) for value in made)))
    read = run(opened().retrieve(conversation))
    assert [event.value for event in read.events if isinstance(event, SlotSet)] == made


def test_a_database_that_is_away_is_no_empty_conversation(
    domain: Domain, monkeypatch: pytest.MonkeyPatch, run: Run[Any]
) -> None:
    monkeypatch.setenv("ANXIN_TRACKERS_URL", "postgresql://anxin@127.0.0.1:1/nothing")
    store = FailSafeTrackerStore(ConversationTrackerStore(None, domain))
    with pytest.raises(TurnAborted) as aborted:
        run(store.get_or_create_tracker("c"))
    assert (aborted.value.error, aborted.value.done) == ("database_down", "no")


# --- SQLite's own ----------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trackers.sqlite"


@pytest.fixture
def in_a_file(file: Path, domain: Domain, monkeypatch: pytest.MonkeyPatch) -> ConversationTrackerStore:
    monkeypatch.setenv("ANXIN_TRACKERS_URL", f"sqlite:///{file}")
    monkeypatch.setattr("bot.engine.turn_rows.SECONDS", 0.2)
    return ConversationTrackerStore(None, domain)


def test_what_cannot_be_stored_is_told_and_the_conversation_is_as_it_was(
    in_a_file: ConversationTrackerStore, file: Path, conversation: str, run: Run[Any]
) -> None:
    run(take(in_a_file, conversation, "一"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TurnAborted) as aborted:
        run(take(in_a_file, conversation, "二"))
    other.close()
    assert (aborted.value.error, aborted.value.done) == ("database_down", "unknown")
    assert texts(run(in_a_file.retrieve(conversation))) == ["一"]
    run(take(in_a_file, conversation, "三"))
    assert texts(run(in_a_file.retrieve(conversation))) == ["一", "三"]


def test_who_reads_does_not_make_the_others_wait(
    in_a_file: ConversationTrackerStore, file: Path, conversation: str, run: Run[Any]
) -> None:
    run(take(in_a_file, conversation, "一"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    assert texts(run(in_a_file.retrieve(conversation))) == ["一"]
    assert time.monotonic() - began < 0.2
    other.close()


def test_a_file_that_is_no_database_is_no_empty_conversation(
    in_a_file: ConversationTrackerStore, file: Path, run: Run[Any]
) -> None:
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(TurnAborted, match="database_down"):
        run(FailSafeTrackerStore(in_a_file).retrieve("c"))


def test_a_missing_table_is_no_empty_conversation(
    in_a_file: ConversationTrackerStore, file: Path, conversation: str, run: Run[Any]
) -> None:
    run(take(in_a_file, conversation, "一"))
    with sqlite3.connect(file) as other:
        other.execute("DROP TABLE turn")
    with pytest.raises(TurnAborted, match="database_down"):
        run(FailSafeTrackerStore(in_a_file).retrieve(conversation))


@pytest.mark.parametrize("events", ["not JSON", '[{"event": "of nothing"}]', '[{"event": "user"}]'])
def test_a_row_that_cannot_be_read_is_no_empty_conversation(
    in_a_file: ConversationTrackerStore, file: Path, conversation: str, events: str, run: Run[Any]
) -> None:
    run(take(in_a_file, conversation, "一"))
    with sqlite3.connect(file) as other:
        other.execute("UPDATE turn SET events = ?, seq = 2", (events,))
    with pytest.raises(TurnAborted, match="database_down"):
        run(FailSafeTrackerStore(in_a_file).retrieve(conversation))


def test_many_turns_at_once_share_a_commit(in_a_file: ConversationTrackerStore, file: Path, run: Run[Any]) -> None:
    async def many() -> None:
        await asyncio.gather(*(take(in_a_file, f"c{number}", "一") for number in range(200)))

    run(many())
    with sqlite3.connect(file) as other:
        rows = other.execute("SELECT conversation, events FROM turn").fetchall()
    assert sorted(name for name, _ in rows) == sorted(f"c{number}" for number in range(200))
    assert all(json.loads(events)[0]["name"] == "action_session_start" for _, events in rows)
