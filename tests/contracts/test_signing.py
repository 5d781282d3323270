"""Signed requests: genuine, fresh and new, or refused (G36, T46)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.contracts import signing
from bot.contracts.signing import (
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIME_HEADER,
    WINDOW_SECONDS,
    SignatureCheck,
    Unsigned,
    sign,
)

KEY = b"k" * 32
NOW = 1_800_000_000.0
METHOD, PATH, BODY = "POST", "/internal/reports?after=7&most=2", '{"text": "測試"}'.encode()
HEADERS = (TIME_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
hypothesis_settings = settings(derandomize=True, deadline=None, max_examples=300)


def signed(now: float = NOW) -> dict[str, str]:
    return sign(KEY, METHOD, PATH, BODY, now)


def is_served(headers: dict[str, str], now: float = NOW, check: SignatureCheck | None = None) -> bool:
    try:
        (check or SignatureCheck(KEY)).check(METHOD, PATH, headers, BODY, now)
    except Unsigned:
        return False
    return True


def test_a_request_is_served_as_it_was_signed() -> None:
    assert is_served(signed())


@pytest.mark.parametrize("header", HEADERS)
def test_a_request_without_one_of_the_headers_is_refused(header: str) -> None:
    headers = signed()
    del headers[header]
    assert not is_served(headers)


def test_a_request_without_any_header_is_refused() -> None:
    assert not is_served({})


@pytest.mark.parametrize("header", HEADERS)
def test_a_request_with_an_empty_header_is_refused(header: str) -> None:
    assert not is_served({**signed(), header: ""})


@pytest.mark.parametrize("header", HEADERS)
def test_a_request_with_any_character_of_a_header_altered_is_refused(header: str) -> None:
    headers = signed()
    good = headers[header]
    for place, character in enumerate(good):
        other = "1" if character == "0" else "0"
        assert not is_served({**headers, header: good[:place] + other + good[place + 1 :]})


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_with_something_added_is_refused(header: str) -> None:
    headers = signed()
    for altered in (headers[header] + "0", " " + headers[header], headers[header] + "\n", headers[header] + "é"):
        assert not is_served({**headers, header: altered})


@pytest.mark.parametrize(
    "time_text", ["１８００００００００", "+1800000000", "-1800000000", "1800000000.0", "1e9", "NaN", "9" * 400, "٠"]
)
def test_a_time_that_is_not_plain_digits_is_refused(time_text: str) -> None:
    assert not is_served({**signed(), TIME_HEADER: time_text})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST ", ""])
def test_another_method_is_refused(method: str) -> None:
    with pytest.raises(Unsigned):
        SignatureCheck(KEY).check(method, PATH, signed(), BODY, NOW)


@pytest.mark.parametrize(
    "path",
    [
        "/internal/reports",
        "/internal/reports?after=8&most=2",
        "/internal/reports?most=2&after=7",
        "/internal/reports?after=7&most=2&",
        "/internal/secrets?after=7&most=2",
        "/internal/reports/?after=7&most=2",
        "",
    ],
)
def test_another_path_or_query_is_refused(path: str) -> None:
    with pytest.raises(Unsigned):
        SignatureCheck(KEY).check(METHOD, path, signed(), BODY, NOW)


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY[:-1], BODY.replace(b"text", b"tent")])
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(Unsigned):
        SignatureCheck(KEY).check(METHOD, PATH, signed(), body, NOW)


def test_a_request_signed_with_another_key_is_refused() -> None:
    assert not is_served(sign(b"j" * 32, METHOD, PATH, BODY, NOW))


@pytest.mark.parametrize("seconds", [-30.0, -29.999, 0.0, 29.999, 30.0])
def test_a_request_is_served_up_to_the_edge_of_its_window(seconds: float) -> None:
    assert is_served(signed(), now=NOW + seconds)


@pytest.mark.parametrize("seconds", [-86_400.0, -31.0, -30.001, 30.001, 31.0, 86_400.0])
def test_a_request_is_refused_outside_its_window(seconds: float) -> None:
    assert not is_served(signed(), now=NOW + seconds)


def test_a_request_is_served_once() -> None:
    check, headers = SignatureCheck(KEY), signed()
    assert is_served(headers, check=check)
    assert not is_served(headers, check=check)


def test_a_replay_is_refused_until_the_last_moment_of_its_window() -> None:
    check, headers = SignatureCheck(KEY), signed()
    assert is_served(headers, NOW - WINDOW_SECONDS, check)
    assert not is_served(headers, NOW + WINDOW_SECONDS, check)


def test_the_same_request_signed_again_is_another_request() -> None:
    check = SignatureCheck(KEY)
    assert is_served(signed(), check=check)
    assert is_served(signed(), check=check)


def test_twenty_deliveries_at_once_are_served_once() -> None:
    check, headers = SignatureCheck(KEY), signed()
    with ThreadPoolExecutor(20) as pool:
        served = list(pool.map(lambda _: is_served(headers, check=check), range(20)))
    assert served.count(True) == 1


def test_the_memory_of_nonces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_REMEMBERED_NONCES", 50)
    check = SignatureCheck(KEY)
    for second in range(1000):
        assert is_served(signed(NOW + second), NOW + second, check)
        assert len(check._seen) <= 50


def test_when_the_memory_is_full_of_fresh_nonces_nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_REMEMBERED_NONCES", 50)
    check, first = SignatureCheck(KEY), signed()
    assert is_served(first, check=check)
    for _ in range(100):
        is_served(signed(), check=check)
    assert not is_served(first, check=check)


def test_a_full_memory_serves_again_once_its_nonces_are_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_REMEMBERED_NONCES", 50)
    check = SignatureCheck(KEY)
    for _ in range(51):
        is_served(signed(), check=check)
    later = NOW + WINDOW_SECONDS + 1
    assert is_served(signed(later), later, check)


def test_a_stranger_cannot_fill_the_memory() -> None:
    check = SignatureCheck(KEY)
    for _ in range(100):
        is_served(sign(b"j" * 32, METHOD, PATH, BODY, NOW), check=check)
    assert check._seen == {}


def test_the_headers_of_a_request_tell_nothing_of_key_and_body() -> None:
    text = str(sign(b"canary-key-canary-key-canary-key", METHOD, PATH, b"canary-body", NOW))
    assert "canary" not in text


@hypothesis_settings
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    path=st.text(max_size=60),
    body=st.binary(max_size=400),
    now=st.floats(min_value=0, max_value=99_999_999_999),
)
def test_whatever_is_signed_is_served(method: str, path: str, body: bytes, now: float) -> None:
    SignatureCheck(KEY).check(method, path, sign(KEY, method, path, body, now), body, now)


@hypothesis_settings
@given(body=st.binary(max_size=200), other=st.binary(max_size=200))
def test_no_other_bytes_pass_under_a_signature(body: bytes, other: bytes) -> None:
    assume(body != other)
    with pytest.raises(Unsigned):
        SignatureCheck(KEY).check(METHOD, PATH, sign(KEY, METHOD, PATH, body, NOW), other, NOW)


@hypothesis_settings
@given(place=st.integers(0, len(BODY) * 8 - 1))
def test_one_bit_of_the_body_is_enough_to_be_refused(place: int) -> None:
    altered = bytearray(BODY)
    altered[place // 8] ^= 1 << (place % 8)
    with pytest.raises(Unsigned):
        SignatureCheck(KEY).check(METHOD, PATH, signed(), bytes(altered), NOW)


@hypothesis_settings
@given(time_text=st.text(max_size=14), nonce=st.text(max_size=34), signature=st.text(max_size=70))
def test_made_up_headers_are_refused_and_break_nothing(time_text: str, nonce: str, signature: str) -> None:
    assert not is_served({TIME_HEADER: time_text, NONCE_HEADER: nonce, SIGNATURE_HEADER: signature})


@hypothesis_settings
@given(raw=st.binary(min_size=32, max_size=32))
def test_headers_that_are_no_text_are_refused_and_break_nothing(raw: bytes) -> None:
    # As a server hands over bytes that are not UTF-8.
    nonce = raw.decode("utf-8", "surrogateescape")
    assert not is_served({**signed(), NONCE_HEADER: nonce, SIGNATURE_HEADER: nonce})
