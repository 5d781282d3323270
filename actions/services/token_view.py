"""A software token in the words of an answer, with times of the institution's zone such as `2026/11/21 10:00`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from actions.security.moments import minute_by_which
from actions.security.software_token import Place, SoftwareToken, TokenRules, status_for_customer


@dataclass(frozen=True)
class PlaceView:
    """An app that has the token. `usable_at`: the minute by which it may certainly be used there."""

    app: str  # bank_app | invest_app
    since: str
    usable_at: str
    usable_now: bool


@dataclass(frozen=True)
class TokenView:
    """`frozen_until` is empty where no such freeze lasts."""

    status: str  # none | active | suspended | revoked
    places: list[PlaceView]
    biometrics: bool
    frozen_until: str
    frozen_for_good: bool
    ways_out: list[str]  # branch | e_password_device


def view(token: SoftwareToken, now: datetime, rules: TokenRules) -> TokenView:
    status = status_for_customer(token, now)
    return TokenView(
        status=status.status.value,
        places=[_place(place, now, rules) for place in status.places],
        biometrics=status.biometrics,
        frozen_until=minute_by_which(status.frozen_until, rules.zone) if status.frozen_until else "",
        frozen_for_good=status.frozen_for_good,
        ways_out=[way.value for way in status.ways_out],
    )


def _place(place: Place, now: datetime, rules: TokenRules) -> PlaceView:
    since, usable_now = f"{place.since.astimezone(rules.zone):%Y/%m/%d %H:%M}", now >= place.usable_at
    at_once = place.usable_at == place.since
    usable_at = since if at_once else minute_by_which(place.usable_at, rules.zone)
    return PlaceView(place.app.value, since, usable_at, usable_now)
