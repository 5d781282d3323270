"""What the model makes of messages: probabilities for anything, and the same model from the same examples."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bot.engine.understanding import archive
from bot.engine.understanding.concepts import Lexicon
from bot.engine.understanding.model import OUTSIDE, Understanding
from bot.engine.understanding.normaliser import normalise
from bot.settings import ROOT
from tests.engine.understanding import small as training
from tests.engine.understanding.conftest import Examples

UNKNOWN = ("qqqq zzzz", "龘靐齉爩", "한국어 메시지", "ⵣⵣⵣ")
EMPTY = ("", " ", "\u200b", "\x00", "？？？", "🙂", "🙂🙂😡🔥")
LONG = ("字" * 2000, "a" * 2000, "驗證碼" * 666, "how long is the code " * 95, "🙂" * 2000, "？" * 2000)
PLANES = tuple(chr(plane * 0x10000 + offset) for plane in range(17) for offset in (0x41, 0x4E00, 0xD7FF, 0xFFFF))
ANYTHING = (*UNKNOWN, *EMPTY, *LONG, *PLANES, "".join(PLANES), "\ud800", "密碼\udfff")
NEAR_OUTSIDE = [
    "台積電現在多少錢",
    "今天天氣如何",
    "what is the weather",
    "融資利率多少",
    "股利什麼時候發",
    "open an account",
]


@pytest.fixture(scope="module")
def with_outside(examples: Examples, lexicon: Lexicon) -> Understanding:
    texts, intents = examples
    return Understanding.train([*texts, *NEAR_OUTSIDE], [*intents, *[OUTSIDE] * len(NEAR_OUTSIDE)], lexicon)


def written(model: Understanding, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    archive.save(model, folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


# --- four topics -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("通知信可以關掉嗎", "notice_opt_out"),
        ("信箱被通知灌爆", "notice_opt_out"),
        ("验证码多久过期", "otp_validity"),
        ("個code有幾耐時間入", "otp_validity"),
        ("手機不見了", "phone_lost"),
        ("someone stole my phone", "phone_lost"),
        ("客服電話幾號", "hotline"),
        ("which number do I call", "hotline"),
    ],
)
def test_a_question_is_likeliest_to_be_its_topic(small: Understanding, text: str, intent: str) -> None:
    probabilities = small.probabilities(text)
    assert small.intents[int(probabilities.argmax())] == intent
    assert probabilities.max() > 0.5


def test_intents_are_in_alphabetical_order(small: Understanding) -> None:
    assert small.intents == sorted(training.SOME_TOPICS)


def test_probabilities_lie_between_nought_and_one(small: Understanding, with_outside: Understanding) -> None:
    for model in (small, with_outside):
        for text in ANYTHING:
            probabilities = model.probabilities(text)
            assert ((probabilities >= 0) & (probabilities <= 1)).all(), repr(text)


def test_with_an_outside_probabilities_add_up_to_one(with_outside: Understanding, examples: Examples) -> None:
    for text in (*ANYTHING, *examples[0][:100]):
        assert with_outside.probabilities(text).sum() == pytest.approx(1, abs=1e-6), repr(text)


def test_without_an_outside_what_is_missing_to_one_is_outside(small: Understanding) -> None:
    assert small.probabilities("通知信可以關掉嗎").sum() > 0.95
    assert small.probabilities("台積電現在多少錢").sum() < small.probabilities("通知信可以關掉嗎").sum()
    assert all(small.probabilities(text).sum() <= 1 + 1e-9 for text in ANYTHING)


def test_what_was_taught_to_be_outside_is_likeliest_outside(with_outside: Understanding) -> None:
    for text in NEAR_OUTSIDE:
        assert with_outside.intents[int(with_outside.probabilities(text).argmax())] == OUTSIDE


def test_the_likeliest_by_score_stays_the_likeliest(small: Understanding, examples: Examples) -> None:
    for text in (*examples[0], *UNKNOWN, "密碼", "電話", "code", "phone"):
        scores = small.scorer.scores(small.space.vector(normalise(text)))
        assert small.probabilities(text).argmax() == scores.argmax(), text


def test_the_likeliest_inside_stays_so_where_there_is_an_outside(
    with_outside: Understanding, examples: Examples
) -> None:
    inside = [i for i, intent in enumerate(with_outside.intents) if intent != OUTSIDE]
    for text in (*examples[0], *NEAR_OUTSIDE, "密碼", "code"):
        scores = with_outside.scorer.scores(with_outside.space.vector(normalise(text)))[inside]
        assert with_outside.probabilities(text)[inside].argmax() == scores.argmax(), text


@pytest.mark.parametrize("text", [*UNKNOWN, *EMPTY])
def test_words_that_nobody_knows_are_about_nothing(small: Understanding, text: str) -> None:
    assert small.probabilities(text).sum() < 0.2


def test_unknown_words_beside_a_question_make_it_less_certain(small: Understanding) -> None:
    sure = [small.probabilities("通知信可以關掉嗎" + " 龘靐齉" * i).max() for i in range(4)]
    assert sure == sorted(sure, reverse=True)


def test_all_of_a_message_counts_and_not_its_script(small: Understanding) -> None:
    for one, other in (("通知信可以關掉嗎", "通知信可以关掉吗"), ("HOW LONG IS IT VALID", "how long is it valid")):
        assert small.probabilities(one).tolist() == small.probabilities(other).tolist()


def test_what_is_less_likely_elsewhere_loses_to_what_is_not(small: Understanding) -> None:
    text = "驗證碼多久有效"
    best = int(small.probabilities(text).argmax())
    factors = np.ones(len(small.intents))
    factors[best] = 0.2
    assert small.probabilities(text, factors)[best] < small.probabilities(text)[best]
    assert small.probabilities(text, np.ones(len(small.intents))).tolist() == small.probabilities(text).tolist()


# --- few, or one-sided -----------------------------------------------------------------------------


def test_two_intents_of_two_examples_are_enough(lexicon: Lexicon) -> None:
    model = Understanding.train(["通知信", "取消通知", "手機掉了", "手機被偷"], ["a", "a", "b", "b"], lexicon)
    assert model.intents == ["a", "b"]
    assert [int(model.probabilities(text).argmax()) for text in ("取消通知信", "手機被偷了")] == [0, 1]


@pytest.mark.parametrize("intents", [["a", "b"], ["a", OUTSIDE], ["a", "b", "c"], ["a", "b", OUTSIDE]])
def test_an_example_an_intent_can_be_trained(lexicon: Lexicon, intents: list[str]) -> None:
    model = Understanding.train(["通知信", "手機掉了", "台積電"][: len(intents)], intents, lexicon)
    probabilities = model.probabilities("通知信")
    assert np.isfinite(probabilities).all()
    assert 0 < probabilities.sum() <= 1 + 1e-9


def test_an_intent_of_a_single_example_among_many_is_found_by_it(examples: Examples, lexicon: Lexicon) -> None:
    texts, intents = examples
    model = Understanding.train([*texts, "展延憑證"], [*intents, "renew_certificate"], lexicon)
    assert model.intents[int(model.probabilities("展延憑證").argmax())] == "renew_certificate"
    assert model.intents[int(model.probabilities("通知信可以關掉嗎").argmax())] == "notice_opt_out"


def test_the_name_of_an_intent_is_an_example_of_it(lexicon: Lexicon) -> None:
    model = Understanding.train(["甲甲", "乙乙", "丙丙"], ["card_lost", "top_up", "pin-reset"], lexicon)
    for text in ("card lost", "top up", "pin reset"):
        best = model.intents[int(model.probabilities(text).argmax())]
        assert best.replace("_", " ").replace("-", " ") == text


def test_without_a_lexicon_there_are_no_concepts_and_all_else_works(examples: Examples) -> None:
    model = Understanding.train(*examples, Lexicon({}))
    assert model.space.columns["concept"] == {}
    assert model.intents[int(model.probabilities("通知信可以關掉嗎").argmax())] == "notice_opt_out"


def test_an_example_of_no_words_does_not_stop_training(lexicon: Lexicon) -> None:
    texts, intents = ["通知信", "？", "", "手機掉了", "🙂"], ["a", "a", "a", "b", "b"]
    assert np.isfinite(Understanding.train(texts, intents, lexicon).probabilities("手機")).all()


# --- the same again --------------------------------------------------------------------------------


def test_the_same_examples_make_the_same_bytes(
    examples: Examples, lexicon: Lexicon, small: Understanding, tmp_path: Path
) -> None:
    again = Understanding.train(*examples, lexicon)
    assert written(again, tmp_path / "again") == written(small, tmp_path / "first")


@pytest.mark.parametrize("seed", ["0", "1", "20261120"])
def test_the_same_examples_make_the_same_bytes_in_another_process(
    small: Understanding, tmp_path: Path, seed: str
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", training.__name__, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        timeout=120,
    )
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == written(small, tmp_path / "here")


def test_training_leaves_the_examples_and_the_chance_of_others_alone(examples: Examples, lexicon: Lexicon) -> None:
    texts, intents = list(examples[0]), list(examples[1])
    np.random.seed(7)
    expected = np.random.RandomState(7).rand()
    Understanding.train(texts, intents, lexicon)
    assert (texts, intents) == examples
    assert np.random.rand() == expected
