"""What is in deploy/ and docs/ is taken by what it is for, and says what is true of the code."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.rig.postgresql import free_port
from bot.settings import ROOT, read_settings
from bot.supervisor import children
from bot.training import engine_environment

DEPLOY, DOCS = ROOT / "deploy", ROOT / "docs"
UNITS = {"anxin-engine@": 5005, "anxin-actions@": 5055, "anxin-gateway@": 8080}
STEPS_OF_WAITING = re.compile(r".*Unknown key '?(RestartSteps|RestartMaxDelaySec)'?.*ignoring\.")  # before systemd 254
WRITTEN = sorted(
    file for folder in (DEPLOY, DOCS) for file in folder.rglob("*") if file.is_file() and file.suffix != ".png"
)


def run(*line: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in line], capture_output=True, text=True, check=False, **more)


# --- systemd ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they would be in /etc/systemd/system, with this folder as /opt/anxin."""
    folder = tmp_path_factory.mktemp("units")
    for file in (DEPLOY / "systemd").rglob("*.*"):
        if file.is_file():
            copy = folder / file.relative_to(DEPLOY / "systemd")
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(file.read_text(encoding="utf-8").replace("/opt/anxin", str(ROOT)), encoding="utf-8")
    for name, port in UNITS.items():
        shutil.copy(folder / f"{name}.service", folder / f"{name}{port}.service")
    return folder


