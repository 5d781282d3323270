"""The software token through its use cases, on both databases (G3, G5, G7, G18-G21, G40, T28, T34, T39, T40)."""

from __future__ import annotations

import base64
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from sqlalchemy import delete, select, update

from actions.adapters import totp
from actions.adapters.aes_gcm import AesGcm
from actions.bootstrap import build
from actions.security.errors import (
    AccountProtected,
    CommandKeyReused,
    CoreOutcomeUnknown,
    FactorsMissing,
    GuessesHotlineOnly,
    OtpMalformed,
    OtpUsed,
    OtpWrong,
    Refusal,
    TokenAlreadyActive,
    TokenFrozen,
    TokenFrozenForGood,
    TokenNotActive,
    TokenNotFrozen,
    TokenNotYetUsable,
    TokenOtherDevice,
    TokenReleaseRefused,
    TokenWrong,
)
from actions.security.factors import Factor
from actions.security.secret import Secret
from actions.security.software_token import App, Release, WayOut
from actions.security.time_code import TimeCodeRules
from actions.services.software_token import PURPOSE, Enrolled
from actions.services.token_seeds import TokenSeeds
from actions.storage.models import (
    AuditEntry,
    GuessBudget,
    Protection,
    TokenSeed,
)
from actions.storage.models import SoftwareToken as TokenRow
from bot.settings import Settings
from tests.actions.security.rounds import rounds, told
from tests.actions.security.test_time_code import RFC_6238, SEEDS, STEP_60
from tests.actions.world import Person, World, refusal_of

ACCOUNT, OTHER, HNYC = "demo-icbca-900088", "demo-icbca-900068", "demo-hnyc-900018"
PERSON = Person("900088", "077/08/08")
PHONE, OTHER_PHONE = "demo-device-a", "demo-device-b"
LOGIN = frozenset({Factor.PASSWORD, Factor.SMS_CODE})
ENROL = LOGIN | {Factor.ID_CARD}
WITH_TOKEN = LOGIN | {Factor.TOKEN_PASSWORD}
HIGH_RISK = frozenset({Factor.PASSWORD, Factor.TOKEN_PASSWORD, Factor.TOKEN_CODE})
MILLISECOND, HOUR = timedelta(milliseconds=1), timedelta(hours=1)


