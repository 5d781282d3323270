"""Every refusal has an answer of its own, in every language, and says nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from actions.security import errors
from actions.security.errors import OtpRefusal, Refusal

FLOWS = Path(__file__).parents[3] / "data" / "flows"


def leaves(of: type[Refusal]) -> Iterator[type[Refusal]]:
    below = of.__subclasses__()
    if not below:
        yield of
    for refusal in below:
        yield from leaves(refusal)


ALL = sorted(leaves(Refusal), key=lambda refusal: refusal.__name__)


@pytest.fixture(scope="module")
def answers() -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for file in FLOWS.glob("*.yml"):
        found.update(yaml.safe_load(file.read_text(encoding="utf-8")).get("responses") or {})
    return found


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: str(refusal.__name__))
@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hans", "en"])
def test_every_refusal_has_an_answer_in_every_language(
    refusal: type[Refusal], language: str, answers: dict[str, list[dict[str, dict[str, str]]]]
) -> None:
    languages = [(variant.get("metadata") or {}).get("language") for variant in answers.get(refusal.response, [])]
    assert language in languages


def test_every_refused_code_has_words_of_its_own() -> None:
    responses = [refusal.response for refusal in leaves(OtpRefusal)]
    assert len(set(responses)) == len(responses)


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: str(refusal.__name__))
def test_a_refusal_prints_its_name_and_no_facts(refusal: type[Refusal]) -> None:
    assert str(refusal(report="canary")) == refusal.__name__
    assert "canary" not in repr(refusal(report="canary"))


def test_the_drawing_names_every_refusal() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Refusal)}
    assert drawn == defined - {"Refusal"}
