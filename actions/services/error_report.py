"""Error reports: filed once however often delivered, acknowledged only after the commit (G22-G25)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from actions.security.destinations import looks_like_contact, mask_contact
from actions.security.error_report import ReportContent, fingerprint, new_reference
from actions.security.errors import ContactUnreadable, ReportAlreadyFiled, ReportIncomplete, ReportUnknown
from actions.services.ports import Cipher
from actions.services.vault import Vault
from actions.storage.clock import db_now
from actions.storage.locks import hold
from actions.storage.models import ErrorReport as Row
from actions.storage.models import ReportContact
from actions.storage.unit_of_work import UnitOfWork

TRIES_FOR_A_FREE_REFERENCE = 8


@dataclass(frozen=True)
class Status:
    reference: str
    status: str  # received | closed
    filed_at: str  # in the institution's time


class ErrorReport:
    """Files and looks up reports."""

    def __init__(self, work: UnitOfWork, cipher: Cipher, vault: Vault, zones: Mapping[str, ZoneInfo]) -> None:
        self._work = work
        self._cipher = cipher
        self._vault = vault
        self._zones = zones

    def give_contact(self, conversation: str, reference: str) -> None:
        """Take how to reach the customer out of the vault; raise `SecretGone` or `ContactUnreadable`."""
        with self._work.begin() as session:
            hold(session, conversation)
            if session.get(ReportContact, reference):
                return
            entered = self._vault.take(session, conversation, "contact", reference).reveal().strip()
            if not looks_like_contact(entered):
                session.commit()  # taken is taken, readable or not
                raise ContactUnreadable
            session.add(
                ReportContact(
                    reference=reference,
                    conversation=conversation,
                    ciphertext=self._cipher.seal(entered.encode(), reference),
                    masked=mask_contact(entered),
                    at=db_now(session),
                )
            )
            session.commit()

    def masked_contact(self, conversation: str, reference: str) -> str | None:
        """Return the contact as it may be shown back; None where there is none."""
        with self._work.begin() as session:
            contact = session.get(ReportContact, reference)
            return contact.masked if contact and contact.conversation == conversation else None

    def file(self, key: str, conversation: str, content: ReportContent, contact: str | None) -> str:
        """Keep the report and return its reference; only after the commit.

        `key` was made when the form opened. The same key and content: the same reference. The same key
        with other content: `ReportAlreadyFiled`, the first is kept.
        """
        if not (key and content.platform and content.description.strip() and content.since.strip()):
            raise ReportIncomplete
        for _ in range(TRIES_FOR_A_FREE_REFERENCE):
            filed = self._filed_before(key, content) or self._insert(key, conversation, content, contact)
            if filed:
                return filed
        raise RuntimeError("no free reference for a report")

    def status(self, reference: str) -> Status:
        """Return how the report stands that is stored under `reference`; raise `ReportUnknown`."""
        with self._work.begin() as session:
            row = session.get(Row, reference)
            if row is None:
                raise ReportUnknown(report=reference)
            at = row.filed_at.astimezone(self._zones[row.institution])
            return Status(reference, row.status, f"{at:%Y/%m/%d %H:%M}")

    def _filed_before(self, key: str, content: ReportContent) -> str | None:
        with self._work.begin() as session:
            row = session.scalar(select(Row).where(Row.key == key))
            if row and row.fingerprint != fingerprint(content):
                raise ReportAlreadyFiled(report=row.reference)
            return row.reference if row else None

    def _insert(self, key: str, conversation: str, content: ReportContent, contact: str | None) -> str | None:
        with self._work.begin() as session:
            row = self._row(key, conversation, content, db_now(session))
            kept = session.get(ReportContact, contact) if contact else None
            if kept and kept.conversation == conversation:
                plain = self._cipher.open(kept.ciphertext, kept.reference)
                row.contact_ciphertext = self._cipher.seal(plain, row.reference)
            session.add(row)
            try:
                session.commit()
            except IntegrityError:  # the key came in twice at once, or the reference is taken: look again
                return None
            return row.reference

    def _row(self, key: str, conversation: str, content: ReportContent, now: datetime) -> Row:
        return Row(
            reference=new_reference(now.astimezone(self._zones[content.institution]).date()),
            key=key,
            fingerprint=fingerprint(content),
            institution=content.institution,
            conversation=conversation,
            platform=content.platform[:255],
            description=content.description,
            since=content.since,
            status="received",
            filed_at=now,
        )
