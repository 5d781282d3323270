"""The responses of `data/flows`: whether every customer gets one, and where its buttons lead.

A response has variations; the first whose metadata fits the conversation is said (`bot/engine/answers.py`).
Here every conversation that can be is tried, which tells who reads a variation and who would get none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from bot.content.institutions import Institution
from bot.content.language import LANGUAGES
from bot.content.sources import Content, Keys, Problem, Source, Text

# What fills a placeholder besides the institution's facts: always, and in one response (actions/, engine/answers.py).
ALWAYS_FILLED = frozenset({"institution", "reference"})
FILLED_IN: Mapping[str, Collection[str]] = {
    "utter_repeat": ["last_answer"],
    "utter_source": ["reviewed"],
    "utter_ask_otp_channel": ["sms", "email"],
    "utter_ask_otp_code": ["sent_to", "digits", "minutes", "sms", "email"],
    "utter_otp_resend_too_soon": ["seconds"],
    "utter_otp_malformed": ["digits"],
    "utter_otp_wrong": ["left"],
    "utter_sends_used_up": ["next_at"],
    "utter_guesses_used_up": ["next_date"],
    "utter_guesses_paused": ["next_date"],
    "utter_password_wrong": ["left"],
    "utter_renewal_birth_date_wrong": ["left"],
    "utter_ask_reissue_confirmed": ["mailbox"],
    "utter_reissued": ["receipt"],
    "utter_ask_renewal_birth_date_renew": ["valid_until"],
    "utter_ask_renewal_birth_date_apply": ["valid_until"],
    "utter_ask_renewal_confirmed_renew": ["valid_until", "sent_to"],
    "utter_ask_renewal_confirmed_apply": ["valid_until", "sent_to"],
    "utter_renewed": ["receipt", "valid_until"],
    "utter_notice_found": ["subject", "at", "mailbox", "notice"],
    "utter_notice_list": ["listed"],
    "utter_token_in_invest_app": ["since"],
    "utter_token_in_bank_app": ["since"],
    "utter_token_waits_in_bank_app": ["since", "usable_at"],
    "utter_token_enabled_in_invest_app": ["since"],
    "utter_token_enabled_in_bank_app": ["since"],
    "utter_token_not_yet_usable": ["usable_at"],
    "utter_token_wrong": ["left"],
    "utter_token_is_frozen": ["frozen_until"],
    "utter_account_protected": ["report"],
    "utter_protection_pending": ["report"],
    "utter_protected": ["report"],
    "utter_command_key_reused": ["receipt"],
    "utter_unlocked": ["receipt"],
    "utter_unlock_used_today": ["used_at", "next_date"],
    "utter_unlock_done_today": ["used_at", "next_date"],
    "utter_ask_report_confirmed": ["platform", "description", "since", "contact"],
    "utter_report_filed": ["report"],
    "utter_report_already_filed": ["report"],
    "utter_report_received": ["report", "filed_at"],
    "utter_report_closed": ["report", "filed_at"],
    "utter_report_unknown": ["report"],
}
VARIATION_FIELDS = frozenset({"text", "buttons", "metadata"})
BUTTON_FIELDS = frozenset({"title", "payload"})
ATTEMPTS = ("first", "last")
SUGGESTIONS = ("some", "none")

_PAYLOAD = re.compile(r"/(\w+)(\{.*\})?")


Reader = tuple[str, str]  # institution, language


class Response(NamedTuple):
    """A response, and for each variation the institutions and languages of those who read it."""

    name: str
    source: Source
    variations: list[dict[str, Any]]
    readers: list[set[Reader]]
    unanswered: set[Reader]


def problems(content: Content) -> Iterator[Problem]:
    """What is wrong with responses besides their words."""
    files: dict[str, str] = {}
    for response in _responses(content):
        name, source = response.name, response.source
        if name in files:
            says = f"{name} is also in {files[name]}, and only one of them is used; remove one."
            yield source.problem(says, "responses", name)
        files.setdefault(name, source.file)
        for institution, language in response.unanswered:
            yield source.problem(f"{name} has no {language} for {institution}; add it.", "responses", name)
        for index, variation in enumerate(response.variations):
            if not response.readers[index]:
                says = f"this variation of {name} is never said: one before it fits wherever it does; remove it."
                yield source.problem(says, "responses", name, index)
            yield from _unread(source, variation, VARIATION_FIELDS, "responses", name, index)
            yield from _buttons(response, index, variation, content)


def _unread(source: Source, fields: Mapping[str, Any], known: Collection[str], *keys: str | int) -> Iterator[Problem]:
    for field in fields.keys() - known:
        says = f"the field {field!r} is not read; if it is part of a text with a comma, put the text in quotes."
        yield source.problem(says, *keys, field)


def _buttons(response: Response, index: int, variation: dict[str, Any], content: Content) -> Iterator[Problem]:
    for number, button in enumerate(variation.get("buttons") or ()):
        where = ("responses", response.name, index, "buttons", number)
        yield from _unread(response.source, button, BUTTON_FIELDS, *where)
        match = _PAYLOAD.fullmatch(str(button.get("payload")))
        if not match or match.group(1) not in content.intents:
            yield response.source.problem(
                f"the button says {button.get('payload')}, which is no intent; correct it.", *where
            )
            continue
        intent = match.group(1)
        if intent in content.flows:
            offered: Collection[str] = content.flows[intent].institutions
        elif intent in content.topics:
            offered = content.topics[intent][0].answers
        else:
            continue
        for institution in {institution for institution, _ in response.readers[index]} - set(offered):
            says = f"the button leads to {intent}, which {institution} does not have; give it to the others only."
            yield response.source.problem(says, *where)


def texts(content: Content) -> Iterator[Text]:
    """Every text and button of a response, and the titles of flows, once for each of their readers."""
    for response in _responses(content):
        filled = {*ALWAYS_FILLED, *FILLED_IN.get(response.name, ())}
        for index, variation in enumerate(response.variations):
            keys = ("responses", response.name, index)
            written: dict[Keys, str] = {(*keys, "text"): variation.get("text", "")}
            for number, button in enumerate(variation.get("buttons") or ()):
                written[(*keys, "buttons", number, "title")] = button.get("title", "")
            for id_, language in response.readers[index]:
                for place, text in written.items():
                    yield Text(response.source, place, text, language, content.institutions[id_], filled)
    for flow in content.flows.values():
        for id_ in set(flow.institutions) & set(content.institutions):
            for language, title in flow.title.items():
                institution = content.institutions[id_]
                yield Text(
                    content.titles, (flow.id, "title", language), title, language, institution, None, is_title=True
                )


def answered(content: Content) -> set[tuple[str, str, str]]:
    """Return each flow, institution and language that has words in all that the flow's file says there."""
    said: dict[str, list[Response]] = {}
    for response in _responses(content):
        said.setdefault(response.source.file, []).append(response)
    found = set()
    for source in content.flow_files:
        ours = said.get(source.file, [])
        readers = {reader for response in ours for those in response.readers for reader in those}
        readers -= {reader for response in ours for reader in response.unanswered}
        intents = {str(entry.get("intent")) for entry in source.data.get("nlu") or ()}
        found |= {(flow, *reader) for flow in intents & set(content.flows) for reader in readers}
    return found


