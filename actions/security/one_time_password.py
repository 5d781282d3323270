"""One-time passwords by SMS and e-mail: six digits, short-lived, used once, three tries (G2, G3, G6, G9, G11)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.security.errors import (
    OtpExhausted,
    OtpExpired,
    OtpMalformed,
    OtpSuperseded,
    OtpUsed,
)
from actions.security.secret import Secret

# How long a verified code allows what it was sent for. What only tells, and what has several steps, may take longer.
AUTHORITY_LASTS: Mapping[str, timedelta] = {
    "verify_identity": timedelta(minutes=5),
    "unlock_password": timedelta(minutes=5),
    "reissue_password": timedelta(minutes=5),
    "protect_account": timedelta(minutes=5),
    "renew_certificate": timedelta(minutes=15),
    "token_status": timedelta(minutes=15),
    "check_notice": timedelta(minutes=15),
}

_SEPARATORS = re.compile(r"[\s\-–—.·\u200b-\u200d\u2060\ufeff]+")


@dataclass(frozen=True)
class Challenge:
    """One code sent to one customer for one purpose. Times are aware; the interval is [sent_at, expires_at)."""

    id: str
    purpose: str
    sent_at: datetime
    expires_at: datetime
    resend_at: datetime
    wrong: int
    used_at: datetime | None
    superseded_at: datetime | None


def new_code(digits: int) -> Secret:
    """Return `digits` random digits, each string equally likely (`institutions.yml: otp_digits`)."""
    return Secret(str(secrets.randbelow(10**digits)).zfill(digits))


def read_code(entered: Secret, digits: int) -> Secret:
    """Return the code in `entered`; raise `OtpMalformed` where there is not exactly one.

    Full-width digits, spaces and hyphens are accepted; a whole pasted SMS is, when exactly one run of
    `digits` digits stands in it. Digits of other scripts are not: `int` and `\\d` would take them (T41).
    """
    text = unicodedata.normalize("NFKC", entered.reveal())
    joined = _SEPARATORS.sub("", text)
    if re.fullmatch(f"[0-9]{{{digits}}}", joined):
        return Secret(joined)
    spaced = rf"(?<![0-9A-Za-z#+-])[0-9](?:[ \-]?[0-9]){{{digits - 1}}}(?![0-9A-Za-z-])"
    found = {re.sub(r"[ \-]", "", run) for run in re.findall(spaced, text)}
    if len(found) == 1 and re.search(r"[^\W\d_]", text):
        return Secret(found.pop())
    raise OtpMalformed(digits=digits)


def digest(pepper: bytes, challenge: str, code: Secret) -> str:
    """Return what is stored instead of the code: HMAC-SHA-256 under a pepper that is not in the database (G10)."""
    return hmac.new(pepper, f"{challenge}|{code.reveal()}".encode(), hashlib.sha256).hexdigest()


def destination_digest(pepper: bytes, channel: str, address: str) -> str:
    """Return what a code is bound to besides account, purpose and conversation: the very address it went to (G9)."""
    return hmac.new(pepper, f"to|{channel}|{address}".encode(), hashlib.sha256).hexdigest()


def may_be_tried(challenge: Challenge, most_wrong: int, now: datetime) -> None:
    """Return if a code may be compared with this challenge at all; raise the refusal otherwise."""
    if challenge.used_at:
        raise OtpUsed
    if challenge.superseded_at:
        raise OtpSuperseded
    if challenge.wrong >= most_wrong:
        raise OtpExhausted
    if not challenge.sent_at <= now < challenge.expires_at:
        raise OtpExpired
