"""Every answer that customers read: each topic at each institution in each language, and what it rests on."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import pytest
import yaml

from bot.content import wording
from bot.content.checks import check_content
from bot.content.institutions import DATA, Institution, load_institutions
from bot.content.language import LANGUAGES
from bot.content.responses import ALWAYS_FILLED
from bot.content.topics import Topic, load_topics

FACTS = DATA.parents[1] / "shared" / "facts"
INSTITUTIONS = load_institutions()
TOPICS = load_topics()
WANTED = (
    {entry["id"]: entry for entry in yaml.safe_load((FACTS / "topics.yml").read_text(encoding="utf-8"))}
    if FACTS.is_dir()
    else {}
)
SOURCES = yaml.safe_load((DATA / "flows" / "conversation.yml").read_text(encoding="utf-8"))["responses"]["utter_source"]


class Answer(NamedTuple):
    """What one institution says to one question in one language, as it is written."""

    topic: Topic
    institution: Institution
    language: str

    @property
    def written(self) -> str:
        return self.topic.answers[self.institution.id].get(self.language, "")

    @property
    def read(self) -> str:
        """The text as the customer gets it."""
        own = {"institution": self.institution.name[self.language], "reference": "C-AAAAAA"}
        return wording.fill(self.written, {**self.institution.placeholders, **own})


ANSWERS = [
    Answer(topic, INSTITUTIONS[id_], language)
    for topic in TOPICS.values()
    for id_ in topic.answers
    for language in LANGUAGES
]
each_answer = pytest.mark.parametrize(
    "answer", ANSWERS, ids=[f"{answer.topic.id}-{answer.institution.id}-{answer.language}" for answer in ANSWERS]
)


def says(findings: object) -> list[str]:
    return [finding.says for finding in findings]  # type: ignore[attr-defined]


@each_answer
def test_an_answer_is_written(answer: Answer) -> None:
    assert answer.written.strip()


@each_answer
def test_an_answer_has_no_placeholder_that_nobody_fills(answer: Answer) -> None:
    known = {*answer.institution.placeholders, *ALWAYS_FILLED}
    assert says(wording.unknown_placeholders(answer.written, known)) == []


@each_answer
def test_nothing_is_left_to_fill_in_in_an_answer(answer: Answer) -> None:
    assert not set("{}｛｝") & set(answer.read)


@each_answer
def test_an_answer_is_short_but_for_its_numbered_steps(answer: Answer) -> None:
    assert says(wording.too_long(answer.read, answer.language)) == []


@each_answer
def test_an_answer_is_in_its_script(answer: Answer) -> None:
    assert says(wording.other_script(answer.read, answer.language, answer.institution)) == []


@each_answer
def test_an_answer_has_no_word_of_another_place(answer: Answer) -> None:
    assert says(wording.words_of_elsewhere(answer.read, answer.language, answer.institution)) == []


@each_answer
def test_an_answer_has_no_fact_of_another_institution(answer: Answer) -> None:
    assert says(wording.facts_of_others(answer.read, answer.institution, INSTITUTIONS.values())) == []


@each_answer
def test_an_answer_says_what_it_must(answer: Answer) -> None:
    must = WANTED.get(answer.topic.id, {}).get("must", {}).get(answer.institution.id, [])
    assert says(wording.left_out(answer.read, must)) == []


@each_answer
def test_an_answer_rests_on_something(answer: Answer) -> None:
    assert answer.topic.source[answer.institution.id]


@each_answer
def test_an_answer_shows_whose_guide_it_rests_on_and_when_it_was_reviewed(answer: Answer) -> None:
    name = answer.institution.name[answer.language]
    (shown,) = (one["text"] for one in SOURCES if one["metadata"] == {"language": answer.language})
    filled = wording.fill(shown, {"institution": name, "reviewed": answer.topic.reviewed.isoformat()})
    assert name in filled
    assert answer.topic.reviewed.isoformat() in filled


# --- topics: the rules are those of `anxin check` -----------------------------------------------------


@pytest.fixture(scope="module")
def problems() -> list[str]:
    return check_content(FACTS if FACTS.is_dir() else None)


@pytest.mark.parametrize("topic", TOPICS.values(), ids=list(TOPICS))
def test_a_topic_has_its_institutions_act_sources_dates_and_examples(topic: Topic, problems: list[str]) -> None:
    file = topic.file.relative_to(DATA.parent).as_posix()
    assert [problem for problem in problems if problem.startswith(f"{file}:")] == []


def test_every_topic_of_the_facts_has_a_file_and_what_is_not_answered_has_examples(problems: list[str]) -> None:
    assert [problem for problem in problems if problem.startswith(("data/topics:", "data/flows"))] == []


def test_answers_were_compared_with_the_shared_facts() -> None:
    if not FACTS.is_dir():  # a clone by itself
        warnings.warn(f"There is no {FACTS}: what answers must say was not compared.", stacklevel=1)
