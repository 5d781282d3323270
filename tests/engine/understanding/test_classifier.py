"""Our understanding as Rasa's pipeline has it: intent, ranking, decision, and what was asked before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rasa.core.agent import Agent
from rasa.core.channels.channel import UserMessage
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.events import ActionExecuted, BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.content.topics import load_topics
from bot.contracts.turn import payload
from bot.engine.importer import FALLBACK_INTENT, Example
from bot.engine.understanding import archive
from bot.engine.understanding.archive import ArchiveDamaged
from bot.engine.understanding.classifier import TopicClassifier
from bot.engine.understanding.model import OUTSIDE
from tests.engine.understanding.conftest import Examples
from tests.engine.understanding.costs import configured

CONFIG = {"costs": configured()}
CONTEXT = ExecutionContext(GraphSchema({}), "test")
RESOURCE = Resource("classifier")


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> LocalModelStorage:
    return LocalModelStorage(tmp_path_factory.mktemp("storage"))


@pytest.fixture(scope="module")
def trained(storage: LocalModelStorage, examples: Examples) -> TopicClassifier:
    classifier = TopicClassifier.create(CONFIG, storage, RESOURCE, CONTEXT)
    assert classifier.train(training_data(*examples)) == RESOURCE
    return classifier


@pytest.fixture(scope="module")
def loaded(trained: TopicClassifier, storage: LocalModelStorage) -> TopicClassifier:
    return TopicClassifier.load(CONFIG, storage, RESOURCE, CONTEXT)


def training_data(texts: Sequence[str], intents: Sequence[str]) -> TrainingData:
    return TrainingData(
        [Example(data={"text": text, "intent": intent}) for text, intent in zip(texts, intents, strict=True)]
    )


def understood(
    classifier: TopicClassifier, text: str, institution: str | None = None, tracker: DialogueStateTracker | None = None
) -> dict[str, Any]:
    """Return what the component adds for Rasa to hand on."""
    metadata = {"metadata": {"institution": institution}} if institution else {}
    (message,) = classifier.process([Message({"text": text, **metadata})], tracker)
    return dict(message.as_dict(only_output_properties=True))


def conversation(*events: Event) -> DialogueStateTracker:
    return DialogueStateTracker.from_events("c", list(events))


def wrote(text: str, intent: str) -> list[Event]:
    """Return a turn: what the customer wrote, what it was taken for, and an answer."""
    return [UserUttered(text, {"name": intent, "confidence": 0.9}), ActionExecuted(f"utter_{intent}"), BotUttered("…")]


# --- intent, ranking, decision ---------------------------------------------------------------------


def test_a_question_has_its_topic_the_probability_and_the_decision_to_answer(loaded: TopicClassifier) -> None:
    found = understood(loaded, "通知信可以關掉嗎")
    assert found["intent"]["name"] == "notice_opt_out"
    assert 0.9 < found["intent"]["confidence"] <= 1
    assert found["decision"] == "answer"


def test_the_ranking_begins_with_the_intent_and_falls(loaded: TopicClassifier) -> None:
    found = understood(loaded, "通知信可以關掉嗎")
    confidences = [candidate["confidence"] for candidate in found["intent_ranking"]]
    assert found["intent_ranking"][0] == found["intent"]
    assert confidences == sorted(confidences, reverse=True)


def test_what_is_not_understood_is_the_fallback_and_still_ranked(loaded: TopicClassifier) -> None:
    found = understood(loaded, "qqqq zzzz")
    best = found["intent_ranking"][0]["confidence"]
    assert found["intent"] == {"name": FALLBACK_INTENT, "confidence": 1 - best}
    assert len(found["intent_ranking"]) == 4
    assert found["decision"] == "handover"


def test_what_would_be_asked_back_is_the_fallback_and_says_so(
    storage: LocalModelStorage, loaded: TopicClassifier
) -> None:
    free = {**configured(), "ask": 0.0, "not_among": 0.0}
    classifier = TopicClassifier.load({"costs": free}, storage, RESOURCE, CONTEXT)
    found = understood(classifier, "通知信可以關掉嗎")
    assert found["intent"]["name"] == FALLBACK_INTENT
    assert found["decision"] == "clarify"
    assert found["intent_ranking"] == understood(loaded, "通知信可以關掉嗎")["intent_ranking"]


def test_what_is_outside_is_an_intent_of_its_own_and_no_fallback(agent: Agent) -> None:
    found = parsed(agent, "台積電現在多少錢")
    assert (found["intent"]["name"], found["decision"]) == (OUTSIDE, "handover")


def test_a_second_question_is_named_and_a_single_one_names_none(loaded: TopicClassifier) -> None:
    assert understood(loaded, "通知信可以關掉嗎？驗證碼多久有效？")["also"] == "otp_validity"
    assert "also" not in understood(loaded, "通知信可以關掉嗎")


def test_every_message_is_understood_by_itself(loaded: TopicClassifier) -> None:
    messages = [Message({"text": text}) for text in ("通知信可以關掉嗎", "手機掉了", "qqqq")]
    found = [message.get("intent")["name"] for message in loaded.process(messages)]
    assert found == ["notice_opt_out", "phone_lost", FALLBACK_INTENT]


def test_a_message_without_words_is_left_alone(loaded: TopicClassifier) -> None:
    assert understood(loaded, "") == {"text": ""}


def test_the_institution_of_the_conversation_decides_too(loaded: TopicClassifier) -> None:
    confidence = {
        institution: {
            c["name"]: c["confidence"] for c in understood(loaded, "不想再收到", institution)["intent_ranking"]
        }
        for institution in ("hnyc", "icbca")
    }
    assert confidence["icbca"]["notice_opt_out"] < confidence["hnyc"]["notice_opt_out"]


def test_without_a_gateway_it_is_the_default_institution(loaded: TopicClassifier) -> None:
    assert understood(loaded, "不想再收到") == understood(loaded, "不想再收到", "hnyc")


# --- what was asked before -------------------------------------------------------------------------


def topic_after(classifier: TopicClassifier, text: str, *turns: list[Event]) -> str:
    tracker = conversation(*(event for turn in turns for event in turn))
    return str(understood(classifier, text, tracker=tracker)["intent"]["name"])


LIFETIME = ("驗證碼多久有效", "otp_validity")


def test_words_that_lean_are_read_with_the_question_before(loaded: TopicClassifier) -> None:
    assert topic_after(loaded, "那email的呢", wrote(*LIFETIME)) == "otp_validity"
    assert understood(loaded, "那email的呢")["intent"]["name"] != "otp_validity"


def test_of_several_questions_the_last_one_counts(loaded: TopicClassifier) -> None:
    assert topic_after(loaded, "為什麼", wrote("手機掉了怎麼辦", "phone_lost"), wrote(*LIFETIME)) == "otp_validity"
    assert topic_after(loaded, "為什麼", wrote(*LIFETIME), wrote("手機掉了怎麼辦", "phone_lost")) == "phone_lost"


def test_a_courtesy_in_between_is_no_question(loaded: TopicClassifier) -> None:
    for courtesy in (("謝謝", "thanks"), ("好", "affirm"), ("你好", "greet")):
        assert topic_after(loaded, "那email的呢", wrote(*LIFETIME), wrote(*courtesy)) == "otp_validity"


def test_after_words_that_leaned_too_it_is_still_the_same_topic(loaded: TopicClassifier) -> None:
    assert topic_after(loaded, "為什麼", wrote(*LIFETIME), wrote("那email的呢", "otp_validity")) == "otp_validity"


def test_a_button_that_was_pressed_is_a_question_too(loaded: TopicClassifier) -> None:
    assert topic_after(loaded, "那email的呢", wrote(payload("otp_validity"), "otp_validity")) == "otp_validity"


def test_a_button_of_a_flow_is_no_question(loaded: TopicClassifier) -> None:
    pressed = wrote(payload("inform", otp_channel="sms"), "inform")
    assert topic_after(loaded, "那email的呢", wrote(*LIFETIME), pressed) == "otp_validity"
    assert understood(loaded, "那email的呢", tracker=conversation(*pressed)) == understood(loaded, "那email的呢")


def test_in_an_empty_conversation_words_count_alone(loaded: TopicClassifier) -> None:
    assert understood(loaded, "那email的呢", tracker=conversation()) == understood(loaded, "那email的呢")


def test_a_question_that_stands_by_itself_is_the_same_after_any_other(loaded: TopicClassifier) -> None:
    after = understood(loaded, "手機不見了", tracker=conversation(*wrote(*LIFETIME)))
    assert after == understood(loaded, "手機不見了")


# --- trained, stored, loaded -----------------------------------------------------------------------


def test_a_loaded_component_understands_as_the_trained_one(
    trained: TopicClassifier, loaded: TopicClassifier, examples: Examples
) -> None:
    for text in (*examples[0][::7], "", "qqqq", "通知信可以關掉嗎？驗證碼多久有效？"):
        assert understood(loaded, text) == understood(trained, text), text


def test_what_is_stored_is_json_and_arrays(trained: TopicClassifier, storage: LocalModelStorage) -> None:
    with storage.read_from(RESOURCE) as folder:
        assert {file.name for file in Path(folder).iterdir()} == {archive.JSON, archive.ARRAYS}


def test_a_damaged_model_is_not_loaded(examples: Examples, tmp_path: Path) -> None:
    storage = LocalModelStorage(tmp_path)
    TopicClassifier.create(CONFIG, storage, RESOURCE, CONTEXT).train(training_data(*examples))
    with storage.write_to(RESOURCE) as folder:
        stored = Path(folder) / archive.ARRAYS
        stored.write_bytes(stored.read_bytes()[:-1])
    with pytest.raises(ArchiveDamaged, match=r"Train again: \./anxin train$"):
        TopicClassifier.load(CONFIG, storage, RESOURCE, CONTEXT)


def test_a_pipeline_without_costs_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^config\.yml: costs needs the numbers"):
        TopicClassifier.create(TopicClassifier.get_default_config(), LocalModelStorage(tmp_path), RESOURCE, CONTEXT)


def test_rasa_takes_it_for_an_intent_classifier_that_is_trained() -> None:
    registered = DefaultV1Recipe._registered_components["TopicClassifier"]
    assert (registered.types, registered.is_trainable) == ({DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER}, True)


# --- in the assistant ------------------------------------------------------------------------------


def parsed(agent: Agent, text: str, **metadata: str) -> dict[str, Any]:
    assert agent.processor is not None
    return dict(asyncio.run(agent.processor.parse_message(UserMessage(text, metadata=metadata))))


def test_the_assistant_knows_every_topic(agent: Agent) -> None:
    for topic in load_topics().values():
        institution = next(iter(topic.answers))
        found = parsed(agent, topic.title["zh-Hant"], institution=institution)
        assert topic.id in [candidate["name"] for candidate in found["intent_ranking"][:3]], topic.id


def test_the_assistant_hands_the_decision_and_a_second_question_on(agent: Agent) -> None:
    found = parsed(agent, "通知信可以關掉嗎？驗證碼多久有效？")
    assert (found["intent"]["name"], found["decision"], found["also"]) == ("notice_opt_out", "answer", "otp_validity")
