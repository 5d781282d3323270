"""Training data of four topics; as a program, it trains on them and writes the model into the folder it is given."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from bot.content.topics import Topic, load_topics
from bot.engine.understanding import archive
from bot.engine.understanding.concepts import Lexicon, read_entries
from bot.engine.understanding.model import Understanding

SOME_TOPICS = ("hotline", "notice_opt_out", "otp_validity", "phone_lost")


def examples_of_four_topics(topics: Mapping[str, Topic]) -> tuple[list[str], list[str]]:
    pairs = [(example, id_) for id_ in SOME_TOPICS for example in topics[id_].all_examples]
    return [text for text, _ in pairs], [intent for _, intent in pairs]


if __name__ == "__main__":
    archive.save(
        Understanding.train(*examples_of_four_topics(load_topics()), Lexicon(read_entries())), Path(sys.argv[1])
    )
