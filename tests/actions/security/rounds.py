"""How long the long tests are: ANXIN_ROUNDS multiplies (10: the numbers of the security reference)."""

from __future__ import annotations

import os


def rounds(in_suite: int) -> int:
    """Return the number of rounds, at least one."""
    return max(1, int(in_suite * float(os.environ.get("ANXIN_ROUNDS", "1"))))


def told(**counts: int) -> None:
    """Print what was counted, so that "passed" says of how many (`pytest -s`)."""
    print(", ".join(f"{name} {count:,}" for name, count in counts.items()))
