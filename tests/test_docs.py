"""docs/ names only what there is: commands, verbs, files, metrics; its commands can be read by a shell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bot import cli
from bot.gateway.problems import STATUS
from bot.settings import ROOT

DOCS = sorted((ROOT / "docs").glob("*.md"))
BY_NAME = pytest.mark.parametrize("doc", DOCS, ids=lambda doc: doc.name)
MADE_ELSEWHERE = {"models/anxin.tar.gz"}


def text(doc: Path) -> str:
    return doc.read_text(encoding="utf-8")


@BY_NAME
def test_a_shell_can_read_every_block(doc: Path) -> None:
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", text(doc), re.DOTALL | re.MULTILINE):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@BY_NAME
def test_a_verb_that_is_named_exists(doc: Path) -> None:
    for line in re.findall(r"(?:^|`|\./|&& )anxin ((?:[a-z]+ ?)+)", text(doc), re.MULTILINE):
        verb, *rest = line.split()
        form = rest[:1] if verb == "audit" else []
        with pytest.raises(SystemExit) as ended:
            cli._parser().parse_args([verb, *form, "--help"])
        assert ended.value.code == 0, line


@BY_NAME
def test_a_file_that_is_named_exists(doc: Path) -> None:
    folders = r"(?:actions|bot|data|deploy|docs|scripts|tests)/[A-Za-z0-9_./-]*[A-Za-z0-9_]"
    names = set(re.findall(rf"(?<![A-Za-z0-9/_-])({folders})", text(doc)))
    names |= {f"docs/{name}" for name in re.findall(r"\]\(([^):#]+)\)", text(doc))}
    assert names
    assert [name for name in names if not (ROOT / name).exists() and name not in MADE_ELSEWHERE] == []


def test_every_error_a_customer_may_see_is_explained() -> None:
    told = set(re.findall(r"`([a-z_]+)`", text(ROOT / "docs/operations.md")))
    assert set(STATUS) <= told
