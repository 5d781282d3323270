"""A notice's link opens a conversation about that notice, and gives no power: G45, and link trust."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.content.institutions import load_institutions
from bot.content.language import LANGUAGES
from bot.content.page import link_words, load_words
from bot.content.topics import load_topics
from bot.contracts.keys import load_or_create_master_key
from bot.contracts.link import LIFETIME, NOTICES, Link, link_key, write_link
from bot.gateway.links import BUTTONS, BUTTONS_OF_INFORMATION
from tests.actions.security.rounds import rounds, told
from tests.gateway.conftest import Installation
from tests.gateway.errors import assert_problem
from tests.gateway.processes import API, Browser, Gateway, Json, StandIn, said

FIRMS = load_institutions()
INFORMATION = [id_ for id_, firm in FIRMS.items() if firm.link_trust == "information"]
AT = datetime(2026, 11, 20, 0, 55, 7, tzinfo=UTC)  # 08:55 in Taipei and Hong Kong
REFERENCE = "NT-20261120-7K3M-QXRT"
PREFETCHES = rounds(1000)
NOTHING: dict[
    str, Callable[[str], str]
] = {  # that tells anything: what is wrong with it, and how it is made of a good one
    "altered": lambda token: token[:40] + ("A" if token[40] != "A" else "B") + token[41:],
    "cut": lambda token: token[:-5],
    "garbage": lambda token: "x" * 50,
    "long": lambda token: "A" * 2000,
    "not ASCII": lambda token: "通知信",
    "markup": lambda token: "<script>alert(1)</script>",
    "padded": lambda token: token + "=",
}


def token(
    gateway: Gateway,
    notice: str = "login_success",
    institution: str = "hnyc",
    language: str = "zh-Hant",
    platform: str = "e指發",
    reference: str = REFERENCE,
    until: datetime | None = None,
) -> str:
    key = link_key(load_or_create_master_key(gateway.var / "keys" / "master.key"), institution)
    return write_link(key, Link(notice, AT, platform, language, reference), until or datetime.now(UTC) + LIFETIME)


def opened(browser: Browser, **body: str) -> httpx.Response:
    return browser.http.post(f"{API}/conversations", json=body)


def titles(message: Json) -> list[str]:
    return [button["title"] for button in message["buttons"]]


def kept(gateway: Gateway) -> list[dict[str, Any]]:
    """Return the conversations of the log, the oldest first."""
    with closing(sqlite3.connect(gateway.var / "conversations.sqlite")) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM conversation ORDER BY opened_at")]


def counted(gateway: Gateway, name: str) -> float:
    text = httpx.get(f"{gateway.base_url}/metrics", trust_env=False).text
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    assert found
    return float(found[1])


@pytest.fixture
def visitor(installation: Installation) -> Iterator[Browser]:
    """A browser without a conversation, at a gateway whose engine answers."""
    browser = installation.gateway.browser()
    with browser.http:
        yield browser


# --- what is said first -------------------------------------------------------------------------------


def test_the_first_words_are_about_the_notice(visitor: Browser) -> None:
    reply = opened(visitor, link=token(visitor.gateway))
    (message,) = reply.json()["messages"]
    assert reply.status_code == 201
    assert message["text"].startswith(
        "您點的通知信說：2026/11/20 08:55 在「e指發」登入成功。\n通知編號：NT-20261120-7K3M-QXRT\n"
    )
    assert titles(message) == ["不是我登入的", "查證這封信", "怎麼變更密碼"]
    assert "ask" not in message


@pytest.mark.parametrize("notice", NOTICES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("institution", FIRMS)
@pytest.mark.parametrize("platform", ["", "e指發"])
def test_every_notice_has_words(stranger: Browser, notice: str, language: str, institution: str, platform: str) -> None:
    link = token(stranger.gateway, notice, institution, language, platform)
    (message,) = opened(stranger, institution=institution, link=link).json()["messages"]
    assert message["language"] == language
    assert "2026/11/20 08:55" in message["text"]
    assert REFERENCE in message["text"]
    assert ("e指發" in message["text"]) == bool(platform)
    assert not re.search(r"[{}]|  ", message["text"])
    assert message["buttons"]


def test_the_time_is_that_of_the_firm(stranger: Browser) -> None:
    for institution in FIRMS:
        stranger.http.cookies.clear()
        link = token(stranger.gateway, institution=institution)
        assert "2026/11/20 08:55 " in opened(stranger, institution=institution, link=link).json()["messages"][0]["text"]


def test_a_notice_without_a_reference_names_none(stranger: Browser) -> None:
    (message,) = opened(stranger, link=token(stranger.gateway, reference="")).json()["messages"]
    assert "通知編號" not in message["text"]


def test_the_first_words_need_no_engine(stranger: Browser) -> None:
    reply = opened(stranger, link=token(stranger.gateway, "password_locked"))
    (message,) = reply.json()["messages"]
    assert (reply.status_code, message["seq"], message["from"]) == (201, 1, "bot")
    assert titles(message) == ["解鎖密碼", "補發密碼", "不是我輸入的"]


def test_a_button_of_the_first_words_can_be_pressed(visitor: Browser, engine: StandIn) -> None:
    (message,) = opened(visitor, link=token(visitor.gateway, "password_changed")).json()["messages"]
    button = message["buttons"][0]["button"]
    before = len(engine.calls)
    assert visitor.post("messages", button=button).status_code == 200
    assert [call["payload"] for call in engine.calls[before:]] == ["/not_me"]


@pytest.mark.parametrize("institution", INFORMATION)
@pytest.mark.parametrize("notice", NOTICES)
def test_where_links_are_for_information_no_button_leads_to_a_code(
    visitor: Browser, engine: StandIn, institution: str, notice: str
) -> None:
    link = token(visitor.gateway, notice, institution)
    (message,) = opened(visitor, institution=institution, link=link).json()["messages"]
    before = len(engine.calls)
    for button in message["buttons"]:
        visitor.post("messages", button=button["button"])
    assert {call["payload"] for call in engine.calls[before:]} == {"/human", "/report_error"}


def test_every_button_leads_to_something_that_is_answered() -> None:
    flows = load_words("titles", Path(__file__).parents[2] / "data" / "flows")
    topics = load_topics()
    for table, firms in ((BUTTONS, ["hnyc"]), (dict.fromkeys(NOTICES, BUTTONS_OF_INFORMATION), INFORMATION)):
        assert set(table) == set(NOTICES)
        for _, intent in (button for buttons in table.values() for button in buttons):
            for firm in firms:
                assert firm in (flows[intent]["for"] if intent in flows else topics[intent].answers)


@pytest.mark.parametrize("institution", FIRMS)
def test_every_word_that_is_asked_for_is_there_and_no_other(institution: str) -> None:
    is_full = FIRMS[institution].link_trust == "full"
    buttons = [b for notice in NOTICES for b in (BUTTONS[notice] if is_full else BUTTONS_OF_INFORMATION)]
    asked = {*NOTICES, "on_platform", "numbered", *(title for title, _ in buttons)}
    assert set(link_words(institution)) == asked


# --- language -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link_says", "request_says", "browser_says", "language"),
    [
        ("en", None, "zh-TW", "en"),
        ("zh-Hans", None, "en", "zh-Hans"),
        ("en", "zh-Hant", "en", "zh-Hant"),
        (None, None, "en-GB", "en"),
        (None, None, "", "zh-Hant"),
    ],
)
def test_the_request_decides_the_language_then_the_link_then_the_browser(
    stranger: Browser, link_says: str | None, request_says: str | None, browser_says: str, language: str
) -> None:
    link = token(stranger.gateway, language=link_says) if link_says else "garbage"
    body = {"link": link, **({"language": request_says} if request_says else {})}
    reply = stranger.http.post(f"{API}/conversations", json=body, headers={"accept-language": browser_says})
    assert reply.json()["language"] == language


# --- what the engine is told --------------------------------------------------------------------------


def test_every_turn_carries_the_notice(visitor: Browser, engine: StandIn) -> None:
    opened(visitor, link=token(visitor.gateway))
    visitor.say("這是什麼通知信 7101")
    visitor.say("再問一次 7101")
    for text in ("這是什麼通知信 7101", "再問一次 7101"):
        caller = engine.calls_with(text)[0]["caller"]
        assert (caller["link"], caller["notice"]) == (True, REFERENCE)


@pytest.mark.parametrize("wrong", NOTHING)
def test_a_link_that_tells_nothing_still_counts_as_one(visitor: Browser, engine: StandIn, wrong: str) -> None:
    reply = opened(visitor, link=NOTHING[wrong](token(visitor.gateway)))
    assert (reply.status_code, [m["text"] for m in reply.json()["messages"]]) == (201, ["回覆 /greet"])
    visitor.say(f"問題 7102 {wrong}")
    caller = engine.calls_with(f"問題 7102 {wrong}")[0]["caller"]
    assert (caller["link"], caller["notice"]) == (True, "")


def test_an_expired_link_and_one_of_another_firm_tell_nothing(visitor: Browser) -> None:
    old = token(visitor.gateway, until=datetime.now(UTC) - timedelta(seconds=1))
    foreign = token(visitor.gateway, institution="gtjai")
    for link in (old, foreign):
        visitor.http.cookies.clear()
        reply = opened(visitor, link=link)
        assert (reply.status_code, reply.json()["messages"][0]["text"]) == (201, "回覆 /greet")
        assert (kept(visitor.gateway)[-1]["link"], kept(visitor.gateway)[-1]["notice"]) == (1, "")


def test_why_a_link_told_nothing_is_counted(visitor: Browser) -> None:
    good = token(visitor.gateway)
    old = token(visitor.gateway, until=datetime.now(UTC) - timedelta(seconds=1))
    names = [f"anxin_links_{why}_total" for why in ("altered", "expired", "malformed")]
    before = [counted(visitor.gateway, name) for name in names]
    for link in (good, NOTHING["altered"](good), old, "garbage!"):
        visitor.http.cookies.clear()
        opened(visitor, link=link)
    assert [counted(visitor.gateway, name) - known for name, known in zip(names, before, strict=True)] == [1, 1, 1]


# --- whose conversation goes on -----------------------------------------------------------------------


def test_a_notices_link_opens_a_new_conversation_beside_an_ongoing_one(visitor: Browser) -> None:
    visitor.open()
    before = visitor.token
    assert opened(visitor, link=token(visitor.gateway)).status_code == 201
    assert visitor.token != before
    assert len(visitor.messages()) == 1


@pytest.mark.parametrize("wrong", NOTHING)
def test_a_link_that_tells_nothing_takes_no_conversation_away(visitor: Browser, wrong: str) -> None:
    visitor.open()
    visitor.say("還在嗎")
    before = visitor.token
    reply = opened(visitor, link=NOTHING[wrong](token(visitor.gateway)))
    assert (reply.status_code, visitor.token) == (200, before)
    assert reply.json()["messages"] == visitor.messages()


def test_the_same_notice_clicked_again_brings_its_conversation_back(visitor: Browser) -> None:
    link = token(visitor.gateway)
    opened(visitor, link=link)
    visitor.say("密碼怎麼改")
    before, count = visitor.token, len(kept(visitor.gateway))
    again = opened(visitor, link=link)
    assert (again.status_code, visitor.token, len(kept(visitor.gateway))) == (200, before, count)
    assert [m["from"] for m in again.json()["messages"]] == ["bot", "customer", "bot"]


def test_another_notice_opens_another_conversation(visitor: Browser) -> None:
    opened(visitor, link=token(visitor.gateway))
    before = visitor.token
    assert opened(visitor, link=token(visitor.gateway, reference="NT-20261120-AAAA-BBBB")).status_code == 201
    assert visitor.token != before


def test_a_conversation_with_another_firm_does_not_go_on(visitor: Browser) -> None:
    opened(visitor, institution="gtjai", link="garbage")
    assert opened(visitor, institution="icbca", link="garbage").status_code == 201


@pytest.mark.parametrize("institution", INFORMATION)
def test_where_links_are_for_information_a_trusted_conversation_does_not_go_on_behind_one(
    visitor: Browser, institution: str
) -> None:
    visitor.open(institution)
    before = visitor.token
    assert opened(visitor, institution=institution, link="garbage").status_code == 201
    assert visitor.token != before
    assert kept(visitor.gateway)[-1]["link"] == 1
    assert opened(visitor, institution=institution, link="garbage").status_code == 200


def test_two_browsers_with_one_link_know_nothing_of_each_other(installation: Installation) -> None:
    link = token(installation.gateway)
    one, other = installation.gateway.browser(), installation.gateway.browser()
    with one.http, other.http:
        opened(one, link=link)
        opened(other, link=link)
        one.say("這裡是第一位")
        assert one.token != other.token
        assert [m["from"] for m in other.messages()] == ["bot"]
        assert len(one.messages()) == 3
    ids = {row["id"] for row in kept(installation.gateway) if row["notice"] == REFERENCE}
    assert len(ids) >= 2


# --- no power -----------------------------------------------------------------------------------------


def test_looking_at_a_link_uses_nothing_up(visitor: Browser, vault: StandIn, engine: StandIn) -> None:
    """Mail scanners open links before customers do (G45)."""
    link = token(visitor.gateway, reference="NT-20261120-PREF-ETCH")
    before = (kept(visitor.gateway), len(engine.calls), len(vault.calls))
    for _ in range(PREFETCHES):
        reply = visitor.http.get("/Webhook/", params={"c": link})
        assert reply.status_code == 200
    assert (kept(visitor.gateway), len(engine.calls), len(vault.calls)) == before
    assert "set-cookie" not in reply.headers
    assert "NT-20261120-PREF-ETCH" in opened(visitor, link=link).json()["messages"][0]["text"]
    told(prefetches=PREFETCHES, conversations=len(kept(visitor.gateway)) - len(before[0]))


def test_no_page_sends_a_referrer_and_none_is_stored(stranger: Browser) -> None:
    link = token(stranger.gateway)
    for address in ("/Webhook/", "/Webhook/gtjai/", "/Webhook/nobody/", "/elsewhere", "/Webhook/static/arrival.js"):
        reply = stranger.http.get(address, params={"c": link})
        assert reply.headers["referrer-policy"] == "no-referrer"
        if "static" not in address:
            assert reply.headers["cache-control"] == "no-store"
    for body in ({"link": link}, {"link": 7}, {"institution": "nobody", "link": link}):
        reply = stranger.http.post(f"{API}/conversations", json=body)
        assert (reply.headers["referrer-policy"], reply.headers["cache-control"]) == ("no-referrer", "no-store")


def test_the_token_is_in_no_page_no_answer_no_log_and_no_metric(visitor: Browser) -> None:
    gateway = visitor.gateway
    good, old = token(gateway), token(gateway, until=datetime.now(UTC) - timedelta(seconds=1))
    links = (good, old, NOTHING["altered"](good), NOTHING["cut"](good))
    said_back = []
    for link in links:
        for address in ("/Webhook/", "/Webhook/nobody/", "/nowhere", f"{API}/messages", f"{API}/stream"):
            said_back.append(visitor.http.get(address, params={"c": link, "after": "x"}).text)
        visitor.http.cookies.clear()
        said_back.append(opened(visitor, link=link).text)
        said_back.append(opened(visitor, link=link, institution="nobody").text)
    said_back.append(httpx.get(f"{gateway.base_url}/metrics", trust_env=False).text)
    stored = [file.read_bytes() for file in gateway.var.iterdir() if file.is_file()]
    assert gateway.log in gateway.var.iterdir()
    for link in links:
        part = link[10:40]
        assert [text for text in said_back if part in text] == []
        assert [content for content in stored if part.encode() in content] == []


# --- link trust ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("institution", INFORMATION)
@pytest.mark.parametrize("kind", ["account", "birth_date", "code"])
@pytest.mark.parametrize("readable", [True, False])
def test_a_secret_behind_a_link_for_information_is_refused_before_the_vault(
    visitor: Browser, vault: StandIn, engine: StandIn, institution: str, kind: str, readable: bool
) -> None:
    link = token(visitor.gateway, institution=institution) if readable else "garbage"
    opened(visitor, institution=institution, link=link)
    before, messages = (len(vault.calls), len(engine.calls)), visitor.messages()
    reply = visitor.post("secrets", kind=kind, value="483920")
    assert_problem(reply, 403, "link_no_secrets", institution=institution)
    assert FIRMS[institution].hotline in reply.text
    assert "483920" not in reply.text
    assert ((len(vault.calls), len(engine.calls)), visitor.messages()) == (before, messages)


def test_a_secret_is_taken_where_a_link_is_trusted(visitor: Browser) -> None:
    opened(visitor, link=token(visitor.gateway))
    assert visitor.post("secrets", kind="account", value="900018").status_code == 200


@pytest.mark.parametrize("institution", INFORMATION)
def test_a_secret_is_taken_where_no_link_was_used(visitor: Browser, institution: str) -> None:
    visitor.open(institution)
    assert visitor.post("secrets", kind="account", value="900018").status_code == 200


@pytest.mark.parametrize("institution", INFORMATION)
def test_how_to_be_reached_about_a_report_is_no_such_secret(visitor: Browser, institution: str) -> None:
    opened(visitor, institution=institution, link="garbage")
    assert visitor.post("secrets", kind="contact", value="demo@example.com").status_code == 200


@pytest.mark.parametrize("institution", INFORMATION)
@pytest.mark.parametrize("kind", ["account", "birth_date", "code"])
def test_a_question_that_a_flow_should_not_have_asked_is_not_shown(
    visitor: Browser, engine: StandIn, institution: str, kind: str
) -> None:
    text = f"忘了問連結 {institution} {kind}"
    engine.script(text, lambda _: said("請輸入", ask={"kind": kind}))
    opened(visitor, institution=institution, link="garbage")
    assert_problem(visitor.post("messages", text=text), 403, "link_no_secrets", institution=institution)
    assert all((message.get("ask") or {}).get("kind") != kind for message in visitor.messages())
    assert [(m["from"], m.get("state")) for m in visitor.messages()[1:]] == [("customer", "failed")]
