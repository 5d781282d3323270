"""Which language a message is in decides in which language the customer is answered."""

from __future__ import annotations

import pytest

from bot.content.language import LANGUAGES, detect_language


@pytest.mark.parametrize("text", ["密碼被鎖住了", "查詢不到", "為什麼一直寄信給我", "我的手機丟了", "開盤前登不進去"])
@pytest.mark.parametrize("before", LANGUAGES)
def test_traditional_characters_are_answered_in_traditional_chinese(text: str, before: str) -> None:
    assert detect_language(text, before) == "zh-Hant"


@pytest.mark.parametrize("text", ["密码被锁了", "我的手机丢了", "为什么老是给我发邮件", "在线客服", "怎么办"])
@pytest.mark.parametrize("before", LANGUAGES)
def test_simplified_characters_are_answered_in_simplified_chinese(text: str, before: str) -> None:
    assert detect_language(text, before) == "zh-Hans"


@pytest.mark.parametrize(
    "text",
    ["can I turn these e-mails off", "unlock my account", "i no can login", "help", "Thanks!", "OK", "don't stop"],
)
@pytest.mark.parametrize("before", LANGUAGES)
def test_english_words_are_answered_in_english(text: str, before: str) -> None:
    assert detect_language(text, before) == "en"


@pytest.mark.parametrize("text", ["個密碼鎖咗呀", "點樣先可以開返", "邊度改電話", "我入唔到去，幫我解鎖", "多謝晒"])
@pytest.mark.parametrize("before", LANGUAGES)
def test_written_cantonese_is_answered_in_traditional_chinese(text: str, before: str) -> None:
    assert detect_language(text, before) == "zh-Hant"


@pytest.mark.parametrize("text", ["ㄎㄨㄞˋㄅㄤㄇㄤˊ", "ㄅ要", "ㄏㄞ"])
def test_bopomofo_is_answered_in_traditional_chinese(text: str) -> None:
    assert detect_language(text, "zh-Hant") == "zh-Hant"


def test_bopomofo_alone_turns_an_english_conversation_to_traditional_chinese() -> None:
    assert detect_language("ㄏㄞ ㄋㄧˇ", "en") == "zh-Hant"


@pytest.mark.parametrize(
    "text", ["你好", "可以", "是我本人", "公里", "皇后", "台北", "干不干", "好吃", "秘密", "搞掂晒"]
)
@pytest.mark.parametrize("before", ["zh-Hant", "zh-Hans"])
def test_what_both_scripts_write_alike_keeps_the_script_of_the_conversation(text: str, before: str) -> None:
    assert detect_language(text, before) == before


@pytest.mark.parametrize("text", ["你好", "可以", "是我本人"])
def test_chinese_of_either_script_in_an_english_conversation_is_answered_in_traditional_chinese(text: str) -> None:
    assert detect_language(text, "en") == "zh-Hant"


@pytest.mark.parametrize("before", LANGUAGES)
def test_as_many_characters_of_one_script_as_of_the_other_do_not_tell(before: str) -> None:
    expected = "zh-Hant" if before == "en" else before
    assert detect_language("门門", before) == expected


@pytest.mark.parametrize(("text", "language"), [("幫我unlock", "zh-Hant"), ("帮我unlock account", "zh-Hans")])
@pytest.mark.parametrize("before", LANGUAGES)
def test_one_chinese_word_among_english_ones_is_answered_in_its_script(text: str, language: str, before: str) -> None:
    assert detect_language(text, before) == language


def test_the_script_with_more_different_characters_wins() -> None:
    assert detect_language("这个驗证码", "zh-Hant") == "zh-Hans"


@pytest.mark.parametrize(
    "text", ["", "   ", "123456", "072/05/17", "ER-20261120-7K3M", "OTP", "sms", "APP", "?!", "👍", "a b c"]
)
@pytest.mark.parametrize("before", LANGUAGES)
def test_what_is_no_sentence_keeps_the_language_of_the_conversation(text: str, before: str) -> None:
    assert detect_language(text, before) == before
