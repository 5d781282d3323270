"""Our understanding as a component of Rasa's pipeline: intent, ranking, and "not understood" below the threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.content.institutions import DEFAULT_INSTITUTION
from bot.engine.importer import FALLBACK_INTENT
from bot.engine.understanding.decision import offered_by, weighed
from bot.engine.understanding.model import LinearModel

RANKED = 5


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(GraphComponent):
    """Names the topic or flow of a message, with the probability that this is right."""

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._threshold: float = config["threshold"]
        self._storage = storage
        self._resource = resource
        self.model: LinearModel | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"threshold": 0.4}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TopicClassifier:
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        examples = training_data.intent_examples
        self.model = LinearModel.train([e.get(TEXT) for e in examples], [e.get(INTENT) for e in examples])
        with self._storage.write_to(self._resource) as folder:
            self.model.save(Path(folder))
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> TopicClassifier:
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component.model = LinearModel.load(Path(folder))
        offered_by()  # read now: the first customer need not wait for it
        return component

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            if message.get(TEXT):
                self._classify(message)
        return messages

    def _classify(self, message: Message) -> None:
        assert self.model is not None, "train or load before process"
        institution = (message.get("metadata") or {}).get("institution", DEFAULT_INSTITUTION)
        probabilities = weighed(self.model.probabilities(message.get(TEXT)), self.model.intents, institution)
        order = np.argsort(-probabilities, kind="stable")[:RANKED]
        ranking = [{"name": self.model.intents[i], "confidence": float(probabilities[i])} for i in order]
        best = ranking[0]
        if best["confidence"] < self._threshold:
            best = {"name": FALLBACK_INTENT, "confidence": 1.0 - float(best["confidence"])}
        message.set(INTENT, best, add_to_output=True)
        message.set("intent_ranking", ranking, add_to_output=True)
