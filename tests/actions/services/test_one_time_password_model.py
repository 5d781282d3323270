"""Codes sent, entered and aged in any order do what a model of a few lines does (G3, G4, G6, G8, G9)."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from actions.bootstrap import build
from actions.security.errors import OtpRefusal
from bot.settings import read_settings
from tests.actions.security.rounds import rounds
from tests.actions.world import (
    NORMAL,
    TAIPEI,
    UNLOCK,
    VERIFY,
    RecordingMessenger,
    SettableClock,
    World,
    deterministic,
    refusal_of,
)

LIFE, WAIT, TRIES = timedelta(seconds=300), timedelta(seconds=60), 3
A_DAY, IN_A_ROW = 30, 20
MOST_SENDS = {timedelta(hours=1): 5, timedelta(hours=24): 10}
HOUR = 3_600_000
conversations, purposes = st.sampled_from(["c1", "c2"]), st.sampled_from([VERIFY, UNLOCK])


@dataclass
class Sent:
    conversation: str
    purpose: str
    code: str
    at: datetime
    wrong: int = 0
    used: bool = False
    void: bool = False


@dataclass
class Model:
    """What codes of one customer should do, in two conversations and for two purposes."""

    sent: list[Sent] = field(default_factory=list)
    guesses: list[date] = field(default_factory=list)  # the day of each that was evaluated
    in_a_row: int = 0
    closed: bool = False

    def why_not_send(self, purpose: str, now: datetime) -> str | None:
        """Return the refusal that lasts longest, the limit's where both end at once."""
        soon = max((s.at + WAIT for s in self.sent if s.purpose == purpose), default=now)
        room = now
        for span, most in MOST_SENDS.items():
            ends = sorted(s.at + span for s in self.sent if s.at + span > now)
            room = max([room, *ends[-most:][:1]]) if len(ends) >= most else room
        if max(soon, room) <= now:
            return None
        return "SendsUsedUp" if room >= soon else "ResendTooSoon"

    def send(self, conversation: str, purpose: str, code: str, now: datetime) -> None:
        for s in self.sent:
            s.void |= s.purpose == purpose and not s.used
        self.sent.append(Sent(conversation, purpose, code, now))

    def enter(self, conversation: str, purpose: str, code: str, now: datetime) -> str | None:
        here = [s for s in self.sent if s.conversation == conversation]
        newest = next((s for s in reversed(here) if s.purpose == purpose), None)
        if newest is None:
            return "OtpNotSent"
        if newest.used or newest.void:
            return "OtpUsed" if newest.used else "OtpSuperseded"
        if newest.wrong == TRIES or now >= newest.at + LIFE:
            return "OtpExhausted" if newest.wrong == TRIES else "OtpExpired"
        today = now.astimezone(TAIPEI).date()
        if self.closed or self.guesses.count(today) >= A_DAY:
            return "GuessesHotlineOnly" if self.closed else "GuessesUsedUp"
        self.guesses.append(today)
        if code == newest.code:
            newest.used, self.in_a_row = True, 0
            return None
        newest.wrong, self.in_a_row = newest.wrong + 1, self.in_a_row + 1
        self.closed |= self.in_a_row >= IN_A_ROW
        known = next((s for s in here if s.code == code), None)
        if known is None:
            return "OtpWrong"
        if known.purpose != purpose:
            known.void = True  # it was shown in the wrong place
            return "OtpOtherPurpose"
        return "OtpUsed" if known.used else "OtpSuperseded"


