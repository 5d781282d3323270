"""Codes of a software token: right by the RFCs, of this moment only, and never twice (G1, G3, G5, T28)."""

from __future__ import annotations

import hashlib
import hmac
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from actions.adapters.totp import Algorithm, codes_of, new_seed
from actions.security.errors import OtpUsed
from actions.security.secret import Secret
from actions.security.time_code import TimeCodeRules, matching_step, step_at
from tests.actions.security.rounds import rounds, told
from tests.actions.world import START

INSTITUTIONS = Path(__file__).parents[3] / "data" / "institutions"
DIGITS = b"1234567890"
SEEDS: dict[Algorithm, bytes] = {
    "sha1": DIGITS * 2,
    "sha256": DIGITS * 3 + b"12",
    "sha512": DIGITS * 6 + b"1234",
}
SEED = SEEDS["sha1"]
ALGORITHMS: tuple[Algorithm, ...] = ("sha1", "sha256", "sha512")
ONE_LATE = TimeCodeRules(step_seconds=30, late_steps=1)
MILLISECOND = timedelta(milliseconds=1)


def independent(seed: bytes, counter: int, digits: int, algorithm: str) -> str:
    """RFC 4226 5.3, from its text."""
    mac = hmac.new(seed, counter.to_bytes(8, "big"), algorithm).digest()
    offset = mac[-1] & 15
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


# --- the algorithm (G1) ---------------------------------------------------------------------------

RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
FURTHER = [403154, 481090, 868912, 736127, 229903, 436521, 186581, 447589, 903435, 578337]
LEADING_ZEROS = {36: "003784", 44: "000152", 62: "005080", 257: "005112", 366: "000866", 472: "008956"}


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226)))
def test_the_vectors_of_rfc_4226_are_met(counter: int, code: str) -> None:
    assert codes_of(SEED)(counter).reveal() == code


@pytest.mark.parametrize(("counter", "code"), list(enumerate(FURTHER, 10)))
def test_the_counters_after_the_rfc_are_met(counter: int, code: int) -> None:
    assert codes_of(SEED)(counter).reveal() == f"{code:06d}"


@pytest.mark.parametrize(("counter", "code"), LEADING_ZEROS.items())
def test_a_code_keeps_its_leading_zeros(counter: int, code: str) -> None:
    assert codes_of(SEED)(counter).reveal() == code


RFC_6238 = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
STEP_60 = [
    (59, "755224", "920136", "550594"),
    (1111111109, "360094", "857319", "023009"),
    (1111111111, "360094", "857319", "023009"),
    (1234567890, "713351", "450756", "275929"),
    (2000000000, "864010", "471171", "791279"),
    (20000000000, "948864", "964845", "384259"),
]


def cases(table: list[tuple[int, str, str, str]]) -> list[tuple[int, Algorithm, str]]:
    return [(time, algorithm, row[n]) for time, *row in table for n, algorithm in enumerate(ALGORITHMS)]


@pytest.mark.parametrize(("time", "algorithm", "code"), cases(RFC_6238))
def test_the_vectors_of_rfc_6238_are_met(time: int, algorithm: Algorithm, code: str) -> None:
    step = step_at(datetime.fromtimestamp(time, UTC), TimeCodeRules(step_seconds=30))
    assert codes_of(SEEDS[algorithm], 8, algorithm)(step).reveal() == code


@pytest.mark.parametrize(("time", "algorithm", "code"), cases(RFC_6238))
def test_six_digits_are_the_last_six_of_eight(time: int, algorithm: Algorithm, code: str) -> None:
    step = step_at(datetime.fromtimestamp(time, UTC), TimeCodeRules(step_seconds=30))
    assert codes_of(SEEDS[algorithm], 6, algorithm)(step).reveal() == code[2:]


@pytest.mark.parametrize(("time", "algorithm", "code"), cases(STEP_60))
def test_the_set_for_steps_of_60_seconds_is_met(time: int, algorithm: Algorithm, code: str) -> None:
    step = step_at(datetime.fromtimestamp(time, UTC), TimeCodeRules())
    assert codes_of(SEEDS[algorithm], 6, algorithm)(step).reveal() == code


def test_random_codes_agree_with_an_independent_implementation() -> None:
    chance, tried, different = random.Random(4), rounds(10_000), 0
    for _ in range(tried):
        algorithm = chance.choice(ALGORITHMS)
        seed, counter = chance.randbytes(chance.randint(16, 64)), chance.randrange(2 ** chance.randint(1, 63))
        digits = chance.choice([6, 7, 8])
        code = codes_of(seed, digits, algorithm)(counter).reveal()
        different += code != independent(seed, counter, digits, algorithm)
    told(tried=tried, different=different)
    assert different == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_seed_is_as_long_as_its_hash_and_never_the_same(algorithm: Algorithm) -> None:
    seeds = {new_seed(algorithm) for _ in range(100)}
    assert len(seeds) == 100
    assert {len(seed) for seed in seeds} == {hashlib.new(algorithm).digest_size}


# --- how long a code lives (G3) -------------------------------------------------------------------


def at(rules: TimeCodeRules, step: int, seconds: float = 0.0) -> datetime:
    return datetime.fromtimestamp(step * rules.step_seconds, UTC) + timedelta(seconds=seconds)


def accepted(step: int, now: datetime, rules: TimeCodeRules, last: int | None = None) -> bool:
    codes = codes_of(SEED)
    return matching_step(codes(step), codes, last, now, rules) == step


