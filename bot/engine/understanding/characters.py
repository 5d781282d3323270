"""One character for all that are the same: width, case, script and place make no difference.

Character by character, by OpenCC's tables (Apache-2.0), so that a text in any script ends as the same: a phrase table
would turn 電腦程式 and 电脑程式 into different words.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import opencc

_INVISIBLE = ("Cf", "Me")
_ACCENTS = range(0x300, 0x370), range(0xFE00, 0xFE10)  # on Latin letters, and what makes an emoji of a character
_BLANK = ("So", "Cs", "Co", "Cc", "Cn")
# What OpenCC makes one only in some words, or one place writes for another.
_SAME = {
    "覆": "复", "甚": "什", "瞭": "了", "徵": "征", "藉": "借", "乾": "干", "著": "着", "揹": "背", "幺": "么", "妳": "你", "牠": "它", "〇": "零",
    "薰": "熏", "伕": "夫", "甦": "苏", "沈": "沉", "彷": "仿", "俱": "具",
}  # fmt: skip
_MOST = 30_000  # characters remembered: more than anybody uses


class _Characters(dict[int, str]):
    """Code point -> what stands for it; worked out when it is first seen."""

    def __missing__(self, code: int) -> str:
        stands = _standing_for(chr(code))
        if len(self) < _MOST:
            self[code] = stands
        return stands


_CHARACTERS = _Characters()


def plain_characters(text: str) -> str:
    """Return `text` in narrow, lower-case, Simplified characters, without what nobody sees; emoji and commas are spaces."""
    if not text.isascii():
        # NFKC would part ˙ from its syllable, and make keys of 注音 out of Chinese commas.
        text = text.replace("˙", "·").replace("，", " ").replace("；", " ")
        text = unicodedata.normalize("NFKC", text)
    return text.lower().translate(_CHARACTERS)


def _standing_for(character: str) -> str:
    category = unicodedata.category(character)
    if category in _INVISIBLE or any(ord(character) in accents for accents in _ACCENTS):
        return ""
    if category in _BLANK:
        return " "
    if character < "\u0250":
        return unicodedata.normalize("NFKD", character)[0] if character.isalpha() else character
    simplified = _simplified(character)
    # Through Traditional and back: of 余 and 馀, 钜 and 巨 Simplified has both.
    simplified = _simplified(_converter("s2t").convert(simplified))
    return _SAME.get(simplified, simplified)


def _simplified(character: str) -> str:
    for name in ("t2s", "hk2s", "tw2s"):
        simplified = str(_converter(name).convert(character))
        if simplified != character and not (name == "tw2s" and character == "么"):
            return simplified if simplified <= "\uffff" else character  # 嗰 would leave the plane that all know
    return character


@lru_cache(maxsize=4)
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)