def examples(content: Content) -> Iterator[tuple[str, str, Problem]]:
    """Every example of a flow with its intent and its place."""
    for source in content.flow_files:
        for index, entry in enumerate(source.data.get("nlu") or ()):
            first, last = source.spans.get(("nlu", index, "examples"), (0, 0))
            for number in range(first + 1, last + 1):
                dash, _, example = source.lines[number - 1].strip().partition(" ")
                if dash == "-":
                    yield str(entry.get("intent")), example, Problem(source.file, number, "")


def _responses(content: Content) -> Iterator[Response]:
    for source in content.flow_files:
        for name, variations in (source.data.get("responses") or {}).items():
            readers: list[set[Reader]] = [set() for _ in variations]
            unanswered = set()
            for institution in content.institutions.values():
                said, silent = _tried(variations, institution)
                for index, language in said:
                    readers[index].add((institution.id, language))
                # Without a single variation it is not this institution's: the customer is told so, with the hotline.
                unanswered |= {(institution.id, language) for language in silent if said}
            yield Response(name, source, variations, readers, unanswered)


def _tried(variations: list[dict[str, Any]], institution: Institution) -> tuple[set[tuple[int, str]], set[str]]:
    """Return which variation is said in which language, and the languages in which there may be none."""
    hotline = ("open", "closed") if institution.hotline_hours else ("unknown",)
    said, silent = set(), set()
    for language, state, attempt, suggestions in product(LANGUAGES, hotline, ATTEMPTS, SUGGESTIONS):
        situation = {"institution": institution.id, "language": language, "hotline": state, "attempt": attempt}
        situation["suggestions"] = suggestions
        first = next((i for i, v in enumerate(variations) if _fits(v.get("metadata") or {}, situation)), None)
        if first is None:
            silent.add(language)
        else:
            said.add((first, language))
    return said, silent


def _fits(where: Mapping[str, Any], situation: Mapping[str, str]) -> bool:
    return all(situation[name] == str(where[name]) for name in situation if name in where)
