"""Custom actions that look an error report up by its reference."""

from __future__ import annotations

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.errors import ReferenceUnreadable, Refusal
from actions.turn import Slots, call, entity, leave_form, say, text


class ActionOpenReportStatus(Action):
    """Starts a look-up; a reference in the same message is taken at once."""

    def name(self) -> str:
        return "action_open_report_status"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        found = entity(tracker, "report_reference")
        start = [*leave_form(), SlotSet("status_reference", found)]
        return [*start, FollowupAction("action_report_status" if found else "report_status_form")]


class ValidateReportStatusForm(FormValidationAction):
    def name(self) -> str:
        return "validate_report_status_form"

    async def extract_status_reference(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        found = entity(tracker, "report_reference")
        if found:
            return {"status_reference": found}
        # A number may have been hidden on the way.
        has_digits = bool(entity(tracker, "number")) or any(c.isdigit() for c in text(tracker))
        if tracker.get_slot("requested_slot") and has_digits:
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
