"""Steps of a renewal at the same moment do what they do one after the other, on both databases (G16, G20)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial

import pytest
from sqlalchemy.orm import Session

from actions.security.certificate_renewal import WRONG_BIRTH_DATES
from actions.services import renewal_steps
from actions.storage.renewals import last_ended_at
from tests.actions.security.rounds import rounds, told
from tests.actions.services.renewals import (
    WRONG,
    at_a_firm,
    bring,
    certificates,
    confirm,
    give,
    open_,
    refusal,
    renewal,
    row,
    rows,
    together,
    verify,
)
from tests.actions.world import NORMAL, World, on_postgresql

ROUNDS = rounds(3)
AT_ONCE = 20


def confirmed(world: World, conversation: str, receipts: list[str]) -> None:
    receipts.append(confirm(world, conversation).receipt)


def test_of_many_confirmations_at_once_one_installs_and_all_have_its_receipt(world: World) -> None:
    counts: Counter[str] = Counter()
    for n in range(ROUNDS):
        world.clock.pass_(hours=25)
        bring(world, "confirm", f"c{n}")
        receipts: list[str] = []
        outcome = together([partial(confirmed, world, f"c{n}", receipts)] * AT_ONCE)
        counts.update(tried=AT_ONCE, accepted=outcome[None], certificates=len(certificates(world)) - n)
        assert outcome == {None: AT_ONCE}
        assert len(set(receipts)) == 1
    told(**counts, doubled=counts["certificates"] - ROUNDS, lost=ROUNDS - counts["certificates"])
    assert counts["certificates"] == ROUNDS


def test_at_a_core_elsewhere_too(world: World) -> None:
    for n in range(ROUNDS):
        world.clock.pass_(hours=25)
        firm = at_a_firm(world)
        bring(world, "confirm", f"c{n}")
        outcome = together([partial(confirm, world, f"c{n}")] * AT_ONCE)
        assert outcome == {None: AT_ONCE}
        assert (firm.asked, len(firm.issued)) == (1, 1)


def test_of_many_wrong_birth_dates_at_once_three_are_looked_at(world: World) -> None:
    for n in range(ROUNDS):
        world.clock.pass_(hours=25)
        bring(world, "birth_date", f"c{n}")
        firm = at_a_firm(world)
        references = [world.put(f"c{n}", "birth_date", f"070/02/{1 + m:02d}") for m in range(AT_ONCE)]
        give_ = renewal(world).give_birth_date
        outcome = together([partial(give_, f"c{n}", reference) for reference in references])
        assert outcome == {"RenewalBirthDateWrong": 2, "RenewalStopped": AT_ONCE - 2}
        assert firm.looked_at == WRONG_BIRTH_DATES
    told(tried=AT_ONCE * ROUNDS, evaluated=WRONG_BIRTH_DATES * ROUNDS)


def test_of_many_right_birth_dates_at_once_one_goes_on_and_the_others_hear_what_is_next(world: World) -> None:
    bring(world, "birth_date")
    references = [world.put("c1", "birth_date", NORMAL.born) for _ in range(AT_ONCE)]
    give_ = renewal(world).give_birth_date
    outcome = together([partial(give_, "c1", reference) for reference in references])
    assert outcome == {None: 1, "RenewalOutOfOrder": AT_ONCE - 1}
    assert row(world).step == "confirm"


def test_one_birth_date_delivered_many_times_at_once_is_right_every_time(world: World) -> None:
    bring(world, "birth_date")
    reference = world.put("c1", "birth_date", NORMAL.born)
    give_ = renewal(world).give_birth_date
    assert together([partial(give_, "c1", reference)] * AT_ONCE) == {None: AT_ONCE}


def test_one_wrong_birth_date_delivered_many_times_at_once_is_counted_once(world: World) -> None:
    bring(world, "birth_date")
    reference = world.put("c1", "birth_date", WRONG)
    give_ = renewal(world).give_birth_date
    assert together([partial(give_, "c1", reference)] * AT_ONCE) == {"RenewalBirthDateWrong": AT_ONCE}
    assert row(world).wrong_birth_dates == 1


def test_opened_many_times_at_once_it_begins_once(world: World) -> None:
    verify(world)
    assert together([partial(open_, world)] * AT_ONCE) == {None: AT_ONCE}
    assert len(rows(world)) == 1


@pytest.mark.parametrize("elsewhere", [False, True])
def test_opened_in_several_conversations_at_once_one_goes_on(world: World, elsewhere: bool) -> None:
    for n in range(ROUNDS):
        world.clock.pass_(hours=25)
        if elsewhere:
            at_a_firm(world)
        conversations = [f"{n}-{m}" for m in range(4)]
        for conversation in conversations:
            verify(world, conversation)
        outcome = together([partial(open_, world, conversation) for conversation in conversations])
        assert outcome[None] >= 1
        assert outcome.keys() <= {None, "RenewalOutOfOrder"}
        (going_on,) = [each for each in rows(world) if each.closed_at is None]
        told_next = [each for each in conversations if refusal(open_, world, each) is None]
        (left,) = [each for each in rows(world) if each.closed_at is None]
        assert left.conversation == told_next[-1]
        assert going_on.conversation in conversations


@pytest.mark.parametrize("elsewhere", [False, True])
def test_confirmed_in_one_conversation_while_another_takes_it_over_it_is_installed_once(
    world: World, elsewhere: bool
) -> None:
    counts: Counter[str] = Counter()
    for n in range(ROUNDS):
        world.clock.pass_(hours=25)
        firm = at_a_firm(world) if elsewhere else None
        before = len(certificates(world))
        bring(world, "confirm", f"a{n}")
        verify(world, f"b{n}")
        outcome = together([partial(confirm, world, f"a{n}"), partial(open_, world, f"b{n}")])
        assert outcome == {None: 1, "RenewalOutOfOrder": 1}
        installed = len(firm.issued) if firm else len(certificates(world)) - before
        ended = [each.outcome for each in rows(world)][-1]
        assert installed == (ended == "installed")
        counts.update(tried=2, accepted=1, installed=installed)
    told(**counts)


def test_not_mine_while_it_is_confirmed_stops_it_or_comes_too_late(world: World) -> None:
    for n in range(ROUNDS):
        world.clock.pass_(hours=25)
        before = len(certificates(world))
        bring(world, "confirm", f"c{n}")
        outcome = together([partial(confirm, world, f"c{n}"), partial(renewal(world).not_mine, f"c{n}")])
        installed = len(certificates(world)) - before
        assert outcome == ({None: 2} if installed else {None: 1, "RenewalStopped": 1})


# --- a step is taken between the reading and the writing of another (PostgreSQL; SQLite has one writer) ----------


@on_postgresql
@pytest.mark.parametrize("born", [NORMAL.born, WRONG])
def test_a_birth_date_is_not_judged_for_whom_another_conversation_overtook(world: World, born: str) -> None:
    firm = at_a_firm(world)
    bring(world, "birth_date")
    verify(world, "c2")
    reference = world.put("c1", "birth_date", born)
    firm.meanwhile["customer"] = partial(open_, world, "c2")
    assert refusal(renewal(world).give_birth_date, "c1", reference) == "RenewalOutOfOrder"
    assert (row(world).conversation, row(world).step, row(world).wrong_birth_dates) == ("c2", "birth_date", 0)


@on_postgresql
def test_nothing_is_asked_of_the_core_for_whom_another_conversation_overtook(world: World) -> None:
    firm = at_a_firm(world)
    bring(world, "confirm")
    verify(world, "c2")
    firm.meanwhile["certificates"] = partial(open_, world, "c2")
    assert refusal(confirm, world) == "RenewalOutOfOrder"
    assert firm.asked == 0
    give(world, "c2")
    confirm(world, "c2")
    assert (firm.asked, len(rows(world))) == (1, 1)


@on_postgresql
def test_the_account_has_one_in_progress_whoever_was_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The unique key decides where neither saw the other's."""
    at_a_firm(world)
    verify(world, "c1")
    verify(world, "c2")

    def overtaken(session: Session, account: str) -> datetime | None:
        monkeypatch.undo()
        open_(world, "c1")
        return last_ended_at(session, account)

    monkeypatch.setattr(renewal_steps, "last_ended_at", overtaken)
    assert refusal(open_, world, "c2") == "RenewalOutOfOrder"
    assert row(world).conversation == "c1"
    assert open_(world, "c2").step == "birth_date"
    assert row(world).conversation == "c2"
