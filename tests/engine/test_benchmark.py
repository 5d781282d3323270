"""`anxin bench understanding`: figures as computed by hand, folds without leaks, mistakes that repeat, honest endings."""

from __future__ import annotations

import json
import os
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasa.engine.recipes
import yaml
from pypinyin import lazy_pinyin
from rasa.shared.importers.importer import TrainingDataImporter

from bot.content.institutions import load_institutions
from bot.content.topics import load_topics
from bot.engine.benchmark import noise, own
from bot.engine.benchmark.asking import learnt
from bot.engine.benchmark.datasets import (
    BENCHMARKS,
    ORIGINS,
    Asking,
    Benchmark,
    DatasetProblem,
    Messages,
    missing,
    read_asked,
    read_taught,
    where_to_get,
)
from bot.engine.benchmark.folds import folds, groups
from bot.engine.benchmark.held_out import Changed, Decided, Result
from bot.engine.benchmark.measures import (
    auroc,
    calibration_error,
    figures,
    floor_auroc,
    inside_of,
    macro_f1,
    ranked,
    scope_of,
    share_above,
    times,
)
from bot.engine.benchmark.report import TABLES, WIDTH, Table, report, verdict
from bot.engine.benchmark.stock_process import CONFIG
from bot.engine.benchmark.targets import Row, Target, above_floor
from bot.engine.understanding.decision import decided, offered_by
from bot.engine.understanding.model import OUTSIDE
from bot.settings import ROOT

INTENTS = ["apples", OUTSIDE, "pears"]
SAYINGS = {
    "notice_opt_out": [
        "通知信可以關掉嗎", "不想再收到登入的信", "每天那麼多封能停嗎", "可以不要寄給我嗎", "請取消寄信", "怎麼退訂",
        "turn these e-mails off", "stop sending me mails", "信太多了想關", "唔想再收通知電郵",
    ],
    "phone_lost": [
        "手機掉了怎麼辦", "我的手機被偷了", "電話不見了", "手機忘在計程車上", "弄丟電話該找誰", "部電話唔見咗",
        "my phone was stolen", "I lost my mobile", "手機泡水壞掉拿不到", "手机丢了咋办",
    ],
    OUTSIDE: [
        "台積電現在多少錢", "今天天氣如何", "手續費打幾折", "推薦一檔股票", "晚餐吃什麼", "講個笑話",
        "what is the weather", "write me a poem", "匯率多少", "幫我下單買零股",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def messages() -> Messages:
    """Two topics and what is none, ten examples each: enough to learn from, and quick."""
    pairs = [(text, intent) for intent, texts in SAYINGS.items() for text in texts]
    return Messages(tuple(text for text, _ in pairs), tuple(intent for _, intent in pairs))


# --- measures -------------------------------------------------------------------------------------


def test_what_is_more_likely_outside_than_not_is_taken_for_outside() -> None:
    assert ranked(np.array([[0.3, 0.6, 0.1]]), INTENTS).tolist() == [[1, 0, 2]]


def test_outside_stands_last_when_it_is_not_likely_enough_for_it_is_nothing_to_offer() -> None:
    assert ranked(np.array([[0.35, 0.45, 0.2]]), INTENTS).tolist() == [[0, 2, 1]]


def test_from_where_a_message_is_taken_for_outside_can_be_said() -> None:
    assert ranked(np.array([[0.3, 0.6, 0.1]]), INTENTS, outside_from=0.6).tolist() == [[0, 2, 1]]


def test_a_message_is_taken_for_what_the_decision_takes_it_for() -> None:
    rows = np.random.default_rng(7).dirichlet(np.ones(3) / 2, size=200)
    decide_by = own.costs()
    taken = [INTENTS[order[0]] for order in ranked(rows, INTENTS, decide_by.outside_from)]
    assert taken == [decided(row, INTENTS, decide_by).topic for row in rows]


def test_scope_is_what_is_not_outside() -> None:
    assert scope_of(np.array([[0.3, 0.6, 0.1]]), INTENTS).tolist() == [0.4]


def test_scope_without_an_intent_outside_is_what_all_intents_have_together() -> None:
    assert scope_of(np.array([[0.5, 0.25]]), ["apples", "pears"]).tolist() == [0.75]


def test_the_largest_inside_leaves_outside_out() -> None:
    assert inside_of(np.array([[0.3, 0.6, 0.1]]), INTENTS).tolist() == [0.3]


def test_macro_f1_counts_every_intent_the_same() -> None:
    found, expected = np.array(["a", "a", "b", "b"]), np.array(["a", "a", "a", "b"])
    # a: precision 1, recall 2/3, F1 0.8; b: precision 1/2, recall 1, F1 2/3
    assert macro_f1(found, expected) == pytest.approx((0.8 + 2 / 3) / 2)


def test_macro_f1_has_no_term_for_an_intent_that_nobody_asked() -> None:
    assert macro_f1(np.array(["a", "c"]), np.array(["a", "a"])) == pytest.approx(2 / 3)


def test_auroc_is_the_share_of_pairs_in_order_and_a_tie_is_half() -> None:
    assert auroc(np.array([0.9, 0.4]), np.array([0.4, 0.1])) == pytest.approx(3.5 / 4)


def test_calibration_error_is_the_distance_in_each_bin_by_its_messages() -> None:
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    right = np.array([True, False, True, True])
    # in one bin 0.95 is said and 0.5 is right, in another 0.55 is said and 1 is right; half of the messages each
    assert calibration_error(confidence, right) == pytest.approx(0.45)


def test_calibration_error_is_none_when_as_much_is_right_as_is_said() -> None:
    assert calibration_error(np.full(4, 0.75), np.array([True, True, True, False])) == pytest.approx(0.0)


def test_the_ends_of_the_scale_are_in_bins() -> None:
    assert calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0.0


def test_a_share_above_does_not_count_the_bound() -> None:
    assert share_above(np.array([0.9, 0.91, 0.2, 1.0]), 0.9) == 0.5


@pytest.fixture
def four() -> dict[str, float]:
    """Three messages in scope, of which two are right; one outside that looks like pears."""
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.1, 0.7], [0.1, 0.7, 0.2], [0.0, 0.05, 0.95]])
    expected = ["apples", "pears", "pears", OUTSIDE]
    return figures(probabilities, INTENTS, expected, scope_of(probabilities, INTENTS))


