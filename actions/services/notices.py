"""The security e-mails: made in the transaction of what they tell of, findable by their reference (`notices.yml`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from actions.security.destinations import mask_email
from actions.security.notices import Event, new_notice_reference, stated
from actions.services.outbox import Outbox
from actions.services.ports import Customer
from actions.storage.models import Notice
from bot.contracts.link import LIFETIME, Link, link_address, write_link


@dataclass(frozen=True)
class Sender:
    """How one institution sends notices: its zone, the customer's page, and the key of its links."""

    zone: ZoneInfo
    page: str
    link_key: bytes = field(repr=False)


class Notices:
    """Tells customers; `senders` has the institutions that send notices (`institutions.yml: notices_scope`)."""

    def __init__(self, outbox: Outbox, senders: Mapping[str, Sender]) -> None:
        self._outbox = outbox
        self._senders = senders

    def tell(
        self,
        session: Session,
        customer: Customer,
        kinds: Iterable[str],
        event: Event,
        language: str,
        now: datetime,
        event_id: str | None = None,
        receipt: str = "",
    ) -> list[str]:
        """Queue the notices of `kinds` and return their references; none where no mailbox is on record.

        They exist if and only if the caller commits. Raise `EventUnusable` where `event` lacks what a notice states.
        """
        sender = self._senders.get(customer.institution)
        if sender is None or not customer.email:
            return []
        return [self._tell(session, sender, customer, kind, event, language, now, event_id, receipt) for kind in kinds]

    def _tell(
        self,
        session: Session,
        sender: Sender,
        customer: Customer,
        kind: str,
        event: Event,
        language: str,
        now: datetime,
        event_id: str | None,
        receipt: str,
    ) -> str:
        values = stated(kind, event, sender.zone)
        reference = self._free_reference(session, now, sender.zone)
        link = Link(kind, event.at, values.get("platform", ""), language, reference)
        address = link_address(sender.page, write_link(sender.link_key, link, now + LIFETIME))
        words = {**values, "reference": reference, "link": address, "receipt": receipt}
        outbox_id = self._outbox.add(
            session, customer.institution, kind, "email", customer.email, language, words, now=now
        )
        session.add(
            Notice(
                reference=reference,
                event_id=event_id,
                kind=kind,
                institution=customer.institution,
                account_id=customer.account,
                at=event.at,
                platform=values.get("platform"),
                language=language,
                mailbox=mask_email(customer.email or ""),
                outbox_id=outbox_id,
            )
        )
        session.flush()
        return reference

    @staticmethod
    def _free_reference(session: Session, now: datetime, zone: ZoneInfo) -> str:
        reference = new_notice_reference(now.astimezone(zone).date())
        while session.get(Notice, reference):
            reference = new_notice_reference(now.astimezone(zone).date())
        return reference
