"""A wish that is denied, what looks like one, and what is wanted besides."""

from __future__ import annotations

import pytest

from bot.engine.understanding.negation import besides, denies_wish

DENIED = (
    # Traditional Chinese
    "我沒有要解鎖",
    "我沒有要解鎖密碼啦",
    "我不是要解鎖",
    "我沒有說要解鎖",
    "我沒說要補發",
    "不用幫我解鎖",
    "不用了 先不要解鎖",
    "先不要幫我補發",
    "暫時不需要展延憑證",
    "不必寄驗證碼給我",
    "別幫我補發密碼",
    "請不要寄驗證碼給我",
    "不要再寄驗證碼了",
    "我不想回報問題了",
    "不用回報了",
    "沒有要報修",
    "不需要查進度",
    "不想解鎖了",
    "沒有打算補發密碼",
    "算了不要補發了",
    "不解鎖了",
    "無需補發",
    # Simplified Chinese
    "我没有要解锁",
    "我没说要解锁",
    "不用帮我解锁了",
    "别给我发验证码",
    "不需要续期证书",
    "先别补发",
    "我不想报告问题了",
    "不用查证这封邮件",
    "没想解锁",
    # Cantonese
    "我唔係要解鎖",
    "我冇話要解鎖",
    "唔使幫我解鎖",
    "唔使補發密碼住",
    "唔好send驗證碼畀我",
    "唔洗續證書",
    "我唔想報告問題喇",
    "未想解鎖住",
    "咪幫我解鎖",
    "毋須補發",
    "唔需要查進度",
    # English
    "I don't want to unlock",
    "I do not want to unlock my password",
    "i didn't ask you to unlock anything",
    "I'm not trying to report a fault",
    "I'm not asking for a reissue",
    "no need to send me a code",
    "please don't send me a code",
    "don't unlock it",
    "do not reissue my password",
    "I no longer need a code",
    "I never asked for a new password",
    "not looking to renew my certificate",
    "you don't need to unlock my password",
    "I wasn't asking for a code",
    "I dont need the certificate renewed",
    "stop, I don't want to file a report",
    "nobody asked you to unlock it",
    "I did not request an unlock",
    "please do not unlock my account",
)
NOT_DENIED = (
    # Something else is denied.
    "我沒收到驗證碼",
    "沒收到簡訊",
    "不是我登入的",
    "這不是我操作的",
    "密碼不對一直進不去",
    "不能解鎖",
    "我不知道密碼",
    "不記得密碼了",
    "打不開APP",
    "不見了手機",
    "我沒有憑證",
    "沒有人幫我解鎖",
    "沒想到密碼被鎖了 幫我解鎖",
    "不要緊 幫我解鎖",
    "系統沒讓我解鎖",
    "還不幫我解鎖",
    "我没收到邮件",
    "不是我本人操作",
    "解锁不了",
    "没办法登录",
    "識別送出了",
    "我唔記得密碼",
    "收唔到個code",
    "唔係我登入嘅",
    "解唔到鎖",
    "開唔到個app",
    "我冇收過短訊",
    "it was not me",
    "I did not log in",
    "I can't unlock my password",
    "I didn't get the code",
    "the code does not work",
    "I don't have a certificate",
    "I don't know my password",
    "you don't send me the code",
    "the app does not unlock it",
    "not working",
    # It is asked.
    "不能解鎖嗎",
    "為什麼不能解鎖",
    "可不可以不要解鎖",
    "要不要解鎖",
    "需不需要展延憑證",
    "不用憑證可以解鎖嗎",
    "不想每次都輸入驗證碼怎麼辦",
    "为什么不用验证码",
    "不需要证书吗",
    "點解唔使驗證碼",
    "使唔使補發",
    "唔使憑證得唔得",
    "why don't you send me a code",
    "can I not renew my certificate",
    "what if I don't want to renew",
    "do I not need a certificate to unlock",
    # What happened all the same.
    "我沒有要登入卻收到通知",
    "没有要解锁，竟然收到解锁邮件",
    "I never asked for a code but still got one",
    # Nothing is denied.
    "幫我解鎖",
    "帮我补发密码",
    "唔該幫我解鎖",
    "please unlock my password",
    "登入唔到，幫我解鎖",
)
BESIDES = (
    ("我不想打電話，幫我解鎖就好", "幫我解鎖就好"),
    ("不想等了 快幫我解鎖", "快 幫我解鎖"),
    ("我不要等客服，直接幫我補發密碼", "直接 幫我補發密碼"),
    ("不要簡訊，驗證碼寄到email給我", "驗證碼寄到email給我"),
    ("幫我解鎖 不要再叫我打電話了", "幫我解鎖"),
    ("不用憑證幫我解鎖", "幫我解鎖"),
    ("我不是要解鎖，而是要補發", "而是要補發"),
    ("我不需要新证书，帮我续旧的", "帮我续旧的"),
    ("唔想打電話，即刻幫我解鎖", "即刻 幫我解鎖"),
    ("I don't want to call, just unlock my password", "unlock my password"),
    ("I don't want to wait please unlock my password", "please unlock my password"),
    ("no need to call me but send me the code", "send me the code"),
)


@pytest.mark.parametrize("text", DENIED)
def test_a_wish_that_is_denied_is_seen(text: str) -> None:
    assert denies_wish(text)


@pytest.mark.parametrize("text", NOT_DENIED)
def test_what_is_no_denied_wish_is_none(text: str) -> None:
    assert not denies_wish(text)


@pytest.mark.parametrize(("text", "wanted"), BESIDES)
def test_what_is_wanted_besides_is_kept(text: str, wanted: str) -> None:
    assert denies_wish(text)
    assert besides(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "我沒有要解鎖",
        "不用幫我解鎖",
        "先不要幫我補發，不用了",
        "咪幫我解鎖",
        "別給我發驗證碼",
        "I don't want to unlock",
        "",
    ],
)
def test_where_all_is_denied_nothing_is_wanted_besides(text: str) -> None:
    assert besides(text) == ""


@pytest.mark.parametrize(
    "text", ["", " ", "？", "🙂", "不", "沒", "not", "don't", "不" * 2000, "but " * 500, "沒有" * 1000]
)
def test_a_message_of_next_to_nothing_denies_no_wish(text: str) -> None:
    assert not denies_wish(text)
