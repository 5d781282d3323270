"""The model: is it there, is it newer than what it was made from, and how it is made."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

from bot.settings import ROOT

MODEL = ROOT / "models" / "anxin.tar.gz"
MADE_FROM = ROOT / "models" / "anxin.made-from"
ENGINE_BIN = ROOT / ".venv-engine" / "bin"
LOG = ROOT / "var" / "log" / "train.log"
SERVE_ENGINE = (str(ENGINE_BIN / "python"), "-W", "ignore", "-m", "bot.engine.serve")

_SOURCES = ("config.yml", "domain.yml", "requirements/engine.txt")
_FOLDERS = ("data", "bot/engine", "bot/content")
_NOT = ROOT / "bot" / "engine" / "benchmark"


class TrainingFailed(Exception):
    """Training ended with an error; the text is its last lines."""


def fingerprint() -> str:
    """Return a hash over everything that the model is made from."""
    digest = hashlib.sha256()
    files = [ROOT / name for name in _SOURCES]
    for folder in _FOLDERS:
        files += [f for f in (ROOT / folder).rglob("*") if f.suffix in (".yml", ".py") and _NOT not in f.parents]
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def is_stale() -> bool:
    """Return whether the model is missing or was made from something else than what is here."""
    return not (MODEL.exists() and MADE_FROM.exists() and MADE_FROM.read_text() == fingerprint())


def engine_environment() -> dict[str, str]:
    """Return the environment Rasa runs in: no telemetry, no GPU probing, its own warnings kept down."""
    return {
        **os.environ,
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONWARNINGS": "ignore",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONUNBUFFERED": "1",
    }


def train_if_stale(say: Callable[[str], None] = print) -> None:
    """Train unless the model is up to date; of two that start at once, the second waits and finds it done."""
    if not is_stale():
        return
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.with_name("train.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_stale():
            train(say)


def train(say: Callable[[str], None] = print) -> float:
    """Train, put the model in its place, and return the seconds it took; raise `TrainingFailed`.

    The old model stays until the new one is whole.
    """
    made_from, started = fingerprint(), time.monotonic()
    say("Training the assistant (about a quarter of a minute) ...")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    draft = MODEL.with_name(f"draft-{os.getpid()}.tar.gz")
    command = [str(ENGINE_BIN / "python"), "-m", "bot.engine.run", "train", "--out", str(MODEL.parent)]
    command += ["--skip-validation"]  # said better by `anxin check`; tests/engine runs Rasa's own
    command += ["--fixed-model-name", draft.name.removesuffix(".tar.gz")]
    with LOG.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=engine_environment(), stdout=log, stderr=log)
        try:
            status = _wait(process, started)
        except BaseException:
            process.kill()
            process.wait()
            raise
    if status != 0 or not draft.exists():
        raise TrainingFailed("\n".join(LOG.read_text(errors="replace").splitlines()[-15:]))
    MADE_FROM.unlink(missing_ok=True)
    draft.replace(MODEL)
    MADE_FROM.write_text(made_from)
    seconds = time.monotonic() - started
    say(f"Trained in {seconds:.0f} s: {MODEL.relative_to(ROOT)}")
    return seconds


def _wait(process: subprocess.Popen[bytes], started: float) -> int:
    """Wait, showing the seconds on a terminal."""
    while True:
        try:
            return process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            if sys.stdout.isatty():
                print(f"\r  {time.monotonic() - started:.0f} s ", end="", flush=True)
        finally:
            if sys.stdout.isatty():
                print("\r", end="", flush=True)
