"""The software token through its use cases against the model of its rules, on both databases (G18-G21, T40)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from actions.adapters import totp
from actions.security.errors import OtpRefusal, TokenRefusal
from actions.security.factors import Factor
from actions.security.secret import Secret
from actions.security.software_token import App, Release, WayOut
from actions.services.token_view import view
from actions.storage.models import CoreAct, GuessBudget, LedgerEntry, SoftwareToken, TokenSeed
from tests.actions.security.rounds import rounds, told
from tests.actions.security.test_software_token_model import HOUR, RULES, SPANS, Model
from tests.actions.world import START, World, deterministic

ACCOUNT = "demo-icbca-900088"
LOGIN = frozenset({Factor.PASSWORD, Factor.SMS_CODE})
ENROL, WITH_TOKEN = LOGIN | {Factor.ID_CARD}, LOGIN | {Factor.TOKEN_PASSWORD}
HIGH_RISK = frozenset({Factor.PASSWORD, Factor.TOKEN_PASSWORD, Factor.TOKEN_CODE})


class TokenMachine(RuleBasedStateMachine):
    """Does the same to both and looks whether they still agree; now and then brings the last command again."""

    world: ClassVar[World]
    keys: ClassVar[count[int]] = count()
    steps: ClassVar[int] = 0
    refused: ClassVar[int] = 0
    repeated: ClassVar[int] = 0
    accepted: ClassVar[int] = 0
    frozen_for_good: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.service = self.world.services.software_token
        self.model = Model()
        self.seed = b""
        self.used: set[int] = set()
        self.last: tuple[Callable[[], object], str | None] | None = None
        self.world.clock.set(START)
        self.world.execute(delete(SoftwareToken).where(SoftwareToken.account_id == ACCOUNT))
        for table in (TokenSeed, LedgerEntry, CoreAct, GuessBudget):
            self.world.execute(delete(table))

    def agree(self, does: Callable[[str], object], expected: str | None) -> None:
        TokenMachine.steps += 1
        number = next(self.keys)
        assert self.said(lambda: does(f"k{number}")) == expected
        self.last = (lambda: does(f"k{number}")), expected
        if number % 4 == 0:
            self.the_last_command_comes_again()

    def said(self, does: Callable[[], object]) -> str | None:
        try:
            does()
        except (TokenRefusal, OtpRefusal) as refusal:
            TokenMachine.refused += 1
            return type(refusal).__name__
        return None

    @rule()
    def the_last_command_comes_again(self) -> None:
        """What was done or counted is answered as before and neither done nor counted again."""
        if self.last is None or self.last[1] not in (None, "TokenWrong"):
            return
        TokenMachine.steps += 1
        TokenMachine.repeated += 1
        before = self.world.rows()
        assert self.said(self.last[0]) == self.last[1]
        assert self.world.rows() == before

    @rule(app=st.sampled_from(App), phone=st.sampled_from("ab"))
    def enrols(self, app: App, phone: str) -> None:
        def does(key: str) -> None:
            if seed := self.service.enrol(ACCOUNT, app, phone, ENROL, key).seed:
                self.seed, self.used = base64.b32decode(seed.reveal()), set()

        self.agree(does, self.model.enrol(app.value, phone))

    @rule(right=st.booleans(), logged_in=st.sampled_from([True, True, True, False]))
    def enters(self, right: bool, logged_in: bool) -> None:
        expected = self.model.enter(right, logged_in)
        self.agree(lambda key: self.service.enter_password(ACCOUNT, right, logged_in, key), expected)

    @rule(times=st.integers(1, 7))
    def enters_wrong_several_times(self, times: int) -> None:
        for _ in range(times):
            self.agree(lambda key: self.service.enter_password(ACCOUNT, False, True, key), self.model.enter(False))

    @rule(span=st.sampled_from([24 * HOUR - 1, 24 * HOUR]))
    def enters_wrong_until_frozen(self, span: int) -> None:
        self.enrols(App.INVEST, "a")
        self.enters_wrong_several_times(6)
        self.time_passes(span)

    @rule(app=st.sampled_from(App))
    def begins_afresh_and_uses_it(self, app: App) -> None:
        self.is_unfrozen(WayOut.BRANCH, "somebody else")
        self.enrols(app, "a")
        self.enters_a_code(0)
        self.the_last_command_comes_again()
        self.synchronises(App.BANK if app is App.INVEST else App.INVEST, "a", True)
        self.time_passes(HOUR)
        self.enters_a_code(0)

    @rule(app=st.sampled_from(App), phone=st.sampled_from("aab"), right=st.sampled_from([True, True, False]))
    def synchronises(self, app: App, phone: str, right: bool) -> None:
        expected, proven = self.model.synchronise(app.value, phone, right), WITH_TOKEN if right else LOGIN
        self.agree(lambda key: self.service.synchronise(ACCOUNT, app, phone, proven, key), expected)

    @rule()
    def adds_biometrics(self) -> None:
        expected = self.model.enter(True)
        self.model.face = self.model.face or expected is None
        self.agree(lambda key: self.service.add_biometrics(ACCOUNT, WITH_TOKEN, key), expected)

    @rule(app=st.sampled_from(App))
    def disables(self, app: App) -> None:
        expected = None if app.value in self.model.usable else "TokenNotActive"
        if expected is None:
            self.model.gone("revoked")
        self.agree(lambda key: self.service.disable(ACCOUNT, app, key), expected)

    @rule()
    def suspends(self) -> None:
        expected = None if self.model.word == "active" else "TokenNotActive"
        if expected is None:
            self.model.gone("suspended")
        self.agree(lambda key: self.service.suspend(ACCOUNT, "demo-staff", key), expected)

    @rule()
    def revokes(self) -> None:
        expected = None if self.model.word in ("active", "suspended") else "TokenNotActive"
        if expected is None:
            self.model.gone("revoked")
        self.agree(lambda key: self.service.revoke(ACCOUNT, "demo-staff", key), expected)

    @rule(way=st.sampled_from(WayOut), second=st.sampled_from([None, "", "one", "somebody else"]))
    def is_unfrozen(self, way: WayOut, second: str | None) -> None:
        TokenMachine.frozen_for_good += self.model.forever
        expected = self.model.unfreeze(way.value, second or "")
        self.agree(lambda key: self.service.unfreeze(ACCOUNT, Release(way, "one", second), key), expected)

    @rule(app=st.sampled_from(App))
    def makes_a_high_risk_transaction(self, app: App) -> None:
        expected = self.model.high_risk(app.value)
        self.agree(lambda key: self.service.may_make_high_risk(ACCOUNT, app, HIGH_RISK), expected)

    @rule(away=st.sampled_from([0, 0, 0, -1, 1]))
    def enters_a_code(self, away: int) -> None:
        now = int(self.world.clock.now().timestamp() // 60)
        code = totp.codes_of(self.seed or bytes(20))(now + away)
        expected = self.model.frozen() or (None if self.model.word == "active" else "TokenNotActive")
        expected = expected or ("OtpWrong" if away else "OtpUsed" if now in self.used else None)
        if expected is None:
            self.used.add(now)
            TokenMachine.accepted += 1
        elif expected in ("OtpWrong", "OtpUsed"):
            self.world.execute(delete(GuessBudget))  # how many guesses there are is another model's
        self.agree(lambda key: self.service.verify_code(ACCOUNT, Secret(code.reveal()), LOGIN, key), expected)

    @rule(span=st.sampled_from(SPANS))
    def time_passes(self, span: int) -> None:
        TokenMachine.steps += 1
        self.model.now += span
        self.world.clock.set(START + timedelta(milliseconds=self.model.now))
        if self.last and self.last[1]:
            self.last = None  # how things stand is told anew

    @invariant()
    def the_customer_is_told_what_is(self) -> None:
        with self.world.services.work.begin() as session:
            token = self.world.services.core.token(session, ACCOUNT)
            seeds = session.scalars(select(TokenSeed.account_id)).all()
        seen, model = view(token, self.world.clock.now(), RULES), self.model
        timed = model.frozen() == "TokenFrozen"
        assert seeds == ([ACCOUNT] if model.word == "active" else [])
        assert seen.status == model.word
        assert {place.app: place.usable_now for place in seen.places} == {
            app: model.now >= at for app, at in model.usable.items()
        }
        assert seen.biometrics == model.face
        assert seen.frozen_for_good == model.forever
        assert bool(seen.frozen_until) == timed
        assert seen.ways_out == (["branch", "e_password_device"] if model.forever else ["branch"] if timed else [])


def test_the_token_never_differs_from_its_model(world: World) -> None:
    wanted = rounds(1_000)  # on each database
    TokenMachine.world, TokenMachine.keys = world, count()
    TokenMachine.steps = TokenMachine.refused = TokenMachine.repeated = TokenMachine.frozen_for_good = 0
    TokenMachine.accepted = 0
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        TokenMachine,
        settings=settings(
            deterministic,
            max_examples=max(1, wanted // 75),
            stateful_step_count=50,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    told(
        steps=TokenMachine.steps,
        refused=TokenMachine.refused,
        repeated=TokenMachine.repeated,
        codes_accepted=TokenMachine.accepted,
        met_frozen_for_good=TokenMachine.frozen_for_good,
        divergences=0,
    )
    assert TokenMachine.steps >= wanted
    assert TokenMachine.frozen_for_good > 0
    assert TokenMachine.repeated > 0
    with world.services.work.look() as session:
        assert world.services.audit.verify(session).broken == ()
