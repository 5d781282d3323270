"""A piece of training beside the rest: in a second process, because scikit-learn's solver holds on to the first."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """Begins `work` at once in a fork of this process, which has all of its memory; the result is sent back."""

    def __init__(self, work: Callable[[], T]) -> None:
        context = multiprocessing.get_context("fork")
        self._result, result = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(work, result), daemon=True)
        self._process.start()
        result.close()

    def result(self) -> T:
        """Wait for the result; raise `RuntimeError` when the work did not come to an end."""
        try:
            value: T = self._result.recv()
        except EOFError as problem:
            raise RuntimeError("A part of the training ended without a result; its error stands above.") from problem
        finally:
            self._process.join()
        return value


def _run(work: Callable[[], T], result: Connection) -> None:
    result.send(work())
