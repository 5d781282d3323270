"""The institutions that the assistant serves: facts, rules and the numbers customers may be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml

from bot.content.reading import read_yaml
from bot.contracts.redaction import ascii_digits

DATA = Path(__file__).resolve().parents[2] / "data"
DEFAULT_INSTITUTION = "hnyc"

HotlineState = Literal["open", "closed", "unknown"]

_THING = re.compile(r"[\u3400-\u9fff]{3,}")


@dataclass(frozen=True)
class HotlineHours:
    """Weekdays (1 is Monday) and hours, in the institution's zone. Market holidays are not known here."""

    days: tuple[int, ...]
    opens: time
    closes: time


@dataclass(frozen=True)
class Institution:
    """One firm as `data/institutions/<id>.yml` describes it."""

    id: str
    name: Mapping[str, str]
    names_spelled: tuple[str, ...]  # how customers write the name besides
    brand: str
    jurisdiction: str
    zone: ZoneInfo
    facts: Mapping[str, Any]  # stated and default
    placeholders: Mapping[str, str]
    hotline_hours: HotlineHours | None  # None: the guide does not state them
    otp_digits: int
    otp_ttl_seconds: Mapping[str, int]  # by channel that this chat can send to: sms, email
    otp_resend_seconds: int
    otp_wrong_attempts: int
    sends_codes: bool  # this chat sends its codes; elsewhere the platform one logs in to does
    self_unlock_per_day: int | None  # None: not a service of this institution
    platforms: tuple[str, ...]
    platform_spellings: Mapping[str, tuple[str, ...]]  # by platform: what customers call it besides
    no_platforms: tuple[str, ...]  # ordinary words that a platform or a spelling of it is part of
    link_trust: str  # full | information
    group: str = ""  # the firms it belongs to

    @property
    def hotline(self) -> str:
        return self.placeholders["hotline"]

    @cached_property
    def published_numbers(self) -> frozenset[str]:
        """Digits of every number this institution publishes, so that customers can ask about them."""
        numbers = {ascii_digits(value) for value in self.placeholders.values()}
        international = {n.removeprefix("852") for n in numbers if n.startswith("852")}
        local = {prefix + n for n in numbers if n == ascii_digits(self.hotline) for prefix in ("02", "07")}
        return frozenset(n for n in numbers | international | local if len(n) >= 5)

    @cached_property
    def things(self) -> frozenset[str]:
        """Products, menus, documents and streets: the Chinese names in facts that are otherwise English."""
        return frozenset(_THING.findall(str(self.facts)))

    @cached_property
    def names(self) -> frozenset[str]:
        """All that is this institution's by its name: the firm, its platforms and its things."""
        named = {*self.name.values(), *self.names_spelled, self.brand, self.group, *self.platforms}
        return frozenset({*named, *self.things} - {""})

    def hotline_state(self, now: datetime) -> HotlineState:
        """Return whether somebody answers the hotline at `now` (aware)."""
        if self.hotline_hours is None:
            return "unknown"
        there = now.astimezone(self.zone)
        hours = self.hotline_hours
        is_open = there.isoweekday() in hours.days and hours.opens <= there.time() < hours.closes
        return "open" if is_open else "closed"


def load_institutions(folder: Path = DATA / "institutions") -> Mapping[str, Institution]:
    """Return every institution by id; raise `ValueError` that names the file where one is incomplete."""
    found = {}
    for file in sorted(folder.glob("*.yml")):
        try:
            institution = _institution(read_yaml(file.read_text(encoding="utf-8")))
        except (KeyError, TypeError, ValueError, yaml.YAMLError) as problem:
            raise ValueError(f"{file}: {type(problem).__name__} {problem}; compare with hnyc.yml") from problem
        found[institution.id] = institution
    return MappingProxyType(found)


def _institution(data: dict[str, Any]) -> Institution:
    limits = data["limits"]
    hours = limits["hotline_hours"]
    return Institution(
        id=data["id"],
        name=data["name"],
        names_spelled=tuple(data.get("names_spelled", ())),
        brand=data["brand"] if "brand" in data else data["name"]["zh-Hant"],
        jurisdiction=data["jurisdiction"],
        zone=ZoneInfo(data["timezone"]),
        facts={**data["default"], **data["stated"]},
        placeholders={key: str(value) for key, value in data["placeholders"].items()},
        hotline_hours=hours
        and HotlineHours(tuple(hours["days"]), time.fromisoformat(hours["open"]), time.fromisoformat(hours["close"])),
        otp_digits=limits["otp_digits"],
        otp_ttl_seconds=limits["otp_ttl_seconds"],
        otp_resend_seconds=limits["otp_resend_seconds"],
        otp_wrong_attempts=limits["otp_wrong_attempts"],
        sends_codes=limits["sends_codes"],
        self_unlock_per_day=limits["self_unlock_per_day"],
        platforms=tuple(limits["platforms"]),
        platform_spellings={name: tuple(own) for name, own in limits.get("platform_spellings", {}).items()},
        no_platforms=tuple(limits.get("no_platforms", ())),
        link_trust=data["default"]["link_trust"],
        group=data.get("group", ""),
    )
