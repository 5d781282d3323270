"""How a moment is told to a customer: as a minute of the institution's day, never one too early."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


def minute_by_which(moment: datetime, zone: ZoneInfo) -> str:
    """Return e.g. `2026/11/21 10:00`, the first whole minute not before `moment`: what is awaited is certainly so."""
    whole = moment.replace(second=0, microsecond=0)
    return f"{(whole if whole == moment else whole + timedelta(minutes=1)).astimezone(zone):%Y/%m/%d %H:%M}"
