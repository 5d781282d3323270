"""Our understanding as a component of Rasa's pipeline: intent, ranking, decision, and a second question."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.content.institutions import DEFAULT_INSTITUTION
from bot.engine.importer import FALLBACK_INTENT
from bot.engine.understanding import archive
from bot.engine.understanding.concepts import CONCEPTS, Lexicon, read_entries
from bot.engine.understanding.decision import Costs, known_topics, offered_by
from bot.engine.understanding.follow_up import follows
from bot.engine.understanding.model import OUTSIDE, Understanding
from bot.engine.understanding.reading import COURTESIES, Reader


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TopicClassifier(GraphComponent):
    """Names the topic or flow of a message, with the probability that this is right."""

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._costs = Costs.from_config(config["costs"])
        self._storage = storage
        self._resource = resource
        self.reader: Reader | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"costs": {}}

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Return what Rasa cannot see of what a model is made from: this package and the lexicon.

        Without it Rasa would take an old model out of its cache after either has changed.
        """
        made_from = hashlib.sha256()
        for file in (*sorted(Path(__file__).parent.glob("*.py")), CONCEPTS):
            made_from.update(file.read_bytes())
        return made_from.hexdigest()

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
        texts, intents = [e.get(TEXT) for e in examples], [e.get(INTENT) for e in examples]
        model = Understanding.train(texts, intents, Lexicon(read_entries()))
        with self._storage.write_to(self._resource) as folder:
            archive.save(model, Path(folder))
        self.reader = Reader(model, self._costs)
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
        """Read the trained model; raise `ArchiveDamaged` when it is not what was written."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            model = archive.load(lambda name: (Path(folder) / name).read_bytes())
        component.reader = Reader(model, component._costs)
        offered_by()  # read now: the first customer need not wait for it
        return component

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: list[Message], tracker: DialogueStateTracker | None = None) -> list[Message]:
        """Understand `messages`; `tracker`, where Rasa has one, tells what was asked before."""
        for message in messages:
            if message.get(TEXT):
                self._understand(message, tracker)
        return messages

    def _understand(self, message: Message, tracker: DialogueStateTracker | None) -> None:
        assert self.reader is not None, "train or load before process"
        institution = (message.get("metadata") or {}).get("institution", DEFAULT_INSTITUTION)
        reading = self.reader.read(message.get(TEXT), institution, self._asked_before(message.get(TEXT), tracker))
        understood = reading.understood
        is_known = understood.decision == "answer" or understood.topic == OUTSIDE
        intent = {"name": understood.topic, "confidence": understood.confidence}
        message.set(INTENT, intent if is_known else _not_understood(understood.confidence), add_to_output=True)
        ranking = [{"name": name, "confidence": p} for name, p in understood.ranking]
        message.set("intent_ranking", ranking, add_to_output=True)
        message.set("decision", understood.decision, add_to_output=True)
        if reading.also:
            message.set("also", reading.also, add_to_output=True)

    def _asked_before(self, text: str, tracker: DialogueStateTracker | None) -> str | None:
        """Return the customer's last question in words; of a button, or of words that leaned too, the topic's title.

        What clearly leans goes on with any question. A few words that may lean do not in a form, where they are what was
        asked for, nor after something that was not understood either.
        """
        clearly = follows(text)
        if tracker and tracker.active_loop_name and not clearly:
            return None
        for event in reversed(tracker.events if tracker else ()):
            if isinstance(event, UserUttered) and event.text and event.intent_name not in COURTESIES:
                if not clearly and event.intent_name in (FALLBACK_INTENT, OUTSIDE):
                    return None
                leans = event.text.startswith("/") or follows(event.text)
                asked = _title(event.intent_name) if leans else str(event.text)
                if asked:
                    return asked
        return None


def _title(intent: str | None) -> str | None:
    topic = known_topics().get(intent or "")
    return topic.title["zh-Hant"] if topic else None


def _not_understood(confidence: float) -> dict[str, Any]:
    return {"name": FALLBACK_INTENT, "confidence": 1.0 - confidence}