def together(*calls: Callable[[], object]) -> Counter[str | None]:
    """Run all calls, started at the same moment; count what they raise, None for nothing."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> str | None:
        start.wait(30)
        return refusal_of(call)

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


@dataclass
class Token:
    """One customer with their phone: every call brings a key of its own unless one is given."""

    world: World
    account: str = ACCOUNT

    def __post_init__(self) -> None:
        self._keys = count()
        self.seed = b""

    @property
    def service(self) -> Any:
        return self.world.services.software_token

    def key(self, given: str | None) -> str:
        return given or f"{self.account}-{next(self._keys)}"

    def enrol(self, app: App = App.INVEST, device: str = PHONE, key: str | None = None) -> Enrolled:
        enrolled: Enrolled = self.service.enrol(self.account, app, device, ENROL, self.key(key))
        if enrolled.seed:
            self.seed = base64.b32decode(enrolled.seed.reveal())
        return enrolled

    def enter(self, right: bool, logged_in: bool = True, key: str | None = None) -> None:
        self.service.enter_password(self.account, right, logged_in, self.key(key))

    def enter_wrong(self, times: int) -> None:
        for _ in range(times):
            with pytest.raises(Refusal):
                self.enter(False)

    def synchronise(self, app: App = App.BANK, device: str = PHONE, right: bool = True, key: str | None = None) -> str:
        proven = WITH_TOKEN if right else LOGIN
        return str(self.service.synchronise(self.account, app, device, proven, self.key(key)))

    def add_biometrics(self, proven: frozenset[Factor] = WITH_TOKEN, key: str | None = None) -> str:
        return str(self.service.add_biometrics(self.account, proven, self.key(key)))

    def verify(self, code: str, key: str | None = None, proven: frozenset[Factor] = LOGIN) -> None:
        self.service.verify_code(self.account, Secret(code), proven, self.key(key))

    def code(self, steps: int = 0, seed: bytes | None = None) -> str:
        """Return the code of the present step, or of one that many steps away."""
        step = int(self.world.clock.now().timestamp() // 60) + steps
        return totp.codes_of(seed or self.seed)(step).reveal()

    def freeze(self, times: int = 1) -> None:
        """Enter wrong passwords until it is frozen; after each freeze but the last 24 hours pass."""
        for n in range(times):
            self.world.clock.pass_(hours=24 if n else 0)
            self.enter_wrong(6)

    def row(self) -> dict[str, Any]:
        return self.world.rows()["core_software_token"][self.account]

    def seeds(self) -> dict[str, dict[str, Any]]:
        return self.world.rows()["token_seed"]

    def entries(self) -> list[dict[str, Any]]:
        rows = [row for row in self.world.rows()["ledger"].values() if row["account_id"] == self.account]
        return sorted(rows, key=lambda row: (row["kind"], row["number"]))


@pytest.fixture
def token(world: World) -> Token:
    """A customer of icbca who has no token yet."""
    world.execute(delete(TokenRow).where(TokenRow.account_id == ACCOUNT))
    return Token(world)


@pytest.fixture
def enrolled(token: Token) -> Token:
    token.enrol()
    return token


def audit(world: World) -> list[tuple[str, str, str, str]]:
    with world.services.work.begin() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.at, AuditEntry.seq))
        return [(row.actor, row.action, row.outcome, row.reason) for row in rows]


def protect(world: World, account: str = ACCOUNT) -> None:
    with world.services.work.begin() as session:
        row = Protection(
            reference="NM-20261120-TEST",
            account_id=account,
            since=world.clock.now(),
            conversation="c1",
            evidence_ciphertext=b"",
        )
        session.add(row)
        session.commit()


# --- enrolment ------------------------------------------------------------------------------------


def test_an_enrolment_has_a_receipt_and_makes_the_app_usable_at_once(token: Token) -> None:
    assert token.enrol().receipt.startswith("ST-20261120-")
    token.service.may_make_high_risk(ACCOUNT, App.INVEST, HIGH_RISK)


def test_the_seed_has_160_bits_and_is_told_once(token: Token) -> None:
    first, again = token.enrol(key="one"), token.enrol(key="one")
    assert len(token.seed) == 20
    assert again == Enrolled(first.receipt, None)


def test_a_seed_prints_as_stars(token: Token) -> None:
    told_once = token.enrol()
    assert told_once.seed
    assert told_once.seed.reveal() not in repr(told_once)


def test_the_same_enrolment_again_is_entered_once_and_keeps_the_seed(token: Token) -> None:
    token.enrol(key="one")
    before = token.world.rows()
    token.enrol(key="one")
    assert token.world.rows() == before


def test_the_same_key_for_another_device_is_refused(token: Token) -> None:
    token.enrol(key="one")
    with pytest.raises(CommandKeyReused):
        token.enrol(device=OTHER_PHONE, key="one")


@pytest.mark.parametrize("device", [PHONE, OTHER_PHONE])
def test_an_active_token_is_not_enrolled_again_and_keeps_its_seed(enrolled: Token, device: str) -> None:
    before = enrolled.world.rows()
    with pytest.raises(TokenAlreadyActive):
        enrolled.enrol(device=device)
    assert enrolled.world.rows() == before


@pytest.mark.parametrize("missing", sorted(ENROL))
def test_an_enrolment_without_one_of_its_factors_changes_nothing(token: Token, missing: Factor) -> None:
    before = token.world.rows()
    with pytest.raises(FactorsMissing):
        token.service.enrol(ACCOUNT, App.INVEST, PHONE, ENROL - {missing}, "one")
    assert token.world.rows() == before


def test_a_protected_account_enrols_nothing(token: Token) -> None:
    protect(token.world)
    with pytest.raises(AccountProtected):
        token.enrol()
    assert token.seeds() == {}


def test_an_institution_without_tokens_enrols_none(world: World) -> None:
    with pytest.raises(FactorsMissing):
        Token(world, HNYC).enrol()


def test_an_enrolment_that_the_core_kept_while_its_answer_was_lost_is_finished(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, kept = token.world.services.core, list[tuple[Any, ...]]()

    def answer_is_lost(_session: object, *what: object) -> None:
        kept.append(what)
        raise CoreOutcomeUnknown

    monkeypatch.setattr(core, "keep_token", answer_is_lost)
    with pytest.raises(CoreOutcomeUnknown):
        token.enrol(key="one")
    assert (token.seeds(), token.entries()) == ({}, [])
    monkeypatch.undo()
    with token.world.services.work.begin() as session:
        core.keep_token(session, *kept[0])
        session.commit()
    token.enrol(key="one")
    token.verify(token.code())
    assert len(token.entries()) == 1


@pytest.mark.parametrize(
    ("app", "device", "said"),
    [
        (App.INVEST, "demo-device-900088", None),
        (App.BANK, "demo-device-900088", "TokenAlreadyActive"),
        (App.INVEST, OTHER_PHONE, "TokenAlreadyActive"),
    ],
)
def test_only_the_same_enrolment_finishes_one_that_was_cut_short(
    world: World, app: App, device: str, said: str | None
) -> None:
    world.execute(update(TokenRow).values(synchronised_at=None, bank_usable_at=None))
    token = Token(world)
    assert refusal_of(partial(token.enrol, app, device)) == said
    assert bool(token.seeds()) == (said is None)


def test_an_enrolment_that_was_cut_short_is_not_finished_while_it_is_frozen(world: World) -> None:
    token = Token(world, OTHER)
    with pytest.raises(TokenFrozen):
        token.enrol(device="demo-device-900068")
    assert token.seeds() == {}


# --- the token's password -------------------------------------------------------------------------


def test_a_right_password_says_nothing(enrolled: Token) -> None:
    enrolled.enter(True)


def test_a_wrong_password_is_counted_before_it_is_refused(enrolled: Token) -> None:
    with pytest.raises(TokenWrong) as refused:
        enrolled.enter(False)
    assert refused.value.facts == {"left": 5}
    assert enrolled.row()["wrong_passwords"] == 1


def test_the_same_wrong_entry_again_is_refused_again_and_not_counted(enrolled: Token) -> None:
    for _ in range(3):
        with pytest.raises(TokenWrong) as refused:
            enrolled.enter(False, key="one")
    assert refused.value.facts == {"left": 5}
    assert enrolled.row()["wrong_passwords"] == 1


def test_the_key_of_a_wrong_entry_is_not_good_for_a_right_one(enrolled: Token) -> None:
    with pytest.raises(TokenWrong):
        enrolled.enter(False, key="one")
    with pytest.raises(CommandKeyReused):
        enrolled.enter(True, key="one")


def test_the_same_right_entry_again_does_not_clear_what_came_after_it(enrolled: Token) -> None:
    enrolled.enter(True, key="one")
    enrolled.enter_wrong(2)
    enrolled.enter(True, key="one")
    assert enrolled.row()["wrong_passwords"] == 2


def test_the_sixth_wrong_entry_freezes_for_24_hours_from_its_commit_to_the_millisecond(enrolled: Token) -> None:
    enrolled.freeze()
    end = enrolled.world.clock.now() + timedelta(hours=24)
    said = []
    for moment in (end - MILLISECOND, end, end + MILLISECOND):
        enrolled.world.clock.set(moment)
        said.append(refusal_of(partial(enrolled.enter, True)))
    assert said == ["TokenFrozen", None, None]


def test_the_sixth_wrong_entry_again_is_told_as_frozen_and_freezes_once(enrolled: Token) -> None:
    enrolled.enter_wrong(5)
    for _ in range(3):
        with pytest.raises(TokenFrozen):
            enrolled.enter(False, key="sixth")
    assert enrolled.row()["freezes"] == 1


def test_the_sixth_wrong_entry_again_after_the_freeze_is_still_a_wrong_one(enrolled: Token) -> None:
    enrolled.enter_wrong(5)
    with pytest.raises(TokenFrozen):
        enrolled.enter(False, key="sixth")
    enrolled.world.clock.pass_(hours=24)
    with pytest.raises(TokenWrong) as refused:
        enrolled.enter(False, key="sixth")
    assert refused.value.facts == {"left": 6}


@pytest.mark.parametrize("right", [True, False])
def test_entries_while_it_is_frozen_change_nothing_and_hear_the_same(enrolled: Token, right: bool) -> None:
    enrolled.freeze()
    before = enrolled.world.rows()
    with pytest.raises(TokenFrozen) as refused:
        enrolled.enter(right)
    assert refused.value.facts == {"frozen_until": "2026/11/21 10:00"}
    assert enrolled.world.rows() == before


def test_the_third_freeze_is_for_good(enrolled: Token) -> None:
    enrolled.freeze(times=3)
    enrolled.world.clock.pass_(days=365)
    with pytest.raises(TokenFrozenForGood):
        enrolled.enter(True)


def test_of_wrong_entries_at_once_six_are_evaluated(enrolled: Token) -> None:
    outcome = together(*[partial(enrolled.enter, False)] * 20)
    assert outcome == {"TokenWrong": 5, "TokenFrozen": 15}
    assert (enrolled.row()["wrong_passwords"], enrolled.row()["freezes"]) == (6, 1)


def test_the_same_wrong_entry_many_times_at_once_is_counted_once(enrolled: Token) -> None:
    assert together(*[partial(enrolled.enter, False, key="one")] * 20) == {"TokenWrong": 20}
    assert enrolled.row()["wrong_passwords"] == 1


def test_who_has_not_logged_in_moves_no_counter(enrolled: Token) -> None:
    before, tries, refused = enrolled.world.rows(), rounds(1_000) // 4, 0
    for _ in range(tries):
        for call in (
            partial(enrolled.enter, False, logged_in=False),
            partial(enrolled.service.synchronise, ACCOUNT, App.BANK, PHONE, {Factor.PASSWORD}, "s"),
            partial(enrolled.service.add_biometrics, ACCOUNT, {Factor.SMS_CODE}, "b"),
            partial(enrolled.verify, "000000", proven=frozenset({Factor.SMS_CODE})),
        ):
            refused += refusal_of(call) == "TokenNeedsLogin"
    assert enrolled.world.rows() == before
    told(tries=4 * tries, refused=refused, counters_moved=0)
    assert refused == 4 * tries


# --- both apps, biometrics ------------------------------------------------------------------------


def test_the_bank_app_may_use_it_six_hours_after_synchronising_to_the_millisecond(enrolled: Token) -> None:
    enrolled.synchronise()
    usable = enrolled.world.clock.now() + timedelta(hours=6)
    enrolled.world.clock.set(usable - MILLISECOND)
    with pytest.raises(TokenNotYetUsable):
        enrolled.service.may_make_high_risk(ACCOUNT, App.BANK, HIGH_RISK)
    enrolled.world.clock.set(usable)
    enrolled.service.may_make_high_risk(ACCOUNT, App.BANK, HIGH_RISK)


def test_the_same_synchronising_again_does_not_start_the_wait_again(enrolled: Token) -> None:
    receipt = enrolled.synchronise(key="one")
    before = enrolled.row()
    enrolled.world.clock.pass_(hours=5)
    assert enrolled.synchronise(key="one") == receipt
    assert enrolled.row() == before


def test_synchronising_counts_a_wrong_password_once_per_key(enrolled: Token) -> None:
    for _ in range(2):
        with pytest.raises(TokenWrong):
            enrolled.synchronise(right=False, key="one")
    assert enrolled.row()["wrong_passwords"] == 1


def test_a_right_password_on_another_device_clears_the_count_and_is_refused(enrolled: Token) -> None:
    enrolled.enter_wrong(3)
    for _ in range(2):
        with pytest.raises(TokenOtherDevice):
            enrolled.synchronise(device=OTHER_PHONE, key="one")
    assert enrolled.row()["wrong_passwords"] == 0


def test_a_synchronising_that_was_refused_may_come_again_with_its_key(enrolled: Token) -> None:
    enrolled.enter_wrong(1)
    with pytest.raises(TokenAlreadyActive):
        enrolled.synchronise(App.INVEST, key="one")
    enrolled.service.revoke(ACCOUNT, "demo-staff", "end")
    enrolled.enrol(App.BANK)
    enrolled.enter_wrong(1)
    enrolled.synchronise(App.INVEST, key="one")
    assert enrolled.row()["synchronised_at"] is not None
    assert enrolled.row()["wrong_passwords"] == 0


def test_synchronising_either_way_is_done_once_of_many_at_once(enrolled: Token) -> None:
    outcome = together(*[partial(enrolled.synchronise, key="one")] * 8)
    assert outcome == {None: 8}
    assert len(enrolled.entries()) == 2


def test_biometrics_need_a_code_by_sms(enrolled: Token) -> None:
    with pytest.raises(FactorsMissing):
        enrolled.add_biometrics(frozenset({Factor.PASSWORD, Factor.TOKEN_PASSWORD, Factor.TOKEN_CODE}))
    assert enrolled.row()["biometrics_at"] is None


def test_biometrics_are_on_after_the_password(enrolled: Token) -> None:
    assert enrolled.add_biometrics().startswith("ST-")
    assert enrolled.row()["biometrics_at"] is not None


@pytest.mark.parametrize("factor", sorted(HIGH_RISK))
def test_high_risk_needs_every_factor(enrolled: Token, factor: Factor) -> None:
    with pytest.raises(FactorsMissing):
        enrolled.service.may_make_high_risk(ACCOUNT, App.INVEST, HIGH_RISK - {factor})


def test_a_protected_account_neither_synchronises_nor_counts_nor_trades(enrolled: Token) -> None:
    protect(enrolled.world)
    before = enrolled.world.rows()
    for call in (
        enrolled.synchronise,
        partial(enrolled.synchronise, right=False),
        enrolled.add_biometrics,
        partial(enrolled.service.may_make_high_risk, ACCOUNT, App.INVEST, HIGH_RISK),
    ):
        with pytest.raises(AccountProtected):
            call()
    assert enrolled.world.rows() == before


# --- what ends it, and what ends a freeze ---------------------------------------------------------


ENDS: dict[str, Callable[[Token, str], str]] = {
    "disabled in the bank app": lambda token, key: str(token.service.disable(ACCOUNT, App.BANK, key)),
    "disabled in the invest app": lambda token, key: str(token.service.disable(ACCOUNT, App.INVEST, key)),
    "suspended": lambda token, key: str(token.service.suspend(ACCOUNT, "demo-staff", key)),
    "revoked": lambda token, key: str(token.service.revoke(ACCOUNT, "demo-staff", key)),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_ends_it_ends_it_in_both_apps_and_erases_its_seed(enrolled: Token, how: str) -> None:
    enrolled.synchronise()
    code = enrolled.code()
    ENDS[how](enrolled, "end")
    enrolled.world.clock.pass_(hours=7)
    for app in App:
        with pytest.raises(TokenNotActive):
            enrolled.service.may_make_high_risk(ACCOUNT, app, HIGH_RISK)
    with pytest.raises(TokenNotActive):
        enrolled.verify(code)
    assert enrolled.seeds() == {}


@pytest.mark.parametrize("how", ENDS)
def test_the_same_end_again_has_the_same_receipt_even_after_a_new_enrolment(enrolled: Token, how: str) -> None:
    enrolled.synchronise()
    receipt = ENDS[how](enrolled, "end")
    enrolled.enrol()
    before = enrolled.world.rows()
    assert ENDS[how](enrolled, "end") == receipt
    assert enrolled.world.rows() == before


def test_a_new_enrolment_has_another_seed(enrolled: Token) -> None:
    before = enrolled.seed
    enrolled.service.revoke(ACCOUNT, "demo-staff", "end")
    enrolled.enrol()
    assert enrolled.seed != before
    with pytest.raises(OtpWrong):
        enrolled.verify(enrolled.code(seed=before))


@pytest.mark.parametrize("second", [None, "", "demo-staff-1", " Demo-Staff-1 ", "DEMO-STAFF-1"])
def test_a_permanent_freeze_is_not_ended_by_one_person_at_a_branch(enrolled: Token, second: str | None) -> None:
    enrolled.freeze(times=3)
    with pytest.raises(TokenReleaseRefused):
        enrolled.service.unfreeze(ACCOUNT, Release(WayOut.BRANCH, "demo-staff-1", second), "out")
    with pytest.raises(TokenFrozenForGood):
        enrolled.enter(True)


def test_two_people_end_a_permanent_freeze(enrolled: Token) -> None:
    enrolled.freeze(times=3)
    release = Release(WayOut.BRANCH, "demo-staff-1", "demo-staff-2")
    receipt = enrolled.service.unfreeze(ACCOUNT, release, "out")
    assert enrolled.service.unfreeze(ACCOUNT, release, "out") == receipt
    enrolled.enter(True)
    assert ("hotline:demo-staff-1", "unfreeze_token", "done", receipt) in audit(enrolled.world)


def test_the_e_password_device_ends_a_permanent_freeze_and_no_other(enrolled: Token) -> None:
    enrolled.freeze()
    with pytest.raises(TokenReleaseRefused):
        enrolled.service.unfreeze(ACCOUNT, Release(WayOut.E_PASSWORD_DEVICE, ""), "out-1")
    enrolled.world.clock.pass_(hours=24)
    enrolled.freeze(times=2)
    enrolled.service.unfreeze(ACCOUNT, Release(WayOut.E_PASSWORD_DEVICE, ""), "out-2")
    enrolled.enter(True)


def test_a_freeze_is_ended_at_a_branch_and_counts_towards_the_permanent_one(enrolled: Token) -> None:
    enrolled.freeze()
    enrolled.service.unfreeze(ACCOUNT, Release(WayOut.BRANCH, "demo-staff-1"), "out")
    enrolled.enter(True)
    assert (enrolled.row()["wrong_passwords"], enrolled.row()["freezes"]) == (0, 1)


def test_what_is_not_frozen_is_not_unfrozen(enrolled: Token) -> None:
    with pytest.raises(TokenNotFrozen):
        enrolled.service.unfreeze(ACCOUNT, Release(WayOut.BRANCH, "demo-staff-1", "demo-staff-2"), "out")


def test_a_frozen_token_can_be_given_up_and_not_enrolled_again(enrolled: Token) -> None:
    enrolled.freeze()
    enrolled.service.disable(ACCOUNT, App.INVEST, "end")
    with pytest.raises(TokenFrozen):
        enrolled.enrol()
    assert enrolled.seeds() == {}


# --- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "code"), [(time, sha1[2:]) for time, sha1, *_ in RFC_6238] + [(row[0], row[1]) for row in STEP_60]
)
def test_the_vectors_of_the_rfc_are_accepted_through_the_seed_that_is_stored(
    enrolled: Token, time: int, code: str
) -> None:
    rules = TimeCodeRules(60 if (time, code) in [(row[0], row[1]) for row in STEP_60] else 30)
    cipher = AesGcm(bytes(32))
    seeds = TokenSeeds(cipher, totp, rules)
    now = datetime.fromtimestamp(time, UTC)
    with enrolled.world.services.work.begin() as session:
        sealed = cipher.seal(SEEDS["sha1"], f"seed of {ACCOUNT}")
        session.execute(update(TokenSeed).values(ciphertext=sealed, last_step=None))
        assert seeds.accept(session, ACCOUNT, Secret(code), "one", now) is None
        session.expire_all()
        assert isinstance(seeds.accept(session, ACCOUNT, Secret(code), "two", now), OtpUsed)


def test_a_code_is_accepted_once(enrolled: Token) -> None:
    enrolled.verify(enrolled.code())
    for seconds in (0, 59):
        enrolled.world.clock.pass_(seconds=seconds)
        with pytest.raises(OtpUsed):
            enrolled.verify(enrolled.code())


def test_the_command_whose_code_was_accepted_hears_so_again(enrolled: Token) -> None:
    code = enrolled.code()
    enrolled.verify(code, key="one")
    before = enrolled.world.rows()
    enrolled.world.clock.pass_(minutes=5)
    enrolled.verify(code, key="one")
    assert enrolled.world.rows() == before


def test_the_key_of_an_accepted_code_is_not_good_for_another(enrolled: Token) -> None:
    code = enrolled.code()
    enrolled.verify(code, key="one")
    other = next(text for text in ("000000", "000001") if text != code)
    with pytest.raises(OtpWrong):
        enrolled.verify(other, key="one")


def test_a_code_lives_one_step_of_60_seconds(enrolled: Token) -> None:
    clock = enrolled.world.clock
    begins = datetime.fromtimestamp(clock.now().timestamp() // 60 * 60, UTC)
    code, said = enrolled.code(), []
    for moment in (begins - MILLISECOND, begins + timedelta(seconds=60), begins + timedelta(seconds=60) - MILLISECOND):
        clock.set(moment)
        said.append(refusal_of(partial(enrolled.verify, code)))
    assert said == ["OtpWrong", "OtpWrong", None]


@pytest.mark.parametrize("steps", [-2, -1, 1, 2])
def test_codes_of_other_steps_are_wrong(enrolled: Token, steps: int) -> None:
    with pytest.raises(OtpWrong):
        enrolled.verify(enrolled.code(steps))


def test_an_earlier_code_after_a_later_one_is_refused(enrolled: Token) -> None:
    """CVE-2021-43177: a later code was accepted, an earlier one, never used and still in its window, came after it."""
    world, seed = enrolled.world, enrolled.seed
    seeds = TokenSeeds(world.services.software_token._seeds._cipher, totp, TimeCodeRules(30, 1))
    now = datetime.fromtimestamp(59_000_000 * 30, UTC)
    earlier, later = totp.codes_of(seed)(58_999_999), totp.codes_of(seed)(59_000_000)
    with world.services.work.begin() as session:
        assert seeds.accept(session, ACCOUNT, later, "one", now) is None
        session.expire_all()
        assert isinstance(seeds.accept(session, ACCOUNT, earlier, "two", now), OtpUsed)


def test_codes_stay_used_when_the_clock_is_set_back_an_hour(enrolled: Token) -> None:
    codes = []
    for _ in range(10):
        enrolled.world.clock.pass_(minutes=6)
        codes.append((enrolled.world.clock.time, enrolled.code()))
        enrolled.verify(codes[-1][1])
    for moment, code in codes:
        enrolled.world.clock.set(moment)
        with pytest.raises(OtpUsed):
            enrolled.verify(code)


def test_random_entries_agree_with_a_set_of_used_steps(enrolled: Token) -> None:
    chance, sequences, entered, accepted, doubled = random.Random(8), rounds(1_000), 0, 0, 0  # on each database
    code_of, seeds = totp.codes_of(enrolled.seed), enrolled.service._seeds
    with enrolled.world.services.work.begin() as session:
        for _ in range(sequences):
            session.execute(update(TokenSeed).values(last_step=None, last_key=None))
            used: set[int] = set()
            moment = float(chance.randrange(10**9, 2 * 10**9))
            for _ in range(5):
                session.expire_all()
                moment += chance.choice([0, 1, 30, 60, 61, 600, -60, -3600])
                step = int(moment // 60) + chance.choice([0, 0, 0, 0, 1, -1, -2])
                now = datetime.fromtimestamp(moment, UTC)
                expected = step == int(moment // 60) and all(step > before for before in used)
                was = seeds.accept(session, ACCOUNT, code_of(step), "one", now) is None
                assert was is expected
                entered, accepted, doubled = entered + 1, accepted + was, doubled + (was and step in used)
                used |= {step} if was else set()
    told(sequences=sequences, entered=entered, accepted=accepted, doubled=doubled)
    assert doubled == 0


def test_of_one_right_code_many_times_at_once_one_is_accepted(enrolled: Token) -> None:
    accepted, tried, at_once = 0, 0, min(50, rounds(16))
    for _ in range(rounds(2)):
        enrolled.world.clock.pass_(days=1)
        enrolled.world.execute(delete(GuessBudget))
        outcome = together(*[partial(enrolled.verify, enrolled.code())] * at_once)
        accepted, tried = accepted + outcome[None], tried + at_once
        assert set(outcome) <= {None, "OtpUsed", "GuessesHotlineOnly", "OperationalError"}  # the last: waited too long
        assert outcome[None] == 1
    told(tried=tried, accepted=accepted, doubled=0)


def test_who_read_the_last_step_too_early_does_not_accept_it_again(enrolled: Token) -> None:
    now, code = enrolled.world.clock.now(), Secret(enrolled.code())
    with enrolled.world.services.work.begin() as session:
        seen = session.get_one(TokenSeed, ACCOUNT)
        taken = update(TokenSeed).values(last_step=int(now.timestamp() // 60))
        session.execute(taken, execution_options={"synchronize_session": False})
        assert seen.last_step is None
        assert isinstance(enrolled.service._seeds.accept(session, ACCOUNT, code, "one", now), OtpUsed)


def test_a_wrong_code_is_paid_for_in_the_guesses_of_the_account(enrolled: Token) -> None:
    for _ in range(2):
        with pytest.raises(OtpWrong):
            enrolled.verify(enrolled.code(7))
    row = enrolled.world.rows()["guess_budget"][ACCOUNT]
    assert (row["evaluated"], row["consecutive_wrong"]) == (2, 2)


def test_after_twenty_wrong_codes_a_right_one_is_not_looked_at(enrolled: Token) -> None:
    for _ in range(20):
        with pytest.raises(OtpWrong):
            enrolled.verify(enrolled.code(7))
    with pytest.raises(GuessesHotlineOnly):
        enrolled.verify(enrolled.code())


def test_a_right_code_clears_the_row_of_wrong_codes_and_not_that_of_wrong_passwords(enrolled: Token) -> None:
    enrolled.enter_wrong(3)
    with pytest.raises(OtpWrong):
        enrolled.verify(enrolled.code(7))
    enrolled.verify(enrolled.code())
    assert enrolled.world.rows()["guess_budget"][ACCOUNT]["consecutive_wrong"] == 0
    assert enrolled.row()["wrong_passwords"] == 3


def test_a_right_password_does_not_clear_the_row_of_wrong_codes(enrolled: Token) -> None:
    with pytest.raises(OtpWrong):
        enrolled.verify(enrolled.code(7))
    enrolled.enter(True)
    assert enrolled.world.rows()["guess_budget"][ACCOUNT]["consecutive_wrong"] == 1


def test_a_code_that_cannot_be_read_costs_nothing(enrolled: Token) -> None:
    before = enrolled.world.rows()
    for text in ("", "12345", "1234567", "١٢٣٤٥٦"):
        with pytest.raises(OtpMalformed):
            enrolled.verify(text)
    assert enrolled.world.rows() == before


def test_a_code_of_a_frozen_token_is_neither_looked_at_nor_counted(enrolled: Token) -> None:
    enrolled.freeze()
    before = enrolled.world.rows()
    for code in (enrolled.code(), enrolled.code(7)):
        with pytest.raises(TokenFrozen):
            enrolled.verify(code)
    assert enrolled.world.rows() == before


def test_a_code_of_an_active_token_without_a_seed_is_refused(world: World) -> None:
    with pytest.raises(TokenNotActive):
        Token(world).verify("000000")
    assert "guess_budget" not in world.rows() or ACCOUNT not in world.rows()["guess_budget"]


# --- at rest --------------------------------------------------------------------------------------


def test_the_seed_is_in_no_file_of_the_database(enrolled: Token, stored: Callable[[], list[Path]]) -> None:
    enrolled.verify(enrolled.code())
    seed = enrolled.seed
    spelled = [base64.b32encode(seed), base64.b64encode(seed), seed.hex().encode()]
    spelled += [spelled[0].lower(), spelled[2].upper(), base64.urlsafe_b64encode(seed), spelled[1].rstrip(b"=")]
    content = b"".join(file.read_bytes() for file in stored() if file.is_file())
    assert enrolled.seeds()[ACCOUNT]["ciphertext"] in content
    assert [form for form in [seed, *spelled] if form in content] == []


def test_another_master_key_opens_no_seed_and_counts_nothing(enrolled: Token, settings: Settings) -> None:
    code = enrolled.code()
    settings.key_file.write_bytes(bytes(32))
    other = build(settings, enrolled.world.clock, enrolled.world.messenger)
    before = enrolled.world.rows()
    with pytest.raises(InvalidTag):
        other.software_token.verify_code(ACCOUNT, Secret(code), LOGIN, "one")
    other.work.dispose()
    assert enrolled.world.rows() == before


def test_a_seed_moved_to_another_account_does_not_open(enrolled: Token) -> None:
    sealed = enrolled.seeds()[ACCOUNT]["ciphertext"]
    enrolled.world.execute(update(TokenRow).where(TokenRow.account_id == OTHER).values(frozen_until=None))
    with enrolled.world.services.work.begin() as session:
        session.add(TokenSeed(account_id=OTHER, ciphertext=sealed))
        session.commit()
    with pytest.raises(InvalidTag):
        Token(enrolled.world, OTHER).verify(enrolled.code())


def test_a_seed_of_an_older_key_still_tells_codes_after_a_rotation(enrolled: Token) -> None:
    older, newer = AesGcm({1: b"a" * 32}), AesGcm({1: b"a" * 32, 2: b"b" * 32})
    code = Secret(enrolled.code())
    with enrolled.world.services.work.begin() as session:
        sealed = older.seal(enrolled.seed, f"seed of {ACCOUNT}")
        session.execute(update(TokenSeed).values(ciphertext=sealed))
        assert TokenSeeds(newer, totp).accept(session, ACCOUNT, code, "one", enrolled.world.clock.now()) is None
        TokenSeeds(newer, totp).make(session, ACCOUNT)
        assert session.get_one(TokenSeed, ACCOUNT).ciphertext[0] == 2


# --- what is told, and what is written down -------------------------------------------------------


def verified(world: World, conversation: str = "c1", purpose: str = PURPOSE) -> None:
    world.identify(conversation, PERSON, "icbca")
    world.enter(conversation, world.send_code(conversation, purpose), purpose)


def test_the_owner_sees_both_apps_and_when_the_bank_app_may_be_used(world: World) -> None:
    verified(world)
    seen = world.services.software_token.status("c1", "icbca")
    assert [(place.app, place.since, place.usable_at, place.usable_now) for place in seen.places] == [
        ("invest_app", "2026/10/21 10:00", "2026/10/21 10:00", True),
        ("bank_app", "2026/11/20 08:00", "2026/11/20 14:00", False),
    ]
    assert (seen.status, seen.biometrics, seen.frozen_until, seen.ways_out) == ("active", True, "", [])


def test_the_status_may_be_asked_again_while_the_code_is_good(world: World) -> None:
    verified(world)
    first = world.services.software_token.status("c1", "icbca")
    world.clock.pass_(minutes=14, seconds=59)
    assert world.services.software_token.status("c1", "icbca") == first
    world.clock.pass_(seconds=1)
    with pytest.raises(FactorsMissing):
        world.services.software_token.status("c1", "icbca")


def test_a_code_for_something_else_shows_no_status(world: World) -> None:
    verified(world, purpose="verify_identity")
    with pytest.raises(FactorsMissing):
        world.services.software_token.status("c1", "icbca")


@pytest.mark.parametrize(("conversation", "institution"), [("c2", "icbca"), ("c1", "hnyc"), ("c1", "nobody")])
def test_another_conversation_or_firm_shows_no_status(world: World, conversation: str, institution: str) -> None:
    verified(world)
    with pytest.raises(FactorsMissing):
        world.services.software_token.status(conversation, institution)


@pytest.mark.parametrize(
    ("account", "until", "for_good", "ways"),
    [
        ("demo-icbca-900068", "2026/11/21 10:00", False, ["branch"]),
        ("demo-icbca-900078", "", True, ["branch", "e_password_device"]),
    ],
)
def test_staff_see_a_freeze_and_its_ways_out(
    world: World, account: str, until: str, for_good: bool, ways: list[str]
) -> None:
    seen = world.services.software_token.status_of(account, "demo-staff")
    assert (seen.frozen_until, seen.frozen_for_good, seen.ways_out) == (until, for_good, ways)


def test_an_account_without_a_token_has_none(token: Token) -> None:
    seen = token.service.status_of(ACCOUNT, "demo-staff")
    assert (seen.status, seen.places) == ("none", [])


def test_every_decision_is_in_the_audit_once(token: Token) -> None:
    before = len(audit(token.world))
    receipt = token.enrol(key="one").receipt
    token.enrol(key="one")
    token.enter_wrong(1)
    token.enter(True, logged_in=True)
    refusal_of(partial(token.enter, True, logged_in=False))
    token.verify(token.code())
    refusal_of(partial(token.verify, token.code()))
    end = token.service.suspend(ACCOUNT, "demo-staff", "end")
    done = [row for row in audit(token.world)[before:] if row[3] != ""]
    assert [(actor, action, outcome, reason[:3]) for actor, action, outcome, reason in done] == [
        ("customer", "enrol_token", "done", receipt[:3]),
        ("customer", "enter_token_password", "refused", "Tok"),
        ("customer", "enter_token_password", "done", "TP-"),
        ("customer", "enter_token_password", "refused", "Tok"),
        ("customer", "verify_token_code", "refused", "Otp"),
        ("hotline:demo-staff", "suspend_token", "done", end[:3]),
    ]


def test_entries_of_the_password_are_no_use_of_the_token(enrolled: Token) -> None:
    enrolled.enter(True)
    for call in (partial(enrolled.enter, False), partial(enrolled.synchronise, right=False)):
        with pytest.raises(TokenWrong):
            call()
    enrolled.synchronise()
    assert [row["kind"] for row in enrolled.entries()] == 2 * ["software_token"] + 3 * ["token_password"]


def test_the_ledger_tells_when_and_over_which_channel(enrolled: Token) -> None:
    enrolled.service.suspend(ACCOUNT, "demo-staff", "end")
    assert [(row["kind"], row["number"], row["channel"]) for row in enrolled.entries()] == [
        ("software_token", 1, "other"),
        ("software_token", 2, "hotline"),
    ]
