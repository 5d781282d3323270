"""The custom actions of a look-up: the reference is the one that the engine found in the message."""

from __future__ import annotations

import pytest

from actions.report_status import ActionOpenReportStatus, ActionReportStatus, ValidateReportStatusForm
from actions.security.error_report import ReportContent
from bot.contracts.redaction import hide_digits
from tests.actions.said import run, said, taken
from tests.actions.world import World

FORM, SLOT = "report_status_form", "status_reference"
REFERENCE = "ER-20261120-7K3M"


def entered(text: str, requested: str | None = SLOT, intent: str = "report_status") -> tuple[str | None, list[str]]:
    asked = said(text, intent, form=FORM, requested_slot=requested)
    return taken(ValidateReportStatusForm(), SLOT, asked)


@pytest.mark.parametrize("text", [f"查一下{REFERENCE}", "er20261120 7k3m 好了嗎", "ＥＲ－２０２６１１２０－７Ｋ３Ｍ"])
def test_a_reference_in_the_first_message_is_looked_up_at_once(text: str) -> None:
    slots, _, follows = run(ActionOpenReportStatus(), said(text, "report_status"))
    assert (slots[SLOT], follows) == (REFERENCE, "action_report_status")


@pytest.mark.parametrize("text", ["我上次回報的問題處理到哪了", "ER-2026112-7K3M", "/report_status"])
def test_without_a_reference_it_is_asked_for(text: str) -> None:
    slots, _, follows = run(ActionOpenReportStatus(), said(text, "report_status"))
    assert (slots[SLOT], follows) == (None, FORM)


@pytest.mark.parametrize("text", [REFERENCE, "編號是 er-20261120-7k3m"])
def test_a_reference_is_taken_when_it_is_asked_for(text: str) -> None:
    assert entered(text) == (REFERENCE, [])


@pytest.mark.parametrize("text", ["ER-2026112-7K3M", "20261120", hide_digits("我的是 20261120 那一件")])
def test_what_should_have_been_a_reference_is_said_to_be_unreadable(text: str) -> None:
    # Also where its digits were hidden on the way.
    assert entered(text) == (None, ["utter_status_reference_unreadable"])


def test_words_without_a_number_are_left_to_what_they_mean() -> None:
    assert entered("我忘記編號了") == (None, [])


def test_a_number_is_no_try_before_a_reference_is_asked_for() -> None:
    assert entered("20261120", requested=None) == (None, [])


@pytest.fixture
def reference(world: World) -> str:
    content = ReportContent("hnyc", "e指發", "測試：登入後畫面空白", "今天早上")
    return world.services.error_report.file("0" * 32, "c1", content, None)


def test_how_the_report_stands_is_said_and_the_reference_forgotten(world: World, reference: str) -> None:
    slots, responses, _ = run(ActionReportStatus(world.services), said("", status_reference=reference))
    assert (slots, responses) == ({SLOT: None}, ["utter_report_received"])


def test_an_unknown_reference_is_said_to_be_unknown(world: World) -> None:
    _, responses, _ = run(ActionReportStatus(world.services), said("", status_reference=REFERENCE))
    assert responses == ["utter_report_unknown"]
