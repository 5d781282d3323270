"""A certificate renewal, step by step in the order of the institution's own pages (G16, G20).

    DESTINATION ──choose──► CODE ──verify──► BIRTH_DATE ──give──► CONFIRM ──confirm──► INSTALL ──install──► DONE
         ▲                   │ ▲ │                │                   │                   │
         │                   │ └─┘ choose: another code               │                   │
         └─── its code is no longer good, or another was verified ────┴───────────────────┘
    any of them but DONE ──"not mine", or the birth date wrong too often──► STOPPED

Each step is asked for with the number of steps taken so far, so that a step is neither skipped nor taken twice nor
taken from an old page. What is stored can be left and resumed. The certificate is looked at before the first step
(`way_for`) and again in the transaction of the last.

Sources: `institutions.yml: certificate_otp` (300 s), `certificate_second_check`, `certificate_wrong_destination`,
`certificate_renew_window`, `certificate_prerequisites`. Our defaults: wrong birth dates, and how long a verified code
is good for the steps after it, because the guide is silent on leaving and coming back.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from actions.security.errors import (
    RenewalBirthDateWrong,
    RenewalCodeExpired,
    RenewalNoCertificate,
    RenewalOutOfOrder,
    RenewalRefusal,
    RenewalStopped,
    RenewalTooLate,
)
from actions.security.password_unlock import Certificate, is_valid

CODE_LIVES = timedelta(seconds=300)
AUTHORITY_LASTS = timedelta(minutes=15)  # as long as an identification is fresh
WRONG_BIRTH_DATES = 3


class Step(StrEnum):
    """What is asked next."""

    DESTINATION = "destination"
    CODE = "code"
    BIRTH_DATE = "birth_date"
    CONFIRM = "confirm"
    INSTALL = "install"
    DONE = "done"
    STOPPED = "stopped"


class Way(StrEnum):
    RENEW = "renew"  # 憑證展延
    APPLY = "apply"  # 憑證申請


@dataclass(frozen=True)
class Renewal:
    """What is stored of one. `taken`: steps so far. `challenge`: the code that was sent for it, and no other (G9)."""

    account: str
    step: Step = Step.DESTINATION
    taken: int = 0
    challenge: str | None = None
    sent_at: datetime | None = None
    verified_at: datetime | None = None
    wrong_birth_dates: int = 0


@dataclass(frozen=True)
class Checked:
    """The renewal after its birth date: store it, commit, then raise `refusal` if there is one."""

    renewal: Renewal
    refusal: RenewalRefusal | None


def opens_on(valid_until: datetime, zone: ZoneInfo) -> date:
    """Return the day from which a certificate is renewed rather than applied for: a calendar month before its last.

    The same day of the month before, or that month's last where it has none: 31 March opens on 28 or 29 February.
    """
    last = valid_until.astimezone(zone).date()
    year, month = (last.year, last.month - 1) if last.month > 1 else (last.year - 1, 12)
    return date(year, month, min(last.day, calendar.monthrange(year, month)[1]))


def lasts_until(certificates: Sequence[Certificate], account: str, now: datetime) -> datetime:
    """Return until when the account's certificate is valid; of several the one that lasts longest counts.

    None, or none that is valid now: not here, whatever the way; raise `RenewalNoCertificate`.
    """
    lasting = [certificate.valid_until for certificate in certificates if is_valid(certificate, account, now)]
    if not lasting:
        raise RenewalNoCertificate
    return max(lasting)


def way_for(certificates: Sequence[Certificate], account: str, now: datetime, zone: ZoneInfo) -> Way:
    """Return whether the account's certificate is renewed or one applied for; raise `RenewalNoCertificate`."""
    last = lasts_until(certificates, account, now)
    return Way.RENEW if now.astimezone(zone).date() >= opens_on(last, zone) else Way.APPLY


def choose_destination(renewal: Renewal, taken: int, challenge: str, now: datetime) -> Renewal:
    """Return the renewal with the code sent as `challenge`; the first time, or instead of one not yet entered."""
    _expect(renewal, taken, now, Step.DESTINATION, Step.CODE)
    return _on(renewal, Step.CODE, challenge=challenge, sent_at=now)


