"""Error reports: filed once however often delivered, acknowledged after the commit, told apart by key (G22-G25)."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import datetime
from itertools import chain, repeat
from typing import Any

import pytest

from actions.adapters.aes_gcm import AesGcm
from actions.security.error_report import ReportContent
from actions.security.errors import (
    ContactUnreadable,
    ReportAlreadyFiled,
    ReportIncomplete,
    ReportUnknown,
    SecretGone,
)
from bot.contracts.keys import derive
from bot.settings import Settings
from tests.actions.world import TAIPEI, World, refusal_of

CONTENT = ReportContent("hnyc", "e指發", "測試：登入後畫面空白", "今天早上")
KEY = "0123456789abcdef0123456789abcdef"


def file(
    world: World, content: ReportContent = CONTENT, key: str = KEY, conversation: str = "c1", contact: str | None = None
) -> str:
    return world.services.error_report.file(key, conversation, content, contact)


def kept(world: World, reference: str) -> dict[str, Any]:
    return world.rows()["error_report"][reference]


def give_contact(world: World, value: str, conversation: str = "c1") -> str:
    reference = world.put(conversation, "contact", value)
    world.services.error_report.give_contact(conversation, reference)
    return reference


# --- filed ----------------------------------------------------------------------------------------


def test_a_filed_report_is_a_row_under_its_reference(world: World) -> None:
    row = kept(world, file(world))
    assert {name: row[name] for name in ("institution", "platform", "description", "since", "status")} == {
        "institution": "hnyc",
        "platform": "e指發",
        "description": "測試：登入後畫面空白",
        "since": "今天早上",
        "status": "received",
    }


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 20, 23, 59, 59, tzinfo=TAIPEI), "20261120"),
        (datetime(2026, 11, 21, tzinfo=TAIPEI), "20261121"),
    ],
)
def test_a_reference_names_the_day_in_taipei(world: World, now: datetime, day: str) -> None:
    world.clock.set(now)
    assert re.fullmatch(rf"ER-{day}-[2-9A-Z]{{4}}", file(world))


def test_the_same_key_and_content_has_the_same_reference(world: World) -> None:
    assert file(world) == file(world)


def test_the_same_key_and_content_is_one_row(world: World) -> None:
    for _ in range(5):
        file(world)
    assert world.counts()["error_report"] == 1


def test_the_same_key_and_content_later_changes_nothing(world: World) -> None:
    file(world)
    before = world.rows()
    world.clock.pass_(days=2)
    file(world)
    assert world.rows() == before


def test_the_same_content_under_another_key_is_another_report(world: World) -> None:
    assert file(world) != file(world, key=KEY[::-1])


@pytest.mark.parametrize("field", ["platform", "description", "since"])
def test_the_same_key_with_other_content_is_refused_with_the_first_reference(world: World, field: str) -> None:
    first = file(world)
    with pytest.raises(ReportAlreadyFiled) as refused:
        file(world, replace(CONTENT, **{field: "另一件事"}))
    assert refused.value.facts == {"report": first}


def test_the_first_content_is_kept(world: World) -> None:
    file(world)
    before = world.rows()
    refusal_of(lambda: file(world, replace(CONTENT, description="另一件事")))
    assert world.rows() == before


@pytest.mark.parametrize("field", ["platform", "description", "since"])
def test_a_report_with_a_step_missing_is_not_filed(world: World, field: str) -> None:
    with pytest.raises(ReportIncomplete):
        file(world, replace(CONTENT, **{field: ""}))


@pytest.mark.parametrize("field", ["description", "since"])
def test_a_report_with_a_blank_step_is_not_filed(world: World, field: str) -> None:
    with pytest.raises(ReportIncomplete):
        file(world, replace(CONTENT, **{field: " \n"}))


def test_a_report_without_a_key_is_not_filed(world: World) -> None:
    with pytest.raises(ReportIncomplete):
        file(world, key="")


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE error_report; --", "{hotline} %s {{ brand }}", "<script>alert(1)</script>", "🙈\u202e"],
)
def test_a_text_is_kept_as_it_was_written(world: World, text: str) -> None:
    reference = file(world, replace(CONTENT, description=text))
    assert kept(world, reference)["description"] == text


def test_a_reference_that_is_taken_is_drawn_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = chain("2222", "2222", "3333")
    monkeypatch.setattr(secrets, "choice", lambda alphabet: next(drawn))
    assert [file(world), file(world, key=KEY[::-1])] == ["ER-20261120-2222", "ER-20261120-3333"]


def test_a_report_without_a_free_reference_is_not_said_to_be_filed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = repeat("2")
    monkeypatch.setattr(secrets, "choice", lambda alphabet: next(drawn))
    file(world)
    with pytest.raises(RuntimeError, match="no free reference"):
        file(world, key=KEY[::-1])
    assert world.counts()["error_report"] == 1


# --- contact --------------------------------------------------------------------------------------


def test_a_contact_is_shown_back_masked(world: World) -> None:
    reference = give_contact(world, "demo@example.com")
    assert world.services.error_report.masked_contact("c1", reference) == "d**@example.com"


@pytest.mark.parametrize("value", ["call me", "123456", "@", ""])
def test_what_is_no_contact_is_refused_and_used_up(world: World, value: str) -> None:
    reference = world.put("c1", "contact", value)
    give = world.services.error_report.give_contact
    assert [refusal_of(lambda: give("c1", reference)) for _ in range(2)] == ["ContactUnreadable", "SecretGone"]


def test_a_refused_contact_is_not_kept(world: World) -> None:
    with pytest.raises(ContactUnreadable):
        give_contact(world, "call me")
    assert not world.rows()["report_contact"]


def test_the_same_contact_again_changes_nothing(world: World) -> None:
    reference = give_contact(world, "demo@example.com")
    before = world.rows()
    world.services.error_report.give_contact("c1", reference)
    assert world.rows() == before


def test_another_conversation_cannot_give_the_contact(world: World) -> None:
    reference = world.put("c1", "contact", "demo@example.com")
    with pytest.raises(SecretGone):
        world.services.error_report.give_contact("c2", reference)


def test_another_conversation_is_not_shown_the_contact(world: World) -> None:
    reference = give_contact(world, "demo@example.com")
    assert world.services.error_report.masked_contact("c2", reference) is None


@pytest.mark.parametrize("contact", ["none", "", None])
def test_a_report_without_a_contact_is_filed(world: World, contact: str | None) -> None:
    assert kept(world, file(world, contact=contact))["contact_ciphertext"] is None


def test_a_contact_is_filed_encrypted(world: World) -> None:
    row = kept(world, file(world, contact=give_contact(world, "demo@example.com")))
    assert row["contact_ciphertext"]
    assert b"demo" not in row["contact_ciphertext"]


def test_a_filed_contact_opens_under_its_reports_reference_alone(world: World, settings: Settings) -> None:
    reference = file(world, contact=give_contact(world, "demo@example.com"))
    cipher = AesGcm(derive(settings.key_file.read_bytes(), "encrypt at rest"))
    sealed = kept(world, reference)["contact_ciphertext"]
    assert cipher.open(sealed, reference) == b"demo@example.com"
    assert refusal_of(lambda: cipher.open(sealed, "ER-20261120-0000")) == "InvalidTag"


def test_another_conversations_contact_is_not_filed(world: World) -> None:
    contact = give_contact(world, "demo@example.com", conversation="c2")
    assert kept(world, file(world, contact=contact))["contact_ciphertext"] is None


def test_no_file_holds_the_contact_in_clear(world: World, settings: Settings) -> None:
    file(world, contact=give_contact(world, "canary4821@example.com"))
    assert not [f for f in settings.var.rglob("*") if f.is_file() and b"canary4821" in f.read_bytes()]


# --- status ---------------------------------------------------------------------------------------


def test_a_status_tells_where_the_report_stands_and_since_when(world: World) -> None:
    reference = file(world)
    world.clock.pass_(days=1)
    status = world.services.error_report.status(reference)
    assert (status.reference, status.status, status.filed_at) == (reference, "received", "2026/11/20 10:00")


def test_a_status_tells_nothing_of_the_content(world: World) -> None:
    contact = give_contact(world, "demo@example.com")
    told = repr(vars(world.services.error_report.status(file(world, contact=contact))))
    assert not [word for word in ("e指發", "空白", "早上", "c1", KEY, "demo", "example") if word in told]


def test_an_unknown_reference_is_refused_with_the_reference(world: World) -> None:
    with pytest.raises(ReportUnknown) as refused:
        world.services.error_report.status("ER-20261120-7K3M")
    assert refused.value.facts == {"report": "ER-20261120-7K3M"}
