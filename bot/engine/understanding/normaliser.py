"""One spelling for everything that means the same; for features only, the customer's text stays as it is.

NFKC, lower case, no invisible characters; OpenCC to Simplified (many-to-one); Cantonese function words,
注音文 and the field's synonyms to one form each.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import opencc

# Written Cantonese -> written Mandarin, Simplified (after OpenCC). Longest first.
_CANTONESE = {
    "点样": "怎么", "点解": "为什么", "边度": "哪里", "边个": "谁", "几时": "什么时候", "乜嘢": "什么", "咩": "什么",
    "唔该": "请", "唔系": "不是", "唔使": "不用", "唔到": "不到", "唔见": "丢", "系唔系": "是不是", "有冇": "有没有",
    "冇": "没有", "唔": "不", "咗": "了", "嘅": "的", "佢": "他", "哋": "们", "喺": "在", "嗰": "那", "呢个": "这个",
    "而家": "现在", "依家": "现在", "琴日": "昨天", "寻日": "昨天", "听日": "明天", "点": "怎么", "畀": "给", "俾": "给",
    "攞": "拿", "睇": "看", "揾": "找", "搵": "找", "嚟": "来", "返": "回", "乜": "什么", "啲": "些", "咁": "这么", "系": "是",
}  # fmt: skip

_BOPOMOFO = {"ㄇ": "吗", "ㄉ": "的", "ㄋ": "呢", "ㄅ": "吧", "ㄚ": "啊", "ㄌ": "了", "ㄏ": "呵", "ㄍ": "个", "ㄟ": "诶"}

# This field's words, after OpenCC tw2sp/hk2s: one form a meaning.
_SYNONYMS = {
    "一次性验证码": "验证码", "一次性密码": "验证码", "动态密码": "验证码", "动态验证码": "验证码", "简讯验证码": "短信验证码", "otp": "验证码",
    "保安编码": "验证码", "校验码": "验证码", "认证码": "验证码", "確認碼": "验证码", "确认码": "验证码",
    "简讯": "短信", "短讯": "短信", "讯息": "消息", "sms": "短信",
    "证书": "凭证", "certificate": "凭证", "户口": "账户", "帐户": "账户", "帐号": "账号", "戶口": "账户",
    "电子邮件": "邮件", "电邮": "邮件", "email": "邮件", "e-mail": "邮件", "mail": "邮件", "邮箱": "信箱", "电子信箱": "信箱",
    "手提电话": "手机", "行动电话": "手机", "移动电话": "手机", "电话号码": "号码",
    "登录": "登入", "登陆": "登入", "解冻": "解锁", "展期": "展延", "续期": "展延", "补寄": "补发", "pw": "密码", "pwd": "密码", "password": "密码",
    "客服": "客服", "app": "app", "程式": "程序", "网路": "网络",
}  # fmt: skip

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_REPEATED = re.compile(r"(.)\1{3,}")
_SPACES = re.compile(r"\s+")


def _alternatives(table: dict[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word) for word in sorted(table, key=len, reverse=True)))


_CANTONESE_WORDS = _alternatives(_CANTONESE)
_SYNONYM_WORDS = re.compile(
    "|".join(
        rf"(?<![a-z]){re.escape(word)}s?(?![a-z])" if word.isascii() else re.escape(word)
        for word in sorted(_SYNONYMS, key=len, reverse=True)
    )
)
_CANTONESE_MARKS = frozenset("唔冇咗嘅喺佢哋啲咁嚟乜攞睇揾搵畀俾嗰咩") | {"點樣", "點解", "邊度", "幾時"}


def normalise(text: str) -> str:
    """Return the one spelling of `text` that features are made from."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = _INVISIBLE.sub("", text)
    text = "".join(_BOPOMOFO.get(c, " " if unicodedata.category(c) in ("So", "Cs", "Co", "Cc") else c) for c in text)
    cantonese = any(mark in text for mark in _CANTONESE_MARKS)
    text = _converter("hk2s" if cantonese else "tw2sp").convert(text)
    if cantonese:
        text = _CANTONESE_WORDS.sub(lambda match: _CANTONESE[match.group()], text)
    text = _SYNONYM_WORDS.sub(lambda match: _synonym(match.group()), text)
    text = _REPEATED.sub(r"\1\1\1", text)
    return _SPACES.sub(" ", text).strip()


def _synonym(word: str) -> str:
    return _SYNONYMS.get(word) or _SYNONYMS.get(word.removesuffix("s"), word)


@lru_cache(maxsize=2)
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)