def test_accuracy_is_of_messages_in_scope(four: dict[str, float]) -> None:
    assert four["accuracy"] == pytest.approx(2 / 3)


def test_the_first_three_hold_what_the_first_does_not(four: dict[str, float]) -> None:
    assert four["top_3"] == 1.0


def test_messages_are_counted_in_scope_and_outside(four: dict[str, float]) -> None:
    assert (four["messages"], four["messages_outside"]) == (3, 1)


def test_auroc_of_all_is_by_scope(four: dict[str, float]) -> None:
    assert four["auroc"] == pytest.approx(1 / 3 * 0)  # .9, .9 and .3 in scope are all below .95


def test_a_topic_above_point_nine_outside_is_counted(four: dict[str, float]) -> None:
    assert four["sure_outside"] == 1.0


def test_being_sure_that_it_is_outside_is_no_sure_mistake() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05], [0.02, 0.97, 0.01]])
    found = figures(probabilities, INTENTS, ["apples", OUTSIDE], scope_of(probabilities, INTENTS))
    assert found["sure_outside"] == 0.0


def test_without_messages_outside_there_is_no_auroc() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05]])
    assert "auroc" not in figures(probabilities, INTENTS, ["apples"], scope_of(probabilities, INTENTS))


def test_times_are_medians_over_the_runs_with_both_ends() -> None:
    found = times([3.0, 1.0, 2.0], [np.array([0.001, 0.002, 0.003])])
    assert [found[name] for name in ("train_seconds", "train_seconds_least", "train_seconds_most")] == [2.0, 1.0, 3.0]
    assert found["p50_ms"] == pytest.approx(2.0)


def test_the_floor_tells_known_words_from_unknown_ones() -> None:
    texts, intents = ["red apple", "green apple", "soft pear", "ripe pear"], ["apples", "apples", "pears", "pears"]
    assert floor_auroc(texts, intents, ["apple", "pear", "xyz qq"], ["apples", "pears", OUTSIDE]) == 1.0


def test_decisions_are_shares_of_what_is_in_scope_and_of_what_is_not() -> None:
    found = own.decisions(
        [
            Decided("answer", is_inside=True, is_right=True),
            Decided("answer", is_inside=True, is_right=False),
            Decided("clarify", is_inside=True, is_right=True),
            Decided("handover", is_inside=True, is_right=False),
            Decided("answer", is_inside=False, is_right=False),
            Decided("handover", is_inside=False, is_right=False),
        ]
    )
    assert [found[f"inside_{way}"] for way in ("answer", "clarify", "handover")] == [0.5, 0.25, 0.25]
    assert [found["answer_right"], found["clarify_right"], found["outside_not_answered"]] == [0.5, 1.0, 0.5]


