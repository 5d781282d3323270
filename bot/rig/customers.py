"""Customers of the proofs: accounts by the hundred, and what each does, through the calls that the engine makes."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from actions.security.one_time_password import destination_digest, digest
from actions.security.secret import Secret
from actions.storage.models import Account, CertificateRecord, ChallengeRecord, Identification
from actions.storage.unit_of_work import UnitOfWork
from bot.contracts.turn import parse_payload, payload
from bot.rig.actions import Actions
from bot.settings import ROOT

FORM = "verification_form"
ENTERED = ("account", "birth_date", "otp_channel", "otp_code")  # what the form has when it ends
CODE_SECONDS = 15


@dataclass(frozen=True)
class Person:
    """An invented customer, locked out, with a certificate."""

    place: int

    @property
    def number(self) -> str:
        return f"8{self.place:05d}"

    @property
    def account(self) -> str:
        return f"proof-{self.number}"

    @property
    def phone(self) -> str:
        return f"09{self.place:08d}"

    @property
    def born(self) -> date:
        return date(1980, 1, 1)


def add_people(work: UnitOfWork, count: int, start: int = 0) -> list[Person]:
    """Make `count` customers, each locked and with a certificate for half a year."""
    now, people = datetime.now(UTC), [Person(place) for place in range(start, start + count)]
    with work.begin() as session:
        for person in people:
            session.add(
                Account(
                    id=person.account,
                    institution="hnyc",
                    number=person.number,
                    name="測試客戶",
                    birth_date=person.born,
                    phone=person.phone,
                    email=f"p{person.place}@example.com",
                    wrong_passwords=3,
                    locked_at=now,
                )
            )
        session.flush()
        for person in people:
            session.add(
                CertificateRecord(
                    serial=f"proof-{person.number}",
                    account_id=person.account,
                    valid_from=now - timedelta(days=100),
                    valid_until=now + timedelta(days=180),
                )
            )
        session.commit()
    return people


class Outbox:
    """The codes that arrived, read from the embedded outbox as it grows."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def lines(self) -> list[dict[str, Any]]:
        if not self._file.exists():
            return []
        text = self._file.read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def code_for(self, phone: str, seconds: float = CODE_SECONDS) -> str | None:
        """Return the newest code that arrived; None where none did in time: a code leaves at most once."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = [line["code"] for line in self.lines() if line["to"] == phone and line.get("code")]
            if found:
                return str(found[-1])
            time.sleep(0.05)
        return None


@cache
def domain() -> dict[str, Any]:
    """Return what a call of the engine says of the domain."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    return {"forms": loaded["forms"], "slots": loaded["slots"]}


@dataclass
class Customer:
    """One customer in one conversation."""

    actions: Actions
    person: Person
    conversation: str
    purpose: str = "unlock_password"
    said: list[str] = field(default_factory=list)
    slots: dict[str, Any] = field(default_factory=dict)

    def identify(self) -> None:
        self.enter("account", "account", self.person.number)
        self.enter("birth_date", "birth_date", f"{self.person.born:%Y-%m-%d}")

    def ask_for_code(self) -> None:
        self.fill("otp_channel", "sms")

    def enter_code(self, code: str) -> bool:
        return self.enter("otp_code", "code", code)

    def finish(self) -> list[dict[str, Any]]:
        """Have the verified purpose done, and return what is said."""
        return self.act("action_finish_verified_flow")[1]

    def enter(self, slot: str, kind: str, value: str) -> bool:
        """Put a secret into the vault and let the form take it; return whether it did."""
        body = {"conversation": self.conversation, "kind": kind, "value": value}
        reference = self.actions.deliver("/internal/secrets", body).body["reference"]
        return self.fill(slot, reference)

    def fill(self, slot: str, value: str) -> bool:
        events, said = self.act(f"validate_{FORM}", slot, value)
        self.said += [message["response"] for message in said if message.get("response")]
        for event in events:
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
        return self.slots.get(slot) is not None

    def act(self, action: str, slot: str | None = None, value: str | None = None) -> tuple[list[Any], list[Any]]:
        answer = self.actions.deliver("/webhook", self.call(action, slot, value))
        assert answer.status == 200, (action, answer)
        return answer.body["events"], answer.body["responses"]

    def call(self, action: str, slot: str | None = None, value: str | None = None) -> dict[str, Any]:
        """Return the body of the engine's call to run `action`, after a button that fills `slot`."""
        message = parse_payload(payload("inform", **({slot: value} if slot and value else {})))
        message["metadata"] = {"institution": "hnyc", "language": "zh-Hant", "link": False, "notice": ""}
        filled = [{"event": "slot", "timestamp": None, "name": slot, "value": value}] if slot else []
        tracker = {
            "sender_id": self.conversation,
            "slots": {**self.slots, "purpose": self.purpose, "requested_slot": slot, **({slot: value} if slot else {})},
            "latest_message": message,
            "events": [{"event": "user", "timestamp": 0, **message}, *filled],
            "paused": False,
            "followup_action": None,
            "active_loop": {"name": FORM},
            "latest_action_name": "action_listen",
        }
        return {
            "next_action": action,
            "sender_id": self.conversation,
            "tracker": tracker,
            "domain": domain(),
            "version": "3.6.21",
        }


def keep_codes(work: UnitOfWork, customers: list[Customer], code: str = "", pepper: bytes = b"") -> None:
    """Store a code for each as if it had been sent: waiting for `code`, or verified already where there is none.

    Sending so many would be refused: one a minute. `pepper`: of the codes.
    """
    now = datetime.now(UTC)
    with work.begin() as session:
        for customer in customers:
            session.add(_challenge(customer, now, code, pepper))
            filled = ("account", "birth_date", "otp_channel") if code else ENTERED
            customer.slots |= dict.fromkeys(filled, "given")
            session.add(_identification(customer, now))
        session.commit()


def _challenge(customer: Customer, now: datetime, code: str, pepper: bytes) -> ChallengeRecord:
    id_, person = secrets.token_hex(16), customer.person
    return ChallengeRecord(
        id=id_,
        conversation=customer.conversation,
        identity=person.account,
        account_id=person.account,
        purpose=customer.purpose,
        channel="sms",
        sent_to="09***",
        code_digest=digest(pepper, id_, Secret(code)) if code else "",
        destination=destination_digest(pepper, "sms", person.phone) if code else "",
        sent_at=now - timedelta(seconds=30),
        expires_at=now + timedelta(seconds=270),
        resend_at=now,
        wrong=0,
        used_at=None if code else now,
        used_reference=None if code else secrets.token_hex(16),
    )


def _identification(customer: Customer, now: datetime) -> Identification:
    return Identification(
        conversation=customer.conversation,
        institution="hnyc",
        identity=customer.person.account,
        account_id=customer.person.account,
        account_reference=secrets.token_hex(16),
        account_ciphertext=b"",
        birth_date_reference=secrets.token_hex(16),
        completed_at=now,
        sms="09***",
        email="p***@example.com",
    )
