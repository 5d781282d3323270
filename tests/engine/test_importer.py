"""Topics become what Rasa trains on, and every message has a way through the rules."""

from __future__ import annotations

import copy
import unicodedata
from collections import defaultdict

import pytest
import yaml
from rasa.core.agent import Agent
from rasa.shared.core.domain import Domain
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.utils.common import class_from_module_path

from bot.content.flows import load_flows
from bot.content.topics import Topic, load_topics
from bot.contracts.turn import parse_payload
from bot.engine.importer import FALLBACK_INTENT, FLOW_NOUNS, Example, TopicImporter
from bot.settings import ROOT
from tests.engine.dialogue import actions_for

FORMS = ("verification_form", "notice_check_form", "error_report_form", "report_status_form")
# The flows whose steps are those of verification_form: the action that opens one knows whether it is the one that is open.
VERIFIED = FLOW_NOUNS.keys() - {"report_error", "report_status"}
EVERYWHERE = (None, *FORMS)
RASAS_OWN = {"back", "restart", "session_start"}  # intents that Rasa adds; no message of a customer has them
STEPS = {
    form: described["required_slots"]
    for form, described in yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["forms"].items()
}


@pytest.fixture(scope="module")
def topics() -> dict[str, Topic]:
    return load_topics()


def test_config_names_an_importer_that_can_be_imported() -> None:
    # Rasa only warns when it cannot, and trains without a single topic.
    (importer,) = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["importers"]
    assert class_from_module_path(importer["name"]) is TopicImporter


def test_the_forms_of_the_domain_are_the_ones_these_tests_know(domain: Domain) -> None:
    assert set(domain.form_names) == set(FORMS)


def test_every_topic_is_an_intent(domain: Domain, topics: dict[str, Topic]) -> None:
    assert set(topics) <= set(domain.intents)


def test_every_topic_has_one_variation_for_each_institution_and_language_it_answers(
    domain: Domain, topics: dict[str, Topic]
) -> None:
    for topic in topics.values():
        where = [
            (v["metadata"]["institution"], v["metadata"]["language"]) for v in domain.responses[f"utter_{topic.id}"]
        ]
        expected = [(institution, language) for institution, texts in topic.answers.items() for language in texts]
        assert sorted(where) == sorted(expected), topic.id


def test_every_answer_carries_its_topic_title_and_review_dates(domain: Domain, topics: dict[str, Topic]) -> None:
    for topic in topics.values():
        for variation in domain.responses[f"utter_{topic.id}"]:
            about = variation["metadata"]
            assert about["topic"] == topic.id
            assert about["title"] == topic.title[about["language"]]
            assert (about["reviewed"], about["expires"]) == (topic.reviewed.isoformat(), topic.expires.isoformat())


def test_every_answer_is_the_text_of_its_file(domain: Domain, topics: dict[str, Topic]) -> None:
    for topic in topics.values():
        for variation in domain.responses[f"utter_{topic.id}"]:
            about = variation["metadata"]
            assert variation["text"] == topic.answers[about["institution"]][about["language"]]


def test_an_answer_offers_only_topics_and_flows_of_its_institution(domain: Domain, topics: dict[str, Topic]) -> None:
    flows = load_flows()
    for topic in topics.values():
        for variation in domain.responses[f"utter_{topic.id}"]:
            institution = variation["metadata"]["institution"]
            for button in variation["buttons"]:
                offered = button["payload"].removeprefix("/")
                at = topics[offered].answers if offered in topics else flows[offered].institutions
                assert institution in at, f"{topic.id} at {institution} offers {offered}"


def test_the_examples_and_titles_of_a_topic_train_its_intent(
    importer: TrainingDataImporter, topics: dict[str, Topic]
) -> None:
    trained = defaultdict(set)
    for example in importer.get_nlu_data().intent_examples:
        trained[example.get("intent")].add(example.get("text"))
    for topic in topics.values():
        assert trained[topic.id] == {*topic.all_examples, *topic.title.values()}, topic.id


def plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).lower().split())


def test_no_example_of_one_intent_is_one_of_another(importer: TrainingDataImporter) -> None:
    seen = defaultdict(set)
    for example in importer.get_nlu_data().intent_examples:
        seen[plain(example.get("text"))].add(example.get("intent"))
    assert {text: intents for text, intents in seen.items() if len(intents) > 1} == {}


def test_no_example_of_a_topic_occurs_twice(topics: dict[str, Topic]) -> None:
    for topic in topics.values():
        written = [plain(text) for text in topic.all_examples]
        assert sorted(set(written)) == sorted(written), topic.id


def test_an_example_is_told_apart_by_its_words_and_its_intent() -> None:
    # Rasa keeps what it has worked out for an example by its fingerprint.
    one = Example(data={"text": "words", "intent": "greet"})
    others = [{"text": "words", "intent": "thanks"}, {"text": "word", "intent": "sgreet"}, {"text": "words"}, {}]
    prints = {Example(data=data).fingerprint() for data in others}
    assert len({one.fingerprint(), *prints}) == 5
    assert Example(data=dict(one.data)).fingerprint() == one.fingerprint()


def test_a_copy_of_an_example_is_the_example_itself() -> None:
    one = Example(data={"text": "words", "intent": "greet"})
    assert copy.deepcopy([one])[0] is one


