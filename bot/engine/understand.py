"""`anxin understand`: what the trained model makes of messages, without a server and without Rasa."""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.content.institutions import DEFAULT_INSTITUTION, load_institutions
from bot.content.reading import read_yaml
from bot.engine.understanding import archive
from bot.engine.understanding.archive import ArchiveDamaged
from bot.engine.understanding.decision import Costs
from bot.engine.understanding.reading import Reader
from bot.settings import ROOT

COMPONENT = "bot.engine.understanding.classifier.TopicClassifier"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--institution", default=DEFAULT_INSTITUTION, choices=sorted(load_institutions()))
    parser.add_argument("file", nargs="?")
    options = parser.parse_args()
    try:
        reader = load_reader(ROOT / "models" / "anxin.tar.gz")
    except ArchiveDamaged as problem:
        print(f"anxin: {problem}", file=sys.stderr)
        return 1
    try:
        lines = open(options.file, encoding="utf-8") if options.file else sys.stdin  # noqa: SIM115  # ends with the process
    except OSError as problem:
        print(f"anxin: {options.file}: {problem.strerror}.", file=sys.stderr)
        return 2
    for line in lines:
        said = described(reader, line.rstrip("\n"), options.institution)
        print(json.dumps(said, ensure_ascii=False), flush=True)
    return 0


def load_reader(model: Path) -> Reader:
    """Return the understanding inside Rasa's model archive, with the costs of config.yml; raise `ArchiveDamaged`."""
    costs = configured_costs()
    try:
        with tarfile.open(model) as tar:
            return Reader(archive.load(_reading(tar)), costs)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as problem:
        raise ArchiveDamaged(f"{model.name} cannot be read: {type(problem).__name__}") from problem


def configured_costs() -> Costs:
    """Return the costs that config.yml decides by; raise `ValueError` where it has none, or not all."""
    pipeline = read_yaml((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    found = [part for part in pipeline if part["name"] == COMPONENT]
    if not found:
        raise ValueError(f"config.yml has no {COMPONENT}.")
    return Costs.from_config(found[0].get("costs", {}))


def _reading(tar: tarfile.TarFile) -> Callable[[str], bytes]:
    members = {Path(m.name).name: m for m in tar.getmembers() if m.isfile() and "TopicClassifier" in m.name}

    def read(name: str) -> bytes:
        content = tar.extractfile(members[name])
        assert content
        return content.read()

    return read


def described(reader: Reader, text: str, institution: str) -> dict[str, Any]:
    """Return the design's JSON for one message; `also` where a second question is as certain."""
    reading = reader.read(text, institution)
    understood = reading.understood
    said = {
        "text": text,
        "topic": understood.topic,
        "confidence": round(understood.confidence, 4),
        "decision": understood.decision,
        "alternatives": [{"topic": name, "confidence": round(p, 4)} for name, p in understood.ranking[1:]],
    }
    return {**said, "also": reading.also} if reading.also else said


if __name__ == "__main__":
    sys.exit(main())
