"""What is sealed opens under its context and key alone, also after a newer key came."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from actions.adapters.aes_gcm import AesGcm

OLD, NEW = b"a" * 32, b"b" * 32
PLAIN, CONTEXT = b"something to keep", "row 1"


def test_what_is_sealed_opens() -> None:
    assert AesGcm(OLD).open(AesGcm(OLD).seal(PLAIN, CONTEXT), CONTEXT) == PLAIN


def test_nothing_opens_in_another_row() -> None:
    with pytest.raises(InvalidTag):
        AesGcm(OLD).open(AesGcm(OLD).seal(PLAIN, CONTEXT), "row 2")


def test_nothing_opens_under_another_key() -> None:
    with pytest.raises(InvalidTag):
        AesGcm(NEW).open(AesGcm(OLD).seal(PLAIN, CONTEXT), CONTEXT)


@pytest.mark.parametrize("at", range(1 + 12 + len(PLAIN) + 16))
def test_a_changed_byte_opens_nothing(at: int) -> None:
    sealed = bytearray(AesGcm(OLD).seal(PLAIN, CONTEXT))
    sealed[at] ^= 1
    with pytest.raises(InvalidTag):
        AesGcm(OLD).open(bytes(sealed), CONTEXT)


@pytest.mark.parametrize("length", range(1 + 12 + 16))
def test_what_was_cut_short_opens_nothing(length: int) -> None:
    with pytest.raises(InvalidTag):
        AesGcm(OLD).open(AesGcm(OLD).seal(PLAIN, CONTEXT)[:length], CONTEXT)


def test_the_same_is_never_sealed_the_same() -> None:
    assert len({AesGcm(OLD).seal(PLAIN, CONTEXT) for _ in range(1000)}) == 1000


# --- rotation -------------------------------------------------------------------------------------


def test_the_newest_key_seals() -> None:
    assert [AesGcm(keys).seal(PLAIN, CONTEXT)[0] for keys in (OLD, {1: OLD, 2: NEW}, {2: NEW, 1: OLD})] == [1, 2, 2]


def test_an_older_key_still_opens_what_it_sealed() -> None:
    assert AesGcm({1: OLD, 2: NEW}).open(AesGcm(OLD).seal(PLAIN, CONTEXT), CONTEXT) == PLAIN


def test_what_a_newer_key_sealed_does_not_open_under_the_older_one() -> None:
    with pytest.raises(InvalidTag):
        AesGcm(OLD).open(AesGcm({1: OLD, 2: NEW}).seal(PLAIN, CONTEXT), CONTEXT)


def test_a_key_that_is_taken_out_opens_nothing_more() -> None:
    with pytest.raises(InvalidTag):
        AesGcm({2: NEW}).open(AesGcm(OLD).seal(PLAIN, CONTEXT), CONTEXT)


def test_a_key_under_the_id_of_another_opens_nothing() -> None:
    with pytest.raises(InvalidTag):
        AesGcm({1: NEW, 2: OLD}).open(AesGcm(OLD).seal(PLAIN, CONTEXT), CONTEXT)
