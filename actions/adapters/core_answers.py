"""What a firm's core system answers, read strictly: every field of the contract, of its type and within its bounds.

Fields beyond the contract are left alone, so that a firm may add some. Nothing of a value is ever in `Malformed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from actions.adapters.http import Answer
from actions.security.password_unlock import Certificate, PasswordState
from actions.security.software_token import App, Place, SoftwareToken, Status
from actions.services.ports import Customer, IssuedCertificate

ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
SERIAL = re.compile(r"[A-Za-z0-9:._-]{1,64}")
EMAIL = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9.-]{1,189}")
DOMAIN = re.compile(r"[A-Za-z0-9.-]{1,189}")
VERSION = re.compile(r"[!-~]{1,64}")
MOMENT = re.compile(r"(?:19|2\d)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")
DAY = re.compile(r"(?:19|20)\d\d-\d\d-\d\d")
MOST_ITEMS = 100
MOST_COUNTED = 1_000_000

T = TypeVar("T")


class Malformed(Exception):
    """An answer that is not the contract's; the text names the field, never its value."""


class Told:
    """An object of the answer; each method returns a field or raises `Malformed`."""

    def __init__(self, fields: Any) -> None:
        if not isinstance(fields, dict):
            raise Malformed("no object")
        self._fields: Mapping[str, Any] = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str, most: int, least: int = 0) -> str:
        """Return printable characters: no line end, no NUL, no half of a surrogate pair."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not least <= len(value) <= most or not value.isprintable():
            raise Malformed(name)
        return value

    def like(self, name: str, shape: re.Pattern[str]) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not value.isprintable() or not shape.fullmatch(value):
            raise Malformed(name)
        return value

    def moment(self, name: str) -> datetime:
        return self._of_calendar(name, MOMENT, datetime.fromisoformat)

    def day(self, name: str) -> date:
        return self._of_calendar(name, DAY, date.fromisoformat)

    def flag(self, name: str) -> bool:
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise Malformed(name)
        return value

    def count(self, name: str) -> int:
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_COUNTED:
            raise Malformed(name)
        return value

    def items(self, name: str, most: int) -> Sequence[Any]:
        value = self._fields.get(name)
        if not isinstance(value, list) or len(value) > most:
            raise Malformed(name)
        return value

    def object(self, name: str) -> Told:
        return Told(self._fields.get(name))

    def or_none(self, name: str, read: Callable[[str], T]) -> T | None:
        """Return what `read` reads, None where the field is null; it may not be missing."""
        return None if name in self._fields and self._fields[name] is None else read(name)

    def _of_calendar(self, name: str, shape: re.Pattern[str], read: Callable[[str], T]) -> T:
        try:
            return read(self.like(name, shape))
        except ValueError:
            raise Malformed(name) from None


def told_by(answer: Answer) -> Told:
    """Return the object that is the answer; raise `Malformed` where it is no JSON object, or not said to be one."""
    if not answer.is_json:
        raise Malformed("content type")
    try:
        return Told(json.loads(answer.body, parse_constant=_refuse_constant, object_pairs_hook=_once))
    except (ValueError, RecursionError):
        raise Malformed("no JSON") from None


def customer(told: Told) -> Customer:
    return Customer(
        account=told.like("account", ID),
        institution=told.like("institution", ID),
        number=told.text("number", 32, least=1),
        birth_date=told.day("birth_date"),
        phone=told.or_none("phone", lambda name: told.text(name, 32, least=1)),
        email=told.or_none("email", lambda name: told.like(name, EMAIL)),
        branch=told.text("branch", 64),
        branch_number=told.text("branch_number", 16),
        agent=told.text("agent", 64),
    )


def password(told: Told) -> PasswordState:
    return PasswordState(
        account=told.like("account", ID),
        locked_at=told.or_none("locked_at", told.moment),
        suspended_at=told.or_none("suspended_at", told.moment),
    )


def certificates(told: Told) -> Sequence[Certificate]:
    account = told.like("account", ID)
    listed = [Told(item) for item in told.items("certificates", MOST_ITEMS)]
    return [
        Certificate(account, c.moment("valid_from"), c.moment("valid_until"), c.or_none("revoked_at", c.moment))
        for c in listed
    ]


def issued(told: Told) -> IssuedCertificate:
    certificate = told.object("certificate")
    return IssuedCertificate(certificate.like("serial", SERIAL), certificate.moment("valid_until"))


def mail_domains(told: Told) -> Sequence[str]:
    """Return the domains; raise `Malformed` for none: a stranger is shown one of them."""
    domains = told.items("domains", 10 * MOST_ITEMS)
    if not domains or not all(isinstance(domain, str) and DOMAIN.fullmatch(domain) for domain in domains):
        raise Malformed("domains")
    return domains


def token(told: Told) -> SoftwareToken:
    """Return the token; raise `Malformed` for one that is active nowhere, or is somewhere without being active."""
    status = _one_of(Status, told.text("status", 16))
    places = tuple(_place(Told(item)) for item in told.items("places", len(App)))
    apps = {place.app for place in places}
    if len(apps) != len(places) or bool(places) != (status is Status.ACTIVE):
        raise Malformed("places")
    return SoftwareToken(
        status=status,
        device=told.or_none("device", lambda name: told.text(name, 64, least=1)),
        places=places,
        biometrics=told.flag("biometrics"),
        wrong=told.count("wrong"),
        freezes=told.count("freezes"),
        frozen_until=told.or_none("frozen_until", told.moment),
        frozen_for_good_at=told.or_none("frozen_for_good_at", told.moment),
    )


def told_of(token: SoftwareToken) -> dict[str, Any]:
    """Return a token as the contract writes it."""
    return {
        "status": token.status.value,
        "device": token.device,
        "places": [
            {"app": place.app.value, "since": place.since.isoformat(), "usable_at": place.usable_at.isoformat()}
            for place in token.places
        ],
        "biometrics": token.biometrics,
        "wrong": token.wrong,
        "freezes": token.freezes,
        "frozen_until": token.frozen_until.isoformat() if token.frozen_until else None,
        "frozen_for_good_at": token.frozen_for_good_at.isoformat() if token.frozen_for_good_at else None,
    }


def _place(told: Told) -> Place:
    return Place(_one_of(App, told.text("app", 16)), told.moment("since"), told.moment("usable_at"))


def _one_of(kind: Callable[[str], T], value: str) -> T:
    try:
        return kind(value)
    except ValueError:
        raise Malformed("unknown value") from None


def _refuse_constant(_: str) -> None:
    raise ValueError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; two fields of one name are two answers."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError
    return fields
