"""Which words a response has: the first variation that fits the conversation, with the facts filled in.

A variation's `metadata` says where it fits (`institution`, `language`, `hotline`, `attempt`); `ask`
says what is expected next, `choices: platforms` adds the institution's platforms as buttons. A button
whose placeholder has no value is left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import date, datetime, timezone
from typing import Any

from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.content.flows import load_flows
from bot.content.institutions import DEFAULT_INSTITUTION, Institution, load_institutions
from bot.content.language import detect_language
from bot.contracts.turn import payload
from bot.engine import rasa_private
from bot.engine.importer import FALLBACK_INTENT
from bot.engine.understanding.decision import OFFERED, WORTH_OFFERING

logger = logging.getLogger(__name__)

_PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)\}")
_CONDITIONS = ("institution", "language", "hotline", "attempt", "suggestions")
OFFER_A_PERSON_AFTER = 3  # misunderstandings in a row

Message = dict[str, Any]


class AnswerGenerator(TemplatedNaturalLanguageGenerator):
    """The `nlg` of endpoints.yml, and so the first of our classes that every Rasa command builds.

    Rasa hands the model's responses to a generator of this base class once the model is loaded.
    """

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        super().__init__(domain.responses)
        rasa_private.install()
        self._institutions = load_institutions()
        self._flows = load_flows()

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **values: Any
    ) -> Message:
        """Return text, buttons and `ask` of `utter_action` for this conversation.

        `values` fill placeholders; an answer of another institution, or one past its review date, is
        never shown: the customer is told so and gets the hotline.
        """
        try:
            message = self._message(utter_action, tracker, values)
            also = self._also(tracker)
            return {**message, "also": also} if also else message
        except Exception as problem:  # Rasa would go on, and the customer would read nothing
            raise rasa_private.TurnAborted("turn_failed", "unknown") from problem

    def _message(self, utter_action: str, tracker: DialogueStateTracker, values: Mapping[str, Any]) -> Message:
        if utter_action == "utter_repeat" and not _last_answer(tracker):
            utter_action = "utter_greet"
        situation = self._situation(tracker)
        is_fallback = utter_action == f"utter_{FALLBACK_INTENT}"
        suggestions = self._suggestions(tracker, situation) if is_fallback else []
        situation["suggestions"] = "some" if suggestions else "none"
        institution = self._institutions[situation["institution"]]
        words = self._words(institution, situation, tracker, values)
        variation = self._variation(utter_action, situation, words)
        message = self._filled(variation, institution, words)
        if is_fallback:
            message["buttons"] = [*suggestions, *message["buttons"]]
            message["decision"] = "clarify" if suggestions and situation["attempt"] == "first" else "handover"
        return {**message, **_ask(variation, values)}

    def _also(self, tracker: DialogueStateTracker) -> Message | None:
        """Return the answer to a second question in the latest message; before a flow that begins, after an answer."""
        parse = tracker.latest_message.parse_data if tracker.latest_message else None
        if not parse or not parse.get("also"):
            return None
        is_flow = parse["intent"]["name"] in self._flows
        answer = self._message(f"utter_{parse['also']}", tracker, {})
        return {**answer, "topic": parse["also"], "first": is_flow}

    def _situation(self, tracker: DialogueStateTracker) -> dict[str, str]:
        caller = caller_of(tracker)
        institution = self._institutions[caller["institution"]]
        return {
            "institution": institution.id,
            "language": caller["language"],
            "hotline": institution.hotline_state(datetime.now(timezone.utc)),
            "attempt": "last" if _misunderstandings(tracker) >= OFFER_A_PERSON_AFTER else "first",
        }

    def _words(
        self,
        institution: Institution,
        situation: dict[str, str],
        tracker: DialogueStateTracker,
        values: Mapping[str, Any],
    ) -> dict[str, str]:
        words = dict(institution.placeholders)
        words["institution"] = institution.name[situation["language"]]
        words["reference"] = caller_of(tracker)["reference"]
        words["last_answer"] = _last_answer(tracker)
        words.update({key: str(value) for key, value in values.items() if isinstance(value, (str, int))})
        return words

    def _variation(self, utter_action: str, situation: dict[str, str], words: dict[str, str]) -> Message:
        for variation in self.responses.get(utter_action, ()):
            where = variation.get("metadata") or {}
            if all(situation[name] == str(where[name]) for name in _CONDITIONS if name in where):
                expires = where.get("expires")
                if expires and self._today(situation) >= date.fromisoformat(expires):
                    return self._variation("utter_withheld", situation, words)
                return variation
        if utter_action == "utter_elsewhere":
            raise KeyError(f"data/flows: utter_elsewhere has no variation for {situation}")
        if not self.responses.get(utter_action):
            logger.error("No response %s in the domain.", utter_action)
        return self._variation("utter_elsewhere", situation, words)

    def _today(self, situation: Mapping[str, str]) -> date:
        return datetime.now(self._institutions[situation["institution"]].zone).date()

    def _filled(self, variation: Message, institution: Institution, words: dict[str, str]) -> Message:
        where = variation.get("metadata") or {}
        buttons = [
            {"title": _fill(button["title"], words), "payload": button["payload"]}
            for button in variation.get("buttons") or ()
            if set(_PLACEHOLDER.findall(button["title"])) <= {key for key, value in words.items() if value}
        ]
        if where.get("choices") == "platforms":
            buttons = [*self._platforms(institution), *buttons]
        message = {"text": _fill(variation.get("text") or "", words), "buttons": buttons}
        if "topic" in where:
            source = self._variation("utter_source", {**words, **where}, words)
            message["topic"] = where["topic"]
            message["source"] = _fill(source["text"], {**words, "reviewed": where["reviewed"]})
        return message

    @staticmethod
    def _platforms(institution: Institution) -> list[Message]:
        return [
            {"title": platform, "payload": payload("inform", report_platform=platform)}
            for platform in institution.platforms
        ]

    def _suggestions(self, tracker: DialogueStateTracker, situation: dict[str, str]) -> list[Message]:
        """Buttons for the likeliest topics of this institution when the message was not understood."""
        parse = (tracker.latest_message.parse_data if tracker.latest_message else None) or {}
        ranking = parse.get("intent_ranking") or []
        if parse.get("decision") == "handover":  # nothing is likely enough to be worth reading
            return []
        suggestions = []
        for candidate in ranking:
            title = self._title(candidate["name"], situation)
            if title and len(suggestions) < OFFERED and candidate["confidence"] >= WORTH_OFFERING:
                suggestions.append({"title": title, "payload": f"/{candidate['name']}"})
        return suggestions

    def _title(self, intent: str, situation: dict[str, str]) -> str | None:
        flow = self._flows.get(intent)
        if flow:
            return flow.title[situation["language"]] if situation["institution"] in flow.institutions else None
        for variation in self.responses.get(f"utter_{intent}", ()):
            where = variation.get("metadata") or {}
            if "title" in where and all(situation[k] == where[k] for k in ("institution", "language")):
                title: str = where["title"]
                return title
        return None


def caller_of(tracker: DialogueStateTracker) -> dict[str, Any]:
    """Return what the gateway said about the conversation; in `rasa shell` and tests, a stand-in.

    Without a gateway: the default institution, and the language of the newest message that tells.
    """
    messages = [event for event in tracker.events if isinstance(event, UserUttered)]
    for message in reversed(messages):
        if "institution" in (message.metadata or {}):
            return dict(message.metadata)
    language = "zh-Hant"
    for message in messages:
        if not (message.text or "").startswith("/"):  # a button's payload is in no language
            language = detect_language(message.text or "", language)
    return {"institution": DEFAULT_INSTITUTION, "language": language, "reference": "", "link": False}


def _misunderstandings(tracker: DialogueStateTracker) -> int:
    """How many messages in a row, up to the latest, were not understood."""
    # In a form, words of no topic are what it asked for: only what was answered so counts, and the latest.
    count, said_so = 0, True
    for event in reversed(tracker.events):
        if isinstance(event, ActionExecuted) and event.action_name == f"utter_{FALLBACK_INTENT}":
            said_so = True
        elif isinstance(event, UserUttered):
            if not said_so or event.intent_name != FALLBACK_INTENT:
                break
            count, said_so = count + 1, False
    return count


def _last_answer(tracker: DialogueStateTracker) -> str:
    """All that the bot said after the customer's message before the latest."""
    turn: list[BotUttered] = []
    turns = 0
    for event in reversed(tracker.events):
        turns += isinstance(event, UserUttered)
        if turns > 1:
            break
        if isinstance(event, BotUttered) and turns == 1 and event.text:
            turn.append(event)
    texts: list[str] = []
    for said in reversed(turn):
        also = (said.metadata or {}).get("also")
        both = [said.text] if not also or also["text"] in texts else [said.text, also["text"]]
        texts += reversed(both) if also and also["first"] else both
    return "\n\n".join(texts)


def _ask(variation: Message, values: Mapping[str, Any]) -> Message:
    asked = {**((variation.get("metadata") or {}).get("ask") or {}), **(values.get("ask") or {})}
    return {"ask": asked} if asked else {}


def _fill(text: str, words: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match.group(1) not in words:
            logger.error("No value for the placeholder %s.", match.group())
        return words.get(match.group(1), "")

    return _PLACEHOLDER.sub(value, text)