def test_a_change_is_held_against_the_same_messages_clean() -> None:
    changed = [Changed("typo", "a", "a", "a"), Changed("typo", "a", "a", "b"), Changed("typo", "b", "a", "a")]
    found = own.robustness(changed)
    assert [found["messages"], found["clean"], found["accuracy"], found["difference"]] == pytest.approx(
        [3, 2 / 3, 1 / 3, -1 / 3]
    )


# --- folds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("abcde", "abcdf", True),  # 3 of 5 bigrams in common
        ("abcd", "abce", False),  # 2 of 4
        ("信箱被通知灌爆了", "信箱被通知灌爆啦", True),
        ("通知信可以關掉嗎", "通知信可以关掉吗", True),
        ("手機掉了", "電話不見了", False),
        ("嗯", "嗯", True),
        ("嗯", "哦", False),
    ],
)
def test_near_duplicates_are_in_one_group(one: str, other: str, together: bool) -> None:
    numbers = groups([one, "something else entirely", other])
    assert (numbers[0] == numbers[2]) == together


def test_what_is_linked_by_a_third_is_in_one_group() -> None:
    numbers = groups(["abcdefgh", "cdefghij", "bcdefghi"])
    assert len(set(numbers.tolist())) == 1


def test_groups_are_found_across_blocks_of_comparison() -> None:
    texts = [
        "通知信可以關掉嗎",
        *(f"{i:04d} {chr(0x4E00 + 3 * i)}{chr(0x5E00 + 5 * i)}" for i in range(600)),
        "通知信可以關掉",
    ]
    numbers = groups(texts)
    assert numbers[0] == numbers[-1]


def test_no_group_is_in_two_folds(messages: Messages) -> None:
    doubled = Messages(messages.texts + tuple(f"{t}！" for t in messages.texts), messages.intents * 2)
    numbers = groups(doubled.texts)
    divided = folds(doubled.texts, doubled.intents, 3)
    places = [set(numbers[asked].tolist()) for asked in divided]
    assert sum(map(len, places)) == len(set().union(*places))


def test_every_example_is_asked_once(messages: Messages) -> None:
    asked = np.concatenate(folds(messages.texts, messages.intents, 3))
    assert sorted(asked.tolist()) == list(range(len(messages)))


def test_the_same_examples_are_divided_the_same(messages: Messages) -> None:
    one, other = (folds(messages.texts, messages.intents, 3) for _ in range(2))
    assert [a.tolist() for a in one] == [b.tolist() for b in other]


# --- noise ----------------------------------------------------------------------------------------

CORPUS = ["驗證碼不能用", "正確的密碼", "证明", "政府", "不用", "部分", "馬上", "瑪莉", "勇敢", "永遠", "布"]


@pytest.mark.parametrize("name", noise.changes(CORPUS))
def test_a_change_is_the_same_every_time(name: str) -> None:
    once, again = (noise.changes(CORPUS)[name]("驗證碼不能用 OTP 3") for _ in range(2))
    assert once == again


@pytest.mark.parametrize("mistakes", [1, 2])
def test_so_many_characters_are_replaced_and_the_length_stays(mistakes: int) -> None:
    text = "驗證碼不能用"
    changed = noise.misspelt(noise.homophones(CORPUS), mistakes, text)
    assert changed is not None
    assert len(changed) == len(text)
    assert sum(a != b for a, b in zip(text, changed, strict=True)) == mistakes


def test_what_is_put_in_sounds_like_what_was_there() -> None:
    text = "驗證碼不能用"
    changed = noise.misspelt(noise.homophones(CORPUS), 2, text) or ""
    assert [lazy_pinyin(c) for c in changed] == [lazy_pinyin(c) for c in text]


def test_the_same_character_in_the_other_script_is_no_mistake() -> None:
    assert "证" not in noise.homophones(CORPUS)["證"]


def test_homophones_are_characters_of_the_corpus() -> None:
    table = noise.homophones(CORPUS)
    assert {c for others in table.values() for c in others} <= set("".join(CORPUS))


