"""Events of the firm's other systems: once each, with exactly the notices of `notices.yml` (G14, G24, G45)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import update

from actions.security.errors import CommandKeyReused
from actions.security.notices import Event, EventUnusable
from actions.services.events import AHEAD, LATEST, AccountUnknown, ToldEvent
from actions.storage.models import Account
from bot.contracts.link import LIFETIME, link_key, read_link
from bot.settings import Settings
from tests.actions.security.rounds import rounds, told
from tests.actions.services.test_parallel import together
from tests.actions.test_templates import SUBJECTS
from tests.actions.world import LOCKED, NORMAL, SUSPENDED, UNKNOWN, Person, World, refusal_of

PLATFORM = "測試平台"
# Kind of event -> the notices it makes (notices.yml: sent).
NOTICES = {
    "login": ["login_success"],
    "wrong_password": ["wrong_password"],
    "password_locked": ["password_locked"],
    "password_changed": ["password_changed"],
    "password_unlocked": ["password_unlocked"],
    "password_reissued": ["password_reissued"],
}
ELSEWHERE = [("icbca", "900068"), ("icbca", "900088")]


def event(
    world: World, kind: str = "login", person: Person = NORMAL, id_: str = "demo-event-1", **more: Any
) -> ToldEvent:
    values: dict[str, Any] = {"platform": PLATFORM, "branch": "測試分公司", "branch_number": "T001"}
    values |= {"agent": "測試營業員", "at": world.clock.now() - timedelta(seconds=7), **more}
    return ToldEvent(id_, "hnyc", Event(kind, account=person.number, **values))


def receive(world: World, *args: Any, **more: Any) -> list[str]:
    return world.services.events.receive(event(world, *args, **more))


def kinds(world: World) -> Counter[str]:
    return Counter(row["kind"] for row in world.rows()["notice"].values())


def account(world: World, person: Person = NORMAL) -> dict[str, object]:
    return world.rows()["core_account"][person.account]


# --- the notices ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NOTICES)
def test_an_event_makes_exactly_its_notices(world: World, kind: str) -> None:
    references = receive(world, kind)
    assert [world.rows()["notice"][reference]["kind"] for reference in references] == NOTICES[kind]
    assert len(world.letters()) == len(references) == world.counts()["notice"]


@pytest.mark.parametrize("kind", NOTICES)
@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans", "en"])
def test_each_letter_has_its_subject_time_reference_and_mailbox(world: World, kind: str, language: str) -> None:
    (reference,) = world.services.events.receive(replace(event(world, kind), language=language))
    (letter,) = world.letters()
    assert (letter.to, letter.subject) == ("zdemo@example.com", SUBJECTS[NOTICES[kind][0]])
    assert not [words for words in ("2026/11/20 09:59:53", reference) if words not in letter.text]
    assert NORMAL.number not in letter.text + letter.html


@pytest.mark.parametrize("kind", NOTICES)
def test_the_link_of_a_notice_reads_back_and_holds_nothing_of_the_account(
    world: World, settings: Settings, kind: str
) -> None:
    (reference,) = receive(world, kind)
    (letter,) = world.letters()
    (address,) = (word[word.index("http") :] for word in letter.text.split() if "?c=" in word)
    (token,) = parse_qs(urlsplit(address).query)["c"]
    key = link_key(settings.key_file.read_bytes(), "hnyc")
    now = world.clock.now()
    link = read_link(key, token, now, lambda _: None)
    assert link is not None
    states_platform = kind in ("login", "wrong_password")
    assert (link.notice, link.reference, link.platform, link.language) == (
        NOTICES[kind][0],
        reference,
        PLATFORM if states_platform else "",
        "zh-Hant",
    )
    assert link.at == now - timedelta(seconds=7)
    assert read_link(key, token, now + LIFETIME, lambda _: None) is None
    assert read_link(link_key(settings.key_file.read_bytes(), "icbca"), token, now, lambda _: None) is None
    assert NORMAL.number not in repr(link)


@pytest.mark.parametrize("kind", NOTICES)
def test_futures_make_no_notice_and_change_nothing(world: World, kind: str) -> None:
    before = world.rows()
    assert receive(world, kind, LOCKED, market="futures") == []
    after = world.rows()
    changed = {table for table in before if before[table] != after[table]}
    assert changed == {"event"}


@pytest.mark.parametrize(("institution", "number"), ELSEWHERE)
@pytest.mark.parametrize("kind", NOTICES)
def test_institutions_without_notices_send_none(world: World, institution: str, number: str, kind: str) -> None:
    there = ToldEvent("demo-event-1", institution, replace(event(world, kind).event, account=number))
    assert world.services.events.receive(there) == []
    assert (world.letters(), world.counts()["notice"]) == ([], 0)


def test_an_account_without_a_mailbox_gets_none(world: World) -> None:
    world.execute(update(Account).where(Account.id == NORMAL.account).values(email=None))
    assert receive(world) == []
    assert world.letters() == []


# --- wrong passwords (G14) ------------------------------------------------------------------------


def test_the_third_wrong_password_locks_and_says_so_in_one_transaction(world: World) -> None:
    made = [receive(world, "wrong_password", id_=f"demo-event-{n}") for n in range(5)]
    assert [len(references) for references in made] == [1, 1, 2, 0, 0]
    assert kinds(world) == {"wrong_password": 3, "password_locked": 1}
    assert (account(world)["wrong_passwords"], account(world)["locked_at"]) == (3, world.clock.now())


def test_if_the_third_cannot_be_told_it_is_not_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(2):
        receive(world, "wrong_password", id_=f"demo-event-{n}")

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    before = world.rows()
    with monkeypatch.context() as patch:
        patch.setattr(world.services.outbox, "add", full)
        assert refusal_of(lambda: receive(world, "wrong_password", id_="demo-event-2")) == "OSError"
    assert world.rows() == before
    assert len(receive(world, "wrong_password", id_="demo-event-2")) == 2


def test_a_login_between_starts_the_count_anew(world: World) -> None:
    for n, kind in enumerate(["wrong_password", "wrong_password", "login", "wrong_password", "wrong_password"]):
        receive(world, kind, id_=f"demo-event-{n}")
    assert (account(world)["wrong_passwords"], account(world)["locked_at"]) == (2, None)


def test_of_many_wrong_passwords_at_once_three_are_counted(world: World) -> None:
    many = 50
    for round_ in range(rounds(1)):
        world.execute(update(Account).where(Account.id == NORMAL.account).values(wrong_passwords=0, locked_at=None))
        calls = [partial(receive, world, "wrong_password", id_=f"demo-event-{round_}-{n}") for n in range(many)]
        assert together(*calls) == {None: many}
        assert (account(world)["wrong_passwords"], account(world)["locked_at"]) == (3, world.clock.now())
        assert kinds(world) == {"wrong_password": 3 * (round_ + 1), "password_locked": round_ + 1}
    told(tried=rounds(1) * many, accepted=kinds(world)["wrong_password"])


def test_a_suspended_account_has_no_login_and_no_notice_of_one(world: World) -> None:
    assert receive(world, "login", SUSPENDED) == []
    assert receive(world, "wrong_password", SUSPENDED, id_="demo-event-2") == []


# --- once -----------------------------------------------------------------------------------------


def test_the_same_event_again_has_the_same_references_and_sends_nothing(world: World) -> None:
    first = receive(world, "wrong_password")
    before = world.rows()
    assert [receive(world, "wrong_password") for _ in range(3)] == [first] * 3
    assert world.rows() == before


def test_the_same_event_of_two_notices_again_has_both(world: World) -> None:
    for n in range(2):
        receive(world, "wrong_password", id_=f"demo-event-{n}")
    third = receive(world, "wrong_password", id_="demo-event-2")
    assert sorted(receive(world, "wrong_password", id_="demo-event-2")) == sorted(third)


def test_the_same_event_long_after_has_the_same_references(world: World) -> None:
    told_ = event(world)
    first = world.services.events.receive(told_)
    world.clock.pass_(days=30)
    assert world.services.events.receive(told_) == first


def test_the_same_event_many_times_at_once_is_one(world: World) -> None:
    answers: list[list[str]] = []
    told_ = event(world, "wrong_password")
    outcome = together(*[lambda: answers.append(world.services.events.receive(told_))] * 20)
    told(tried=20, accepted=outcome[None], doubled=world.counts()["notice"] - 1)
    assert outcome == {None: 20}
    assert len({tuple(answer) for answer in answers}) == 1
    assert (world.counts()["notice"], account(world)["wrong_passwords"], len(world.letters())) == (1, 1, 1)


OTHER: dict[str, Any] = {
    "kind": "password_changed",
    "account": LOCKED.number,
    "platform": "另一個平台",
    "market": "futures",
    "locked": True,
    "branch": "另一間",
    "agent": "另一位",
}


@pytest.mark.parametrize("name", [*OTHER, "at", "language"])
def test_other_content_under_the_same_id_is_refused_and_the_first_stays(world: World, name: str) -> None:
    told_ = event(world)
    world.services.events.receive(told_)
    if name == "language":
        other = replace(told_, language="en")
    else:
        value = {**OTHER, "at": told_.event.at + timedelta(seconds=1)}[name]
        other = replace(told_, event=replace(told_.event, **{name: value}))
    before = world.rows()
    with pytest.raises(CommandKeyReused):
        world.services.events.receive(other)
    assert world.rows() == before


# --- what is no event -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "person", [UNKNOWN, Person("", ""), Person("900068", "")], ids=["unknown", "empty", "elsewhere"]
)
def test_an_account_that_the_institution_does_not_have_is_unknown(world: World, person: Person) -> None:
    before = world.rows()
    with pytest.raises(AccountUnknown):
        receive(world, "login", person)
    assert world.rows() == before


@pytest.mark.parametrize(
    ("ago", "taken"),
    [
        (LATEST, True),
        (LATEST + timedelta(milliseconds=1), False),
        (-AHEAD, True),
        (-AHEAD - timedelta(milliseconds=1), False),
    ],
    ids=["seven days", "older", "five minutes ahead", "further ahead"],
)
def test_an_event_is_taken_for_seven_days(world: World, ago: timedelta, taken: bool) -> None:
    at = world.clock.now() - ago
    if taken:
        assert receive(world, at=at)
        return
    with pytest.raises(EventUnusable) as refused:
        receive(world, at=at)
    assert refused.value.names == ("at",)
    assert not world.rows()["event"]


@pytest.mark.parametrize("at", [datetime(2026, 11, 20, 2), datetime.min, datetime.min.replace(tzinfo=UTC)], ids=str)
def test_a_time_that_is_none_is_unusable(world: World, at: datetime) -> None:
    with pytest.raises(EventUnusable):
        receive(world, at=at)


@pytest.mark.parametrize("kind", ["", "logout", "login_success", "LOGIN"])
def test_another_kind_is_unusable(world: World, kind: str) -> None:
    with pytest.raises(EventUnusable):
        receive(world, kind)


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("login", "platform"),
        ("wrong_password", "platform"),
        ("password_reissued", "branch"),
        ("password_reissued", "agent"),
    ],
)
def test_an_event_that_lacks_what_its_notice_states_leaves_nothing(world: World, kind: str, missing: str) -> None:
    before = world.rows()
    with pytest.raises(EventUnusable) as refused:
        receive(world, kind, **{missing: ""})
    assert missing in refused.value.names
    assert world.rows() == before


def test_an_unlock_that_is_told_late_opens_no_newer_lock(world: World) -> None:
    told = ToldEvent("demo-event-late", "hnyc", Event("password_unlocked", world.clock.now(), NORMAL.number))
    world.clock.pass_(hours=2)
    locked = Event("password_locked", world.clock.now(), NORMAL.number)
    world.services.events.receive(ToldEvent("demo-event-lock", "hnyc", locked))
    assert len(world.services.events.receive(told)) == 1
    assert account(world)["locked_at"] == world.clock.now()
