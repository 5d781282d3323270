"""The custom actions of a report: what the customer has said already is not asked again."""

from __future__ import annotations

from typing import Any

import pytest

from actions.error_report import ActionOpenErrorReport, ValidateErrorReportForm
from bot.contracts.turn import payload
from tests.actions.said import run, said, taken
from tests.actions.world import World

FORM = "error_report_form"


def opened(world: World, text: str, **more: Any) -> dict[str, Any]:
    slots, _, _ = run(ActionOpenErrorReport(world.services), said(text, **more))
    return slots


def answered(world: World, step: str, text: str, slot: str | None = None, **more: Any) -> Any:
    """Return what is taken for `slot` (the step itself) from an answer to the question for `step`."""
    asked = said(text, form=FORM, requested_slot=step, **more)
    return taken(ValidateErrorReportForm(world.services), slot or step, asked)[0]


# --- the first message --------------------------------------------------------------------------------


def test_a_first_message_that_tells_all_leaves_only_the_contact_to_ask(world: World) -> None:
    slots = opened(world, "今天早上e指發一直閃退")
    assert {name: slots[name] for name in ("report_platform", "report_description", "report_since")} == {
        "report_platform": "e指發",
        "report_description": "今天早上e指發一直閃退",
        "report_since": "今天早上",
    }
    assert (slots["report_contact"], slots["report_confirmed"]) == (None, None)


def test_a_report_opens_its_form_and_says_so(world: World) -> None:
    _, responses, follows = run(ActionOpenErrorReport(world.services), said("APP一直閃退"))
    assert (responses, follows) == (["utter_report_opened"], FORM)


def test_a_button_that_opens_a_report_tells_nothing(world: World) -> None:
    slots = opened(world, "/report_error")
    assert {slots[name] for name in ("report_platform", "report_description", "report_since")} == {None}


def test_every_report_has_a_key_of_its_own(world: World) -> None:
    assert opened(world, "APP閃退")["report_key"] != opened(world, "APP閃退")["report_key"]


@pytest.mark.parametrize(
    ("text", "platform"),
    [("E 指 发打不開", "e指發"), ("XQ 斷線", "嘉實XQM APP"), ("大户下单卡住了", "雷影大戶下單"), ("APP一直閃退", None)],
)
def test_the_platform_is_the_one_that_the_message_names(world: World, text: str, platform: str | None) -> None:
    assert opened(world, text)["report_platform"] == platform


def test_of_two_platforms_the_customer_chooses_one(world: World) -> None:
    assert opened(world, "e指發跟XQ都斷線")["report_platform"] is None


def test_one_platform_under_two_names_is_one(world: World) -> None:
    assert opened(world, "嘉實XQM就是XQ一直斷線")["report_platform"] == "嘉實XQM APP"


def test_the_platforms_are_those_of_the_conversations_institution(world: World) -> None:
    assert opened(world, "智投資閃退", institution="icbca")["report_platform"] == "工銀智投資App"
    assert opened(world, "智投資閃退")["report_platform"] is None


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("昨天開始XQ一直斷線", "昨天"),
        ("XQ從上週五下午三點就不能用", "上週五下午三點"),
        ("兩小時前APP開始閃退", "兩小時前"),
        ("the app keeps crashing since yesterday morning", "yesterday morning"),
        ("11/18 早上九點起報價不動", "11/18 早上九點"),
        ("今天報價不動，今天早上九點就這樣", "今天早上九點"),
    ],
)
def test_since_when_is_kept_in_the_customers_own_words(world: World, text: str, since: str) -> None:
    assert opened(world, text)["report_since"] == since


@pytest.mark.parametrize(
    "text",
    [
        "APP一直閃退",
        "昨天還好，今天就閃退",  # which of the two is not ours to decide
        "報價停在昨天",
        "K線圖只顯示到昨天",
        "昨天的損益是錯的",
        "chart only shows yesterday",
        "yesterday's quotes are still there",
        "11/21 的報價不動",
        "12/25 會閃退",
    ],
)
def test_a_message_that_does_not_say_since_when_is_asked(world: World, text: str) -> None:
    assert opened(world, text)["report_since"] is None


def test_a_day_that_is_still_to_come_is_no_beginning(world: World) -> None:
    assert opened(world, "11/21開始閃退")["report_since"] is None


def test_the_wish_to_report_is_no_description(world: World) -> None:
    slots = opened(world, "我要回報今天早上e指發的問題")
    assert slots["report_description"] is None
    assert (slots["report_platform"], slots["report_since"]) == ("e指發", "今天早上")


# --- the form -----------------------------------------------------------------------------------------


def test_a_button_names_the_platform(world: World) -> None:
    pressed = payload("inform", report_platform="其他")
    assert answered(world, "report_platform", pressed) == "其他"


@pytest.mark.parametrize(
    ("text", "intent"), [("易指發", "nlu_fallback"), ("是e指发啦", "notice_platforms"), ("e指發", "inform")]
)
def test_a_platform_is_taken_from_words_when_it_is_asked_for(world: World, text: str, intent: str) -> None:
    assert answered(world, "report_platform", text, intent=intent) == "e指發"


def test_a_platform_is_not_taken_from_words_when_something_else_is_asked_for(world: World) -> None:
    assert answered(world, "report_since", "e指發從昨天開始", "report_platform") is None


def test_a_platform_in_a_question_is_not_the_answer(world: World) -> None:
    question = "e指發登入會寄通知信嗎"
    assert answered(world, "report_platform", question, intent="notice_platforms") is None


@pytest.mark.parametrize("intent", ["cancel", "human"])
def test_a_platform_in_a_command_is_not_the_answer(world: World, intent: str) -> None:
    assert answered(world, "report_platform", "算了e指發不報了", intent=intent) is None


def test_a_description_is_taken_as_it_is_written(world: World) -> None:
    assert answered(world, "report_description", "  按了下單沒有反應 ") == "按了下單沒有反應"


def test_a_description_that_says_since_when_answers_that_too(world: World) -> None:
    assert answered(world, "report_description", "昨天晚上開始一直閃退", "report_since") == "昨天晚上"


def test_a_question_of_another_topic_says_nothing_about_the_report(world: World) -> None:
    question = "昨天收到的通知信是什麼"
    for slot in ("report_description", "report_since"):
        assert answered(world, "report_description", question, slot, intent="notice_kinds") is None


@pytest.mark.parametrize("text", ["今天早上九點", "last Friday", "剛更新完", "Nov 18", "不知道耶"])
def test_since_when_is_taken_as_it_is_written(world: World, text: str) -> None:
    assert answered(world, "report_since", text, intent="nlu_fallback") == text


@pytest.mark.parametrize("text", ["last Friday", "三天前"])
def test_a_day_is_since_when_also_if_it_was_taken_for_a_topic(world: World, text: str) -> None:
    assert answered(world, "report_since", text, intent="notice_kinds") == text


def test_a_question_is_not_since_when(world: World) -> None:
    assert answered(world, "report_since", "昨天收到的信可信嗎", intent="notice_kinds") is None


def test_a_button_says_since_when(world: World) -> None:
    assert answered(world, "report_since", payload("inform", report_since="昨天或更早")) == "昨天或更早"


def test_a_button_of_another_step_says_nothing_about_this_one(world: World) -> None:
    pressed = payload("inform", report_platform="e指發")
    assert answered(world, "report_since", pressed) is None


def test_no_contact_is_wanted(world: World) -> None:
    assert answered(world, "report_contact", "不用", intent="deny") == "none"
