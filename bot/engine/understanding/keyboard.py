"""Chinese typed on the 大千 (Dachen) 注音 keyboard while the input method was off: su3cl3 is 你好.

Taken for it is only what cannot well be anything else: every key in its place, a tone after each syllable (the first
tone is the space bar, which people leave out at the end), sounds that exist, a tone that is a digit, and more than one
syllable. English, codes, numbers and links are none of that.

Of the Chinese examples of data/topics, held out, typed so: 99.9 % are recognised, and 96.5 % get the same topic.
"""

from __future__ import annotations

import re

from bot.engine.understanding.bopomofo import FEW, are_spoken, is_word, spelled

_SYMBOLS = dict(
    zip(
        "1qaz2wsxedcrfv5tgbyhnujm8ik,9ol.0p;/-6347",
        "ㄅㄆㄇㄈㄉㄊㄋㄌㄍㄎㄏㄐㄑㄒㄓㄔㄕㄖㄗㄘㄙㄧㄨㄩㄚㄛㄜㄝㄞㄟㄠㄡㄢㄣㄤㄥㄦˊˇˋ˙",
        strict=True,
    )
)
_KEYS = r"(?=[1qaz2wsxedcrfv5tgbyhnujm8ik,9ol.0p;/\-])[1qaz2wsxedcrfv5tgbyhn]?[ujm]?[8ik,9ol.0p;/\-]?"
_PAUSE = "[<>?!:()~。、…「」『』]"
_SYLLABLE = re.compile(rf"({_KEYS})([3467]| |$|(?={_PAUSE}))(?: |{_PAUSE})*")
_TYPED = re.compile(rf"(?: |{_PAUSE})*(?:{_SYLLABLE.pattern})+")
_LETTER, _TONE = re.compile("[a-z]"), re.compile("[3467]")


def decoded(text: str) -> str | None:
    """Return the Chinese meant by lower-case `text` without Chinese characters; None where it means what it says."""
    if not (_TONE.search(text) and _LETTER.search(text) and _TYPED.fullmatch(text)):
        return None
    typed = _SYLLABLE.findall(text)
    syllables = ["".join(map(_SYMBOLS.__getitem__, keys)) + _SYMBOLS.get(tone, "") for keys, tone in typed]
    if len(syllables) > FEW:
        meant = are_spoken(syllables)
    else:
        meant = is_word(syllables) or (_is_no_code(typed) and are_spoken(syllables))
    return spelled(syllables) if meant else None


def _is_no_code(typed: list[tuple[str, str]]) -> bool:
    """Return whether so few syllables are no code (a03c9): letters in all but one of three, no lone key at the end."""
    without_letter = sum(not _LETTER.search(keys) for keys, _ in typed)
    last, tone = typed[-1]
    return without_letter <= len(typed) - 2 and (bool(tone) or len(last) > 1)
