"""The six notices as customers get them: exact subjects, all that is stated, nothing unescaped, text and HTML alike."""

from __future__ import annotations

import re
import unicodedata
from email import message_from_bytes
from email.policy import SMTP
from html.parser import HTMLParser
from itertools import product

import pytest
from jinja2 import UndefinedError

from actions.adapters.smtp import SmtpMessenger
from actions.adapters.templates import FOLDER, JinjaTemplates
from actions.security.notices import MOST_PLATFORM_CHARACTERS, NOTICES, STATES
from actions.services.ports import Message
from bot.content.institutions import load_institutions
from bot.content.wording import facts_of_others, other_script, words_of_elsewhere

INSTITUTIONS = load_institutions()
HNYC = INSTITUTIONS["hnyc"]
LANGUAGES = ("zh-Hant", "zh-Hans", "en")
EVERY = list(product(NOTICES, LANGUAGES))
every = pytest.mark.parametrize(("kind", "language"), EVERY)

# notices.yml, character for character: the subject stays the institution's in every language.
SUBJECTS = {
    "login_success": "「華南永昌」登入成功通知!",
    "wrong_password": "「華南永昌」密碼輸入錯誤通知!",
    "password_locked": "「華南永昌」密碼鎖住通知!",
    "password_changed": "[華南永昌]線上變更密碼完成!",
    "password_unlocked": "[華南永昌]電子交易 密碼解鎖通知",
    "password_reissued": "【重要通知】密碼補發成功通知信，請儘速開啟！",
}
VALUES = {
    "time": "2026/11/20 10:00:07",
    "reference": "NT-20261120-7K3M-QXRT",
    "link": "https://chat.example/Webhook/?c=" + "Ab-_" * 60,
    "platform": "新_客戶專區",
    "branch": "測試分公司",
    "branch_number": "0000",
    "masked_account": "9____8",
    "agent": "測試營業員",
    "receipt": "UL-20261120-7K3M",
}
GREETING = {"zh-Hant": "親愛的客戶，您好", "zh-Hans": "尊敬的客户，您好", "en": "Dear customer,"}
TAIPEI = {"zh-Hant": "（台北時間）", "zh-Hans": "（台北时间）", "en": "(Taipei time)"}
NO_REPLY = {"zh-Hant": "請不要直接回覆", "zh-Hans": "请不要直接回复", "en": "please do not reply"}
CALL = {"zh-Hant": ("客服", "拨打"), "zh-Hans": ("客服",), "en": ("hotline", "customer service")}
ADVICE = {
    ("login_success", "zh-Hant"): ["變更密碼"],
    ("login_success", "zh-Hans"): ["修改密码"],
    ("login_success", "en"): ["change your password at once"],
    ("wrong_password", "zh-Hant"): ["重新輸入"],
    ("wrong_password", "zh-Hans"): ["重新输入"],
    ("wrong_password", "en"): ["enter it again"],
    ("password_locked", "zh-Hant"): ["3 次", "暫停登入", "有效憑證", "「密碼專區」", "每天 1 次", "補發"],
    ("password_locked", "zh-Hans"): ["3 次", "登录暂停", "有效证书", "“密码专区”", "每天 1 次", "补发"],
    ("password_locked", "en"): ["up to 3", "suspended", "valid certificate", "密碼專區", "1 a day", "reissued"],
    ("password_reissued", "zh-Hant"): ["電子交易初始密碼單", "初始密碼。", "任一平台", "交易"],
    ("password_reissued", "zh-Hans"): ["电子交易初始密码单", "初始密码。", "任一平台", "交易"],
    ("password_reissued", "en"): ["電子交易初始密碼單", "initial password", "any platform", "trade"],
}
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</p></td></tr></table><a href=https://evil.example>",
    "<!--",
    "{{ 7 * 7 }}{% if %}",
    "&lt;b&gt;",
    "<style>@import url(https://evil.example)</style>",
)


