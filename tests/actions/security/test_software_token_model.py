"""The software token against a model written apart from it: the same refusals and the same status, always (G18-G21)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from actions.security.errors import TokenRefusal
from actions.security.software_token import (
    App,
    Entered,
    Release,
    SoftwareToken,
    TokenRules,
    WayOut,
    add_biometrics,
    disable,
    enrol,
    enter_password,
    may_be_entered,
    may_make_high_risk,
    revoke,
    status_for_customer,
    suspend,
    synchronise,
    unfreeze,
)
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START

RULES = TokenRules(ZoneInfo("Asia/Hong_Kong"))
HOUR = 3_600_000
SPANS = [0, 1, 1000, HOUR, 6 * HOUR - 1, 6 * HOUR, 18 * HOUR, 24 * HOUR - 1, 24 * HOUR, 24 * HOUR + 1, 48 * HOUR]


@dataclass
class Model:
    """The guide's sentences in milliseconds and plain words; shares nothing with the rules."""

    now: int = 0
    usable: dict[str, int] = field(default_factory=dict)  # app: from when on
    word: str = "none"
    phone: str = ""
    face: bool = False
    slips: int = 0
    times: int = 0
    ice_until: int = 0
    forever: bool = False

    def frozen(self) -> str | None:
        return "TokenFrozenForGood" if self.forever else "TokenFrozen" if self.now < self.ice_until else None

    def gone(self, word: str) -> None:
        self.word, self.usable, self.face = word, {}, False

    def enrol(self, app: str, phone: str) -> str | None:
        if no := self.frozen() or ("TokenAlreadyActive" if self.word == "active" else None):
            return no
        self.word, self.phone, self.face = "active", phone, False
        self.usable = {app: self.now + (6 * HOUR if app == "bank_app" else 0)}
        return None

    def enter(self, right: bool, logged_in: bool = True) -> str | None:
        if no := (None if logged_in else "TokenNeedsLogin") or self.frozen():
            return no
        if self.word != "active":
            return "TokenNotActive"
        self.slips = 0 if right else self.slips + 1
        if self.slips == 6:
            self.slips, self.times = 0, self.times + 1
            self.forever = self.times == 3
            self.ice_until = self.now + 24 * HOUR
        return None if right else self.frozen() or "TokenWrong"

    def synchronise(self, app: str, phone: str, right: bool) -> str | None:
        if no := self.enter(right) or ("TokenOtherDevice" if phone != self.phone else None):
            return no
        if app in self.usable:
            return "TokenAlreadyActive"
        self.usable[app] = self.now + (6 * HOUR if app == "bank_app" else 0)
        return None

    def unfreeze(self, way: str, second: str) -> str | None:
        if not self.frozen():
            return "TokenNotFrozen"
        if self.forever and way == "branch" and second != "somebody else":
            return "TokenReleaseRefused"
        if not self.forever and way != "branch":
            return "TokenReleaseRefused"
        self.times = 0 if self.forever else self.times
        self.slips, self.ice_until, self.forever = 0, 0, False
        return None

    def high_risk(self, app: str) -> str | None:
        if no := self.frozen():
            return no
        if app not in self.usable:
            return "TokenNotActive"
        return "TokenNotYetUsable" if self.now < self.usable[app] else None


