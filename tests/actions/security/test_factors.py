"""What has to be proven for what: every set of factors with every purpose (G21)."""

from __future__ import annotations

from itertools import combinations

import pytest

from actions.security.errors import FactorsMissing
from actions.security.factors import HELD, KNOWN, NEEDED, NEEDS_CERTIFICATE, Factor, require
from tests.actions.security.rounds import told

# The matrix as a person would read it aloud: for each purpose, each smallest set that is enough.
ENOUGH: dict[str, list[str]] = {
    "login": ["password sms_code", "password token_code"],
    "verify_identity": ["details sms_code", "details email_code"],
    "protect_account": ["details sms_code", "details email_code"],
    "token_status": ["details sms_code", "details email_code"],
    "check_notice": ["details sms_code", "details email_code"],
    "unlock_password": ["details sms_code certificate", "details email_code certificate"],
    "reissue_password": ["details sms_code certificate", "details email_code certificate"],
    "renew_certificate": ["details sms_code certificate", "details email_code certificate"],
    "enrol_token": ["password id_card sms_code"],
    "synchronise_token": ["password token_password sms_code", "password token_password token_code"],
    "add_biometrics": ["token_password sms_code"],
    "high_risk": ["password token_password token_code"],
    "lift_protection": ["hotline"],
}
EVERY_SET = [frozenset(chosen) for n in range(len(Factor) + 1) for chosen in combinations(Factor, n)]
RECOVERIES = ["unlock_password", "reissue_password", "renew_certificate", "enrol_token"]


def smallest(purpose: str) -> list[frozenset[Factor]]:
    return [frozenset(Factor(name) for name in text.split()) for text in ENOUGH[purpose]]


def is_enough(purpose: str, proven: frozenset[Factor]) -> bool:
    try:
        require(purpose, proven)
    except FactorsMissing:
        return False
    return True


@pytest.mark.parametrize("purpose", ENOUGH)
def test_every_set_of_factors_is_judged_as_the_matrix_says(purpose: str) -> None:
    wrong = [
        proven
        for proven in EVERY_SET
        if is_enough(purpose, proven) != any(enough <= proven for enough in smallest(purpose))
    ]
    told(sets=len(EVERY_SET), wrongly_judged=len(wrong))
    assert wrong == []


def test_the_matrix_names_every_purpose() -> None:
    assert set(ENOUGH) == set(NEEDED)


def test_a_certificate_is_named_where_one_is_needed() -> None:
    assert {"unlock_password", "reissue_password", "renew_certificate"} == NEEDS_CERTIFICATE


@pytest.mark.parametrize(
    ("purpose", "missing"),
    [(p, (enough, factor)) for p in ENOUGH for enough in smallest(p) for factor in sorted(enough)],
)
def test_with_any_one_factor_missing_it_is_refused(purpose: str, missing: tuple[frozenset[Factor], Factor]) -> None:
    enough, factor = missing
    with pytest.raises(FactorsMissing):
        require(purpose, enough - {factor})


@pytest.mark.parametrize("purpose", sorted(set(ENOUGH) - {"lift_protection"}))
def test_everything_needs_something_known_and_something_held(purpose: str) -> None:
    assert all(enough & KNOWN and enough & HELD for enough in smallest(purpose))


@pytest.mark.parametrize("purpose", RECOVERIES)
def test_a_recovery_needs_at_least_as_much_as_a_login(purpose: str) -> None:
    login = min(len(enough) for enough in smallest("login"))
    assert all(len(enough) > login for enough in smallest(purpose))


@pytest.mark.parametrize("purpose", RECOVERIES[:3])
def test_two_codes_do_not_replace_a_certificate(purpose: str) -> None:
    with pytest.raises(FactorsMissing):
        require(purpose, {Factor.DETAILS, Factor.SMS_CODE, Factor.EMAIL_CODE, Factor.TOKEN_CODE})


@pytest.mark.parametrize("purpose", RECOVERIES[:3])
def test_a_certificate_does_not_replace_a_code(purpose: str) -> None:
    with pytest.raises(FactorsMissing):
        require(purpose, {Factor.DETAILS, Factor.CERTIFICATE, Factor.PASSWORD})


def test_no_customer_lifts_a_protection() -> None:
    with pytest.raises(FactorsMissing):
        require("lift_protection", set(Factor) - {Factor.HOTLINE})


def test_a_purpose_that_nobody_named_is_refused_whatever_is_proven() -> None:
    with pytest.raises(FactorsMissing):
        require("transfer", set(Factor))
