"""When a password may be unlocked by its owner: locked, valid certificate, once a calendar day (G15-G17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from actions.security.errors import (
    UnlockDoneToday,
    UnlockNoCertificate,
    UnlockNotLocked,
    UnlockRefusal,
    UnlockSuspended,
    UnlockUsedToday,
)


@dataclass(frozen=True)
class Certificate:
    """A certificate on record. Valid in [valid_from, valid_until) unless revoked."""

    account: str
    valid_from: datetime
    valid_until: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class PasswordState:
    account: str
    locked_at: datetime | None
    suspended_at: datetime | None


def is_valid(certificate: Certificate, account: str, now: datetime) -> bool:
    """Return whether `certificate` proves `account` at `now`."""
    return (
        certificate.account == account
        and certificate.revoked_at is None
        and certificate.valid_from <= now < certificate.valid_until
    )


def unlock_day(now: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day an unlock at `now` counts for (`institutions.yml: self_unlock_per_day`)."""
    return now.astimezone(zone).date()


def may_unlock(
    password: PasswordState,
    certificates: Sequence[Certificate],
    used_today_at: datetime | None,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Return if the password may be unlocked now; raise the refusal otherwise.

    The order is what the customer can act on: a protected account first, then whether today's unlock is
    used (and if so, when there is another), then nothing to do, then what is missing.
    """
    if password.suspended_at:
        raise UnlockSuspended
    if used_today_at:
        raise used_today(used_today_at, now, zone, still_locked=password.locked_at is not None)
    if not password.locked_at:
        raise UnlockNotLocked
    if not any(is_valid(certificate, password.account, now) for certificate in certificates):
        raise UnlockNoCertificate


def used_today(used_at: datetime, now: datetime, zone: ZoneInfo, still_locked: bool) -> UnlockRefusal:
    """Return the refusal that names when the unlock was used and from which day there is another."""
    tomorrow = unlock_day(now, zone) + timedelta(days=1)
    refusal = UnlockUsedToday if still_locked else UnlockDoneToday
    return refusal(used_at=f"{used_at.astimezone(zone):%H:%M}", next_date=f"{tomorrow:%Y/%m/%d}")
