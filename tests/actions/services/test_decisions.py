"""Every decision stands in the audit once, with what it decided and about whom as a digest; nothing else does (G41)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from actions.security.errors import NoticeUnknown, OtpWrong
from actions.security.secret import Secret
from actions.services.decisions import Decision, Decisions, staff
from actions.services.hotline import Caller
from actions.storage.models import Account, AuditEntry, GuessBudget
from tests.actions.security.rounds import rounds, told
from tests.actions.world import (
    LOCKED,
    NORMAL,
    SUSPENDED,
    UNKNOWN,
    UNLOCK,
    VERIFY,
    WITHOUT_CERTIFICATE,
    Person,
    World,
    refusal_of,
)

PEOPLE = (NORMAL, LOCKED, WITHOUT_CERTIFICATE, SUSPENDED, UNKNOWN)
PURPOSES = (VERIFY, UNLOCK, "reissue_password", "protect_account", "check_notice", "renew_certificate")
OPERATIONS = rounds(200)


@pytest.fixture
def decisions(world: World) -> Decisions:
    return Decisions(world.services.work, world.services.audit)


def account(world: World, column: str) -> object:
    return world.rows()["core_account"][NORMAL.account][column]


CHANGE = update(Account).where(Account.id == NORMAL.account).values(wrong_passwords=2)


# --- a block --------------------------------------------------------------------------------------


def decide(decisions: Decisions, go_on: Callable[[Decision], object]) -> None:
    """Change a row in a decision, and go on as told."""
    with decisions.begin("try", "c1") as decision:
        decision.session.execute(CHANGE)
        go_on(decision)


def refuse(_decision: Decision) -> None:
    raise NoticeUnknown


def keep_and_refuse(decision: Decision) -> None:
    refusal = OtpWrong(left=2)
    decision.refused(refusal)
    raise refusal


def test_what_is_done_is_kept_with_its_row(world: World, decisions: Decisions) -> None:
    decide(decisions, lambda decision: decision.done("demo"))
    assert account(world, "wrong_passwords") == 2
    assert world.decided() == [("customer", "try", "done", "demo")]


def test_a_refusal_that_leaves_the_block_undoes_all_and_is_written_once(world: World, decisions: Decisions) -> None:
    with pytest.raises(NoticeUnknown):
        decide(decisions, refuse)
    assert account(world, "wrong_passwords") == 0
    assert world.decided() == [("customer", "try", "refused", "NoticeUnknown")]


def test_a_refusal_that_was_committed_keeps_what_was_counted_and_is_written_once(
    world: World, decisions: Decisions
) -> None:
    with pytest.raises(OtpWrong):
        decide(decisions, keep_and_refuse)
    assert account(world, "wrong_passwords") == 2
    assert world.decided() == [("customer", "try", "refused", "OtpWrong")]


def test_an_error_of_the_database_is_no_refusal_and_leaves_nothing(world: World, decisions: Decisions) -> None:
    with pytest.raises(DBAPIError):
        decide(decisions, lambda decision: decision.session.execute(text("SELECT nothing FROM nowhere")))
    assert (account(world, "wrong_passwords"), world.decided()) == (0, [])


def test_any_other_error_leaves_nothing(world: World, decisions: Decisions) -> None:
    with pytest.raises(ZeroDivisionError):
        decide(decisions, lambda _: 1 / 0)
    assert (account(world, "wrong_passwords"), world.decided()) == (0, [])


def test_what_is_neither_done_nor_refused_leaves_nothing(world: World, decisions: Decisions) -> None:
    decide(decisions, lambda _: None)
    assert (account(world, "wrong_passwords"), world.decided()) == (0, [])


def test_a_decision_that_cannot_be_written_down_is_not_made(world: World, decisions: Decisions) -> None:
    with pytest.raises(ValueError, match="audit"):
        decide(decisions, lambda decision: decision.done("r" * 256))
    assert (account(world, "wrong_passwords"), world.decided()) == (0, [])


def test_staff_stand_by_name() -> None:
    assert staff("demo") == "hotline:demo"
    assert len(staff("d" * 100)) == 64


# --- a day of operations --------------------------------------------------------------------------


class Day:
    """Does operations at random and keeps what the audit should say of each."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)
        self.expected: Counter[tuple[str, str, str]] = Counter()
        self.keys = 0

    def note(self, action: str, call: Callable[[], object]) -> None:
        refusal = refusal_of(call)
        self.expected[(action, "refused" if refusal else "done", refusal or "")] += 1

    def step(self) -> None:
        world, chance = self.world, self.chance
        world.clock.pass_(seconds=chance.choice([1, 1, 30, 61, 400]))
        person, conversation = chance.choice(PEOPLE), f"c{chance.randrange(5)}"
        purpose = chance.choice(PURPOSES)
        world.identify(conversation, person)
        act = chance.choice(["send", "wrong", "right", "unlock", "reissue", "notice", "list", "phone", "used", "open"])
        if act == "send":
            channel = chance.choice(["sms", "email", "fax"])
            self.note(f"send_code {purpose}", partial(world.send, conversation, purpose, channel))
        elif act in ("wrong", "right"):
            world.has_code(conversation, purpose=purpose)
            code = "424242" if act == "right" else "000000"
            self.note(f"verify_code {purpose}", partial(world.enter, conversation, code, purpose))
        elif act in ("unlock", "reissue"):
            kind = {"unlock": UNLOCK, "reissue": "reissue_password"}[act]
            if chance.random() < 0.7:  # a new code each: nothing is repeated
                world.has_code(conversation, purpose=kind, used=True)
            else:
                conversation = f"nobody-{self.keys}"
            self.note(kind, partial(getattr(world, act), conversation))
        elif act == "notice":
            known = [*world.rows()["notice"], "NT-20261120-2222-2222"]
            check = world.services.notice_check.by_reference
            self.note("check_notice", partial(check, "somebody", "hnyc", chance.choice(known)))
        elif act == "list":
            self.note("check_notice", partial(world.services.notice_check.recent, conversation, "hnyc"))
        elif act == "phone":
            self.keys += 1
            self.note(UNLOCK, partial(world.unlock_by_phone, person, f"demo-key-{self.keys}"))
        elif act == "used":
            caller = Caller("hnyc", Secret(person.number))
            self.note("read_ledger", partial(world.services.hotline.used_today, caller, "demo staff"))
        else:
            caller = Caller("hnyc", Secret(person.number))
            self.note("allow_codes_again", partial(world.services.hotline.allow_codes_again, caller, "demo staff"))


