"""Asking a firm's core system: a read answers or is unavailable; an act is done, refused, not done, or unknown.

    act ──► answer "done" ─────────────────────────────► done
        ──► 409 and its reason ────────────────────────► the refusal
        ──► no connection, or 4xx and its problem ─────► CoreUnavailable: certainly not done
        ──► anything else ──► asked again, same key ──► … ──► CoreOutcomeUnknown

An exchange ends within `EXCHANGE_SECONDS`, an act with all its tries within `ACT_SECONDS`, and both by `until`, when the
transaction that asks has no more time. After a try that may have
arrived, only an answer to the same key tells what became of it; a refusal that the act itself would bring about
(`not_locked` after an unlock) tells nothing then.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, TypeVar

from actions.adapters.core_acts import Act
from actions.adapters.core_answers import Malformed, Told, told_by
from actions.adapters.http import Answer, Broken, NotReached, Request, Server, Stale
from actions.adapters.http_lines import Lines
from actions.security.errors import (
    CoreOutcomeUnknown,
    CoreUnavailable,
    Refusal,
    ReissueNoCertificate,
    RenewalNoCertificate,
    UnlockNoCertificate,
    UnlockNotLocked,
    UnlockSuspended,
)

EXCHANGE_SECONDS = 1.0
ACT_SECONDS = 2.0
TRANSACTION_SECONDS = 2.6  # for all of a use case: the engine waits three seconds for an action
LEAST_ACT_SECONDS = 0.5  # an act that has less is not begun
CONNECT_SECONDS = 1.0
PAUSE_SECONDS = 0.1
TRIES = 3
MOST_AT_ONCE = 12  # each has a database connection open, and a replica has 16 (storage/database.py)

logger = logging.getLogger(__name__)
T = TypeVar("T")

REFUSALS: Mapping[Act, Mapping[str, type[Refusal]]] = {
    Act.UNLOCK_PASSWORD: {
        "suspended": UnlockSuspended,
        "not_locked": UnlockNotLocked,
        "no_certificate": UnlockNoCertificate,
    },
    Act.REISSUE_PASSWORD: {"suspended": UnlockSuspended, "no_certificate": ReissueNoCertificate},
    Act.ISSUE_CERTIFICATE: {"suspended": UnlockSuspended, "no_certificate": RenewalNoCertificate},
    Act.KEEP_TOKEN: {"token_changed": CoreUnavailable},
}
_BROUGHT_ABOUT = frozenset({"not_locked", "token_changed"})
_MAYBE_TAKEN = frozenset({408, 425})  # 4xx that does not say "nothing was done"


class _Refused(Exception):
    """The firm says with certainty that nothing was done; `reason` only where it is a condition of the act."""

    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(f"{status} {reason}".strip())
        self.reason = reason


class Exchange:
    def __init__(
        self,
        server: Server,
        key: str,
        exchange_seconds: float = EXCHANGE_SECONDS,
        act_seconds: float = ACT_SECONDS,
        most_at_once: int = MOST_AT_ONCE,
    ) -> None:
        self._server = server
        self._key = key
        self._exchange_seconds = exchange_seconds
        self._act_seconds = act_seconds
        self._lines = Lines(server, most_at_once)

    def close(self) -> None:
        self._lines.close()

    def read(self, path: str, asked: Mapping[str, Any], take: Callable[[Told], T], until: float = inf) -> T:
        """Return what `take` makes of the answer; raise `CoreUnavailable`."""
        until = min(until, time.monotonic() + self._exchange_seconds)
        try:
            try:
                answer = self._ask(path, asked, {}, until)
            except Stale:
                answer = self._ask(path, asked, {}, until, fresh=True)
            if answer.status != 200:
                raise Malformed(str(answer.status))
            return take(told_by(answer))
        except (NotReached, Broken, Malformed) as problem:
            self._say(path, problem)
            raise CoreUnavailable from None

    def act(
        self, act: Act, path: str, key: str, asked: Mapping[str, Any], take: Callable[[Told], T], until: float = inf
    ) -> T:
        """Return what `take` makes of "done"; raise the act's refusal, `CoreUnavailable` or `CoreOutcomeUnknown`."""
        if until < time.monotonic() + LEAST_ACT_SECONDS:
            raise CoreUnavailable
        until = min(until, time.monotonic() + self._act_seconds)
        may_be_done = False
        for number in range(TRIES):
            within = min(until, time.monotonic() + self._exchange_seconds)
            try:
                return _done(self._ask(path, asked, {"Idempotency-Key": key}, within, fresh=number > 0), take)
            except _Refused as refused:
                self._say(path, refused)
                raise _meaning(act, refused.reason, may_be_done) from None
            except NotReached as problem:
                self._say(path, problem)
                if not may_be_done:
                    raise CoreUnavailable from None
            except (Broken, Malformed) as problem:
                self._say(path, problem)
                may_be_done = True
            if time.monotonic() + PAUSE_SECONDS >= until:
                break
            time.sleep(PAUSE_SECONDS)
        raise CoreOutcomeUnknown

    def _ask(
        self, path: str, asked: Mapping[str, Any], more: Mapping[str, str], until: float, fresh: bool = False
    ) -> Answer:
        """Return the answer to this very request: an echoed id keeps one that came late from being another's."""
        id_ = secrets.token_hex(16)
        headers = {"Authorization": f"Bearer {self._key}", "Request-Id": id_, **more}
        request = Request(self._server.path.rstrip("/") + path, json.dumps(asked).encode(), headers)
        answer = self._lines.ask(request, until, CONNECT_SECONDS, fresh)
        if answer.headers.get("request-id") != id_:
            raise Malformed(f"{answer.status} without the request's id")
        return answer

    def _say(self, path: str, problem: Exception) -> None:
        logger.warning("Core system %s%s: %s (%s)", self._server, path, type(problem).__name__, problem)


def _done(answer: Answer, take: Callable[[Told], T]) -> T:
    """Return what `take` makes of "done"; raise `_Refused`, or `Malformed` where nobody knows."""
    told = told_by(answer)
    if answer.status == 200:
        if not told.flag("done"):
            raise Malformed("done")
        return take(told)
    if answer.status == 409:
        raise _Refused(409, told.text("refused", 32, least=1))
    if 400 <= answer.status < 500 and answer.status not in _MAYBE_TAKEN:
        told.text("problem", 200)
        raise _Refused(answer.status)
    raise Malformed(str(answer.status))


def _meaning(act: Act, reason: str, may_be_done: bool) -> Refusal:
    """Return what a refusal means for the customer, after an earlier try that may have arrived or without one."""
    refusal = REFUSALS.get(act, {}).get(reason)
    if may_be_done and (refusal is None or reason in _BROUGHT_ABOUT):
        return CoreOutcomeUnknown()
    return (refusal or CoreUnavailable)()
