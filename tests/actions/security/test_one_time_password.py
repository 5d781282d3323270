"""The rules of one-time passwords: how codes are made, read, kept and allowed (G2, G3, G6, G9, G10, G11)."""

from __future__ import annotations

import ast
import re
import secrets
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.security.errors import (
    OtpExhausted,
    OtpExpired,
    OtpMalformed,
    OtpRefusal,
    OtpSuperseded,
    OtpUsed,
)
from actions.security.one_time_password import (
    AUTHORITY_LASTS,
    Challenge,
    destination_digest,
    digest,
    may_be_tried,
    new_code,
    read_code,
)
from actions.security.secret import Secret
from tests.actions.world import START, deterministic

SECURITY = Path(__file__).parents[3] / "actions" / "security"
TTL, RESEND = timedelta(seconds=300), timedelta(seconds=60)
MILLISECOND = timedelta(milliseconds=1)


def challenge(
    wrong: int = 0, used_at: datetime | None = None, superseded_at: datetime | None = None, id_: str = "c1"
) -> Challenge:
    return Challenge(id_, "verify_identity", START, START + TTL, START + RESEND, wrong, used_at, superseded_at)


def imports_of(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


# --- made (G2) ------------------------------------------------------------------------------------


def test_codes_are_made_by_secrets() -> None:
    assert "secrets" in imports_of(SECURITY / "one_time_password.py")


@pytest.mark.parametrize("file", sorted(SECURITY.glob("*.py")), ids=lambda file: str(file.name))
def test_no_rule_imports_another_source_of_chance_or_time(file: Path) -> None:
    assert not imports_of(file) & {"random", "numpy", "time", "uuid", "importlib"}


def test_a_code_keeps_its_leading_zeros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda most: 42)
    assert new_code(6).reveal() == "000042"


def test_a_code_is_drawn_from_all_numbers_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda most: most - 1)
    assert new_code(6).reveal() == "999999"


@pytest.mark.parametrize("digits", [4, 6, 8])
def test_every_code_has_its_number_of_digits(digits: int) -> None:
    assert all(len(code) == digits and code.isdigit() for code in (new_code(digits).reveal() for _ in range(500)))


def test_every_bin_of_codes_is_hit_alike() -> None:
    rounds, bins = 50_000, [0] * 100
    for _ in range(rounds):
        bins[int(new_code(6).reveal()[:2])] += 1
    expected = rounds / 100
    chi_squared = sum((count - expected) ** 2 / expected for count in bins)
    assert chi_squared < 225  # 99 degrees of freedom: p is about 1e-11


def test_a_code_tells_nothing_about_the_next() -> None:
    codes = [int(new_code(6).reveal()) / 1e6 - 0.5 for _ in range(50_000)]
    correlation = 12 * sum(a * b for a, b in pairwise(codes)) / (len(codes) - 1)
    assert abs(correlation) < 0.035  # eight standard deviations


# --- read (G11, T41) ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entered", "code"),
    [
        ("123456", "123456"),
        ("000042", "000042"),
        ("１２３４５６", "123456"),
        ("123 456", "123456"),
        ("1 2 3 4 5 6", "123456"),
        ("123-456", "123456"),
        ("123–456", "123456"),
        (" 123456\n", "123456"),
        ("12\u200b3456", "123456"),
        ("\ufeff123456", "123456"),
        ("【華南永昌】驗證碼 123456，5 分鐘內有效，限線上客服本次使用。", "123456"),
        ("【华南永昌】验证码123456，5分钟内有效", "123456"),
        ("[華南永昌] Your code is 123456, valid for 5 minutes.", "123456"),
        ("碼是123456，再說一次：123456", "123456"),
        ("我的驗證碼是１２３４５６", "123456"),
        ("驗證碼 123 456，5 分鐘內有效", "123456"),
        ("Your code is 123-456, again: 123456", "123456"),
    ],
)
def test_a_code_is_read_as_it_is_commonly_entered(entered: str, code: str) -> None:
    assert read_code(Secret(entered), 6).reveal() == code


@pytest.mark.parametrize(
    "entered",
    [
        "",
        " ",
        "12345",
        "1234567",
        "٠١٢٣٤٥",
        "१२३४५६",
        "12345٦",
        "+12345",
        "+123456",
        "-12345x",
        "1_2345",
        "1_23456",
        "0x1234",
        "1e5",
        "12345a",
        "code 123456 or 654321",
        "驗證碼 123456，不對的話 654321",
        "code 1234567",
        "call 412-8889",
        "ER-20261120-7K3M",
        "code A123456",
        "code #123456",
        "123,456",
        "\x00123456",
    ],
)
def test_what_is_not_exactly_one_code_is_refused(entered: str) -> None:
    with pytest.raises(OtpMalformed):
        read_code(Secret(entered), 6)


def test_a_malformed_code_is_refused_with_the_number_of_digits() -> None:
    with pytest.raises(OtpMalformed) as refused:
        read_code(Secret("12"), 6)
    assert refused.value.facts == {"digits": 6}


