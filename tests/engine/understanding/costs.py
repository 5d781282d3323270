"""The costs of config.yml, as the pipeline gets them."""

from __future__ import annotations

from typing import Any

from bot.content.reading import read_yaml
from bot.engine.understand import COMPONENT
from bot.settings import ROOT


def configured() -> dict[str, Any]:
    pipeline = read_yaml((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    return dict(next(part["costs"] for part in pipeline if part["name"] == COMPONENT))
