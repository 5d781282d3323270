"""Secrets typed into the free text while they are asked for take the way of their field (T43)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.gateway.secrets import ENTITIES, KINDS, MAX_LENGTH, secret_in


def found(kind: str | None, text: str) -> tuple[str, str] | None:
    return secret_in(text, {"kind": kind} if kind else None)


@pytest.mark.parametrize(
    "text",
    [
        "483920",
        "４８３９２０",
        "4 8 3 9 2 0",
        "483-920",
        "我的驗證碼是 483920",
        "it is 483920",
        "48392",
        "4839",
        "٤٨٣٩٢٠",
    ],
)
def test_a_code_is_found_while_a_code_is_asked_for(text: str) -> None:
    assert found("code", text) == ("code", text)


@pytest.mark.parametrize("text", ["沒收到", "請再寄一次", "等了 60 秒", "it is not 1 or 2", "", "code", "取消"])
def test_words_are_no_code(text: str) -> None:
    assert found("code", text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("072/05/17", "072/05/17"),
        ("72.5.17", "72.5.17"),
        ("72-5-7", "72-5-7"),
        ("0720517", "0720517"),
        ("19830517", "19830517"),
        ("1983-05-17", "1983-05-17"),
        ("1983年5月17日", "1983年5月17日"),
        ("民國72年5月17日", "民國72年5月17日"),
        ("民國 72 年 5 月 17 日", "民國 72 年 5 月 17 日"),
        ("民国72年5月17日", "民国72年5月17日"),
        ("７２／５／１７", "72/5/17"),
        ("生日是 072/05/17 謝謝", "072/05/17"),
        ("I was born on 1983-05-17.", "1983-05-17"),
    ],
)
def test_a_birth_date_is_found_while_it_is_asked_for(text: str, value: str) -> None:
    kind, given_ = found("birth_date", text) or ("", "")
    assert (kind, given_.strip()) == ("birth_date", value)


@pytest.mark.parametrize("text", ["為什麼要生日", "取消", "72 年次", "5月17日", "", "412-8889 是你們嗎"])
def test_what_is_no_whole_date_is_no_birth_date(text: str) -> None:
    assert found("birth_date", text) is None


@pytest.mark.parametrize("text", ["17/05/1983", "2/10/1990", "123-45-678901"])
def test_a_date_is_not_cut_out_of_longer_digits(text: str) -> None:
    # 17/05/1983 is not the 19th of May of the year 17.
    value = (found("birth_date", text) or ("", text))[1]
    assert value.strip() == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("900018", "900018"),
        ("帳號 900018", "900018"),
        ("帳號：９０００１８", "900018"),
        ("9A1234567", "9A1234567"),
        ("98-7654321", "98-7654321"),
        ("98 7654 321", "98 7654 321"),
        ("我的帳號是9000-18，謝謝", "9000-18"),
        ("my account is 900018", "900018"),
        ("account number 900018 please", "900018"),
        ("It is 98-7654321, thanks", "98-7654321"),
    ],
)
def test_an_account_is_found_while_it_is_asked_for(text: str, value: str) -> None:
    assert found("account", text) == ("account", value)


@pytest.mark.parametrize("text", ["what is my account number", "忘記帳號", "12", "", "取消"])
def test_what_has_too_few_digits_is_no_account(text: str) -> None:
    assert found("account", text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("zdemo@example.com", "zdemo@example.com"),
        ("請寄 zdemo@example.com 謝謝", "zdemo@example.com"),
        ("信箱:zdemo@example.com", "zdemo@example.com"),
        ("0930-000-678", "0930-000-678"),
        ("０９３００００６７８", "0930000678"),
        ("+886 930 000 678", "+886 930 000 678"),
        ("打 0930000678 找我", "0930000678"),
    ],
)
def test_a_contact_is_found_while_it_is_asked_for(text: str, value: str) -> None:
    assert found("contact", text) == ("contact", value)


@pytest.mark.parametrize("text", ["不用", "略過", "no thanks", "123", "a@b", ""])
def test_what_cannot_be_reached_is_no_contact(text: str) -> None:
    assert found("contact", text) is None


@pytest.mark.parametrize("kind", [None, "text", "choice", "confirm", "unknown"])
@pytest.mark.parametrize("text", ["483920", "072/05/17", "900018", "zdemo@example.com"])
def test_nothing_is_taken_as_a_secret_that_is_not_asked_for(kind: str | None, text: str) -> None:
    assert found(kind, text) is None


def test_nothing_is_taken_as_a_secret_where_no_kind_is_named() -> None:
    assert secret_in("483920", {}) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_secret_is_never_longer_than_the_vault_takes(kind: str) -> None:
    # A long complaint with digits in it is text; as a secret it would be refused for ever.
    text = "等了 2026 年 10 分 483920 " * 60
    value = (found(kind, text) or ("", ""))[1]
    assert len(value) <= MAX_LENGTH


def test_every_kind_of_secret_has_its_entity() -> None:
    assert set(ENTITIES) == set(KINDS)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(text=st.text(max_size=300), kind=st.sampled_from([*KINDS, "text", None]))
def test_any_text_can_be_looked_through(text: str, kind: str | None) -> None:
    taken = found(kind, text)
    assert taken is None or (taken[0] == kind and taken[1] != "")
