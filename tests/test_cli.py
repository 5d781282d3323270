"""The commands: each says what it did, refuses what is not for production, and prints no secret."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from actions.adapters.demo_customers import DEMO_CUSTOMERS
from bot.settings import ROOT

VERBS = ("up", "train", "check", "talk", "understand", "outbox", "audit", "purge", "demo", "bench", "serve")
PRODUCTION = {"ANXIN_MODE": "production", "ANXIN_SMTP_HOST": "mail.example.com", "ANXIN_SMTP_SENDER": "d@example.com"}


def anxin(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith("ANXIN_")}
    environment |= {"ANXIN_VAR": str(tmp_path / "var"), "COLUMNS": "120", **settings}
    command = [sys.executable, "-m", "bot.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def sent(tmp_path: Path, **message: str) -> None:
    """Put a message into the outbox, as the embedded messenger does."""
    folder = tmp_path / "var"
    folder.mkdir(exist_ok=True)
    whole = {"at": "2026-11-20T08:00:00+00:00", "channel": "sms", "to": "0930000678", "subject": "", **message}
    with (folder / "outbox.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(whole, ensure_ascii=False) + "\n")


# --- help and mistakes --------------------------------------------------------------------------------


def test_help_names_every_verb(tmp_path: Path) -> None:
    done = anxin(tmp_path, "--help")
    assert done.returncode == 0
    assert [verb for verb in VERBS if not re.search(rf"^ +{verb}\s", done.stdout, re.M)] == []


def test_help_says_what_every_verb_does(tmp_path: Path) -> None:
    shown = anxin(tmp_path, "--help").stdout
    assert [verb for verb in VERBS if not re.search(rf"^ +{verb}\s+\w+ \w+", shown, re.M)] == []


def test_help_needs_no_valid_settings(tmp_path: Path) -> None:
    assert anxin(tmp_path, "--help", ANXIN_MODE="wrong").returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_own_help(tmp_path: Path, verb: str) -> None:
    done = anxin(tmp_path, verb, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: anxin {verb}")


def test_an_unknown_verb_is_an_error_that_names_it_and_the_known_ones(tmp_path: Path) -> None:
    done = anxin(tmp_path, "fly")
    assert done.returncode == 2
    assert "'fly'" in done.stderr
    assert "outbox" in done.stderr


def test_no_verb_is_an_error(tmp_path: Path) -> None:
    done = anxin(tmp_path)
    assert done.returncode == 2
    assert "usage: anxin" in done.stderr


def test_an_unknown_process_is_an_error(tmp_path: Path) -> None:
    assert anxin(tmp_path, "serve", "desk").returncode == 2


@pytest.mark.parametrize("verb", ["outbox", "demo", "talk"])
def test_a_wrong_setting_is_one_line_and_an_error(tmp_path: Path, verb: str) -> None:
    done = anxin(tmp_path, verb, ANXIN_MODE="wrong")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "anxin: ANXIN_MODE=wrong: give embedded or production.\n"


@pytest.mark.parametrize("process", ["gateway", "actions"])
@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_key_that_others_can_read_is_one_line_and_an_error(tmp_path: Path, process: str, mode: int) -> None:
    key = tmp_path / "master.key"
    key.write_bytes(bytes(32))
    key.chmod(mode)
    done = anxin(tmp_path, "serve", process, ANXIN_KEY_FILE=str(key), ANXIN_GATEWAY_PORT="1", ANXIN_ACTIONS_PORT="1")
    assert done.returncode != 0
    assert f"chmod 600 {key}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_level_is_one_line_and_an_error(tmp_path: Path) -> None:
    done = anxin(tmp_path, "serve", "gateway", ANXIN_LOG_LEVEL="LOUD")
    assert done.returncode == 2
    assert done.stderr.startswith("anxin: ANXIN_LOG_LEVEL=LOUD")


# --- check --------------------------------------------------------------------------------------------


def test_checking_the_content_says_that_it_is_in_order(tmp_path: Path) -> None:
    done = anxin(tmp_path, "check")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "The content is in order.")


def test_the_table_says_what_is_covered_and_what_expires_next(tmp_path: Path) -> None:
    done = anxin(tmp_path, "check", "--table")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "The content is in order.")
    assert re.search(r"^notice_opt_out +關閉通知信 +✓ ✓ ✓ ", done.stdout, re.M)
    assert re.search(r"^What expires next\n\d{4}-\d\d-\d\d  in \d+ days ", done.stdout, re.M)


def test_the_table_is_plain_text_when_nobody_watches(tmp_path: Path) -> None:
    assert "\x1b" not in anxin(tmp_path, "check", "--table").stdout


@pytest.mark.parametrize("arguments", [[], ["--table"]])
def test_problems_are_counted_and_an_error(tmp_path: Path, arguments: list[str]) -> None:
    done = anxin(tmp_path, "check", "--facts", str(tmp_path), *arguments)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("1 problem")


def test_beside_the_table_problems_are_not_listed(tmp_path: Path) -> None:
    done = anxin(tmp_path, "check", "--table", "--facts", str(tmp_path))
    assert done.stdout.splitlines()[-1] == "1 problem; anxin check says which."
    assert str(tmp_path) not in done.stdout


# --- outbox -------------------------------------------------------------------------------------------


def test_an_empty_outbox_says_so(tmp_path: Path) -> None:
    done = anxin(tmp_path, "outbox")
    assert (done.returncode, done.stdout) == (0, "Nothing has been sent yet.\n")


def test_an_empty_outbox_is_no_line_of_json(tmp_path: Path) -> None:
    done = anxin(tmp_path, "outbox", "--json")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_outbox_shows_what_was_sent_and_to_whom(tmp_path: Path) -> None:
    sent(tmp_path, body="驗證碼 000000", subject="測試")
    shown = anxin(tmp_path, "outbox").stdout
    assert "sms to 0930000678  測試" in shown
    assert "    驗證碼 000000" in shown


def test_the_outbox_is_one_json_object_a_line(tmp_path: Path) -> None:
    sent(tmp_path, body="一\n二", code="000000")
    sent(tmp_path, body="三")
    lines = anxin(tmp_path, "outbox", "--json").stdout.splitlines()
    assert [json.loads(line)["body"] for line in lines] == ["一\n二", "三"]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_the_outbox_is_refused_in_production(tmp_path: Path, arguments: list[str]) -> None:
    sent(tmp_path, body="驗證碼 000000", code="000000")
    done = anxin(tmp_path, "outbox", *arguments, **PRODUCTION)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "anxin: there is no outbox to read in production: messages hold codes.\n"


# --- demo customers -----------------------------------------------------------------------------------


def test_the_demo_customers_are_listed_one_a_line(tmp_path: Path) -> None:
    done = anxin(tmp_path, "demo")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(DEMO_CUSTOMERS)
    for demo, line in zip(DEMO_CUSTOMERS, done.stdout.splitlines(), strict=True):
        assert line.startswith(demo.institution)
        assert demo.number in line
        assert line.endswith(demo.state)


def test_a_birth_date_is_shown_as_it_is_entered(tmp_path: Path) -> None:
    assert "account 900028  birth date 071/02/02" in anxin(tmp_path, "demo").stdout


def test_listing_demo_customers_makes_nothing(tmp_path: Path) -> None:
    anxin(tmp_path, "demo")
    assert not (tmp_path / "var").exists()


def test_demo_customers_can_be_put_back(tmp_path: Path) -> None:
    for _ in range(2):
        done = anxin(tmp_path, "demo", "--reset")
        assert done.returncode == 0
        assert done.stdout.startswith("The demo customers are back in their states.\n")


@pytest.mark.parametrize("arguments", [[], ["--reset"]])
def test_there_are_no_demo_customers_in_production(tmp_path: Path, arguments: list[str]) -> None:
    done = anxin(tmp_path, "demo", *arguments, **PRODUCTION)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "anxin: there are no demo customers in production.\n"


UNFIT = {
    "mysql://demo:canary@127.0.0.1/x": "ANXIN_SECURITY_URL: The account-security database is SQLite or PostgreSQL.",
    "postgresql://demo:canary@127.0.0.1/x?sslmode=perhaps": "ANXIN_SECURITY_URL: PostgreSQL's sslmode is one of "
    "disable, prefer, require, verify-ca, verify-full.",
}


@pytest.mark.parametrize("url", UNFIT)
@pytest.mark.parametrize("arguments", [["demo", "--reset"], ["serve", "actions"]], ids=" ".join)
def test_a_database_that_cannot_be_used_is_one_sentence_and_an_error(
    tmp_path: Path, arguments: list[str], url: str
) -> None:
    done = anxin(tmp_path, *arguments, ANXIN_SECURITY_URL=url, ANXIN_ACTIONS_PORT="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"anxin: {UNFIT[url]}"
    assert "Traceback" not in done.stderr
    assert "canary" not in done.stderr


def test_a_database_of_a_newer_version_is_one_sentence_and_an_error(tmp_path: Path) -> None:
    anxin(tmp_path, "demo", "--reset")
    with sqlite3.connect(tmp_path / "var" / "security.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    done = anxin(tmp_path, "demo", "--reset")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"anxin: ANXIN_SECURITY_URL: .*revision 9999.*\.\n", done.stderr)


# --- what needs the others ----------------------------------------------------------------------------


def test_without_a_gateway_a_client_says_how_to_start_it(tmp_path: Path) -> None:
    done = anxin(tmp_path, "talk", ANXIN_GATEWAY_PORT="1")
    assert done.returncode == 1
    assert "does not answer" in done.stdout + done.stderr
    assert "make run" in done.stdout + done.stderr


def test_actions_refuse_production_in_one_sentence(tmp_path: Path) -> None:
    # There is no SMS gateway yet, and codes must not go to a file.
    done = anxin(tmp_path, "serve", "actions", ANXIN_ACTIONS_PORT="1", **PRODUCTION)
    assert done.returncode != 0
    assert "ANXIN_MODE=production" in done.stderr
    assert "Traceback" not in done.stderr


# --- secrets ------------------------------------------------------------------------------------------

CANARIES = {
    "ANXIN_SMTP_HOST": "mail.example.com",
    "ANXIN_SMTP_PASSWORD": "canary-of-mail",
    "ANXIN_CONVERSATIONS_URL": "postgresql://demo:canary-of-talk@db.example.com/x",
    "ANXIN_SECURITY_URL": "postgresql://demo:canary-of-rules@db.example.com/x",
    "ANXIN_LOG_LEVEL": "DEBUG",
}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("outbox",),
        ("demo",),
        ("demo", "--reset"),
        ("serve", "gateway"),
        ("serve", "actions"),
        ("bench", "security", "--help"),
    ],
)
def test_no_command_prints_a_password_of_the_settings(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    # There is no such database and no driver for it: the commands fail, and must not say with which password.
    done = anxin(tmp_path, *arguments, **CANARIES, ANXIN_GATEWAY_PORT="1", ANXIN_ACTIONS_PORT="1")
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize("process", ["gateway", "actions"])
def test_an_address_of_a_database_that_is_none_is_said_without_its_password(tmp_path: Path, process: str) -> None:
    wrong = "demo:canary@nowhere"
    done = anxin(
        tmp_path,
        "serve",
        process,
        ANXIN_CONVERSATIONS_URL=wrong,
        ANXIN_SECURITY_URL=wrong,
        ANXIN_GATEWAY_PORT="1",
        ANXIN_ACTIONS_PORT="1",
    )
    assert done.returncode != 0
    assert "canary" not in done.stdout + done.stderr
