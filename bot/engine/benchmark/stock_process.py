"""`python -m bot.engine.benchmark.stock_process FOLDER`: train the stock pipeline on what is in FOLDER, and ask it."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rasa.shared.core.domain import Domain
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.engine.benchmark.stock import ANSWERS, WORK

CONFIG: dict[str, Any] = {
    "recipe": "default.v1",
    "assistant_id": "stock",
    "language": "en",  # its tokenizer refuses zh
    "importers": [{"name": "bot.engine.benchmark.stock_process.PairsImporter"}],
    "pipeline": [
        {"name": "WhitespaceTokenizer"},
        {"name": "RegexFeaturizer"},
        {"name": "LexicalSyntacticFeaturizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "epochs": 100, "constrain_similarities": True},
        {"name": "FallbackClassifier", "threshold": 0.3, "ambiguity_threshold": 0.1},
    ],
}


class PairsImporter(TrainingDataImporter):
    """Gives Rasa the texts and intents of a JSON file, so that nothing is lost in a notation."""

    def __init__(
        self, config_file: str | None = None, domain_path: str | None = None, training_data_paths: Any = None
    ) -> None:
        self._config_file = config_file
        self._file = Path(training_data_paths if isinstance(training_data_paths, str) else training_data_paths[0])

    def get_nlu_data(self, language: str | None = "en") -> TrainingData:
        pairs = json.loads(self._file.read_text(encoding="utf-8"))["taught"]
        return TrainingData([Message.build(text=text, intent=intent) for text, intent in pairs])

    def get_domain(self) -> Domain:
        return Domain.empty()

    def get_stories(self, exclusion_percentage: int | None = None) -> StoryGraph:
        return StoryGraph([])

    def get_conversation_tests(self) -> StoryGraph:
        return StoryGraph([])

    def get_config(self) -> dict[str, Any]:
        return CONFIG

    def get_config_file_for_auto_config(self) -> str | None:
        return self._config_file


def main(folder: Path) -> None:
    """Train on and answer what is in `folder`."""
    from rasa.core.agent import Agent  # here: they load TensorFlow
    from rasa.model_training import train_nlu
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(logging.WARNING)  # a line for each message would be part of its time
    work = json.loads((folder / WORK).read_text(encoding="utf-8"))
    config = folder / "config.yml"
    config.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    started = time.perf_counter()
    model = train_nlu(str(config), str(folder / WORK), str(folder / "models"))
    train_seconds = time.perf_counter() - started
    assert model, "Rasa has said why"
    intents = sorted({intent for _, intent in work["taught"]})
    found, seconds = asyncio.run(_answers(Agent.load(model), work["asked"], intents))
    np.savez(
        folder / ANSWERS,
        intents=np.asarray(intents),
        probabilities=found,
        train_seconds=train_seconds,
        message_seconds=seconds,
    )


async def _answers(agent: Any, texts: Sequence[str], intents: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return DIET's confidences (messages, intents) and seconds; of intents behind the ten likeliest, 0."""
    column = {intent: i for i, intent in enumerate(intents)}
    found, seconds = np.zeros((len(texts), len(intents))), np.zeros(len(texts))
    for i, text in enumerate(texts):
        started = time.perf_counter()
        parsed = await agent.parse_message(text)
        seconds[i] = time.perf_counter() - started
        for entry in parsed.get("intent_ranking", []):
            if entry["name"] in column:  # nlu_fallback is not DIET's
                found[i, column[entry["name"]]] = entry["confidence"]
        if i % 500 == 499:
            print(f"{i + 1} of {len(texts)} messages asked", file=sys.stderr, flush=True)
    return found, seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]))
