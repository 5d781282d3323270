"""A notice's link is read as it was written, by whoever has the key, until it expires; anything else is nothing."""

from __future__ import annotations

import ast
import base64
import hmac
import string
from collections import Counter
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.contracts import link as module
from bot.contracts.link import (
    ALTERED,
    EXPIRED,
    LANGUAGES,
    LIFETIME,
    MALFORMED,
    MOST_PLATFORM_BYTES,
    NOTICES,
    Link,
    link_address,
    link_key,
    read_link,
    write_link,
)
from bot.contracts.redaction import hide_digits
from tests.actions.security.rounds import rounds, told

deterministic = settings(derandomize=True, deadline=None, database=None, max_examples=rounds(200))

MASTER = b"m" * 32
KEY = link_key(MASTER, "hnyc")
AT = datetime(2026, 11, 20, 10, 0, 7, tzinfo=ZoneInfo("Asia/Taipei"))
LINK = Link("login_success", AT, "e指發", "zh-Hant", "NT-20261120-7K3M-QXRT")
UNTIL = AT + LIFETIME
ALPHABET = string.ascii_letters + string.digits + "-_"

links = st.builds(
    Link,
    notice=st.sampled_from(NOTICES),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2099, 12, 31), timezones=st.just(timezone.utc)).map(
        lambda time: time.replace(microsecond=0)
    ),
    platform=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    language=st.sampled_from(LANGUAGES),
    reference=st.text(string.ascii_uppercase + string.digits + "-", max_size=24),
)


def token(link: Link = LINK, key: bytes = KEY, until: datetime = UNTIL) -> str:
    return write_link(key, link, until)


def read(sent: str, now: datetime = AT) -> Link | None:
    return read_link(KEY, sent, now, str)


def why_not(sent: str, now: datetime = AT, key: bytes = KEY) -> str | None:
    """Return the one reason that is counted when `sent` is not read; None if it is."""
    reasons: list[str] = []
    if read_link(key, sent, now, reasons.append) is not None:
        assert not reasons
        return None
    (reason,) = reasons
    return reason


def resigned(told: bytes) -> str:
    """Return a token with a right signature over whatever it tells."""
    signed = told + hmac.new(KEY, told, sha256).digest()
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def told_by(sent: str) -> bytes:
    return base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4))[:-32]


# --- written and read -----------------------------------------------------------------------------


def test_a_link_is_read_as_it_was_written() -> None:
    assert read(token()) == LINK


@deterministic
@given(links)
def test_every_link_is_read_back(link: Link) -> None:
    assert read(token(link, until=link.at + LIFETIME), link.at) == link


@deterministic
@given(links)
def test_a_token_is_shorter_than_300_characters_and_needs_no_escape(link: Link) -> None:
    sent = token(link, until=link.at + LIFETIME)
    assert len(sent) < 300
    assert set(sent) <= set(ALPHABET)


