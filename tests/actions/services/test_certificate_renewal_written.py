"""What a renewal leaves in the database, whatever the core system answers (T53)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from actions.security.errors import (
    CoreOutcomeUnknown,
    CoreUnavailable,
    RenewalBirthDateWrong,
    RenewalOutOfOrder,
    RenewalStopped,
    RenewalTooLate,
)
from actions.services.certificate_renewal import PURPOSE
from tests.actions.security.rounds import told
from tests.actions.services.renewals import (
    STEPS,
    WRONG,
    at_a_firm,
    audited,
    bring,
    confirm,
    give,
    let_certificate_end,
    open_,
    refusal,
    renewal,
    row,
    rows,
    verify,
)
from tests.actions.world import NORMAL, Rows, World

# --- a core system that does not answer (T53) -------------------------------------------------------


def test_what_the_core_did_not_do_is_done_by_the_same_confirmation_later(world: World) -> None:
    firm = at_a_firm(world, "refused", "refused")
    bring(world, "confirm")
    before = world.rows()
    for _ in range(2):
        with pytest.raises(CoreUnavailable):
            confirm(world)
        assert world.rows() == before
    done = confirm(world)
    assert (len(firm.issued), firm.asked, confirm(world)) == (1, 3, done)
    assert firm.asked == 3  # a receipt is told from our own rows


@pytest.mark.parametrize("days", [20, 65])
@pytest.mark.parametrize("lost", [1, 2, 5])
def test_an_answer_that_was_lost_is_asked_for_with_the_same_key_and_way(world: World, days: int, lost: int) -> None:
    let_certificate_end(world, days)
    firm = at_a_firm(world, *["lost"] * lost)
    bring(world, "confirm")
    for _ in range(lost):
        with pytest.raises(CoreOutcomeUnknown):
            confirm(world)
        assert (row(world).outcome, row(world).closed_at, open_(world).step) == ("unknown", None, "confirm")
    done = confirm(world)
    ((_, issued),) = firm.issued.values()
    assert (row(world).serial, len(firm.issued), confirm(world)) == (issued.serial, 1, done)


@pytest.mark.parametrize("conversation", ["c1", "c2"])
@pytest.mark.parametrize("days", [20, 65])
def test_and_with_a_later_code_too(world: World, days: int, conversation: str) -> None:
    let_certificate_end(world, days)
    firm = at_a_firm(world, "lost")
    bring(world, "confirm")
    way = row(world).kind
    refusal(confirm, world)
    world.clock.pass_(minutes=20)
    bring(world, "confirm", conversation)  # by now the new certificate is on record there
    assert open_(world, conversation).way == way
    confirm(world, conversation)
    assert (len(firm.issued), len(rows(world))) == (1, 1)


def test_a_lost_answer_of_the_day_before_is_not_asked_for_again(world: World) -> None:
    firm = at_a_firm(world, "lost")
    bring(world, "confirm")
    refusal(confirm, world)
    world.clock.pass_(days=1)
    verify(world)
    assert open_(world).way == "apply"
    assert [r.outcome for r in rows(world)] == ["replaced", None]
    assert firm.asked == 1


def test_who_says_not_mine_after_a_lost_answer_is_heard(world: World) -> None:
    firm = at_a_firm(world, "lost")
    bring(world, "confirm")
    refusal(confirm, world)
    renewal(world).not_mine("c1")
    assert refusal(confirm, world) == "RenewalStopped"
    assert firm.asked == 1


# --- what is written --------------------------------------------------------------------------------


def changed(before: Rows, after: Rows) -> dict[str, set[str]]:
    """Return the columns that differ by table; "+" for a row that is new, "-" for one that is gone."""
    found: dict[str, set[str]] = {}
    for table in after:
        names = found.setdefault(table, set())
        for key in before[table].keys() | after[table].keys():
            old, new = before[table].get(key), after[table].get(key)
            if old is None or new is None:
                names.add("+" if old is None else "-")
            else:
                names.update(name for name in new if new[name] != old[name])
    return {table: names for table, names in found.items() if names}


STEP = {"step", "taken", "step_id", "step_at"}


def test_each_step_changes_its_own_rows_and_no_others(world: World) -> None:
    verify(world)
    world.clock.pass_(seconds=1)
    before = world.rows()
    open_(world)
    opened = world.rows()
    assert changed(before, opened) == {"certificate_renewal": {"+"}}
    open_(world)
    assert world.rows() == opened
    wrong, right = world.put("c1", "birth_date", WRONG), world.put("c1", "birth_date", NORMAL.born)
    world.clock.pass_(seconds=1)
    before = world.rows()
    refusal(renewal(world).give_birth_date, "c1", wrong)
    after = world.rows()
    counted = {"wrong_birth_dates", *STEP} - {"step"}
    assert changed(before, after) == {"certificate_renewal": counted, "vault": {"taken_at", "ciphertext"}}
    world.clock.pass_(seconds=1)
    renewal(world).give_birth_date("c1", right)
    before, after = after, world.rows()
    assert changed(before, after) == {"certificate_renewal": STEP, "vault": {"taken_at", "ciphertext"}}
    world.clock.pass_(seconds=1)
    confirm(world)
    before, after = after, world.rows()
    ended = {*STEP, "closed_at", "outcome", "serial", "valid_until"}
    differ = changed(before, after)
    differ.pop("core_act", None)  # the core's own note of its key
    assert differ == {
        "certificate_renewal": ended,
        "challenge": {"spent_at"},
        "ledger": {"+"},
        "core_certificate": {"+"},
    }
    confirm(world)
    assert world.rows() == after


OUT_OF_ORDER: dict[str, Sequence[Callable[..., object]]] = {
    "code": [give, confirm],
    "birth_date": [confirm],
    "confirm": [give],
}


@pytest.mark.parametrize("step", STEPS)
def test_a_refusal_changes_nothing(world: World, step: str) -> None:
    bring(world, step)
    for call in OUT_OF_ORDER[step]:
        before = world.rows()
        assert refusal(call, world) == "RenewalOutOfOrder"
        after = world.rows()
        assert changed(before, after) == ({"vault": {"+"}} if call is give else {})


def test_every_decision_is_in_the_audit(world: World) -> None:
    verify(world)
    before = len(audited(world, NORMAL.account))
    open_(world)
    refusal(give, world, "c1", WRONG)
    refusal(confirm, world)
    give(world)
    open_(world)
    done = confirm(world)
    renewal(world).not_mine("c1")
    written = audited(world, NORMAL.account)[before:]
    told(decisions=7, audited=len(written))
    assert written == [
        (f"open {PURPOSE}", "done", "birth_date"),
        (f"check_birth_date {PURPOSE}", "refused", "RenewalBirthDateWrong"),
        (PURPOSE, "refused", "RenewalOutOfOrder"),
        (f"check_birth_date {PURPOSE}", "done", "confirm"),
        (f"open {PURPOSE}", "done", "confirm"),
        (PURPOSE, "done", done.receipt),
        (f"not_mine {PURPOSE}", "done", ""),
    ]
    with world.services.work.look() as session:
        assert world.services.audit.verify(session).broken == ()


def test_the_ledger_has_one_entry_with_the_receipt(world: World) -> None:
    bring(world, "confirm")
    done = confirm(world)
    confirm(world)
    (entry,) = [e for e in world.rows()["ledger"].values() if e["account_id"] == NORMAL.account]
    assert (entry["receipt"], entry["kind"], entry["key"]) == (done.receipt, PURPOSE, row(world).id)
    assert (entry["conversation"], entry["channel"]) == ("c1", "chat")


def test_a_refusal_names_no_secret(world: World) -> None:
    bring(world, "birth_date")
    for error in (RenewalBirthDateWrong, RenewalStopped, RenewalOutOfOrder, RenewalTooLate):
        assert NORMAL.born not in str(error(step="code"))
    said = [str(entry) for entry in audited(world, NORMAL.account)]
    refusal(give, world, "c1", WRONG)
    assert not [text for text in said if NORMAL.number in text or NORMAL.born in text or WRONG in text]
