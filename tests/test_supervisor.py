"""The processes of `anxin up`: a port in use is one clear line; what dies is started again, and all of it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot import supervisor
from bot.settings import ROOT, Settings, read_settings
from bot.supervisor import BACK_OFF_SECONDS, CannotStart, Child, children

# As `anxin up` without looking at the model: a stale one would be trained first, in the working tree.
UP = "import asyncio, sys; from bot import cli, training; training.is_stale = lambda: False; sys.exit(cli.main(['up']))"


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(s.getsockname()[1]) for s in sockets]
    for held in sockets:
        held.close()
    return ports


def environment(tmp_path: Path, **ports: int) -> dict[str, str]:
    """The settings of an installation on free ports, except those given."""
    free = dict(zip(("gateway", "engine", "actions"), free_ports(3), strict=True)) | ports
    return {"ANXIN_VAR": str(tmp_path), **{f"ANXIN_{name.upper()}_PORT": str(port) for name, port in free.items()}}


def settings(tmp_path: Path, **ports: int) -> Settings:
    return read_settings(environment(tmp_path, **ports))


@pytest.mark.parametrize("name", ["gateway", "engine", "actions"])
def test_a_port_in_use_is_said_in_one_line_that_names_it_and_the_fix(tmp_path: Path, name: str) -> None:
    with taken_port() as port, pytest.raises(CannotStart) as refused:
        asyncio.run(supervisor.run(settings(tmp_path, **{name: port})))
    assert str(refused.value) == (
        f"Port {port} of the {name} is in use. End the other program, or set ANXIN_{name.upper()}_PORT."
    )


def test_nothing_is_started_when_a_port_is_in_use(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with taken_port() as port, pytest.raises(CannotStart):
        asyncio.run(supervisor.run(settings(tmp_path, gateway=port)))
    assert capfd.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_with_an_error_when_a_port_is_in_use(tmp_path: Path) -> None:
    with taken_port() as port:
        done = subprocess.run(
            [sys.executable, "-c", UP],
            cwd=ROOT,
            env={**os.environ, **environment(tmp_path, gateway=port)},
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert done.returncode == 1
    assert (
        done.stderr
        == f"anxin: Port {port} of the gateway is in use. End the other program, or set ANXIN_GATEWAY_PORT.\n"
    )


def test_what_answers_customers_starts_after_what_it_needs(tmp_path: Path) -> None:
    assert [child.name for child in children(settings(tmp_path))] == ["actions", "engine", "gateway"]


def test_the_inner_processes_listen_on_this_machine_only(tmp_path: Path) -> None:
    assert settings(tmp_path).inner_host == "127.0.0.1"
    serve = (ROOT / "bot" / "engine" / "serve.py").read_text(encoding="utf-8")  # nobody imports the engine
    assert "interface=settings.inner_host" in serve


def test_the_engine_has_no_open_interface() -> None:
    serve = (ROOT / "bot" / "engine" / "serve.py").read_text(encoding="utf-8")
    assert "enable_api=False" in serve
    assert not {"cors=", "auth_token="} & set(serve.split())


def test_no_command_line_holds_a_secret(tmp_path: Path) -> None:
    # Command lines can be read by every user of the machine.
    made = read_settings(
        {
            **environment(tmp_path),
            "ANXIN_SMTP_HOST": "mail.example.com",
            "ANXIN_SMTP_PASSWORD": "canary",
            "ANXIN_SECURITY_URL": "postgresql://demo:canary@db.example.com/x",
        }
    )
    assert "canary" not in str([child.command for child in children(made)])


def test_a_pause_before_a_new_start_grows_and_stays_bounded() -> None:
    assert list(BACK_OFF_SECONDS) == sorted(BACK_OFF_SECONDS)
    assert max(BACK_OFF_SECONDS) <= 60


def child(*program: str) -> Child:
    return Child("demo", 1, "ANXIN_DEMO_PORT", "/readyz", [sys.executable, "-u", "-c", *program], os.environ)


async def watched(made: Child, until: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep a process running until a line is said; return all lines."""
    lines: list[str] = []
    stop = asyncio.Event()

    def say(text: str, name: str = "anxin") -> None:
        lines.append(f"{name}: {text}")
        if until in text:
            stop.set()

    monkeypatch.setattr(supervisor, "say", say)
    watcher = asyncio.create_task(supervisor._keep_running(made, stop))
    await asyncio.wait_for(stop.wait(), 20)
    await supervisor._end(made)
    await asyncio.wait_for(watcher, 20)
    return lines


def test_a_process_that_dies_is_said_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = asyncio.run(watched(child("raise SystemExit(3)"), "ended", monkeypatch))
    assert lines == ["anxin: The demo ended (status 3). Starting it again in 1 s."]


def test_a_process_that_dies_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACK_OFF_SECONDS", (0.01,))
    program = f"import os; f = open({str(tmp_path / 'starts')!r}, 'a'); f.write('x'); f.close(); print(os.path.getsize(f.name))"
    lines = asyncio.run(watched(child(program), "3", monkeypatch))
    assert [line for line in lines if line.startswith("demo")] == ["demo: 1", "demo: 2", "demo: 3"]


def test_what_a_process_says_carries_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys, time; print('out'); print('err', file=sys.stderr); print('end'); time.sleep(60)"
    assert asyncio.run(watched(child(program), "end", monkeypatch)) == ["demo: out", "demo: err", "demo: end"]


def test_a_line_without_end_does_not_stop_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import time; print('x' * 3_000_000); print('after'); time.sleep(60)"
    assert asyncio.run(watched(child(program), "after", monkeypatch))[-1] == "demo: after"


def test_bytes_that_are_no_text_do_not_stop_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import os, time; os.write(1, b'\\xff\\xfe\\n'); print('after'); time.sleep(60)"
    assert asyncio.run(watched(child(program), "after", monkeypatch))[-1] == "demo: after"


def test_a_process_ends_with_all_that_it_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "import subprocess, sys, time; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print('pid', p.pid); time.sleep(60)"
    )
    lines = asyncio.run(watched(child(program), "pid", monkeypatch))
    with pytest.raises(ProcessLookupError):
        _wait_until_gone(int(lines[0].split()[-1]))


def _wait_until_gone(pid: int) -> None:
    """Raise ProcessLookupError once the process is gone, or return after ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        os.kill(pid, 0)
        if Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
            raise ProcessLookupError
        time.sleep(0.02)


def test_a_signal_ends_everything_with_a_word(tmp_path: Path) -> None:
    # The engine is a program that only waits: what is tested is who ends whom.
    program = """
import asyncio, sys
from bot import supervisor
from bot.settings import read_settings
waits = lambda child: supervisor.Child(child.name, child.port, child.setting, child.ready_path,
    [sys.executable, "-c", "import time; print('waiting', flush=True); time.sleep(60)"], child.environment)
real = supervisor.children
supervisor.children = lambda settings: [waits(child) for child in real(settings)]
sys.exit(asyncio.run(supervisor.run(read_settings())))
"""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program],
        cwd=ROOT,
        env={**os.environ, **environment(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    waiting = 0
    for line in process.stdout:
        waiting += "waiting" in line and not line.startswith("anxin")
        if waiting == 3:
            process.send_signal(signal.SIGINT)
            break
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert rest.splitlines()[-1].endswith("| Stopped.")
