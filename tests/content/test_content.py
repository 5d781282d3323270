"""The content that customers read: in order, and fitting to the program that says it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from actions.security import errors
from bot.content.checks import LEAST_EXAMPLES, check_content
from bot.content.flows import load_flows
from bot.content.institutions import DATA, load_institutions
from bot.content.responses import FILLED_IN, examples
from bot.content.sources import read_content
from bot.content.topics import load_topics

ROOT = DATA.parent
FACTS = ROOT.parent / "shared" / "facts"
INSTITUTIONS = load_institutions()
DOMAIN: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
RESPONSES: dict[str, list[dict[str, Any]]] = {
    name: variations
    for file in sorted((DATA / "flows").glob("*.yml"))
    for name, variations in (yaml.safe_load(file.read_text(encoding="utf-8")).get("responses") or {}).items()
}
SAID_BY_THE_ENGINE = {"last_answer", "reviewed"}  # the other values of FILLED_IN come from actions


def test_the_content_is_in_order() -> None:
    # A clone by itself has no facts to compare with; tests/content/test_answers.py says so.
    assert check_content(FACTS if FACTS.is_dir() else None) == []


def test_three_questions_are_answered_by_every_institution() -> None:
    topics = load_topics()
    for id_ in ("phone_lost", "otp_validity", "hotline"):
        assert set(topics[id_].answers) == set(INSTITUTIONS)


# --- responses and those who say them -----------------------------------------------------------------


def _refusals(kind: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
    for below in kind.__subclasses__():
        yield below
        yield from _refusals(below)


def test_every_refusal_has_words() -> None:
    responses = {refusal.response for refusal in _refusals(errors.Refusal) if "response" in vars(refusal)}
    assert responses <= set(RESPONSES)


@pytest.mark.parametrize("folder", ["actions", "bot/engine"])
def test_every_response_that_the_program_names_has_words(folder: str) -> None:
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / folder).rglob("*.py")]
    named = {name for source in sources for name in re.findall(r'"(utter_[a-z_]+[a-z])"', source)}
    assert named <= set(RESPONSES)


@pytest.mark.parametrize("status", ["received", "closed"])
def test_every_state_of_a_report_has_words(status: str) -> None:
    assert f"utter_report_{status}" in RESPONSES


def test_every_step_of_a_form_is_asked_for() -> None:
    steps = {slot for form in DOMAIN["forms"].values() for slot in form["required_slots"]}
    asked = {name.partition("_ask_")[2] for name in (*RESPONSES, *DOMAIN["actions"]) if "_ask_" in name}
    assert steps <= asked


def test_every_flow_of_a_button_is_an_intent() -> None:
    assert set(load_flows()) <= set(DOMAIN["intents"])


def test_values_are_listed_for_responses_that_exist() -> None:
    assert set(FILLED_IN) <= set(RESPONSES)


def test_every_value_that_a_response_may_use_is_passed_by_an_action() -> None:
    passed: set[str | None] = set()
    for file in (ROOT / "actions").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            passed |= {node.arg} if isinstance(node, ast.keyword) else set()
            passed |= {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()
    assert {name for names in FILLED_IN.values() for name in names} - SAID_BY_THE_ENGINE <= passed


def test_every_flow_has_as_many_examples_as_a_topic() -> None:
    content, _ = read_content(DATA)
    counts: dict[str, int] = {}
    for intent, _, _ in examples(content):
        counts[intent] = counts.get(intent, 0) + 1
    unspoken = {"inform", "language_chosen", "none_of_these", "nlu_fallback"}
    least = sum(LEAST_EXAMPLES.values())
    assert {intent for intent in DOMAIN["intents"] if counts.get(intent, 0) < least} == unspoken


# --- facts and what is made of them -------------------------------------------------------------------


@pytest.mark.parametrize("id_", INSTITUTIONS)
def test_the_limits_that_the_program_decides_by_are_the_facts(id_: str) -> None:
    one, facts = INSTITUTIONS[id_], INSTITUTIONS[id_].facts
    assert str(facts["otp_digits"]).split()[0] == str(one.otp_digits)
    assert one.otp_ttl_seconds.items() <= facts["otp_ttl_seconds"].items()
    assert one.otp_resend_seconds == facts["otp_resend_seconds"]
    assert one.otp_wrong_attempts == facts["otp_wrong_attempts_per_code"]
    assert one.self_unlock_per_day == facts.get("self_unlock_per_day")


@pytest.mark.parametrize("id_", INSTITUTIONS)
def test_the_limits_that_customers_are_told_are_those_of_the_program(id_: str) -> None:
    one = INSTITUTIONS[id_]
    decided = {
        "otp_digits": one.otp_digits,
        "otp_sms_seconds": one.otp_ttl_seconds["sms"],
        "otp_sms_minutes": one.otp_ttl_seconds["sms"] / 60,
        "otp_email_minutes": one.otp_ttl_seconds.get("email", 0) / 60,
        "otp_resend_seconds": one.otp_resend_seconds,
        "otp_wrong_attempts": one.otp_wrong_attempts,
        "self_unlock_per_day": one.self_unlock_per_day,
    }
    told = {name: float(value) for name, value in one.placeholders.items() if name in decided}
    assert told == {name: decided[name] for name in told}


@pytest.mark.parametrize(
    ("id_", "placeholder", "fact"),
    [
        ("hnyc", "password_lock_after", "password_lock_after"),
        ("icbca", "token_freeze_after", "token_wrong_password_freeze"),
        ("icbca", "token_freeze_hours", "token_wrong_password_freeze"),
        ("icbca", "token_delay_hours", "token_activation_delay_hours"),
        ("gtjai", "otp_token_seconds", "otp_ttl_seconds"),
    ],
)
def test_a_number_that_only_customers_are_told_is_in_its_fact(id_: str, placeholder: str, fact: str) -> None:
    one = INSTITUTIONS[id_]
    assert one.placeholders[placeholder] in re.findall(r"\d+", str(one.facts[fact]))


def test_the_hours_of_the_hotline_are_those_that_customers_are_told() -> None:
    hours = INSTITUTIONS["hnyc"].hotline_hours
    assert hours
    assert f"{hours.opens:%H:%M}-{hours.closes:%H:%M}" == INSTITUTIONS["hnyc"].placeholders["hotline_hours"]


def test_the_platforms_of_a_report_are_those_of_the_facts() -> None:
    facts = INSTITUTIONS["hnyc"].facts
    assert INSTITUTIONS["hnyc"].platforms == (*facts["order_platforms"], *facts["service_platforms"])
    assert INSTITUTIONS["gtjai"].platforms == tuple(INSTITUTIONS["gtjai"].facts["otp_platforms"])
