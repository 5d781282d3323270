"""Every command in README.md is run. The two long ones are run by the suite itself."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from tests.e2e.conftest import ROOT, Anxin, free_ports, start, stop

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]
RUN_BY = {
    "make run": "the fixture that starts the processes",
    "make test": "whoever runs this",
}
# What takes minutes by its nature is run for seconds, or only read.
SHORTER = {
    "./anxin bench turns --json var/turns.json --plot var/turns.png": "./anxin bench turns --help",
    "./anxin bench load --minutes 2 --rate 30": "./anxin bench load --minutes 0.1 --rate 10",
}
# What a person would type, and then leave.
TYPED = {"./anxin talk": "客服電話幾號\n\n"}
INTERACTIVE = ".venv-engine/bin/rasa shell --interface 127.0.0.1 --port 5015"


def test_readme_has_commands() -> None:
    assert len(COMMANDS) >= 12
    assert {*RUN_BY, *SHORTER} < set(COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in RUN_BY and c != INTERACTIVE])
def test_a_command_of_readme_works(anxin: Anxin, command: str) -> None:
    done = subprocess.run(
        SHORTER.get(command, command),
        shell=True,
        cwd=ROOT,
        env={**anxin.environment, "RASA_TELEMETRY_ENABLED": "false", "PYTHONWARNINGS": "ignore"},
        input=TYPED.get(command, ""),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_rasa_shell_answers(anxin: Anxin) -> None:
    """`rasa shell` wants a terminal; this is one."""
    environment = {**anxin.environment, "RASA_TELEMETRY_ENABLED": "false", "PYTHONWARNINGS": "ignore"}
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        INTERACTIVE.replace("5015", str(free_ports(1)[0])).split(),
        cwd=ROOT,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        read_until(ours, "Your input")
        os.write(ours, "客服電話幾號\r".encode())
        read_until(ours, "412-8889")
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()


def read_until(terminal: int, words: str, seconds: float = 90) -> None:
    seen, deadline = "", time.monotonic() + seconds
    while words not in seen:
        assert time.monotonic() < deadline, seen[-2000:]
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")


def test_the_second_start_is_quick_and_ctrl_c_ends_everything(tmp_path_factory: pytest.TempPathFactory) -> None:
    running = start(tmp_path_factory.mktemp("second"))
    said = running.output.read_text(errors="replace")
    stop(running)
    assert "Training" not in said
    time.sleep(0.5)
    said = running.output.read_text(errors="replace")
    assert "Stopped." in said
    assert "Traceback" not in said
    for name in running.ports:
        with pytest.raises(AssertionError, match="nobody listens"):
            running.process_on(name)


def test_a_port_in_use_is_one_clear_line(anxin: Anxin) -> None:
    done = anxin.anxin("up")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "ANXIN_ACTIONS_PORT" in done.stderr
