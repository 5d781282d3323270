"""Our entities in Rasa's pipeline: by the institution and its day, and no way into a slot."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import yaml
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.contracts.turn import parse_payload
from bot.engine.understanding.entities import NAMES
from bot.engine.understanding.entity_finder import EntityFinder
from bot.settings import ROOT

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=timezone.utc)  # in Taipei and Hong Kong


@pytest.fixture(scope="module")
def finder() -> EntityFinder:
    return EntityFinder(lambda: NOON)


def found(finder: EntityFinder, text: str, institution: str | None = None, **data: Any) -> list[dict[str, Any]]:
    metadata = {"metadata": {"institution": institution}} if institution else {}
    (message,) = finder.process([Message({TEXT: text, **metadata, **data})])
    entities: list[dict[str, Any]] = message.as_dict(only_output_properties=True).get(ENTITIES, [])
    return entities


def test_an_entity_is_told_as_rasa_tells_it(finder: EntityFinder) -> None:
    assert found(finder, "今天早上e指發一直閃退") == [
        {"entity": "date", "start": 0, "end": 4, "value": "2026-11-20", "extractor": "EntityFinder"},
        {"entity": "platform", "start": 4, "end": 7, "value": "e指發", "extractor": "EntityFinder"},
    ]


def test_the_institution_of_the_conversation_decides_which_platforms_there_are(finder: EntityFinder) -> None:
    assert [len(found(finder, "智投資閃退", id_)) for id_ in ("hnyc", "gtjai", "icbca")] == [0, 0, 1]


def test_without_a_gateway_it_is_the_default_institution(finder: EntityFinder) -> None:
    assert [entity["value"] for entity in found(finder, "XQ斷線")] == ["嘉實XQM APP"]


def test_the_day_is_that_of_the_institution_and_not_of_the_server() -> None:
    late = EntityFinder(lambda: NOON + timedelta(hours=12, seconds=1))  # still the 20th in London
    assert [entity["value"] for entity in found(late, "今天")] == ["2026-11-21"]


def test_what_was_found_before_is_kept(finder: EntityFinder) -> None:
    before = {"entity": "x", "start": 0, "end": 1, "value": "x"}
    assert [entity["entity"] for entity in found(finder, "XQ", entities=[before])] == ["x", "platform"]


def test_a_message_without_words_is_left_alone(finder: EntityFinder) -> None:
    (message,) = finder.process([Message({"intent": "greet"})])
    assert message.get(ENTITIES) is None


def test_rasa_takes_it_for_an_entity_extractor_that_needs_no_training() -> None:
    registered = DefaultV1Recipe._registered_components["EntityFinder"]
    assert (registered.types, registered.is_trainable) == ({DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR}, False)


# --- no way into a slot -----------------------------------------------------------------------------------------------


def domain() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    return read


def test_every_entity_is_in_the_domain() -> None:
    assert set(NAMES) <= set(domain()["entities"])


def test_no_slot_is_filled_by_an_entity_that_is_found_in_words() -> None:
    mappings = [mapping for slot in domain()["slots"].values() for mapping in slot["mappings"]]
    assert {mapping.get("entity") for mapping in mappings} & set(NAMES) == set()


def test_no_slot_has_the_name_of_an_entity_that_is_found_in_words() -> None:
    assert set(domain()["slots"]) & set(NAMES) == set()


def test_no_button_carries_an_entity_that_is_found_in_words() -> None:
    carried = set()
    for file in (ROOT / "data" / "flows").glob("*.yml"):
        for variations in (yaml.safe_load(file.read_text(encoding="utf-8")).get("responses") or {}).values():
            for variation in variations:
                for button in variation.get("buttons") or ():
                    carried |= {entity["entity"] for entity in parse_payload(button["payload"])["entities"]}
    assert carried
    assert carried & set(NAMES) == set()
