"""What is found in a message: platforms, references, days, numbers, institutions; and what is none of them."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from bot.content.institutions import load_institutions
from bot.content.topics import load_topics
from bot.contracts.redaction import hide_digits
from bot.engine.understanding.entities import NAMES, Entity, EntityRules

INSTITUTIONS = load_institutions()
RULES = EntityRules(INSTITUTIONS)
NOW = datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo("Asia/Taipei"))  # a Friday
TODAY = "2026-11-20"


def found(text: str, institution: str = "hnyc", now: datetime = NOW) -> list[Entity]:
    return RULES.find(text, institution, now)


def values(text: str, entity: str, institution: str = "hnyc", now: datetime = NOW) -> list[str]:
    return [one.value for one in found(text, institution, now) if one.entity == entity]


def words(text: str, entity: str, institution: str = "hnyc") -> list[str]:
    return [text[one.start : one.end] for one in found(text, institution) if one.entity == entity]


# --- all of them --------------------------------------------------------------------------------------


def test_entities_come_in_the_order_of_the_message() -> None:
    text = "昨天XQ閃退，帳號 9123456，編號 ER-20261118-4TBN，華南永昌"
    assert [one.entity for one in found(text)] == ["date", "platform", "number", "report_reference", "institution"]


def test_a_find_is_where_it_stands_in_the_customers_own_text() -> None:
    assert words("我的 Ｅ　指 发 打不開", "platform") == ["Ｅ　指 发"]


@pytest.mark.parametrize("text", ["", " ", "你好", "？", "🙂🙂", "\x00", "我要解鎖密碼", "the app keeps crashing"])
def test_a_message_without_entities_has_none(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_no_two_entities_of_an_example_overlap(institution: str) -> None:
    for topic in load_topics().values():
        for example in topic.all_examples:
            ends = [0, *(one.end for one in found(example, institution))]
            assert all(one.start >= end for one, end in zip(found(example, institution), ends, strict=False)), example


def test_every_entity_has_a_declared_name() -> None:
    seen = {one.entity for topic in load_topics().values() for text in topic.all_examples for one in found(text)}
    assert seen <= set(NAMES)


@pytest.mark.parametrize(
    "text",
    [
        "寄到 xq.20261120@demo.test 了",
        "demo@icbc.com.hk",
        "0912345678@demo.test",
        "看 https://demo.test/e指發/2026-11-20/ER-20261120-7K3M",
        "https://demo.test/?a=91234567&day=11/20",
        "www.demo.test/xq",
        "gtjai.com.hk",
        "icbc.com/xq/2026-11-20",
    ],
)
def test_nothing_is_found_in_an_address_or_a_link(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("between", [" ", "，", "\n"])
def test_what_follows_a_link_is_found(between: str) -> None:
    assert values(f"https://demo.test/x{between}XQ打不開", "platform") == ["嘉實XQM APP"]


# --- platforms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_every_platform_is_found_by_its_name(institution: str) -> None:
    platforms = INSTITUTIONS[institution].platforms
    assert [values(f"我的{p}打不開", "platform", institution) for p in platforms] == [[p] for p in platforms]


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_every_spelling_is_found_as_its_platform_alone_and_in_a_sentence(institution: str) -> None:
    for platform, spellings in INSTITUTIONS[institution].platform_spellings.items():
        for spelling in spellings:
            for text in (spelling, f"我的{spelling}，打不開", spelling.upper(), spelling.lower()):
                assert values(text, "platform", institution) == [platform], text


@pytest.mark.parametrize(
    "text",
    [
        "e指發",
        "E指發",
        "e指发",
        "E 指 發",
        "ｅ指發",
        "e_指發",
        "e-指發",
        "easy指發",
        "易指發",
        "e\u200b指發",
        "用e指發APP下單",
    ],
)
def test_a_platform_is_found_in_any_script_case_width_and_with_gaps(text: str) -> None:
    assert values(text, "platform") == ["e指發"]


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("XQ 斷線", "嘉實XQM APP"),
        ("嘉實 xqm app", "嘉實XQM APP"),
        ("大戶下單當掉", "雷影大戶下單"),
        ("API下单连不上", "嘉實 API 下單"),
        ("好神准", "好神準"),
        ("e柜台", "e櫃台"),
        ("E櫃檯", "e櫃台"),
        ("好神E櫃台", "e櫃台"),
        ("新客戶專區", "新_客戶專區"),
        ("新_客戶專區", "新_客戶專區"),
        ("舊版客戶專區", "舊_客戶專區"),
        ("客戶專區（舊版）", "舊_客戶專區"),
        ("投顾网站", "投顧網站"),
        ("华南永昌证券app", "華南永昌證券APP"),
    ],
)
def test_a_platform_of_hnyc_is_found_as_customers_call_it(text: str, platform: str) -> None:
    assert values(text, "platform") == [platform]


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("环球快车连不上", "國泰君安國際-環球快車"),
        ("國泰君安國際 環球快車", "國泰君安國際-環球快車"),
        ("富易", "富易港股通"),
        ("君弘APP", "君弘全球通APP"),
        ("交易宝手机版", "國泰君安國際交易寶 (手機版)"),
        ("國泰君安（香港）網上證券交易", "國泰君安(香港)網上證券交易"),
    ],
)
def test_a_platform_of_gtjai_is_found_as_customers_call_it(text: str, platform: str) -> None:
    assert values(text, "platform", "gtjai") == [platform]


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("智投资闪退", "工銀智投資App"),
        ("工銀智投資 APP", "工銀智投資App"),
        ("the invest app crashes", "工銀智投資App"),
        ("InvestApp", "工銀智投資App"),
        ("銀行app", "手機銀行App"),
        ("Mobile Banking is down", "手機銀行App"),
        ("手机银行卡住", "手機銀行App"),
    ],
)
def test_a_platform_of_icbca_is_found_as_customers_call_it(text: str, platform: str) -> None:
    assert values(text, "platform", "icbca") == [platform]


def test_the_longest_name_wins() -> None:
    assert words("嘉實 XQM APP 閃退", "platform") == ["嘉實 XQM APP"]


def test_every_platform_of_a_message_is_found() -> None:
    assert values("e指發跟XQ都斷線", "platform") == ["e指發", "嘉實XQM APP"]


@pytest.mark.parametrize(
    ("text", "institution"),
    [("e指發打不開", "gtjai"), ("智投資閃退", "hnyc"), ("富易入唔到", "icbca"), ("XQ", "icbca")],
)
def test_a_platform_of_another_institution_is_none(text: str, institution: str) -> None:
    assert values(text, "platform", institution) == []


@pytest.mark.parametrize("text", ["taxqueue", "xqs", "maxq", "XQ2000", "e櫃台xXQx"])
def test_a_part_of_a_latin_word_is_no_platform(text: str) -> None:
    assert "嘉實XQM APP" not in values(text, "platform")


def test_the_end_of_a_word_does_not_begin_a_platform() -> None:
    assert values("the 指發", "platform") == []


@pytest.mark.parametrize(
    ("text", "institution"),
    [
        ("你是指發生了什麼事", "hnyc"),
        ("手指發麻", "hnyc"),
        ("數位網路很慢", "hnyc"),
        ("大戶一直在賣", "hnyc"),
        ("客戶專區打不開", "hnyc"),  # the old one or the new: nobody knows
        ("API", "hnyc"),
        ("API timeout", "hnyc"),
        ("好神準喔你們", "hnyc"),
        ("財富易主", "gtjai"),
        ("港股通額度", "gtjai"),
        ("神州行和全球通", "gtjai"),
        ("交易寶典", "gtjai"),
        ("我只投資台股", "icbca"),
        ("理智投資很重要", "icbca"),
        ("明智投资", "icbca"),
        ("銀行帳戶", "icbca"),
        ("I want to invest", "icbca"),
    ],
)
def test_an_ordinary_word_is_no_platform(text: str, institution: str) -> None:
    assert values(text, "platform", institution) == []


# --- references of reports ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["ER-20261120-7K3M", "er20261120 7k3m", "ＥＲ－２０２６１１２０－７Ｋ３Ｍ", "請查ER - 20261120 - 7K3M謝謝"],
)
def test_a_reference_is_found_as_it_is_stored(text: str) -> None:
    assert values(text, "report_reference") == ["ER-20261120-7K3M"]


def test_a_reference_is_neither_a_day_nor_a_number() -> None:
    assert [one.entity for one in found("ER-20261120-2345 的進度")] == ["report_reference"]


@pytest.mark.parametrize(
    "text",
    [
        "NT-20261120-7K3M-QXRT",
        "nt20261120 7k3m qxrt",
        "ＮＴ－２０２６１１２０－７Ｋ３Ｍ－ＱＸＲＴ",
        "查NT - 20261120 - 7K3M - QXRT這封",
    ],
)
def test_the_reference_of_a_notice_is_found_as_it_is_stored(text: str) -> None:
    assert [(one.entity, one.value) for one in found(text)] == [("notice_reference", "NT-20261120-7K3M-QXRT")]


def test_two_references_that_touch_do_not_overlap() -> None:
    spans = [(one.start, one.end) for one in found("ER-20261120-NT20 261120-7K3M-QXRT NT-20261120-7K3M-QXRT")]
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@pytest.mark.parametrize("text", ["UL-20261120-7K3M", "ER-2026112-7K3M", "order 20261120 1234"])
def test_what_only_looks_like_a_reference_is_none(text: str) -> None:
    assert values(text, "report_reference") == []


# --- days: written ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["2026-11-20", "2026/11/20", "2026.11.20", "2026年11月20日", "2026年11月20號",
     "２０２６－１１－２０", "２０２６年１１月２０日", "2026 年 11 月 20 日", "二〇二六年十一月二十日",
     "20/11/2026", "11/20/2026", "Nov 20 2026", "Nov 20, 2026", "November 20th, 2026", "20 Nov 2026", "20th of November 2026",
     "20-Nov-2026"],
)  # fmt: skip
def test_a_day_of_the_common_calendar_is_found(text: str) -> None:
    assert values(f"從 {text} 開始", "date") == [TODAY]


@pytest.mark.parametrize(
    "text",
    ["115/11/20", "115-11-20", "115.11.20", "115年11月20日", "民國115年11月20日", "民国115年11月20日", "民國 115/11/20", "１１５／１１／２０",
     "一一五年十一月二十日"],
)  # fmt: skip
def test_a_day_of_the_roc_calendar_is_found(text: str) -> None:
    assert values(f"從 {text} 開始", "date") == [TODAY]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("99/12/31", ["2010-12-31"]),
        ("民國1年1月1日", ["1912-01-01"]),
        ("民國150年1月1日", ["2061-01-01"]),
        ("150/1/1", ["2061-01-01"]),
        ("民國0年1月1日", []),
        ("民國151年1月1日", []),
        ("151/1/1", []),
        ("1/1/1", []),
        ("1899/1/1", []),
        ("1900/1/1", ["1900-01-01"]),
        ("2199/12/31", ["2199-12-31"]),
        ("2200/1/1", []),
    ],
)
def test_years_end_where_the_calendars_are_used(text: str, day: list[str]) -> None:
    assert values(text, "date") == day


@pytest.mark.parametrize(
    "text",
    [
        "11/20",
        "11月20日",
        "11月20號",
        "11月20号",
        "11月20",
        "11月20早上",
        "１１／２０",
        "十一月二十日",
        "Nov 20",
        "20 Nov",
        "nov. 20th",
    ],
)
def test_a_day_without_a_year_is_found(text: str) -> None:
    assert values(f"{text}", "date") == [TODAY]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("12/25", "2026-12-25"),
        ("1/5", "2026-01-05"),
        ("5/22", "2026-05-22"),
        ("11/21", "2026-11-21"),
    ],
)
def test_a_day_without_a_year_is_of_this_year(text: str, day: str) -> None:
    assert values(text, "date") == [day]


@pytest.mark.parametrize(("text", "day"), [("12/25", "2025-12-25"), ("7/5", "2026-07-05"), ("7/6", "2025-07-06")])
def test_a_day_without_a_year_more_than_half_a_year_ahead_was_last_year(text: str, day: str) -> None:
    assert values(text, "date", now=NOW.replace(month=1, day=3)) == [day]


@pytest.mark.parametrize(
    ("institution", "day"), [("hnyc", "2026-05-11"), ("gtjai", "2026-11-05"), ("icbca", "2026-11-05")]
)
def test_in_hong_kong_the_day_is_written_before_the_month(institution: str, day: str) -> None:
    assert values("5/11", "date", institution) == [day]


@pytest.mark.parametrize("institution", INSTITUTIONS)
@pytest.mark.parametrize("text", ["11/20", "20/11"])
def test_a_day_after_the_twelfth_is_read_wherever_it_stands(institution: str, text: str) -> None:
    assert values(text, "date", institution) == [TODAY]


@pytest.mark.parametrize(
    "text",
    ["2/30", "2026/2/30", "2026-02-29", "115/2/30", "民國115年2月30日", "13/13", "11/31", "2026/13/1", "0/5", "2月30日", "Feb 30",
     "31 Nov 2026", "十三月一日", "2/29"],
)  # fmt: skip
def test_an_impossible_day_is_none(text: str) -> None:
    assert values(text, "date") == []


@pytest.mark.parametrize("text", ["2028/2/29", "117/2/29"])
def test_a_leap_day_is_one(text: str) -> None:
    assert values(text, "date") == ["2028-02-29"]


@pytest.mark.parametrize(
    "text",
    ["台北101", "24/7", "50/50", "第1/4步", "iOS 17.5.1", "10.0.0.1", "1.5", "11.20", "9:30", "2330", "3/4/5/6", "$1/2", "11月", "2026年", "20日線",
     "5月3次", "2 may be wrong", "Nov", "marching 3", "12/25%"],
)  # fmt: skip
def test_what_only_looks_like_a_day_is_none(text: str) -> None:
    assert values(text, "date") == []


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("這個月18號", "2026-11-18"),
        ("本月18日", "2026-11-18"),
        ("上個月5號", "2026-10-05"),
        ("上個月31號", "2026-10-31"),
    ],
)
def test_a_day_of_this_month_or_the_last_is_found(text: str, day: str) -> None:
    assert values(text, "date") == [day]


# --- days: told from today ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "texts"),
    [
        (TODAY, ["今天", "今日", "今早", "今晚", "今朝", "剛剛", "刚才", "啱啱", "頭先", "today", "tonight", "Today"]),
        ("2026-11-19", ["昨天", "昨日", "昨晚", "尋日", "寻日", "琴日", "噚日", "琴晚", "yesterday"]),
        ("2026-11-18", ["前天", "前日", "前晚"]),
        ("2026-11-17", ["大前天", "大前日"]),
        (TODAY, ["this morning", "just now"]),
        ("2026-11-19", ["last night"]),
        ("2026-11-18", ["the day before yesterday"]),
    ],
)
def test_a_day_told_from_today_is_found(day: str, texts: list[str]) -> None:
    for text in texts:
        assert values(text, "date") == [day], text


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("三天前", "2026-11-17"),
        ("3天前", "2026-11-17"),
        ("３日前", "2026-11-17"),
        ("三天以前", "2026-11-17"),
        ("兩天前", "2026-11-18"),
        ("十二天前", "2026-11-08"),
        ("一週前", "2026-11-13"),
        ("兩個禮拜前", "2026-11-06"),
        ("两个星期前", "2026-11-06"),
        ("3 days ago", "2026-11-17"),
        ("three days ago", "2026-11-17"),
        ("a week ago", "2026-11-13"),
        ("兩小時前", TODAY),
        ("半個鐘頭前", TODAY),
        ("10分鐘前", TODAY),
        ("an hour ago", TODAY),
    ],
)
def test_a_day_so_long_ago_is_found(text: str, day: str) -> None:
    assert values(text, "date") == [day]


@pytest.mark.parametrize("text", ["兩小時前", "2 hours ago", "120分鐘前"])
def test_hours_ago_may_have_been_yesterday(text: str) -> None:
    assert values(text, "date", now=NOW.replace(hour=1)) == ["2026-11-19"]


@pytest.mark.parametrize(
    "text", ["上週五", "上周五", "上星期五", "上禮拜五", "上个星期五", "上個禮拜五", "last Friday", "last fri"]
)
def test_last_friday_on_a_friday_is_a_week_ago(text: str) -> None:
    assert values(text, "date") == ["2026-11-13"]


@pytest.mark.parametrize("text", ["上週五", "last Friday"])
def test_last_friday_on_a_monday_is_three_days_ago(text: str) -> None:
    assert values(text, "date", now=NOW.replace(day=23)) == [TODAY]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("上週日", "2026-11-15"),
        ("上星期天", "2026-11-15"),
        ("上上週五", "2026-11-06"),
        ("這週三", "2026-11-18"),
        ("本周一", "2026-11-16"),
    ],
)
def test_a_week_begins_on_monday(text: str, day: str) -> None:
    assert values(text, "date") == [day]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("從週五開始", TODAY),
        ("星期三早上當掉", "2026-11-18"),
        ("禮拜六開始", "2026-11-14"),
        ("since Monday", "2026-11-16"),
    ],
)
def test_a_weekday_since_which_something_is_so_is_the_latest(text: str, day: str) -> None:
    assert values(text, "date") == [day]


@pytest.mark.parametrize(
    "text",
    [
        "上週一直閃退",
        "上周一次都沒有",
        "這週三次了",
        "上星期三天都不行",
        "週一到週五",
        "每週五早上",
        "下週五",
        "週日線",
        "星期幾",
        "一週五天",
    ],
)
def test_what_only_looks_like_a_weekday_is_none(text: str) -> None:
    assert values(text, "date") == []


@pytest.mark.parametrize(
    "text",
    ["目前日期", "之前天天斷線", "提前天數", "剛剛好", "幾天前", "明天", "T+2日前", "第三天前", "todays", "年底前"],
)
def test_what_only_looks_like_a_day_told_from_today_is_none(text: str) -> None:
    assert values(text, "date") == []


@pytest.mark.parametrize(
    "text",
    ["今天早上", "今天早上九點", "今天的早上", "昨天晚上八點半", "昨天 14:30", "昨天早上九點零五", "11/20 早上9點", "2026-11-20 09:30", "2026-11-20 09:30:15",
     "yesterday morning", "yesterday at 9 am", "yesterday at 9:30", "Nov 20 at 9:30 pm", "上週五下午三點"],
)  # fmt: skip
def test_the_part_of_the_day_and_the_clock_belong_to_the_words_of_a_day(text: str) -> None:
    assert words(f"{text} XQ 當掉", "date") == [text]


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("今天的報價", "今天"),
        ("昨天 3 次", "昨天"),
        ("昨天夜盤", "昨天"),
        ("早上九點一直當", "早上九點"),
        ("today 5 times", "today"),
    ],
)
def test_what_else_follows_a_day_does_not_belong_to_it(text: str, own: str) -> None:
    assert words(text, "date") == [own]


@pytest.mark.parametrize(
    ("text", "day"),
    [("早上九點斷線", TODAY), ("早上9:30斷線", TODAY), ("下午三點斷線", "2026-11-19"), ("晚上十一點多", "2026-11-19")],
)
def test_a_clock_without_a_day_is_the_latest_that_was(text: str, day: str) -> None:
    assert values(text, "date") == [day]


@pytest.mark.parametrize("text", ["每天早上九點斷線", "早上斷線", "晚上30點", "九點"])
def test_what_does_not_say_which_day_is_none(text: str) -> None:
    assert values(text, "date") == []


def test_two_days_are_both_found() -> None:
    assert values("昨天還好，今天就閃退", "date") == ["2026-11-19", TODAY]


def test_the_value_is_of_the_day_that_is_passed_in() -> None:
    assert values("昨天", "date", now=NOW.replace(day=1)) == [date(2026, 10, 31).isoformat()]


# --- numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["91234", "9123456", "0912345678", "0912-345-678", "0912 345 678", "０９１２３４５６７８", "٠٩١٢٣٤٥٦٧٨", "1234567890123456", "我的帳號是9876543",
     "９１２-３４５６"],
)  # fmt: skip
def test_what_looks_like_an_account_or_a_phone_is_a_number(text: str) -> None:
    assert values(text, "number") == ["hidden"]


@pytest.mark.parametrize("text", ["9123456", "0912 345 678", "我的帳號是９８７６５４３"])
def test_no_value_holds_a_digit_of_a_number(text: str) -> None:
    assert not any(character.isdigit() for one in found(text) for character in one.value)


@pytest.mark.parametrize("text", ["我的帳號是 9123456 請查", "卡號 4000-1234-5678-9010", "A123456789"])
def test_a_number_is_also_found_where_it_was_hidden_on_the_way(text: str) -> None:
    assert values(hide_digits(text), "number") == ["hidden"]


@pytest.mark.parametrize(
    "text", ["2330", "1234", "12345678901234567", "100000元", "50000 股", "1,000,000", "12345.67", "99.12345"]
)
def test_what_is_too_short_too_long_or_an_amount_is_no_number(text: str) -> None:
    assert values(text, "number") == []


@pytest.mark.parametrize("text", ["412-8889", "02-4128889", "40080 95521", "+852 2509 7524", "21895588"])
def test_a_published_number_is_none(text: str) -> None:
    assert values(text, "number") == []


@pytest.mark.parametrize("text", ["2026-11-20", "115/11/20", "2026/11/20 09:30"])
def test_a_day_is_no_number(text: str) -> None:
    assert values(text, "number") == []


def test_two_numbers_side_by_side_are_two() -> None:
    assert words("9123456 0912345678", "number") == ["9123456", "0912345678"]


# --- institutions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", INSTITUTIONS)
def test_an_institution_is_found_by_its_names_and_spellings(id_: str) -> None:
    one = INSTITUTIONS[id_]
    for name in (id_, one.brand, *one.name.values(), *one.names_spelled):
        assert values(f"請問{name}，電話", "institution") == [id_], name


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("华南永昌", "hnyc"),
        ("HNYC", "hnyc"),
        ("国泰君安", "gtjai"),
        ("GTJA", "gtjai"),
        ("guotai junan", "gtjai"),
        ("工银亚洲", "icbca"),
        ("ICBC", "icbca"),
    ],
)
def test_an_institution_is_found_in_any_script_and_case(text: str, id_: str) -> None:
    assert values(f"我在{text}開戶", "institution") == [id_]


@pytest.mark.parametrize(
    "text", ["國泰證券", "國泰世華", "華南銀行", "華南地區", "施工行為", "hnycx", "I entrust you", "國君"]
)
def test_another_firm_or_an_ordinary_word_is_no_institution(text: str) -> None:
    assert values(text, "institution") == []


def test_an_institution_that_is_a_part_of_a_platform_is_not_named() -> None:
    assert [one.entity for one in found("華南永昌證券APP閃退")] == ["platform"]


def test_an_institution_in_the_name_of_anothers_platform_is_named() -> None:
    assert values("華南永昌證券APP閃退", "institution", "gtjai") == ["hnyc"]
