"""What a customer enters to say who they are: an account number and a birth date."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from actions.security.errors import AccountUnreadable, BirthDateUnreadable
from actions.security.secret import Secret

ROC_YEAR_ONE = 1912
_LONGEST_LIFE_YEARS = 130


def read_account(entered: Secret) -> Secret:
    """Return the account number without spaces and hyphens, in capitals; raise `AccountUnreadable`."""
    text = re.sub(r"[\s\-–—_.]", "", unicodedata.normalize("NFKC", entered.reveal())).upper()
    if not re.fullmatch(r"[0-9A-Z]{4,16}", text):
        raise AccountUnreadable
    return Secret(text)


def read_birth_date(entered: Secret, today: date) -> date:
    """Return the date in `entered`: 072/05/17, 72年5月17日, 民國72.5.17, 0720517, 1983-05-17, 19830517.

    Years below 1900 are of the ROC calendar (year 1 is 1912; `institutions.yml: certificate_second_check`).
    Raise `BirthDateUnreadable` where there is no such day, or it lies in the future.
    """
    text = unicodedata.normalize("NFKC", entered.reveal())
    text = re.sub(r"民國|民国|西元|公元|R\.?O\.?C\.?|生日|出生", "", text, flags=re.IGNORECASE).strip()
    match = re.fullmatch(
        r"(\d{1,4})\s*[-/.年\s]\s*(\d{1,2})\s*[-/.月\s]\s*(\d{1,2})\s*[日號号]?", text, flags=re.ASCII
    ) or re.fullmatch(r"(\d{2,4})(\d{2})(\d{2})", text, flags=re.ASCII)
    if not match:
        raise BirthDateUnreadable
    year, month, day = (int(part) for part in match.groups())
    if not year:
        raise BirthDateUnreadable
    year = year + ROC_YEAR_ONE - 1 if year < 1900 else year
    try:
        born = date(year, month, day)
    except ValueError as problem:
        raise BirthDateUnreadable from problem
    if born > today or today.year - born.year > _LONGEST_LIFE_YEARS:
        raise BirthDateUnreadable
    return born
