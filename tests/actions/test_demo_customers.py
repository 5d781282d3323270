"""The embedded core system starts with its demo customers, on every day and after whatever they did."""

from __future__ import annotations

import re
from multiprocessing import get_context

import pytest
from sqlalchemy import func, select, update

from actions.adapters.demo_customers import DEMO_CUSTOMERS, seed
from actions.bootstrap import build
from actions.security.errors import UnlockUsedToday
from actions.security.factors import Factor
from actions.security.software_token import App
from actions.storage.models import Account
from actions.storage.unit_of_work import open_database
from bot.rig.postgresql import PostgresServer
from bot.settings import Settings
from tests.actions.security.rounds import rounds
from tests.actions.world import LOCKED, NORMAL, START, TAIPEI, UNLOCKED_TODAY, World


def start_again(world: World, settings: Settings) -> None:
    build(settings, world.clock, world.messenger).work.dispose()


def test_there_is_a_demo_customer_in_each_state(world: World) -> None:
    assert len(world.rows()["core_account"]) == len(DEMO_CUSTOMERS) == 8


@pytest.mark.parametrize("demo", DEMO_CUSTOMERS, ids=lambda demo: str(demo.number))
def test_a_demo_customer_is_plainly_invented(world: World, demo: object) -> None:
    row = world.rows()["core_account"][f"demo-{getattr(demo, 'institution', '')}-{getattr(demo, 'number', '')}"]
    assert row["name"] == "測試客戶"
    assert re.fullmatch(r".demo@example\.com", row["email"])


def test_a_second_start_changes_nothing(world: World, settings: Settings) -> None:
    world.identify("c1", NORMAL)
    before = world.rows()
    start_again(world, settings)
    assert world.rows() == before


def test_a_start_leaves_what_customers_did(world: World, settings: Settings) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    before = world.rows()
    start_again(world, settings)
    assert world.rows() == before


def test_on_another_day_the_demo_customer_was_unlocked_on_that_day(world: World, settings: Settings) -> None:
    world.clock.pass_(days=1)
    start_again(world, settings)
    world.verify("c1", UNLOCKED_TODAY)
    with pytest.raises(UnlockUsedToday):
        world.unlock("c1")


def test_a_start_after_that_customer_unlocked_on_a_later_day_succeeds(world: World, settings: Settings) -> None:
    world.clock.pass_(days=1)
    world.verify("c1", UNLOCKED_TODAY)
    world.unlock("c1")
    start_again(world, settings)


def test_a_reset_puts_customers_back_into_their_state(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    world.execute(update(Account).where(Account.id == NORMAL.account).values(suspended_at=world.clock.now()))
    seed(world.services.work, world.clock.now(), TAIPEI, reset=True)
    accounts = world.rows()["core_account"]
    assert accounts[LOCKED.account]["locked_at"] is not None
    assert accounts[NORMAL.account]["suspended_at"] is None


def test_a_reset_leaves_nothing_that_customers_did(world: World) -> None:
    fresh = world.rows()
    services = world.services
    world.verify("c1", LOCKED)
    world.unlock("c1")
    world.verify("c2", NORMAL, "protect_account")
    services.protection.protect("c2", "hnyc", "zh-Hant")
    enrolled = "demo-icbca-900088"
    services.software_token.revoke(enrolled, "demo-staff", "end")
    proven = {Factor.PASSWORD, Factor.SMS_CODE, Factor.ID_CARD}
    services.software_token.enrol(enrolled, App.INVEST, "demo-device", proven, "enrol")
    seed(services.work, world.clock.now(), TAIPEI, reset=True)
    after = world.rows()
    left = {"vault", "outbox"}  # what expires, and what has left or is to leave
    changed = {table for table in fresh if after[table] != fresh[table]} - left
    assert changed == set()


def test_customers_of_a_firm_with_branches_have_a_branch(world: World) -> None:
    rows = world.rows()["core_account"].values()
    assert {(row["branch"], row["branch_number"], row["agent"]) for row in rows if row["institution"] == "hnyc"} == {
        ("測試分公司", "T001", "測試營業員")
    }


def test_after_a_reset_the_locked_customer_can_be_unlocked_again(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1")
    seed(world.services.work, world.clock.now(), TAIPEI, reset=True)
    world.clock.pass_(minutes=2)
    world.verify("c2", LOCKED)
    assert world.unlock("c2")


def seed_it(url: str) -> int:
    """What a replica does as it starts, in a process of its own."""
    work = open_database(url)
    seed(work, START, TAIPEI)
    with work.look() as session:
        made = session.scalars(select(func.count()).select_from(Account)).one()
    work.dispose()
    return made


def test_replicas_that_start_at_once_on_an_empty_postgresql_make_the_customers_once(postgresql: PostgresServer) -> None:
    with get_context("spawn").Pool(3) as pool:
        for _ in range(rounds(5)):
            name = postgresql.create()
            assert pool.map(seed_it, [postgresql.url(name)] * 3, chunksize=1) == [len(DEMO_CUSTOMERS)] * 3
            postgresql.drop(name)
