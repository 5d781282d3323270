"""What staff look at and tidy in the account-security database: dead letters, the audit, what is kept too long.

Works beside the running service, and in production. Nothing printed is a customer's: ids, kinds, times, reasons.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from actions.bootstrap import core_system, open_audit, open_security_database
from actions.security.errors import CoreRefusal
from actions.security.secret import Secret
from actions.services.dead_letters import CannotResend, DeadLetter, DeadLetters
from actions.services.purge import Purge, Purged
from actions.storage.retention import CLASSES
from actions.storage.unit_of_work import UnitOfWork
from bot.conversations import dialogues
from bot.conversations.log import ConversationLog
from bot.settings import SettingProblem, Settings

TAIPEI = ZoneInfo("Asia/Taipei")
DIGITS_OF_A_DIGEST = 12

CONVERSATIONS = "conversations"  # of the gateway's own database
DIALOGUES = "dialogues"  # of the engine's


def dead_letters(settings: Settings, as_json: bool) -> int:
    """Print every message that was given up, oldest first; return 0."""
    with _opened(settings) as work:
        letters = DeadLetters(work).list()
    for letter in letters:
        print(json.dumps(_told(letter)) if as_json else _line(letter))
    if not as_json:
        notices = sum(not letter.is_code for letter in letters)
        print(f"{len(letters)} given up. Send a notice again with: anxin outbox --resend ID (or all: {notices})")
    return 0


def resend(settings: Settings, which: str) -> int:
    """Queue one notice again, or all of them; return 0, or 1 where it cannot be."""
    with _opened(settings) as work:
        letters = DeadLetters(work)
        try:
            queued = letters.resend_all() if which == "all" else letters.resend(which)
        except CannotResend as problem:
            return _failed(str(problem))
    print(f"Queued again: {queued}. The running service sends what is queued within seconds.")
    return 0


def verify_audit(settings: Settings) -> int:
    """Look at every decision on record and print what is not as it was written; return 1 if anything is."""
    audit = open_audit(settings)
    with _opened(settings) as work, work.look() as session:
        verdict = audit.verify(session)
    for broken in verdict.broken:
        print(broken)
    whole = f"{len(verdict.broken)} broken" if verdict.broken else "every chain is whole"
    print(f"Looked at {verdict.entries} entries: {whole}.")
    return 1 if verdict.broken else 0


def show_audit(settings: Settings, institution: str, number: str | None, last: int) -> int:
    """Print the last decisions, oldest first; return 0, or 1 where there is no such account."""
    audit = open_audit(settings)
    with _opened(settings) as work, work.look() as session:
        try:
            customer = core_system(settings.core).find(session, institution, Secret(number)) if number else None
        except CoreRefusal:
            return _failed("The core system does not answer, and it alone knows accounts by their numbers.")
        if number and customer is None:
            return _failed(f"There is no such account at {institution}.")
        entries = audit.latest(session, max(0, last), customer.account if customer else None)
    for e in entries:
        about = e.subject[:DIGITS_OF_A_DIGEST]
        taipei = f"{e.at.astimezone(TAIPEI):%Y/%m/%d %H:%M:%S}"
        print(f"{_utc(e.at)}  {taipei} Taipei  {e.actor}  {e.action}  {e.outcome}  {e.reason or '-'}  about {about}")
    if not entries:
        print("Nothing is on record.")
    return 0


def purge(settings: Settings, names: Collection[str], older_than: int | None, dry_run: bool) -> int:
    """Delete what is kept too long and print how much of each class; return 0, or 1 where something stayed."""
    known = [*(each.name for each in CLASSES), CONVERSATIONS, DIALOGUES]
    if unknown := [name for name in names if name not in known]:
        return _failed(f"There is no class {unknown[0]}; there are {', '.join(known)}.")
    if older_than is not None and older_than < 0:
        return _failed("--older-than takes days, 0 or more.")
    audit, of_security = open_audit(settings), [name for name in names if name not in (CONVERSATIONS, DIALOGUES)]
    what, done = "would go" if dry_run else "deleted", []
    if of_security or not names:
        with _opened(settings) as work:
            done = Purge(work, audit).run(of_security, older_than, dry_run)
    for purged in done:
        print(_counted(purged, what))
    if CONVERSATIONS in names or not names:
        said = ConversationLog(settings.conversations_url).purge(older_than, dry_run)
        print(f"{CONVERSATIONS:<16} {said.conversations:>8} {what}, silent for {said.days} days")
    if DIALOGUES in names or not names:
        held = dialogues.purge(settings.trackers_url, older_than, datetime.now(UTC), dry_run)
        print(f"{DIALOGUES:<16} {held.conversations:>8} {what}, silent for {held.days} days")
    return 1 if any(purged.problem for purged in done) else 0


@contextmanager
def _opened(settings: Settings) -> Iterator[UnitOfWork]:
    settings.var.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        work = open_security_database(settings)
        try:
            yield work
        finally:
            work.dispose()
    except SQLAlchemyError as problem:
        raise SettingProblem(f"ANXIN_SECURITY_URL: the database does not answer ({type(problem).__name__}).") from None


def _told(letter: DeadLetter) -> dict[str, str | int]:
    return {
        "id": letter.id,
        "kind": letter.kind,
        "channel": letter.channel,
        "at": _utc(letter.queued_at),
        "tries": letter.tries,
        "problem": letter.problem,
    }


def _line(letter: DeadLetter) -> str:
    tried = f"tried {letter.tries} time{'' if letter.tries == 1 else 's'}"
    return f"{letter.id}  {_utc(letter.queued_at)}  {letter.kind} by {letter.channel}  {tried}  {letter.problem}"


def _counted(purged: Purged, what: str) -> str:
    line = f"{purged.name:<16} {purged.rows:>8} {what}, older than {purged.days} days"
    return f"{line}; left as evidence: {purged.problem}" if purged.problem else line


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _failed(sentence: str) -> int:
    print(f"anxin: {sentence}", file=sys.stderr)
    return 1
