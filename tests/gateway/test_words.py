"""Words of the page and of its errors: complete in three languages, and nothing left to fill in."""

from __future__ import annotations

import ast
import string

import pytest

from bot.content.institutions import load_institutions
from bot.content.language import LANGUAGES
from bot.content.page import labels, load_words
from bot.gateway.pages import page_language, preferred_language
from bot.gateway.problems import STATUS, Problem, response
from bot.settings import ROOT

KNOWN_PLACEHOLDERS = {"hotline", "reference", "institution"}
ERRORS = load_words("errors")
FIRMS = load_institutions()


def codes_in_the_gateway() -> set[str]:
    """Every code that the gateway's source names when it raises a problem."""
    named = set()
    for file in (ROOT / "bot" / "gateway").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_problem = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem"
            if is_problem and node.args and isinstance(node.args[0], ast.Constant):  # type: ignore[attr-defined]
                named.add(str(node.args[0].value))  # type: ignore[attr-defined]
    return named


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_code_that_is_raised_has_a_status() -> None:
    assert codes_in_the_gateway() - set(STATUS) == set()


@pytest.mark.parametrize("code", STATUS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_is_worded_in_every_language(code: str, language: str) -> None:
    assert ERRORS[code][language].strip()


@pytest.mark.parametrize("code", ["engine_down", "actions_down", "database_down"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unknown_outcome_is_worded_otherwise(code: str, language: str) -> None:
    assert ERRORS[f"{code}_unknown"][language] not in ("", ERRORS[code][language])


@pytest.mark.parametrize("key", ERRORS)
def test_no_text_is_for_a_code_that_nobody_raises(key: str) -> None:
    assert key.removesuffix("_unknown") in STATUS


@pytest.mark.parametrize("key", ERRORS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_has_no_placeholder_that_nobody_fills(key: str, language: str) -> None:
    assert placeholders(ERRORS[key][language]) <= KNOWN_PLACEHOLDERS


@pytest.mark.parametrize("key", ERRORS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_shows_its_reference(key: str, language: str) -> None:
    assert "reference" in placeholders(ERRORS[key][language])


@pytest.mark.parametrize("key", [key for key in ERRORS if STATUS[key.removesuffix("_unknown")] >= 500])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_of_ours_shows_the_hotline(key: str, language: str) -> None:
    assert "hotline" in placeholders(ERRORS[key][language])


@pytest.mark.parametrize("key", ERRORS)
def test_an_error_says_the_same_facts_in_every_language(key: str) -> None:
    assert len({frozenset(placeholders(ERRORS[key][language])) for language in LANGUAGES}) == 1


@pytest.mark.parametrize("code", STATUS)
@pytest.mark.parametrize("institution", ["hnyc", "gtjai", "icbca"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_can_be_said(code: str, institution: str, language: str) -> None:
    said = response(Problem(code), FIRMS[institution], language)
    assert said.status == STATUS[code]
    assert "{" not in (said.body or b"").decode().split('"message"')[1]


def test_two_errors_have_two_references() -> None:
    firm = FIRMS["hnyc"]
    assert response(Problem("busy"), firm, "en").body != response(Problem("busy"), firm, "en").body


@pytest.mark.parametrize("label", load_words("labels"))
def test_a_label_is_there_in_every_language_and_no_other(label: str) -> None:
    assert set(load_words("labels")[label]) == set(LANGUAGES)


@pytest.mark.parametrize("label", load_words("labels"))
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_label_has_words_and_no_placeholder(label: str, language: str) -> None:
    text = labels(language)[label]
    assert text.strip()
    assert placeholders(text) == set()


# --- which language -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh-Hant"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-Hant-HK,en", "zh-Hant"),
        ("zh", "zh-Hant"),
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-Hans-HK", "zh-Hans"),
        ("ZH-CN", "zh-Hans"),
        ("en-US,en;q=0.9,zh-TW;q=0.8", "en"),
        ("en", "en"),
        ("ja,en;q=0.5", "en"),
        ("ja-JP", "zh-Hant"),
        ("fr-FR, de", "zh-Hant"),
        ("*", "zh-Hant"),
        (" en-GB ; q=1", "en"),
        (",,,", "zh-Hant"),
        (";;;q=", "zh-Hant"),
        ("\x00", "zh-Hant"),
        ("x" * 10_000, "zh-Hant"),
        ("ja," * 5000 + "en", "zh-Hant"),
    ],
)
def test_the_language_that_a_browser_prefers_is_taken(header: str, language: str) -> None:
    assert preferred_language(header) == language


@pytest.mark.parametrize(
    ("language", "jurisdiction", "tag"),
    [
        ("zh-Hant", "TW", "zh-Hant-TW"),
        ("zh-Hant", "HK", "zh-Hant-HK"),
        ("zh-Hans", "HK", "zh-Hans-CN"),
        ("zh-Hans", "TW", "zh-Hans-CN"),
        ("en", "TW", "en"),
    ],
)
def test_chinese_is_named_with_its_place(language: str, jurisdiction: str, tag: str) -> None:
    assert page_language(language, jurisdiction) == tag
