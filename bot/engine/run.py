"""Rasa's own command line, without the warnings of its libraries about each other (all pinned, none actionable)."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

from rasa.__main__ import main


def _drop(*warning: object, **where: object) -> None:
    return None


if __name__ == "__main__":
    warnings.showwarning = _drop
    sys.argv[0] = str(Path(sys.executable).with_name("rasa"))
    main()
