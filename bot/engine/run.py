"""Rasa's own command line, without TensorFlow and the warnings of its libraries about each other (all pinned, none actionable)."""

from __future__ import annotations

import gc
import sys
import warnings
from pathlib import Path

from bot.engine.without_tensorflow import stand_aside


def _drop(*warning: object, **where: object) -> None:
    return None


if __name__ == "__main__":
    if "train" in sys.argv[1:2]:
        gc.disable()  # training makes a million small things that stay until it ends: looking at them costs a quarter
    warnings.showwarning = _drop
    stand_aside()
    from rasa.__main__ import main  # after what it would import for nothing

    sys.argv[0] = str(Path(sys.executable).with_name("rasa"))
    main()
