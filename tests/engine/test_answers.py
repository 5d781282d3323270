"""Which words a customer reads: institution and language decide, and nobody reads another firm's answer."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import logging
import re
from collections.abc import Callable
from datetime import datetime, time, timedelta, timezone
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from bot.content.flows import load_flows
from bot.content.institutions import HotlineHours, Institution, load_institutions
from bot.content.language import LANGUAGES
from bot.content.topics import load_topics
from bot.contracts.turn import parse_payload
from bot.engine.answers import OFFER_A_PERSON_AFTER, AnswerGenerator
from bot.engine.importer import FALLBACK_INTENT
from bot.engine.understanding.decision import OFFERED, WORTH_OFFERING
from tests.engine.processes import caller

INSTITUTIONS = load_institutions()
TOPICS = load_topics()
SITUATIONS = [(institution, language) for institution in INSTITUTIONS for language in LANGUAGES]
ALWAYS = HotlineHours(days=(1, 2, 3, 4, 5, 6, 7), opens=time.min, closes=time.max)
NEVER = HotlineHours(days=(), opens=time.min, closes=time.max)

Message = dict[str, Any]
Say = Callable[..., Message]


@pytest.fixture(scope="module")
def generator(domain: Domain) -> AnswerGenerator:
    return AnswerGenerator(EndpointConfig(type="bot.engine.answers.AnswerGenerator"), domain)


@pytest.fixture
def own(domain: Domain) -> AnswerGenerator:
    """A generator whose responses and institutions a test may change."""
    made = AnswerGenerator(EndpointConfig(), domain)
    made.responses = copy.deepcopy(domain.responses)
    made._institutions = dict(made._institutions)
    return made


def wrote(institution: str, language: str, intent: str = "greet", **parsed: Any) -> UserUttered:
    """Return a message as the gateway hands it on."""
    intent_ = {"name": intent, "confidence": 0.9}
    return UserUttered("words", intent_, [], {"intent": intent_, **parsed}, metadata=caller(institution, language))


def not_understood(institution: str, language: str, times: int = 1) -> list[Event]:
    """Return turns in which the customer was told that they were not understood."""
    said = [ActionExecuted("utter_nlu_fallback"), BotUttered("?"), ActionExecuted("action_listen")]
    return [wrote(institution, language, FALLBACK_INTENT), *said] * times


def generate(generator: AnswerGenerator, response: str, *events: Event, **values: Any) -> Message:
    tracker = DialogueStateTracker.from_events("c", list(events))
    return asyncio.run(generator.generate(response, tracker, "gateway", **values))


def plain(text: str) -> str:
    """Return `text` without what may stand between the digits of a phone number."""
    return re.sub(r"[\s\-‑–—().]", "", text)


def contacts(institution: Institution) -> set[str]:
    """Return every phone number and mailbox that only this institution has."""
    return {
        plain(value)
        for key, value in institution.placeholders.items()
        if re.match(r"hotline(?!_hours)|phone|fax|service_mailbox|notice_sender", key)
    }


def filled(text: str, institution: Institution) -> str:
    for name, value in institution.placeholders.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_an_institution_with_an_answer_gives_its_own_in_the_customers_language(
    generator: AnswerGenerator, institution: str, language: str
) -> None:
    for topic in (topic for topic in TOPICS.values() if institution in topic.answers):
        message = generate(generator, f"utter_{topic.id}", wrote(institution, language, topic.id))
        assert message["text"] == filled(topic.answers[institution][language], INSTITUTIONS[institution])
        assert message["topic"] == topic.id


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_a_topic_of_another_institution_is_said_to_be_elsewhere_with_the_right_hotline(
    generator: AnswerGenerator, institution: str, language: str
) -> None:
    here = INSTITUTIONS[institution]
    for topic in (topic for topic in TOPICS.values() if institution not in topic.answers):
        message = generate(generator, f"utter_{topic.id}", wrote(institution, language, topic.id))
        assert message == generate(generator, "utter_elsewhere", wrote(institution, language, topic.id))
        assert here.hotline in message["text"]
        assert here.name[language] in message["text"]
        assert "topic" not in message


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_nothing_that_is_said_names_a_number_or_mailbox_of_another_institution(
    generator: AnswerGenerator, domain: Domain, institution: str, language: str
) -> None:
    ours = contacts(INSTITUTIONS[institution])
    theirs = set().union(*(contacts(other) for other in INSTITUTIONS.values())) - ours
    assert theirs
    for response in domain.responses:
        message = generate(generator, response, wrote(institution, language))
        said = plain(" ".join([message["text"], *(button["title"] for button in message["buttons"])]))
        assert not [contact for contact in theirs if contact in said], response


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_every_placeholder_of_every_topic_has_a_value(
    generator: AnswerGenerator, institution: str, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "bot.engine.answers"):
        for topic in TOPICS:
            message = generate(generator, f"utter_{topic}", wrote(institution, language, topic))
            said = [message["text"], message.get("source", ""), *(b["title"] for b in message["buttons"])]
            assert all(said[:1])
            assert "{" not in "".join(said), topic
    assert caplog.messages == []


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_every_answer_says_what_it_rests_on_and_when_it_was_checked(
    generator: AnswerGenerator, institution: str, language: str
) -> None:
    for topic in (topic for topic in TOPICS.values() if institution in topic.answers):
        source = generate(generator, f"utter_{topic.id}", wrote(institution, language))["source"]
        assert INSTITUTIONS[institution].name[language] in source
        assert topic.reviewed.isoformat() in source


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_the_words_of_flows_exist_in_every_language(
    generator: AnswerGenerator, domain: Domain, institution: str, language: str, caplog: pytest.LogCaptureFixture
) -> None:
    # What every institution needs; a flow of one institution may have words for that one only.
    needed = ["utter_greet", "utter_help", "utter_human", "utter_cancelled", "utter_continue", "utter_inform"]
    needed += ["utter_out_of_scope", "utter_nlu_fallback", "utter_withheld", "utter_change_language"]
    needed += [name for name in domain.responses if name.startswith(("utter_ask_report", "utter_report"))]
    elsewhere = generate(generator, "utter_elsewhere", wrote(institution, language))["text"]
    for name in needed:
        assert generate(generator, name, wrote(institution, language))["text"] != elsewhere, name


def test_an_expired_answer_is_withheld_and_the_customer_gets_the_hotline(own: AnswerGenerator) -> None:
    today = datetime.now(timezone.utc).date().isoformat()
    for variation in own.responses["utter_notice_opt_out"]:
        variation["metadata"]["expires"] = today
    message = generate(own, "utter_notice_opt_out", wrote("hnyc", "zh-Hant"))
    assert message == generate(own, "utter_withheld", wrote("hnyc", "zh-Hant"))
    assert INSTITUTIONS["hnyc"].hotline in message["text"]


def test_an_answer_is_given_until_the_day_before_it_expires(own: AnswerGenerator) -> None:
    # Two days ahead, so that it holds in every time zone and over midnight.
    soon = (datetime.now(timezone.utc).date() + timedelta(days=2)).isoformat()
    for variation in own.responses["utter_notice_opt_out"]:
        variation["metadata"]["expires"] = soon
    assert generate(own, "utter_notice_opt_out", wrote("hnyc", "en"))["topic"] == "notice_opt_out"


def test_a_withheld_answer_has_no_topic_source_or_buttons(own: AnswerGenerator) -> None:
    for variation in own.responses["utter_notice_opt_out"]:
        variation["metadata"]["expires"] = "2020-01-01"
    message = generate(own, "utter_notice_opt_out", wrote("hnyc", "zh-Hans"))
    assert "topic" not in message
    assert "source" not in message
    assert message["buttons"] == []


def test_a_button_without_a_value_is_left_out(generator: AnswerGenerator) -> None:
    message = generate(generator, "utter_ask_otp_channel", wrote("hnyc", "zh-Hant"), sms="093***678")
    payloads = [button["payload"] for button in message["buttons"]]
    assert '/inform{"otp_channel": "sms"}' in payloads
    assert '/inform{"otp_channel": "email"}' not in payloads


def test_a_button_whose_value_is_empty_is_left_out(generator: AnswerGenerator) -> None:
    message = generate(generator, "utter_ask_otp_channel", wrote("hnyc", "en"), sms="", email="z**@example.com")
    titles = [b["title"] for b in message["buttons"] if "otp_channel" in b["payload"]]
    assert titles == ["E-mail z**@example.com", "Neither is mine"]


def test_the_platforms_of_the_institution_are_offered_as_buttons(generator: AnswerGenerator) -> None:
    for institution in INSTITUTIONS.values():
        message = generate(generator, "utter_ask_report_platform", wrote(institution.id, "zh-Hant"))
        chosen = [parse_payload(b["payload"])["entities"] for b in message["buttons"]]
        values = [entities[0]["value"] for entities in chosen if entities]
        assert tuple(values[: len(institution.platforms)]) == institution.platforms


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_open_hotline_and_a_closed_one_are_told_differently(own: AnswerGenerator, language: str) -> None:
    hnyc = own._institutions["hnyc"]
    own._institutions["hnyc"] = dataclasses.replace(hnyc, hotline_hours=ALWAYS)
    while_open = generate(own, "utter_human", wrote("hnyc", language))
    own._institutions["hnyc"] = dataclasses.replace(hnyc, hotline_hours=NEVER)
    while_closed = generate(own, "utter_human", wrote("hnyc", language))
    assert while_open["text"] != while_closed["text"]
    assert hnyc.hotline in while_open["text"]
    assert hnyc.hotline in while_closed["text"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_closed_hotline_offers_to_leave_a_report(own: AnswerGenerator, language: str) -> None:
    own._institutions["hnyc"] = dataclasses.replace(own._institutions["hnyc"], hotline_hours=NEVER)
    message = generate(own, "utter_human", wrote("hnyc", language))
    assert "/report_error" in [button["payload"] for button in message["buttons"]]


@pytest.mark.parametrize("institution", ["gtjai", "icbca"])
def test_where_hours_are_not_stated_none_are_claimed(generator: AnswerGenerator, institution: str) -> None:
    assert INSTITUTIONS[institution].hotline_hours is None
    message = generate(generator, "utter_human", wrote(institution, "en"))
    assert "does not state" in message["text"]


def test_a_person_is_told_with_the_reference_of_the_conversation(generator: AnswerGenerator) -> None:
    for institution, language in SITUATIONS:
        assert "C-TEST01" in generate(generator, "utter_human", wrote(institution, language))["text"]


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_the_third_misunderstanding_in_a_row_offers_a_person(
    generator: AnswerGenerator, institution: str, language: str
) -> None:
    newest = wrote(institution, language, FALLBACK_INTENT)
    before = generate(generator, "utter_nlu_fallback", *not_understood(institution, language), newest)
    third = generate(generator, "utter_nlu_fallback", *not_understood(institution, language, times=2), newest)
    assert third["text"] != before["text"]
    assert INSTITUTIONS[institution].hotline in third["text"]
    assert "/human" in [button["payload"] for button in third["buttons"]]


def test_a_person_is_offered_after_three() -> None:
    assert OFFER_A_PERSON_AFTER == 3


def test_a_message_that_was_understood_starts_the_count_anew(generator: AnswerGenerator) -> None:
    newest = wrote("hnyc", "en", FALLBACK_INTENT)
    thanked = [wrote("hnyc", "en", "thanks"), ActionExecuted("utter_thanks"), ActionExecuted("action_listen")]
    first = generate(generator, "utter_nlu_fallback", newest)
    after = generate(generator, "utter_nlu_fallback", *not_understood("hnyc", "en", times=2), *thanked, newest)
    assert after["text"] == first["text"]


def test_words_that_a_form_took_are_no_misunderstanding(generator: AnswerGenerator) -> None:
    # What happened, and since when, is of no topic and need not be.
    took = [wrote("hnyc", "en", FALLBACK_INTENT), ActionExecuted("error_report_form"), ActionExecuted("action_listen")]
    newest = wrote("hnyc", "en", FALLBACK_INTENT)
    first = generate(generator, "utter_nlu_fallback", newest)
    assert generate(generator, "utter_nlu_fallback", *took, *took, newest)["text"] == first["text"]


def test_what_was_not_understood_offers_the_likeliest_topics_first(generator: AnswerGenerator) -> None:
    ranking = [{"name": name, "confidence": 0.3} for name in ("notice_opt_out", "otp_validity", "unlock_password")]
    message = generate(generator, "utter_nlu_fallback", wrote("hnyc", "en", FALLBACK_INTENT, intent_ranking=ranking))
    offered = [button["payload"] for button in message["buttons"]]
    assert offered == ["/notice_opt_out", "/otp_validity", "/unlock_password", "/none_of_these"]
    assert message["decision"] == "clarify"


def test_at_most_three_topics_are_offered(generator: AnswerGenerator) -> None:
    ranking = [{"name": topic, "confidence": 0.2} for topic in TOPICS]
    message = generate(generator, "utter_nlu_fallback", wrote("hnyc", "en", FALLBACK_INTENT, intent_ranking=ranking))
    offered = [button["payload"] for button in message["buttons"]]
    assert len(offered) == OFFERED + 1 == 4
    assert offered[-1] == "/none_of_these"


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_only_what_the_institution_has_is_offered(generator: AnswerGenerator, institution: str) -> None:
    flows = load_flows()
    for candidate in [*TOPICS, *flows]:
        ranking = [{"name": candidate, "confidence": 0.3}]
        lost = wrote(institution, "zh-Hant", FALLBACK_INTENT, intent_ranking=ranking)
        offered = [button["payload"] for button in generate(generator, "utter_nlu_fallback", lost)["buttons"]]
        has = institution in (TOPICS[candidate].answers if candidate in TOPICS else flows[candidate].institutions)
        assert (f"/{candidate}" in offered) is has, candidate


def test_what_is_hardly_likely_is_not_offered(generator: AnswerGenerator) -> None:
    ranking = [{"name": "notice_opt_out", "confidence": WORTH_OFFERING - 0.001}]
    message = generate(generator, "utter_nlu_fallback", wrote("hnyc", "en", FALLBACK_INTENT, intent_ranking=ranking))
    assert [button["payload"] for button in message["buttons"]] == ["/human"]
    assert message["decision"] == "handover"


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_where_it_was_decided_to_hand_over_nothing_is_offered(
    generator: AnswerGenerator, institution: str, language: str
) -> None:
    ranking = [{"name": "hotline", "confidence": 0.3}]
    lost = wrote(institution, language, FALLBACK_INTENT, intent_ranking=ranking, decision="handover")
    message = generate(generator, "utter_nlu_fallback", lost)
    assert [button["payload"] for button in message["buttons"]] == ["/human"]
    assert message["decision"] == "handover"


@pytest.mark.parametrize(("institution", "language"), SITUATIONS)
def test_after_none_of_these_a_person_is_offered(generator: AnswerGenerator, institution: str, language: str) -> None:
    message = generate(generator, "utter_none_of_these", wrote(institution, language, "none_of_these"))
    assert INSTITUTIONS[institution].hotline in message["text"]
    assert "/human" in [button["payload"] for button in message["buttons"]]


# --- a second question in one message ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_second_question_brings_its_own_answer_after_the_first(generator: AnswerGenerator, language: str) -> None:
    both = wrote("hnyc", language, "notice_opt_out", also="otp_validity")
    message = generate(generator, "utter_notice_opt_out", both)
    assert message["topic"] == "notice_opt_out"
    assert message["also"]["topic"] == "otp_validity"
    assert message["also"]["text"] == filled(TOPICS["otp_validity"].answers["hnyc"][language], INSTITUTIONS["hnyc"])
    assert message["also"]["first"] is False


def test_a_question_beside_a_flow_is_answered_before_the_flow_begins(generator: AnswerGenerator) -> None:
    both = wrote("hnyc", "en", "unlock_password", also="notice_opt_out")
    assert generate(generator, "utter_ask_account", both)["also"]["first"] is True


def test_a_single_question_brings_nothing_else(generator: AnswerGenerator) -> None:
    assert "also" not in generate(generator, "utter_notice_opt_out", wrote("hnyc", "en", "notice_opt_out"))


def test_a_second_question_of_another_institution_is_said_to_be_elsewhere(generator: AnswerGenerator) -> None:
    both = wrote("gtjai", "en", "otp_validity", also="notice_opt_out")
    elsewhere = generate(generator, "utter_elsewhere", wrote("gtjai", "en"))
    assert generate(generator, "utter_otp_validity", both)["also"]["text"] == elsewhere["text"]


def test_what_was_asked_beside_an_earlier_message_is_not_answered_again(generator: AnswerGenerator) -> None:
    earlier = wrote("hnyc", "en", "notice_opt_out", also="otp_validity")
    assert "also" not in generate(generator, "utter_thanks", earlier, wrote("hnyc", "en", "thanks"))


def said(text: str, also: str, first: bool) -> BotUttered:
    """Return a message of the bot that brought the answer to a second question with it, as Rasa stores it."""
    return BotUttered(text, metadata={"also": {"text": also, "topic": "x", "first": first}})


def repeated(generator: AnswerGenerator, *events: Event) -> str:
    turn = [wrote("hnyc", "en"), *events, wrote("hnyc", "en", "repeat")]
    return str(generate(generator, "utter_repeat", *turn)["text"])


def test_repeat_says_both_answers_in_their_order(generator: AnswerGenerator) -> None:
    assert repeated(generator, said("one", "two", first=False)) == "one\n\ntwo"


def test_repeat_says_the_second_answer_before_what_a_flow_asked(generator: AnswerGenerator) -> None:
    asked = [said("began", "answer", first=True), said("asked", "answer", first=True)]
    assert repeated(generator, *asked) == "answer\n\nbegan\n\nasked"


def test_repeat_says_a_second_answer_once_where_a_form_asked_again_after_it(generator: AnswerGenerator) -> None:
    asked = [said("one", "two", first=False), said("asked again", "two", first=False)]
    assert repeated(generator, *asked) == "one\n\ntwo\n\nasked again"


def test_the_newest_message_says_which_language_and_institution(generator: AnswerGenerator) -> None:
    message = generate(generator, "utter_hotline", wrote("hnyc", "zh-Hant"), wrote("gtjai", "en", "hotline"))
    assert message["text"] == filled(TOPICS["hotline"].answers["gtjai"]["en"], INSTITUTIONS["gtjai"])


def test_without_a_gateway_it_is_the_default_institution_in_the_language_of_the_words(
    generator: AnswerGenerator,
) -> None:
    for words, language in (("通知信可以關掉嗎", "zh-Hant"), ("怎么关闭", "zh-Hans"), ("stop the mails please", "en")):
        message = generate(generator, "utter_notice_opt_out", UserUttered(words, {"name": "notice_opt_out"}))
        assert message["text"] == filled(TOPICS["notice_opt_out"].answers["hnyc"][language], INSTITUTIONS["hnyc"])


def test_without_any_message_there_is_still_an_answer(generator: AnswerGenerator) -> None:
    assert INSTITUTIONS["hnyc"].name["zh-Hant"] in generate(generator, "utter_greet")["text"]


def test_a_response_that_is_not_there_is_logged_and_shows_no_other_answer(
    generator: AnswerGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    message = generate(generator, "utter_of_nothing", wrote("hnyc", "zh-Hant"))
    assert "utter_of_nothing" in caplog.text
    assert "topic" not in message


def test_repeat_says_again_all_that_was_said_last(generator: AnswerGenerator) -> None:
    asked = wrote("hnyc", "zh-Hant")
    events = [asked, BotUttered("第一句"), BotUttered("第二句"), wrote("hnyc", "zh-Hant", "repeat")]
    assert generate(generator, "utter_repeat", *events)["text"] == "第一句\n\n第二句"


def test_repeat_after_repeat_says_the_same(generator: AnswerGenerator) -> None:
    said = [wrote("hnyc", "en"), BotUttered("the answer"), wrote("hnyc", "en", "repeat"), BotUttered("the answer")]
    assert generate(generator, "utter_repeat", *said, wrote("hnyc", "en", "repeat"))["text"] == "the answer"


def test_repeat_with_nothing_said_yet_is_not_an_empty_message(generator: AnswerGenerator) -> None:
    assert generate(generator, "utter_repeat", wrote("hnyc", "en", "repeat"))["text"].strip()


def test_what_a_customer_wrote_is_not_read_as_a_placeholder(generator: AnswerGenerator) -> None:
    facts = {"platform": "{hotline}", "description": "{reference} {no_such_thing}", "since": "{{x}}", "contact": "—"}
    text = generate(generator, "utter_ask_report_confirmed", wrote("hnyc", "zh-Hant"), **facts)["text"]
    assert "{hotline}" in text
    assert "{reference} {no_such_thing}" in text
    assert "{{x}}" in text


def test_what_is_expected_next_travels_with_the_question(generator: AnswerGenerator) -> None:
    assert generate(generator, "utter_ask_account", wrote("hnyc", "en"))["ask"] == {"kind": "account"}


def test_an_action_adds_its_facts_to_what_is_expected(generator: AnswerGenerator) -> None:
    ask = {"kind": "code", "digits": 6, "expires_at": "2026-11-20T01:00:00+00:00"}
    values = {"sent_to": "093***678", "digits": 6, "minutes": 5}
    assert generate(generator, "utter_ask_otp_code", wrote("hnyc", "en"), ask=ask, **values)["ask"] == ask


def test_an_answer_that_asks_nothing_has_no_ask(generator: AnswerGenerator) -> None:
    assert "ask" not in generate(generator, "utter_notice_opt_out", wrote("hnyc", "en"))


def test_a_topic_with_an_act_offers_to_do_it(generator: AnswerGenerator) -> None:
    flows = load_flows()
    for topic in TOPICS.values():
        for institution in topic.answers:
            message = generate(generator, f"utter_{topic.id}", wrote(institution, "zh-Hant"))
            offered = [button["payload"] for button in message["buttons"]]
            if topic.act and institution in flows[topic.act].institutions:
                assert offered[0] == f"/{topic.act}", topic.id


def test_filling_one_answer_leaves_the_next_as_it_was(generator: AnswerGenerator) -> None:
    first = generate(generator, "utter_ask_otp_channel", wrote("hnyc", "en"), sms="093***678")
    first["buttons"].clear()
    again = generate(generator, "utter_ask_otp_channel", wrote("hnyc", "en"), sms="093***678")
    assert again["buttons"]