class TokenMachine(RuleBasedStateMachine):
    """Does the same to both and looks whether they still agree."""

    steps: ClassVar[int] = 0
    refused: ClassVar[int] = 0
    frozen_for_good: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.token = SoftwareToken()
        self.model = Model()

    @property
    def now(self) -> datetime:
        return START + timedelta(milliseconds=self.model.now)

    def agree(self, does: Callable[[], SoftwareToken | None], expected: str | None) -> None:
        TokenMachine.steps += 1
        try:
            self.token = does() or self.token
            said = None
        except TokenRefusal as refusal:
            said = type(refusal).__name__
            TokenMachine.refused += 1
        assert said == expected

    def entered(self, right: bool) -> Entered:
        """Enter a password and store what that left, as a service does before it goes on or refuses."""
        entered = enter_password(self.token, right, True, self.now, RULES)
        self.token = entered.token
        return entered

    def enter_once(self, right: bool, logged_in: bool) -> SoftwareToken:
        may_be_entered(self.token, logged_in, self.now, RULES)
        entered = enter_password(self.token, right, logged_in, self.now, RULES)
        self.token = entered.token
        if entered.refusal:
            raise entered.refusal
        return entered.token

    @rule(app=st.sampled_from(App), phone=st.sampled_from("ab"))
    def enrols(self, app: App, phone: str) -> None:
        self.agree(lambda: enrol(self.token, app, phone, self.now, RULES), self.model.enrol(app.value, phone))

    @rule(right=st.booleans(), logged_in=st.sampled_from([True, True, True, False]))
    def enters(self, right: bool, logged_in: bool) -> None:
        self.agree(lambda: self.enter_once(right, logged_in), self.model.enter(right, logged_in))

    @rule(times=st.integers(1, 7))
    def enters_wrong_several_times(self, times: int) -> None:
        for _ in range(times):
            self.agree(lambda: self.enter_once(False, True), self.model.enter(False))

    @rule(span=st.sampled_from([24 * HOUR - 1, 24 * HOUR]))
    def enters_wrong_until_frozen(self, span: int) -> None:
        self.enrols(App.INVEST, "a")
        self.enters_wrong_several_times(6)
        self.time_passes(span)

    @rule(app=st.sampled_from(App), phone=st.sampled_from("aab"), right=st.sampled_from([True, True, False]))
    def synchronises(self, app: App, phone: str, right: bool) -> None:
        expected = self.model.synchronise(app.value, phone, right)
        self.agree(lambda: synchronise(self.entered(right), app, phone, self.now, RULES), expected)

    @rule()
    def adds_biometrics(self) -> None:
        expected = self.model.enter(True)
        self.model.face = self.model.face or expected is None
        self.agree(lambda: add_biometrics(self.entered(True), self.now, RULES), expected)

    @rule(app=st.sampled_from(App))
    def disables(self, app: App) -> None:
        expected = None if app.value in self.model.usable else "TokenNotActive"
        if expected is None:
            self.model.gone("revoked")
        self.agree(lambda: disable(self.token, app), expected)

    @rule()
    def suspends(self) -> None:
        expected = None if self.model.word == "active" else "TokenNotActive"
        if expected is None:
            self.model.gone("suspended")
        self.agree(lambda: suspend(self.token), expected)

    @rule()
    def revokes(self) -> None:
        expected = None if self.model.word in ("active", "suspended") else "TokenNotActive"
        if expected is None:
            self.model.gone("revoked")
        self.agree(lambda: revoke(self.token), expected)

    @rule(way=st.sampled_from(WayOut), second=st.sampled_from([None, "", "one", "somebody else"]))
    def is_unfrozen(self, way: WayOut, second: str | None) -> None:
        TokenMachine.frozen_for_good += self.model.forever
        expected = self.model.unfreeze(way.value, second or "")
        self.agree(lambda: unfreeze(self.token, Release(way, "one", second), self.now), expected)

    @rule(app=st.sampled_from(App))
    def makes_a_high_risk_transaction(self, app: App) -> None:
        self.agree(lambda: may_make_high_risk(self.token, app, self.now, RULES), self.model.high_risk(app.value))

    @rule(span=st.sampled_from(SPANS))
    def time_passes(self, span: int) -> None:
        TokenMachine.steps += 1
        self.model.now += span

    @invariant()
    def the_customer_is_told_what_is(self) -> None:
        status, model = status_for_customer(self.token, self.now), self.model
        timed = model.frozen() == "TokenFrozen"
        assert status.status.value == model.word
        assert {p.app.value: p.usable_at for p in status.places} == {
            app: START + timedelta(milliseconds=at) for app, at in model.usable.items()
        }
        assert status.biometrics == model.face
        assert status.frozen_for_good == model.forever
        assert status.frozen_until == (START + timedelta(milliseconds=model.ice_until) if timed else None)
        assert [way.value for way in status.ways_out] == (
            ["branch", "e_password_device"] if model.forever else ["branch"] if timed else []
        )


def test_the_token_never_differs_from_its_model() -> None:
    wanted = rounds(20_000)
    TokenMachine.steps = 0
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        TokenMachine,
        settings=settings(
            max_examples=wanted // 65,
            stateful_step_count=50,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    told(
        steps=TokenMachine.steps,
        refused=TokenMachine.refused,
        met_frozen_for_good=TokenMachine.frozen_for_good,
        divergences=0,
    )
    assert TokenMachine.steps >= wanted
    assert TokenMachine.frozen_for_good > 0
