"""Two forms of an English word are one, and two words stay two."""

from __future__ import annotations

from itertools import combinations

import pytest

from bot.content.topics import load_topics
from bot.engine.understanding.normaliser import normalise
from bot.engine.understanding.stems import STOP_WORDS, stem, stems

DIFFERENT = (
    "account", "address", "app", "bank", "birth", "branch", "browser", "call", "card", "certificate", "change", "code",
    "date", "device", "digit", "disable", "enable", "error", "expire", "face", "finger", "freeze", "hotline", "invest",
    "link", "lock", "log", "lose", "mailbox", "notice", "number", "office", "order", "password", "phone", "reply",
    "report", "reset", "secure", "send", "stop", "sync", "token", "trade", "unlock", "update", "valid", "wait", "why",
)  # fmt: skip


@pytest.mark.parametrize(
    "forms",
    [
        "lock locks locked locking",
        "unlock unlocks unlocked unlocking",
        "send sends sent sending",
        "expire expires expired expiring",
        "freeze freezes froze frozen freezing",
        "renew renews renewed renewing",
        "reply replies replied",
        "stop stops stopped stopping",
        "log logs logged logging",
        "certificate certificates",
        "code codes",
        "notice notices",
        "security securities",
        "steal steals stole stolen stealing",
        "lose loses lost losing",
        "is are was were been be",
        "don't didn't doesn't can't cannot won't never not",
        "i i'm i've",
    ],
)
def test_the_forms_of_a_word_are_one(forms: str) -> None:
    assert len({stem(word) for word in forms.split()}) == 1


def test_the_words_of_this_field_stay_apart() -> None:
    assert [(one, other) for one, other in combinations(DIFFERENT, 2) if stem(one) == stem(other)] == []


@pytest.mark.parametrize("word", ["s", "ed", "ing", "es", "is", "as", "bed", "red", "her", "e", "1", "2fa", "0000"])
def test_a_short_word_is_not_cut_to_nothing(word: str) -> None:
    assert stem(word)


def test_no_word_of_an_example_is_cut_to_nothing_or_grows() -> None:
    texts = [normalise(text) for topic in load_topics().values() for text in topic.all_examples]
    words = {word for text in texts for word in text.split() if word.isascii() and word.isalpha()}
    assert words
    assert [word for word in sorted(words) if not 1 <= len(stem(word)) <= len(word) + 1] == []


def test_words_come_in_their_order_without_what_stands_between() -> None:
    assert stems("my codes, they expired!") == [stem("my"), stem("code"), stem("they"), stem("expire")]


def test_chinese_is_left_to_others() -> None:
    assert stems("密码 locked 了") == [stem("lock")]


@pytest.mark.parametrize("text", ["", " ", "？", "密码", "🙂", "'", "’’"])
def test_a_text_without_english_has_no_stems(text: str) -> None:
    assert stems(text) == []


def test_an_apostrophe_of_either_kind_is_part_of_its_word() -> None:
    assert len(stems("can't")) == len(stems("can’t")) == 1


def test_a_stop_word_is_a_stem_so_that_it_is_found_among_stems() -> None:
    assert {stem(word) for word in STOP_WORDS} == STOP_WORDS