def test_the_commonest_homophone_comes_first() -> None:
    assert noise.homophones(["布", "不", "不", "部"])["部"] == ("不", "布")


def test_too_few_characters_to_misspell_are_no_change() -> None:
    assert noise.misspelt(noise.homophones(CORPUS), 2, "布 code") is None


def test_dropping_takes_one_character_away() -> None:
    text = "驗證碼不能用"
    dropped = noise.dropped(text) or ""
    assert any(dropped == text[:i] + text[i + 1 :] for i in range(len(text)))


def test_the_last_character_is_not_dropped() -> None:
    assert noise.dropped("嗯？") is None


def test_full_width_is_the_same_when_it_is_narrowed_again() -> None:
    wide = noise.full_width("OTP 6碼 fail") or ""
    assert (len(wide), unicodedata.normalize("NFKC", wide)) == (11, "OTP 6碼 fail")
    assert wide.startswith("ＯＴＰ")


def test_without_letters_and_digits_nothing_gets_wide() -> None:
    assert noise.full_width("驗證碼不能用") is None


@pytest.mark.parametrize(
    ("han", "keys"),
    [
        ("你好", "su3cl3"),
        ("收", "g. "),  # the first tone is the space bar
        ("收不到", "g. 1j42l4"),  # said bú, written bù
        ("的", "2k7"),
        ("驗證碼", "u045/4a83"),
        ("兒", "-6"),
    ],
)
def test_keys_write_what_is_on_them(han: str, keys: str) -> None:
    assert noise.keys_of(han) == keys


def test_a_character_without_a_known_sound_stays() -> None:
    assert noise.keys_of("你\u3402好") == "su3\u3402cl3"


def test_every_key_of_the_layout_is_used_once() -> None:
    assert len(set(noise._KEYS.values())) == len(noise._KEYS) == 41


def test_latin_stays_when_the_input_method_is_off() -> None:
    assert noise.typed_blindly("OTP收到嗎") == "OTPg. 2l4a87"


def test_who_writes_simplified_does_not_type_bopomofo() -> None:
    assert noise.typed_blindly("验证码不能用") is None


def test_a_message_without_chinese_is_in_no_script() -> None:
    assert noise.converted("t2s", "no code") is None


@pytest.mark.parametrize(("how", "written"), [("t2s", "验证码"), ("s2t", "驗證碼"), ("s2tw", "驗證碼")])
def test_scripts_are_converted(how: str, written: str) -> None:
    assert noise.converted(how, "驗證碼") == written


# --- datasets -------------------------------------------------------------------------------------

FRUIT = Benchmark("fruit", "train.tsv", (Asking("", ("test.tsv",)),))


