"""What staff look at from the command line: dead letters, the audit, what is kept too long; on both databases."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from actions.bootstrap import build
from actions.services.ports import RefusedForGood
from actions.storage.models import AuditEntry, AuditHead
from bot.cli import main
from bot.settings import read_settings
from tests.actions.conftest import database_url, empty_url, made, made_postgresql  # noqa: F401  # fixtures
from tests.actions.services.test_relay import CANARY, queue
from tests.actions.world import START, RecordingMessenger, SettableClock, World

TO = "canary-to@example.com"


@dataclass
class Staff:
    """Somebody at the command line of one deployment. `world`: its services, at work beside."""

    world: World
    capsys: pytest.CaptureFixture[str]

    def types(self, *words: str) -> tuple[int, str, str]:
        """Return the exit code, and what was printed and complained of."""
        code = main(list(words))
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def die(self, kind: str = "password_unlocked") -> str:
        """Let a message be given up and return its id."""
        self.world.messenger.problem = RefusedForGood("SMTPRecipientsRefused 550 at mail:25")
        id_ = queue(self.world, kind, TO)
        self.world.services.outbox.relay()
        self.world.messenger.problem = None
        return id_

    def decide(self, account: str = "demo-hnyc-900028", days: int = 0, times: int = 1) -> None:
        with self.world.services.work.begin() as session:
            for number in range(times):
                at = START - timedelta(days=days) + timedelta(seconds=number)
                self.world.services.audit.append(session, at, "customer", "unlock_password", account, "done", "UL-x")
            session.commit()


@pytest.fixture
def staff(
    tmp_path: Path,
    made: Path,  # noqa: F811
    database_url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Staff]:
    shutil.copytree(made / "keys", tmp_path / "var" / "keys")
    environment = {"ANXIN_VAR": str(tmp_path / "var"), "ANXIN_SECURITY_URL": database_url}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    clock, messenger = SettableClock(), RecordingMessenger()
    services = build(read_settings(environment), clock, messenger)
    yield Staff(World(services, clock, messenger), capsys)
    services.work.dispose()


# --- dead letters ---------------------------------------------------------------------------------


def test_dead_letters_are_listed_without_content_and_address(staff: Staff) -> None:
    ids = [staff.die(), staff.die("one_time_code")]
    code, printed, _ = staff.types("outbox", "--dead")
    assert code == 0
    assert [id_ in printed for id_ in ids] == [True, True]
    assert "SMTPRecipientsRefused 550 at mail:25" in printed
    assert not [secret for secret in ("canary", CANARY, TO) if secret in printed]


def test_dead_letters_can_be_read_by_a_program(staff: Staff) -> None:
    id_ = staff.die()
    (line,) = staff.types("outbox", "--dead", "--json")[1].splitlines()
    read = json.loads(line)
    assert (read["id"], read["kind"], read["channel"], read["tries"]) == (id_, "password_unlocked", "email", 1)
    assert read["at"] == "2026-11-20T02:00:00Z"


def test_dead_letters_are_shown_in_production(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    staff.die()
    monkeypatch.setenv("ANXIN_MODE", "production")
    monkeypatch.setenv("ANXIN_SMTP_HOST", "mail.example.com")
    assert staff.types("outbox")[0] == 2
    assert staff.types("outbox", "--dead")[0] == 0


def test_a_notice_is_sent_again(staff: Staff) -> None:
    id_ = staff.die()
    assert staff.types("outbox", "--resend", id_)[:2] == (
        0,
        "Queued again: 1. The running service sends what is queued within seconds.\n",
    )
    assert staff.world.services.outbox.waiting() == 1


def test_all_notices_are_sent_again(staff: Staff) -> None:
    for _ in range(3):
        staff.die()
    assert "Queued again: 3." in staff.types("outbox", "--resend", "all")[1]


def test_a_dead_code_says_that_the_customer_asks_for_another(staff: Staff) -> None:
    id_ = staff.die("one_time_code")
    code, printed, complained = staff.types("outbox", "--resend", id_)
    assert (code, printed) == (1, "")
    assert complained == f"anxin: {id_} was a code: the customer asks for another one in the chat.\n"


# --- audit ----------------------------------------------------------------------------------------


def test_a_whole_audit_is_said_to_be_whole(staff: Staff) -> None:
    staff.decide(times=3)
    assert staff.types("audit", "verify")[:2] == (0, "Looked at 3 entries: every chain is whole.\n")


def test_the_first_broken_entry_of_each_chain_is_named(staff: Staff) -> None:
    staff.decide(times=4)
    digest = staff.world.services.audit.digest_of("demo-hnyc-900028")
    staff.world.execute(update(AuditEntry).where(AuditEntry.seq == 2).values(outcome="refused"))
    code, printed, _ = staff.types("audit", "verify")
    assert code == 1
    assert printed.splitlines()[0] == f"chain {int(digest[0], 16)}, entry 2: altered"
    assert printed.splitlines()[-1].endswith("entries: 1 broken.")


def test_a_deleted_entry_and_a_deleted_head_are_named(staff: Staff) -> None:
    staff.decide(times=4)
    chain = int(staff.world.services.audit.digest_of("demo-hnyc-900028")[0], 16)
    staff.world.execute(delete(AuditEntry).where(AuditEntry.seq == 3))
    staff.world.execute(delete(AuditHead).where(AuditHead.chain == (chain + 1) % 16))
    printed = staff.types("audit", "verify")[1]
    assert f"chain {chain}, entry 3: removed" in printed
    assert f"chain {(chain + 1) % 16}, entry 0: head" in printed


def test_without_the_key_nothing_is_said_about_the_audit(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANXIN_KEY_FILE", "/nowhere/master.key")
    code, printed, complained = staff.types("audit", "verify")
    assert (code, printed) == (2, "")
    assert complained.startswith("anxin: /nowhere/master.key: there is no key.")


def test_decisions_are_shown_with_both_times_and_without_the_account(staff: Staff) -> None:
    staff.decide()
    code, printed, _ = staff.types("audit", "show")
    assert code == 0
    assert "2026-11-20T02:00:00Z  2026/11/20 10:00:00 Taipei  customer  unlock_password  done  UL-x" in printed
    assert "900028" not in printed


def test_decisions_about_one_account_are_shown_alone(staff: Staff) -> None:
    staff.decide(times=2)
    staff.decide("demo-hnyc-900018")
    assert len(staff.types("audit", "show", "--account", "900028")[1].splitlines()) == 2
    assert len(staff.types("audit", "show", "--account", "900028", "--last", "1")[1].splitlines()) == 1
    assert len(staff.types("audit", "show")[1].splitlines()) == 3


def test_an_account_that_is_not_known_is_said_so(staff: Staff) -> None:
    code, printed, complained = staff.types("audit", "show", "--account", "700018", "--institution", "hnyc")
    assert (code, printed, complained) == (1, "", "anxin: There is no such account at hnyc.\n")


# --- purge ----------------------------------------------------------------------------------------


def counted(printed: str) -> dict[str, int]:
    return {line.split()[0]: int(line.split()[1]) for line in printed.splitlines()}


def test_a_purge_says_what_it_deleted_of_each_class(staff: Staff) -> None:
    staff.decide(days=4000, times=5)
    dry, done, again = (counted(staff.types("purge", *more)[1]) for more in (["--dry-run"], [], []))
    assert (dry["audit"], done["audit"], again["audit"]) == (5, 5, 0)
    assert set(done) >= {"vault", "challenges", "messages", "notices", "ledger", "audit", "conversations", "dialogues"}


def test_a_purge_can_be_of_one_class_and_age(staff: Staff) -> None:
    code, printed, _ = staff.types("purge", "--class", "messages", "--older-than", "90", "--dry-run")
    assert (code, printed) == (0, "messages                0 would go, older than 90 days\n")


def test_a_purge_that_leaves_evidence_says_so_and_fails(staff: Staff) -> None:
    staff.decide(days=4000, times=2)
    staff.world.execute(update(AuditEntry).where(AuditEntry.seq == 1).values(reason="x"))
    code, printed, _ = staff.types("purge", "--class", "audit")
    assert code == 1
    assert "left as evidence: chain" in printed


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(["--class", "everything"], "There is no class everything"), (["--older-than", "-1"], "--older-than takes days")],
)
def test_a_purge_of_nothing_that_is_known_is_refused(staff: Staff, words: list[str], complaint: str) -> None:
    code, printed, complained = staff.types("purge", *words)
    assert (code, printed) == (1, "")
    assert complaint in complained


def test_a_database_that_does_not_answer_is_one_sentence(staff: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANXIN_SECURITY_URL", "postgresql://anxin:canary@127.0.0.1:1/none")
    code, _, complained = staff.types("outbox", "--dead")
    assert code == 2
    assert complained.startswith("anxin: ANXIN_SECURITY_URL: the database does not answer")
    assert "canary" not in complained
    assert "Traceback" not in complained
