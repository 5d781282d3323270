"""Schemathesis writes whatever the description allows and forbids: no failure of the server, no bad input taken (T15, T16).

25 cases an operation besides those that it derives from the description itself; ten times as many with ANXIN_ROUNDS=10.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.actions.security.rounds import rounds, told
from tests.gateway.conftest import Installation
from tests.gateway.processes import Browser

SEED = 20261120
CHECKS = (
    "not_a_server_error",
    "negative_data_rejection",
    "positive_data_acceptance",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
# `security`: not taken away, for an opening needs no cookie; tests/gateway/test_access.py has the others without it.
# Streams have no end: tests/gateway/test_requests.py has what is refused there.
CONFIGURATION = """
headers = {{ Cookie = "anxin={token}" }}
[generation]
with-security-parameters = false
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 409, 413]
"""


def test_what_is_described_is_so_whatever_is_sent(
    installation: Installation, customer: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION.format(token=customer.token), encoding="utf-8")
    url, report = installation.gateway.base_url, tmp_path / "report.json"
    line = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/Webhook/openapi.json", "--url", url]
    line += ["--checks", ",".join(CHECKS), "--exclude-path", "/Webhook/api/stream", "--continue-on-failure"]
    line += ["--max-examples", str(rounds(25)), "--seed", str(SEED), "--no-color"]
    line += ["--report", "json", "--report-json-path", str(report)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=rounds(120))
    assert report.exists(), done.stdout + done.stderr
    made: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    cases = made["test_cases"]
    with capsys.disabled():
        told(cases=cases["generated"], failures=cases["unique_failures"], errors=cases["errored"])
    assert (made["failures"], made["errors"], done.returncode) == ([], [], 0), done.stdout[-10_000:]
    assert made["operations"]["tested"] == 4
