"""Is this e-mail yours? By its reference, or from the list of a verified customer; a stranger learns nothing (G12, T33)."""

from __future__ import annotations

import pytest

from actions.security.errors import FactorsMissing, NoticeUnknown
from actions.security.notices import Event
from actions.services.events import ToldEvent
from actions.services.notice_check import SentNotice
from tests.actions.world import LOCKED, NORMAL, UNKNOWN, UNLOCK, VERIFY, Person, World, refusal_of, statements

CHECK = "check_notice"


def sent(world: World, person: Person = NORMAL, n: int = 1, kind: str = "login") -> str:
    event = Event(kind, world.clock.now(), person.number, platform="測試平台")
    told = ToldEvent(f"demo-event-{person.number}-{n}", "hnyc", event)
    return world.services.events.receive(told)[0]


def look(world: World, reference: str, conversation: str = "c1", institution: str = "hnyc") -> SentNotice:
    return world.services.notice_check.by_reference(conversation, institution, reference)


def recent(world: World, conversation: str = "c1") -> list[SentNotice]:
    return world.services.notice_check.recent(conversation, "hnyc")


# --- by reference ---------------------------------------------------------------------------------


def test_whoever_holds_the_letter_hears_that_it_is_ours(world: World) -> None:
    reference = sent(world)
    assert look(world, reference) == SentNotice(
        reference, "login_success", "2026/11/20 10:00:00", "測試平台", "z**@example.com"
    )


def test_a_notice_without_a_platform_tells_none(world: World) -> None:
    assert look(world, sent(world, kind="password_changed")).platform == ""


def test_the_customer_who_was_verified_hears_of_their_own(world: World) -> None:
    reference = sent(world)
    world.is_verified("c1", NORMAL, VERIFY)
    assert look(world, reference).reference == reference


def test_who_was_only_named_hears_as_a_stranger_does(world: World) -> None:
    reference = sent(world)
    world.identify("c1", LOCKED)
    assert look(world, reference).reference == reference


def refused(world: World, reference: str, institution: str = "hnyc") -> tuple[str, dict[str, object], list[str]]:
    """Return the refusal with its facts, and the statements it took."""
    with statements() as seen, pytest.raises(NoticeUnknown) as caught:
        look(world, reference, "c1", institution)
    return caught.value.response, dict(caught.value.facts), seen


@pytest.mark.parametrize("verified_as", [None, LOCKED, UNKNOWN], ids=["nobody", "another", "stranger"])
def test_wrong_foreign_and_anothers_references_are_refused_alike(world: World, verified_as: Person | None) -> None:
    theirs = sent(world)
    if verified_as:
        world.is_verified("c1", verified_as, VERIFY)
    wrong = refused(world, "NT-20261120-2222-2222")
    foreign = refused(world, theirs, "icbca")
    assert wrong == foreign
    if verified_as is LOCKED:
        assert refused(world, theirs) == wrong
    assert wrong[:2] == ("utter_notice_unknown", {})


@pytest.mark.parametrize("reference", ["", "NT", "%", "NM-20261120-7K3M", "NT-20261120-7K3M-QXRT' OR '1'='1", "測試"])
def test_what_is_no_reference_is_unknown(world: World, reference: str) -> None:
    sent(world)
    with pytest.raises(NoticeUnknown):
        look(world, reference)


def test_a_look_is_written_down_and_changes_nothing(world: World) -> None:
    reference = sent(world)
    before = world.rows()
    look(world, reference)
    refusal_of(lambda: look(world, "NT-20261120-2222-2222"))
    assert world.rows() == before
    decided = [row[1:] for row in world.decided() if row[1] == CHECK]
    assert sorted(decided) == [(CHECK, "done", reference), (CHECK, "refused", "NoticeUnknown")]


# --- the list -------------------------------------------------------------------------------------


def test_a_verified_customer_sees_their_own_newest_first(world: World) -> None:
    references = []
    for n in range(3):
        references.append(sent(world, n=n))
        sent(world, LOCKED, n, kind="password_changed")
        world.clock.pass_(minutes=1)
    world.is_verified("c1", NORMAL, CHECK)
    assert [each.reference for each in recent(world)] == references[::-1]


def test_at_most_five_are_shown(world: World) -> None:
    references = []
    for n in range(7):
        references.append(sent(world, n=n))
        world.clock.pass_(minutes=1)
    world.is_verified("c1", NORMAL, CHECK)
    assert [each.reference for each in recent(world)] == references[:1:-1]


def test_those_of_thirty_days_are_shown(world: World) -> None:
    reference = sent(world)
    world.clock.pass_(days=30)
    world.is_verified("c1", NORMAL, CHECK)
    assert [each.reference for each in recent(world)] == [reference]
    world.clock.pass_(milliseconds=1)
    assert recent(world) == []


def test_the_login_to_the_chat_is_in_the_list(world: World) -> None:
    world.verify("c1", NORMAL, CHECK)
    (notice,) = recent(world)
    assert (notice.kind, notice.platform, notice.mailbox) == ("login_success", "線上客服", "z**@example.com")


@pytest.mark.parametrize("purpose", [VERIFY, UNLOCK, "token_status"])
def test_a_code_of_another_purpose_shows_no_list(world: World, purpose: str) -> None:
    world.is_verified("c1", NORMAL, purpose)
    with pytest.raises(FactorsMissing):
        recent(world)


@pytest.mark.parametrize("person", [NORMAL, UNKNOWN], ids=["customer", "stranger"])
def test_without_a_right_code_there_is_no_list(world: World, person: Person) -> None:
    sent(world)
    world.identify("c1", person)
    world.has_code("c1", purpose=CHECK)
    refusal_of(lambda: world.enter("c1", "000000", CHECK))
    with pytest.raises(FactorsMissing):
        recent(world)


def test_the_code_is_good_for_fifteen_minutes_and_as_many_looks(world: World) -> None:
    world.is_verified("c1", NORMAL, CHECK)
    world.clock.pass_(minutes=15, milliseconds=-1)
    assert recent(world) == recent(world) == []
    world.clock.pass_(milliseconds=1)
    with pytest.raises(FactorsMissing):
        recent(world)


def test_the_list_of_another_conversation_stays_there(world: World) -> None:
    world.is_verified("c1", NORMAL, CHECK)
    world.clock.pass_(seconds=1)
    assert refusal_of(lambda: recent(world, "c2")) == "FactorsMissing"


def test_the_list_shows_no_account_and_no_whole_mailbox(world: World) -> None:
    sent(world)
    world.is_verified("c1", NORMAL, CHECK)
    shown = repr(recent(world))
    assert NORMAL.number not in shown
    assert "zdemo@" not in shown


def test_a_list_in_the_time_of_the_institution(world: World) -> None:
    world.clock.pass_(hours=15)
    sent(world)
    world.is_verified("c1", NORMAL, CHECK)
    assert [each.at for each in recent(world)] == ["2026/11/21 01:00:00"]


@pytest.mark.parametrize("others", [LOCKED, UNKNOWN])
def test_entering_others_details_tells_nothing_of_them(world: World, others: Person) -> None:
    mine = sent(world)
    world.verify("c1", NORMAL, VERIFY)
    world.identify("c1", others)
    assert look(world, mine).reference == mine
