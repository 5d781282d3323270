"""The ledger: once a day over all channels, once per command always (G15, G24)."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from actions.security.errors import CommandKeyReused, UnlockDoneToday
from actions.security.ledger import (
    CHANNELS,
    RECEIPTS,
    Command,
    Entry,
    enter,
    fingerprint,
    new_receipt,
    repeated,
    used_at,
)
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START, TAIPEI

MINE, OTHER = "demo-hnyc-900028", "demo-hnyc-900018"
PEPPER = b"pepper"
COMMAND = Command("key-one", MINE, "unlock_password", "chat", {"institution": "hnyc"})
FIRST = enter(COMMAND, [], START, TAIPEI, PEPPER)


# --- the same command (G24) -----------------------------------------------------------------------


def test_a_command_that_nobody_made_before_is_none() -> None:
    assert repeated(COMMAND, None, PEPPER) is None


def test_the_same_command_has_the_same_receipt() -> None:
    assert repeated(COMMAND, FIRST, PEPPER) == FIRST.receipt


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_same_command_by_another_channel_has_the_same_receipt(channel: str) -> None:
    assert repeated(replace(COMMAND, channel=channel), FIRST, PEPPER) == FIRST.receipt


def test_the_order_in_which_the_content_is_given_does_not_matter() -> None:
    one = replace(COMMAND, content={"a": "1", "b": "2"})
    other = replace(COMMAND, content={"b": "2", "a": "1"})
    assert fingerprint(one, PEPPER) == fingerprint(other, PEPPER)


@pytest.mark.parametrize(
    "changes",
    [
        {"account": OTHER},
        {"kind": "reissue_password"},
        {"content": {}},
        {"content": {"institution": "icbca"}},
        {"content": {"institution": "hnyc", "more": ""}},
        {"content": {"instituti": "onhnyc"}},
    ],
)
def test_other_content_under_the_same_key_is_refused_with_the_first_receipt(changes: dict[str, object]) -> None:
    with pytest.raises(CommandKeyReused) as refused:
        repeated(replace(COMMAND, **changes), FIRST, PEPPER)  # type: ignore[arg-type]
    assert refused.value.facts == {"receipt": FIRST.receipt}


def test_a_thousand_pairs_of_contents_are_told_apart() -> None:
    chance, pairs, accepted = random.Random(10), rounds(100), 0
    for n in range(pairs):
        content = {"text": f"{chance.getrandbits(64):x}"}
        first = enter(
            replace(COMMAND, key=f"key-{n}", kind="software_token", content=content), [], START, TAIPEI, PEPPER
        )
        letters = list(content["text"])
        at = chance.randrange(len(letters))
        letters[at] = chance.choice([c for c in "0123456789abcdefg" if c != letters[at]])
        other = replace(COMMAND, key=f"key-{n}", kind="software_token", content={"text": "".join(letters)})
        try:
            accepted += repeated(other, first, PEPPER) is not None
        except CommandKeyReused:
            continue
    told(pairs=pairs, accepted=accepted)
    assert accepted == 0


def test_a_fingerprint_cannot_be_searched_without_the_pepper() -> None:
    assert fingerprint(COMMAND, PEPPER) != fingerprint(COMMAND, b"salt")


def test_a_fingerprint_shows_nothing() -> None:
    assert re.fullmatch("[0-9a-f]{64}", fingerprint(COMMAND, PEPPER))


@pytest.mark.parametrize("changes", [{"key": ""}, {"kind": "transfer"}, {"channel": "fax"}])
def test_what_the_ledger_does_not_keep_is_no_command(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^a command has a key, a kind and a channel of the ledger$"):
        replace(COMMAND, **changes)  # type: ignore[arg-type]


# --- once a day (G15) -----------------------------------------------------------------------------


def entry(at: datetime = START, **changes: object) -> Entry:
    day = at.astimezone(TAIPEI).date()
    return replace(FIRST, at=at, day=day, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_unlock_by_any_channel_is_the_unlock_of_the_day(channel: str) -> None:
    assert used_at([entry(channel=channel)], MINE, "unlock_password", START, TAIPEI) == START


def test_of_two_entries_the_later_one_is_told() -> None:
    later = START + timedelta(hours=1)
    assert used_at([entry(), entry(later)], MINE, "unlock_password", later, TAIPEI) == later


@pytest.mark.parametrize("others", [[], [entry(account=OTHER)], [entry(kind="reissue_password")]])
def test_what_others_did_or_something_else_is_not(others: list[Entry]) -> None:
    assert used_at(others, MINE, "unlock_password", START, TAIPEI) is None


def test_a_second_unlock_of_the_day_is_not_entered() -> None:
    with pytest.raises(UnlockDoneToday) as refused:
        enter(replace(COMMAND, key="key-two", channel="hotline"), [FIRST], START + timedelta(hours=1), TAIPEI, PEPPER)
    assert refused.value.facts == {"used_at": "10:00", "next_date": "2026/11/21"}


@pytest.mark.parametrize("kind", sorted(set(RECEIPTS) - {"unlock_password"}))
def test_what_is_not_limited_is_entered_as_often_as_it_is_done(kind: str) -> None:
    assert used_at([entry(kind=kind)], MINE, kind, START, TAIPEI) is None
    enter(replace(COMMAND, kind=kind), [entry(kind=kind)], START, TAIPEI, PEPPER)


@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [
        ("2026-03-31T15:59:59.999+00:00", "2026-03-31T16:00:00+00:00", True),
        ("2026-12-31T15:59:59.999+00:00", "2026-12-31T16:00:00+00:00", True),
        ("2028-02-28T15:59:59.999+00:00", "2028-02-28T16:00:00+00:00", True),
        ("2028-02-29T15:59:59.999+00:00", "2028-02-29T16:00:00+00:00", True),
        ("2026-03-31T16:00:00+00:00", "2026-04-01T15:59:59.999+00:00", False),
        ("2026-11-20T11:00:00-05:00", "2026-11-21T23:59:59+08:00", False),
        ("2026-11-20T16:00:00+00:00", "2026-11-20T15:59:59+00:00", False),  # the clock was set back over midnight
    ],
)
def test_a_day_is_one_of_taipei_and_never_comes_twice(first: str, second: str, allowed: bool) -> None:
    entries = [entry(datetime.fromisoformat(first))]
    used = used_at(entries, MINE, "unlock_password", datetime.fromisoformat(second), TAIPEI)
    assert (used is None) is allowed


def test_a_repeated_command_is_answered_although_the_day_is_used() -> None:
    assert repeated(COMMAND, FIRST, PEPPER) == FIRST.receipt
    assert used_at([FIRST], MINE, "unlock_password", START, TAIPEI)


def test_any_mixture_of_retries_and_channels_unlocks_once_a_day() -> None:
    chance, commands, unlocked, doubled = random.Random(11), 0, 0, 0
    for _ in range(rounds(100)):
        entries: list[Entry] = []
        now = START
        for _ in range(40):
            commands += 1
            now += timedelta(minutes=chance.choice([0, 1, 90, -30]))
            command = replace(COMMAND, key=f"key-{chance.randrange(12)}", channel=chance.choice(CHANNELS))
            found = next((e for e in entries if e.key == command.key), None)
            if repeated(command, found, PEPPER):
                continue
            try:
                entries.append(enter(command, entries, now, TAIPEI, PEPPER))
            except UnlockDoneToday:
                continue
        days = [e.day for e in entries]
        unlocked += len(days)
        doubled += len(days) - len(set(days))
        assert len({e.key for e in entries}) == len(entries)
    told(commands=commands, unlocked=unlocked, doubled=doubled)
    assert doubled == 0


# --- receipts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "begins"), RECEIPTS.items())
def test_a_receipt_names_kind_and_day_and_is_read_out_without_doubt(kind: str, begins: str) -> None:
    assert re.fullmatch(rf"{begins}-20261120-[2-9A-HJKMNP-Z]{{4}}", new_receipt(kind, date(2026, 11, 20)))


def test_kinds_have_receipts_of_their_own() -> None:
    assert len(set(RECEIPTS.values())) == len(RECEIPTS)


def test_an_entry_is_what_was_done() -> None:
    assert (FIRST.account, FIRST.kind, FIRST.day, FIRST.channel, FIRST.at) == (
        MINE,
        "unlock_password",
        date(2026, 11, 20),
        "chat",
        START,
    )


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_entry_has_a_receipt_and_the_channel_it_came_by(channel: str) -> None:
    made = enter(replace(COMMAND, channel=channel), [], START, TAIPEI, PEPPER)
    assert made.channel == channel
    assert made.receipt.startswith("UL-20261120-")


def test_a_stored_fingerprint_is_known_to_a_newer_version() -> None:
    command = replace(COMMAND, kind="software_token", content={"app": "測試"})
    assert fingerprint(command, PEPPER) == "c65deae8874a33b9a0d31c439241c66437c20e813cbde68898e89c97401bcf34"


@pytest.mark.parametrize(("zone", "allowed"), [(TAIPEI, True), (ZoneInfo("America/New_York"), False)])
def test_the_day_is_one_of_the_institution_wherever_the_process_runs(zone: ZoneInfo, allowed: bool) -> None:
    now = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
    if allowed:
        assert enter(replace(COMMAND, key="key-two"), [FIRST], now, zone, PEPPER).day == date(2026, 11, 21)
        return
    with pytest.raises(UnlockDoneToday):
        enter(replace(COMMAND, key="key-two"), [FIRST], now, zone, PEPPER)