def may_verify(renewal: Renewal, taken: int, challenge: str, now: datetime) -> None:
    """Return if a code may be compared with `challenge`; raise `RenewalCodeExpired` outside [sent, sent + 300 s)."""
    _expect(renewal, taken, now, Step.CODE)
    if challenge != renewal.challenge:
        raise RenewalOutOfOrder(step=renewal.step.value)
    if renewal.sent_at is None or not renewal.sent_at <= now < renewal.sent_at + CODE_LIVES:
        raise RenewalCodeExpired


def verified(renewal: Renewal, taken: int, challenge: str, now: datetime) -> Renewal:
    """Return the renewal after the code of `challenge` was right; refusals of `may_verify`."""
    may_verify(renewal, taken, challenge, now)
    return _on(renewal, Step.BIRTH_DATE, verified_at=now)


def may_check(renewal: Renewal, taken: int, now: datetime) -> None:
    """Return if a birth date may be compared; raise what `give_birth_date` would."""
    _expect(renewal, taken, now, Step.BIRTH_DATE)


def give_birth_date(renewal: Renewal, taken: int, right: bool, now: datetime) -> Checked:
    """Return the renewal after the second check; a wrong date is counted, the last one stops it."""
    may_check(renewal, taken, now)
    if right:
        return Checked(_on(renewal, Step.CONFIRM), None)
    wrong = renewal.wrong_birth_dates + 1
    if wrong >= WRONG_BIRTH_DATES:
        return Checked(_on(renewal, Step.STOPPED, wrong_birth_dates=wrong), RenewalStopped())
    left = WRONG_BIRTH_DATES - wrong
    return Checked(_on(renewal, Step.BIRTH_DATE, wrong_birth_dates=wrong), RenewalBirthDateWrong(left=left))


def confirm(renewal: Renewal, taken: int, now: datetime) -> Renewal:
    """Return the renewal as the customer confirmed it."""
    _expect(renewal, taken, now, Step.CONFIRM)
    return _on(renewal, Step.INSTALL)


def install(
    renewal: Renewal, taken: int, certificates: Sequence[Certificate], now: datetime, zone: ZoneInfo
) -> tuple[Renewal, Way]:
    """Return the renewal as done, and the way it went: the one step with an effect.

    `certificates` are read in the same transaction: one that was revoked or ran out meanwhile ends it here.
    """
    _expect(renewal, taken, now, Step.INSTALL)
    way = way_for(certificates, renewal.account, now, zone)
    return _on(renewal, Step.DONE), way


def not_mine(renewal: Renewal) -> Renewal:
    """Return the renewal stopped, whichever page "not mine" comes from; one that is done stays done."""
    return renewal if renewal.step is Step.DONE else _on(renewal, Step.STOPPED)


def resumed(renewal: Renewal, now: datetime, challenge: str | None = None) -> Renewal:
    """Return what goes on when the customer comes back: the same step, or the first where the code is too long ago.

    The first as well where `challenge`, verified since, is another than its own: what was proven after one code does
    not count for the next, nor in the next conversation. Wrong birth dates stay counted.
    """
    is_another = challenge is not None and challenge != renewal.challenge
    has_expired = renewal.step is Step.CODE and renewal.sent_at is not None and now >= renewal.sent_at + CODE_LIVES
    if is_another or has_expired or _is_too_late(renewal, now):
        return _on(renewal, Step.DESTINATION, challenge=None, sent_at=None, verified_at=None)
    return renewal


def _expect(renewal: Renewal, taken: int, now: datetime, *steps: Step) -> None:
    """Return if one of `steps` is next; raise `RenewalStopped`, `RenewalOutOfOrder` or `RenewalTooLate`."""
    if renewal.step is Step.STOPPED:
        raise RenewalStopped
    if renewal.step not in steps or taken != renewal.taken:
        raise RenewalOutOfOrder(step=renewal.step.value)
    if _is_too_late(renewal, now):
        raise RenewalTooLate


def _is_too_late(renewal: Renewal, now: datetime) -> bool:
    if renewal.step not in (Step.BIRTH_DATE, Step.CONFIRM, Step.INSTALL):
        return False
    return renewal.verified_at is None or not renewal.verified_at <= now < renewal.verified_at + AUTHORITY_LASTS


def _on(renewal: Renewal, step: Step, **changes: Any) -> Renewal:
    return replace(renewal, step=step, taken=renewal.taken + 1, **changes)
