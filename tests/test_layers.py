"""Directions of the design, section 2: who may import whom, read from the source; and importing does nothing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.settings import ROOT

OURS = ("bot", "actions")
STANDARD = sys.stdlib_module_names | {"__future__"}
ENGINE_STARTERS = {"bot.cli", "bot.supervisor", "bot.training"}  # they start its process

# What a module may import of ours besides its own package; the longest name that fits counts.
ALLOWED: dict[str, tuple[str, ...]] = {
    "bot.contracts": (),
    "bot.content": ("bot.contracts",),  # README, decisions: the digits of a number are read in one place
    "bot.settings": (),
    "bot.logs": ("bot.contracts",),
    "bot.metrics": (),
    "bot.traces": ("bot.contracts",),
    "bot.bench_load": ("bot.settings", "bot.training", "bot.turns_bench"),
    "bot.bench_turns": ("bot.settings", "bot.training", "bot.turns_bench"),
    "bot.turns_bench": ("actions.bootstrap", "bot.content", "bot.contracts", "bot.rig", "bot.settings", "bot.training"),
    "bot.bench_security": ("actions.bootstrap", "bot.contracts", "bot.rig", "bot.settings"),
    "bot.rig": ("actions.security", "actions.storage", "bot.cli", "bot.contracts", "bot.settings"),
    "bot.talk": (),
    "bot.tell_event": ("bot.contracts", "bot.settings"),
    "bot.conversations": ("bot.contracts",),
    "bot.clients": ("bot.contracts",),
    "bot.engine": ("bot.content", "bot.contracts", "bot.metrics", "bot.settings", "bot.traces"),
    "bot.gateway": (
        "bot.conversations",
        "bot.clients",
        "bot.content",
        "bot.contracts",
        "bot.metrics",
        "bot.settings",
        "bot.traces",
    ),
    "bot.training": ("bot.settings",),
    "bot.supervisor": ("bot.settings", "bot.training"),
    "bot.cli": ("bot", "actions"),
    "bot.records": ("actions", "bot.conversations", "bot.settings"),
    "actions": ("bot.contracts", "bot.content.flows", "bot.content.institutions", "bot.metrics", "bot.traces"),
    "actions.security": (),
    "actions.storage": ("bot.contracts",),
    # What a notice says of itself; and how a failure is logged.
    "actions.services": ("actions.security", "actions.storage", "bot.contracts.failures", "bot.contracts.link"),
    "actions.adapters": ("actions.security", "actions.services.ports", "actions.storage"),
    "actions.bootstrap": ("actions", "bot.contracts", "bot.content.institutions", "bot.settings"),
}
COMPOSITION_ROOTS = {"bot.cli", "actions.bootstrap"}


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(file): file for folder in OURS for file in sorted((ROOT / folder).rglob("*.py"))}


def imports(module: str) -> set[str]:
    """Return every module that a module names in an import, wherever it stands."""
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            base = node.module or ""
            below = {f"{base}.{alias.name}" for alias in node.names}
            found |= {name for name in below if name in FILES} or {base}
    return found


def of_ours(module: str) -> set[str]:
    return {name for name in imports(module) if name.split(".")[0] in OURS}


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def rule(module: str) -> str:
    fitting = [package for package in ALLOWED if is_in(module, package)]
    assert fitting, f"{module} has no place in the design: add a rule for it here and to the design"
    return max(fitting, key=len)


def modules_in(*packages: str) -> Iterator[str]:
    return (module for module in FILES if any(is_in(module, package) for package in packages))


@pytest.mark.parametrize("module", [m for m in FILES if m != "bot"])
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    own = rule(module)
    allowed = (*ALLOWED[own], own)
    assert {name for name in of_ours(module) if not any(is_in(name, package) for package in allowed)} == set()


@pytest.mark.parametrize("module", modules_in("bot.contracts"))
def test_contracts_need_the_standard_library_only(module: str) -> None:
    assert {n for n in imports(module) if n.split(".")[0] not in STANDARD and not is_in(n, "bot.contracts")} == set()


@pytest.mark.parametrize("module", modules_in("actions.security"))
def test_rules_of_security_need_the_standard_library_and_pyotp_only(module: str) -> None:
    outside = {n for n in imports(module) if n.split(".")[0] not in STANDARD and not is_in(n, "actions.security")}
    assert outside <= {"pyotp"}


@pytest.mark.parametrize("module", modules_in("bot.content", "bot.contracts"))
def test_what_is_shared_knows_neither_rasa_nor_the_web(module: str) -> None:
    assert {n.split(".")[0] for n in imports(module)} & {
        "rasa",
        "rasa_sdk",
        "sanic",
        "httpx",
        "aiohttp",
        "jinja2",
    } == set()


@pytest.mark.parametrize("module", [m for m in FILES if not is_in(m, "bot.engine")])
def test_nobody_imports_the_engine_or_rasa(module: str) -> None:
    assert {n for n in imports(module) if is_in(n, "bot.engine") or n.split(".")[0] == "rasa"} == set()


@pytest.mark.parametrize(
    "module", [m for m in FILES if not is_in(m, "bot.engine") and m not in ENGINE_STARTERS and m != "bot"]
)
def test_nobody_names_the_engine_in_a_string(module: str) -> None:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    prose = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in prose]
    assert [s for s in strings if isinstance(s, str) and ("bot.engine" in s or "bot/engine" in s)] == []


@pytest.mark.parametrize("module", modules_in("bot.gateway"))
def test_the_gateway_reaches_actions_and_engine_over_the_wire_only(module: str) -> None:
    assert {n for n in of_ours(module) if is_in(n, "actions") or is_in(n, "bot.engine")} == set()


@pytest.mark.parametrize("module", [m for m in FILES if m not in COMPOSITION_ROOTS])
def test_only_composition_roots_know_adapters(module: str) -> None:
    outside = not is_in(module, "actions.adapters")
    assert {n for n in of_ours(module) if is_in(n, "actions.adapters") and outside} == set()


def readers_of_the_environment() -> set[str]:
    found = set()
    for module, file in FILES.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                found.add(module)
    return found


def test_the_environment_is_read_in_one_place() -> None:
    # Supervisor and training hand theirs on to the processes that they start.
    assert readers_of_the_environment() - {"bot.supervisor", "bot.training"} == {"bot.settings"}


@pytest.mark.parametrize("module", modules_in("actions.security", "actions.services"))
def test_rules_and_use_cases_are_told_the_time(module: str) -> None:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    calls = [n.func.attr for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    assert {"today", "utcnow", "monotonic"} & set(calls) == set()
    clocks = [
        ast.unparse(n.func)
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in ("now", "time")
    ]
    assert [c for c in clocks if c in ("datetime.now", "time.time", "datetime.datetime.now")] == []


@pytest.mark.parametrize("folder", OURS)
def test_no_module_is_named_for_what_it_is_not(folder: str) -> None:
    assert {f.stem for f in (ROOT / folder).rglob("*.py")} & {
        "utils",
        "helpers",
        "common",
        "manager",
        "handler",
    } == set()


IMPORT_ALL = """
import importlib, json, os, sys, threading
before = sorted(os.listdir(os.environ["ANXIN_VAR"]))
for module in sys.argv[1:]:
    importlib.import_module(module)
json.dump(
    {
        "threads": [t.name for t in threading.enumerate() if t is not threading.main_thread()],
        "files": sorted(os.listdir(os.environ["ANXIN_VAR"])),
        "engine": [m for m in sys.modules if m.split(".")[0] == "rasa" or m.startswith("bot.engine")],
    },
    sys.stdout,
)
"""


def test_importing_every_module_does_nothing(tmp_path: Path) -> None:
    var = tmp_path / "var"
    var.mkdir()
    modules = [m for m in FILES if not is_in(m, "bot.engine")]
    environment = {n: v for n, v in os.environ.items() if not n.startswith("ANXIN_")} | {"ANXIN_VAR": str(var)}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *modules],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"threads": [], "files": [], "engine": []}


def test_importing_every_module_needs_no_settings(tmp_path: Path) -> None:
    # A wrong setting is said by the command, in one sentence, not by a module that is imported.
    environment = {**os.environ, "ANXIN_VAR": str(tmp_path), "ANXIN_MODE": "wrong", "ANXIN_GATEWAY_PORT": "wrong"}
    modules = [m for m in FILES if not is_in(m, "bot.engine")]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *modules],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
