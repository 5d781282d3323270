"""What may be logged of an exception: its type and its place. Its text may quote what a customer entered."""

from __future__ import annotations


def described(problem: BaseException) -> str:
    """Return e.g. `KeyError at bot/gateway/app.py:120`."""
    trace = problem.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return type(problem).__name__ + place
