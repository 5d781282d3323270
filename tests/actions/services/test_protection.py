"""Not me: the account is closed at once, what is known is kept sealed, staff are told, the hotline alone opens it (T34)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from actions.security.errors import (
    AccountProtected,
    CoreOutcomeUnknown,
    CoreUnavailable,
    FactorsMissing,
    ProtectionPending,
    ProtectionStays,
    UnlockSuspended,
)
from actions.security.notices import Event
from actions.services.events import ToldEvent
from actions.storage.models import Account, ChallengeRecord
from tests.actions.security.rounds import rounds, told
from tests.actions.services.test_parallel import together
from tests.actions.world import (
    LOCKED,
    NORMAL,
    SUSPENDED,
    UNKNOWN,
    UNLOCK,
    VERIFY,
    WRONG_BIRTH_DATE,
    Person,
    World,
    refusal_of,
)

PROTECT = "protect_account"
PLATFORM = "測試平台"
STAFF = "hotline@example.com"


@pytest.fixture
def verified(world: World) -> World:
    """The locked customer in c1, with a right code for "not me"."""
    world.is_verified("c1", LOCKED, PROTECT)
    return world


def suspended_at(world: World, person: Person = LOCKED) -> object:
    return world.rows()["core_account"][person.account]["suspended_at"]


def open_rows(world: World) -> list[dict[str, object]]:
    return [row for row in world.rows()["protection"].values() if row["lifted_at"] is None]


# --- who may --------------------------------------------------------------------------------------


def test_after_its_code_the_account_is_closed(verified: World) -> None:
    reference = verified.protect("c1")
    assert reference.startswith("NM-20261120-")
    assert suspended_at(verified) == verified.clock.now()


@pytest.mark.parametrize("purpose", [VERIFY, UNLOCK, "reissue_password", "check_notice"])
def test_a_code_of_another_purpose_closes_nothing(world: World, purpose: str) -> None:
    world.is_verified("c1", LOCKED, purpose)
    with pytest.raises(FactorsMissing):
        world.protect("c1")
    assert suspended_at(world) is None


@pytest.mark.parametrize("person", [NORMAL, UNKNOWN, WRONG_BIRTH_DATE], ids=["customer", "unknown", "wrong"])
def test_nobody_closes_an_account_without_its_code(world: World, person: Person) -> None:
    world.identify("c1", person)
    world.send("c1", PROTECT)
    refusal_of(lambda: world.enter("c1", "000000", PROTECT))
    before = world.rows()
    for _ in range(rounds(20)):
        assert refusal_of(lambda: world.protect("c1")) == "FactorsMissing"
    assert world.rows() == before


def test_a_code_that_is_five_minutes_old_closes_nothing(verified: World) -> None:
    verified.clock.pass_(minutes=5)
    with pytest.raises(FactorsMissing):
        verified.protect("c1")


# --- once -----------------------------------------------------------------------------------------


def test_said_twice_it_is_one_protection(verified: World) -> None:
    assert verified.protect("c1") == verified.protect("c1")
    verified.is_verified("c2", LOCKED, PROTECT)
    assert verified.protect("c2") == verified.protect("c1")
    assert (len(open_rows(verified)), len(verified.letters())) == (1, 1)


def test_said_by_many_at_once_it_is_one_protection(world: World) -> None:
    conversations = [f"c{n}" for n in range(20)]
    for conversation in conversations:
        world.is_verified(conversation, LOCKED, PROTECT)
    assert together(*[partial(world.protect, conversation) for conversation in conversations]) == {None: 20}
    references = {world.protect(conversation) for conversation in conversations}
    told(tried=20, accepted=len(open_rows(world)), doubled=len(references) - 1)
    assert len(references) == len(open_rows(world)) == 1
    assert len([row for row in world.rows()["ledger"].values() if row["kind"] == PROTECT]) == 1


# --- what is refused meanwhile --------------------------------------------------------------------

ACTS: dict[str, tuple[str, Callable[[World], object]]] = {
    "unlock": (UNLOCK, lambda world: world.unlock("c2")),
    "unlock by phone": (UNLOCK, lambda world: world.unlock_by_phone(LOCKED)),
    "reissue": ("reissue_password", lambda world: world.reissue("c2")),
    "renewal": ("renew_certificate", lambda world: world.services.certificate_renewal.open("c2", "hnyc")),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("opened_by_core", [False, True])
def test_an_act_is_refused_with_the_reference(verified: World, act: str, opened_by_core: bool) -> None:
    purpose, do = ACTS[act]
    reference = verified.protect("c1")
    if opened_by_core:  # what the core says does not matter: the row decides
        verified.execute(update(Account).where(Account.id == LOCKED.account).values(suspended_at=None))
    verified.is_verified("c2", LOCKED, purpose)
    before = verified.rows()
    with pytest.raises(AccountProtected) as refused:
        do(verified)
    assert refused.value.facts == {"report": reference}
    assert verified.rows() == before


def test_its_own_conversation_hears_so_without_another_code(verified: World) -> None:
    reference = verified.protect("c1")
    with pytest.raises(AccountProtected) as refused:
        verified.services.protection.refuse_protected("c1")
    assert refused.value.facts == {"report": reference}


def test_another_conversation_of_whoever_knows_the_details_hears_nothing(verified: World) -> None:
    verified.protect("c1")
    verified.identify("c2", LOCKED)
    assert refusal_of(lambda: verified.services.protection.refuse_protected("c2")) is None


def test_another_account_is_open_as_before(verified: World) -> None:
    verified.protect("c1")
    verified.execute(update(Account).where(Account.id == NORMAL.account).values(locked_at=verified.clock.now()))
    verified.is_verified("c2", NORMAL, UNLOCK)
    assert verified.unlock("c2")


# --- evidence -------------------------------------------------------------------------------------


def happened(world: World, id_: str = "demo-event-1") -> str:
    event = Event("login", world.clock.now() - timedelta(hours=1), LOCKED.number, platform=PLATFORM)
    world.execute(update(Account).where(Account.id == LOCKED.account).values(locked_at=None))
    (reference,) = world.services.events.receive(ToldEvent(id_, "hnyc", event))
    return reference


def test_the_evidence_holds_what_happened_and_what_it_began_with(verified: World) -> None:
    notice = happened(verified)
    reference = verified.protect("c1", notice)
    found = verified.services.protection.evidence(reference, "demo staff")
    at = (verified.clock.now() - timedelta(hours=1)).isoformat()
    assert found["began_with"] == notice
    assert found["events"] == [["demo-event-1", "login", at, PLATFORM]]
    assert [notice, "login_success", at, PLATFORM] in found["notices"]  # type: ignore[operator]
    assert LOCKED.number not in json.dumps(found)


def test_the_evidence_cannot_be_read_in_the_files(verified: World, stored: Callable[[], list[Path]]) -> None:
    verified.protect("c1", "canary-evidence-5738291")
    assert not [file for file in stored() if b"canary-evidence" in file.read_bytes()]
    found = verified.services.protection.evidence(next(iter(verified.rows()["protection"])), "demo staff")
    assert found["began_with"] == "canary-evidence-5738291"


def test_a_look_at_the_evidence_is_written_down(verified: World) -> None:
    reference = verified.protect("c1")
    verified.services.protection.evidence(reference, "demo staff")
    assert ("hotline:demo staff", "read_evidence", "done", reference) in verified.decided()


# --- staff ----------------------------------------------------------------------------------------


def test_staff_are_told_once_without_a_word_about_the_customer(verified: World) -> None:
    reference = verified.protect("c1")
    verified.protect("c1")
    (letter,) = verified.letters()
    assert letter.to == STAFF
    told_ = letter.subject + letter.text + letter.html
    assert reference in told_
    about = (LOCKED.number, "ydemo@example.com", "0930000278", "測試客戶", "071/02/02", "1982")
    assert not [word for word in about if word in told_]


def test_what_waits_for_the_hotline_is_listed(verified: World) -> None:
    reference = verified.protect("c1")
    assert verified.services.protection.open_ones() == [(reference, "2026-11-20T02:00:00+00:00")]
    verified.services.protection.lift(reference, "demo staff")
    assert verified.services.protection.open_ones() == []


# --- lifting --------------------------------------------------------------------------------------


def test_the_hotline_opens_it_with_a_name(verified: World) -> None:
    reference = verified.protect("c1")
    verified.services.protection.lift(reference, "demo staff")
    assert suspended_at(verified) is None
    (row,) = verified.rows()["protection"].values()
    assert (row["lifted_by"], row["lifted_at"]) == ("demo staff", verified.clock.now())
    assert ("hotline:demo staff", "lift_protection", "done", reference) in verified.decided()
    verified.is_verified("c2", LOCKED, UNLOCK)
    assert verified.unlock("c2")


def test_without_a_name_it_stays(verified: World) -> None:
    reference = verified.protect("c1")
    with pytest.raises(ProtectionStays):
        verified.services.protection.lift(reference, "")
    assert suspended_at(verified) is not None
    assert open_rows(verified)


def test_lifted_twice_is_lifted_once(verified: World) -> None:
    reference = verified.protect("c1")
    verified.services.protection.lift(reference, "demo staff")
    before = verified.rows()
    verified.clock.pass_(minutes=1)
    verified.services.protection.lift(reference, "another")
    assert verified.rows() == before


def test_a_reference_that_nobody_has_lifts_nothing(verified: World) -> None:
    verified.protect("c1")
    before = verified.rows()
    verified.services.protection.lift("NM-20261120-2222", "demo staff")
    assert verified.rows() == before


def test_after_it_was_lifted_not_me_closes_it_again(verified: World) -> None:
    first = verified.protect("c1")
    verified.services.protection.lift(first, "demo staff")
    second = verified.protect("c1")
    assert first != second
    assert [row["reference"] for row in open_rows(verified)] == [second]
    assert suspended_at(verified) is not None


def test_what_was_suspended_before_stays_suspended_after(world: World) -> None:
    world.is_verified("c1", SUSPENDED, PROTECT)
    before = suspended_at(world, SUSPENDED)
    reference = world.protect("c1")
    world.services.protection.lift(reference, "demo staff")
    assert suspended_at(world, SUSPENDED) == before is not None
    world.is_verified("c2", SUSPENDED, UNLOCK)
    with pytest.raises(UnlockSuspended):
        world.unlock("c2")


def test_it_is_lifted_and_asked_for_at_once_without_waiting_for_each_other(verified: World) -> None:
    for _ in range(rounds(5)):
        verified.execute(update(ChallengeRecord).values(used_at=verified.clock.now()))
        reference = verified.protect("c1")
        lift = partial(verified.services.protection.lift, reference, "demo staff")
        assert together(partial(verified.protect, "c1"), lift, partial(verified.protect, "c1"), lift) == {None: 4}
        assert (suspended_at(verified) is None) == (not open_rows(verified))
        for row in open_rows(verified):
            verified.services.protection.lift(str(row["reference"]), "demo staff")


def test_the_row_says_nothing_of_the_customer_in_clear(verified: World) -> None:
    verified.protect("c1")
    (row,) = verified.rows()["protection"].values()
    evidence = row.pop("evidence_ciphertext")
    assert LOCKED.number.encode() not in evidence
    assert set(row) == {
        "reference",
        "account_id",
        "since",
        "conversation",
        "login_suspended_at",
        "lifted_at",
        "lifted_by",
    }


# --- the core system does not answer --------------------------------------------------------------


def silent(*_: object) -> None:
    raise CoreUnavailable


@pytest.fixture
def silent_core(verified: World, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for call in ("password", "suspend_login", "restore_login"):
        monkeypatch.setattr(verified.services.core, call, silent)
    return monkeypatch


def test_an_account_is_protected_here_even_if_the_core_system_does_not_answer(
    verified: World, silent_core: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProtectionPending) as refused:
        verified.protect("c1")
    (row,) = open_rows(verified)
    assert refused.value.facts == {"report": row["reference"]}
    assert (row["login_suspended_at"], suspended_at(verified)) == (None, None)
    assert [m["kind"] for m in verified.rows()["outbox"].values() if m["kind"] == "account_protected"]
    silent_core.undo()
    verified.is_verified("c1", LOCKED, UNLOCK)
    with pytest.raises(AccountProtected):
        verified.unlock("c1")


def test_the_login_is_suspended_when_the_core_system_is_back(verified: World, silent_core: pytest.MonkeyPatch) -> None:
    assert refusal_of(lambda: verified.protect("c1")) == "ProtectionPending"
    assert verified.services.protection.suspend_pending() == 0
    silent_core.undo()
    verified.clock.pass_(minutes=1)
    assert [verified.services.protection.suspend_pending() for _ in range(2)] == [1, 0]
    (row,) = open_rows(verified)
    assert row["login_suspended_at"] == suspended_at(verified) == verified.clock.now()


def test_not_me_again_while_the_core_system_is_silent_keeps_the_reference(
    verified: World, silent_core: pytest.MonkeyPatch
) -> None:
    assert [refusal_of(lambda: verified.protect("c1")) for _ in range(2)] == ["ProtectionPending"] * 2
    assert len(open_rows(verified)) == 1
    silent_core.undo()
    assert verified.protect("c1") == open_rows(verified)[0]["reference"]
    assert suspended_at(verified) is not None


def test_what_was_never_suspended_is_lifted_without_a_restoring(
    verified: World, silent_core: pytest.MonkeyPatch
) -> None:
    assert refusal_of(lambda: verified.protect("c1")) == "ProtectionPending"
    silent_core.undo()
    silent_core.setattr(verified.services.core, "restore_login", silent)
    verified.services.protection.lift(str(open_rows(verified)[0]["reference"]), "demo staff")
    assert open_rows(verified) == []
    assert verified.services.protection.suspend_pending() == 0


def test_an_account_that_the_firm_had_suspended_stays_so_after_lifting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.is_verified("c1", SUSPENDED, PROTECT)
    monkeypatch.setattr(world.services.core, "password", silent)
    assert refusal_of(lambda: world.protect("c1")) == "ProtectionPending"
    monkeypatch.undo()
    assert world.services.protection.suspend_pending() == 1
    world.services.protection.lift(str(open_rows(world)[0]["reference"]), "demo staff")
    assert suspended_at(world, SUSPENDED) is not None


def test_a_login_whose_suspension_was_never_heard_of_is_restored_by_lifting(
    verified: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspend = verified.services.core.suspend_login

    def unheard(*asked: Any) -> None:
        suspend(*asked)
        raise CoreOutcomeUnknown

    monkeypatch.setattr(verified.services.core, "suspend_login", unheard)
    assert refusal_of(lambda: verified.protect("c1")) == "ProtectionPending"
    assert suspended_at(verified) is not None
    verified.services.protection.lift(str(open_rows(verified)[0]["reference"]), "demo staff")
    assert suspended_at(verified) is None
