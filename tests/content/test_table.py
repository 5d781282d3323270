"""The coverage table: what is answered where, at a glance, in a terminal of a hundred columns."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot.content.language import LANGUAGES
from bot.content.table import WIDTH, coverage, shown, width
from tests.content.world import World, variations

ALL = "✓ ✓ ✓"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def line_of(table: list[str], start: str) -> str:
    """Return the one line of the areas and flows that begins with `start`."""
    (line,) = (line for line in table if line.split(" ")[0] == start and "in " not in line)
    return line


def cells(world: World, row: str) -> dict[str, str]:
    """Return the marks of a topic or flow by institution, by the columns that the head says."""
    table = world.table()
    area = table[: table.index(line_of(table, row))]
    head = next(line for line in reversed(area) if "mixed" in line)
    line = line_of(table, row)
    starts = {id_: width(head[: head.index(id_)]) for id_ in world.institutions}
    return {id_: _columns(line, start, 6).rstrip() for id_, start in starts.items()}


def _columns(line: str, start: int, count: int) -> str:
    characters = [character + "\x00" * (width(character) - 1) for character in line]
    return "".join(characters)[start : start + count].replace("\x00", "")


# --- marks --------------------------------------------------------------------------------------------


def test_an_answer_in_every_language_is_marked_where_it_is_given(world: World) -> None:
    assert cells(world, "bell") == {"demo": ALL, "other": ALL}


def test_a_question_that_is_none_at_an_institution_is_blank_there(world: World) -> None:
    assert cells(world, "lamp") == {"demo": ALL, "other": ""}


@pytest.mark.parametrize(("language", "marks"), zip(LANGUAGES, ["- ✓ ✓", "✓ - ✓", "✓ ✓ -"], strict=True))
def test_a_missing_language_is_marked_at_its_place(world: World, language: str, marks: str) -> None:
    del world.lamp["answers"]["demo"][language]
    assert cells(world, "lamp")["demo"] == marks


def test_an_institution_that_the_facts_name_and_nobody_answers_for_is_missing(world: World) -> None:
    assert world.facts
    world.facts["topics"][0]["for"] = ["demo", "other"]
    assert cells(world, "lamp")["other"] == "- - -"


def test_without_the_facts_nobody_misses_what_is_not_there(world: World) -> None:
    world.facts = None
    assert cells(world, "lamp") == {"demo": ALL, "other": ""}


def test_an_expired_answer_is_withheld(world: World) -> None:
    world.lamp["expires"] = date(2026, 11, 20)
    assert cells(world, "lamp")["demo"] == "x x x"


def test_a_language_that_is_missing_in_an_expired_answer_is_missing(world: World) -> None:
    world.lamp["expires"] = date(2026, 11, 20)
    del world.lamp["answers"]["demo"]["en"]
    assert cells(world, "lamp")["demo"] == "x x -"


def test_a_flow_is_marked_where_it_is_and_all_it_says_has_words(world: World) -> None:
    assert cells(world, "ring") == {"demo": ALL, "other": ""}


def test_a_flow_of_which_one_response_has_no_words_in_a_language_is_missing_there(world: World) -> None:
    world.flows["ring"]["responses"]["utter_rung"] = variations("demo")[:2]
    assert cells(world, "ring")["demo"] == "✓ ✓ -"


def test_a_flow_without_responses_is_missing(world: World) -> None:
    assert cells(world, "human") == {"demo": "- - -", "other": "- - -"}


def test_a_flow_without_a_title_in_a_language_is_missing_there(world: World) -> None:
    del world.flows["titles"]["ring"]["title"]["zh-Hans"]
    assert cells(world, "ring")["demo"] == "✓ - ✓"


# --- numbers and dates ----------------------------------------------------------------------------------


def test_examples_of_a_topic_are_counted_by_kind(world: World) -> None:
    assert line_of(world.table(), "lamp").split()[-4:-1] == ["24", "10", "6"]


def test_examples_of_a_flow_are_counted_by_their_characters(world: World) -> None:
    world.flows["ring"]["nlu"][0]["examples"] = "- 響鈴吧\n- ring the bell now\n- 幫我ring\n- ㄒㄧㄤˇ\n"
    assert line_of(world.table(), "ring").split()[-3:] == ["2", "1", "1"]


def test_a_topic_says_when_it_expires(world: World) -> None:
    assert line_of(world.table(), "lamp").endswith("2027-11-20")


def expiring(table: list[str]) -> list[str]:
    start = table.index("What expires next") + 1
    return table[start : table.index("", start)]


def test_what_expires_next_comes_first_with_its_days(world: World) -> None:
    world.lamp["expires"] = date(2026, 11, 21)
    world.topics["phone/bell"]["expires"] = date(2026, 12, 20)
    first, second = expiring(world.table())
    assert first.split()[:5] == ["2026-11-21", "in", "1", "day", "lamp"]
    assert second.split()[:5] == ["2026-12-20", "in", "30", "days", "bell"]


def test_what_has_expired_does_not_expire_next(world: World) -> None:
    world.lamp["expires"] = date(2026, 11, 20)
    assert [line.split()[4] for line in expiring(world.table())] == ["bell"]


def test_when_all_has_expired_that_is_said(world: World) -> None:
    world.lamp["expires"] = world.topics["phone/bell"]["expires"] = date(2026, 11, 1)
    assert expiring(world.table()) == ["nothing: no answer is valid any more"]


def test_the_next_five_are_listed_and_more_of_the_same_day_counted(world: World) -> None:
    for number in range(6):
        world.topics[f"notices/lamp{number}"] = {**world.lamp, "topic": f"lamp{number}"}
    listed = expiring(world.table())
    assert len(listed) == 6
    assert listed[-1] == "2027-11-20  and 3 more on that day"


def test_totals_count_what_is_there_missing_and_withheld(world: World) -> None:
    world.lamp["expires"] = date(2026, 11, 20)
    del world.topics["phone/bell"]["answers"]["demo"]["en"]
    table = world.table()
    head = next(line for line in table if line.startswith("Totals"))
    assert head.split() == ["Totals", "topics", "complete", "missing", "withheld", "flows", "complete"]
    assert line_of(table, "demo").split() == ["demo", "示範證券", "2", "0", "1", "3", "2", "1"]
    assert line_of(table, "other").split() == ["other", "示例國際", "1", "1", "0", "0", "1", "0"]


# --- how it looks ---------------------------------------------------------------------------------------


def test_the_table_of_the_real_content_fits_into_a_hundred_columns() -> None:
    assert {line for line in coverage(None) if width(line) > WIDTH} == set()


def test_expiry_dates_of_the_real_content_stand_below_each_other() -> None:
    dated = [line for line in coverage(None) if line[-10:-6].isdigit() and line[-6] == "-"]
    assert len(dated) > 50
    assert len({width(line) for line in dated}) == 1


def test_more_institutions_take_their_room_from_the_titles(world: World) -> None:
    for id_ in ("third", "fourth", "fifth"):
        world.institutions[id_] = {**world.institutions["other"], "id": id_}
    assert {line for line in world.table() if width(line) > WIDTH} == set()


def test_plain_text_has_no_escape_codes(world: World) -> None:
    assert not any("\x1b" in line for line in world.table())


def test_in_colour_what_is_missing_stands_out(world: World) -> None:
    del world.lamp["answers"]["demo"]["en"]
    table = world.table(in_colour=True)
    assert [line.split()[0] for line in table if line.startswith("\x1b[31m")] == ["\x1b[31mlamp", "\x1b[31mhuman"]


def test_colour_changes_no_character(world: World) -> None:
    plain = [line.replace("\x1b[1m", "").replace("\x1b[31m", "").replace("\x1b[0m", "") for line in world.table(True)]
    assert plain == world.table()


def test_content_that_cannot_be_read_has_a_sentence_for_a_table(world: World) -> None:
    del world.flows["titles"]
    assert world.table()[0].startswith("data/flows/titles.yml: FileNotFoundError ")


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("ab", 4, "ab  "),
        ("中文", 6, "中文  "),
        ("中文", 3, "中 "),
        ("中文", 4, "中文"),
        ("abc", 2, "ab"),
        ("", 2, "  "),
    ],
)
def test_a_text_is_shown_in_as_many_columns(text: str, columns: int, expected: str) -> None:
    assert shown(text, columns) == expected
    assert width(expected) == columns
