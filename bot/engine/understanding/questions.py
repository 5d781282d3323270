"""Two questions in one message: where one ends and the next begins.

Only clear borders count: an end of sentence, a new line, or words such as 另外 and `also`. A comma is none: people tell
one situation in many half sentences.
"""

from __future__ import annotations

import re

MOST = 3  # so many parts; what follows belongs to the last
_LEAST = 3  # characters that say something; less is part of its neighbour
_BORDER = re.compile(
    r"(?<=[?？!！。；;\n])"
    r"|[,，、]?\s*(?=另外|還有就是|还有就是|還有[,，、]?(?:想|請|请)?問|还有[,，、]?(?:想|请)?问|順便|顺便|順道問|再請問|再请问|再問|再问|第二[個个]問題|第二个问题"
    r"|仲有[,，、]?(?:想)?問|仲想問|同埋想問|另想問)"
    r"|[,]?\s+(?=(?:and\s+)?also\b(?!\s+(?:not|did)\b)|and another (?:thing|question)|another question|by the way|second question|one more thing|secondly)",
    re.IGNORECASE,
)
_SAYS = re.compile(r"[\w\u3400-\u9fff]")


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
