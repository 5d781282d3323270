"""A reference is read in every spelling that customers use, and never out of something else."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.contracts.references import (
    RECEIPTS,
    find_notice_references,
    find_receipts,
    find_references,
    read_notice_reference,
    read_receipt,
    read_reference,
)

deterministic = settings(derandomize=True, deadline=None, database=None)
OWN = st.text("23456789ABCDEFGHJKMNPQRSTUVWXYZ", min_size=4, max_size=4)


@pytest.mark.parametrize(
    "text",
    [
        "ER-20261120-7K3M",
        "er-20261120-7k3m",
        "Er-20261120-7k3M",
        "ＥＲ－２０２６１１２０－７Ｋ３Ｍ",
        "ER202611207K3M",
        "ER 20261120 7K3M",
        "ER - 20261120 - 7K3M",
        "E R-2026 1120-7K 3M",
        "ER-20261120-7 K 3 M",
        "請查 ER-20261120-7K3M 謝謝",
        "我的案號是ER-20261120-7K3M。",
        "status of ER-20261120-7K3M?",
        "ER-20261120-7K3M thanks",
        "ER-20261120\n-7K3M",
        "ER\u3000２０２６１１２０\u30007K3M",
        *(f"ER{dash}20261120{dash}7K3M" for dash in "‐‑‒–—―−－"),  # a phone makes dashes of hyphens
    ],
)
def test_a_reference_is_read_from_messy_text(text: str) -> None:
    assert read_reference(text) == "ER-20261120-7K3M"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ER",
        "ER-2026112-7K3M",
        "ER-20261120-7K3",
        "ER-20261120-7K3MX",
        "UL-20261120-7K3M",
        "20261120-7K3M",
        "ER-19981120-7K3M",
        "ER-2026/11/20-7K3M",
        "ER-٢٠٢٦١١٢٠-7K3M",
        "ER--20261120-7K3M",
        "hello",
    ],
)
def test_what_is_no_reference_is_not_read(text: str) -> None:
    assert read_reference(text) is None


@pytest.mark.parametrize("text", ["order 20261120 1234", "number 20261120 1234", "SUPER-20261120-7K3M"])
def test_the_end_of_a_word_begins_no_reference(text: str) -> None:
    assert read_reference(text) is None


def test_every_reference_is_found_where_it_stands() -> None:
    text = "查 ER-20261120-7K3M 和ｅｒ２０２６１１１９ABCD"
    found = list(find_references(text))
    assert [reference for _, _, reference in found] == ["ER-20261120-7K3M", "ER-20261119-ABCD"]
    assert [text[start:end] for start, end, _ in found] == ["ER-20261120-7K3M", "ｅｒ２０２６１１１９ABCD"]


def test_letters_that_grow_when_they_are_written_large_move_nothing() -> None:
    text = "ßﬁ㍿ ER-20261120-7K3M"
    ((start, end, _),) = find_references(text)
    assert text[start:end] == "ER-20261120-7K3M"


@deterministic
@given(st.dates(date(2026, 1, 1), date(2099, 12, 31)), OWN, st.text("請查謝 ?。，\n", max_size=8))
def test_a_reference_is_read_back_from_a_sentence(day: date, own: str, around: str) -> None:
    reference = f"ER-{day:%Y%m%d}-{own}"
    assert read_reference(f"{around}{reference}{around}") == reference


@deterministic
@given(st.text(max_size=60))
def test_any_text_is_a_reference_of_ours_or_none(text: str) -> None:
    reference = read_reference(text)
    assert reference is None or re.fullmatch(r"ER-20[0-9]{6}-[0-9A-Z]{4}", reference)


# --- notices and receipts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "NT-20261120-7K3M-QXRT",
        "nt-20261120-7k3m-qxrt",
        "ＮＴ－２０２６１１２０－７Ｋ３Ｍ－ＱＸＲＴ",
        "NT202611207K3MQXRT",
        "NT 20261120 7K3M QXRT",
        "NT - 20261120 - 7K3M - QXRT",
        "N T-2026 1120-7K 3M-Q XRT",
        "信上的編號是NT-20261120-7K3M-QXRT。",
        "is NT-20261120-7K3M-QXRT genuine?",
        "NT-20261120\n-7K3M-\nQXRT",
        *(f"NT{dash}20261120{dash}7K3M{dash}QXRT" for dash in "‐‑‒–—―−－"),
    ],
)
def test_the_reference_of_a_notice_is_read_from_messy_text(text: str) -> None:
    assert read_notice_reference(text) == "NT-20261120-7K3M-QXRT"
    assert (read_reference(text), read_receipt(text)) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NT",
        "NT-20261120-7K3M",
        "NT-20261120-7K3M-QXR",
        "NT-20261120-7K3M-QXRTX",
        "ANT-20261120-7K3M-QXRT",
        "NT-19981120-7K3M-QXRT",
        "NT--20261120-7K3M-QXRT",
        "20261120-7K3M-QXRT",
    ],
)
def test_what_is_no_reference_of_a_notice_is_not_read(text: str) -> None:
    assert read_notice_reference(text) is None


@pytest.mark.parametrize("kind", RECEIPTS)
def test_a_receipt_is_read_as_a_reference_is(kind: str) -> None:
    for text in (f"{kind}-20261120-7K3M", f"{kind.lower()} 20261120 7k3m", f"查{kind}202611207K3M謝謝"):
        assert read_receipt(text) == f"{kind}-20261120-7K3M"
        assert (read_reference(text), read_notice_reference(text)) == (None, None)


@pytest.mark.parametrize("text", ["ER-20261120-7K3M", "XX-20261120-7K3M", "UL-20261120-7K3", "BEST-20261120-7K3M", ""])
def test_what_is_no_receipt_is_not_read(text: str) -> None:
    assert read_receipt(text) is None


def test_each_kind_is_found_where_it_stands() -> None:
    text = "ｎｔ２０２６１１２０7K3M-QXRT、ER-20261120-7K3M 和 NM-20261120-ABCD"
    found = [*find_notice_references(text), *find_references(text), *find_receipts(text)]
    assert [one.reference for one in found] == ["NT-20261120-7K3M-QXRT", "ER-20261120-7K3M", "NM-20261120-ABCD"]
    assert [text[one.start : one.end] for one in found] == [
        "ｎｔ２０２６１１２０7K3M-QXRT",
        "ER-20261120-7K3M",
        "NM-20261120-ABCD",
    ]


@deterministic
@given(st.dates(date(2026, 1, 1), date(2099, 12, 31)), OWN, OWN, st.text("請查謝 ?。，\n", max_size=8))
def test_the_reference_of_a_notice_is_read_back_from_a_sentence(day: date, own: str, rest: str, around: str) -> None:
    reference = f"NT-{day:%Y%m%d}-{own}-{rest}"
    assert read_notice_reference(f"{around}{reference}{around}") == reference


@deterministic
@given(st.text(max_size=60))
def test_any_text_is_a_reference_of_a_notice_a_receipt_or_none(text: str) -> None:
    notice, receipt = read_notice_reference(text), read_receipt(text)
    assert notice is None or re.fullmatch(r"NT-20[0-9]{6}-[0-9A-Z]{4}-[0-9A-Z]{4}", notice)
    assert receipt is None or re.fullmatch(rf"({'|'.join(RECEIPTS)})-20[0-9]{{6}}-[0-9A-Z]{{4}}", receipt)
