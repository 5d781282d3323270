"""Each sentence of `anxin check`, on an invented content folder."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bot.content.institutions import DATA
from tests.content.world import World, variations

LAMP, BELL = "data/topics/notices/lamp.yml", "data/topics/phone/bell.yml"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_content_in_order_has_no_problem(world: World) -> None:
    assert world.problems() == []


# --- a topic's own fields ---------------------------------------------------------------------------


def test_a_topic_that_is_not_named_like_its_file_is_a_problem(world: World) -> None:
    world.topics["notices/torch"] = world.topics.pop("notices/lamp")
    assert world.problems() == [
        "data/topics/notices/torch.yml:1: the topic is lamp, but the file is torch.yml; rename one of them."
    ]


def test_a_topic_in_two_files_is_a_problem(world: World) -> None:
    world.topics["phone/lamp"] = world.lamp
    assert world.problem() == "topic lamp is already in data/topics/notices/lamp.yml; give this one its own id."


def test_a_missing_language_of_an_answer_is_a_problem(world: World) -> None:
    del world.lamp["answers"]["demo"]["en"]
    assert world.problem() == "the answer of demo has no en; write it."


def test_an_empty_answer_is_as_good_as_none(world: World) -> None:
    world.lamp["answers"]["demo"]["en"] = "  "
    assert world.problem() == "the answer of demo has no en; write it."


def test_a_missing_language_of_a_title_is_a_problem(world: World) -> None:
    del world.lamp["title"]["zh-Hans"]
    assert world.problem() == "the title has no zh-Hans; write it."


def test_a_missing_language_of_a_flows_title_is_a_problem(world: World) -> None:
    del world.flows["titles"]["ring"]["title"]["en"]
    assert world.problem() == "the title has no en; write it."


def test_a_language_that_nobody_reads_is_a_problem(world: World) -> None:
    world.lamp["answers"]["demo"]["zh-TW"] = "請來電。"
    assert world.problem() == "zh-TW is no language; write one of zh-Hant, zh-Hans, en."


def test_an_answer_for_no_institution_is_a_problem(world: World) -> None:
    world.lamp["answers"]["dmeo"] = world.lamp["answers"]["demo"]
    problems, says = world.problems(), "answers for dmeo, which is no institution; write one of demo, other."
    assert f"{world.place(LAMP, 'dmeo:')}: {says}" in problems


def test_an_expired_review_is_a_problem_from_that_day(world: World) -> None:
    world.lamp["expires"] = date(2026, 11, 20)
    says = "the review expired on 2026-11-20 and the answer is withheld; review it and set both dates."
    assert world.problem() == says


def test_a_review_that_expires_tomorrow_is_no_problem(world: World) -> None:
    world.lamp["expires"] = date(2026, 11, 21)
    assert world.problems() == []


def test_a_review_on_a_day_to_come_is_a_problem(world: World) -> None:
    world.lamp["reviewed"] = date(2026, 11, 21)
    assert world.problem() == "reviewed is 2026-11-21, a day to come; write the day of the review."


def test_a_next_topic_that_does_not_exist_is_a_problem(world: World) -> None:
    world.lamp["next"] = ["bell", "candle"]
    assert world.problem() == "next names candle, which is no other topic; remove it."


def test_a_topic_that_is_its_own_next_one_is_a_problem(world: World) -> None:
    world.lamp["next"] = ["lamp"]
    assert world.problem() == "next names lamp, which is no other topic; remove it."


def test_an_act_that_does_not_exist_is_a_problem(world: World) -> None:
    assert world.facts
    world.facts["topics"][0]["act"] = world.lamp["act"] = "ignite"
    assert world.problem() == "act names ignite, which is no flow; write one of ring, human."


def test_a_source_that_is_no_fact_of_the_institution_is_a_problem(world: World) -> None:
    world.lamp["source"]["demo"] = ["hotline", "rumour"]
    assert world.problem() == "rumour is not a fact of demo; write a key of data/institutions/demo.yml or notices.yml."


def test_the_notices_are_a_source_for_every_institution(world: World) -> None:
    world.lamp["source"]["demo"] = ["notices.yml"]
    assert world.problems() == []


def test_an_answer_that_rests_on_nothing_is_a_problem(world: World) -> None:
    world.lamp["source"] = {}
    assert world.problem() == "nothing says what demo's answer rests on; name its facts in source."


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ({"zh-Hant": "測" * 13}, "the title has 13 characters and is a button; shorten it to 12."),
        ({"zh-Hans": "测" * 13}, "the title has 13 characters and is a button; shorten it to 12."),
        ({"en": "one two three four five six"}, "the title has 6 words and is a button; shorten it to 5."),
    ],
)
def test_a_title_that_is_too_long_for_a_button_is_a_problem(world: World, title: dict[str, str], says: str) -> None:
    world.lamp["title"].update(title)
    assert world.problem() == says


def test_a_title_that_just_fits_is_no_problem(world: World) -> None:
    world.lamp["title"].update({"zh-Hant": "測" * 12, "zh-Hans": "测" * 12, "en": "one two three four five"})
    assert world.problems() == []


# --- examples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "least"), [("zh", 24), ("en", 10), ("mixed", 6)])
def test_too_few_examples_of_a_kind_are_a_problem(world: World, kind: str, least: int) -> None:
    world.lamp["examples"][kind].pop()
    says = f"has {least - 1} examples in {kind}; write at least {least}, as different people would ask."
    assert world.problem() == says


def test_no_examples_of_a_kind_are_a_problem(world: World) -> None:
    del world.lamp["examples"]["mixed"]
    assert world.problem() == "has 0 examples in mixed; write at least 6, as different people would ask."


def out_of_scope(world: World, lines: int) -> None:
    examples = "".join(f"- 別的事 {number}\n" for number in range(lines))
    world.flows["elsewhere"] = {"version": "3.1", "nlu": [{"intent": "out_of_scope", "examples": examples}]}
    world.intents.append("out_of_scope")


def test_too_few_examples_of_what_is_not_answered_are_a_problem(world: World) -> None:
    out_of_scope(world, 399)
    says = "data/flows/elsewhere.yml: has 399 examples of out_of_scope; write at least 400."
    assert world.problems() == [says]


def test_enough_examples_of_what_is_not_answered_are_no_problem(world: World) -> None:
    out_of_scope(world, 400)
    assert world.problems() == []


def test_no_example_of_what_is_not_answered_is_a_problem(world: World) -> None:
    world.intents.append("out_of_scope")
    assert world.problems() == ["data/flows: has 0 examples of out_of_scope; write at least 400."]


def test_examples_of_a_kind_that_nobody_reads_are_a_problem(world: World) -> None:
    world.lamp["examples"]["zh-Hant"] = ["測試"]
    assert world.problem() == "zh-Hant is not read; put its examples under one of zh, en, mixed."


def test_an_example_of_two_topics_is_a_problem(world: World) -> None:
    world.lamp["examples"]["en"].append("bell test question 3")
    problems, example = world.problems(), "bell test question 3"
    assert problems == [
        f"{world.place(BELL, example)}: the example {example!r} of bell is also in {world.place(LAMP, example)}, "
        "of lamp; keep it in one of them."
    ]


@pytest.mark.parametrize(
    "again",
    [
        "LAMP test question 3",
        "lamp  testquestion3",
        "ｌａｍｐ test question ３",
        "lamp: test question 3?!",
        "lamp，測試問題3。",
    ],
)
def test_an_example_is_the_same_in_other_spaces_case_width_and_punctuation(world: World, again: str) -> None:
    world.lamp["examples"]["en"].append(again)
    assert f"the example {again!r} of lamp is also in data/topics/notices/lamp.yml:" in world.problems()[0]


def test_examples_of_nothing_but_signs_differ_by_their_signs(world: World) -> None:
    world.lamp["examples"]["mixed"] += ["???", "?!", "👍"]
    assert world.problems() == []


def test_an_example_of_a_topic_and_a_flow_is_a_problem(world: World) -> None:
    world.lamp["examples"]["en"].append("Ring the bell now")
    problems = world.problems()
    assert problems == [
        f"{world.place('data/flows/ring.yml', 'ring the bell now')}: the example 'ring the bell now' of ring "
        f"is also in {world.place(LAMP, 'Ring the bell now')}, of lamp; keep it in one of them."
    ]


# --- words ------------------------------------------------------------------------------------------


def test_an_unknown_placeholder_is_a_problem(world: World) -> None:
    world.lamp["answers"]["demo"]["en"] = "Please call {hotlien}."
    known = "digits, hotline, institution, mailbox, reference"
    assert world.problem() == f"{{hotlien}} is not filled in here; write one of {known}."


@pytest.mark.parametrize("broken", ["{Hotline}", "{ hotline }", "{hotline", "hotline}", "｛hotline｝", "{}"])
def test_a_placeholder_that_is_written_wrongly_is_a_problem(world: World, broken: str) -> None:
    world.lamp["answers"]["demo"]["en"] = f"Please call {broken}"
    assert " is not filled in here; write one of " in world.problems()[0]


@pytest.mark.parametrize("title", ["Call {hotline}", "Call {reference}"])
def test_a_placeholder_in_a_title_is_a_problem(world: World, title: str) -> None:
    world.lamp["title"]["en"] = title
    assert world.problem() == f"{title[5:]} is not filled in here; write it out."


def test_a_placeholder_of_another_institution_is_a_problem(world: World) -> None:
    world.institutions["other"]["placeholders"]["fax"] = "+852 0000 2222"
    world.lamp["answers"]["demo"]["en"] = "Please write to {fax}."
    assert world.problem().startswith("{fax} is not filled in here")


@pytest.mark.parametrize(
    ("language", "text", "says"),
    [
        ("zh-Hant", "請看这裡。", "这 is a Simplified character in a zh-Hant text; write 這."),
        ("zh-Hans", "请看這里。", "這 is a Traditional character in a zh-Hans text; write 这."),
    ],
)
def test_a_character_of_the_other_script_is_a_problem(world: World, language: str, text: str, says: str) -> None:
    world.lamp["answers"]["demo"][language] = text
    assert world.problem() == says


@pytest.mark.parametrize("word", ["台北", "只有", "皇后大道", "公里", "周一", "若干", "准許", "系統", "吃"])
def test_characters_that_traditional_chinese_shares_are_no_problem(world: World, word: str) -> None:
    world.lamp["answers"]["demo"]["zh-Hant"] = f"請看{word}。"
    assert world.problems() == []


def test_a_quoted_name_of_the_facts_may_stand_in_its_own_script(world: World) -> None:
    world.lamp["answers"]["demo"]["zh-Hans"] = "发件人是“示範燈務處”。"
    assert world.problems() == []


def test_a_quoted_name_that_is_in_no_fact_may_not(world: World) -> None:
    world.lamp["answers"]["demo"]["zh-Hans"] = "发件人是“燈塔”。"
    assert world.problem() == "燈 is a Traditional character in a zh-Hans text; write 灯."


@pytest.mark.parametrize(
    ("word", "right"),
    [("短信", "簡訊"), ("短訊", "簡訊"), ("郵箱", "信箱"), ("登錄", "登入"), ("證書", "憑證"), ("軟件", "軟體"),
     ("網絡", "網路"), ("質量", "品質"), ("電郵", "信箱"), ("戶口", "帳戶")],
)  # fmt: skip
def test_a_word_of_hong_kong_or_the_mainland_is_a_problem_in_taiwan(world: World, word: str, right: str) -> None:
    world.lamp["answers"]["demo"]["zh-Hant"] = f"請看{word}。"
    assert world.problem() == f"{word} is not what people say in Taiwan; write {right}."


@pytest.mark.parametrize(("word", "right"), [("簡訊", "短訊"), ("憑證", "證書"), ("網路", "網絡"), ("咗", "了")])
def test_a_word_of_taiwan_or_spoken_cantonese_is_a_problem_in_hong_kong(world: World, word: str, right: str) -> None:
    world.topics["phone/bell"]["answers"]["other"]["zh-Hant"] = f"請看{word}。"
    assert world.problem() == f"{word} is not what people say in Hong Kong; write {right}."


@pytest.mark.parametrize(("word", "right"), [("简讯", "短信"), ("凭证", "证书"), ("软体", "软件"), ("网路", "网络")])
def test_a_word_of_taiwan_is_a_problem_in_simplified_chinese(world: World, word: str, right: str) -> None:
    world.lamp["answers"]["demo"]["zh-Hans"] = f"请看{word}。"
    assert world.problem() == f"{word} is not what people say in mainland China; write {right}."


def test_a_menus_name_keeps_its_word(world: World) -> None:
    world.lamp["answers"]["demo"]["zh-Hans"] = "请打开“电子凭证夹”。"
    assert world.problems() == []


def test_a_title_is_read_by_the_customers_of_every_institution_that_answers(world: World) -> None:
    world.topics["phone/bell"]["title"]["zh-Hant"] = "簡訊"
    assert world.problem() == "簡訊 is not what people say in Hong Kong; write 短訊."


@pytest.mark.parametrize(
    "contact",
    ["+852 0000 2222", "00002222", "852-0000-2222", "ask@other.test", "sales@mail.other.test", "https://other.test/faq",
     "www.other.test", "Example Intl", "EXAMPLE  INTL", "示例国际", "示例集團", "鈴聲通APP", "铃声通", "鈴 聲 通", "響鈴專區", "鈴木路"],
)  # fmt: skip
def test_a_fact_of_another_institution_is_a_problem(world: World, contact: str) -> None:
    world.institutions["other"]["group"] = "示例集團"
    world.institutions["other"]["limits"]["platforms"] = ["鈴聲通APP", "鈴聲通"]
    world.institutions["other"]["stated"] |= {"menu": "open 響鈴專區 first", "address": "鈴木路 1號"}
    assert world.facts
    world.facts["institutions"]["other"] |= {"group": "示例集團", "stated": world.institutions["other"]["stated"]}
    world.lamp["answers"]["demo"]["en"] = f"Please ask {contact} first."
    says = " is other's, and this is read by customers of demo; remove it."
    assert world.problem().endswith(says)


def test_a_fact_of_another_institution_is_named_as_it_is_written(world: World) -> None:
    world.lamp["answers"]["demo"]["zh-Hans"] = "请问示例国际，电话是+85200002222。"
    problems = [problem.split(": ", 1)[1].split(" is ")[0] for problem in world.problems()]
    assert problems == ["+85200002222", "示例国际"]


def test_a_name_that_two_institutions_have_in_their_facts_is_no_problem(world: World) -> None:
    world.lamp["answers"]["demo"]["zh-Hant"] = "請看電子憑證夾。"
    assert world.problems() == []


def test_the_institutions_own_number_in_digits_is_no_problem(world: World) -> None:
    world.lamp["answers"]["demo"]["en"] = "Please call 000-1111, from a mobile phone 02-000-1111."
    assert world.problems() == []


@pytest.mark.parametrize(
    ("language", "text", "says"),
    [
        ("zh-Hant", "測" * 351, "has 351 characters outside numbered steps; shorten it to 350, or number its steps."),
        ("zh-Hans", "测" * 351, "has 351 characters outside numbered steps; shorten it to 350, or number its steps."),
        ("en", "word " * 121, "has 121 words outside numbered steps; shorten it to 120, or number its steps."),
    ],
)
def test_an_answer_that_is_too_long_is_a_problem(world: World, language: str, text: str, says: str) -> None:
    world.lamp["answers"]["demo"][language] = text
    assert world.problem() == says


@pytest.mark.parametrize(
    ("language", "text"), [("zh-Hant", "測" * 350), ("zh-Hans", "测" * 350), ("en", "word " * 120)]
)
def test_an_answer_of_just_the_most_is_no_problem(world: World, language: str, text: str) -> None:
    world.lamp["answers"]["demo"][language] = text
    assert world.problems() == []


def test_numbered_steps_do_not_count_towards_the_length(world: World) -> None:
    steps = "\n".join(f"{number}. {'測' * 60}" for number in range(1, 8))
    world.lamp["answers"]["demo"]["zh-Hant"] = f"{'測' * 340}：\n{steps}"
    assert world.problems() == []


# --- flows ------------------------------------------------------------------------------------------


def test_a_missing_language_of_a_response_is_a_problem(world: World) -> None:
    del world.ring[1]
    assert world.problem() == "utter_ring has no zh-Hans for demo; add it."


def test_a_response_of_one_institution_only_needs_no_words_for_another(world: World) -> None:
    assert {variation["metadata"]["institution"] for variation in world.ring} == {"demo"}
    assert world.problems() == []


def test_a_response_that_has_words_only_while_the_hotline_is_open_is_a_problem(world: World) -> None:
    world.ring[2]["metadata"]["hotline"] = "open"
    assert world.problem() == "utter_ring has no en for demo; add it."


def test_a_response_with_words_for_either_state_of_the_hotline_is_no_problem(world: World) -> None:
    closed = {"text": "We are closed.", "metadata": {**world.ring[2]["metadata"], "hotline": "closed"}}
    world.ring[2]["metadata"]["hotline"] = "open"
    world.ring.append(closed)
    assert world.problems() == []


def test_a_variation_that_an_earlier_one_always_hides_is_a_problem(world: World) -> None:
    world.human.extend(variations("demo")[:1])
    says = "this variation of utter_human is never said: one before it fits wherever it does; remove it."
    assert world.problem() == says


def test_a_response_in_two_files_is_a_problem(world: World) -> None:
    world.flows["song"] = {"version": "3.1", "responses": {"utter_ring": variations("demo")}}
    assert world.problem() == "utter_ring is also in data/flows/ring.yml, and only one of them is used; remove one."


def test_a_button_of_no_intent_is_a_problem(world: World) -> None:
    world.ring[0]["buttons"] = [{"title": "響鈴", "payload": "/rign"}]
    assert world.problem() == "the button says /rign, which is no intent; correct it."


@pytest.mark.parametrize("payload", ["/ring", "/lamp", '/inform{"volume": "low"}'])
def test_a_button_may_name_a_flow_a_topic_or_an_answer_to_a_question(world: World, payload: str) -> None:
    world.ring[0]["buttons"] = [{"title": "響鈴", "payload": payload}]
    assert world.problems() == []


@pytest.mark.parametrize("payload", ["/ring", "/lamp"])
def test_a_button_to_what_the_readers_institution_does_not_have_is_a_problem(world: World, payload: str) -> None:
    world.human[2]["buttons"] = [{"title": "Ring it", "payload": payload}]
    says = f"the button leads to {payload[1:]}, which other does not have; give it to the others only."
    assert world.problem() == says


def test_a_button_whose_comma_cuts_its_title_is_a_problem(world: World) -> None:
    world.ring[2]["buttons"] = [{"title": "Yes", "please": None, "payload": "/ring"}]
    says = "the field 'please' is not read; if it is part of a text with a comma, put the text in quotes."
    assert world.problem() == says


def test_a_placeholder_that_no_action_passes_to_the_response_is_a_problem(world: World) -> None:
    world.ring[2]["text"] = "Receipt {receipt}."
    assert world.problem().startswith("{receipt} is not filled in here; write one of ")


def test_a_placeholder_that_the_action_passes_is_no_problem(world: World) -> None:
    world.flows["ring"]["responses"]["utter_unlocked"] = variations("demo")
    world.flows["ring"]["responses"]["utter_unlocked"][2]["text"] = "Receipt {receipt} of {institution}."
    assert world.problems() == []


def test_a_wrong_word_on_a_button_is_a_problem(world: World) -> None:
    world.ring[0]["buttons"] = [{"title": "短信", "payload": "/ring"}]
    assert world.problem() == "短信 is not what people say in Taiwan; write 簡訊."


def test_a_response_for_all_is_read_in_each_of_their_places(world: World) -> None:
    world.human[0]["text"] = "請看簡訊。"
    assert world.problem() == "簡訊 is not what people say in Hong Kong; write 短訊."


def test_a_response_for_the_others_is_not_read_by_those_who_have_their_own(world: World) -> None:
    world.human[0]["text"] = "請看短訊。"
    world.human.insert(0, variations("demo")[0])
    assert world.problems() == []


# --- the page ---------------------------------------------------------------------------------------


def test_a_missing_language_of_a_label_is_a_problem(world: World) -> None:
    del world.page["labels"]["send"]["en"]
    assert world.problem() == "send has no en; write it."


def test_a_word_of_the_page_is_read_in_every_place(world: World) -> None:
    world.page["errors"]["busy"]["zh-Hant"] = "網路忙線。"
    assert world.problems() == ["data/page/errors.yml:2: 網路 is not what people say in Hong Kong; write 網絡."]


def test_a_word_of_the_page_is_in_its_script(world: World) -> None:
    world.page["labels"]["send"]["zh-Hans"] = "送出訊息"
    assert "data/page/labels.yml:3: 訊 is a Traditional character in a zh-Hans text; write 讯." in world.problems()


def test_a_placeholder_in_a_label_is_a_problem(world: World) -> None:
    world.page["labels"]["send"]["en"] = "Call {hotline}"
    assert world.problem() == "{hotline} is not filled in here; write it out."


def test_a_placeholder_that_no_error_has_is_a_problem(world: World) -> None:
    world.page["errors"]["busy"]["en"] = "Wait {seconds}."
    assert world.problem().startswith("{seconds} is not filled in here; write one of ")


def test_a_fact_of_one_institution_is_not_on_the_page_of_all(world: World) -> None:
    world.page["labels"]["send"]["en"] = "Send to Example Intl"
    assert world.problem() == "Example Intl is other's, and this is read by customers of demo; remove it."


def test_the_first_words_of_one_firm_are_read_by_its_customers_only(world: World) -> None:
    world.page["links_demo"] = {"check": {"zh-Hant": "看簡訊", "zh-Hans": "看短信", "en": "Look"}}
    world.page["links"] = {"check": {"zh-Hant": "看短訊", "zh-Hans": "看短信", "en": "Look"}}
    assert world.problems() == []


def test_the_first_words_for_all_are_read_by_who_has_none_of_their_own(world: World) -> None:
    world.page["links"] = {"check": {"zh-Hant": "看短訊", "zh-Hans": "看短信", "en": "Look"}}
    assert world.problems() == ["data/page/links.yml:2: 短訊 is not what people say in Taiwan; write 簡訊."]


def test_the_first_words_of_one_firm_name_no_other(world: World) -> None:
    world.page["links_demo"] = {"check": {"zh-Hant": "看", "zh-Hans": "看", "en": "Ask Example Intl"}}
    assert world.problem() == "Example Intl is other's, and this is read by customers of demo; remove it."


def test_a_placeholder_that_no_link_has_is_a_problem(world: World) -> None:
    words = {"zh-Hant": "{time}{where}{numbered}", "zh-Hans": "{hotline}", "en": "{account}"}
    world.page["links"] = {"login_success": words}
    assert world.problem().startswith("{account} is not filled in here; write one of ")


# --- the shared facts -------------------------------------------------------------------------------


def test_without_the_facts_one_sentence_says_so(world: World) -> None:
    world.facts = None
    says = "has no institutions.yml and topics.yml, so nothing was compared with them; name the folder with --facts."
    assert world.problems() == [f"facts: {says}"]


def test_without_the_facts_the_other_checks_are_done(world: World) -> None:
    world.facts = None
    world.lamp["next"] = ["candle"]
    assert len(world.problems()) == 2


def test_a_missing_fact_is_a_problem(world: World) -> None:
    del world.institutions["demo"]["stated"]["sender"]
    assert world.problem() == "stated.sender is missing; facts/institutions.yml has '示範燈務處'."


def test_a_different_fact_is_a_problem(world: World) -> None:
    world.institutions["demo"]["stated"]["sender"] = "示範處"
    assert world.problem() == "stated.sender is '示範處', but facts/institutions.yml has '示範燈務處'; correct it."


def test_a_different_name_is_a_problem(world: World) -> None:
    world.institutions["demo"]["brand"] = "示範"
    assert world.problem() == "brand is '示範', but facts/institutions.yml has '示範證券'; correct it."


def test_a_fact_that_the_guide_does_not_state_is_a_problem(world: World) -> None:
    world.institutions["demo"]["stated"]["gift"] = "free"
    assert world.problem() == "stated.gift is not in facts/institutions.yml; claim nothing that is not there."


def test_an_institution_without_a_file_is_a_problem(world: World) -> None:
    assert world.facts
    world.facts["institutions"]["third"] = {"stated": {}}
    assert world.problems() == ["data/institutions/third.yml: is missing; write it from facts/institutions.yml."]


def test_a_placeholder_that_shows_another_number_than_the_facts_is_a_problem(world: World) -> None:
    world.institutions["demo"]["placeholders"]["hotline"] = "000-1112"
    assert world.problem() == "hotline shows 000-1112, which no fact of demo says; correct one of them."


def test_a_missing_topic_is_a_problem(world: World) -> None:
    del world.topics["notices/lamp"]
    assert world.problems() == ["data/topics: the topic lamp is missing; write a file for it."]


def test_a_topic_without_an_answer_for_an_institution_is_a_problem(world: World) -> None:
    assert world.facts
    world.facts["topics"][0]["for"].append("other")
    assert world.problem() == "has no answer for other; facts/topics.yml names it, write one."


def test_an_answer_for_an_institution_that_the_facts_do_not_name_is_a_problem(world: World) -> None:
    assert world.facts
    world.facts["topics"][1]["for"] = ["demo"]
    assert world.problem() == "answers for other, which facts/topics.yml does not name; remove it."


def test_a_topic_that_the_facts_do_not_name_is_a_problem(world: World) -> None:
    assert world.facts
    del world.facts["topics"][0]
    assert world.problem() == "lamp is not in facts/topics.yml; its topics are fixed, take one of those ids."


def test_an_act_that_differs_from_the_facts_is_a_problem(world: World) -> None:
    assert world.facts
    world.facts["topics"][0]["act"] = "ring"
    assert world.problem() == "act is None; facts/topics.yml has ring, write that."


def test_an_answer_that_does_not_say_what_it_must_is_a_problem(world: World) -> None:
    assert world.facts
    world.facts["topics"][0]["must"] = {"demo": ["2022"]}
    for language, text in world.lamp["answers"]["demo"].items():
        world.lamp["answers"]["demo"][language] = text if language == "en" else f"{text} 2022"
    assert world.problem() == "the answer does not say 2022, which it must; add it."


def test_what_an_answer_must_say_may_come_from_a_placeholder(world: World) -> None:
    assert world.facts
    world.facts["topics"][0]["must"] = {"demo": ["000-1111"]}
    assert world.problems() == []


def test_of_alternatives_an_answer_must_say_one(world: World) -> None:
    assert world.facts
    world.facts["topics"][0]["must"] = {"demo": [["請打", "请拨打", "once"]]}
    assert world.problem() == "the answer does not say 請打 or 请拨打 or once, which it must; add it."


# --- files and lines --------------------------------------------------------------------------------


def test_a_wrong_word_is_found_on_its_line(world: World) -> None:
    world.lamp["answers"]["demo"]["zh-Hant"] = "您好：\n1. 看信箱。\n2. 看郵箱。"
    problems = world.problems()
    assert problems == [f"{world.place(LAMP, '看郵箱')}: 郵箱 is not what people say in Taiwan; write 信箱."]


def test_a_field_that_is_there_twice_is_found_on_its_second_line(world: World) -> None:
    world.problems()
    world.texts[LAMP] = (world.folder / LAMP).read_text(encoding="utf-8") + "    en: Please ring.\n"
    problems = world.problems()
    assert problems == [
        f"{world.place(LAMP, 'Please ring')}: en is here twice and only the last one counts; remove one."
    ]


def test_a_topic_file_that_is_not_yaml_is_named_with_the_line(world: World) -> None:
    world.texts[LAMP] = "topic: lamp\ntitle: [\n"
    assert world.problems()[1].startswith("data/topics/notices/lamp.yml:3: this is not YAML: ")


def test_an_empty_topic_file_is_a_problem(world: World) -> None:
    world.texts[LAMP] = ""
    assert world.problems()[1].startswith("data/topics/notices/lamp.yml: is empty or has no fields")


def test_a_topic_without_a_field_is_a_problem(world: World) -> None:
    del world.lamp["reviewed"]
    assert "data/topics/notices/lamp.yml: the field 'reviewed' is missing." in world.problems()


def test_a_title_that_is_no_field_of_languages_is_a_problem(world: World) -> None:
    world.lamp["title"] = "the lamp"
    assert "data/topics/notices/lamp.yml: a field has the wrong shape" in world.problems()[1]


def test_an_institution_that_cannot_be_read_is_named_before_anything_is_judged(world: World) -> None:
    del world.institutions["demo"]["limits"]
    assert world.problems() == ["data/institutions/demo.yml: KeyError 'limits'; compare with hnyc.yml"]


def test_missing_titles_of_flows_are_named_before_anything_is_judged(world: World) -> None:
    del world.flows["titles"]
    assert world.problems()[0].startswith("data/flows/titles.yml: FileNotFoundError ")


def test_problems_come_in_the_order_of_files_and_lines(world: World) -> None:
    world.ring[0]["buttons"] = [{"title": "響鈴", "payload": "/rign"}]
    world.lamp["next"] = ["candle"]
    world.lamp["expires"] = date(2026, 1, 1)
    places = [problem.split(": ")[0].split(":") for problem in world.problems()]
    assert places == sorted(places, key=lambda place: (place[0], int(place[1])))


def test_checking_needs_no_rasa() -> None:
    lines = "import sys; from bot.content import checks; sys.exit(any(m.split('.')[0] == 'rasa' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", lines], cwd=DATA.parent).returncode == 0


# --- spellings of platforms ---------------------------------------------------------------------------


@pytest.fixture
def limits(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.institutions["demo"]["limits"]
    found["platforms"] = ["燈網", "鈴網"]
    return found


def test_spellings_of_two_platforms_that_differ_are_no_problem(world: World, limits: dict[str, Any]) -> None:
    limits["platform_spellings"] = {"燈網": ["燈 App", "灯网", "燈網"], "鈴網": ["鈴 App"]}
    assert world.problems() == []


def test_a_spelling_of_an_unknown_platform_is_a_problem(world: World, limits: dict[str, Any]) -> None:
    limits["platform_spellings"] = {"鐘網": ["鐘 App"]}
    assert world.problem() == "鐘網 is no platform of demo; write one of limits.platforms."


@pytest.mark.parametrize("spelling", ["燈app", "灯 APP", "燈_App"])
def test_one_spelling_of_two_platforms_is_a_problem(world: World, limits: dict[str, Any], spelling: str) -> None:
    limits["platform_spellings"] = {"燈網": ["燈App"], "鈴網": [spelling]}
    assert world.problem() == f"{spelling} is a spelling of 鈴網 and of 燈網; keep it at one of them."


def test_the_name_of_another_platform_as_a_spelling_is_a_problem(world: World, limits: dict[str, Any]) -> None:
    limits["platform_spellings"] = {"燈網": ["鈴網"]}
    assert world.problem() == "鈴網 is a spelling of 燈網 and of 鈴網; keep it at one of them."


def test_an_ordinary_word_that_is_a_spelling_is_a_problem(world: World, limits: dict[str, Any]) -> None:
    limits.update(platform_spellings={"燈網": ["燈站"]}, no_platforms=["燈站"])
    assert world.problem() == "燈站 is no platform and a spelling of 燈網; keep one of them."


def test_a_problem_of_a_spelling_names_its_line(world: World, limits: dict[str, Any]) -> None:
    limits["platform_spellings"] = {"燈網": ["燈App"], "鈴網": ["燈 App"]}
    (problem,) = world.problems()
    assert problem.startswith(world.place("data/institutions/demo.yml", "- 燈 App") + ": ")
