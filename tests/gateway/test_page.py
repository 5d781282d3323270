"""The page: nothing inline, nothing from elsewhere, and the right hotline and language."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from bot.content.institutions import load_institutions
from bot.content.page import load_words
from tests.gateway.processes import Browser

INSTITUTIONS = ("hnyc", "gtjai", "icbca")
LANGUAGES = {"zh-TW": "zh-Hant", "zh-CN": "zh-Hans", "en": "en"}
ASSETS = ("chat.js", "chat.css", "mark.svg")


class Reader(HTMLParser):
    """Notes every element with its attributes, and the text inside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.inline: list[str] = []
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._in = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in and data.strip():
            self.inline.append(data)

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]


def page(browser: Browser, institution: str = "hnyc", accepted: str = "zh-TW") -> str:
    reply = browser.http.get(f"/Webhook/{institution}/", headers={"accept-language": accepted})
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return reply.text


@pytest.mark.parametrize("institution", INSTITUTIONS)
@pytest.mark.parametrize("accepted", LANGUAGES)
def test_the_page_has_no_script_and_no_style_in_it(stranger: Browser, institution: str, accepted: str) -> None:
    read = Reader(page(stranger, institution, accepted))
    assert read.inline == []
    assert [tag for tag, _ in read.elements if tag == "style"] == []
    assert read.values("style") == []


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_the_page_has_no_handlers_in_it(stranger: Browser, institution: str) -> None:
    names = {name for _, attributes in Reader(page(stranger, institution)).elements for name in attributes}
    assert [name for name in names if name.startswith("on")] == []


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_the_page_loads_from_our_own_address_only(stranger: Browser, institution: str) -> None:
    read = Reader(page(stranger, institution))
    for address in (*read.values("src"), *read.values("href"), *read.values("action")):
        assert re.match(r"/Webhook/|#|tel:", address), address


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_the_page_names_no_outside_address(stranger: Browser, institution: str) -> None:
    assert re.findall(r"(?:https?:)?//[\w.-]+", page(stranger, institution)) == []


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_names_no_outside_address(stranger: Browser, asset: str) -> None:
    reply = stranger.http.get(f"/Webhook/static/{asset}")
    assert reply.status_code == 200
    found = re.findall(r"(?:https?:|wss?:|@import|url\()\S*", reply.text)
    assert [address for address in found if not address.startswith("http://www.w3.org/2000/svg")] == []


def test_the_script_sets_text_never_html(stranger: Browser) -> None:
    script = stranger.http.get("/Webhook/static/chat.js").text
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script) == []


def test_everything_that_the_page_needs_is_there(stranger: Browser) -> None:
    read = Reader(page(stranger))
    addresses = {a for a in (*read.values("src"), *read.values("href")) if a.startswith("/Webhook/static/")}
    assert len(addresses) >= 3
    assert {stranger.http.get(address).status_code for address in addresses} == {200}


@pytest.mark.parametrize("institution", INSTITUTIONS)
def test_the_page_shows_the_hotline_of_its_firm(stranger: Browser, institution: str) -> None:
    assert load_institutions()[institution].hotline in page(stranger, institution)


@pytest.mark.parametrize("accepted", LANGUAGES)
def test_the_page_is_in_the_language_of_the_browser(stranger: Browser, accepted: str) -> None:
    assert load_words("labels")["write"][LANGUAGES[accepted]] in page(stranger, "hnyc", accepted)


@pytest.mark.parametrize(
    ("institution", "accepted", "tag"),
    [
        ("hnyc", "zh-TW", "zh-Hant-TW"),
        ("gtjai", "zh-HK", "zh-Hant-HK"),
        ("hnyc", "zh-CN", "zh-Hans-CN"),
        ("icbca", "en", "en"),
    ],
)
def test_the_page_says_its_language(stranger: Browser, institution: str, accepted: str, tag: str) -> None:
    assert Reader(page(stranger, institution, accepted)).elements[0] == ("html", {"lang": tag})


def test_the_page_without_a_firm_is_the_default_one(stranger: Browser) -> None:
    assert stranger.http.get("/Webhook/").text == page(stranger, "hnyc", "")


def test_the_page_goes_on_in_the_language_of_its_conversation(stranger: Browser) -> None:
    stranger.open("hnyc", "en")
    assert load_words("labels")["write"]["en"] in page(stranger, "hnyc", "zh-TW")


def test_the_page_knows_that_a_conversation_goes_on(stranger: Browser) -> None:
    before = Reader(page(stranger)).values("data-going-on")
    stranger.open("hnyc")
    assert (before, Reader(page(stranger)).values("data-going-on")) == (["no"], ["yes"])


def test_a_conversation_with_another_firm_does_not_go_on_here(stranger: Browser) -> None:
    stranger.open("gtjai")
    assert Reader(page(stranger, "hnyc")).values("data-going-on") == ["no"]


def test_every_word_that_the_page_asks_for_is_there(stranger: Browser) -> None:
    read, script = Reader(page(stranger)), stranger.http.get("/Webhook/static/chat.js").text
    asked = {*read.values("data-word"), *read.values("data-word-label"), *read.values("data-word-placeholder")}
    asked |= set(re.findall(r'\bword\("(\w+)"\)', script))
    assert asked - set(load_words("labels")) - {"institution"} == set()


def test_every_field_has_a_label(stranger: Browser) -> None:
    read = Reader(page(stranger))
    fields = {a["id"] for tag, a in read.elements if tag in ("input", "textarea")}
    assert fields == set(read.values("for"))
