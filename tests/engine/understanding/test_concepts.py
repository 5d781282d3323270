"""The lexicon: what words mean in this field, found in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.engine.understanding.concepts import Lexicon, read_entries
from bot.engine.understanding.normaliser import normalise


def found(text: str, **entries: list[str]) -> list[str]:
    return Lexicon(entries).found(normalise(text))


def test_every_concept_of_the_lexicon_has_words_in_both_languages() -> None:
    for name, words in read_entries().items():
        assert any(word.isascii() for word in words), name
        assert any(not word.isascii() for word in words), name


def test_every_entry_of_the_lexicon_is_found_where_it_stands_alone(lexicon: Lexicon) -> None:
    lost = [
        (name, word)
        for name, words in lexicon.entries.items()
        for word in words
        if name not in lexicon.found(normalise(word))
    ]
    assert lost == []


def test_a_file_is_read_in_its_order_and_numbers_are_words(tmp_path: Path) -> None:
    file = tmp_path / "concepts.yml"
    file.write_text("late: {zh: [太晚], en: [2359, too late]}\nabroad: {zh: [日本]}\n", encoding="utf-8")
    assert list(read_entries(file).items()) == [("late", ["太晚", "2359", "too late"]), ("abroad", ["日本"])]


def test_concepts_come_in_the_order_of_the_message() -> None:
    assert found("在日本手機被偷", stolen=["被偷"], abroad=["日本"]) == ["abroad", "stolen"]


def test_of_entries_that_begin_together_the_longest_counts() -> None:
    assert found("驗證碼過期", code=["驗證碼"], late=["驗證碼過期"]) == ["late"]


def test_of_entries_that_overlap_the_one_that_begins_first_counts() -> None:
    assert found("天地人", first=["天地"], second=["地人"]) == ["first"]


def test_an_entry_of_two_concepts_is_found_as_both() -> None:
    assert found("被盜", stolen=["被盜"], intruder=["被盜"]) == ["stolen", "intruder"]


def test_an_entry_that_is_named_twice_counts_once() -> None:
    assert found("被盜", stolen=["被盜", "被盗", "被盜"]) == ["stolen"]


def test_a_concept_that_occurs_twice_is_found_twice() -> None:
    assert found("日本跟日本", abroad=["日本"]) == ["abroad", "abroad"]


def test_an_english_entry_is_found_as_whole_words_only() -> None:
    assert found("discarded", card=["card"]) == []
    assert found("my card, please", card=["card"]) == ["card"]


def test_an_english_phrase_is_found_over_what_stands_between_its_words() -> None:
    assert found("it was in the bin -- again", rubbish=["in the bin"]) == ["rubbish"]


@pytest.mark.parametrize("text", ["手機掉了", "手机掉了", "手機 掉了", "手機，掉了！", "手\u200b機掉了"])
def test_script_spaces_and_punctuation_make_no_difference(text: str) -> None:
    assert found(text, lost=["手機掉了"]) == ["lost"]


@pytest.mark.parametrize("entry", ["", "？？", "🙂"])
def test_an_entry_of_no_words_is_never_found(entry: str) -> None:
    assert found("？？🙂 手機", nothing=[entry]) == []


@pytest.mark.parametrize("text", ["", " ", "？", "🙂", "\x00"])
def test_a_message_of_no_words_has_no_concepts(lexicon: Lexicon, text: str) -> None:
    assert lexicon.found(normalise(text)) == []


def test_a_lexicon_made_from_its_own_entries_finds_the_same(lexicon: Lexicon) -> None:
    again = Lexicon(lexicon.entries)
    for text in ("手機在日本被偷，收不到驗證碼", "my phone was stolen in Phuket"):
        assert again.found(normalise(text)) == lexicon.found(normalise(text))
