"""The software token of one account: who may use it where, and when wrong passwords stop it (G18-G21).

             enrol              suspend
    NONE ──────────► ACTIVE ───────────► SUSPENDED
                     │ ▲ ▲                │     │
     disable, revoke │ │ └───── enrol ────┘     │ revoke
                     │ │ enrol                  │
                     ▼ │                        │
                    REVOKED ◄───────────────────┘
    ACTIVE in one app ── synchronise (the same device) ──► ACTIVE in both

Whatever stops it stops it in both apps, biometrics included, and it comes back only by enrolment, with the bank
app's wait anew (`institutions.yml: token_disable_effect`). Beside the status, and not cleared by any of the above:

               6th wrong, 1st or 2nd time                  24 h pass, or a branch
    free ──────────────────────────────► FROZEN ──────────────────────────────► free, freezes kept
      │        6th wrong, 3rd time                         branch (two people), or e-Password device
      └────────────────────────────────► FROZEN FOR GOOD ─────────────────────► free, no freezes

A freeze is [its commit, + 24 h); it can be shortened only at a branch. While it lasts nothing is looked at, counted
or prolonged, and the token can be neither enrolled nor synchronised (`token_frozen_effect`); it can be given up, but
the freeze stays. A right password clears the count of wrong ones, never the freezes; enrolling anew clears neither.

Units: aware datetimes. Sources: `institutions.yml: token_*` of icbca; `token_permanent_after_freezes` is our default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from actions.security.errors import (
    TokenAlreadyActive,
    TokenFrozen,
    TokenFrozenForGood,
    TokenNeedsLogin,
    TokenNotActive,
    TokenNotFrozen,
    TokenNotYetUsable,
    TokenOtherDevice,
    TokenRefusal,
    TokenReleaseRefused,
    TokenWrong,
)
from actions.security.moments import minute_by_which


class App(StrEnum):
    BANK = "bank_app"
    INVEST = "invest_app"


class Status(StrEnum):
    NONE = "none"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class WayOut(StrEnum):
    """What ends a freeze before its time (`token_unfreeze_24h`, `token_unfreeze_permanent`)."""

    BRANCH = "branch"
    E_PASSWORD_DEVICE = "e_password_device"  # noqa: S105  # the name of a way


@dataclass(frozen=True)
class TokenRules:
    """The numbers of `institutions.yml`; `zone` is where times are told."""

    zone: ZoneInfo
    wrong_before_freeze: int = 6  # token_wrong_password_freeze
    freeze: timedelta = timedelta(hours=24)  # token_wrong_password_freeze
    permanent_after_freezes: int = 3  # token_permanent_after_freezes
    delay: Mapping[App, timedelta] = field(  # token_activation_delay_hours
        default_factory=lambda: {App.BANK: timedelta(hours=6), App.INVEST: timedelta(0)}
    )


@dataclass(frozen=True)
class Place:
    """An app that holds the token; it may be used there from `usable_at` on."""

    app: App
    since: datetime
    usable_at: datetime


@dataclass(frozen=True)
class SoftwareToken:
    """What is stored of an account's token. `wrong` stays as it was while the token is frozen."""

    status: Status = Status.NONE
    device: str | None = None
    places: tuple[Place, ...] = ()
    biometrics: bool = False
    wrong: int = 0
    freezes: int = 0
    frozen_until: datetime | None = None
    frozen_for_good_at: datetime | None = None

    def place(self, app: App) -> Place | None:
        return next((place for place in self.places if place.app == app), None)


@dataclass(frozen=True)
class Entered:
    """The token after a password was entered: store it, commit, then raise `refusal` if there is one."""

    token: SoftwareToken
    refusal: TokenRefusal | None


@dataclass(frozen=True)
class Release:
    """How a freeze is ended; at a branch `asked_by` and `agreed_by` are members of staff."""

    way: WayOut
    asked_by: str
    agreed_by: str | None = None


@dataclass(frozen=True)
class TokenStatus:
    """What a customer may know of their own token. `frozen_until` and `ways_out` are of a freeze that lasts."""

    status: Status
    places: tuple[Place, ...]
    biometrics: bool
    frozen_until: datetime | None
    frozen_for_good: bool
    ways_out: tuple[WayOut, ...]


def enrol(token: SoftwareToken, app: App, device: str, now: datetime, rules: TokenRules) -> SoftwareToken:
    """Return the token active in `app`; raise `TokenFrozen`, `TokenFrozenForGood` or `TokenAlreadyActive`.

    Customers enrol in the invest app (`token_enable`); the bank app may have had one first (`token_sync_to_invest`).
    """
    _refuse_frozen(token, now, rules)
    if token.status is Status.ACTIVE:
        raise TokenAlreadyActive
    place = Place(app, now, now + rules.delay[app])
    return replace(token, status=Status.ACTIVE, device=device, places=(place,))


def may_be_entered(token: SoftwareToken, logged_in: bool, now: datetime, rules: TokenRules) -> None:
    """Return if a password may be compared at all; raise the refusal otherwise, the same for a right one (G18).

    `logged_in`: account, password and code were right. Nobody else can freeze a token (G19, T34).
    """
    if not logged_in:
        raise TokenNeedsLogin
    _refuse_frozen(token, now, rules)
    if token.status is not Status.ACTIVE:
        raise TokenNotActive


