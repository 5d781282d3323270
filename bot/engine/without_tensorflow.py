"""Starts Rasa without TensorFlow, which it imports wherever it goes and of which our pipeline uses nothing.

Two seconds of every start and some 400 MB of memory. While it stands aside, `import tensorflow` gives a module in which
every name is an empty class: enough for Rasa's own classes to be defined upon, and an error for whoever would compute
with one. `bot/engine/serve.py` and `run.py` call it before anything of Rasa is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

ABSENT = ("tensorflow", "tensorflow_addons", "tensorflow_hub", "keras", "jax", "jaxlib")
TO_SERVE = (*ABSENT, "sklearn")  # nothing is learnt there


class NotHere(RuntimeError):
    """Something would compute with TensorFlow; start Rasa by its own command for that."""


class _Kind(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class Nothing(metaclass=_Kind):
    """Stands for every class and function of what is absent; good for a base, an annotation and a decorator alone."""

    def __new__(cls, *values: Any, **named: Any) -> Any:
        if cls is not Nothing:
            raise NotHere(f"{cls.__name__} is of a library that the engine runs without.")
        decorated = values[0] if len(values) == 1 and not named and callable(values[0]) else None
        return decorated or (lambda function: function)


class _Module(ModuleType):
    __path__: list[str] = []
    __version__ = "0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing


class _Aside(MetaPathFinder, Loader):
    def __init__(self, absent: Sequence[str]) -> None:
        self._absent = absent

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._absent:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        return None


def stand_aside(absent: Sequence[str] = ABSENT) -> None:
    """Let what is imported from now on do without; raise `RuntimeError` where it is there already."""
    loaded = [name for name in absent if name in sys.modules]
    if loaded:
        raise RuntimeError(f"{', '.join(loaded)} is imported already; call this before Rasa is imported.")
    sys.meta_path.insert(0, _Aside(absent))