def test_the_longest_token_is_shorter_than_300_characters() -> None:
    assert len(token(Link("password_reissued", AT, "字" * (MOST_PLATFORM_BYTES // 3), "zh-Hant", "N" * 24))) < 300


def test_a_link_may_be_read_as_often_as_anybody_likes() -> None:
    # Mail scanners open links before customers do.
    sent = token()
    assert {read(sent) for _ in range(1000)} == {LINK}


def test_a_notice_without_a_platform_has_a_link_without_one() -> None:
    link = Link("password_locked", AT, "", "en", LINK.reference)
    assert read(token(link)) == link


def test_time_is_told_aware_and_in_utc() -> None:
    link = read(token())
    assert link is not None
    assert link.at.utcoffset() == timedelta(0)


def test_parts_of_a_second_are_not_told() -> None:
    link = Link("login_success", AT.replace(microsecond=999_999), "e指發", "zh-Hant", LINK.reference)
    assert read(token(link)) == LINK


def test_an_address_is_the_page_with_the_token() -> None:
    assert link_address("https://chat.example/Webhook/", "AQ-_") == "https://chat.example/Webhook/?c=AQ-_"


@pytest.mark.parametrize(
    "link",
    [
        Link("login_failed", AT, "", "en", "NT"),
        Link("login_success", AT, "", "fr", "NT"),
        Link("login_success", AT.replace(tzinfo=None), "", "en", "NT"),
        Link("login_success", datetime(1969, 1, 1, tzinfo=timezone.utc), "", "en", "NT"),
        Link("login_success", datetime(2107, 1, 1, tzinfo=timezone.utc), "", "en", "NT"),
        Link("login_success", AT, "字" * 41, "en", "NT"),
        Link("login_success", AT, "", "en", "N" * 25),
        Link("login_success", AT, "", "en", "編號"),
        Link("login_success", AT, "\ud800", "en", "NT"),
    ],
)
def test_what_a_link_cannot_tell_is_not_written(link: Link) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # index, length, zone, ASCII, surrogate: each in its own words
        token(link)


def test_a_link_without_end_is_not_written() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        token(until=UNTIL.replace(tzinfo=None))


# --- refused --------------------------------------------------------------------------------------


def test_any_altered_character_is_refused() -> None:
    # Every place, every other character: the last one has bits that a careless decoder drops.
    tokens = [
        token(Link(notice, AT, platform, language, LINK.reference))
        for notice, platform, language in zip(
            NOTICES, ("", "a", "ab", "abc", "e指發", "e櫃台"), LANGUAGES * 2, strict=True
        )
    ]
    assert {len(sent) % 4 for sent in tokens} == {0, 2, 3}
    tried, accepted = 0, 0
    for sent in tokens:
        for place in range(len(sent)):
            for other in ALPHABET.replace(sent[place], ""):
                tried += 1
                accepted += why_not(f"{sent[:place]}{other}{sent[place + 1 :]}") is None
    told(altered=tried, accepted=accepted)
    assert tried > 30_000
    assert accepted == 0


def test_any_altered_bit_is_refused() -> None:
    signed = base64.urlsafe_b64decode(token() + "=" * (-len(token()) % 4))
    reasons = Counter()  # type: Counter[str | None]
    for bit in range(len(signed) * 8):
        flipped = bytearray(signed)
        flipped[bit // 8] ^= 1 << bit % 8
        reasons[why_not(base64.urlsafe_b64encode(flipped).rstrip(b"=").decode())] += 1
    assert reasons == {ALTERED: len(signed) * 8}


def test_a_shortened_token_is_refused() -> None:
    assert not [end for end in range(len(token())) if why_not(token()[:end]) is None]


@pytest.mark.parametrize(
    "sent",
    ["", "=", "A", "AQ", "c=" + token(), token() + "=", token() + "A", token() + "\n", " " + token(), token() + "==",
     token().replace("A", "Ａ", 1), "A" * 300, "A" * 100_000, "é" * 100, "\ud800" * 80, "\x00" * 80, "../" * 40],
    ids=range(17),
)  # fmt: skip
def test_what_is_no_token_is_refused(sent: str) -> None:
    assert why_not(sent) in (MALFORMED, ALTERED)


@deterministic
@given(st.one_of(st.text(max_size=320), st.text(ALPHABET, min_size=40, max_size=320)))
def test_any_text_is_refused_without_an_error(sent: str) -> None:
    assert why_not(sent) in (MALFORMED, ALTERED)


@pytest.mark.parametrize(
    "key",
    [link_key(b"n" * 32, "hnyc"), link_key(MASTER, "gtjai"), MASTER, b""],
    ids=["other", "firm", "master", "none"],
)
def test_a_token_of_another_key_is_refused(key: bytes) -> None:
    assert why_not(token(), key=key) == ALTERED


def test_texts_cannot_be_moved_into_each_other() -> None:
    # Reference "NT-1" with platform "2", and "NT-12" without one, must not have one signature.
    assert token(Link("login_success", AT, "2", "en", "NT-1")) != token(Link("login_success", AT, "", "en", "NT-12"))


def test_another_version_is_refused_though_its_signature_is_right() -> None:
    assert resigned(told_by(token())) == token()
    assert why_not(resigned(b"\x02" + told_by(token())[1:])) == MALFORMED


@pytest.mark.parametrize("place", [1, 2], ids=["notice", "language"])
def test_what_a_newer_release_added_is_refused_without_an_error(place: int) -> None:
    told = bytearray(told_by(token()))
    told[place] = 200
    assert why_not(resigned(bytes(told))) == MALFORMED


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(-1, None), (0, None), (7 * 86400 - 0.001, None), (7 * 86400, EXPIRED), (7 * 86400 + 1, EXPIRED), (1e8, EXPIRED)],
)
def test_a_link_lasts_seven_days_to_the_second(seconds: float, reason: str | None) -> None:
    assert why_not(token(), AT + timedelta(seconds=seconds)) == reason


def test_the_reason_is_counted_and_nothing_else() -> None:
    counted: list[str] = []
    read_link(KEY, token(), UNTIL, counted.append)
    read_link(KEY, "canary", AT, counted.append)
    assert counted == [EXPIRED, MALFORMED]


# --- what it is made of ---------------------------------------------------------------------------


def test_a_link_tells_nothing_of_an_account() -> None:
    assert set(Link.__dataclass_fields__) == {"notice", "at", "platform", "language", "reference"}


def test_signatures_are_compared_in_constant_time() -> None:
    # hmac.compare_digest is what decides; nothing compares signatures with ==.
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    compared = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert not [text for text in compared if "signature" in text.lower() and "SIGNATURE_BYTES" not in text]
    assert "hmac.compare_digest" in ast.unparse(tree)


def test_a_pasted_link_loses_no_part_to_redaction_that_would_make_it_another() -> None:
    # A customer may paste the address; a token that lost digits is refused, never misread.
    hidden = hide_digits(token())
    assert hidden == token() or why_not(hidden) == MALFORMED