def test_the_audit_tells_every_operation_once_and_nothing_of_a_customer(world: World) -> None:
    day = Day(world, 11)
    for _ in range(OPERATIONS):
        day.step()
    found = Counter(
        (action, outcome, reason if outcome == "refused" else "") for _, action, outcome, reason in world.decided()
    )
    with world.services.work.look() as session:
        verdict = world.services.audit.verify(session)
        entries = session.scalars(select(AuditEntry)).all()
        kept = " ".join(f"{e.actor} {e.action} {e.subject} {e.outcome} {e.reason}" for e in entries)
    told(
        tried=OPERATIONS,
        accepted=found.total(),
        doubled=(found - day.expected).total(),
        lost=(day.expected - found).total(),
    )
    assert found == day.expected
    assert (verdict.entries, verdict.broken) == (OPERATIONS, ())
    assert {outcome for _, outcome, _ in found} == {"done", "refused"}
    accounts = world.rows()["core_account"].values()
    private = {str(row[name]) for row in accounts for name in ("id", "number", "phone", "email", "birth_date")}
    private |= {person.born for person in PEOPLE} | {UNKNOWN.number, "424242", "測試客戶"}
    assert not [value for value in private if value in kept]


def test_who_it_was_about_is_found_again_by_the_digest_alone(world: World) -> None:
    world.is_verified("c1", LOCKED)
    world.unlock("c1")
    with world.services.work.look() as session:
        (entry,) = session.scalars(select(AuditEntry))
    assert entry.subject == world.services.audit.digest_of(LOCKED.account)


def test_a_refused_verification_names_its_reason(world: World) -> None:
    world.execute(
        insert(GuessBudget).values(
            subject=NORMAL.account, day=world.clock.time.date(), evaluated=30, consecutive_wrong=0
        )
    )
    world.identify("c1", NORMAL)
    world.has_code("c1")
    refusal_of(lambda: world.enter("c1", "424242"))
    assert world.decided() == [("customer", f"verify_code {VERIFY}", "refused", "GuessesUsedUp")]


@pytest.mark.parametrize("person", [LOCKED, UNKNOWN], ids=["customer", "stranger"])
def test_a_repeated_command_is_no_new_decision(world: World, person: Person) -> None:
    world.is_verified("c1", person)
    refusal_of(lambda: world.unlock("c1"))
    before = len(world.decided())
    if person is LOCKED:
        world.unlock("c1")
        assert len(world.decided()) == before
    else:
        refusal_of(lambda: world.unlock("c1"))
        assert len(world.decided()) == before + 1
