"""How often a code is sent: once in 60 s for a purpose, 5 an hour and 10 a day for an account (G8, T29).

Hour and day roll. A limit by the calendar would let twice as many messages through around midnight, and the reason
for it is a phone that is not to be flooded, not a date that a customer is told. The hour and the day are counted over
all purposes and channels; the 60 s by purpose (`institutions.yml: otp_resend_seconds`; the others are ours, issue 4).
A send is stored before the gateway is called, and counts whatever the gateway answers (Pattern F).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from actions.security.errors import ResendTooSoon, SendsUsedUp
from actions.security.moments import minute_by_which

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)


@dataclass(frozen=True)
class SendRules:
    zone: ZoneInfo
    resend_seconds: int = 60
    per_hour: int = 5
    per_day: int = 10


@dataclass(frozen=True)
class Send:
    """One code on its way, to whomever; strangers' sends count alike (G12)."""

    purpose: str
    at: datetime


def may_send(sends: Sequence[Send], purpose: str, now: datetime, rules: SendRules) -> None:
    """Return if a code may be sent now; raise `ResendTooSoon` or `SendsUsedUp`.

    `sends`: those of the account, in any order; older than a day does not matter. One that lies in the future, after
    the clock was set back, counts.
    """
    mine = [send.at for send in sends if send.purpose == purpose]
    too_soon_until = max(mine) + timedelta(seconds=rules.resend_seconds) if mine else now
    again = max(_room(sends, rules.per_hour, HOUR, now), _room(sends, rules.per_day, DAY, now))
    if now < again and too_soon_until <= again:
        raise SendsUsedUp(next_at=minute_by_which(again, rules.zone))
    if now < too_soon_until:
        raise ResendTooSoon(seconds=-int(-(too_soon_until - now).total_seconds() // 1))


def _room(sends: Sequence[Send], most: int, span: timedelta, now: datetime) -> datetime:
    """Return from when on fewer than `most` sends lie within `span`; `now` where that is so already."""
    counted = sorted((send.at + span for send in sends if now < send.at + span), reverse=True)
    return counted[most - 1] if len(counted) >= most else now
