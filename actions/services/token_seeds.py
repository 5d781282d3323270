"""The seeds behind the codes of software tokens: made, used and erased; sealed at rest (G5, G10)."""

from __future__ import annotations

import base64
from datetime import datetime

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from actions.security.errors import OtpRefusal, OtpUsed, OtpWrong, TokenNotActive
from actions.security.one_time_password import read_code
from actions.security.secret import Secret
from actions.security.time_code import TimeCodeRules, matching_step
from actions.services.ports import Cipher, TimeCodes
from actions.storage.models import TokenSeed


class TokenSeeds:
    """One seed an account. Whoever calls holds the account's token until its transaction ends."""

    def __init__(self, cipher: Cipher, codes: TimeCodes, rules: TimeCodeRules | None = None) -> None:
        self._cipher = cipher
        self._codes = codes
        self._rules = rules or TimeCodeRules()

    def make(self, session: Session, account: str) -> Secret:
        """Return a new seed in base32, for the device alone; one there was before is gone."""
        self.erase(session, account)
        seed = self._codes.new_seed()
        session.add(TokenSeed(account_id=account, ciphertext=self._cipher.seal(seed, _context(account))))
        session.flush()
        return Secret(base64.b32encode(seed).decode())

    def has_one(self, session: Session, account: str) -> bool:
        return session.get(TokenSeed, account) is not None

    def erase(self, session: Session, account: str) -> None:
        if row := session.get(TokenSeed, account):
            session.delete(row)
            session.flush()

    def read(self, code: Secret) -> Secret:
        """Return the digits of an entry; raise `OtpMalformed`."""
        return read_code(code, self._rules.digits)

    def was_accepted(self, session: Session, account: str, code: Secret, key: str) -> bool:
        """Return whether the command `key` is the one whose code was accepted last, and brings it again."""
        row = session.get(TokenSeed, account)
        if row is None or row.last_step is None or row.last_key != key:
            return False
        return self._codes.codes_of(self._open(row), self._rules.digits)(row.last_step) == code

    def accept(self, session: Session, account: str, code: Secret, key: str, now: datetime) -> OtpRefusal | None:
        """Use up the step of a right code; return why another is refused, or raise `TokenNotActive` without a seed.

        The row count of one statement decides, so that a step is accepted once, whoever else is at it.
        """
        row = session.get(TokenSeed, account)
        if row is None:
            raise TokenNotActive
        code_of = self._codes.codes_of(self._open(row), self._rules.digits)
        try:
            step = matching_step(code, code_of, row.last_step, now, self._rules)
        except OtpUsed as used:
            return used
        if step is None:
            return OtpWrong()
        taken = session.execute(
            update(TokenSeed)
            .where(TokenSeed.account_id == account, or_(TokenSeed.last_step.is_(None), TokenSeed.last_step < step))
            .values(last_step=step, last_key=key)
        )
        return None if taken.rowcount == 1 else OtpUsed()  # type: ignore[attr-defined]  # CursorResult of an UPDATE

    def _open(self, row: TokenSeed) -> bytes:
        return self._cipher.open(row.ciphertext, _context(row.account_id))


def _context(account: str) -> str:
    return f"seed of {account}"
