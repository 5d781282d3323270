"""The page in a real Chromium, at the width of a phone."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, expect, sync_playwright

from bot.content.institutions import load_institutions
from bot.contracts.keys import load_or_create_master_key
from bot.contracts.link import LIFETIME, Link, link_key, write_link
from tests.e2e.conftest import REPORT_REFERENCE, ROOT, Anxin
from tests.e2e.test_main_job import tomorrow_in_taipei

FIRMS = load_institutions()
Arrive = Callable[..., Page]
SHOTS = ROOT / "build" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "the browser tests need Chromium: apt-get install chromium fonts-noto-cjk"
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained about: errors, and violations of the content security policy."""
    return []


@pytest.fixture
def page(browser: Browser, anxin: Anxin, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-TW")
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{anxin.base_url}/Webhook/")
    expect(page.get_by_role("button", name="解鎖密碼")).to_be_visible()
    yield page
    context.close()


def write(page: Page, text: str) -> None:
    page.get_by_label("輸入訊息").fill(text)
    page.keyboard.press("Enter")


def answers(page: Page, words: str) -> None:
    expect(page.get_by_role("log")).to_contain_text(words)


def enter(page: Page, label: str, value: str) -> None:
    field = page.get_by_label(label, exact=True)
    expect(field).to_be_visible()
    field.fill(value)
    page.keyboard.press("Enter")


def test_a_question_is_answered_with_its_source(page: Page, complaints: list[str]) -> None:
    write(page, "通知信可以關掉嗎")
    answers(page, "通知信無法關閉")
    answers(page, "核對")
    page.screenshot(path=SHOTS / "answer-390.png")
    assert complaints == []


def test_a_locked_customer_is_unlocked_and_refused_the_second_time(
    page: Page, anxin: Anxin, complaints: list[str]
) -> None:
    page.get_by_role("button", name="解鎖密碼").click()
    enter(page, "帳號", "900028")
    enter(page, "出生年月日", "071/02/02")
    page.get_by_role("button", name="簡訊 093***278").click()
    code = page.get_by_label("驗證碼", exact=True)
    expect(code).to_have_attribute("autocomplete", "one-time-code")
    expect(page.locator("#field-clock")).to_contain_text("剩餘時間")
    page.screenshot(path=SHOTS / "code-390.png")
    enter(page, "驗證碼", anxin.newest_code())
    answers(page, "已經解鎖")
    page.screenshot(path=SHOTS / "unlocked-390.png")
    write(page, "幫我解鎖密碼")
    answers(page, tomorrow_in_taipei())
    assert complaints == []


def test_a_report_is_filed_with_buttons_and_text(page: Page) -> None:
    page.get_by_role("button", name="回報問題").first.click()
    page.get_by_role("button", name="e指發").click()
    answers(page, "發生了什麼事")
    write(page, "按了下單沒有反應")
    page.get_by_role("button", name="今天").click()
    page.get_by_role("button", name="不用聯絡我").click()
    page.get_by_role("button", name="送出回報").click()
    answers(page, "已經收下")
    assert REPORT_REFERENCE.search(page.get_by_role("log").inner_text())


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the skip link
    page.keyboard.type("我要找真人")
    page.keyboard.press("Enter")
    answers(page, "08:00-19:00")
    assert page.evaluate("document.activeElement.id") == "composer-text"


def test_enter_that_ends_a_composition_does_not_send(page: Page) -> None:
    composer = page.get_by_label("輸入訊息")
    composer.fill("通知")
    composer.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    composer.dispatch_event("keydown", {"key": "Enter", "keyCode": 229})
    expect(composer).to_have_value("通知")


def test_a_reload_keeps_the_conversation_and_the_step(page: Page) -> None:
    page.get_by_role("button", name="解鎖密碼").click()
    expect(page.get_by_label("帳號", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_label("帳號", exact=True)).to_be_visible()
    expect(page.locator("li.message")).to_have_count(3)


def test_a_message_appears_once_though_answer_and_stream_both_bring_it(page: Page) -> None:
    write(page, "客服電話幾號")
    answers(page, "412-8889")
    page.wait_for_timeout(2500)  # longer than the stream's own look
    expect(page.locator("li.message.customer")).to_have_count(1)
    expect(page.locator("li.message.bot")).to_have_count(2)


def test_the_language_can_be_changed(page: Page) -> None:
    page.get_by_role("button", name="English").click()
    answers(page, "English from now on")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_label("Write a message")).to_be_visible()


def test_nothing_scrolls_sideways_and_targets_are_large(page: Page) -> None:
    write(page, "which mailbox do they go to")
    answers(page, "address on record")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = page.evaluate("[...document.querySelectorAll('button, input:not([hidden]), textarea')]"
                            ".filter(e => e.offsetParent).map(e => e.offsetHeight)")  # fmt: skip
    assert min(heights) >= 44


def test_a_text_with_markup_is_shown_as_text(page: Page, complaints: list[str]) -> None:
    write(page, "<img src=x onerror=alert(1)><script>alert(2)</script>")
    expect(page.locator("li.message.customer .text")).to_have_text(
        "<img src=x onerror=alert(1)><script>alert(2)</script>"
    )
    assert page.locator("li.message img, li.message script").count() == 0
    assert complaints == []


def test_a_hung_engine_is_shown_with_a_way_to_try_again(page: Page, anxin: Anxin) -> None:
    process = anxin.process_on("engine")
    os.kill(process, signal.SIGSTOP)
    try:
        write(page, "期貨登入也會寄信嗎")
        expect(page.get_by_role("alert")).to_contain_text("412-8889", timeout=6000)
        page.screenshot(path=SHOTS / "engine-hung-390.png")
    finally:
        os.kill(process, signal.SIGCONT)
    page.get_by_role("button", name="再試一次").click()
    answers(page, "期貨和選擇權")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_page_fits_a_desktop_too(browser: Browser, anxin: Anxin) -> None:
    page = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-GB").new_page()
    page.goto(f"{anxin.base_url}/Webhook/gtjai/")
    expect(page.get_by_role("heading")).to_have_text("Guotai Junan International")
    expect(page.get_by_role("button", name="I lost my phone")).to_be_visible()
    page.screenshot(path=SHOTS / "gtjai-1366.png")
    page.context.close()


# --- arrived by a notice's link -------------------------------------------------------------------------

HAPPENED = datetime(2026, 11, 20, 0, 55, 7, tzinfo=UTC)  # 08:55 in Taipei and Hong Kong


def notice_link(anxin: Anxin, notice: str, institution: str = "hnyc", language: str = "zh-Hant", number: str = "QXRT") -> str:  # fmt: skip
    """Return the token of a link as a notice carries it."""
    key = link_key(load_or_create_master_key(anxin.var / "keys" / "master.key"), institution)
    platform = FIRMS[institution].platforms[0]
    told = Link(notice, HAPPENED, platform, language, f"NT-20261120-7K3M-{number}")
    return write_link(key, told, datetime.now(UTC) + LIFETIME)


@pytest.fixture
def requests() -> list[Request]:
    """Every request that the browser made."""
    return []


@pytest.fixture
def arrive(browser: Browser, anxin: Anxin, complaints: list[str], requests: list[Request]) -> Iterator[Arrive]:
    """Open a page by its link, as a click in a mail does."""
    contexts: list[BrowserContext] = []

    def arrive(token: str, path: str = "/Webhook/", width: int = 390, locale: str = "zh-TW") -> Page:
        size: ViewportSize = {"width": width, "height": 844 if width < 600 else 768}
        context = browser.new_context(viewport=size, locale=locale)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request))
        page.goto(f"{anxin.base_url}{path}?c={token}")
        expect(page.locator("li.message.bot").first).to_be_visible()
        return page

    yield arrive
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [390, 1366])
def test_a_conversation_from_a_notice_begins_with_the_notice(
    arrive: Arrive, anxin: Anxin, complaints: list[str], width: int
) -> None:
    page = arrive(notice_link(anxin, "login_success"), width=width)
    answers(page, "2026/11/20 08:55 在「華南永昌證券APP」登入成功")
    answers(page, "NT-20261120-7K3M-QXRT")
    for title in ("不是我登入的", "查證這封信", "怎麼變更密碼"):
        expect(page.get_by_role("button", name=title)).to_be_visible()
    page.screenshot(path=SHOTS / f"from-notice-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="怎麼變更密碼").click()
    expect(page.locator("li.message.bot")).to_have_count(2)
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1366])
def test_at_a_firm_that_asks_for_nothing_behind_a_link_it_says_so(arrive: Arrive, anxin: Anxin, width: int) -> None:
    page = arrive(notice_link(anxin, "password_locked", "gtjai"), "/Webhook/gtjai/", width, "zh-HK")
    answers(page, "我不會在這裡要求帳號、生日或驗證碼")
    expect(page.get_by_role("button", name="解鎖密碼")).to_have_count(0)
    page.screenshot(path=SHOTS / f"from-notice-gtjai-{width}.png")


