"""Which of the three languages a message is written in.

Characters that exist in one script only decide; a message without any (你好, 查詢不到 has 詢) keeps the
language of the conversation. OpenCC's tables (Apache-2.0) say which characters those are.
"""

from __future__ import annotations

from functools import lru_cache

import opencc

LANGUAGE_NAMES = {"zh-Hant": "繁體中文", "zh-Hans": "简体中文", "en": "English"}
LANGUAGES = tuple(LANGUAGE_NAMES)

_HAN = ("\u3400", "\u9fff")
_BOPOMOFO = ("\u3105", "\u312f")


def detect_language(text: str, before: str) -> str:
    """Return the language `text` is written in; `before`, the conversation's so far, where it does not tell."""
    han = [c for c in text if _HAN[0] <= c <= _HAN[1]]
    if han:
        return _script(frozenset(han), before)
    if any(_BOPOMOFO[0] <= c <= _BOPOMOFO[1] for c in text):
        return "zh-Hant"
    plain = " ".join(token for token in text.split() if not any(c.isdigit() for c in token))  # no references
    words = "".join(c if c.isascii() and (c.isalpha() or c == "'") else " " for c in plain).split()
    if sum(map(len, words)) >= 5 and len([w for w in words if len(w) > 1]) >= 2:
        return "en"
    if "".join(words).lower() in _ENGLISH_WORDS:
        return "en"
    return before


_ENGLISH_WORDS = frozenset(
    [
        "hello",
        "hi",
        "hey",
        "yes",
        "no",
        "thanks",
        "help",
        "english",
        "stop",
        "cancel",
        "agent",
        "human",
        "ok",
        "okay",
        "menu",
        "unlock",
        "password",
        "hotline",
        "locked",
        "certificate",
        "bye",
        "sure",
        "nope",
        "repeat",
    ]
)


def _script(han: frozenset[str], before: str) -> str:
    only_traditional = sum(1 for c in han if _to_simplified(c) != c)
    only_simplified = sum(1 for c in han if _to_traditional(c) != c and _to_simplified(c) == c)
    if only_traditional > only_simplified:
        return "zh-Hant"
    if only_simplified > only_traditional:
        return "zh-Hans"
    return before if before != "en" else "zh-Hant"


@lru_cache(maxsize=8192)
def _to_simplified(character: str) -> str:
    return str(_converter("t2s").convert(character))


@lru_cache(maxsize=8192)
def _to_traditional(character: str) -> str:
    # Characters that are common in Traditional text too (台 只 后 里 干 …) do not speak for Simplified.
    if character in "台后里干云几于准斗郁占征吁群床游厘并冲采吃晒秘伙佣划咨唇夸岳峰雇霉丑丰仆凶岩朴杰杠灶痴皂涌筑粽":
        return character
    return str(_converter("s2t").convert(character))


@lru_cache(maxsize=2)
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)