def systemd(units: Path, *line: str | Path) -> subprocess.CompletedProcess[str]:
    assert shutil.which("systemd-analyze"), "this needs systemd: apt-get install systemd"
    return run("systemd-analyze", *line, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"})


def test_systemd_takes_every_unit(units: Path) -> None:
    files = [file for file in units.glob("*.*") if file.is_file() and not file.stem.endswith("@")]
    assert len(files) == 7
    done = systemd(units, "verify", "--man=no", *files)
    complaints = [line for line in done.stderr.splitlines() if not STEPS_OF_WAITING.fullmatch(line)]
    assert (done.returncode, complaints) == (0, [])


def test_a_mistake_in_a_unit_would_be_noticed(units: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(units, tmp_path / "units") / "anxin-gateway@8080.service"
    broken.write_text(broken.read_text(encoding="utf-8").replace("KillMode=", "KilMode="), encoding="utf-8")
    assert "KilMode" in systemd(broken.parent, "verify", "--man=no", broken).stderr


@pytest.mark.parametrize("unit", [f"{name}{port}.service" for name, port in UNITS.items()])
def test_every_process_is_locked_in(units: Path, unit: str) -> None:
    """systemd's own measure: 0 is least exposed, 10 most; what is left is that they speak to the network."""
    done = systemd(units, "security", "--offline=true", "--threshold=20", "--no-pager", units / unit)
    assert done.returncode == 0, done.stdout


def unit(name: str) -> str:
    return (DEPLOY / "systemd" / f"{name}.service").read_text(encoding="utf-8").replace("\\\n", "")


def test_the_engine_is_started_as_by_the_supervisor() -> None:
    started = re.findall(r"^ExecStart=(.*)$", unit("anxin-engine@"), re.MULTILINE)[0].split()
    words = started[started.index(".venv-engine/bin/python") + 1 :]
    environment = {"ANXIN_LOG_LEVEL": "INFO", "ANXIN_VAR": "/demo"}
    (child,) = (c for c in children(read_settings(environment)) if c.name == "engine")
    ours = [word.removeprefix(f"{ROOT}/") for word in child.command[1:]]
    named = {"%i": "5005", "${ANXIN_INNER_HOST}": "127.0.0.1"}
    assert [named.get(word, word) for word in words] == ours


def test_the_engine_runs_in_the_environment_it_needs() -> None:
    needed = {name: value for name, value in engine_environment().items() if os.environ.get(name) != value}
    given = dict(re.findall(r"(?:^Environment=| )([A-Z_]+)=(\S*)", unit("anxin-engine@"), re.MULTILINE))
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    assert needed.items() <= given.items()
    assert all(re.search(rf"^ENV .*\b{name}={value}( |$)", image, re.MULTILINE) for name, value in needed.items())


def test_waiting_ends_with_readiness_with_the_process_or_with_the_time(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "readyz").touch()
    serving = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}/readyz"
    assert run(DEPLOY / "until-ready", "20", address, str(serving.pid)).returncode == 0
    serving.terminate()
    serving.wait()
    assert "ended before" in run(DEPLOY / "until-ready", "20", address, str(serving.pid)).stderr
    assert "not ready after 1 s" in run(DEPLOY / "until-ready", "1", address).stderr


# --- settings -----------------------------------------------------------------------------------------


def settings_of(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^(ANXIN_[A-Z_]+)=(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("process", ["gateway", "engine", "actions"])
def test_the_example_settings_can_be_used(process: str) -> None:
    settings = read_settings(settings_of(DEPLOY / "env/anxin.env") | settings_of(DEPLOY / f"env/{process}.env"))
    assert settings.production
    assert (settings.sms is not None) == (process == "actions")


def known_settings() -> set[str]:
    """Return every setting that `bot/settings.py` or a launcher reads."""
    source = (ROOT / "bot/settings.py").read_text(encoding="utf-8")
    names = {f"ANXIN_{name}" for name in re.findall(r'(?:text|port)\("([A-Z_]+)"', source)}
    names |= {f"ANXIN_{name}" for name in re.findall(r'_inner\(text, "([A-Z_]+)"', source)}
    return names | {f"ANXIN_{side}_{what}" for side in ("SMS", "CORE") for what in ("URL", "KEY", "CA_FILE")}


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_setting_that_is_named_exists(file: Path) -> None:
    named = set(re.findall(r"\bANXIN_[A-Z_]*[A-Z]\b", file.read_text(encoding="utf-8")))
    assert named <= known_settings()


# --- containers ---------------------------------------------------------------------------------------


def check(*line: str | Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", *line)


COMPOSE_SCHEMA = ("check_jsonschema", "--builtin-schema", "vendor.compose-spec")


@pytest.mark.parametrize(
    ("file", "checker", "mistake"),
    [
        ("compose.yml", COMPOSE_SCHEMA, ("depends_on:", "depend_on:")),
        ("kubernetes.yml", ("kubernetes_validate", "--strict"), ("maxUnavailable: 0", "maxUnavailible: 0")),
    ],
)
def test_a_manifest_fits_its_schema_and_one_with_a_mistake_does_not(
    tmp_path: Path, file: str, checker: tuple[str, ...], mistake: tuple[str, str]
) -> None:
    done = check(*checker, DEPLOY / file)
    assert done.returncode == 0, done.stdout
    text = (DEPLOY / file).read_text(encoding="utf-8")
    (tmp_path / file).write_text(text.replace(*mistake), encoding="utf-8")
    assert mistake[0] in text
    assert check(*checker, tmp_path / file).returncode != 0


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
    return found


def test_compose_publishes_nginx_alone() -> None:
    services: Mapping[str, Any] = compose()["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    open_networks = {name for name, network in compose()["networks"].items() if not network.get("internal")}
    outside = {name for name, service in services.items() if open_networks & set(service.get("networks", []))}
    assert outside == {"nginx", "actions-1", "actions-2"}


@pytest.mark.parametrize("name", ["gateway-1", "engine-2", "actions-1"])
def test_the_settings_in_compose_can_be_used(name: str) -> None:
    service = compose()["services"][name]
    given: dict[str, str] = {}
    for file in service["env_file"]:
        given |= settings_of(DEPLOY / file)
    given |= {key: re.sub(r"\$\{[A-Z_]+:\?\}", "demo", value) for key, value in service["environment"].items()}
    settings = read_settings(given)
    names = {re.sub(r"http://|:[0-9]+", "", url) for url in settings.engine_urls + settings.actions_urls}
    assert names == {"engine-1", "engine-2", "actions-1", "actions-2"}


def objects(kind: str) -> list[dict[str, Any]]:
    found = yaml.safe_load_all((DEPLOY / "kubernetes.yml").read_text(encoding="utf-8"))
    return [one for one in found if one["kind"] == kind]


def test_a_rollout_takes_no_pod_away_before_another_is_ready_and_lets_it_drain() -> None:
    for deployment in objects("Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
        pod = deployment["spec"]["template"]["spec"]
        wait = int(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])
        stop = int(re.findall(r"TimeoutStopSec=(\d+)", unit(f"{deployment['metadata']['name']}@"))[0])
        assert pod["terminationGracePeriodSeconds"] >= wait + stop


def test_in_a_cluster_the_gateway_alone_is_reached_and_an_engine_by_gateways_alone() -> None:
    (ingress,) = objects("Ingress")
    backends = {
        path["backend"]["service"]["name"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]
    }
    assert backends == {"anxin-gateway"}
    assert {one["spec"].get("type", "ClusterIP") for one in objects("Service")} == {"ClusterIP"}
    callers: dict[str, set[str]] = {}
    for policy in objects("NetworkPolicy"):
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        sources = [source for rule in policy["spec"].get("ingress", []) for source in rule["from"]]
        pods = {source.get("podSelector", {}).get("matchLabels", {}).get("app", "outside") for source in sources}
        callers[policy["spec"]["podSelector"].get("matchLabels", {}).get("app", "every pod")] = pods
    assert callers == {
        "every pod": set(),
        "anxin-gateway": {"outside"},
        "anxin-engine": {"anxin-gateway"},
        "anxin-actions": {"anxin-gateway", "anxin-engine"},
        "anxin-purge": set(),
    }


def test_an_image_is_made_of_what_is_here_and_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for name in copied.split():
            assert (ROOT / name).exists()
            assert f"!{name.split('/')[0]}" in ignored
    assert "*" in ignored  # and only then what is let through
    for last in text.split("\nFROM ")[-2:]:
        assert "\nUSER 10001:10001\n" in last


def test_no_image_names_a_registry() -> None:
    images = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    for file in ("compose.yml", "kubernetes.yml"):
        images += re.findall(r"\bimage: (\S+)", (DEPLOY / file).read_text(encoding="utf-8"))
    assert len(images) > 10
    assert not [image for image in images if "/" in image]
