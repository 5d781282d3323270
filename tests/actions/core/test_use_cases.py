"""Whole use cases over a firm's system that fails: what the customer is told is what is true (G13, G25)."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from actions.bootstrap import build
from actions.security.errors import CoreAnswerAwaited, CoreUnavailable
from actions.storage.models import CertificateRecord
from bot.settings import SettingProblem, read_settings
from tests.actions.core.town import FAULTS, Town
from tests.actions.security.rounds import told
from tests.actions.world import UNLOCK, Person

READS = ("/accounts/find", "/password/read", "/certificates/read", "/accounts/read")
ACTS = {"unlock": "/password/unlock", "reissue": "/password/reissue"}


def perform(town: Town, use: str, conversation: str) -> str:
    services = town.world.services
    call = services.password_unlock.unlock if use == "unlock" else services.password_reissue.reissue
    return town.said(lambda: call(conversation, "hnyc", "zh-Hant"))


@pytest.mark.parametrize("use", ACTS)
def test_what_is_said_is_what_was_done_whatever_fails(town: Town, use: str) -> None:
    """A table: what fails and how, what was said, how often it was done then; what is said when asked again."""
    path, bad, rows = ACTS[use], [], []
    for target in (*READS[1:], path):
        for name, fault in FAULTS.items():
            person, conversation = town.newcomer(), f"c-{target}-{name}"
            town.world.verify(conversation, person, UNLOCK if use == "unlock" else "reissue_password")
            town.firm.at[target] = fault
            said, acts = perform(town, use, conversation), town.acts(person, path)
            before = town.stored(person)
            del town.firm.at[target]
            if name == "refuse" and town.firm.deaf:
                town.firm.back()
            again = perform(town, use, conversation)
            row = (target, name, said, acts, before, again, town.acts(person, path), town.stored(person))
            rows.append(row)
            if not is_true(said, acts, before) or (again, *row[6:]) != ("done", 1, (1, before_notices(use))):
                bad.append(row)
    for row in rows:
        print(*(f"{cell!s:20}" for cell in row))
    told(cells=len(rows), bad=len(bad))
    assert bad == []


def before_notices(use: str) -> int:
    """The notice of the login to the chat, and the one of the act."""
    return 2


def is_true(said: str, acts: int, stored: tuple[int, int]) -> bool:
    """Return whether what was said is so: done means done and entered, a plain no means not done."""
    if said == "done":
        return acts == 1 and stored[0] == 1
    return stored[0] == 0 and (said == CoreAnswerAwaited.__name__ or (said == CoreUnavailable.__name__ and acts == 0))


@pytest.mark.parametrize("name", FAULTS)
def test_who_a_customer_is_cannot_be_asked_and_nobody_is_told_apart(town: Town, name: str) -> None:
    known, unknown = town.newcomer(), Person("700018", "071/02/02")
    said = {}
    for person in (known, unknown):
        with ExitStack() as stack:
            if name == "refuse":
                stack.enter_context(town.firm.away())
            else:
                town.firm.at["/accounts/find"] = FAULTS[name]
            said[person] = town.said(lambda who=person: town.world.identify(f"c{who.number}", who))  # type: ignore[misc]
        town.firm.at.clear()
    assert set(said.values()) == {"CoreUnavailable"}
    town.world.identify("later", known)
    town.world.identify("later still", unknown)


def test_a_firms_customers_are_not_looked_for_in_our_tables(town: Town) -> None:
    person = town.newcomer()
    town.world.verify("c1", person)
    assert town.said(lambda: town.world.unlock("c1")) == "done"
    assert town.firm.accounts[person.account].locked_at is None
    with town.world.services.work.begin() as session:
        assert session.get(CertificateRecord, person.account) is None


def test_who_acts_on_an_account_makes_the_others_wait(town: Town) -> None:
    """The order of the database, so that what was read of it stays true for our own replicas."""
    account, order, work = town.newcomer().account, [], town.world.services.work

    def second() -> None:
        with work.begin() as session:
            town.world.services.core.password(session, account)
            order.append("second")

    thread = threading.Thread(target=second)
    with work.begin() as session:
        town.world.services.core.password(session, account)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


# --- settings -------------------------------------------------------------------------------------

CORE = {"ANXIN_CORE_URL": "https://core.example.com/anxin", "ANXIN_CORE_KEY": "canary-key"}
PRODUCTION = {
    "ANXIN_MODE": "production",
    "ANXIN_SMTP_HOST": "mail.example.com",
    "ANXIN_SMTP_SENDER": "demo@example.com",
}


def test_a_firms_system_is_read_from_the_settings_and_its_key_not_shown() -> None:
    settings = read_settings(CORE)
    assert settings.core is not None
    assert (settings.core.url, settings.core.ca_file) == (CORE["ANXIN_CORE_URL"], None)
    assert "canary" not in f"{settings} {settings.core}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ANXIN_CORE_URL": "core.example.com"}, "ANXIN_CORE_URL: give an address"),
        ({"ANXIN_CORE_URL": "http://core.example.com/"}, "customers' data leave this machine encrypted"),
        ({"ANXIN_CORE_KEY": ""}, "ANXIN_CORE_KEY: give the core system's key"),
        ({"ANXIN_CORE_CA_FILE": "/nowhere/ca.pem"}, "ANXIN_CORE_CA_FILE=/nowhere/ca.pem: there is no such file"),
        (PRODUCTION, "ANXIN_CORE_URL needs PostgreSQL"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(SettingProblem, match=words.replace("(", "\\(")) as refused:
        read_settings({**CORE, **given})
    assert "canary" not in str(refused.value)


def test_production_with_a_firms_system_keeps_its_rows_in_postgresql() -> None:
    url = "postgresql://demo@db.example.com/anxin"
    assert read_settings({**CORE, **PRODUCTION, "ANXIN_SECURITY_URL": url}).core is not None


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    environment = {**CORE, "ANXIN_VAR": str(tmp_path / "var"), "ANXIN_CORE_CA_FILE": str(tmp_path / "ca.pem")}
    with pytest.raises(SettingProblem, match=r"ANXIN_CORE_CA_FILE=.*holds no certificates"):
        build(read_settings(environment))
