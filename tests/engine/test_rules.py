"""The rules do not contradict each other. Training leaves this check out because it doubles its time."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.core.policies.rule_policy import InvalidRule, RulePolicy
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain
from rasa.shared.core.generator import TrainingDataGenerator
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from rasa.shared.core.training_data.structures import RuleStep, StoryGraph
from rasa.shared.importers.importer import TrainingDataImporter


def check(stories: StoryGraph, domain: Domain, folder: Path) -> None:
    """Train Rasa's RulePolicy as config.yml has it, with its check switched on; it raises `InvalidRule`."""
    config = {**RulePolicy.get_default_config(), "enable_fallback_prediction": False, "check_for_contradictions": True}
    policy = RulePolicy(
        config, LocalModelStorage(folder), Resource("rules"), ExecutionContext(GraphSchema({}), "contradictions")
    )
    trackers = TrainingDataGenerator(
        stories, domain, unique_last_num_states=None, augmentation_factor=0, use_story_concatenation=False
    ).generate()
    policy.train(trackers, domain)


def written(rules: str) -> StoryGraph:
    return StoryGraph(YAMLStoryReader().read_from_string(rules))


def test_no_rule_contradicts_another_or_a_story(importer: TrainingDataImporter, domain: Domain, tmp_path: Path) -> None:
    check(importer.get_stories(), domain, tmp_path)


def test_the_check_would_notice_two_answers_to_one_intent(domain: Domain, tmp_path: Path) -> None:
    rules = """
    version: "3.1"
    rules:
    - rule: a greeting is answered
      steps: [{intent: greet}, {action: utter_greet}]
    - rule: a greeting is answered otherwise
      steps: [{intent: greet}, {action: utter_goodbye}]
    """
    with pytest.raises(InvalidRule):
        check(written(rules), domain, tmp_path)


def test_the_check_would_notice_a_form_that_is_not_resumed(domain: Domain, tmp_path: Path) -> None:
    rules = """
    version: "3.1"
    rules:
    - rule: a greeting in a report is answered, and the report goes on
      condition: [{active_loop: error_report_form}]
      steps: [{intent: greet}, {action: utter_greet}, {action: error_report_form}, {active_loop: error_report_form}]
    - rule: a greeting in a report ends the turn
      condition: [{active_loop: error_report_form}]
      steps: [{intent: greet}, {action: utter_greet}]
    """
    with pytest.raises(InvalidRule):
        check(written(rules), domain, tmp_path)


def test_everything_is_decided_by_rules(importer: TrainingDataImporter) -> None:
    # RulePolicy is the only policy: a story that is not a rule would train nothing.
    steps = importer.get_stories().story_steps
    assert [step.block_name for step in steps if not isinstance(step, RuleStep)] == []


def test_rule_policy_is_the_only_policy_and_guesses_nothing(importer: TrainingDataImporter) -> None:
    (policy,) = importer.get_config()["policies"]
    assert policy["name"] == "bot.engine.rasa_private.rules.IndexedRulePolicy"
    assert policy["enable_fallback_prediction"] is False
