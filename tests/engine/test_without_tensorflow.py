"""The engine starts, learns and answers without TensorFlow; who would compute with it is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot import training
from bot.engine.without_tensorflow import TO_SERVE, NotHere, Nothing, stand_aside
from bot.settings import ROOT
from tests.engine.processes import Processes

SAYS_WHAT_IS_LOADED = """
import sys
from bot.engine.without_tensorflow import TO_SERVE, stand_aside
stand_aside(TO_SERVE)
import rasa.core.run, rasa.core.agent, rasa.engine.recipes.default_recipe
import bot.engine.channel, bot.engine.answers, bot.engine.tracker_store, bot.engine.understanding.classifier
real = [name for name in sys.modules if name.partition(".")[0] in TO_SERVE and getattr(sys.modules[name], "__file__", None)]
print(real)
"""


def test_nothing_of_what_stands_aside_is_loaded() -> None:
    line = [sys.executable, "-W", "ignore", "-c", SAYS_WHAT_IS_LOADED]
    done = subprocess.run(line, cwd=ROOT, env=training.engine_environment(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_who_would_compute_with_it_is_told() -> None:
    layer: type = type("Layer", (Nothing,), {})
    with pytest.raises(NotHere, match="Layer is of a library that the engine runs without"):
        layer()


def test_a_decorator_of_it_leaves_the_function_alone() -> None:
    def function() -> int:
        return 7

    assert Nothing(function)() == 7
    assert Nothing.function(input_signature=[])(function)() == 7


def test_it_is_too_late_once_something_is_loaded() -> None:
    with pytest.raises(RuntimeError, match="call this before Rasa is imported"):
        stand_aside(("pytest",))
    assert "tensorflow" in TO_SERVE


def test_the_engine_is_small(processes: Processes) -> None:
    """Stock Rasa has 0.8 GB; `anxin bench turns` measures it, and here it is kept from coming back unnoticed."""
    assert processes.memory_of("engine") < 600
