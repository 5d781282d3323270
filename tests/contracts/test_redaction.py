"""What could be a secret is hidden in free text; what customers must be able to say stays (T43)."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.content.institutions import load_institutions
from bot.contracts.redaction import HIDDEN, ascii_digits, hide_digits
from bot.contracts.references import RECEIPTS, read_notice_reference, read_reference

hypothesis_settings = settings(derandomize=True, deadline=None, max_examples=500)
PUBLISHED = frozenset().union(*(i.published_numbers for i in load_institutions().values()))

SCRIPTS = {
    "ASCII": "0123456789",
    "full-width": "０１２３４５６７８９",
    "Arabic-Indic": "٠١٢٣٤٥٦٧٨٩",
    "Devanagari": "०१२३४५६७८९",
    "mathematical": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
}
SEPARATORS = (" ", "-", ".", "/", "\u3000", "\u00a0", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")
DASHES = "-‐‑‒–—―−－"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_code_is_hidden_in_whatever_digits_it_is_written(script: str) -> None:
    code = "".join(SCRIPTS[script][int(digit)] for digit in "483920")
    assert hide_digits(f"我的驗證碼是{code}。") == f"我的驗證碼是{HIDDEN}。"


@pytest.mark.parametrize("separator", [*SEPARATORS, "  ", "   ", "     ", " - ", "\n", "\t"])
def test_a_code_is_hidden_however_it_is_spaced(separator: str) -> None:
    assert hide_digits(f"驗證碼 {separator.join('483920')} 謝謝") == f"驗證碼 {HIDDEN} 謝謝"


@pytest.mark.parametrize("dash", DASHES)
def test_an_account_is_hidden_with_any_dash(dash: str) -> None:
    assert ascii_digits(hide_digits(f"帳號 12{dash}3456{dash}7")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111111111111111",
        "４１１１　１１１１　１１１１　１１１１",
        "5500.0000.0000.0004",
        "card4111111111111111card",
    ],
)
def test_a_card_number_is_hidden(text: str) -> None:
    assert ascii_digits(hide_digits(text)) == ""


@pytest.mark.parametrize("text", ["12345", "98-7654321", "9800 1234567", "帳號:9876543", "NO.98765", "98_76_54"])
def test_an_account_number_is_hidden(text: str) -> None:
    assert ascii_digits(hide_digits(text)) == ""


@pytest.mark.parametrize(
    "text",
    ["A123456789", "a123456789", "Ａ１２３４５６７８９", "A 123456789", "A1-2345-6789", "A800000014", "AB12345678"],
)
def test_an_identity_number_of_taiwan_is_hidden(text: str) -> None:
    assert ascii_digits(hide_digits(f"身分證 {text} 對嗎")) == ""


@pytest.mark.parametrize("text", ["A123456(7)", "AB123456(A)", "a123456(7)", "Z 123456 (3)", "A１２３４５６（７）"])
def test_an_identity_number_of_hong_kong_is_hidden(text: str) -> None:
    assert ascii_digits(hide_digits(f"身份證 {text} 對嗎")) == ""


def test_the_letter_of_an_identity_number_is_hidden_with_it() -> None:
    assert hide_digits("身分證A123456789對嗎") == f"身分證{HIDDEN}對嗎"


@pytest.mark.parametrize(
    "text",
    [
        "072/05/17",
        "72/05/17",
        "72/5/17",
        "72/5/7",
        "72-5-7",
        "72.05.17",
        "0720517",
        "720517",
        "72年5月17日",
        "民國72年5月17日",
        "民國72年5月7日",
        "民國 72 年 5 月 17 日",
        "民国72年5月17日",
        "民國７２年５月１７日",
        "72年5月17號",
        "民國072/05/17",
    ],
)
def test_a_birth_date_of_the_roc_calendar_is_hidden(text: str) -> None:
    assert ascii_digits(hide_digits(f"生日{text}，謝謝")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "1983-05-17",
        "1983/5/17",
        "1983/5/7",
        "1983.5.7",
        "19830517",
        "1983年5月17日",
        "1983年5月7日",
        "1983 年 5 月 17 日",
        "１９８３年５月１７日",
        "17/05/1983",
        "5/17/1983",
        "May 17, 1983",
        "2019-12-31",
    ],
)
def test_a_western_birth_date_is_hidden(text: str) -> None:
    assert "83" not in ascii_digits(hide_digits(f"生日{text}，謝謝"))
    assert len(ascii_digits(hide_digits(f"生日{text}，謝謝"))) < 5


@pytest.mark.parametrize(
    "text", ["0912345678", "0912-345-678", "+886 912 345 678", "(02) 2345-6789", "９１２３４５６７８"]
)
def test_a_customers_phone_number_is_hidden(text: str) -> None:
    assert len(ascii_digits(hide_digits(text, PUBLISHED))) < 5


@pytest.mark.parametrize(
    "text",
    [
        "412-8889",
        "4128889",
        "412 8889",
        "02-412-8889",
        "07-412-8889",
        "４１２－８８８９",
        "+852 2189-5588",
        "2189 5588",
        "+852 2509 7524",
        "+852-2509-7524",
        "2509 7524",
        "40080 95521",
        "+852 2250 0898",
    ],
)
def test_a_published_number_stays(text: str) -> None:
    assert hide_digits(f"請問 {text} 是你們的電話嗎", PUBLISHED) == f"請問 {text} 是你們的電話嗎"


def test_a_number_that_nobody_published_does_not_stay() -> None:
    assert hide_digits("請問 412-8888 是你們的電話嗎", PUBLISHED) == f"請問 {HIDDEN} 是你們的電話嗎"


def test_a_published_number_with_more_digits_is_another_number() -> None:
    assert hide_digits("412-88891", PUBLISHED) == HIDDEN


@pytest.mark.parametrize(
    "reference", ["ER-20261120-7K3M", "ER-20261120-2345", "UL-20261120-7K3M", "C-234567", "C-7K3MAB"]
)
def test_a_reference_of_ours_stays(reference: str) -> None:
    assert hide_digits(f"查 {reference} 的進度") == f"查 {reference} 的進度"


@pytest.mark.parametrize(
    "written",
    [
        "er-20261120-7k3m",
        "ER20261120-7K3M",
        "ER202611207K3M",
        "ER 20261120 7K3M",
        "ER - 20261120 - 7K3M",
        "ＥＲ－２０２６１１２０－７Ｋ３Ｍ",
    ],
)
def test_a_reference_stays_as_customers_write_it(written: str) -> None:
    assert read_reference(written) == "ER-20261120-7K3M"
    assert hide_digits(f"查 {written} 的進度") == f"查 {written} 的進度"


@pytest.mark.parametrize("kind", RECEIPTS)
@pytest.mark.parametrize("own", ["7K3M", "2345"])
def test_a_receipt_stays(kind: str, own: str) -> None:
    for written in (f"{kind}-20261120-{own}", f"{kind.lower()}20261120 {own.lower()}"):
        assert hide_digits(f"查 {written} 謝謝") == f"查 {written} 謝謝"


@pytest.mark.parametrize(
    "written",
    [
        "NT-20261120-7K3M-QXRT",
        "NT-20261120-2345-6789",
        "nt-20261120-7k3m-qxrt",
        "NT20261120-7K3M-QXRT",
        "NT202611207K3MQXRT",
        "NT 20261120 7K3M QXRT",
        "NT - 20261120 - 7K3M - QXRT",
        "ＮＴ－２０２６１１２０－７Ｋ３Ｍ－ＱＸＲＴ",
    ],
)
def test_the_reference_of_a_notice_stays_as_customers_write_it(written: str) -> None:
    assert read_notice_reference(written)
    assert hide_digits(f"查 {written} 的信") == f"查 {written} 的信"


@pytest.mark.parametrize(
    "text",
    [
        "NT-20261120",
        "NT-1234567890",
        "NT-20261120-12345-6789",
        "ANT-20261120-2345-6789",
        "RI-123456",
        "CR-98-7654321",
        "BEST-20261120-23456",
        "NM-20261120-23456",
        "XX-20261120-2345",
    ],
)
def test_what_only_begins_like_a_notice_or_a_receipt_is_hidden(text: str) -> None:
    assert len(ascii_digits(hide_digits(text))) < 5


@pytest.mark.parametrize("secret", ["483920", "072/05/17", "0912-345-678", "4111 1111 1111 1111"])
def test_a_secret_beside_the_reference_of_a_notice_is_hidden(secret: str) -> None:
    for text in (f"NT-20261120-7K3M-QXRT {secret}", f"{secret} NT-20261120-7K3M-QXRT"):
        assert secret not in hide_digits(text)
        assert read_notice_reference(hide_digits(text)) == "NT-20261120-7K3M-QXRT"


@pytest.mark.parametrize("text", ["C-1234567890", "ER-1234567890", "ER-98-7654321", "UL-123456", "CER-20261120-7K3M9"])
def test_what_only_begins_like_a_reference_is_hidden(text: str) -> None:
    assert len(ascii_digits(hide_digits(text))) < 5


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20",
        "2026/11/20",
        "2026.11.20",
        "2026年11月20日",
        "2026-11-20 14:30",
        "2026-11-20T14:30:05",
        "2020-01-01",
        "115/11/20",
        "民國115年11月20日",
    ],
)
def test_a_recent_date_stays(text: str) -> None:
    assert hide_digits(f"從 {text} 開始") == f"從 {text} 開始"


@pytest.mark.parametrize("text", ["12342026-11-20", "2026-11-2012", "2026-11-20123456", "92026-11-205"])
def test_digits_glued_to_a_recent_date_do_not_stay(text: str) -> None:
    assert len(ascii_digits(hide_digits(text))) < 5


@pytest.mark.parametrize(
    "text",
    [
        "14:30",
        "14:30:05",
        "08:00-19:00",
        "3 次",
        "等了 10 分鐘",
        "錯誤代碼 1234",
        "好神準 2.0",
        "iOS 17.5",
        "11月20日",
        "24 小時",
        "• 1. 登入 2. 輸入",
        "",
        "沒有數字",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_digits(text) == text


def test_words_around_a_secret_stay() -> None:
    assert hide_digits("I typed 483920 but it says wrong") == f"I typed {HIDDEN} but it says wrong"


def test_every_secret_of_a_text_is_hidden() -> None:
    assert hide_digits("帳號900018生日072/05/17碼483920") == f"帳號{HIDDEN}生日{HIDDEN}碼{HIDDEN}"


def test_a_text_cannot_bring_its_own_placeholder() -> None:
    # Private-use characters mark what is kept while the rest is hidden.
    assert ascii_digits(hide_digits("\ue000\ue100\ue001 48\ue0003920\ue000")) == ""


def test_the_digits_of_a_text_are_read_in_every_script() -> None:
    assert ascii_digits("１a٢-३④ ten") == "1234"


pieces = st.one_of(
    st.sampled_from([c for script in SCRIPTS.values() for c in script]),
    st.sampled_from(["0", "1", "2", "9", "20", "2026", "72"]),
    st.sampled_from(SEPARATORS),
    st.sampled_from(
        [
            "A",
            "ER-",
            "C-",
            "UL-",
            "NT-",
            "NM",
            "ri ",
            "PC-",
            "CR-",
            "st",
            "年",
            "月",
            "日",
            "民國",
            "我",
            "(",
            ")",
            ":",
            "，",
            "\ue000",
            "x",
            "•",
        ]
    ),
)
texts = st.lists(pieces, max_size=40).map("".join)


def survivors(hidden: str) -> list[str]:
    """Return runs of five or more digits, except in references and recent dates; at most two separators apart."""
    plain = "".join(
        str(unicodedata.digit(c)) if unicodedata.digit(c, None) is not None else unicodedata.normalize("NFKC", c)
        for c in hidden
    )
    notice = r"NT[- ]?20\d{6}[- ]?[0-9A-Z]{4}[- ]?[0-9A-Z]{4}"
    one_part = r"(ER|UL|RI|PC|CR|NM|ST)[- ]?20\d{6}[- ]?[0-9A-Z]{4}"
    rest = re.sub(rf"(?i){notice}|{one_part}|C-[0-9A-Z]{{6}}", "□", plain)
    rest = re.sub(r"(20[2-9]\d|1[01]\d)[-/.年] ?\d{1,2}[-/.月] ?\d{1,2}日?([ T]\d{1,2}:\d\d(:\d\d)?)?", "□", rest)
    between = "[" + "".join(re.escape(s) for s in (*SEPARATORS, "-")) + "]{0,2}"
    return re.findall(rf"(?:[0-9]{between}){{4,}}[0-9]", rest)


@hypothesis_settings
@given(text=texts)
@example("1 2\u200b3-4.5")
@example("民國72年5月17日")
def test_no_run_of_five_digits_survives_but_references_and_recent_dates(text: str) -> None:
    assert survivors(hide_digits(text)) == []


@hypothesis_settings
@given(
    digits=st.lists(st.sampled_from([c for script in SCRIPTS.values() for c in script]), min_size=5, max_size=24),
    gaps=st.lists(st.sampled_from([*SEPARATORS, "", "", "  "]), min_size=24, max_size=24),
    before=st.sampled_from(["", "帳號", "my code is ", "（", "•"]),
)
def test_a_run_of_digits_in_any_scripts_and_spacing_is_hidden(digits: list[str], gaps: list[str], before: str) -> None:
    run = "".join(digit + gap for digit, gap in zip(digits, gaps, strict=False))
    assert survivors(hide_digits(before + run)) == []


@hypothesis_settings
@given(text=texts)
def test_hiding_twice_hides_no_more(text: str) -> None:
    once = hide_digits(text, PUBLISHED)
    assert hide_digits(once, PUBLISHED) == once


@hypothesis_settings
@given(text=st.text(max_size=200))
def test_any_text_can_be_hidden_in(text: str) -> None:
    once = hide_digits(text)
    assert hide_digits(once) == once


@hypothesis_settings
@given(text=st.text(alphabet=st.characters(exclude_categories=["Nd", "No", "Nl", "Co"]), max_size=200))
def test_a_text_without_digits_stays_as_it_is(text: str) -> None:
    assert hide_digits(text) == text
