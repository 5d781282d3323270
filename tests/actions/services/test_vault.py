"""The vault: encrypted, taken once, for the same conversation and kind, within two minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from actions.security.errors import SecretGone
from actions.services.vault import KINDS
from actions.storage.models import VaultEntry
from tests.actions.world import World, deterministic

CANARY = "canary-918273"


def test_a_secret_comes_out_as_it_went_in(world: World) -> None:
    reference = world.put("c1", "code", "０12 345\n驗證")
    assert world.take("c1", "code", reference) == "０12 345\n驗證"


def test_a_secret_is_taken_once(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    world.take("c1", "code", reference)
    with pytest.raises(SecretGone):
        world.take("c1", "code", reference)


def test_a_secret_that_was_not_committed_as_taken_can_be_taken(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    with world.services.work.begin() as session:
        world.services.vault.take(session, "c1", "code", reference)
    assert world.take("c1", "code", reference) == CANARY


def test_a_secret_is_there_until_two_minutes_are_over(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    world.clock.pass_(minutes=2, milliseconds=-1)
    assert world.take("c1", "code", reference) == CANARY


def test_a_secret_is_gone_after_two_minutes(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    world.clock.pass_(minutes=2)
    with pytest.raises(SecretGone):
        world.take("c1", "code", reference)


def test_another_conversation_gets_nothing(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    with pytest.raises(SecretGone):
        world.take("c2", "code", reference)


def test_another_conversations_try_leaves_the_secret_to_its_owner(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    with pytest.raises(SecretGone):
        world.take("c2", "code", reference)
    assert world.take("c1", "code", reference) == CANARY


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "code"])
def test_a_secret_of_another_kind_is_not_given(world: World, kind: str) -> None:
    reference = world.put("c1", "code", CANARY)
    with pytest.raises(SecretGone):
        world.take("c1", kind, reference)


@pytest.mark.parametrize("reference", ["", "v_", "%", "v_unknown", "' OR 1=1 --"])
def test_an_unknown_reference_gets_nothing(world: World, reference: str) -> None:
    world.put("c1", "code", CANARY)
    with pytest.raises(SecretGone):
        world.take("c1", "code", reference)


def test_a_kind_that_nobody_takes_is_not_kept(world: World) -> None:
    with pytest.raises(ValueError, match="kind is one of"):
        world.put("c1", "password", CANARY)
    assert not world.rows()["vault"]


def test_a_taken_secret_is_erased(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    world.take("c1", "code", reference)
    assert world.rows()["vault"][reference]["ciphertext"] == b""


def test_an_expired_secret_is_deleted_with_the_next_put(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    world.clock.pass_(minutes=2)
    world.put("c1", "code", "another")
    assert reference not in world.rows()["vault"]


def test_references_are_never_repeated(world: World) -> None:
    assert len({world.put("c1", "code", CANARY) for _ in range(20)}) == 20


def test_the_same_secret_has_another_ciphertext_each_time(world: World) -> None:
    world.put("c1", "code", CANARY)
    world.put("c1", "code", CANARY)
    assert len({row["ciphertext"] for row in world.rows()["vault"].values()}) == 2


@settings(deterministic, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=3, max_size=60))
def test_a_ciphertext_never_holds_the_value(world: World, value: str) -> None:
    reference = world.put("c1", "code", value)
    assert value.encode() not in world.rows()["vault"][reference]["ciphertext"]


def test_no_file_of_the_database_holds_the_value(world: World, stored: Callable[[], list[Path]]) -> None:
    world.take("c1", "code", world.put("c1", "code", CANARY))
    reference = world.put("c1", "account", CANARY)
    files = stored()
    assert [file for file in files if reference.encode() in file.read_bytes()]
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def test_a_ciphertext_moved_to_another_reference_does_not_open(world: World) -> None:
    first, second = world.put("c1", "code", "first"), world.put("c1", "code", "second")
    moved = world.rows()["vault"][first]["ciphertext"]
    world.execute(update(VaultEntry).where(VaultEntry.reference == second).values(ciphertext=moved))
    with pytest.raises(InvalidTag):
        world.take("c1", "code", second)


def test_an_altered_ciphertext_does_not_open(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    kept = world.rows()["vault"][reference]["ciphertext"]
    altered = kept[:-1] + bytes([kept[-1] ^ 1])
    world.execute(update(VaultEntry).values(ciphertext=altered))
    with pytest.raises(InvalidTag):
        world.take("c1", "code", reference)


def test_a_clock_that_steps_back_does_not_bring_a_taken_secret_back(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    world.take("c1", "code", reference)
    world.clock.pass_(hours=-1)
    with pytest.raises(SecretGone):
        world.take("c1", "code", reference)


def test_the_time_of_expiry_is_two_minutes_after_the_put(world: World) -> None:
    reference = world.put("c1", "code", CANARY)
    assert world.rows()["vault"][reference]["expires_at"] == world.clock.now() + timedelta(minutes=2)
