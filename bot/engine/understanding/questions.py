"""Two questions in one message: where one ends and the next begins.

Only clear borders count: an end of sentence, a new line, a number in a list, or words such as 另外 and `also`. A comma is
none: people tell one situation in many half sentences.
"""

from __future__ import annotations

import re

MOST = 3  # so many parts; what follows belongs to the last
_LEAST = 3  # characters that say something; less is part of its neighbour
_ASK = r"(?:我?(?:想|要|請|请)?再?(?:請|请)?(?:[問问](?![題题])|請教|请教|知道|了解)|想[問问])"
_BORDER = re.compile(
    r"(?<=[?？!！。；;\n])|(?<=[a-z0-9]{2}\.)\s+(?=[a-z])"
    r"|(?<=[\s,，\u3400-\u9fff])(?=[2-5][.)、．）]\s*[^\d\s])"
    r"|[,，、]?\s*(?=另外(?!一[台臺部支個个隻只張张封組组次種种家間间]|[的那這这兩两])|[還还]有就是|第二[個个]?[問问][題题]"
    rf"|(?:[還还]有|仲有|同埋|另|[順顺][便道]|跟[著着])[,，、]?{_ASK}|仲想[問问])"
    r"|[,，、]\s*(?=[順顺][便道]|再[問问請请])|[,，、\s](?=[對对]了[,，\s])"
    r"|,?\s+(?:and\s+)?(?=another (?:thing|question)|by the way\b|btw\b|second question|one more (?:thing|question)|secondly"
    r"|also,?\s+(?:how|what|where|when|why|which|please|(?:can|could|may|do|does|is|are|will)\s+(?:i|you|it|the|my|there|they|we))\b)"
    r"|(?:,|,?\s+and)\s+(?=also\b)",
    re.IGNORECASE,
)
_SAYS = re.compile(r"\w")


def parts(text: str) -> list[str]:
    """Return the questions of `text` in order; one that cannot be divided is returned whole."""
    found: list[str] = []
    for piece in _BORDER.split(text):
        piece = piece.strip()
        if found and len(_SAYS.findall(piece)) < _LEAST:
            found[-1] += piece
        elif piece and found and len(found) == MOST:
            found[-1] += f" {piece}"
        elif piece:
            found.append(piece)
    return found or [text]
