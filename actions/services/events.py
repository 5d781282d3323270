"""What happens to accounts elsewhere comes in once an event, and goes out as notices (`notices.yml`)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from actions.security.errors import CommandKeyReused
from actions.security.ledger import Command
from actions.security.notices import EVENTS, SECURITIES, Event, EventUnusable, plain_words
from actions.security.secret import Secret
from actions.services.decisions import SYSTEM, Decision, Decisions
from actions.services.ledger import Ledger
from actions.services.notices import Notices
from actions.services.ports import CoreSystem, Customer
from actions.storage.models import Event as Row
from actions.storage.models import Notice

LATEST, AHEAD = timedelta(days=7), timedelta(minutes=5)  # an outage may delay an event; clocks differ a little


class AccountUnknown(Exception):
    """The event names no account of the institution."""


@dataclass(frozen=True)
class ToldEvent:
    """An event as it came in. `id` is its sender's; `event.account` the account's number."""

    id: str
    institution: str
    event: Event = field(repr=False)
    language: str = "zh-Hant"


class Events:
    def __init__(
        self,
        decisions: Decisions,
        core: CoreSystem,
        ledger: Ledger,
        notices: Notices,
        zones: Mapping[str, ZoneInfo],
        pepper: bytes,
    ) -> None:
        self._decisions = decisions
        self._core = core
        self._ledger = ledger
        self._notices = notices
        self._zones = zones
        self._pepper = pepper

    def receive(self, told: ToldEvent) -> list[str]:
        """Keep the event, with all that follows from it, and return the references of its notices.

        The same event again: the same references, nothing sent twice. Raise `CommandKeyReused` for the same id with
        other content, `EventUnusable` where something is missing or out of time, `AccountUnknown`.
        """
        try:
            return self._receive(told)
        except IntegrityError:  # it came in twice at once: what the first made is there now
            return self._receive(told)

    def _receive(self, told: ToldEvent) -> list[str]:
        event = told.event
        if event.kind not in EVENTS:
            raise EventUnusable("kind")
        with self._decisions.begin(f"event {event.kind}", told.id, SYSTEM) as decision:
            session = decision.session
            if known := session.get(Row, told.id):
                return self._known(session, told, known)
            customer = self._core.find(session, told.institution, Secret(event.account))
            if customer is None:
                raise AccountUnknown
            decision.about = customer.account
            now = decision.now()
            if event.at.tzinfo is None or not now - LATEST <= event.at <= now + AHEAD:
                raise EventUnusable("at")
            self._keep(session, told, customer, now)
            kinds = self._core.happened(session, customer.account, event)
            if event.kind == "password_unlocked" and event.market == SECURITIES:
                self._count_unlock(decision, told)
            told_of = self._notices.tell(session, customer, kinds, event, told.language, now, event_id=told.id)
            decision.done(told.id)
            return told_of

    def _known(self, session: Session, told: ToldEvent, known: Row) -> list[str]:
        if not hmac.compare_digest(known.digest, self._digest(told)):
            raise CommandKeyReused(receipt=told.id)
        return list(session.scalars(select(Notice.reference).where(Notice.event_id == told.id).order_by(Notice.kind)))

    def _keep(self, session: Session, told: ToldEvent, customer: Customer, now: datetime) -> None:
        session.add(
            Row(
                event_id=told.id,
                kind=told.event.kind,
                account_id=customer.account,
                at=told.event.at,
                received_at=now,
                platform=plain_words(told.event.platform) or None,
                digest=self._digest(told),
            )
        )
        session.flush()

    def _count_unlock(self, decision: Decision, told: ToldEvent) -> None:
        """An unlock elsewhere is the day's unlock here too (`institutions.yml: self_unlock_per_day`)."""
        zone, at = self._zones[told.institution], told.event.at
        command = Command(f"event {told.id}"[:64], decision.about, "unlock_password", "other", {"event": told.id})
        if self._ledger.used_at(decision.session, decision.about, "unlock_password", at, zone) is None:
            self._ledger.enter(decision.session, command, at, zone)

    def _digest(self, told: ToldEvent) -> str:
        event = told.event
        what = [told.institution, event.kind, event.at.isoformat(), event.account, event.market, event.platform]
        what += [str(event.locked), event.branch, event.branch_number, event.agent, told.language]
        return hmac.new(self._pepper, f"event|{json.dumps(what)}".encode(), hashlib.sha256).hexdigest()
