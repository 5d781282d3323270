"""What the engine shares with the other processes runs on its Python, with its packages."""

from __future__ import annotations

import subprocess

import pytest

from bot.settings import ROOT
from bot.training import ENGINE_BIN


def shared_modules() -> list[str]:
    files = [f for folder in ("contracts", "content") for f in sorted((ROOT / "bot" / folder).glob("*.py"))]
    return [f"bot.{f.parent.name}.{f.stem}" for f in files if f.stem != "__init__"] + ["bot.settings"]


def in_the_engine(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ENGINE_BIN / "python"), "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_the_engine_runs_on_python_3_10() -> None:
    assert in_the_engine("import sys; print(sys.version_info[:2])").stdout == "(3, 10)\n"


def test_the_shared_modules_are_found() -> None:
    assert {"bot.contracts.keys", "bot.contracts.turn", "bot.content.topics"} <= set(shared_modules())


@pytest.mark.parametrize("module", shared_modules())
def test_a_shared_module_can_be_imported_in_the_engine(module: str) -> None:
    tried = in_the_engine(f"import {module}")
    assert (tried.returncode, tried.stderr) == (0, "")


def test_both_pythons_sign_alike() -> None:
    program = "from bot.contracts.signing import _signature as s; print(s(b'k'*32, 'POST', '/é?a=1', '1', '2', b'3'))"
    here = subprocess.run([str(ROOT / ".venv/bin/python"), "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert in_the_engine(program).stdout == here.stdout != ""
