"""Certificate renewals, as the use case asks for them: by their code, by their account, and a step further."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from actions.storage.models import CertificateRenewal


def renewal_of(session: Session, challenge: str) -> CertificateRenewal | None:
    """Return the one that goes on, or ended, with this code."""
    return session.scalar(select(CertificateRenewal).where(CertificateRenewal.challenge_id == challenge))


def renewal_in_progress(session: Session, account: str) -> CertificateRenewal | None:
    """Return the account's one that has not ended, whichever conversation it is in."""
    return session.scalar(
        select(CertificateRenewal).where(
            CertificateRenewal.account_id == account, CertificateRenewal.closed_at.is_(None)
        )
    )


def last_ended_at(session: Session, account: str) -> datetime | None:
    """Return when the account's last one was installed or stopped."""
    return session.scalar(
        select(func.max(CertificateRenewal.closed_at)).where(
            CertificateRenewal.account_id == account, CertificateRenewal.outcome.in_(("installed", "stopped"))
        )
    )


def step_on(session: Session, row: CertificateRenewal, step_id: str, **values: Any) -> bool:
    """Write the next step under its `step_id`; return whether the row still stood where it was read (G20).

    Of two at once the second finds False, and `row` as the first left it.
    """
    moved = session.execute(
        update(CertificateRenewal)
        .where(CertificateRenewal.id == row.id, CertificateRenewal.step_id == row.step_id)
        .values(step_id=step_id, **values)
        .execution_options(synchronize_session=False)
    )
    session.refresh(row)
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]  # CursorResult of an UPDATE