def test_the_token_leaves_the_address_before_anything_else_is_loaded(
    arrive: Arrive, anxin: Anxin, requests: list[Request]
) -> None:
    token = notice_link(anxin, "wrong_password")
    page = arrive(token)
    assert page.url == f"{anxin.base_url}/Webhook/"
    assert page.evaluate("history.length") <= 2
    assert requests[0].url.endswith(token)
    assert len(requests) > 4
    for request in requests[1:]:
        assert token not in request.url
        assert token not in str({**request.headers})
        assert not request.headers.get("referer")
    assert [r for r in requests if token in (r.post_data or "")] == [
        r for r in requests if r.url.endswith("/api/conversations")
    ]
    page.reload()
    answers(page, "密碼不對")
    assert token not in page.content()


def test_a_page_that_is_gone_to_learns_nothing_of_the_link(arrive: Arrive, anxin: Anxin) -> None:
    token, seen = notice_link(anxin, "login_success"), []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"elsewhere")

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page = arrive(token)
        page.evaluate(
            "address => { const a = document.createElement('a'); a.href = address; a.textContent = 'away';"
            " document.querySelector('main').append(a); }",
            f"http://127.0.0.1:{server.server_port}/away",
        )
        page.get_by_role("link", name="away").click()
        expect(page.locator("body")).to_have_text("elsewhere")
    finally:
        server.shutdown()
        server.server_close()
    path, headers = seen[0]
    assert (path, "referer" in {name.lower() for name in headers}) == ("/away", False)
    assert [part for part in (token, anxin.base_url) if part in str(seen)] == []


