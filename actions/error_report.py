"""Custom actions of error reports: file one, look one up."""

from __future__ import annotations

import secrets
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import ActiveLoop, EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.error_report import ReportContent, read_reference
from actions.security.errors import ReferenceUnreadable, Refusal
from actions.turn import call, caller, entity, intent, say, text

STEPS = ("report_platform", "report_description", "report_since", "report_contact", "report_confirmed")
NO_CONTACT = "none"
# While free text is asked for, only these words of the customer are not the text itself.
COMMANDS = frozenset(
    {"cancel", "human", "help", "repeat", "change_language", "greet", "thanks", "goodbye", "bot_challenge"}
)
QUESTION_MARKS = (
    "?",
    "？",
    "嗎",
    "吗",
    "呢",
    "怎麼",
    "怎么",
    "點樣",
    "如何",
    "為什麼",
    "为什么",
    "how ",
    "what ",
    "why ",
)

Slots = dict[str, Any]


class ActionOpenErrorReport(Action):
    """Starts a report with a key of its own: however often it is delivered, it is filed once."""

    def name(self) -> str:
        return "action_open_error_report"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        empty = [SlotSet(step, None) for step in STEPS]
        key = SlotSet("report_key", secrets.token_hex(16))
        return [
            ActiveLoop(None),
            SlotSet("requested_slot", None),
            *empty,
            key,
            FollowupAction("error_report_form"),
        ]


class ValidateErrorReportForm(FormValidationAction):
    """Takes the steps of a report; free text is taken as it is, unless it is clearly a question or a command."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "validate_error_report_form"

    async def extract_report_platform(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        chosen = entity(tracker, "report_platform")
        if not chosen and tracker.get_slot("requested_slot") == "report_platform":
            platforms = self._services.institutions[caller(tracker).institution].platforms
            chosen = _platform_named(text(tracker), platforms)
        return {"report_platform": chosen} if chosen else {}

    async def extract_report_description(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return _free_text(tracker, "report_description")

    async def extract_report_since(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        chosen = entity(tracker, "report_since")
        return {"report_since": chosen} if chosen else _free_text(tracker, "report_since")

    async def extract_report_contact(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        chosen = entity(tracker, "report_contact")
        if not chosen and tracker.get_slot("requested_slot") == "report_contact" and intent(tracker) == "deny":
            chosen = NO_CONTACT
        return {"report_contact": chosen} if chosen else {}

    async def extract_report_confirmed(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        chosen = entity(tracker, "report_confirmed")
        if not chosen and tracker.get_slot("requested_slot") == "report_confirmed":
            chosen = {"affirm": "yes"}.get(intent(tracker))
        return {"report_confirmed": chosen} if chosen else {}

    async def validate_report_platform(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return {"report_platform": value}

    async def validate_report_description(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return {"report_description": value}

    async def validate_report_since(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return {"report_since": value}

    async def validate_report_contact(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value in (None, NO_CONTACT):
            return {"report_contact": value}
        try:
            await call(self._services.error_report.give_contact, tracker.sender_id, value)
        except Refusal as refusal:
            say(dispatcher, refusal)
            return {"report_contact": None}
        return {"report_contact": value}

    async def validate_report_confirmed(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if value == "again":
            return {"report_description": None, "report_confirmed": None}
        return {"report_confirmed": "yes" if value == "yes" else None}


class ActionAskReportConfirmed(Action):
    """Reads the report back before it is filed."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_ask_report_confirmed"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        contact = tracker.get_slot("report_contact")
        masked = await call(self._services.error_report.masked_contact, tracker.sender_id, contact)
        dispatcher.utter_message(
            response="utter_ask_report_confirmed",
            platform=tracker.get_slot("report_platform"),
            description=tracker.get_slot("report_description"),
            since=tracker.get_slot("report_since"),
            contact=masked or "—",
        )
        return []


class ActionFileErrorReport(Action):
    """Files the confirmed report and says its reference; only after it is stored."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_file_error_report"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who, slot = caller(tracker), tracker.get_slot
        content = ReportContent(
            institution=who.institution,
            platform=slot("report_platform") or "",
            description=slot("report_description") or "",
            since=slot("report_since") or "",
        )
        try:
            reference = await call(
                self._services.error_report.file,
                slot("report_key") or "",
                who.conversation,
                content,
                slot("report_contact"),
            )
        except Refusal as refusal:
            say(dispatcher, refusal)
        else:
            dispatcher.utter_message(response="utter_report_filed", report=reference)
        return []


class ActionOpenReportStatus(Action):
    """Starts a look-up; a reference in the same message is taken at once."""

    def name(self) -> str:
        return "action_open_report_status"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        found = _reference_in(text(tracker))
        start = [ActiveLoop(None), SlotSet("requested_slot", None), SlotSet("status_reference", found)]
        return [*start, FollowupAction("action_report_status" if found else "report_status_form")]


class ValidateReportStatusForm(FormValidationAction):
    def name(self) -> str:
        return "validate_report_status_form"

    async def extract_status_reference(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        found = _reference_in(text(tracker))
        if found:
            return {"status_reference": found}
        looks_meant = tracker.get_slot("requested_slot") and any(c.isdigit() for c in text(tracker))
        if looks_meant:
            say(dispatcher, ReferenceUnreadable())
        return {}

    async def validate_status_reference(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return {"status_reference": value}


class ActionReportStatus(Action):
    """Says how a report stands, and nothing of its content."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_report_status"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        try:
            status = await call(self._services.error_report.status, tracker.get_slot("status_reference") or "")
        except Refusal as refusal:
            say(dispatcher, refusal)
        else:
            response = f"utter_report_{status.status}"
            dispatcher.utter_message(response=response, report=status.reference, filed_at=status.filed_at)
        return [SlotSet("status_reference", None)]


def _free_text(tracker: Tracker, slot: str) -> Slots:
    written = text(tracker).strip()
    if tracker.get_slot("requested_slot") != slot or not written or intent(tracker) in COMMANDS:
        return {}
    is_question = any(mark in written.lower() for mark in QUESTION_MARKS)
    return {} if is_question and intent(tracker) not in ("report_error", "nlu_fallback") else {slot: written}


def _platform_named(words: str, platforms: tuple[str, ...]) -> str | None:
    """Return the one platform whose name is in `words`, spaces and case aside."""
    plain = words.lower().replace(" ", "").replace("_", "")
    named = [p for p in platforms if p.lower().replace(" ", "").replace("_", "") in plain]
    return max(named, key=len) if plain and named else None


def _reference_in(words: str) -> str | None:
    try:
        return read_reference(words)
    except ReferenceUnreadable:
        return None
