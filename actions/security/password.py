"""The trading password: what each entry does to it, and when it may be reissued or changed (G14, G16, G17).

    open ──wrong──► open ──wrong──► open ──wrong──► LOCKED      counted in the transaction that judges
    LOCKED ──unlock (security/password_unlock.py)──► open, count none
    any ──reissue──► open, INITIAL: it only changes itself ──change──► open

Wrong entries are counted together over all platforms (`institutions.yml: password_lock_after`). A right one clears
the count; the guide does not say so, and without it old slips would add up for ever. While locked, nothing is looked
at or counted. The password itself is never here; what a notice states is in `notices.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from actions.security.errors import (
    PasswordLocked,
    PasswordMustChange,
    PasswordRefusal,
    PasswordWrong,
    ReissueNoCertificate,
)
from actions.security.password_unlock import Certificate, is_valid

LOCK_AFTER = 3  # institutions.yml: password_lock_after


@dataclass(frozen=True)
class Password:
    """What is stored of an account's password besides its hash. `initial`: reissued and not yet changed."""

    wrong: int = 0
    locked_at: datetime | None = None
    initial: bool = False


@dataclass(frozen=True)
class Outcome:
    """The password after an act, and the notices of it (`notices.yml`): commit both, then raise `refusal` if any."""

    password: Password
    notices: tuple[str, ...]
    refusal: PasswordRefusal | None = None


def may_be_entered(password: Password) -> None:
    """Return if an entry may be compared at all; raise `PasswordLocked`, for a right one as well."""
    if password.locked_at:
        raise PasswordLocked


def enter(password: Password, right: bool, now: datetime) -> Outcome:
    """Return what an entry on any platform does; raise `PasswordLocked`.

    Each wrong one has its notice, the third the one of the lock besides (`notices.yml: wrong_password,
    password_locked`); a right one that of the login. An initial password logs in, but may only be changed.
    """
    may_be_entered(password)
    if right:
        return Outcome(replace(password, wrong=0), ("login_success",))
    wrong = password.wrong + 1
    if wrong < LOCK_AFTER:
        return Outcome(replace(password, wrong=wrong), ("wrong_password",), PasswordWrong(left=LOCK_AFTER - wrong))
    locked = replace(password, wrong=wrong, locked_at=now)
    return Outcome(locked, ("wrong_password", "password_locked"), PasswordLocked())


def may_trade(password: Password) -> None:
    """Return, or raise `PasswordLocked` or `PasswordMustChange` (`institutions.yml: reissue_notice`)."""
    may_be_entered(password)
    if password.initial:
        raise PasswordMustChange


def change(password: Password) -> Outcome:
    """Return the password after its owner, logged in with it, chose another; raise `PasswordLocked`."""
    may_be_entered(password)
    return Outcome(Password(), ("password_changed",))


def reissue(account: str, certificates: Sequence[Certificate], now: datetime) -> Outcome:
    """Return an initial password, open whatever it was; raise `ReissueNoCertificate`.

    It needs a certificate that is valid now, looked at in the transaction that acts (`institutions.yml:
    reissue_needs`; G16). Unlike an unlock it is not limited by day: the guide names no limit.
    """
    if not any(is_valid(certificate, account, now) for certificate in certificates):
        raise ReissueNoCertificate
    return Outcome(Password(initial=True), ("password_reissued",))
