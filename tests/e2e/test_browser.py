"""The page in a real Chromium, at the width of a phone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.conftest import REPORT_REFERENCE, ROOT, Anxin
from tests.e2e.test_main_job import tomorrow_in_taipei

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
    enter(page, "出生年月日（民國）", "071/02/02")
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