def test_none_of_these_is_outside_the_scope(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text("an apple\tapples\nhello\tNO_NODES_DETECTED\nbye\toos\n", encoding="utf-8")
    assert read_asked(FRUIT.askings[0], tmp_path).intents == ("apples", OUTSIDE, OUTSIDE)


def test_none_of_these_is_not_learnt(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("an apple\tapples\nhello\tNO_NODES_DETECTED\n", encoding="utf-8")
    assert read_taught(FRUIT, tmp_path) == Messages(("an apple",), ("apples",))


def test_a_message_may_hold_tabs_and_ends_of_line_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_bytes("a\tb\u2028c\tapples\r\n".encode())
    assert read_taught(FRUIT, tmp_path).texts == ("a\tb\u2028c",)


def test_a_line_without_an_intent_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("an apple\tapples\na pear\n", encoding="utf-8")
    with pytest.raises(DatasetProblem, match=r"train\.tsv:2: "):
        read_taught(FRUIT, tmp_path)


def test_an_empty_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").touch()
    with pytest.raises(DatasetProblem, match="has no messages"):
        read_taught(FRUIT, tmp_path)


def test_missing_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").touch()
    assert missing(FRUIT, tmp_path) == ["test.tsv"]


def test_every_benchmark_has_an_origin() -> None:
    assert {file.split("/")[0] for benchmark in BENCHMARKS for file in benchmark.files} == set(ORIGINS)


def test_where_to_get_the_data_is_one_sentence_with_every_origin() -> None:
    said = where_to_get(Path("/nowhere"))
    assert [origin for origin in ORIGINS.values() if origin not in said] == []
    assert said.count("\n") == 0


# --- targets and report ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "value", "by"),
    [
        (Target(0.92), 0.92, 0),
        (Target(0.92), 0.90, 0.02),
        (Target(5, at_least=False), 5.0, 0),
        (Target(5, at_least=False), 6.5, 1.5),
    ],
)
def test_a_target_on_the_bound_is_met(target: Target, value: float, by: float) -> None:
    assert target.missed_by(value) == pytest.approx(by)


def test_the_floor_has_to_be_beaten_by_three_hundredths() -> None:
    assert above_floor(0.80)["auroc"].bound == pytest.approx(0.83)


@pytest.mark.parametrize(
    ("part", "name", "figure", "bound"),
    [
        ("public", "banking77_full", "accuracy", 0.92),
        ("public", "banking77_10", "accuracy", 0.775),
        ("public", "banking77_10 hard", "accuracy", 0.53),
        ("public", "banking77_5", "accuracy", 0.67),
        ("public", "hint3_sofmattress", "accuracy", 0.76),
        ("public", "hint3_curekart", "accuracy", 0.85),
        ("public", "hint3_powerplay11", "accuracy", 0.64),
        ("public", "hint3_sofmattress", "auroc", 0.88),
        ("public", "hint3_curekart", "auroc", 0.89),
        ("public", "hint3_powerplay11", "auroc", 0.79),
        ("public", "hwu64_small", "accuracy", 0.74),
        ("public", "hwu64_large", "accuracy", 0.84),
        ("own", "topics and flows", "accuracy", 0.92),
        ("own", "topics and flows", "top_3", 0.98),
        ("own", "topics and flows", "ece", 0.04),
        ("own", "topics and flows", "train_seconds", 5),
        ("own", "topics and flows", "p50_ms", 2),
        ("own", "topics and flows", "p99_ms", 5),
        ("training", "process start to archive", "seconds", 15),
        ("decision", "at each institution", "outside_not_answered", 0.90),
        ("decision", "at each institution", "inside_handover", 0.05),
        ("scripts", "Traditional, Taiwan (s2tw) / Simplified (t2s)", "same", 0.995),
    ],
)
def test_the_targets_are_those_of_the_issue(part: str, name: str, figure: str, bound: float) -> None:
    assert Row(part, name, {figure: 0.5}).targets[figure].bound == bound


def test_a_row_of_the_stock_pipeline_has_no_target() -> None:
    assert Row("public", "banking77_10 stock", {"accuracy": 0.1, "ece": 0.9}).targets == {}


def test_a_target_that_is_met_is_ticked_and_one_that_is_missed_says_by_how_much() -> None:
    lines = list(report([Row("own", "topics and flows", {"accuracy": 0.921, "ece": 0.1})], []))
    assert "92.1 ≥92 ✓" in lines[1]
    assert ".100 +.060" in lines[1]


def test_a_target_missed_by_a_hair_is_not_missed_by_nothing() -> None:
    assert "74.0 ≥74 -0.1" in list(report([Row("public", "hwu64_small", {"accuracy": 0.7399})], []))[1]


def test_seconds_of_several_runs_show_how_far_they_are_apart() -> None:
    figures = {"train_seconds": 2.0, "train_seconds_least": 1.9, "train_seconds_most": 2.4}
    assert "2.0 ±0.4" in list(report([Row("public", "hwu64_small", figures)], []))[1]


def test_a_busy_machine_is_told() -> None:
    lines = "\n".join(report([Row("public", "hwu64_small", {"train_seconds": 9.0, "waited": 2.0})], []))
    assert "Something else ran on this machine" in lines


def test_the_verdict_counts_targets() -> None:
    assert verdict([Row("public", "hwu64_small", {"accuracy": 0.7, "p50_ms": 0.1})]) == "1 of 2 targets missed."


def test_what_was_not_measured_is_told() -> None:
    assert "Not measured: there was nothing." in list(report([], ["there was nothing."]))


def _row(table: Table, name: str, value: float) -> Row:
    """A row of real names and targets with a figure in every column."""
    found = {column.figure: 12345 if column.kind == "count" else value for column in table.columns}
    return Row(table.part, name, found, above_floor(0.851) if name.startswith("banking77_oos") else {})


_NAMES = {
    "public": [f"{b.name} {a.name}".strip() + stock for b in BENCHMARKS for a in b.askings for stock in ("", " stock")],
    "own": ["topics and flows", "conversation", f"{own.FIRST_FOLD}, stock"],
    "training": ["process start to archive"],
    "decision": ["at no institution", "at each institution"],
    "noise": list(noise.changes([])),
    "scripts": [" / ".join(pair) for pair in noise.SCRIPTS],
}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.part)
@pytest.mark.parametrize("value", [0.7123, 0.9999])
def test_the_table_fits_into_its_width(table: Table, value: float) -> None:
    rows = [_row(table, name, value) for name in _NAMES[table.part]]
    assert [line for line in report(rows, ["x " * 200]) if len(line) > WIDTH] == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.part)
