"""A canary is a secret that a test enters and then looks for, in every form it could be written down in."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


@dataclass(frozen=True)
class Canary:
    name: str
    value: str

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """The value in every form it could be written down in."""
        texts = {
            "raw": self.value,
            "url": quote(self.value, safe=""),
            "escaped": self.value.translate(FULL_WIDTH).encode("unicode_escape").decode(),
        }
        if re.fullmatch(r"[\d+ -]+", self.value):  # a few digits out of a seed or a mailbox stand anywhere by chance
            digits = re.sub(r"\D", "", self.value)
            texts |= {
                "digits": digits,
                "spaced": " ".join(digits),
                "halves": f"{digits[:3]} {digits[3:]}",
                "full-width": digits.translate(FULL_WIDTH),
            }
        for form, text in texts.items():
            yield form, text.encode()
        yield "base64", base64.b64encode(self.value.encode()).rstrip(b"=")
        yield "utf-16", self.value.encode("utf-16-le")


def found(haystacks: dict[str, bytes], canary: Canary) -> list[str]:
    hits = []
    for place, content in haystacks.items():
        for form, needle in canary.forms():
            for match in re.finditer(re.escape(needle), content) if needle in content else ():
                before, after = content[: match.start()][-1:], content[match.end() :][:1]
                part_of_longer = re.match(rb"[0-9a-f]", before) or re.match(rb"[0-9a-f]", after)
                fraction_of_a_second = before in (b".", b":")
                if len(needle) > 8 or not (part_of_longer or fraction_of_a_second):
                    hits.append(f"{canary.name} as {form} in {place}")
    return hits