def enter_password(token: SoftwareToken, right: bool, logged_in: bool, now: datetime, rules: TokenRules) -> Entered:
    """Return the token after an entry that `may_be_entered`, and the refusal of a wrong one."""
    may_be_entered(token, logged_in, now, rules)
    token = _thawed(token)
    if right:
        return Entered(replace(token, wrong=0), None)
    token = replace(token, wrong=token.wrong + 1)
    if token.wrong < rules.wrong_before_freeze:
        return Entered(token, TokenWrong(left=rules.wrong_before_freeze - token.wrong))
    token = replace(token, freezes=token.freezes + 1)
    if token.freezes >= rules.permanent_after_freezes:
        token = replace(token, frozen_for_good_at=now)
    else:
        token = replace(token, frozen_until=now + rules.freeze)
    return Entered(token, _freeze(token, now, rules))


def synchronise(entered: Entered, app: App, device: str, now: datetime, rules: TokenRules) -> SoftwareToken:
    """Return the token in `app` too; it takes the entry of the token password, so that none is forgotten.

    Raise the entry's refusal, `TokenFrozen`, `TokenNotActive`, `TokenOtherDevice` or `TokenAlreadyActive` (there).
    """
    if entered.refusal:
        raise entered.refusal
    token = entered.token
    _refuse_frozen(token, now, rules)
    if token.status is not Status.ACTIVE:
        raise TokenNotActive
    if token.device != device:
        raise TokenOtherDevice
    if token.place(app):
        raise TokenAlreadyActive
    return replace(token, places=(*token.places, Place(app, now, now + rules.delay[app])))


def add_biometrics(entered: Entered, now: datetime, rules: TokenRules) -> SoftwareToken:
    """Return the token with face or fingerprint login, after its password (`token_biometric`); refusals as above."""
    if entered.refusal:
        raise entered.refusal
    _refuse_frozen(entered.token, now, rules)
    if entered.token.status is not Status.ACTIVE:
        raise TokenNotActive
    return replace(entered.token, biometrics=True)


def disable(token: SoftwareToken, app: App) -> SoftwareToken:
    """Return the token as given up by the customer in `app`: revoked in both; raise `TokenNotActive`."""
    if token.status is not Status.ACTIVE or not token.place(app):
        raise TokenNotActive
    return _ended(token, Status.REVOKED)


def suspend(token: SoftwareToken) -> SoftwareToken:
    """Return the token stopped in both apps; raise `TokenNotActive`."""
    if token.status is not Status.ACTIVE:
        raise TokenNotActive
    return _ended(token, Status.SUSPENDED)


def revoke(token: SoftwareToken) -> SoftwareToken:
    """Return the token ended in both apps; raise `TokenNotActive` where there is none."""
    if token.status not in (Status.ACTIVE, Status.SUSPENDED):
        raise TokenNotActive
    return _ended(token, Status.REVOKED)


def unfreeze(token: SoftwareToken, release: Release, now: datetime) -> SoftwareToken:
    """Return the token without its freeze; raise `TokenNotFrozen` or `TokenReleaseRefused`.

    A permanent freeze needs two people at a branch (G40), or the e-Password device; its freezes start from none.
    """
    ways = _ways_out(token, now)
    if not ways:
        raise TokenNotFrozen
    if release.way not in ways:
        raise TokenReleaseRefused
    if not token.frozen_for_good_at:
        return _thawed(token)
    if release.way is WayOut.BRANCH and release.agreed_by in (None, "", release.asked_by):
        raise TokenReleaseRefused
    return replace(token, wrong=0, freezes=0, frozen_until=None, frozen_for_good_at=None)


def may_make_high_risk(token: SoftwareToken, app: App, now: datetime, rules: TokenRules) -> None:
    """Return if high-risk transactions may be made in `app`: an active token, not frozen, its wait over.

    Raise `TokenFrozen`, `TokenFrozenForGood`, `TokenNotActive` or `TokenNotYetUsable`.
    """
    _refuse_frozen(token, now, rules)
    place = token.place(app)
    if token.status is not Status.ACTIVE or not place:
        raise TokenNotActive
    if now < place.usable_at:
        raise TokenNotYetUsable(usable_at=minute_by_which(place.usable_at, rules.zone))


def status_for_customer(token: SoftwareToken, now: datetime) -> TokenStatus:
    """Return where the token is, since when, usable when, frozen until when, and the ways out."""
    frozen = bool(_ways_out(token, now))
    return TokenStatus(
        status=token.status,
        places=token.places,
        biometrics=token.biometrics,
        frozen_until=token.frozen_until if frozen and not token.frozen_for_good_at else None,
        frozen_for_good=token.frozen_for_good_at is not None,
        ways_out=_ways_out(token, now),
    )


def _ended(token: SoftwareToken, status: Status) -> SoftwareToken:
    return replace(token, status=status, device=None, places=(), biometrics=False)


def _ways_out(token: SoftwareToken, now: datetime) -> tuple[WayOut, ...]:
    """Return what ends the freeze that lasts at `now`; nothing where there is none."""
    if token.frozen_for_good_at:
        return (WayOut.BRANCH, WayOut.E_PASSWORD_DEVICE)
    return (WayOut.BRANCH,) if token.frozen_until and now < token.frozen_until else ()


def _thawed(token: SoftwareToken) -> SoftwareToken:
    """Return the token after a freeze of 24 hours: entries are counted from none, freezes are kept."""
    return replace(token, wrong=0, frozen_until=None) if token.frozen_until else token


def _freeze(token: SoftwareToken, now: datetime, rules: TokenRules) -> TokenRefusal | None:
    if token.frozen_for_good_at:
        return TokenFrozenForGood()
    if token.frozen_until and now < token.frozen_until:
        return TokenFrozen(frozen_until=minute_by_which(token.frozen_until, rules.zone))
    return None


def _refuse_frozen(token: SoftwareToken, now: datetime, rules: TokenRules) -> None:
    if refusal := _freeze(token, now, rules):
        raise refusal
