"""Whether an e-mail is one of ours: by its reference, or from the list of what we sent to a verified customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from actions.security.errors import NoticeUnknown
from actions.security.notices import event_time
from actions.services.authority import authority, verified_account
from actions.services.decisions import Decisions
from actions.storage.models import Notice

PURPOSE = "check_notice"
MOST, WITHIN = 5, timedelta(days=30)


@dataclass(frozen=True)
class SentNotice:
    """A notice that we sent. `at`: in the institution's time; `platform` "" where it states none; `mailbox` masked."""

    reference: str
    kind: str
    at: str
    platform: str
    mailbox: str


class NoticeCheck:
    def __init__(self, decisions: Decisions, zones: Mapping[str, ZoneInfo]) -> None:
        self._decisions = decisions
        self._zones = zones

    def by_reference(self, conversation: str, institution: str, reference: str) -> SentNotice:
        """Return the notice of that reference; raise `NoticeUnknown`.

        Whoever holds a reference holds the e-mail: one of eight random characters is not found by trying. A wrong
        one, another institution's, and in a conversation where somebody else was verified a stranger's: the same
        refusal after the same look.
        """
        with self._decisions.begin(PURPOSE, conversation) as decision:
            session = decision.session
            row = session.get(Notice, reference)
            known = verified_account(session, conversation)
            if row is None or row.institution != institution or known not in (None, row.account_id):
                raise NoticeUnknown
            decision.about = row.account_id
            decision.done(reference)
            return self._told(row, institution)

    def recent(self, conversation: str, institution: str) -> list[SentNotice]:
        """Return what we sent the verified customer lately, newest first; raise `FactorsMissing`."""
        with self._decisions.begin(PURPOSE, conversation) as decision:
            challenge = authority(decision.session, conversation, PURPOSE)
            account = decision.about = str(challenge.account_id)
            rows = decision.session.scalars(
                select(Notice)
                .where(Notice.account_id == account, Notice.at >= decision.now() - WITHIN)
                .order_by(Notice.at.desc())
                .limit(MOST)
            )
            told = [self._told(row, institution) for row in rows]
            decision.done(str(len(told)))
            return told

    def _told(self, row: Notice, institution: str) -> SentNotice:
        at = event_time(row.at, self._zones[institution])
        return SentNotice(row.reference, row.kind, at, row.platform or "", row.mailbox)
