"""The row of a renewal beside its rule: taken up with a code, taken a step further, stopped.

A row keeps its id, which is the core's key of the act, while the outcome of that act may be unknown; one that became
another way since, or lay for a day, is replaced.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from actions.security import certificate_renewal as rules
from actions.security.certificate_renewal import Renewal, Step, Way
from actions.security.errors import RenewalOutOfOrder
from actions.storage.models import CertificateRenewal as Row
from actions.storage.models import ChallengeRecord
from actions.storage.renewals import last_ended_at, renewal_in_progress, renewal_of, step_on

INSTALLED, STOPPED, REPLACED, UNKNOWN = "installed", "stopped", "replaced", "unknown"
LIES_FOR = timedelta(days=1)  # after it the core may have forgotten the key


def renewal_in(row: Row) -> Renewal:
    made_of = (row.challenge_id, row.sent_at, row.verified_at, row.wrong_birth_dates)
    return Renewal(row.account_id, Step(row.step), row.taken, *made_of)


def _columns(renewal: Renewal) -> dict[str, object]:
    return {
        "step": renewal.step.value,
        "taken": renewal.taken,
        "challenge_id": renewal.challenge,
        "sent_at": renewal.sent_at,
        "verified_at": renewal.verified_at,
        "wrong_birth_dates": renewal.wrong_birth_dates,
    }


def taken_up(session: Session, challenge: ChallengeRecord, way: Way, now: datetime) -> Row:
    """Return the account's row as it goes on with `challenge`: a new one, or the one that was left."""
    account, used_at = str(challenge.account_id), challenge.used_at or now
    before = renewal_in_progress(session, account)
    ended_at = last_ended_at(session, account)
    if (ended_at and used_at <= ended_at) or (before and before.verified_at and used_at <= before.verified_at):
        raise RenewalOutOfOrder(step=Step.CODE.value)
    renewal = rules.resumed(renewal_in(before), now, challenge.id) if before else Renewal(account)
    renewal = rules.choose_destination(renewal, renewal.taken, challenge.id, challenge.sent_at)
    renewal = rules.verified(renewal, renewal.taken, challenge.id, used_at)
    code = {"conversation": challenge.conversation, "channel": challenge.channel, "sent_to": challenge.sent_to}
    if before and not _is_replaced(before, way, now):
        keep(session, before, renewal, now, **code)
        return before
    if before:
        keep(session, before, renewal_in(before), now, closed_at=now, outcome=REPLACED)
    new = {"id": secrets.token_hex(16), "step_id": secrets.token_hex(16), "kind": way.value}
    row = Row(account_id=account, started_at=now, step_at=now, **new, **_columns(renewal), **code)
    session.add(row)
    try:
        session.flush()
    except IntegrityError as taken:  # another replica was first: the key decides
        raise RenewalOutOfOrder(step=Step.CODE.value) from taken
    return row


def renewal_with(session: Session, challenge: ChallengeRecord) -> Row:
    row = renewal_of(session, challenge.id)
    if row is None or row.outcome == REPLACED:
        raise RenewalOutOfOrder(step=Step.CODE.value)
    return row


def keep(
    session: Session, row: Row, renewal: Renewal, now: datetime, step_id: str | None = None, **more: object
) -> None:
    """Write the step; raise `RenewalOutOfOrder` where another was taken since the row was read."""
    if not step_on(session, row, step_id or secrets.token_hex(16), step_at=now, **_columns(renewal), **more):
        raise RenewalOutOfOrder(step=row.step)


def stop(session: Session, row: Row, challenge: ChallengeRecord, renewal: Renewal, now: datetime) -> None:
    keep(session, row, renewal, now, closed_at=now, outcome=STOPPED)
    void(challenge, now)


def void(challenge: ChallengeRecord, now: datetime) -> None:
    """Let the code allow nothing from now on: it is not entered any more, or its authority is used up."""
    if challenge.used_at:
        challenge.spent_at = challenge.spent_at or now
    else:
        challenge.superseded_at = challenge.superseded_at or now


def step_of(row: Row, reference: str) -> str:
    """Return the id of the step that is taken with what `reference` stands for: the same again is the same step."""
    return hashlib.sha256(f"{row.id} {reference}".encode()).hexdigest()[:32]


def _is_replaced(row: Row, way: Way, now: datetime) -> bool:
    if now >= row.step_at + LIES_FOR:
        return True
    return row.outcome != UNKNOWN and row.kind != way.value
