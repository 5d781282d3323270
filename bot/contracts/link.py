"""The signed, expiring token behind `?c=` in a notice's link: it tells what the mail was about, and gives no power.

Base64url without padding of: version (1 byte), notice, language, event time, expiry (4 bytes each, whole
seconds since 1970), length and text of reference and of platform (UTF-8), HMAC-SHA-256 of all that. It holds
no account data (`reference/security.md` G45, T20); it is signed, not secret. It may be read as often as
anybody likes, because mail scanners open links before customers do. Older versions are refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from bot.contracts.keys import derive

VERSION = 1
LIFETIME = timedelta(days=7)
MOST_PLATFORM_BYTES = 120  # 40 Chinese characters
MOST_REFERENCE_BYTES = 24

# The place in the list is what is written: only add at the end.
NOTICES = (
    "login_success",
    "wrong_password",
    "password_locked",
    "password_changed",
    "password_unlocked",
    "password_reissued",
)
LANGUAGES = ("zh-Hant", "zh-Hans", "en")

# Why a token was not read, as names of counters; an altered token and one of another key look alike.
MALFORMED, ALTERED, EXPIRED = "links_malformed", "links_altered", "links_expired"

_MOST_CHARACTERS = 299
_HEAD = struct.Struct(">BBBII")
_SIGNATURE_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True)
class Link:
    """What a link tells: which notice, when it happened (aware, whole seconds), where ("" if unsaid), its reference."""

    notice: str
    at: datetime
    platform: str
    language: str
    reference: str


def link_key(master: bytes, institution: str) -> bytes:
    """Return the key for links to `institution`; a link of one firm is none at another."""
    return derive(master, f"links in notices of {institution}")


def write_link(key: bytes, link: Link, expires_at: datetime) -> str:
    """Return the token, good in [now, expires_at); callers give the notice's time plus `LIFETIME`.

    Raise `ValueError` where the notice or language is unknown, a time has no zone, or a text is too long.
    """
    reference, platform = link.reference.encode("ascii"), link.platform.encode()
    if len(reference) > MOST_REFERENCE_BYTES or len(platform) > MOST_PLATFORM_BYTES:
        raise ValueError("a reference or platform too long for a link")
    notice, language = NOTICES.index(link.notice), LANGUAGES.index(link.language)
    head = _HEAD.pack(VERSION, notice, language, _seconds(link.at), _seconds(expires_at))
    told = head + bytes([len(reference)]) + reference + platform
    return _encoded(told + _signature(key, told))


def read_link(key: bytes, token: str, now: datetime, count: Callable[[str], object]) -> Link | None:
    """Return what the token tells if we wrote it and it has not expired; None otherwise.

    `count` gets the reason (`Counters.add`), for metrics only: whoever sent the token is not told.
    """
    signed = _decoded(token)
    if signed is None:
        count(MALFORMED)
        return None
    told, signature = signed[:-_SIGNATURE_BYTES], signed[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(_signature(key, told), signature):
        count(ALTERED)
        return None
    version, notice, language, at, expires_at = _HEAD.unpack_from(told)
    if version != VERSION or notice >= len(NOTICES) or language >= len(LANGUAGES):  # a newer release's
        count(MALFORMED)
        return None
    if now.timestamp() >= expires_at:
        count(EXPIRED)
        return None
    reference, platform = _texts(told[_HEAD.size :])
    return Link(NOTICES[notice], datetime.fromtimestamp(at, timezone.utc), platform, LANGUAGES[language], reference)


def link_address(page: str, token: str) -> str:
    """Return the address of the customer's page with the token, e.g. `https://…/Webhook/?c=AQAA…`."""
    return f"{page}?c={token}"


def _texts(told: bytes) -> tuple[str, str]:
    """Return reference and platform; the first byte is the length of the reference."""
    size, both = told[0], told[1:]
    return both[:size].decode("ascii"), both[size:].decode()


def _seconds(time: datetime) -> int:
    seconds = int(time.timestamp())
    if time.tzinfo is None or not 0 <= seconds < 2**32:
        raise ValueError("a time without a zone, or before 1970 or after 2106")
    return seconds


def _signature(key: bytes, told: bytes) -> bytes:
    return hmac.new(key, told, hashlib.sha256).digest()


def _encoded(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")


def _decoded(token: str) -> bytes | None:
    """Return the bytes of a token as we write it; None for any other spelling of the same bytes too."""
    if len(token) > _MOST_CHARACTERS or len(token) % 4 == 1 or not _TOKEN.fullmatch(token):
        return None
    signed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    least = _HEAD.size + 1 + _SIGNATURE_BYTES
    return signed if len(signed) >= least and _encoded(signed) == token else None
