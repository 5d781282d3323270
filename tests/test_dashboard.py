"""The dashboard asks for metrics that there are."""

from __future__ import annotations

import json
import re
from typing import Any

from bot.settings import ROOT

BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text(encoding="utf-8"))
OF_PROMETHEUS = re.compile(r"_(?:total|bucket|sum|count)$")


def test_every_metric_that_is_asked_for_is_told_by_a_process() -> None:
    asked = {
        name
        for panel in BOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"anxin_\w+", target["expr"])
    }
    told = set()
    for folder in ("bot", "actions"):
        for file in (ROOT / folder).rglob("*.py"):
            told |= set(re.findall(r'"(anxin_\w+)"', file.read_text(encoding="utf-8")))
    assert {OF_PROMETHEUS.sub("", name) for name in asked} <= told


def test_panels_have_their_own_places_and_units() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) == len({str(panel["gridPos"]) for panel in panels})
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
