"""Rasa's own commands work from the root, as any Rasa developer expects."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.settings import ROOT
from bot.training import ENGINE_BIN

CONVERSATIONS = ROOT / "tests" / "conversations"


def rasa(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "RASA_TELEMETRY_ENABLED": "false"}
    command = [str(ENGINE_BIN / "rasa"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)


def failure(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stdout + done.stderr)[-3000:]


def test_rasa_data_validate_finds_nothing_wrong() -> None:
    done = rasa("data", "validate")
    assert done.returncode == 0, failure(done)
    assert "No story structure conflicts found" in done.stdout + done.stderr


@pytest.mark.parametrize("how", [[], ["--e2e"]], ids=["intents", "words"])
def test_rasa_test_core_passes_every_conversation(model: Path, tmp_path: Path, how: list[str]) -> None:
    # With --e2e the words of the stories are understood as well.
    arguments = ["--model", str(model), "--stories", str(CONVERSATIONS), "--fail-on-prediction-errors"]
    done = rasa("test", "core", *how, *arguments, "--no-plot", "--out", str(tmp_path))
    assert done.returncode == 0, failure(done)
    failed = yaml.safe_load((tmp_path / "failed_test_stories.yml").read_text(encoding="utf-8"))
    assert not (failed or {}).get("stories")


def test_there_are_enough_conversations_and_no_two_have_one_name() -> None:
    names = [
        story["story"]
        for file in sorted(CONVERSATIONS.glob("*.yml"))
        for story in yaml.safe_load(file.read_text(encoding="utf-8"))["stories"]
    ]
    assert len(names) >= 20
    assert len(set(names)) == len(names)


def test_every_conversation_file_is_one_that_rasa_test_finds() -> None:
    assert [file.name for file in CONVERSATIONS.glob("*.yml") if not file.name.startswith("test_")] == []


def test_rasa_shell_nlu_answers_a_message(model: Path) -> None:
    command = [str(ENGINE_BIN / "rasa"), "shell", "nlu", "--model", str(model)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "RASA_TELEMETRY_ENABLED": "false"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        input="通知信可以關掉嗎\n/stop\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert '"name": "notice_opt_out"' in done.stdout, failure(done)
