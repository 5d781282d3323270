"""What has to be proven for what: never less than a login, and another kind of factor for a certificate (G21).

A set of factors is enough where each line of a purpose is met by one of its alternatives. Codes of one's own phone,
mailbox and authenticator prove what the customer has; certificates too, and on another device.

Sources: `institutions.yml: self_unlock_needs, reissue_needs, certificate_prerequisites, certificate_otp,
certificate_second_check` (hnyc), `two_factor_definition` (gtjai), `token_enable, token_biometric, token_sync_to_bank`
(icbca). That details come before any code, and a code before "not me" is acted on, is ours (T27, T34): otherwise
whoever knows an account number could suspend it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from actions.security.errors import FactorsMissing


class Factor(StrEnum):
    DETAILS = "details"  # account number and birth date
    PASSWORD = "password"  # noqa: S105  # the name of a factor
    TOKEN_PASSWORD = "token_password"  # noqa: S105  # the name of a factor
    ID_CARD = "id_card"  # three random characters of its number
    SMS_CODE = "sms_code"
    EMAIL_CODE = "email_code"
    TOKEN_CODE = "token_code"  # noqa: S105  # the name of a factor
    CERTIFICATE = "certificate"
    HOTLINE = "hotline"  # a member of staff has made sure who calls


# What the customer knows, and what they have; staff stands outside.
KNOWN = frozenset({Factor.DETAILS, Factor.PASSWORD, Factor.TOKEN_PASSWORD, Factor.ID_CARD})
HELD = frozenset({Factor.SMS_CODE, Factor.EMAIL_CODE, Factor.TOKEN_CODE, Factor.CERTIFICATE})

_SENT_CODE = frozenset({Factor.SMS_CODE, Factor.EMAIL_CODE})
_LOGIN_CODE = frozenset({Factor.SMS_CODE, Factor.TOKEN_CODE})


def _one(factor: Factor) -> frozenset[Factor]:
    return frozenset({factor})


_BY_CODE = (_one(Factor.DETAILS), _SENT_CODE)
_BY_CODE_AND_CERTIFICATE = (*_BY_CODE, _one(Factor.CERTIFICATE))

NEEDED: Mapping[str, tuple[frozenset[Factor], ...]] = {
    "login": (_one(Factor.PASSWORD), _LOGIN_CODE),
    "verify_identity": _BY_CODE,
    "protect_account": _BY_CODE,
    "token_status": _BY_CODE,
    "check_notice": _BY_CODE,
    "unlock_password": _BY_CODE_AND_CERTIFICATE,
    "reissue_password": _BY_CODE_AND_CERTIFICATE,
    "renew_certificate": _BY_CODE_AND_CERTIFICATE,
    "enrol_token": (_one(Factor.PASSWORD), _one(Factor.ID_CARD), _one(Factor.SMS_CODE)),
    "synchronise_token": (_one(Factor.PASSWORD), _one(Factor.TOKEN_PASSWORD), _LOGIN_CODE),
    "add_biometrics": (_one(Factor.TOKEN_PASSWORD), _one(Factor.SMS_CODE)),
    "high_risk": (_one(Factor.PASSWORD), _one(Factor.TOKEN_PASSWORD), _one(Factor.TOKEN_CODE)),
    "lift_protection": (_one(Factor.HOTLINE),),
}

NEEDS_CERTIFICATE = frozenset(purpose for purpose, needed in NEEDED.items() if _one(Factor.CERTIFICATE) in needed)


def require(purpose: str, proven: Collection[Factor]) -> None:
    """Return if `proven` is enough for `purpose`; raise `FactorsMissing`, also for a purpose that nobody has named.

    A code counts once it was verified for this purpose, a certificate where it is valid now: the caller says so from
    rows of its own transaction.
    """
    if purpose not in NEEDED or not all(alternatives & set(proven) for alternatives in NEEDED[purpose]):
        raise FactorsMissing
