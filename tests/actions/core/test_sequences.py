"""Random sequences of reads, acts, faults and changes at the firm, against what the firm really did."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from actions.adapters import core_exchange
from actions.adapters.core_acts import Act, key_of
from actions.adapters.core_http import HttpCore
from tests.actions.core.firm import FAULTS, Fault
from tests.actions.core.houses import ONE, ByHttp, http_core
from tests.actions.core.test_http_faults import AT_ONCE
from tests.actions.security.rounds import rounds, told
from tests.actions.world import refusal_of

STEPS = 40
CHANGES = ("lock", "open", "certify", "revoke", "suspend", "restore")
REFUSED = {"UnlockSuspended", "UnlockNotLocked", "UnlockNoCertificate", "ReissueNoCertificate", "RenewalNoCertificate"}
CALLS = {
    Act.UNLOCK_PASSWORD: lambda core, session, key: core.unlock_password(session, ONE, key),
    Act.REISSUE_PASSWORD: lambda core, session, key: core.reissue_password(session, ONE, key),
    Act.ISSUE_CERTIFICATE: lambda core, session, key: core.issue_certificate(session, ONE, "renew", key),
    Act.SUSPEND_LOGIN: lambda core, session, key: core.suspend_login(session, ONE, key),
    Act.RESTORE_LOGIN: lambda core, session, key: core.restore_login(session, ONE, key),
}


@dataclass
class Walk:
    """One sequence. `serials`: what each key's certificate was told to be."""

    house: ByHttp
    core: HttpCore
    draw: random.Random
    said: Counter[str] = field(default_factory=Counter)
    serials: dict[str, str] = field(default_factory=dict)

    def step(self) -> None:
        what = self.draw.random()
        if what < 0.2:
            self.change(self.draw.choice(CHANGES))
        elif what < 0.4:
            self.read()
        else:
            self.act(self.draw.choice(list(CALLS)), f"k{self.draw.randrange(4)}")

    def change(self, what: str) -> None:
        record = self.house.record(ONE)
        if what == "open":
            record.locked_at = None
        elif what == "restore":
            record.suspended_at = None
        else:
            getattr(self.house, what)()

    def trouble(self, stack: ExitStack) -> None:
        """Let the next exchanges fail, some of them or all, or none."""
        kind = self.draw.random()
        if kind < 0.1:
            stack.enter_context(self.house.firm.away())
        elif kind < 0.6:
            how = self.draw.choice(AT_ONCE if self.draw.random() < 0.95 else FAULTS)
            self.house.firm.fail(*[Fault(how, self.draw.random() < 0.5)] * self.draw.randrange(1, 4))

    def read(self) -> None:
        record = self.house.record(ONE)
        with ExitStack() as stack, self.house.work.begin() as session:
            self.trouble(stack)
            told_of = []
            outcome = refusal_of(lambda: told_of.append(self.core.password(session, ONE)))
        self.house.firm.faults.clear()
        self.said[outcome or "read"] += 1
        if outcome:
            assert outcome == "CoreUnavailable"
        else:
            assert (told_of[0].locked_at, told_of[0].suspended_at) == (record.locked_at, record.suspended_at)

    def act(self, act: Act, key: str) -> None:
        firm, before = self.house.firm, len(self.house.firm.acts)
        with ExitStack() as stack, self.house.work.begin() as session:
            self.trouble(stack)
            results = []
            outcome = refusal_of(lambda: results.append(CALLS[act](self.core, session, key)))
        firm.faults.clear()
        self.said[outcome or "done"] += 1
        done = [name for _, _, name in firm.acts]
        mine = key_of(act, ONE, key)
        assert Counter(done)[mine] <= 1
        if outcome is None:
            assert mine in done
            if act is Act.ISSUE_CERTIFICATE:
                assert self.serials.setdefault(key, results[0].serial) == results[0].serial
        elif outcome in REFUSED:
            assert mine not in done
        elif outcome == "CoreUnavailable":
            assert len(done) == before
        else:
            assert outcome == "CoreOutcomeUnknown"


def test_whatever_fails_what_is_said_is_so(far: ByHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_exchange, "PAUSE_SECONDS", 0.005)
    said: Counter[str] = Counter()
    sequences = rounds(25)
    for seed in range(sequences):
        core = http_core(far.firm, exchange_seconds=0.15, act_seconds=0.4)
        far.firm.forget_all()
        far.firm.accounts[ONE].certificates.clear()
        walk = Walk(far, core, random.Random(seed))
        for _ in range(STEPS):
            walk.step()
        said += walk.said
        core.close()
    told(sequences=sequences, steps=sequences * STEPS, **said)
    assert {"done", "read", "CoreUnavailable", "CoreOutcomeUnknown"} <= set(said)
