"""The software token between its row and the rules (`security/software_token.py`)."""

from __future__ import annotations

from datetime import datetime

from actions.security.software_token import App, Place, SoftwareToken, Status
from actions.storage.models import SoftwareToken as Row

_OTHER = {App.BANK: App.INVEST, App.INVEST: App.BANK}


def token_of(row: Row | None) -> SoftwareToken:
    """Return what the rules work on; status NONE without a row."""
    if row is None:
        return SoftwareToken()
    status = Status(row.status)
    return SoftwareToken(
        status=status,
        device=row.device,
        places=_places(row) if status is Status.ACTIVE else (),
        biometrics=row.biometrics_at is not None,
        wrong=row.wrong_passwords,
        freezes=row.freezes,
        frozen_until=row.frozen_until,
        frozen_for_good_at=row.frozen_for_good_at,
    )


def write(row: Row, token: SoftwareToken, now: datetime) -> None:
    """Put `token` into its row. What has no time of its own (biometrics, freeze, end) gets `now` when it is new.

    Where and when an ended token was enrolled stays on record.
    """
    _write_ends(row, token, now)
    if token.places:
        _write_places(row, token.places)
    else:
        row.synchronised_at = row.bank_usable_at = None
    row.status, row.device = token.status.value, token.device
    row.biometrics_at = (row.biometrics_at or now) if token.biometrics else None
    frozen = (token.frozen_until, token.frozen_for_good_at)
    if frozen != (row.frozen_until, row.frozen_for_good_at):
        row.frozen_at = now if any(frozen) else None
    row.frozen_until, row.frozen_for_good_at = frozen
    row.wrong_passwords, row.freezes = token.wrong, token.freezes


def _places(row: Row) -> tuple[Place, ...]:
    first = App(row.enrolled_in or App.INVEST)
    since = [(first, row.enrolled_at)]
    if row.synchronised_at:
        since.append((_OTHER[first], row.synchronised_at))
    return tuple(Place(app, at, row.bank_usable_at or at if app is App.BANK else at) for app, at in since)


def _write_places(row: Row, places: tuple[Place, ...]) -> None:
    bank = next((place for place in places if place.app is App.BANK), None)
    row.enrolled_in, row.enrolled_at = places[0].app.value, places[0].since
    row.synchronised_at = places[1].since if len(places) > 1 else None
    row.bank_usable_at = bank.usable_at if bank else None


def _write_ends(row: Row, token: SoftwareToken, now: datetime) -> None:
    row.suspended_at = (row.suspended_at or now) if token.status is Status.SUSPENDED else None
    row.revoked_at = (row.revoked_at or now) if token.status is Status.REVOKED else None