def test_the_token_is_in_no_log_of_any_process(arrive: Arrive, anxin: Anxin) -> None:
    token = notice_link(anxin, "login_success")
    write(arrive(token), "密碼怎麼改")
    altered = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
    arrive(altered)
    kept = [file.read_bytes() for file in anxin.var.rglob("*") if file.is_file()] + [anxin.output.read_bytes()]
    for part in (token[-40:], altered[10:50]):
        assert not any(part.encode() in content for content in kept)


def test_the_language_of_the_link_wins_over_that_of_the_browser(arrive: Arrive, anxin: Anxin) -> None:
    page = arrive(notice_link(anxin, "password_changed", language="en"), locale="zh-TW")
    answers(page, "the password was changed at 2026/11/20 08:55")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_label("Write a message")).to_be_visible()


def test_a_link_that_tells_nothing_opens_an_ordinary_conversation(
    arrive: Arrive, anxin: Anxin, complaints: list[str]
) -> None:
    for token in ("demo", notice_link(anxin, "login_success", "gtjai"), notice_link(anxin, "login_success")[:-2]):
        page = arrive(token)
        expect(page.get_by_role("button", name="解鎖密碼")).to_be_visible()
        assert page.url == f"{anxin.base_url}/Webhook/"
    assert complaints == []


def test_an_ongoing_conversation_gives_way_to_the_notice_that_is_clicked(page: Page, anxin: Anxin) -> None:
    write(page, "客服電話幾號")
    answers(page, "412-8889")
    page.goto(f"{anxin.base_url}/Webhook/?c=demo")  # tells nothing: the conversation stays
    answers(page, "客服電話幾號")
    page.goto(f"{anxin.base_url}/Webhook/?c={notice_link(anxin, 'password_unlocked')}")
    answers(page, "密碼已經解鎖")
    expect(page.locator("li.message")).to_have_count(1)
    write(page, "客服時間")
    expect(page.locator("li.message.bot")).to_have_count(2)
    page.goto(f"{anxin.base_url}/Webhook/?c={notice_link(anxin, 'password_unlocked')}")  # the same notice again
    answers(page, "客服時間")


def test_a_link_is_not_lost_when_the_first_try_fails(anxin: Anxin, page: Page) -> None:
    token = notice_link(anxin, "password_reissued", number="ABCD")
    page.route("**/api/conversations", lambda route: route.abort())
    page.goto(f"{anxin.base_url}/Webhook/?c={token}")
    expect(page.locator("#status")).to_contain_text("沒有連線")
    page.unroute("**/api/conversations")
    page.get_by_role("button", name="再試一次").click()
    answers(page, "NT-20261120-7K3M-ABCD")
    expect(page.locator("#status")).to_have_text("")
