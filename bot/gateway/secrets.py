"""Secrets that are typed where they do not belong: into the free text while a field for them is open.

They take the way of the field. Whatever else has five or more digits in it is hidden before it is stored.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from bot.contracts.redaction import ascii_digits

KINDS = ("code", "account", "birth_date", "contact")
ENTITIES = {"code": "otp_code", "account": "account", "birth_date": "birth_date", "contact": "report_contact"}
SHOWN_AS = "••••••"
MAX_LENGTH = 500

# Groups that each hold a digit: words around the number are not part of it.
_ACCOUNT = re.compile(r"[A-Za-z]*\d[0-9A-Za-z]*(?:[ -][A-Za-z]*\d[0-9A-Za-z]*)*", re.ASCII)
_BIRTH_DATE = re.compile(
    r"(?:民國|民国)?\s*(?<![\d/.-])(?:\d{1,4}\s*[-/.年 ]\s*\d{1,2}\s*[-/.月 ]\s*\d{1,2}(?!\d)\s*日?|\d{6,8}(?!\d))",
    re.ASCII,
)
_EMAIL = re.compile(r"[^@\s，,：:]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_PHONE = re.compile(r"\+?\d[\d\s()\-]{5,22}\d", re.ASCII)
_LEAST_CODE_DIGITS = 4
_LEAST_ACCOUNT_DIGITS = 3


def secret_in(text: str, awaiting: dict[str, Any] | None) -> tuple[str, str] | None:
    """Return kind and value if `text` holds the secret that is being asked for, else None."""
    kind = (awaiting or {}).get("kind")
    plain = unicodedata.normalize("NFKC", text)
    if kind == "code" and len(ascii_digits(plain)) >= _LEAST_CODE_DIGITS and len(text) <= MAX_LENGTH:
        return "code", text
    if kind == "birth_date" and (found := _BIRTH_DATE.search(plain)):
        return "birth_date", found.group()
    if kind == "contact" and (found := _EMAIL.search(plain) or _PHONE.search(plain)):
        return "contact", found.group()
    if kind == "account":
        candidates = [m.group() for m in _ACCOUNT.finditer(plain)]
        with_digits = [c for c in candidates if sum(d.isdigit() for d in c) >= _LEAST_ACCOUNT_DIGITS]
        if with_digits:
            return "account", max(with_digits, key=len)
    return None
