"""Account numbers and birth dates as customers write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.security.errors import AccountUnreadable, BirthDateUnreadable
from actions.security.identity import read_account, read_birth_date
from actions.security.secret import Secret
from tests.actions.world import deterministic

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("entered", "number"),
    [
        ("900018", "900018"),
        (" 9000-18 ", "900018"),
        ("９０００１８", "900018"),
        ("a900018", "A900018"),
        ("9000 18\n", "900018"),
        ("9000–18", "900018"),
        ("demo.1", "DEMO1"),
    ],
)
def test_an_account_number_is_read_without_its_separators(entered: str, number: str) -> None:
    assert read_account(Secret(entered)).reveal() == number


@pytest.mark.parametrize("entered", ["", "123", "1" * 17, "帳號900018", "9000@18", "٩٠٠٠١٨", "9000'18", "900018;--"])
def test_anything_else_is_no_account_number(entered: str) -> None:
    with pytest.raises(AccountUnreadable):
        read_account(Secret(entered))


@deterministic
@given(st.text(max_size=40))
def test_an_account_number_is_letters_and_digits_or_refused(text: str) -> None:
    try:
        number = read_account(Secret(text)).reveal()
    except AccountUnreadable:
        return
    assert number.isascii()
    assert number.isalnum()


@pytest.mark.parametrize(
    "entered",
    [
        "072/05/17",
        "72/5/17",
        "72.5.17",
        "72-05-17",
        "72 5 17",
        "072年05月17日",
        "72年5月17號",
        "民國72年5月17日",
        "民国72年5月17号",
        "ROC 72/5/17",
        "R.O.C. 72/5/17",
        "roc 72/5/17",
        "0720517",
        "720517",
        "０７２／０５／１７",
        "1983-05-17",
        "1983/5/17",
        "1983年5月17日",
        "西元1983年5月17日",
        "19830517",
        " 生日 072/05/17 ",
    ],
)
def test_a_birth_date_is_read_in_either_calendar(entered: str) -> None:
    assert read_birth_date(Secret(entered), TODAY) == date(1983, 5, 17)


@pytest.mark.parametrize(
    ("entered", "born"),
    [
        ("001/01/01", date(1912, 1, 1)),
        ("089/02/29", date(2000, 2, 29)),
        ("2000-02-29", date(2000, 2, 29)),
        ("073/02/29", date(1984, 2, 29)),
        ("100/12/31", date(2011, 12, 31)),
        ("1900-03-01", date(1900, 3, 1)),
        ("115/11/20", TODAY),
    ],
)
def test_a_birth_date_at_the_edge_of_a_calendar_is_read(entered: str, born: date) -> None:
    assert read_birth_date(Secret(entered), TODAY) == born


@pytest.mark.parametrize(
    "entered",
    [
        "",
        "072/02/30",
        "072/13/01",
        "072/00/10",
        "072/05/00",
        "072/02/29",  # 1983 had no such day
        "1900-02-29",
        "115/11/21",  # tomorrow
        "2026-11-21",
        "2100-01-01",
        "9999-12-31",
        "1895-01-01",
        "17/05",
        "05/17/1983",
        "072/05/17/1",
        "٠٧٢/٠٥/١٧",
        "٠٧٢٠٥١٧",
        "-72/05/17",
        "072_05_17",
        "seventy-two",
        "0720517000",
    ],
)
def test_what_is_no_day_of_a_life_is_refused(entered: str) -> None:
    with pytest.raises(BirthDateUnreadable):
        read_birth_date(Secret(entered), TODAY)


@pytest.mark.parametrize("entered", ["000/05/17", "0/5/17", "000517"])
def test_there_is_no_year_zero_in_the_roc_calendar(entered: str) -> None:
    with pytest.raises(BirthDateUnreadable):
        read_birth_date(Secret(entered), TODAY)


@deterministic
@given(st.dates(date(1912, 1, 1), TODAY))
def test_every_day_reads_the_same_in_both_calendars(born: date) -> None:
    roc = f"{born.year - 1911:03d}/{born:%m/%d}"
    assert read_birth_date(Secret(roc), TODAY) == read_birth_date(Secret(born.isoformat()), TODAY) == born


@deterministic
@given(st.dates(date(1912, 1, 1), TODAY))
def test_every_day_reads_without_separators(born: date) -> None:
    assert read_birth_date(Secret(f"{born.year - 1911:03d}{born:%m%d}"), TODAY) == born


@deterministic
@given(st.text(max_size=30))
def test_any_text_is_a_day_up_to_today_or_refused(text: str) -> None:
    try:
        born = read_birth_date(Secret(text), TODAY)
    except BirthDateUnreadable:
        return
    assert born <= TODAY


def test_the_refusal_does_not_quote_what_was_entered() -> None:
    with pytest.raises(BirthDateUnreadable) as refused:
        read_birth_date(Secret("072/02/30"), TODAY)
    assert "072" not in f"{refused.value!r}{refused.value.__cause__!r}{refused.value.facts}"


def test_a_life_may_last_130_years_and_no_longer() -> None:
    assert read_birth_date(Secret("1900-01-01"), date(2030, 12, 31)) == date(1900, 1, 1)
    with pytest.raises(BirthDateUnreadable):
        read_birth_date(Secret("1900-12-31"), date(2031, 1, 1))