@deterministic
@given(st.text(max_size=60))
def test_any_text_is_six_plain_digits_or_refused(text: str) -> None:
    try:
        code = read_code(Secret(text), 6).reveal()
    except OtpMalformed:
        return
    assert len(code) == 6
    assert set(code) <= set("0123456789")


@deterministic
@given(
    st.text("0123456789", min_size=6, max_size=6),
    st.lists(st.sampled_from(["", " ", "-", "\u200b", "\n", "　"]), min_size=7, max_size=7),
)
def test_separators_anywhere_do_not_change_a_code(code: str, between: list[str]) -> None:
    spaced = "".join(separator + digit for separator, digit in zip(between, code, strict=False)) + between[-1]
    assert read_code(Secret(spaced), 6).reveal() == code


@deterministic
@given(st.text("0123456789", min_size=0, max_size=20).filter(lambda digits: len(digits) != 6))
def test_digits_of_another_length_are_no_code(digits: str) -> None:
    with pytest.raises(OtpMalformed):
        read_code(Secret(digits), 6)


# --- kept (G10) -----------------------------------------------------------------------------------


def test_a_digest_belongs_to_its_challenge() -> None:
    assert digest(b"pepper", "c1", Secret("123456")) != digest(b"pepper", "c2", Secret("123456"))


def test_a_digest_belongs_to_its_pepper() -> None:
    assert digest(b"pepper", "c1", Secret("123456")) != digest(b"salt", "c1", Secret("123456"))


def test_a_digest_is_the_same_for_the_same_code() -> None:
    assert digest(b"pepper", "c1", Secret("000042")) == digest(b"pepper", "c1", Secret("000042"))


@deterministic
@given(st.text("0123456789", min_size=6, max_size=6), st.text("0123456789", min_size=6, max_size=6))
def test_two_codes_have_one_digest_only_if_they_are_one(first: str, second: str) -> None:
    same = digest(b"pepper", "c1", Secret(first)) == digest(b"pepper", "c1", Secret(second))
    assert same == (first == second)


# --- bound (G9) -----------------------------------------------------------------------------------


def test_a_destination_is_kept_as_a_digest() -> None:
    kept = destination_digest(b"pepper", "sms", "0930000678")
    assert re.fullmatch(r"[0-9a-f]{64}", kept)
    assert "0930000678" not in kept


@pytest.mark.parametrize(
    "other",
    [(b"salt", "sms", "0930000678"), (b"pepper", "email", "0930000678"), (b"pepper", "sms", "0930000679")],
    ids=["pepper", "channel", "address"],
)
def test_a_destination_belongs_to_its_pepper_channel_and_address(other: tuple[bytes, str, str]) -> None:
    assert destination_digest(*other) != destination_digest(b"pepper", "sms", "0930000678")


@pytest.mark.parametrize("act", ["verify_identity", "unlock_password", "reissue_password", "protect_account"])
def test_what_is_done_at_once_is_allowed_for_five_minutes(act: str) -> None:
    assert timedelta(minutes=5) == AUTHORITY_LASTS[act]


@pytest.mark.parametrize("look", ["renew_certificate", "token_status", "check_notice"])
def test_what_only_tells_or_has_steps_is_allowed_for_fifteen_minutes(look: str) -> None:
    assert timedelta(minutes=15) == AUTHORITY_LASTS[look]


# --- tried (G3, G6) -------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [timedelta(0), MILLISECOND, TTL - MILLISECOND])
def test_a_code_may_be_tried_from_its_sending_until_its_end(age: timedelta) -> None:
    may_be_tried(challenge(), 3, START + age)


@pytest.mark.parametrize("age", [-MILLISECOND, TTL, TTL + MILLISECOND, 10 * TTL])
def test_a_code_is_expired_outside_its_life(age: timedelta) -> None:
    with pytest.raises(OtpExpired):
        may_be_tried(challenge(), 3, START + age)


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_code_may_be_tried_while_attempts_remain(wrong: int) -> None:
    may_be_tried(challenge(wrong), 3, START)


@pytest.mark.parametrize("wrong", [3, 4])
def test_a_code_is_exhausted_at_the_limit(wrong: int) -> None:
    with pytest.raises(OtpExhausted):
        may_be_tried(challenge(wrong), 3, START)


@pytest.mark.parametrize(
    ("of", "age", "refusal"),
    [
        (challenge(3, START, START), 2 * TTL, OtpUsed),
        (challenge(3, None, START), 2 * TTL, OtpSuperseded),
        (challenge(3), 2 * TTL, OtpExhausted),
        (challenge(0), 2 * TTL, OtpExpired),
    ],
)
def test_the_first_reason_that_cannot_be_undone_is_named(
    of: Challenge, age: timedelta, refusal: type[OtpRefusal]
) -> None:
    with pytest.raises(refusal):
        may_be_tried(of, 3, START + age)


@deterministic
@given(st.integers(-10_000_000, 10_000_000))
def test_a_code_lives_exactly_as_long_as_said(milliseconds: int) -> None:
    try:
        may_be_tried(challenge(), 3, START + timedelta(milliseconds=milliseconds))
    except OtpExpired:
        assert not 0 <= milliseconds < 300_000
    else:
        assert 0 <= milliseconds < 300_000
