"""Two questions in one message are two, and one situation in many half sentences stays one."""

from __future__ import annotations

import re

import pytest

from bot.content.topics import load_topics
from bot.engine.understanding.questions import MOST, parts

TWO = (
    # Traditional Chinese
    "通知信可以關掉嗎？驗證碼多久有效？",
    "通知信可以關掉嗎?驗證碼多久有效?",
    "通知信可以關掉嗎。驗證碼多久有效",
    "通知信可以關掉嗎；驗證碼多久有效",
    "通知信可以關掉嗎\n驗證碼多久有效",
    "密碼怎麼改，另外憑證怎麼展延",
    "密碼怎麼改 另外 憑證怎麼展延",
    "密碼怎麼改，還有請問憑證怎麼展延",
    "密碼怎麼改，順便問一下憑證怎麼展延",
    "密碼怎麼改，再請問憑證在哪裡展延",
    "密碼怎麼改還有就是憑證怎麼展延",
    "第一個問題密碼怎麼改，第二個問題憑證怎麼展延",
    "我想改信箱，順道問一下通知信可以回覆嗎",
    "1.密碼怎麼改 2.憑證怎麼展延",
    "1、密碼怎麼改2、憑證怎麼展延",
    "密碼怎麼改 對了，憑證怎麼展延",
    # Simplified Chinese
    "密码怎么改，另外证书怎么续期",
    "密码怎么改，顺便问下证书在哪里续",
    "密码怎么改，还有想问一下证书怎么续",
    "密码怎么改，再问一个，证书怎么续",
    "验证码几位数还有我想知道多久过期",
    "验证码几位数？多久过期？",
    # Cantonese
    "驗證碼有效幾耐？仲有每次落單都要咩？",
    "驗證碼有效幾耐，仲有想問每次落單都要咩",
    "驗證碼有效幾耐，仲想問每次落單都要咩",
    "驗證碼有效幾耐 同埋想問每次落單係咪都要",
    "點樣改密碼，另想問憑證點續",
    "點樣改密碼，順便問埋憑證點續",
    # English
    "can I turn these e-mails off? how long is the code valid?",
    "Can I turn these e-mails off. How long is the code valid",
    "can I turn these e-mails off and also how long is the code valid",
    "how long is the code valid, by the way can I reply to these",
    "how do I change my password, also where do I renew the certificate",
    "how do I change my password also where do I renew the certificate",
    "I want to change my e-mail address. One more thing, can I reply to the notices",
    "how do I change my password and another question, is this mail yours",
    "how many digits is the code, second question is how long it lasts",
    "how long is the code valid! and how many digits has it",
    "first how do I log in, secondly how do I get a code",
    "1) how do I log in 2) how do I get a code",
)
ONE = (
    # Traditional Chinese
    "通知信可以關掉嗎",
    "我登入不了，密碼打對還是說錯，怎麼辦",
    "手機掉了，號碼也換了，收不到驗證碼",
    "我昨天收到一封信 說我密碼錯誤 可是我沒登入",
    "憑證在另外一台電腦上",
    "寄到另外一個信箱可以嗎",
    "我還有問題",
    "我沒有問題了",
    "不要再問我生日了",
    "為什麼還有通知信",
    "我改了密碼還有用嗎",
    "好神E櫃台APP 2.0打不開",
    "第2次輸錯就被鎖",
    "收到3.5次了",
    "我想順便改電話",
    "登入一次寄一封，太多了吧",
    "2026.11.20收到的信",
    # Simplified Chinese
    "验证码收不到，手机有信号，短信也能收",
    "我在另外的电脑上装了证书",
    "还有多少次机会",
    "证书快到期了，续期按钮是灰的",
    "为什么每次登录都要发邮件，很烦",
    # Cantonese
    "收唔到短訊，部電話冇壞，點算好",
    "仲有冇機會解鎖",
    "我部機唔見咗，電話卡都冇埋",
    "換咗另外一部手機",
    # English
    "does logging in with the app also send an e-mail",
    "I also did not get the code",
    "I lost my phone, my number changed, and no code comes",
    "it says e.g. 3 wrong entries",
    "is version 2.1 of the app supported",
    "I can not log in and the code does not come",
    "my password, the one from the letter, is refused",
    "the e-mail at 10.30 was not me",
    "why do I get so many e-mails",
    "they also know my address",
)


def letters(text: str) -> str:
    return re.sub(r"\W|\band\b", "", text)


@pytest.mark.parametrize("text", TWO)
def test_two_questions_are_two(text: str) -> None:
    assert len(parts(text)) == 2


@pytest.mark.parametrize("text", ONE)
def test_one_question_is_one(text: str) -> None:
    assert parts(text) == [text]


@pytest.mark.parametrize("text", TWO)
def test_nothing_that_was_said_is_lost(text: str) -> None:
    assert letters("".join(parts(text))) == letters(text)


def test_questions_come_in_their_order() -> None:
    assert parts("密碼怎麼改？憑證怎麼展延？") == ["密碼怎麼改？", "憑證怎麼展延？"]


def test_after_the_third_all_belongs_to_the_third() -> None:
    found = parts("密碼怎麼改？憑證怎麼展延？通知信呢？驗證碼呢？電話呢？")
    assert (len(found), MOST) == (3, 3)
    assert found[2] == "通知信呢？ 驗證碼呢？ 電話呢？"


@pytest.mark.parametrize(
    "text", ["密碼怎麼改？？？", "密碼怎麼改!!!", "密碼怎麼改？！", "密碼怎麼改？好", "密碼怎麼改。\n\n"]
)
def test_what_says_next_to_nothing_belongs_to_what_stands_before(text: str) -> None:
    assert len(parts(text)) == 1


@pytest.mark.parametrize("text", ["", " ", "？", "？？？", "\n", "🙂", "。。。", "1."])
def test_a_message_of_no_words_is_one(text: str) -> None:
    assert parts(text) == [text] or parts(text) == [text.strip()]


@pytest.mark.parametrize("text", ["？" * 2000, "還有" * 1000, "a. " * 666, "另外" * 1000, "1. " * 666, "\n" * 2000])
def test_a_long_message_has_three_parts_at_most(text: str) -> None:
    assert 1 <= len(parts(text)) <= MOST


def test_hardly_any_example_of_a_topic_is_two_questions() -> None:
    # An example asks one thing; its sentences may tell a situation.
    examples = [text for topic in load_topics().values() for text in topic.all_examples]
    divided = [text for text in examples if len(parts(text)) > 1]
    assert len(divided) < len(examples) / 50