class Codes(RuleBasedStateMachine):
    """Every step is done by the services and by the model, and their answers are compared."""

    answers: ClassVar[set[str | None]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="anxin-model-"))
        self.clock, messenger, self.model = SettableClock(), RecordingMessenger(), Model()
        services = build(read_settings({"ANXIN_VAR": str(self.folder)}), self.clock, messenger)
        self.world = World(services, self.clock, messenger)

    def teardown(self) -> None:
        self.world.services.work.dispose()
        shutil.rmtree(self.folder)

    def identified(self, conversation: str) -> None:
        if not self.world.services.identification.is_known(conversation):
            self.world.identify(conversation, NORMAL)

    @rule(conversation=conversations, purpose=purposes)
    def send(self, conversation: str, purpose: str) -> None:
        self.identified(conversation)
        if refusal := self.model.why_not_send(purpose, self.clock.now()):
            assert refusal_of(lambda: self.world.send(conversation, purpose)) == refusal
            self.answers.add(refusal)
            return
        code = self.world.send_code(conversation, purpose)
        self.model.send(conversation, purpose, code, self.clock.now())

    @rule(conversation=conversations, purpose=purposes, which=st.integers(-6, 0))
    def enter_a_code_that_was_sent(self, conversation: str, purpose: str, which: int) -> None:
        sent = self.model.sent
        self.enter(conversation, purpose, sent[max(which - 1, -len(sent))].code if sent else "999999")

    @rule(conversation=conversations, purpose=purposes)
    def enter_the_right_code(self, conversation: str, purpose: str) -> None:
        here = [s.code for s in self.model.sent if (s.conversation, s.purpose) == (conversation, purpose)]
        self.enter(conversation, purpose, here[-1] if here else "999999")

    @rule(conversation=conversations, purpose=purposes)
    def enter_the_code_of_the_other_purpose(self, conversation: str, purpose: str) -> None:
        here = [s.code for s in self.model.sent if s.conversation == conversation and s.purpose != purpose]
        self.enter(conversation, purpose, here[-1] if here else "999999")

    @rule(conversation=conversations, purpose=purposes)
    def enter_a_wrong_code(self, conversation: str, purpose: str) -> None:
        self.enter(conversation, purpose, "999999")

    @rule(conversation=conversations, purpose=purposes)
    def use_up_a_code(self, conversation: str, purpose: str) -> None:
        for _ in range(TRIES):
            self.enter(conversation, purpose, "999999")

    @rule(milliseconds=st.sampled_from([1, 1_000, 59_999, 60_000, 60_000, 239_999, 299_999, 300_000, HOUR]))
    def wait(self, milliseconds: int) -> None:
        self.clock.pass_(milliseconds=milliseconds)

    def enter(self, conversation: str, purpose: str, code: str) -> None:
        self.identified(conversation)
        expected = self.model.enter(conversation, purpose, code, self.clock.now())
        assert refusal_of(lambda: self.world.enter(conversation, code, purpose)) == expected
        self.answers.add(expected)

    @invariant()
    def every_row_is_as_in_the_model(self) -> None:
        rows = sorted(self.world.rows()["challenge"].values(), key=lambda row: (row["sent_at"], row["purpose"]))
        model = sorted(self.model.sent, key=lambda sent: (sent.at, sent.purpose))
        kept = [(row["wrong"], row["used_at"] is not None, row["superseded_at"] is not None) for row in rows]
        assert kept == [(sent.wrong, sent.used, sent.void) for sent in model]

    @invariant()
    def every_guess_is_counted_as_in_the_model(self) -> None:
        budget = self.world.rows()["guess_budget"].get(NORMAL.account)
        if budget is None:
            assert not self.model.guesses
            return
        assert budget["evaluated"] == self.model.guesses.count(budget["day"])
        assert (budget["consecutive_wrong"], budget["hotline_only_at"] is not None) == (
            self.model.in_a_row,
            self.model.closed,
        )


def test_codes_do_what_the_model_does(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = count(100_001)  # chance would now and then draw one code twice
    monkeypatch.setattr(secrets, "randbelow", lambda most: next(numbers))
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Codes,
        # Not shrunk: every step is a few commits, and the steps of a failure are few enough to read.
        settings=settings(deterministic, max_examples=rounds(12), stateful_step_count=40, phases=[Phase.generate]),
    )
    possible = {None, *(refusal.__name__ for refusal in OtpRefusal.__subclasses__()), "ResendTooSoon", "SendsUsedUp"}
    assert possible - {"OtpMalformed"} <= Codes.answers