def test_figures_stand_below_their_titles(table: Table) -> None:
    titles, *lines = list(report([_row(table, name, 0.7123) for name in _NAMES[table.part]], []))
    places = [titles.index(column.title, table.name_width) for column in table.columns]
    assert [line for line in lines[: len(_NAMES[table.part])] for at in places if line[at - 1] != " "] == []


# --- learning and asking --------------------------------------------------------------------------


def test_runs_of_the_same_data_give_the_same_and_their_times(messages: Messages) -> None:
    intents, probabilities, found = learnt(messages, ["手機丟了"], runs=2)
    assert (intents, probabilities.shape) == (sorted(SAYINGS), (1, 3))
    assert found["train_seconds_least"] <= found["train_seconds"] <= found["train_seconds_most"]


def test_costs_are_those_of_the_configuration() -> None:
    described = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    assert vars(own.costs()) == next(entry["costs"] for entry in described if "costs" in entry)


@pytest.fixture(scope="module")
def results(messages: Messages) -> list[Result]:
    """Two folds of the invented examples, each in a process of its own."""
    return own.held_out_results(messages, own.costs(), lambda text: None, number=2)


def test_folds_together_ask_every_example(messages: Messages, results: list[Result]) -> None:
    assert sorted(np.concatenate([result.asked for result in results]).tolist()) == list(range(len(messages)))


def test_every_held_out_message_has_a_probability_for_every_intent(results: list[Result]) -> None:
    assert all(result.probabilities.shape == (len(result.asked), len(SAYINGS)) for result in results)
    assert all(np.allclose(result.probabilities.sum(axis=1), 1) for result in results)


def test_every_example_is_asked_at_each_institution_that_has_its_topic(results: list[Result]) -> None:
    everywhere = len(load_institutions())
    asked = [len(offered_by()[intent]) if intent in load_topics() else everywhere for intent in SAYINGS]
    assert sum(len(result.at_institutions) for result in results) == 10 * sum(asked)


def test_only_messages_of_topics_are_changed_on_their_way(results: list[Result]) -> None:
    assert {one.expected for result in results for one in result.changed} == {"notice_opt_out", "phone_lost"}


def test_both_scripts_are_compared_where_they_differ(results: list[Result]) -> None:
    differ = sum(
        noise.converted("t2s", t) != noise.converted("s2tw", t) for i in SAYINGS if i != OUTSIDE for t in SAYINGS[i]
    )
    pair = " / ".join(noise.SCRIPTS[0])
    assert sum(result.agreed[pair][0] for result in results) == differ


# --- the stock pipeline ---------------------------------------------------------------------------


def test_the_stock_pipeline_is_the_one_that_rasa_gives() -> None:
    file = Path(rasa.engine.recipes.__file__).parent / "config_files" / "default_config.yml"
    described = yaml.safe_load(file.read_text(encoding="utf-8"))
    not_for_intents = ("EntitySynonymMapper", "ResponseSelector")
    assert CONFIG["pipeline"] == [entry for entry in described["pipeline"] if entry["name"] not in not_for_intents]


