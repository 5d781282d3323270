"""Which events make which of the six security e-mails, and what each states (`notices.yml`).

    login                       login_success
    wrong_password              wrong_password, and password_locked when it was the one that locked
    password_locked             password_locked   (a core system that tells the lock apart)
    password_changed            password_changed
    password_unlocked           password_unlocked
    password_reissued           password_reissued

Securities only: events of futures accounts make none (`institutions.yml: notices_scope`). Every notice states
time and platform or the rest of `STATES`, a reference and a link; addresses and accounts are shown masked
(`destinations.py`). A platform is printed as plain words, whatever an event says it is.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from actions.security.destinations import mask_account
from actions.security.error_report import ALPHABET

CHAT_PLATFORM = "線上客服"  # `institutions.yml: service_platforms`: logging in to the chat sends a notice too
SECURITIES = "securities"
MOST_PLATFORM_CHARACTERS = 30

# What each notice states besides time, reference and link (`notices.yml: states`).
STATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "login_success": ("platform",),
        "wrong_password": ("platform",),
        "password_locked": (),
        "password_changed": (),
        "password_unlocked": (),
        "password_reissued": ("branch", "branch_number", "masked_account", "agent"),
    }
)
NOTICES = tuple(STATES)
EVENTS = ("login", *NOTICES[1:])


class EventUnusable(ValueError):
    """An event that no notice can be made of; `names` says which values are missing or wrong, never what they are."""

    def __init__(self, *names: str) -> None:
        super().__init__(f"not usable: {', '.join(names)}")
        self.names = names


@dataclass(frozen=True)
class Event:
    """Something that happened to an account. `at` is aware; `account` is its number, never stored by a notice."""

    kind: str  # one of EVENTS
    at: datetime
    account: str
    market: str = SECURITIES  # securities | futures
    platform: str = ""
    locked: bool = False  # this wrong entry was the one that locked
    branch: str = ""
    branch_number: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Notice:
    """One e-mail to write: its template and the values that come from the event."""

    kind: str  # one of NOTICES
    values: Mapping[str, str]


def notices_of(event: Event, zone: ZoneInfo) -> tuple[Notice, ...]:
    """Return the notices that `event` makes, in the order they are sent; raise `EventUnusable`."""
    if event.kind not in EVENTS:
        raise EventUnusable("kind")
    if event.market != SECURITIES:
        return ()
    kinds = ["login_success" if event.kind == "login" else event.kind]
    if event.kind == "wrong_password" and event.locked:
        kinds.append("password_locked")
    return tuple(Notice(kind, stated(kind, event, zone)) for kind in kinds)


def stated(kind: str, event: Event, zone: ZoneInfo) -> Mapping[str, str]:
    """Return the time and what a notice of this kind states of `event`, whatever the event is called.

    For effects of our own, which know their notices (`password.py: Outcome`). Raise `EventUnusable`.
    """
    values = {
        "platform": plain_words(event.platform),
        "branch": plain_words(event.branch),
        "branch_number": plain_words(event.branch_number),
        "masked_account": mask_account(event.account) if len(event.account) > 2 else "",
        "agent": plain_words(event.agent),
    }
    missing = [name for name in STATES[kind] if not values[name]]
    if missing:
        raise EventUnusable(*missing)
    return {"time": event_time(event.at, zone), **{name: values[name] for name in STATES[kind]}}


def event_time(at: datetime, zone: ZoneInfo) -> str:
    """Return e.g. `2026/11/20 10:00:00`, in the institution's zone (`notices.yml`: Asia/Taipei)."""
    if at.tzinfo is None:
        raise EventUnusable("at")
    return f"{at.astimezone(zone):%Y/%m/%d %H:%M:%S}"


def new_notice_reference(day: date) -> str:
    """Return e.g. `NT-20261120-7K3M-QXRT`.

    Eight characters of 31: a firm sends a notice at each login, hundreds of thousands a day, and whoever
    asks `check_notice` about invented references must not find one (1 in 8.5e11 each).
    """
    own = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"NT-{day:%Y%m%d}-{own[:4]}-{own[4:]}"


def plain_words(text: str) -> str:
    """Return `text` as words that no mail program makes a link of, and no line ends: letters, digits, ` _-()`.

    At most `MOST_PLATFORM_CHARACTERS`. Full-width brackets stay, and so do the names of `institutions.yml`.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(c if c in "_-()（）" or _is_letter_or_digit(c) else " " for c in composed)
    return " ".join(kept.split())[:MOST_PLATFORM_CHARACTERS].strip()


def _is_letter_or_digit(character: str) -> bool:
    """Return whether it is a letter or 0-9 of any script; ⒈ is neither: it would bring a full stop with it."""
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nd"
