"""What is particular to our own tables: events are judged here, an act is undone with its transaction, terms, rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from actions.adapters import core_token_row
from actions.adapters.embedded_core import _a_year_after
from actions.security.notices import Event, EventUnusable
from actions.security.software_token import App, Place, SoftwareToken, Status
from actions.storage.models import Account, CoreAct
from actions.storage.models import SoftwareToken as TokenRow
from actions.storage.unit_of_work import UnitOfWork, open_database
from bot.rig.postgresql import PostgresServer
from tests.actions.core.houses import DAY, NUMBER, ONE, OurTables
from tests.actions.core.test_contract import issue, tokens
from tests.actions.world import START, SettableClock, refusal_of

WRONG = "wrong_password"


@pytest.fixture(params=["sqlite", "postgresql"])
def ours(request: pytest.FixtureRequest, work: UnitOfWork, clock: SettableClock) -> Iterator[OurTables]:
    if request.param == "sqlite":
        yield OurTables(work, clock)
        return
    server: PostgresServer = request.getfixturevalue("postgresql")
    name = server.create()
    opened = open_database(server.url(name), clock)
    yield OurTables(opened, clock)
    opened.dispose()
    server.drop(name)


def happened(house: OurTables, *kinds: str, **more: Any) -> list[tuple[str, ...]]:
    """Let events happen, each in a transaction of its own; return the notices each makes."""
    made = []
    for kind in kinds:
        with house.work.begin() as session:
            made.append(tuple(house.core.happened(session, ONE, Event(kind, START, NUMBER, platform="demo", **more))))
            session.commit()
    return made


def row(house: OurTables) -> tuple[int, bool, bool]:
    """Return wrong entries, whether it is locked, and whether it is an initial password."""
    with house.work.begin() as session:
        account = session.get_one(Account, ONE)
        return account.wrong_passwords, account.locked_at is not None, account.password_initial


def test_a_login_has_its_notice_and_clears_the_count(ours: OurTables) -> None:
    assert happened(ours, WRONG, WRONG, "login") == [(WRONG,), (WRONG,), ("login_success",)]
    assert row(ours) == (0, False, False)


def test_the_third_wrong_password_locks_in_the_transaction_that_counts_it(ours: OurTables) -> None:
    assert happened(ours, WRONG, WRONG, WRONG) == [(WRONG,), (WRONG,), (WRONG, "password_locked")]
    assert row(ours) == (3, True, False)


def test_a_count_that_is_not_committed_is_not_kept(ours: OurTables) -> None:
    with ours.work.begin() as session:
        for _ in range(3):
            ours.core.happened(session, ONE, Event(WRONG, START, NUMBER, platform="demo"))
    assert row(ours) == (0, False, False)


def test_while_it_is_locked_nothing_is_counted_or_noticed(ours: OurTables) -> None:
    ours.lock()
    assert happened(ours, WRONG, "login", WRONG) == [(), (), ()]
    assert row(ours) == (3, True, False)


def test_while_login_is_suspended_nothing_is_looked_at(ours: OurTables) -> None:
    ours.suspend()
    assert happened(ours, WRONG, "login") == [(), ()]
    assert row(ours) == (0, False, False)


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        ("password_locked", (3, True, False)),
        ("password_unlocked", (0, False, False)),
        ("password_reissued", (0, False, True)),
        ("password_changed", (3, True, False)),
    ],
)
def test_what_happened_elsewhere_to_a_locked_password_is_noted_as_told(
    ours: OurTables, kind: str, after: tuple[int, bool, bool]
) -> None:
    ours.lock()
    assert happened(ours, kind) == [(kind,)]
    assert row(ours) == after


def test_a_change_ends_an_initial_password_and_its_count(ours: OurTables) -> None:
    happened(ours, "password_reissued", WRONG)
    assert row(ours) == (1, False, True)
    assert happened(ours, "password_changed") == [("password_changed",)]
    assert row(ours) == (0, False, False)


def test_a_lock_told_apart_is_kept(ours: OurTables) -> None:
    assert happened(ours, "password_locked", WRONG) == [("password_locked",), ()]
    assert row(ours)[1]


def test_a_futures_account_is_another_one(ours: OurTables) -> None:
    assert happened(ours, WRONG, WRONG, WRONG, "password_locked", market="futures") == [()] * 4
    assert row(ours) == (0, False, False)


def test_an_event_that_is_none_is_refused(ours: OurTables) -> None:
    with ours.work.begin() as session, pytest.raises(EventUnusable):
        ours.core.happened(session, ONE, Event("moved", START, NUMBER))


# --- acts -----------------------------------------------------------------------------------------


def test_an_act_is_undone_with_its_transaction(ours: OurTables) -> None:
    ours.certify()
    ours.lock()
    with ours.work.begin() as session:
        ours.core.unlock_password(session, ONE, "k1")
    assert (row(ours)[1], ours.acts()) == (True, 0)


def test_a_key_is_kept_as_a_digest(ours: OurTables) -> None:
    with ours.work.begin() as session:
        ours.core.suspend_login(session, ONE, "canary-key")
        session.commit()
        (act,) = session.scalars(select(CoreAct))
        assert (len(act.key), act.act, "canary" in act.key) == (64, "suspend_login", False)


def test_a_renewed_certificate_lasts_a_year_longer_than_the_old_one(ours: OurTables) -> None:
    ours.certify(until=9 * DAY)
    ours.certify(until=5 * DAY)
    assert issue(ours, way="renew").valid_until == (START + 9 * DAY).replace(year=2027)


def test_one_that_was_applied_for_lasts_a_year_from_now(ours: OurTables) -> None:
    ours.certify()
    assert issue(ours, way="apply").valid_until == START.replace(year=2027)


@pytest.mark.parametrize(
    ("moment", "later"),
    [((2028, 2, 29), (2029, 2, 28)), ((2027, 2, 28), (2028, 2, 28)), ((2027, 12, 31), (2028, 12, 31))],
)
def test_a_year_after_is_the_same_day(moment: tuple[int, int, int], later: tuple[int, int, int]) -> None:
    assert _a_year_after(datetime(*moment, tzinfo=UTC)) == datetime(*later, tzinfo=UTC)


# --- the token's row ------------------------------------------------------------------------------


def test_a_row_of_the_first_release_is_a_token_of_the_invest_app() -> None:
    old = TokenRow(account_id=ONE, enrolled_at=START, status="active", wrong_passwords=6, freezes=1, frozen_until=START)
    token = core_token_row.token_of(old)
    assert token.places == (Place(App.INVEST, START, START),)
    assert (token.wrong, token.freezes, token.frozen_until) == (6, 1, START)


def test_a_token_without_status_cannot_be_kept(ours: OurTables) -> None:
    with ours.work.begin() as session:
        assert refusal_of(lambda: ours.core.keep_token(session, ONE, SoftwareToken(), "k1")) == "ValueError"


def test_when_a_token_ended_and_was_frozen_is_kept_once() -> None:
    later = START + timedelta(hours=1)
    kept = TokenRow(account_id=ONE, enrolled_at=START, status="active", wrong_passwords=0, freezes=0)
    for now in (START, later):
        core_token_row.write(kept, tokens()["frozen"], now)
        assert kept.frozen_at == START
    for now in (START, later):
        core_token_row.write(kept, tokens()["suspended"], now)
        assert (kept.status, kept.suspended_at) == (Status.SUSPENDED.value, START)
    core_token_row.write(kept, tokens()["enrolled"], later)
    assert (kept.suspended_at, kept.frozen_at, kept.enrolled_at) == (None, None, START)
