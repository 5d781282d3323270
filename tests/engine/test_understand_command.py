"""`anxin understand`: one message a line in, one JSON a line out, no server; the keys are the design's."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rasa.core.agent import Agent

from bot.content.topics import load_topics
from bot.engine import understand as understand_command
from bot.engine.importer import FALLBACK_INTENT
from bot.engine.understanding.model import OUTSIDE
from bot.settings import ROOT

MESSAGES = [
    "通知信可以關掉嗎",
    "手机掉了怎么办",
    "how long is the code valid",
    "台積電現在多少錢",
    "嗯",
    "  ",
    "/greet",
    "🙂",
]
KEYS = ["text", "topic", "confidence", "decision", "alternatives"]


def understand(
    *arguments: str, given: str = "", folder: Path = ROOT, status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(ROOT / "anxin"), "understand", *arguments],
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == status, done.stderr
    return done


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("understand") / "messages.txt"
    written.write_text("\n".join(MESSAGES) + "\n", encoding="utf-8")
    return written


@pytest.fixture(scope="module")
def said(model: Path, file: Path) -> list[dict[str, Any]]:
    return lines(understand(str(file)))


def test_every_line_has_the_keys_of_the_design_in_their_order(said: list[dict[str, Any]]) -> None:
    assert [list(line) for line in said] == [KEYS] * len(MESSAGES)


def test_every_line_says_its_message_as_it_was(said: list[dict[str, Any]]) -> None:
    assert [line["text"] for line in said] == MESSAGES


def test_a_decision_is_one_of_three(said: list[dict[str, Any]]) -> None:
    assert {line["decision"] for line in said} <= {"answer", "clarify", "handover"}


def test_a_confidence_is_a_probability(said: list[dict[str, Any]]) -> None:
    for line in said:
        assert all(0 <= one["confidence"] <= 1 for one in [line, *line["alternatives"]])


def test_the_alternatives_are_other_topics_from_the_likeliest_down(said: list[dict[str, Any]]) -> None:
    for line in said:
        assert {key for one in line["alternatives"] for key in one} == {"topic", "confidence"}
        falling = [line["confidence"], *(one["confidence"] for one in line["alternatives"])]
        assert falling == sorted(falling, reverse=True)
        assert line["topic"] not in [one["topic"] for one in line["alternatives"]]


def test_a_question_is_named_by_its_topic(said: list[dict[str, Any]]) -> None:
    assert [line["topic"] for line in said[:3]] == ["notice_opt_out", "phone_lost", "otp_validity"]
    assert said[0]["topic"] in load_topics()


def test_a_second_question_is_named_where_it_is_as_certain(model: Path) -> None:
    (both,) = lines(understand(given="通知信可以關掉嗎？驗證碼多久有效？\n"))
    assert (both["topic"], both["also"]) == ("notice_opt_out", "otp_validity")
    assert list(both) == [*KEYS, "also"]


def test_what_is_out_of_scope_is_handed_over(said: list[dict[str, Any]]) -> None:
    assert (said[3]["topic"], said[3]["decision"]) == (OUTSIDE, "handover")


def test_a_model_that_is_damaged_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "anxin.tar.gz").write_bytes(b"\x1f\x8b no archive")
    monkeypatch.setattr(understand_command, "ROOT", tmp_path)
    monkeypatch.setattr("sys.argv", ["understand"])
    (tmp_path / "config.yml").write_bytes((ROOT / "config.yml").read_bytes())
    assert understand_command.main() == 1
    said = capsys.readouterr().err
    assert said.startswith("anxin: The trained model is damaged (")
    assert said.endswith("Train again: ./anxin train\n")


def test_the_command_and_the_engine_agree(agent: Agent, said: list[dict[str, Any]]) -> None:
    for line in said:
        if not line["text"].strip() or line["text"].startswith("/"):
            continue  # the channel lets no such message through to Rasa
        intent = asyncio.run(agent.parse_message(line["text"]))["intent"]
        if line["decision"] == "answer":
            assert (intent["name"], round(intent["confidence"], 4)) == (line["topic"], line["confidence"])
        else:
            assert intent["name"] == (OUTSIDE if line["topic"] == OUTSIDE else FALLBACK_INTENT)


def test_without_a_file_it_reads_standard_input(model: Path, said: list[dict[str, Any]]) -> None:
    assert lines(understand(given="通知信可以關掉嗎\n")) == said[:1]


def test_the_institution_decides_too(model: Path, file: Path, said: list[dict[str, Any]]) -> None:
    elsewhere = lines(understand("--institution", "icbca", str(file)))
    assert elsewhere[0]["confidence"] < said[0]["confidence"]


def test_a_file_is_looked_for_where_the_command_is_given(model: Path, file: Path, said: list[dict[str, Any]]) -> None:
    assert lines(understand(file.name, folder=file.parent)) == said


def test_a_file_that_is_not_there_is_one_sentence(model: Path) -> None:
    done = understand("no-such-file.txt", status=2)
    assert "no-such-file.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_institution_that_is_not_there_is_one_sentence(model: Path) -> None:
    done = understand("--institution", "nowhere", given="hi\n", status=2)
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
