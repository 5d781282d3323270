"""What an event does to a password that our own tables keep, and the notices it makes (G14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from actions.security.errors import PasswordLocked
from actions.security.notices import EVENTS, SECURITIES, Event, EventUnusable
from actions.security.password import Outcome, Password, change, enter

_ENTRIES = ("login", "wrong_password")


def after(password: Password, event: Event, now: datetime) -> Outcome:
    """Return the password after `event`, and the kinds of notice in order; raise `EventUnusable`.

    An entry is judged here: while the password is locked nothing is counted or noticed. The rest has happened
    elsewhere and is noted as told; a change leaves a lock as it is. Futures: nothing (`notices_scope`).
    """
    if event.kind not in EVENTS:
        raise EventUnusable("kind")
    if event.market != SECURITIES:
        return Outcome(password, ())
    if event.kind in _ENTRIES:
        try:
            return enter(password, event.kind == "login", now)
        except PasswordLocked:
            return Outcome(password, ())
    return Outcome(_as_told(password, event.kind, event.at, now), (event.kind,))


def _as_told(password: Password, kind: str, at: datetime, now: datetime) -> Password:
    """Return what an event of `at` leaves; an unlock that came late opens no lock that is newer."""
    if kind == "password_locked":
        return replace(password, locked_at=password.locked_at or now)
    if kind == "password_unlocked":
        return (
            password if password.locked_at and at < password.locked_at else replace(password, wrong=0, locked_at=None)
        )
    if kind == "password_reissued":
        return Password(initial=True)
    return replace(password, initial=False) if password.locked_at else change(password).password
