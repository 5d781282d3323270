"""One master key a deployment, and keys for each purpose derived from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.contracts import turn
from bot.contracts.keys import MASTER_KEY_BYTES, KeyProblem, derive, load_or_create_master_key
from bot.settings import ROOT

PROCESSES = 20
PURPOSES = (
    turn.SIGN_TURNS,
    turn.SIGN_ACTIONS,
    turn.SIGN_INTERNAL,
    "sign buttons",
    "encrypt at rest",
    "pepper of codes",
)
# Says that it is there, and starts when all are: so that they really meet.
FIRST_START = """
import sys
from pathlib import Path
from bot.contracts.keys import load_or_create_master_key
print("there", flush=True)
sys.stdin.readline()
print(load_or_create_master_key(Path(sys.argv[1])).hex())
"""


def written(path: Path, key: bytes, mode: int) -> Path:
    path.write_bytes(key)
    path.chmod(mode)
    return path


def test_the_first_start_makes_a_key_of_32_bytes(tmp_path: Path) -> None:
    assert len(load_or_create_master_key(tmp_path / "keys" / "master.key")) == 32


def test_the_key_file_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    load_or_create_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_folder_of_the_key_can_be_entered_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    load_or_create_master_key(path)
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_second_start_reads_the_key_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    assert load_or_create_master_key(path) == load_or_create_master_key(path)


def test_two_deployments_do_not_share_a_key(tmp_path: Path) -> None:
    assert load_or_create_master_key(tmp_path / "a") != load_or_create_master_key(tmp_path / "b")


def test_nothing_but_the_key_stays_in_its_folder(tmp_path: Path) -> None:
    load_or_create_master_key(tmp_path / "keys" / "master.key")
    assert [file.name for file in (tmp_path / "keys").iterdir()] == ["master.key"]


def test_twenty_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    command = [sys.executable, "-c", FIRST_START, str(path)]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=30)[0].strip() for process in started]
    assert set(said) == {path.read_bytes().hex()}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o606, 0o666, 0o610, 0o777])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "master.key", bytes(MASTER_KEY_BYTES), mode)
    with pytest.raises(KeyProblem):
        load_or_create_master_key(path)


def test_the_sentence_about_a_readable_key_names_the_file_and_the_fix(tmp_path: Path) -> None:
    path = written(tmp_path / "master.key", bytes(MASTER_KEY_BYTES), 0o644)
    with pytest.raises(KeyProblem, match="others can read the key") as refused:
        load_or_create_master_key(path)
    assert str(path) in str(refused.value)
    assert f"chmod 600 {path}" in str(refused.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_that_only_its_owner_can_read_is_taken(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "master.key", bytes(MASTER_KEY_BYTES), mode)
    assert load_or_create_master_key(path) == bytes(MASTER_KEY_BYTES)


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_key_of_another_length_is_refused(tmp_path: Path, length: int) -> None:
    path = written(tmp_path / "master.key", b"k" * length, 0o600)
    with pytest.raises(KeyProblem, match=f"has {length} bytes, 32 are needed"):
        load_or_create_master_key(path)


def test_the_sentence_about_a_wrong_length_names_the_file_and_the_fix(tmp_path: Path) -> None:
    path = written(tmp_path / "master.key", b"short", 0o600)
    with pytest.raises(KeyProblem, match="Put the right file back") as refused:
        load_or_create_master_key(path)
    assert str(path) in str(refused.value)


def test_the_sentence_about_a_wrong_key_does_not_quote_it(tmp_path: Path) -> None:
    path = written(tmp_path / "master.key", b"canary-of-the-key", 0o600)
    with pytest.raises(KeyProblem) as refused:
        load_or_create_master_key(path)
    assert "canary-of-the-key" not in str(refused.value)


def test_a_wrong_key_is_left_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "master.key", b"short", 0o600)
    with pytest.raises(KeyProblem):
        load_or_create_master_key(path)
    assert path.read_bytes() == b"short"


def test_no_two_purposes_of_the_product_share_a_key() -> None:
    assert len({derive(b"m" * 32, purpose) for purpose in PURPOSES}) == len(PURPOSES)


def test_no_derived_key_is_the_master_key() -> None:
    assert b"m" * 32 not in {derive(b"m" * 32, purpose) for purpose in PURPOSES}


def test_another_master_key_gives_another_key_for_the_same_purpose() -> None:
    assert derive(b"a" * 32, "sign buttons") != derive(b"b" * 32, "sign buttons")


def test_a_derived_key_stays_the_same_from_release_to_release() -> None:
    # What is encrypted at rest must be readable after an update.
    known = "c5f32dec1bb20153361b702ce53a3bdfde8c46e02a67c2b2bd2b6f2e2f472fc7"
    assert derive(bytes(32), "encrypt at rest").hex() == known


@settings(derandomize=True, deadline=None, max_examples=200)
@given(master=st.binary(min_size=32, max_size=32), one=st.text(max_size=40), other=st.text(max_size=40))
def test_different_purposes_give_different_keys_of_32_bytes(master: bytes, one: str, other: str) -> None:
    assert len(derive(master, one)) == 32
    assert (derive(master, one) == derive(master, other)) == (one == other)
