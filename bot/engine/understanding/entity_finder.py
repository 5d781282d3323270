"""Our entities as a component of Rasa's pipeline. They fill no slot: custom actions look at them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.content.institutions import DEFAULT_INSTITUTION, load_institutions
from bot.engine.understanding.entities import EntityRules


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class EntityFinder(GraphComponent):
    """Adds what `EntityRules` finds to each message, by the institution of its conversation."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """`now`: returns an aware time; each institution has its own day."""
        self._now = now
        self._institutions = load_institutions()
        self._rules = EntityRules(self._institutions)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> EntityFinder:
        return cls(lambda: datetime.now(timezone.utc))

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            if message.get(TEXT):
                found = [*message.get(ENTITIES, []), *self._found(message)]
                message.set(ENTITIES, found, add_to_output=True)
        return messages

    def _found(self, message: Message) -> list[dict[str, Any]]:
        institution = (message.get("metadata") or {}).get("institution", DEFAULT_INSTITUTION)
        now = self._now().astimezone(self._institutions[institution].zone)
        found = self._rules.find(message.get(TEXT), institution, now)
        return [{**entity._asdict(), "extractor": type(self).__name__} for entity in found]
