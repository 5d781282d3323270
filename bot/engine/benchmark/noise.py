"""What happens to words on their way: another script, a slip of the finger, an input method forgotten.

Each change is chosen by the message itself, so that the same message is always changed alike. `None` means that a
message has nothing that could be changed so.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial

import opencc
from pypinyin import Style, lazy_pinyin

Change = Callable[[str], "str | None"]
Homophones = Mapping[str, tuple[str, ...]]

COMMON = 5  # so many homophones of a character, the commonest, are taken for typing mistakes
_HAN = re.compile("[\u3400-\u9fff]")
_HAN_RUN = re.compile("[\u3400-\u9fff]+")
_SAYS = re.compile(r"[\w\u3400-\u9fff]")

# The 大千 layout of 注音: sound -> key. The first tone is the space bar.
_TONES = "ˊˇˋ˙"
_SOUNDS = "ㄅㄆㄇㄈㄉㄊㄋㄌㄍㄎㄏㄐㄑㄒㄓㄔㄕㄖㄗㄘㄙㄧㄨㄩㄚㄛㄜㄝㄞㄟㄠㄡㄢㄣㄤㄥㄦ"
_WRITTEN = {"不": "ㄅㄨˋ", "一": "ㄧ"}  # typed with their own tone, whatever is said before other tones
_KEYS = dict(zip(_SOUNDS + _TONES, "1qaz2wsxedcrfv5tgbyhnujm8ik,9ol.0p;/-6347", strict=True))


def changes(texts: Iterable[str]) -> dict[str, Change]:
    """Return every change by its name; typing mistakes are made of the characters that occur in `texts`."""
    table = homophones(texts)
    return {
        "Traditional (s2t)": partial(converted, "s2t"),
        "Traditional, Taiwan (s2tw)": partial(converted, "s2tw"),
        "Simplified (t2s)": partial(converted, "t2s"),
        "one homophone": partial(misspelt, table, 1),
        "two homophones": partial(misspelt, table, 2),
        "a dropped character": dropped,
        "full-width": full_width,
        "ASCII 注音 keyboard": typed_blindly,
    }


SCRIPTS = (("Traditional, Taiwan (s2tw)", "Simplified (t2s)"), ("Traditional (s2t)", "Simplified (t2s)"))


def converted(how: str, text: str) -> str | None:
    """Return a Chinese message in another script, or as it is when it is in that script already."""
    return _converter(how).convert(text) if _HAN.search(text) else None


def homophones(texts: Iterable[str]) -> Homophones:
    """Return for each character of `texts` the commonest others that sound alike, tones aside."""
    counts = Counter(character for text in texts for character in _HAN.findall(text))
    by_sound: dict[str, list[str]] = {}
    for character in sorted(counts, key=lambda c: (-counts[c], c)):
        by_sound.setdefault(lazy_pinyin(character)[0], []).append(character)
    found = {}
    for alike in by_sound.values():
        for character in alike:
            # The same character in the other script is no mistake.
            others = [other for other in alike if _simplified(other) != _simplified(character)]
            if others:
                found[character] = tuple(others[:COMMON])
    return found


def misspelt(table: Homophones, mistakes: int, text: str) -> str | None:
    """Return `text` with so many characters replaced by homophones; its length stays."""
    chance = _chance(text)
    places = [i for i, character in enumerate(text) if character in table]
    if len(places) < mistakes:
        return None
    characters = list(text)
    for place in chance.sample(places, mistakes):
        characters[place] = chance.choice(table[characters[place]])
    return "".join(characters)


def dropped(text: str) -> str | None:
    """Return `text` without one of its letters, digits or Chinese characters."""
    places = [found.start() for found in _SAYS.finditer(text)]
    if len(places) < 2:
        return None
    place = _chance(text).choice(places)
    return text[:place] + text[place + 1 :]


def full_width(text: str) -> str | None:
    """Return `text` with Latin letters and digits twice as wide; its length stays."""
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)
    return wide if wide != text else None


def typed_blindly(text: str) -> str | None:
    """Return what stands there when somebody types `text` in 注音 and forgot to switch the input method on.

    Only of messages in Traditional: who writes Simplified does not type 注音.
    """
    return _HAN_RUN.sub(lambda run: keys_of(run.group()), text) if _simplified(text) != text else None


def keys_of(han: str) -> str:
    """Return the keys of the 大千 layout that write Chinese characters: 你好 is su3cl3."""
    sounds = lazy_pinyin(han, style=Style.BOPOMOFO, errors=list)
    return "".join(_syllable(c, _WRITTEN.get(c, sound)) for c, sound in zip(han, sounds, strict=True))


def _syllable(character: str, sounds: str) -> str:
    if not all(sound in _KEYS for sound in sounds):
        return character  # its sound is not known
    return "".join(_KEYS[sound] for sound in sounds) + ("" if sounds[-1] in _TONES else " ")


def _chance(text: str) -> random.Random:
    return random.Random(zlib.crc32(text.encode()))  # noqa: S311  # repeatable on purpose


def _simplified(text: str) -> str:
    return _converter("t2s").convert(text)


@lru_cache(maxsize=4)
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)
