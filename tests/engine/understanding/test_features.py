"""A message as numbers: one message and many give the same, and what training never saw counts against a message."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.content.topics import load_topics
from bot.engine.understanding.concepts import Lexicon
from bot.engine.understanding.features import (
    LEAST_MESSAGES,
    UNKNOWN_COUNTS,
    VIEWS,
    WEIGHTS,
    Corpus,
    Space,
    Vector,
    grams_of,
    matrix,
    weigh,
)
from bot.engine.understanding.normaliser import normalise
from tests.engine.understanding.conftest import Examples

TWO_TOPICS = ("otp_overseas", "password_locked")


@pytest.fixture(scope="module")
def corpus(lexicon: Lexicon) -> Corpus:
    topics = load_topics()
    return Corpus([normalise(text) for id_ in TWO_TOPICS for text in topics[id_].all_examples], lexicon)


@pytest.fixture(scope="module")
def texts(corpus: Corpus) -> list[str]:
    topics = load_topics()
    return [normalise(text) for id_ in TWO_TOPICS for text in topics[id_].all_examples]


@pytest.fixture(scope="module")
def space(corpus: Corpus) -> Space:
    """Learnt from every other message, so that half of them hold what training does not know."""
    return Space.of(corpus, weigh(corpus, np.arange(0, len(corpus), 2)))


def space_of(*texts: str, lexicon: Lexicon | None = None) -> Space:
    corpus = Corpus([normalise(text) for text in texts], lexicon or Lexicon({}))
    return Space.of(corpus, weigh(corpus, np.arange(len(corpus))))


def lengths(space: Space, vector: Vector) -> dict[str, float]:
    """Return the length of each view of `vector`."""
    squares = dict.fromkeys(VIEWS, 0.0)
    for view in VIEWS:
        ours = np.isin(vector.columns, list(space.columns[view].values()))
        squares[view] = float(np.square(vector.values[ours]).sum())
    return {view: math.sqrt(square) for view, square in squares.items()}


def columns(space: Space, view: str, text: str) -> set[int]:
    return set(space.vector(normalise(text)).columns.tolist()) & set(space.columns[view].values())


# --- one message and many --------------------------------------------------------------------------


def test_one_message_and_many_have_the_same_values(corpus: Corpus, texts: list[str], space: Space) -> None:
    rows, _ = matrix(corpus, weigh(corpus, np.arange(0, len(corpus), 2)), np.arange(len(corpus)))
    assert rows.shape == (len(texts), len(space))
    for row, text in enumerate(texts):
        vector, expected = space.vector(text), rows[row]
        order = np.argsort(vector.columns)
        assert vector.columns[order].tolist() == sorted(expected.indices.tolist()), text
        assert vector.values[order] == pytest.approx(expected.toarray().ravel()[vector.columns[order]]), text


def test_one_message_and_many_have_the_same_coverage(corpus: Corpus, texts: list[str], space: Space) -> None:
    _, coverage = matrix(corpus, weigh(corpus, np.arange(0, len(corpus), 2)), np.arange(len(corpus)))
    assert [space.vector(text).coverage for text in texts] == pytest.approx(coverage.tolist())


def test_a_part_of_the_messages_is_as_it_is_among_all(corpus: Corpus) -> None:
    weighing = weigh(corpus, np.arange(len(corpus)))
    every, covered = matrix(corpus, weighing, np.arange(len(corpus)))
    some, of_some = matrix(corpus, weighing, np.array([5, 3]))
    assert (some != every[[5, 3]]).nnz == 0
    assert of_some.tolist() == covered[[5, 3]].tolist()


def test_putting_messages_into_the_space_leaves_the_corpus_as_it_was(corpus: Corpus) -> None:
    weighing = weigh(corpus, np.arange(len(corpus)))
    before = {view: counts.data.tobytes() for view, counts in corpus.counts.items()}
    matrix(corpus, weighing, np.arange(len(corpus)))
    assert {view: counts.data.tobytes() for view, counts in corpus.counts.items()} == before


def test_equal_messages_in_equal_order_give_equal_bytes(texts: list[str], lexicon: Lexicon) -> None:
    def written() -> tuple[bytes, ...]:
        corpus = Corpus(texts, lexicon)
        weighing = weigh(corpus, np.arange(len(corpus)))
        rows, coverage = matrix(corpus, weighing, np.arange(len(corpus)))
        space = Space.of(corpus, weighing)
        return (
            *(part.tobytes() for part in (rows.data, rows.indices, rows.indptr, coverage, space.rarity)),
            repr(space.columns).encode(),
        )

    assert written() == written()


# --- columns ---------------------------------------------------------------------------------------


def test_every_view_has_columns_of_its_own(space: Space) -> None:
    found = [column for view in VIEWS for column in space.columns[view].values()]
    assert sorted(found) == list(range(len(space)))


def test_every_view_finds_something(space: Space) -> None:
    assert all(space.columns[view] for view in VIEWS)


def test_what_one_message_alone_says_gets_no_column_where_two_are_needed() -> None:
    space = space_of("驗證碼過期", "驗證碼錯誤")
    assert LEAST_MESSAGES["pinyin"] == 2
    assert "yan zheng ma" in space.columns["pinyin"]
    assert "guo qi" not in space.columns["pinyin"]
    assert "过期" in space.columns["character"]


def test_what_is_rare_counts_more() -> None:
    space = space_of("碼甲", "碼乙", "碼丙")
    assert space.rarity[space.columns["character"]["甲"]] > space.rarity[space.columns["character"]["码"]]


def test_a_word_that_is_said_twice_counts_less_than_twice() -> None:
    space = space_of("甲乙", "丙丁")
    once, twice = (space.vector(text) for text in ("甲 乙", "甲 甲 乙"))
    ratio = [dict(zip(v.columns.tolist(), v.values.tolist(), strict=True)) for v in (once, twice)]
    first, second = (space.columns["character"][gram] for gram in "甲乙")
    assert 1 < ratio[1][first] / ratio[1][second] < 2 * ratio[0][first] / ratio[0][second]


# --- the views -------------------------------------------------------------------------------------


def test_a_homophone_sounds_like_what_was_meant() -> None:
    space = space_of("驗證碼過期", "驗證碼過期")
    assert columns(space, "pinyin", "驗正碼過期") == columns(space, "pinyin", "驗證碼過期")


def test_a_word_within_a_longer_one_shares_its_letters() -> None:
    space = space_of("certificate", "certificate")
    assert columns(space, "character", "certificates")
    assert not columns(space, "character", "mailbox")


def test_a_letter_gram_does_not_reach_over_a_space() -> None:
    assert not [gram for gram in grams_of("ab cd", Lexicon({}))["character"] if "b" in gram and "c" in gram]


def test_a_chinese_gram_does_not_reach_over_what_stands_between() -> None:
    assert "码过" not in grams_of("验证码，过期", Lexicon({}))["character"]


def test_the_forms_of_a_word_are_one_feature() -> None:
    space = space_of("locked", "locked")
    assert columns(space, "word", "locking") == columns(space, "word", "locked") != set()


def test_two_words_are_found_with_others_between_them() -> None:
    grams = [grams_of(text, Lexicon({}))["gap"] for text in ("password locked", "password was suddenly locked")]
    assert set(grams[0]) <= set(grams[1])


def test_words_that_say_nothing_are_in_no_pair() -> None:
    assert grams_of("this is the password that i have", Lexicon({}))["gap"] == []


def test_a_concept_joins_what_no_word_joins() -> None:
    lexicon = Lexicon({"abroad": ["出差", "phuket"]})
    space = space_of("我在出差", "我在出差", lexicon=lexicon)
    assert columns(space, "concept", "in phuket") == columns(space, "concept", "出差") != set()


@pytest.mark.parametrize("text", ["", " ", "？！", "🙂", "\x00", "ไทย", "한국어", "العربية"])
def test_a_message_of_no_known_script_touches_no_column(space: Space, text: str) -> None:
    vector = space.vector(normalise(text))
    assert (len(vector.columns), len(vector.values), vector.coverage) == (0, 0, 0.0)


# --- length and coverage ---------------------------------------------------------------------------


def test_a_message_that_training_knows_has_the_weight_of_its_views_as_its_lengths(lexicon: Lexicon) -> None:
    text = "在日本收不到驗證碼 no code in Tokyo"
    space = space_of(text, text, lexicon=lexicon)
    assert lengths(space, space.vector(normalise(text))) == pytest.approx(WEIGHTS)


def test_unknown_words_lower_every_value_of_their_views() -> None:
    space = space_of("驗證碼過期", "驗證碼過期")
    known, mixed = space.vector("验证码过期"), space.vector("验证码过期 龘靐齉")
    assert known.columns.tolist() == mixed.columns.tolist()
    assert (mixed.values < known.values).all()


def test_the_more_is_unknown_the_lower_the_values() -> None:
    space = space_of("驗證碼過期", "驗證碼過期")
    sums = [space.vector("验证码过期" + " 龘靐" * i + " 齉爩" * i).values.sum() for i in range(4)]
    assert sums == sorted(sums, reverse=True)


def test_what_is_unknown_counts_half() -> None:
    space = space_of("甲", "甲")
    character = space.columns["character"]["甲"]
    values = dict(zip(*(part.tolist() for part in _parts(space.vector("甲 龘"))), strict=True))
    inside, outside = space.rarity[character] ** 2, space.unknown**2
    expected = WEIGHTS["character"] * math.sqrt(inside / (inside + UNKNOWN_COUNTS * outside))
    assert values[character] == pytest.approx(expected)


def _parts(vector: Vector) -> tuple[np.ndarray, np.ndarray]:
    return vector.columns, vector.values


def test_an_unknown_english_word_leaves_chinese_pinyin_alone() -> None:
    space = space_of("驗證碼過期 late", "驗證碼過期 late")
    known, mixed = (lengths(space, space.vector(text)) for text in ("验证码过期 late", "验证码过期 late qqqq"))
    assert mixed["pinyin"] == pytest.approx(known["pinyin"])
    assert mixed["word"] < known["word"]


def test_coverage_is_one_where_training_knows_all_and_nought_where_it_knows_nothing() -> None:
    space = space_of("驗證碼過期", "驗證碼過期")
    assert space.vector("验证码过期").coverage == 1.0
    assert space.vector("龘靐齉").coverage == 0.0


def test_coverage_falls_with_what_is_unknown() -> None:
    space = space_of("驗證碼過期", "驗證碼過期")
    covered = [space.vector("验证码过期" + text).coverage for text in ("", " 龘", " 龘靐", " 龘靐齉爩")]
    assert covered == sorted(covered, reverse=True)
    assert all(0 < share < 1 for share in covered[1:])


def test_coverage_of_any_message_is_a_share(space: Space, examples: Examples) -> None:
    assert all(0 <= space.vector(normalise(text)).coverage <= 1 for text in examples[0])
