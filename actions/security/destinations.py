"""Where a code can go, shown masked; for a stranger, a destination that looks as real (G12, T33)."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
from collections.abc import Sequence


def mask_phone(number: str) -> str:
    """Return e.g. `093***678`: the first three and the last three digits; fewer of a short number, to hide three."""
    digits = re.sub(r"\D", "", number)
    return f"{digits[: min(3, max(0, len(digits) - 6))]}***{digits[-3:]}"


def mask_email(address: str) -> str:
    """Return e.g. `z**@example.com`: the first character and the domain."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}**@{domain}"


def mask_account(number: str) -> str:
    """Return e.g. `9____8`: the first and the last character (`notices.yml: password_reissued`)."""
    return number[:1] + "_" * (len(number) - 2) + number[-1:]


def identity_of(pepper: bytes, institution: str, account: str, birth_date: str) -> str:
    """Return what limits are counted by: the same for the same details, whether they match somebody or not."""
    return hmac.new(pepper, f"who|{institution}|{account}|{birth_date}".encode(), hashlib.sha256).hexdigest()


def plausible_destinations(
    pepper: bytes, institution: str, account: str, birth_date: str, mail_domains: Sequence[str]
) -> dict[str, str]:
    """Return masked destinations for details that match nobody: the same ones for the same details, always.

    They depend on everything entered, so that trying birth dates shows nothing about the account.
    `mail_domains`: those of real customers; a domain that only strangers are shown would tell them apart.
    """
    seed = hmac.new(pepper, f"{institution}|{account}|{birth_date}".encode(), hashlib.sha256).digest()
    start, end = f"09{seed[0] % 10}", int.from_bytes(seed[1:5], "big") % 1000
    letter, domain = chr(ord("a") + seed[5] % 26), _stable_choice(seed, mail_domains)
    return {"sms": f"{start}***{end:03d}", "email": f"{letter}**@{domain}"}


def _stable_choice(seed: bytes, domains: Sequence[str]) -> str:
    """Return one of `domains`, the more likely the more often it is there; another customer hardly ever changes it.

    Each domain draws a time from the seed and its own name, shorter for the more frequent; the first one wins. An
    index into the list would move with every new customer, and tell strangers from customers over the days.
    """

    def drawn(domain: str) -> tuple[float, str]:
        number = int.from_bytes(hmac.new(seed, domain.encode(), hashlib.sha256).digest()[:8], "big")
        return -math.log((number + 1) / 2**64) / domains.count(domain), domain

    return min(map(drawn, set(domains)))[1]


def looks_like_contact(text: str) -> bool:
    """Return whether `text` is an e-mail address or a phone number of 7 to 15 digits."""
    if re.fullmatch(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]{2,}", text):
        return True
    return bool(re.fullmatch(r"[\d\s+()#\-]{7,24}", text)) and 7 <= len(re.sub(r"\D", "", text)) <= 15


def mask_contact(text: str) -> str:
    """Return a contact as it may be shown back in a summary."""
    return mask_email(text) if "@" in text else mask_phone(text)
