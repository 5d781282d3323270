"""Words of Taiwan, Hong Kong and the mainland: certain ones are found, ordinary ones are not."""

from __future__ import annotations

import pytest

from bot.content.places import HONG_KONG, MAINLAND, PLACES, TAIWAN, words_not_said, words_of_elsewhere


@pytest.mark.parametrize("place", PLACES)
def test_many_words_of_elsewhere_are_known_for_every_place(place: str) -> None:
    assert len(words_not_said(place)) >= 150


@pytest.mark.parametrize("place", PLACES)
def test_what_is_to_be_written_instead_is_said_there(place: str) -> None:
    instead = words_not_said(place)
    assert {right for right in instead.values() if list(words_of_elsewhere(right, place))} == set()


@pytest.mark.parametrize("place", PLACES)
def test_every_word_of_elsewhere_is_found_in_a_sentence(place: str) -> None:
    for word, right in words_not_said(place).items():
        assert list(words_of_elsewhere(f"「{word}」。", place)) == [(word, right)]


@pytest.mark.parametrize(
    ("place", "text", "found"),
    [
        (TAIWAN, "請打開短信裡的鏈接", {"短信": "簡訊", "鏈接": "連結"}),
        (TAIWAN, "默認的屏幕設置密碼", {"默認": "預設", "屏幕": "螢幕", "設置密碼": "設定密碼"}),
        (TAIWAN, "請到電郵查閱短訊", {"電郵": "信箱", "短訊": "簡訊"}),
        (TAIWAN, "甚麼是證書", {"甚麼": "什麼", "證書": "憑證"}),
        (HONG_KONG, "請用行動電話收簡訊", {"行動電話": "手提電話", "簡訊": "短訊"}),
        (HONG_KONG, "在線上下單後列印", {"線上": "網上", "下單": "落盤"}),
        (HONG_KONG, "請激活憑證", {"激活": "啟用", "憑證": "證書"}),
        (HONG_KONG, "你嘅驗證碼冇咗", {"嘅": "的", "冇": "沒有", "咗": "了"}),
        (MAINLAND, "请登入信箱查看简讯", {"登入": "登录", "信箱": "邮箱", "简讯": "短信"}),
        (MAINLAND, "请打开萤幕上的程式", {"萤幕": "屏幕", "程式": "程序"}),
        (MAINLAND, "公众假期落盘", {"公众假期": "法定节假日", "落盘": "下单"}),
        (MAINLAND, "搵唔到嗰個", {"搵": "找", "唔": "不", "嗰": "那"}),
    ],
)
def test_words_of_elsewhere_are_found_with_what_to_write(place: str, text: str, found: dict[str, str]) -> None:
    assert dict(words_of_elsewhere(text, place)) == found


def test_the_longest_word_is_found_and_not_its_parts() -> None:
    assert [word for word, _ in words_of_elsewhere("用網際網路和智慧型手機", HONG_KONG)] == ["網際網路", "智慧型手機"]


def test_a_word_is_found_once_however_often_it_is_written() -> None:
    assert list(words_of_elsewhere("短信、短信、短信", TAIWAN)) == [("短信", "簡訊")]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (TAIWAN, "請到官網上查，也可以在線上辦理；有無線上網就行"),
        (TAIWAN, "依規定的程序，只看電視頻道，重視頻率"),
        (TAIWAN, "客戶口頭同意，短期權益不變，刺激活動，完全角色"),
        (TAIWAN, "請防止損失，成交收盤後扣除淨值"),
        (TAIWAN, "您的手機裡有憑證，請用信箱收訊息"),
        (HONG_KONG, "請憑證件到分行，以下單位會協助，部門號碼如下"),
        (HONG_KONG, "郵政信箱、熱線上的職員、東西元素、顧客訴求"),
        (HONG_KONG, "請以手提電話接收短訊，並登入戶口"),
        (MAINLAND, "正在进行销户，请凭证件办理，方程式、系列印刷"),
        (MAINLAND, "连结果都没有，当机会来了，记录影响，请选单击"),
        (MAINLAND, "请用手机接收短信，登录账户，打印对账单"),
    ],
)
def test_ordinary_words_that_hold_a_word_of_elsewhere_are_none(place: str, text: str) -> None:
    assert list(words_of_elsewhere(text, place)) == []