def test_the_stock_pipeline_learns_texts_as_they_are(tmp_path: Path) -> None:
    pairs = [["[no](entity) here", "apples"], ["- a list?\nno", "pears?"]]
    (tmp_path / "config.yml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    (tmp_path / "messages.json").write_text(json.dumps({"taught": pairs}), encoding="utf-8")
    importer = TrainingDataImporter.load_nlu_importer_from_config(
        str(tmp_path / "config.yml"), training_data_paths=[str(tmp_path / "messages.json")]
    )
    assert [[e.get("text"), e.get("intent")] for e in importer.get_nlu_data().intent_examples] == pairs


# --- the command ----------------------------------------------------------------------------------

TAUGHT = {
    "LOCKED": ["my account is locked", "locked out again", "please unlock my account", "locked after three tries",
               "why is it locked", "account got locked", "it says locked", "cannot get in, locked"],
    "FEES": ["what does it cost", "how much are the fees", "what is the price", "are there any fees",
             "how expensive is it", "cost of one order", "monthly price please", "fee for a transfer"],
    "HOURS": ["when do you open", "opening hours", "are you open on sunday", "when do you close",
              "until when can I call", "is anyone there at night", "office hours please", "open on holidays?"],
}  # fmt: skip
ASKED = [
    ("my account was locked", "LOCKED"),
    ("how much does it cost", "FEES"),
    ("when are you open", "HOURS"),
    ("I like bananas", "NO_NODES_DETECTED"),
    ("qwertz", "NO_NODES_DETECTED"),
]


def bench(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "anxin"), "bench", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "ANXIN_GATEWAY_PORT": "9"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, env=environment)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one invented benchmark; of the others there is nothing."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "hint3").mkdir()
    taught = [f"{text}\t{intent}\n" for intent, texts in TAUGHT.items() for text in texts]
    asked = [f"{text}\t{intent}\n" for text, intent in ASKED]
    (folder / "hint3" / "sofmattress_train.tsv").write_text("".join(taught), encoding="utf-8")
    (folder / "hint3" / "sofmattress_test.tsv").write_text("".join(asked), encoding="utf-8")
    (folder / "hint3" / "curekart_train.tsv").write_text("no intent here\n", encoding="utf-8")
    (folder / "hint3" / "curekart_test.tsv").write_text("".join(asked), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def done(data: Path) -> subprocess.CompletedProcess[str]:
    return bench(
        "understanding", "--data", ".", "--only", "hint3_sofmattress", "--runs", "2", "--json", "f.json", folder=data
    )


@pytest.fixture(scope="module")
def described(done: subprocess.CompletedProcess[str], data: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((data / "f.json").read_text(encoding="utf-8"))
    return described


def test_one_command_gives_one_table(done: subprocess.CompletedProcess[str]) -> None:
    lines = done.stdout.splitlines()
    assert lines[0].startswith("PUBLIC BENCHMARKS")
    assert lines[1].startswith("hint3_sofmattress")


def test_progress_is_told_apart_from_the_table(done: subprocess.CompletedProcess[str]) -> None:
    assert "0 s  hint3_sofmattress: 24 messages to learn, 5 to be asked" in done.stderr
    assert "to be asked" not in done.stdout


def test_the_file_says_what_the_table_says(described: dict[str, Any]) -> None:
    (row,) = described["rows"]
    assert (row["part"], row["name"], described["runs"]) == ("public", "hint3_sofmattress", 2)
    assert (row["figures"]["messages"], row["figures"]["messages_outside"]) == (3, 2)


def test_the_command_ends_with_an_error_exactly_when_a_target_is_missed(
    done: subprocess.CompletedProcess[str], described: dict[str, Any]
) -> None:
    missed = [target for row in described["rows"] for target in row["targets"].values() if target["missed_by"] > 0]
    assert done.returncode == (1 if missed else 0)


def test_what_is_missing_or_broken_is_told_and_an_error(data: Path) -> None:
    ended = bench("understanding", "--data", str(data), "--only", "hint3")
    assert ended.returncode == 1
    assert "Not measured: hint3_curekart: " not in ended.stdout  # the file is there, and says where it is broken
    assert "curekart_train.tsv:1: this is not `text<TAB>intent`." in ended.stdout.replace("\n", " ")
    assert "powerplay11_train.tsv is not there." in ended.stdout.replace("\n", " ")
    assert "\nhint3_sofmattress " in ended.stdout


def test_a_missing_folder_says_where_to_get_the_data_and_is_an_error(tmp_path: Path) -> None:
    ended = bench("understanding", "--data", "none", "--only", "hint3", folder=tmp_path)
    assert ended.returncode == 1
    assert f"There is no {tmp_path / 'none'}: the public benchmarks are on GitHub" in ended.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "hint"], "banking77_full, "),
        (["--runs", "0"], "0 is not a number from 1"),
        (["--json", "/nowhere/at/all.json"], "/nowhere/at"),
    ],
)
def test_a_wrong_command_is_an_error_before_anything_is_measured(arguments: list[str], said: str) -> None:
    ended = bench("understanding", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr


def test_the_forms_of_bench_are_listed() -> None:
    ended = bench("--help")
    assert ended.returncode == 0
    assert all(form in ended.stdout for form in ("turns", "load", "understanding", "security"))
