"""What only makes sense after the question before, and what stands by itself."""

from __future__ import annotations

import pytest

from bot.content.topics import load_topics
from bot.engine.understanding.follow_up import follows

LEANS = (
    # Traditional Chinese
    "那期貨呢",
    "那期貨呢？",
    "那好神E櫃台呢",
    "密碼打錯呢",
    "過期的呢",
    "如果是寄到信箱呢",
    "那email的呢",
    "為什麼",
    "為什麼？",
    "為什麼不行",
    "為何不行",
    "為什麼要等",
    "怎麼改",
    "怎麼辦",
    "那怎麼辦",
    "那要怎麼換",
    "要怎麼弄",
    "我該怎麼辦",
    "多久",
    "要多久",
    "要等多久",
    "需要多久",
    "多久要改一次",
    "在哪裡",
    "在哪裡填",
    "然後呢",
    "什麼時候",
    "真的嗎",
    "一定要嗎",
    "那Mac可以嗎",
    "換成簡訊呢",
    # Simplified Chinese
    "那期货呢",
    "为什么",
    "为什么不行",
    "那为什么需要",
    "过期了呢",
    "怎么弄",
    "在哪",
    "要等多久",
    "什么时候可以",
    # Cantonese
    "咁期貨呢",
    "咁電郵呢",
    "咁內地呢",
    "點解",
    "點解唔得",
    "點做",
    "點樣做",
    "要等幾耐",
    "幾時得",
    "喺邊度",
    "喺日本呢",
    "手機應用程式嗰個呢",
    # English
    "what about futures",
    "and by e-mail?",
    "and in the app?",
    "and the website?",
    "what if it has expired",
    "why",
    "why not?",
    "how",
    "how long",
    "how long does it take",
    "how long do I have to wait",
    "where do I do that",
    "how do I change it",
    "what should I do",
    "since when",
    "and on weekends?",
    "but why",
    "when can I do it again",
)
STANDS = (
    # Traditional Chinese
    "通知信可以關掉嗎",
    "驗證碼多久有效",
    "密碼怎麼改",
    "憑證在哪裡展延",
    "為什麼會收到登入通知",
    "一天可以解鎖幾次",
    "客服電話幾號",
    "手機掉了怎麼辦",
    "我要找真人",
    "幫我解鎖",
    "不用了",
    "謝謝",
    "好",
    "是",
    "不是",
    "不可以",
    "可以了",
    "這樣就可以了",
    "好的我知道了",
    "取消",
    "再說一次",
    # Simplified Chinese
    "怎么关闭登录提醒邮件",
    "为什么要双重认证",
    "证书过期了怎么办",
    "好的谢谢",
    # Cantonese
    "點樣停用保安編碼",
    "收唔到個code",
    "驗證碼幾耐過期",
    "唔該晒",
    "唔使喇",
    "得喇",
    # English
    "how long is the code valid",
    "how do I change my password",
    "why do I get these e-mails",
    "where do I renew my certificate",
    "can I turn these e-mails off",
    "thanks",
    "yes",
    "no",
    "never mind",
    "unlock my password",
    "I did not log in",
)


@pytest.mark.parametrize("text", LEANS)
def test_a_message_that_needs_the_one_before_leans(text: str) -> None:
    assert follows(text)


@pytest.mark.parametrize("text", STANDS)
def test_a_message_that_says_what_it_is_about_stands_by_itself(text: str) -> None:
    assert not follows(text)


@pytest.mark.parametrize("text", ["那期貨呢", "  那期貨呢\n", "AND BY E-MAIL?", "Why", "為什麼!!!", "為什麼。"])
def test_spaces_capitals_and_marks_make_no_difference(text: str) -> None:
    assert follows(text)


@pytest.mark.parametrize("text", ["", " ", "？", "🙂", "\x00", "...", "/greet"])
def test_a_message_of_no_words_does_not_lean(text: str) -> None:
    assert not follows(text)


def test_a_long_message_says_what_it_is_about() -> None:
    assert not follows("那" + "我昨天在好神E櫃台APP登入的時候輸入了密碼結果系統跟我說錯誤呢")
    assert not follows("and when I log in with the other application on my second computer at home?")


@pytest.mark.parametrize(
    "text", ["呢" * 23, "邊" * 24, "點解" * 12, "那" * 23 + "x", "how " * 11 + "mailbox", "字" * 2000]
)
def test_any_message_is_looked_through_in_the_end(text: str) -> None:
    assert follows(text) in (True, False)


def test_few_examples_of_topics_lean() -> None:
    # They were written to be understood alone; a customer who writes so is understood alone too.
    examples = [text for topic in load_topics().values() for text in topic.all_examples]
    assert sum(map(follows, examples)) < len(examples) / 20
