"""The vault: a secret waits here between its field and its use; encrypted, taken once, two minutes."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from actions.security.errors import SecretGone
from actions.security.secret import Secret
from actions.services.ports import Cipher
from actions.storage.clock import db_now
from actions.storage.models import VaultEntry
from actions.storage.unit_of_work import UnitOfWork

KINDS = ("code", "account", "birth_date", "contact")
TTL = timedelta(minutes=2)


class Vault:
    """Puts secrets in by value and takes them out by reference, for the same conversation and kind only."""

    def __init__(self, work: UnitOfWork, cipher: Cipher) -> None:
        self._work = work
        self._cipher = cipher

    def put(self, conversation: str, kind: str, secret: Secret) -> str:
        """Keep `secret` for two minutes and return its reference."""
        if kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        reference = "v_" + secrets.token_urlsafe(24)
        with self._work.begin() as session:
            now = db_now(session)
            expired = select(VaultEntry.reference).where(VaultEntry.expires_at <= now).with_for_update(skip_locked=True)
            session.execute(delete(VaultEntry).where(VaultEntry.reference.in_(expired)))
            session.add(
                VaultEntry(
                    reference=reference,
                    kind=kind,
                    conversation=conversation,
                    ciphertext=self._cipher.seal(secret.reveal().encode(), reference),
                    expires_at=now + TTL,
                )
            )
            session.commit()
        return reference

    def take(self, session: Session, conversation: str, kind: str, reference: str) -> Secret:
        """Return the secret and erase it, inside the caller's transaction; raise `SecretGone`."""
        now = db_now(session)
        entry = session.scalar(
            select(VaultEntry).where(
                VaultEntry.reference == reference,
                VaultEntry.conversation == conversation,
                VaultEntry.kind == kind,
                VaultEntry.taken_at.is_(None),
                VaultEntry.expires_at > now,
            )
        )
        if entry is None:
            raise SecretGone
        secret = Secret(self._cipher.open(entry.ciphertext, reference).decode())
        taken = session.execute(
            update(VaultEntry)
            .where(VaultEntry.reference == reference, VaultEntry.taken_at.is_(None))
            .values(taken_at=now, ciphertext=b"")
        )
        if taken.rowcount != 1:  # type: ignore[attr-defined]  # CursorResult of an UPDATE
            raise SecretGone
        return secret
