"""Custom actions that take down and file an error report."""

from __future__ import annotations

import re
import secrets
from datetime import date
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.error_report import ReportContent
from actions.security.errors import Refusal
from actions.turn import Slots, call, caller, entity, intent, leave_form, say, text

STEPS = ("report_platform", "report_description", "report_since", "report_contact", "report_confirmed")
NO_CONTACT = "none"
# While free text is asked for, only these intents are never the text itself.
COMMANDS = frozenset(
    {"cancel", "human", "help", "repeat", "change_language", "greet", "thanks", "goodbye", "bot_challenge"}
)
# Intents that free text about a fault may well look like.
FAULTS = frozenset({"report_error", "out_of_scope", "nlu_fallback", "affirm", "deny", "inform"})
SURE = 0.6
_QUESTION = re.compile(
    r"[?？嗎吗呢哪幾几]|怎|多少|多久|如何|什麼|什么|點解|点解|\b(?:how|what|why|where|when|which|who|can i|do i|is it)\b",
    re.I,
)
_TIME = re.compile(
    r"\d|今|昨|前天|早上|上午|中午|下午|晚上|凌晨|剛|刚|點|点鐘|点钟|開盤|开盘|收盤|收盘|[上這这]?[週周]|星期|禮拜|小時|小时|分鐘|分钟|更新|開始|开始"
    r"|尋日|琴日|朝早|\b(?:today|yesterday|morning|noon|afternoon|evening|night|since|ago|week|hour|minute|update)",
    re.I,
)
_ENDS_AS_QUESTION = re.compile(r"[?？嗎吗呢]\W*$")
# A request to report, without saying what: nothing to keep as the description.
_ONLY_ASKS = re.compile(
    r"回報|報告|报告|通報|反映|反應|反应|上報|上报|申訴|投訴|投诉|登記|登记|紀錄|记录|\b(?:report|file|log|tell|submit|complain)",
    re.I,
)
_LEAST_DESCRIPTION = 4
# A day of what is shown, not of when it began: 報價停在昨天, 昨天的損益, yesterday's chart.
_BEFORE_WHAT_IS_SHOWN = re.compile(r"(?:到|停在|卡在|顯示|显示|\b(?:until|to|shows?|showing|only))\s*$", re.I)
_AFTER_WHAT_IS_SHOWN = re.compile(r"\s*(?:的|嘅|之前|以前|'s|’s|only\b)", re.I)


class ActionOpenErrorReport(Action):
    """Starts a report with a key of its own: however often it is delivered, it is filed once.

    What the first message says already (platform, problem, since when) is not asked again.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def name(self) -> str:
        return "action_open_error_report"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        dispatcher.utter_message(response="utter_report_opened")
        said = text(tracker).strip()
        known = {
            "report_platform": _platform_named(tracker),
            "report_description": _described(said),
            "report_since": _since_told(tracker, _today(tracker, self._services)),
        }
        steps = [SlotSet(step, known.get(step)) for step in STEPS]
        key = SlotSet("report_key", secrets.token_hex(16))
        return [
            *leave_form(),
            *steps,
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
        asked = tracker.get_slot("requested_slot") == "report_platform"
        if not chosen and asked and not _means_something_else(tracker, not _QUESTION.search(text(tracker))):
            chosen = _platform_named(tracker)
        return {"report_platform": chosen} if chosen else {}

    async def extract_report_description(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return _free_text(tracker, "report_description")

    async def extract_report_since(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        chosen = entity(tracker, "report_since")
        if not chosen and _free_text(tracker, "report_description"):
            chosen = _since_told(tracker, _today(tracker, self._services))
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
            chosen = "yes" if intent(tracker) == "affirm" else None
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


def _free_text(tracker: Tracker, slot: str) -> Slots:
    """Take the message as the text that is asked for, unless it is clearly something else."""
    written = text(tracker).strip()
    if tracker.get_slot("requested_slot") != slot or not written:
        return {}
    tells_time = bool(_TIME.search(written) or entity(tracker, "date")) and not _ENDS_AS_QUESTION.search(written)
    is_text = tells_time if slot == "report_since" else not _QUESTION.search(written)
    return {} if _means_something_else(tracker, is_text) else {slot: written}


def _means_something_else(tracker: Tracker, looks_like_an_answer: bool) -> bool:
    """Return whether the message is a command or, with some certainty, of another topic."""
    if intent(tracker) in COMMANDS:
        return True
    sure = float((tracker.latest_message.get("intent") or {}).get("confidence") or 0) >= SURE
    return not looks_like_an_answer and intent(tracker) not in FAULTS and sure


def _described(written: str) -> str | None:
    """Return the first message as the description, if it tells a fault and not only the wish to report one."""
    return written if len(written) >= _LEAST_DESCRIPTION and not _ONLY_ASKS.search(written) else None


def _platform_named(tracker: Tracker) -> str | None:
    """Return the platform that the message names; None where it names two: the customer chooses."""
    named = set(tracker.get_latest_entity_values("platform"))
    return named.pop() if len(named) == 1 else None


def _today(tracker: Tracker, services: Services) -> date:
    return services.clock.now().astimezone(services.institutions[caller(tracker).institution].zone).date()


def _since_told(tracker: Tracker, today: date) -> str | None:
    """Return since when, in the customer's words, if the message names one day and that has come."""
    written = text(tracker)
    told = [e for e in tracker.latest_message.get("entities") or () if e["entity"] == "date"]
    began = [e for e in told if not _is_of_what_is_shown(e, written)]
    if len({e["value"] for e in began}) != 1 or began[0]["value"] > today.isoformat():
        return None
    words = (written[e["start"] : e["end"]] for e in began)
    return max(words, key=len)


def _is_of_what_is_shown(day: dict[str, Any], written: str) -> bool:
    before, after = written[: day["start"]], written[day["end"] :]
    return bool(_BEFORE_WHAT_IS_SHOWN.search(before) or _AFTER_WHAT_IS_SHOWN.match(after))
