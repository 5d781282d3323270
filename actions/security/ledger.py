"""One ledger of what was done for an account: once a day where that is the rule, once per command always (G15, G24).

Chat, hotline and other channels enter the same book, so that an unlock by phone is the day's unlock in the chat too.
A command brings a key that was made when its form opened. The same key again is the same entry and receipt, however
much time has passed; the same key with other content is refused and the first entry stays. Two at once are decided by
the unique keys of the table: the loser looks again and finds the winner's entry.

Sources: `institutions.yml: self_unlock_per_day`; Patterns B and C of the security reference.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from actions.security.error_report import ALPHABET
from actions.security.errors import CommandKeyReused
from actions.security.password_unlock import unlock_day, used_today

CHANNELS = ("chat", "hotline", "other")

# What may be done, and how its receipts begin.
RECEIPTS: Mapping[str, str] = {
    "unlock_password": "UL",
    "reissue_password": "RI",
    "change_password": "PC",
    "renew_certificate": "CR",
    "protect_account": "NM",
    "software_token": "ST",
    "token_password": "TP",  # an entry of it; nobody is told this receipt
}
ONCE_A_DAY = frozenset({"unlock_password"})


@dataclass(frozen=True)
class Entry:
    """One thing that was done. `fingerprint`: what a repeated command is compared with; nothing to read."""

    key: str
    fingerprint: str
    account: str
    kind: str
    day: date
    receipt: str
    channel: str
    at: datetime


@dataclass(frozen=True)
class Command:
    """What is to be done, once for `key`. `content`: all that makes it this command; no time, no conversation step."""

    key: str
    account: str
    kind: str
    channel: str
    content: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.key or self.kind not in RECEIPTS or self.channel not in CHANNELS:
            raise ValueError("a command has a key, a kind and a channel of the ledger")


def fingerprint(command: Command, pepper: bytes) -> str:
    """Return what tells two contents apart: an HMAC, because a plain hash of an account could be searched."""
    content = json.dumps([command.account, command.kind, sorted(command.content.items())], ensure_ascii=False)
    return hmac.new(pepper, f"command|{content}".encode(), hashlib.sha256).hexdigest()


def repeated(command: Command, found: Entry | None, pepper: bytes) -> str | None:
    """Return the receipt of the entry that `command` made before, None where `found` is none under its key.

    Raise `CommandKeyReused` where the content differs. Asked before any rule: what was allowed once is answered
    again even when it would not be allowed now. The channel is not content: a retry may come in by another.
    """
    if found is None:
        return None
    if not hmac.compare_digest(found.fingerprint, fingerprint(command, pepper)):
        raise CommandKeyReused(receipt=found.receipt)
    return found.receipt


def used_at(entries: Sequence[Entry], account: str, kind: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when today's `kind` was used over all channels, None where it was not or is not limited.

    An entry of a later day counts: a clock that was set back gives nothing twice (G15).
    """
    if kind not in ONCE_A_DAY:
        return None
    day = unlock_day(now, zone)
    return max((e.at for e in entries if (e.account, e.kind) == (account, kind) and e.day >= day), default=None)


def enter(command: Command, entries: Sequence[Entry], now: datetime, zone: ZoneInfo, pepper: bytes) -> Entry:
    """Return the entry to be inserted; raise `UnlockDoneToday` where the day's is used.

    `entries`: those of the account that may count today. The table has the last word, by unique (account, kind, day)
    of what is `ONCE_A_DAY`, unique key and unique receipt.
    """
    if before := used_at(entries, command.account, command.kind, now, zone):
        raise used_today(before, now, zone, still_locked=False)
    day = unlock_day(now, zone)
    made = (command.key, fingerprint(command, pepper), command.account, command.kind, day)
    return Entry(*made, new_receipt(command.kind, day), command.channel, now)


def new_receipt(kind: str, day: date) -> str:
    """Return e.g. `UL-20261120-7K3M`; drawn again where it is taken."""
    return f"{RECEIPTS[kind]}-{day:%Y%m%d}-" + "".join(secrets.choice(ALPHABET) for _ in range(4))