def test_every_intent_that_a_customer_can_write_has_examples(importer: TrainingDataImporter, domain: Domain) -> None:
    only_signed = {"inform", "language_chosen", "none_of_these", FALLBACK_INTENT}
    trained = {example.get("intent") for example in importer.get_nlu_data().intent_examples}
    assert trained == set(domain.intents) - only_signed - RASAS_OWN


def test_every_rule_has_a_name_of_its_own(importer: TrainingDataImporter) -> None:
    names = [step.block_name for step in importer.get_stories().story_steps]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("form", EVERYWHERE)
def test_every_topic_is_answered(agent: Agent, topics: dict[str, Topic], form: str | None) -> None:
    back = [form] if form else []
    wrong = {topic: done for topic in topics if (done := actions_for(agent, topic, form)) != [f"utter_{topic}", *back]}
    assert wrong == {}


EVERY_STEP = [(form, step) for form in FORMS for step in STEPS[form]]
EVERY_STEP += [("verification_form", "second_birth_date"), ("verification_form", "confirmed")]  # of some purposes


@pytest.mark.parametrize(("form", "step"), EVERY_STEP)
def test_a_question_is_answered_at_every_step_of_a_form_and_the_step_comes_back(
    agent: Agent, form: str, step: str
) -> None:
    assert actions_for(agent, "otp_validity", form, step) == ["utter_otp_validity", form]


@pytest.mark.parametrize("form", EVERYWHERE)
@pytest.mark.parametrize("intent", FLOW_NOUNS)
def test_every_flow_opens(agent: Agent, intent: str, form: str | None) -> None:
    noun = FLOW_NOUNS[intent]
    again = form == f"{noun}_form"
    assert actions_for(agent, intent, form) == (["utter_continue", form] if again else [f"action_open_{noun}"])


@pytest.mark.parametrize(("form", "step"), EVERY_STEP)
def test_cancel_leaves_every_form_at_every_step(agent: Agent, form: str, step: str) -> None:
    assert actions_for(agent, "cancel", form, step) == ["action_deactivate_loop", "utter_cancelled"]


@pytest.mark.parametrize("form", EVERYWHERE)
def test_no_other_intent_is_left_without_a_word(
    agent: Agent, domain: Domain, topics: dict[str, Topic], form: str | None
) -> None:
    others = {*domain.intents, FALLBACK_INTENT} - set(topics)
    silent = [intent for intent in others if not actions_for(agent, intent, form)]
    assert set(silent) <= RASAS_OWN


@pytest.mark.parametrize("form", EVERYWHERE)
def test_what_is_not_understood_is_said_so_and_leaves_no_form(agent: Agent, form: str | None) -> None:
    assert actions_for(agent, FALLBACK_INTENT, form) == ["utter_nlu_fallback", *([form] if form else [])]


def test_every_flow_with_an_action_of_its_own_has_a_form_of_the_same_noun_or_the_common_one(domain: Domain) -> None:
    opened = {a.removeprefix("action_open_") for a in domain.user_actions if a.startswith("action_open_")}
    own = {FLOW_NOUNS[intent] for intent in FLOW_NOUNS.keys() - VERIFIED} | {FLOW_NOUNS["check_notice"]}
    assert {f"{noun}_form" for noun in own} | {"verification_form"} == set(domain.form_names)
    assert set(FLOW_NOUNS.values()) == opened


def test_every_button_of_the_domain_carries_an_intent_and_entities_it_knows(domain: Domain) -> None:
    for name, variations in domain.responses.items():
        for button in (button for variation in variations for button in variation.get("buttons") or ()):
            parse = parse_payload(button["payload"])
            assert parse["intent"]["name"] in domain.intents, name
            assert {entity["entity"] for entity in parse["entities"]} <= set(domain.entities), name


def test_every_step_of_a_form_is_asked_for(domain: Domain) -> None:
    known = set(domain.action_names_or_texts)
    for _, slot in EVERY_STEP:
        assert known & {f"utter_ask_{slot}", f"action_ask_{slot}"}, slot


def test_domain_yml_stays_short() -> None:
    assert len((ROOT / "domain.yml").read_text(encoding="utf-8").splitlines()) <= 150


def test_domain_yml_has_no_answers() -> None:
    assert "responses" not in yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))


def test_no_response_is_defined_in_two_files() -> None:
    # Rasa takes one of them without a word.
    found = defaultdict(list)
    for file in sorted((ROOT / "data" / "flows").glob("*.yml")):
        for name in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("responses") or ():
            found[name].append(file.name)
    found_in_topics = {f"utter_{topic}" for topic in load_topics()}
    assert {name: files for name, files in found.items() if len(files) > 1 or name in found_in_topics} == {}


def test_no_slot_survives_into_a_new_session() -> None:
    session = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["session_config"]
    assert session["carry_over_slots_to_new_session"] is False


def test_no_slot_is_filled_from_words_or_intents() -> None:
    # What a customer writes must not reach a slot without an action that looks at it (P7).
    slots = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["slots"]
    kinds = {mapping["type"] for slot in slots.values() for mapping in slot["mappings"]}
    assert kinds <= {"custom", "from_entity"}


def test_no_component_but_our_rules_finds_entities_in_words() -> None:
    # What the rules find fills no slot (test_entity_finder): a slot's entity can only come from a signed payload.
    pipeline = yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"]
    assert [component["name"] for component in pipeline] == [
        "bot.engine.understanding.classifier.TopicClassifier",
        "bot.engine.understanding.entity_finder.EntityFinder",
    ]
