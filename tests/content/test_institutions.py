"""When somebody answers the hotline, and which numbers an institution publishes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.content.institutions import DATA, Institution, load_institutions

TAIPEI = ZoneInfo("Asia/Taipei")
FRIDAY = datetime(2026, 11, 20, tzinfo=TAIPEI)


@pytest.fixture(scope="module")
def hnyc() -> Institution:
    return load_institutions()["hnyc"]


def at(clock: str, day: datetime = FRIDAY) -> datetime:
    return datetime.fromisoformat(f"{day:%Y-%m-%d}T{clock}").replace(tzinfo=TAIPEI)


@pytest.mark.parametrize(
    ("clock", "state"),
    [
        ("00:00:00", "closed"),
        ("07:59:59", "closed"),
        ("08:00:00", "open"),
        ("12:30:00", "open"),
        ("18:59:59", "open"),
        ("19:00:00", "closed"),
        ("23:59:59", "closed"),
    ],
)
@pytest.mark.parametrize("days_before", range(5))
def test_on_weekdays_the_hotline_is_open_from_eight_until_seven_in_taipei(
    hnyc: Institution, clock: str, state: str, days_before: int
) -> None:
    assert hnyc.hotline_state(at(clock, FRIDAY - timedelta(days=days_before))) == state


@pytest.mark.parametrize("days_after", [1, 2])
@pytest.mark.parametrize("clock", ["08:00:00", "12:30:00", "18:59:59"])
def test_at_the_weekend_the_hotline_is_closed(hnyc: Institution, days_after: int, clock: str) -> None:
    assert hnyc.hotline_state(at(clock, FRIDAY + timedelta(days=days_after))) == "closed"


def test_the_first_second_of_monday_morning_counts_as_monday(hnyc: Institution) -> None:
    assert hnyc.hotline_state(at("08:00:00", FRIDAY + timedelta(days=3))) == "open"


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        ("2026-11-19T23:59:59+00:00", "closed"),  # Friday 07:59:59 in Taipei
        ("2026-11-20T00:00:00+00:00", "open"),
        ("2026-11-20T10:59:59+00:00", "open"),
        ("2026-11-20T11:00:00+00:00", "closed"),
        ("2026-11-22T23:59:59+00:00", "closed"),  # Monday 07:59:59, still Sunday in London
        ("2026-11-23T00:00:00+00:00", "open"),
        ("2026-11-20T16:00:00-08:00", "closed"),  # Saturday 08:00, still Friday in California
    ],
)
def test_the_clock_in_taipei_decides_and_not_the_one_of_the_server(hnyc: Institution, moment: str, state: str) -> None:
    assert hnyc.hotline_state(datetime.fromisoformat(moment)) == state


@pytest.mark.parametrize("id_", ["gtjai", "icbca"])
@pytest.mark.parametrize("clock", ["03:00:00", "11:00:00"])
def test_where_the_guide_states_no_hours_nobody_claims_to_know(id_: str, clock: str) -> None:
    assert load_institutions()[id_].hotline_state(at(clock)) == "unknown"


@pytest.mark.parametrize("digits", ["4128889", "024128889", "074128889"])
def test_the_hotline_is_published_with_and_without_its_prefix(hnyc: Institution, digits: str) -> None:
    assert digits in hnyc.published_numbers


@pytest.mark.parametrize("digits", ["85225097524", "25097524", "4008095521", "22500898", "22500899", "25097526"])
def test_hong_kong_numbers_are_published_with_and_without_the_country(digits: str) -> None:
    assert digits in load_institutions()["gtjai"].published_numbers


@pytest.mark.parametrize("id_", ["hnyc", "gtjai", "icbca"])
def test_a_limit_of_a_few_digits_is_no_published_number(id_: str) -> None:
    assert all(len(number) >= 5 for number in load_institutions()[id_].published_numbers)


def test_no_institution_publishes_the_hotline_of_another() -> None:
    institutions = load_institutions()
    hotlines = {id_: "".join(filter(str.isdigit, one.hotline)) for id_, one in institutions.items()}
    for id_, one in institutions.items():
        assert {other for other, number in hotlines.items() if number in one.published_numbers} == {id_}


def test_an_incomplete_institution_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "demo.yml"
    file.write_text("id: demo\nlimits: {hotline_hours: null}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"demo\.yml: KeyError .*; compare with hnyc\.yml"):
        load_institutions(tmp_path)


def test_every_institution_is_kept_in_a_file_of_its_name() -> None:
    assert set(load_institutions()) == {file.stem for file in (DATA / "institutions").glob("*.yml")}