class Read(HTMLParser):
    """What a mail program makes of the HTML: its tags with their attributes, and its words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, ...]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words = ""
        self.in_head = self.in_link = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.in_head = self.in_head or tag == "head"
        if tag == "a":
            self.in_link = True
            self.words += dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}",))
        self.in_head = self.in_head and tag != "head"
        self.in_link = self.in_link and tag != "a"

    def handle_data(self, data: str) -> None:
        if not self.in_head and not self.in_link:  # a link is read as its address, as in the text
            self.words += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment",))


def templates() -> JinjaTemplates:
    return JinjaTemplates({"hnyc": {**HNYC.placeholders, "brand": HNYC.brand, "jurisdiction": HNYC.jurisdiction}})


def values_of(kind: str) -> dict[str, str]:
    receipt = ("receipt",) if kind == "password_unlocked" else ()  # an unlock by ourselves
    return {name: VALUES[name] for name in ("time", "reference", "link", *STATES[kind], *receipt)}


def written(kind: str, language: str, **others: str) -> tuple[str, str, str]:
    return templates().render(kind, "email", language, {**values_of(kind), **others}, "hnyc")


def columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def squeezed(text: str) -> str:
    return "".join(text.split())


# --- what is said ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unlock_elsewhere_has_no_receipt_and_no_line_for_one(language: str) -> None:
    _, text, html = written("password_unlocked", language, receipt="")
    ours = written("password_unlocked", language)[1]
    assert text.count("\n") < ours.count("\n")
    assert VALUES["receipt"] not in text + html
    assert not re.search(r"(收據編號|收据编号|Receipt)", text + html)


def test_there_are_the_six_notices_and_no_other() -> None:
    assert set(NOTICES) == set(SUBJECTS)


@every
def test_the_subject_is_the_institutions(kind: str, language: str) -> None:
    assert written(kind, language)[0] == SUBJECTS[kind]


@every
def test_a_notice_states_everything_it_has_to_in_text_and_html(kind: str, language: str) -> None:
    _, text, html = written(kind, language)
    wanted = {
        *values_of(kind).values(),
        GREETING[language],
        TAIPEI[language],
        NO_REPLY[language],
        "412-8889",
        "02",
        "07",
    }
    assert {word for word in wanted if word not in text or word not in Read(html).words} == set()


@every
def test_a_notice_states_nothing_that_is_anothers(kind: str, language: str) -> None:
    _, text, html = written(kind, language)
    others = {VALUES[name] for name in VALUES if name not in values_of(kind)}
    assert {word for word in others if word in text or word in html} == set()


@pytest.mark.parametrize(("kind", "language"), ADVICE)
def test_a_notice_gives_the_institutions_advice(kind: str, language: str) -> None:
    _, text, html = written(kind, language)
    assert [word for word in ADVICE[kind, language] if word not in text or word not in Read(html).words] == []


@every
def test_a_notice_says_whom_to_call(kind: str, language: str) -> None:
    _, text, _ = written(kind, language)
    assert [word for word in CALL[language] if word in text]


@every
def test_the_text_and_the_html_say_the_same(kind: str, language: str) -> None:
    _, text, html = written(kind, language)
    assert squeezed(Read(html).words) == squeezed(text)


@every
def test_no_placeholder_is_left(kind: str, language: str) -> None:
    assert not re.search(r"[{}]|None|Undefined", "".join(written(kind, language)))


@every
def test_every_value_is_needed_but_the_link(kind: str, language: str) -> None:
    # Half a notice is none; without a token the link is the plain address of the chat.
    for name in sorted({*values_of(kind)} - {"link"}):
        with pytest.raises(UndefinedError):
            templates().render(kind, "email", language, {k: v for k, v in values_of(kind).items() if k != name}, "hnyc")


@every
def test_a_notice_without_its_link_is_none(kind: str, language: str) -> None:
    values = {name: value for name, value in values_of(kind).items() if name != "link"}
    with pytest.raises(UndefinedError):
        templates().render(kind, "email", language, values, "hnyc")


@every
def test_no_notice_asks_for_a_code_or_a_password(kind: str, language: str) -> None:
    _, text, _ = written(kind, language)
    assert not re.search(r"驗證碼|验证码|one-time|your code|回覆密碼|reply with", text, re.IGNORECASE)


@pytest.mark.parametrize(("kind", "language"), [pair for pair in EVERY if pair[1] != "en"])
def test_a_notice_is_in_the_script_and_the_words_of_its_reader(kind: str, language: str) -> None:
    names = {
        name: "測試" if language == "zh-Hant" else "测试"
        for name in ("platform", "branch", "agent")
        if name in STATES[kind]
    }
    _, text, _ = written(kind, language, **names)
    wrong = [*other_script(text, language, HNYC), *words_of_elsewhere(text, language, HNYC)]
    assert [finding.says for finding in wrong] == []


@every
def test_a_notice_names_nothing_of_another_institution(kind: str, language: str) -> None:
    others = [institution for institution in INSTITUTIONS.values() if institution is not HNYC]
    _, text, _ = written(kind, language)
    assert list(facts_of_others(text, HNYC, others)) == []


# --- what mail programs make of it ----------------------------------------------------------------


@every
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_value_becomes_markup(kind: str, language: str, attack: str) -> None:
    plain = Read(written(kind, language)[2])
    for name in values_of(kind):
        read = Read(written(kind, language, **{name: attack})[2])
        assert read.tags == plain.tags, name
        assert attack in read.words, name


@every
def test_a_notice_loads_nothing_and_follows_nobody(kind: str, language: str) -> None:
    read = Read(written(kind, language)[2])
    assert [
        tag[0] for tag in read.tags if tag[0] in ("img", "script", "link", "iframe", "object", "form", "video")
    ] == []
    styles = " ".join(value for _, name, value in read.attributes if name == "style")
    assert "url(" not in styles
    assert "@" not in styles
    addresses = [value for _, _, value in read.attributes if "//" in value]
    assert addresses == [VALUES["link"]]


@every
def test_the_address_that_is_shown_is_one_the_customer_can_type(kind: str, language: str) -> None:
    html = written(kind, language)[2]
    assert f">{HNYC.placeholders['chat_link']}</a>" in html


@every
def test_every_tag_is_closed(kind: str, language: str) -> None:
    open_: list[str] = []
    for name, *_ in Read(written(kind, language)[2]).tags:
        if name.startswith("/"):
            assert open_.pop() == name[1:]
        elif name not in ("meta", "br"):
            open_.append(name)
    assert open_ == []


@every
def test_a_notice_fits_a_phone(kind: str, language: str) -> None:
    html = written(kind, language)[2]
    assert 'name="viewport" content="width=device-width' in html
    widths = [value for _, name, value in Read(html).attributes if name == "width"]
    assert widths == ["100%"]
    assert "max-width:560px" in html


@every
def test_a_notice_says_its_language(kind: str, language: str) -> None:
    assert ("html", "lang", language) in Read(written(kind, language)[2]).attributes


@every
def test_lines_are_short_enough_for_every_mail_program(kind: str, language: str) -> None:
    # 78 columns of text, a link aside; 998 bytes of anything (RFC 5322 2.1.1), with the longest names there are.
    longest = {
        n: "長" * MOST_PLATFORM_CHARACTERS
        for n in ("platform", "branch", "branch_number", "agent")
        if n in STATES[kind]
    }
    subject, text, html = written(kind, language, **longest)
    assert [line for line in text.splitlines() if columns(line) > 78 and VALUES["link"] not in line] == []
    assert [line for line in (text + html).splitlines() if len(line.encode()) > 998] == []
    assert columns(subject) <= 78


@every
def test_a_notice_is_the_same_after_the_post(kind: str, language: str) -> None:
    subject, text, html = written(kind, language)
    made = SmtpMessenger("127.0.0.1", 25, "", "", "none", "測試證券 <notice@example.com>")._email(
        Message("0" * 32, "email", "demo@example.com", subject, text, html)
    )
    raw = made.as_bytes(policy=SMTP)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    read = message_from_bytes(raw, policy=SMTP)
    bodies = [read.get_body((form,)) for form in ("plain", "html")]
    assert [squeezed(body.get_content()) for body in bodies if body] == [squeezed(text), squeezed(html)]
    assert read["Subject"] == subject


@every
def test_the_text_has_no_ragged_space(kind: str, language: str) -> None:
    _, text, _ = written(kind, language)
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert "\n\n\n" not in text
    assert text == text.strip()


# --- the files ------------------------------------------------------------------------------------


def test_every_notice_has_its_three_files_in_every_language() -> None:
    wanted = {f"{kind}.{form}" for kind in NOTICES for form in ("subject.txt", "txt", "html")}
    there = {language: {file.name for file in (FOLDER / "e-mail" / language).iterdir()} for language in LANGUAGES}
    assert [(language, wanted - files) for language, files in there.items() if wanted - files] == []


def test_no_template_switches_escaping_off() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert [file.name for file in files if re.search(r"\|\s*safe|autoescape", file.read_text(encoding="utf-8"))] == []