@pytest.mark.parametrize("rules", [TimeCodeRules(), ONE_LATE])
def test_a_code_lives_sixty_seconds_and_no_longer(rules: TimeCodeRules) -> None:
    life = timedelta(seconds=60)
    instants = [-MILLISECOND, timedelta(0), MILLISECOND, life - MILLISECOND, life, life + MILLISECOND]
    found = [accepted(1_000_000, at(rules, 1_000_000) + age, rules) for age in instants]
    assert found == [False, True, True, True, False, False]


@pytest.mark.parametrize("rules", [TimeCodeRules(), ONE_LATE])
def test_codes_of_the_future_are_refused(rules: TimeCodeRules) -> None:
    current = 1_000_000
    assert not any(accepted(current + ahead, at(rules, current, 29.9), rules) for ahead in range(1, 11))


def test_a_code_is_accepted_at_any_time_of_its_life_and_never_else() -> None:
    chance, tried, late, early = random.Random(5), rounds(2_000), 0, 0
    for _ in range(tried):
        rules = chance.choice([TimeCodeRules(), ONE_LATE, TimeCodeRules(30), TimeCodeRules(20, 2)])
        step = chance.randrange(10**6, 10**8)
        age = chance.uniform(-120, 120)
        was, lives = accepted(step, at(rules, step, age), rules), 0 <= age < rules.lives_seconds
        late, early = late + (was and not lives), early + (lives and not was)
    told(tried=tried, late_accepts=late, early_refusals=early)
    assert (late, early) == (0, 0)


@pytest.mark.parametrize(
    ("step_seconds", "late_steps"), [(61, 0), (30, 2), (60, 1), (20, 3), (0, 0), (-30, 0), (30, -1)]
)
def test_rules_under_which_a_code_lives_longer_do_not_exist(step_seconds: int, late_steps: int) -> None:
    with pytest.raises(ValueError, match="at most 60 seconds"):
        TimeCodeRules(step_seconds, late_steps)


def test_a_code_has_the_digits_and_the_life_of_the_institutions() -> None:
    institution = yaml.safe_load((INSTITUTIONS / "gtjai.yml").read_text(encoding="utf-8"))
    assert institution["stated"]["otp_digits"].startswith(f"{TimeCodeRules().digits} digits")
    assert institution["stated"]["otp_ttl_seconds"]["token"] == TimeCodeRules().lives_seconds


def test_steps_may_be_as_short_as_a_second() -> None:
    assert TimeCodeRules(1, 59).lives_seconds == 60


@pytest.mark.parametrize("zone", ["UTC", "Asia/Taipei", "America/New_York"])
def test_a_step_does_not_depend_on_the_zone(zone: str) -> None:
    assert step_at(START.astimezone(ZoneInfo(zone)), TimeCodeRules()) == int(START.timestamp()) // 60


# --- never twice (G5) -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "later"), [(TimeCodeRules(), 0), (TimeCodeRules(), 59), (ONE_LATE, 0), (ONE_LATE, 29), (ONE_LATE, 59)]
)
def test_a_code_that_was_accepted_is_not_accepted_again(rules: TimeCodeRules, later: int) -> None:
    step, codes = 1_000_000, codes_of(SEED)
    with pytest.raises(OtpUsed):
        matching_step(codes(step), codes, step, at(rules, step, later), rules)


def test_an_earlier_code_after_a_later_one_is_refused() -> None:
    codes, now = codes_of(SEED), at(ONE_LATE, 1_000_001)
    last = matching_step(codes(1_000_001), codes, 999_999, now, ONE_LATE)
    with pytest.raises(OtpUsed):
        matching_step(codes(1_000_000), codes, last, now, ONE_LATE)


def test_codes_stay_used_when_the_clock_is_set_back() -> None:
    codes, last = codes_of(SEED), 1_000_060
    for step in range(1_000_000, 1_000_061):
        with pytest.raises(OtpUsed):
            matching_step(codes(step), codes, last, at(TimeCodeRules(), step), TimeCodeRules())


def test_digits_that_two_steps_share_are_accepted_once() -> None:
    def same(step: int) -> Secret:
        return Secret("000042")

    now = at(ONE_LATE, 1_000_001)
    last = matching_step(same(0), same, 999_999, now, ONE_LATE)
    with pytest.raises(OtpUsed):
        matching_step(same(0), same, last, now, ONE_LATE)


def test_a_code_of_no_step_is_none() -> None:
    assert matching_step(Secret("000000"), lambda step: Secret("123456"), None, START, TimeCodeRules()) is None


def test_random_entries_agree_with_a_set_of_used_steps() -> None:
    chance, sequences, steps, doubled = random.Random(6), rounds(500), 0, 0
    codes = codes_of(SEED)
    known = {step: codes(step) for step in range(1_000_000 - 4, 1_000_060)}
    for _ in range(sequences):
        rules = chance.choice([TimeCodeRules(), ONE_LATE])
        used: set[int] = set()
        last: int | None = None
        moment = 0.0
        for _ in range(12):
            steps += 1
            moment = max(0.0, moment + chance.uniform(-90, 90))
            now = at(rules, 1_000_000, moment)
            step = step_at(now, rules) - chance.choice([0, 0, 0, 1, 2, -1])
            window = range(step_at(now, rules) - rules.late_steps, step_at(now, rules) + 1)
            expected = step in window and all(step > before for before in used)
            try:
                found = matching_step(codes(step) if step not in known else known[step], codes, last, now, rules)
            except OtpUsed:
                found = None
            assert (found == step) is expected
            if found is not None:
                doubled += found in used
                used.add(found)
                last = found
    told(sequences=sequences, entries=steps, doubled=doubled)
    assert doubled == 0


def test_steps_are_of_one_length_before_1970_too() -> None:
    assert [step_at(datetime.fromtimestamp(time, UTC), TimeCodeRules()) for time in (-61, -60, -1, 0)] == [
        -2,
        -1,
        -1,
        0,
    ]
