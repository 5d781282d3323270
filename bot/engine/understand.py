"""`anxin understand`: what the trained model makes of messages, without a server and without Rasa."""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import yaml

from bot.content.institutions import DEFAULT_INSTITUTION, load_institutions
from bot.engine.understanding.decision import decide, weighed
from bot.engine.understanding.model import LinearModel
from bot.settings import ROOT

ALTERNATIVES = 4


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--institution", default=DEFAULT_INSTITUTION, choices=sorted(load_institutions()))
    parser.add_argument("file", nargs="?")
    options = parser.parse_args()
    threshold = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"][0]["threshold"]
    model = load_model(ROOT / "models" / "anxin.tar.gz")
    try:
        lines = open(options.file, encoding="utf-8") if options.file else sys.stdin  # noqa: SIM115  # ends with the process
    except OSError as problem:
        print(f"anxin: {options.file}: {problem.strerror}.", file=sys.stderr)
        return 2
    for line in lines:
        print(
            json.dumps(understood(model, line.rstrip("\n"), options.institution, threshold), ensure_ascii=False),
            flush=True,
        )
    return 0


def load_model(archive: Path) -> LinearModel:
    """Return the classifier inside Rasa's model archive."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = Path(member.name)
            if member.isfile() and name.name in ("model.json", "weights.npz") and "TopicClassifier" in member.name:
                content = tar.extractfile(member)
                assert content
                (Path(folder) / name.name).write_bytes(content.read())
        return LinearModel.load(Path(folder))


def understood(model: LinearModel, text: str, institution: str, threshold: float) -> dict[str, Any]:
    """Return the design's JSON for one message."""
    probabilities = weighed(model.probabilities(text), model.intents, institution)
    order = probabilities.argsort()[::-1]
    best = float(probabilities[order[0]])
    return {
        "text": text,
        "topic": model.intents[order[0]],
        "confidence": round(best, 4),
        "decision": decide(best, threshold),
        "alternatives": [
            {"topic": model.intents[i], "confidence": round(float(probabilities[i]), 4)}
            for i in order[1 : 1 + ALTERNATIVES]
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
