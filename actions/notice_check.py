"""Whether an e-mail is one of ours: by its reference, or for a verified customer from the list of those sent."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.bootstrap import Services
from actions.security.errors import Refusal
from actions.services.notice_check import SentNotice
from actions.turn import Caller, Slots, call, caller, entity, intent, leave_form, text
from actions.verification import VerifiedFlow, go_on, is_open, say_of, start

FORM, CHECK = "notice_check_form", "action_check_notice"
NONE = "none"  # the customer has no reference; the list of what was sent helps instead

# The institution's own titles (`notices.yml: subject`), in whatever language the e-mail speaks.
SUBJECTS = {
    "login_success": "「華南永昌」登入成功通知!",
    "wrong_password": "「華南永昌」密碼輸入錯誤通知!",
    "password_locked": "「華南永昌」密碼鎖住通知!",
    "password_changed": "[華南永昌]線上變更密碼完成!",
    "password_unlocked": "[華南永昌]電子交易 密碼解鎖通知",
    "password_reissued": "【重要通知】密碼補發成功通知信，請儘速開啟！",
}
_NO_REFERENCE = re.compile(
    r"(?:[沒没冇無无]|找不到|看不到|不知道|搵唔到).{0,6}(?:編號|编号|號碼|号码|那個|那个)|[沒没]有$|\bno (?:reference|number)\b"
    r"|(?:without|can'?t (?:find|see)|don'?t (?:have|know)|there(?: i|')s no)\b.{0,12}(?:one|it|reference|number)",
    re.IGNORECASE,
)


class NoticeCheck(VerifiedFlow):
    """What we sent the verified customer lately."""

    purpose, intent, noun = "check_notice", "check_notice", "notice_check"

    def begin(self, dispatcher: CollectingDispatcher) -> None:
        dispatcher.utter_message(response="utter_notice_list_begins")

    async def act(self, dispatcher: CollectingDispatcher, who: Caller) -> None:
        sent = await call(self.services.notice_check.recent, who.conversation, who.institution)
        if not sent:
            dispatcher.utter_message(response="utter_notice_list_empty")
            return
        listed = "\n".join(f"{number}. {_line(one)}" for number, one in enumerate(sent, 1))
        dispatcher.utter_message(response="utter_notice_list", listed=listed)


class ActionOpenNoticeCheck(Action):
    """Looks up the reference in the message or behind the conversation's link; asks for it where there is none.

    Whoever tells the day of an e-mail has no reference to give: they are verified, and shown what was sent.
    """

    def __init__(self, flow: VerifiedFlow) -> None:
        self._flow = flow

    def name(self) -> str:
        return "action_open_notice_check"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who, told = caller(tracker), entity(tracker, "notice_reference")
        if self._flow.refused(who) or (not told and entity(tracker, "date")):
            return await start(self._flow, dispatcher, who)
        if not told and is_open(self._flow, tracker):
            return go_on(dispatcher)
        reference = told or who.notice or None
        return [*leave_form(), SlotSet("checked_notice", reference), FollowupAction(CHECK if reference else FORM)]


class ValidateNoticeCheckForm(FormValidationAction):
    def name(self) -> str:
        return f"validate_{FORM}"

    async def extract_checked_notice(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        if tracker.get_slot("requested_slot") != "checked_notice":
            return {}
        chosen, written = entity(tracker, "checked_notice") or entity(tracker, "notice_reference"), text(tracker)
        if chosen:
            return {"checked_notice": chosen}
        if entity(tracker, "date") or intent(tracker) == "deny" or _NO_REFERENCE.search(written):
            return {"checked_notice": NONE}
        if any(c.isdigit() for c in written) or entity(tracker, "number"):  # a number may have been hidden on the way
            dispatcher.utter_message(response="utter_notice_reference_unreadable")
            return {"checked_notice": None}
        return {}

    async def validate_checked_notice(
        self, value: str | None, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        return {"checked_notice": value}


class ActionCheckNotice(Action):
    """Says whether the reference is of an e-mail of ours; without one, goes on to the list."""

    def __init__(self, services: Services, flow: VerifiedFlow) -> None:
        self._services = services
        self._flow = flow

    def name(self) -> str:
        return CHECK

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> list[EventType]:
        who, reference = caller(tracker), tracker.get_slot("checked_notice")
        clear = SlotSet("checked_notice", None)
        if reference == NONE:
            return [clear, *await start(self._flow, dispatcher, who)]
        if reference:
            await self._look_up(dispatcher, who, reference)
        return [clear]

    async def _look_up(self, dispatcher: CollectingDispatcher, who: Caller, reference: str) -> None:
        try:
            found = await call(self._services.notice_check.by_reference, who.conversation, who.institution, reference)
        except Refusal as refusal:
            say_of(self._flow, dispatcher, who, refusal)
        else:
            dispatcher.utter_message(response="utter_notice_found", **_facts(found))


def _facts(notice: SentNotice) -> dict[str, Any]:
    return {
        "subject": SUBJECTS[notice.kind],
        "at": _when(notice),
        "mailbox": notice.mailbox,
        "notice": notice.reference,
    }


def _line(notice: SentNotice) -> str:
    return f"{_when(notice)} {SUBJECTS[notice.kind]}"


def _when(notice: SentNotice) -> str:
    return f"{notice.at}（{notice.platform}）" if notice.platform else notice.at
