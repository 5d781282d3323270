"""English words without their endings: `locked`, `locks` and `locking` are one word.

A light stemmer on purpose: it only has to treat two forms of a word alike, not to return a dictionary's word.
"""

from __future__ import annotations

import re
from functools import lru_cache

_IRREGULAR = {
    "am": "be", "is": "be", "are": "be", "was": "be", "were": "be", "been": "be", "isn't": "not", "wasn't": "not",
    "got": "get", "gotten": "get", "lost": "lose", "sent": "send", "paid": "pay", "made": "make", "took": "take",
    "taken": "take", "bought": "buy", "gave": "give", "given": "give", "went": "go", "gone": "go", "came": "come",
    "did": "do", "does": "do", "done": "do", "has": "have", "had": "have", "said": "say", "told": "tell",
    "stole": "steal", "stolen": "steal", "forgot": "forget", "forgotten": "forget", "broke": "break",
    "broken": "break", "found": "find", "left": "leave", "held": "hold", "kept": "keep", "chose": "choose",
    "chosen": "choose", "wrote": "write", "saw": "see", "seen": "see", "froze": "freeze", "frozen": "freeze",
    "could": "can", "would": "will", "can't": "not", "cant": "not", "cannot": "not", "couldn't": "not", "won't": "not",
    "don't": "not", "dont": "not", "didn't": "not", "doesn't": "not", "haven't": "not", "hasn't": "not", "never": "not",
    "i'm": "i", "i've": "i", "it's": "it", "what's": "what",
}  # fmt: skip
_ENDINGS = (
    ("ply", "ply"), ("ational", "ate"), ("izations", "ize"), ("ization", "ize"), ("ities", "ity"), ("ments", "ment"),
    ("ings", ""), ("ing", ""), ("ied", "y"), ("ies", "y"), ("edly", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", ""),
    ("er", ""), ("'s", ""),
)  # fmt: skip
WORD = re.compile(r"[a-z0-9][a-z0-9'’]*")


def stems(text: str) -> list[str]:
    """Return the stems of the Latin words in normalised `text`, in order."""
    return [stem(word) for word in WORD.findall(text)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return `word` without its ending; irregular forms by a table."""
    word = _IRREGULAR.get(word, word)
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) + len(instead) >= 3:
            word = word[: len(word) - len(ending)] + instead
            if word[-1] == word[-2] and word[-1] not in "lse":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


# Words that say nothing about what a sentence is about; as stems.
STOP_WORDS = frozenset(map(stem, [
    "the", "a", "an", "be", "i", "my", "me", "you", "your", "it", "of", "to", "in", "on", "for", "and", "that", "this",
    "do", "can", "will", "have", "with", "at", "as", "if", "so",
]))  # fmt: skip
