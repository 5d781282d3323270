"""The two stock assistants beside ours: Rasa 3.6.21 as its own command line trains and runs it, on our topics.

`STOCK` has the configuration that `rasa init` writes, unchanged (DIET, TED, rules); `LINEAR` has
`LogisticRegressionClassifier` and rules alone. Each topic is an intent, an answer and a rule; where the next one
follows, a story. Both are taught the same: `MOST_EXAMPLES` of a topic, for DIET learns all of them in hours.
"""

from __future__ import annotations

import hashlib
import json
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.content.topics import Topic, load_topics
from bot.training import ENGINE_BIN, engine_environment
from bot.turns_bench.questions import QUESTIONS
from bot.turns_bench.results import LINEAR

MOST_EXAMPLES = 12
NOT_UNDERSTOOD = "請換個方式再說一次。"
RASA = "3.6.21"
_INITIAL = ENGINE_BIN.parent / "lib" / "python3.10" / "site-packages" / "rasa" / "cli" / "initial_project"

_LINEAR_CONFIG = {
    "recipe": "default.v1",
    "assistant_id": "linear_stock",
    "language": "en",  # WhitespaceTokenizer refuses zh
    "pipeline": [
        {"name": "WhitespaceTokenizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "LogisticRegressionClassifier"},
    ],
    "policies": [{"name": "RulePolicy"}],
}


class StockFailed(Exception):
    """A stock assistant did not train; the text says where its own words are."""


@dataclass(frozen=True)
class Trained:
    """A trained stock assistant in its folder."""

    folder: Path
    examples: int
    seconds: float  # on the clock; something else may have run
    cpu_seconds: float

    @property
    def command(self) -> list[str]:
        """Return how `rasa` itself serves it, REST alone, trackers in memory; a port is to be added."""
        files = ["--model", "model.tar.gz", "--credentials", "credentials.yml", "--endpoints", "endpoints.yml"]
        return [str(ENGINE_BIN / "rasa"), "run", "--interface", "127.0.0.1", *files, "--port"]


def answers() -> dict[str, str]:
    """Return what a stock assistant says, by topic."""
    return {topic.id: _answer(topic) for topic in load_topics().values()}


def all_examples() -> int:
    """Return how many examples our topics have."""
    return sum(len(topic.all_examples) for topic in load_topics().values())


def trained(name: str, cache: Path, say: Callable[[str], None], may_train: bool = True) -> Trained:
    """Return the assistant, trained now unless the same one is in `cache` already; raise `StockFailed`."""
    files = project(name)
    folder = cache / f"{_slug(name)}-{_fingerprint(files)}"
    record = folder / "trained.json"
    if not record.exists():
        if not may_train:
            raise StockFailed(f"{name}: it is not trained for these topics; a run without --quick does that.")
        for old in cache.glob(f"{_slug(name)}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        for file, content in files.items():
            (folder / file).write_text(content, encoding="utf-8")
        say(f"{name}: rasa train, once for these topics; it is kept in {folder}")
        record.write_text(json.dumps(_train(name, folder)), encoding="utf-8")
    return Trained(folder, **json.loads(record.read_text(encoding="utf-8")))


def project(name: str) -> Mapping[str, str]:
    """Return the files of its project."""
    topics = load_topics()
    config = _dumped(_LINEAR_CONFIG) if name == LINEAR else (_INITIAL / "config.yml").read_text(encoding="utf-8")
    return {
        "config.yml": config,
        "domain.yml": _dumped(_domain(topics)),
        "nlu.yml": _dumped({"version": "3.1", "nlu": [_intent(topic) for topic in topics.values()]}),
        "rules.yml": _dumped({"version": "3.1", "rules": _rules(topics), "stories": _stories(list(topics))}),
        "credentials.yml": "rest:\n",
        "endpoints.yml": "{}\n",
    }


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


def _train(name: str, folder: Path) -> dict[str, float]:
    data = ["--domain", "domain.yml", "--data", "nlu.yml", "rules.yml", "--config", "config.yml"]
    command = [str(ENGINE_BIN / "rasa"), "train", *data, "--out", ".", "--fixed-model-name", "model"]
    before, started = cpu_of_children(), time.monotonic()
    with (folder / "train.log").open("wb") as log:
        status = subprocess.run(command, cwd=folder, env=engine_environment(), stdout=log, stderr=log).returncode
    if status or not (folder / "model.tar.gz").exists():
        raise StockFailed(f"{name}: rasa train failed; see {folder / 'train.log'}")
    taken = {"seconds": time.monotonic() - started, "cpu_seconds": cpu_of_children() - before}
    shutil.rmtree(folder / ".rasa", ignore_errors=True)  # Rasa's cache: nobody trains here again
    return {"examples": sum(len(_examples(topic)) for topic in load_topics().values()), **taken}


def cpu_of_children() -> float:
    """Return the seconds of the processor that ended children of this process have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fingerprint(files: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([RASA, files], sort_keys=True).encode()).hexdigest()[:16]


def _dumped(data: dict[str, Any]) -> str:
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=1000)


def _domain(topics: Mapping[str, Topic]) -> dict[str, Any]:
    said = {f"utter_{topic.id}": [{"text": _answer(topic)}] for topic in topics.values()}
    return {
        "version": "3.1",
        "intents": [*topics, "nlu_fallback"],
        "responses": {**said, "utter_please_rephrase": [{"text": NOT_UNDERSTOOD}]},
        "session_config": {"session_expiration_time": 60, "carry_over_slots_to_new_session": True},
    }


def _intent(topic: Topic) -> dict[str, str]:
    return {"intent": topic.id, "examples": "".join(f"- {text}\n" for text in _examples(topic))}


def _examples(topic: Topic) -> list[str]:
    """Return examples from all over the list, and what will be asked."""
    every = -(-len(topic.all_examples) // MOST_EXAMPLES)
    asked = [text for id_, text in QUESTIONS if id_ == topic.id]
    return list(dict.fromkeys((*asked, *topic.all_examples[::every])))


def _answer(topic: Topic) -> str:
    """Return the answer of the first firm that has one; numbers by their names, for Rasa would look for slots."""
    return re.sub(r"[{}]", "", next(iter(topic.answers.values()))["zh-Hant"])


def _rules(topics: Mapping[str, Topic]) -> list[dict[str, Any]]:
    known = {**{id_: f"utter_{id_}" for id_ in topics}, "nlu_fallback": "utter_please_rephrase"}
    return [{"rule": id_, "steps": [{"intent": id_}, {"action": said}]} for id_, said in known.items()]


def _stories(ids: list[str]) -> list[dict[str, Any]]:
    """Return a story of two questions for each topic: without any, TED has nothing to learn and is left out."""
    pairs = zip(ids, [*ids[1:], ids[0]], strict=True)
    return [{"story": " and ".join(pair), "steps": [s for id_ in pair for s in _steps(id_)]} for pair in pairs]


def _steps(id_: str) -> list[dict[str, str]]:
    return [{"intent": id_}, {"action": f"utter_{id_}"}]
