"""Nothing secret is found anywhere: unique canaries through every entry, in success and failure, at DEBUG level."""

from __future__ import annotations

import os
import signal
from urllib.parse import quote

import httpx
import pytest

from tests.canaries import FULL_WIDTH, Canary, found
from tests.e2e.conftest import Anxin, Customer

ACCOUNT = Canary("account", "7391846250")
BIRTH_DATE = Canary("birth date", "061/07/23")
WRONG_CODE = Canary("wrong code", "846051")
CONTACT = Canary("contact", "0973518264")
CARD = Canary("card in free text", "4539 1488 0343 6467")
IDENTITY = Canary("identity number in free text", "A193847560")


def everything_kept(anxin: Anxin) -> dict[str, bytes]:
    files = [f for f in anxin.var.rglob("*") if f.is_file() and f.name not in ("outbox.jsonl", "master.key")]
    assert {"trackers.sqlite", "conversations.sqlite", "security.sqlite"} <= {f.name for f in files}
    return {**{f.name: f.read_bytes() for f in files}, "log output": anxin.output.read_bytes()}


@pytest.fixture(scope="module")
def said(anxin: Anxin) -> list[str]:
    """Send every canary through every entry, and return all that was answered."""
    bodies: list[str] = []
    customer = anxin.customer()

    def keep(reply: httpx.Response) -> None:
        bodies.append(reply.read().decode())

    customer.http.event_hooks["response"] = [keep]
    try_wrong_shapes(customer)
    verify_with_canaries(customer)
    report_with_canaries(customer)
    free_text_with_canaries(customer)
    with_a_process_stopped(anxin, customer, "actions")
    with_a_process_stopped(anxin, customer, "engine")
    anxin.wait_until_ready()
    return bodies


def try_wrong_shapes(customer: Customer) -> None:
    post = customer.http.post
    for canary in (ACCOUNT, BIRTH_DATE, WRONG_CODE):
        post(
            "/Webhook/api/secrets", content=f'{{"value": "{canary.value}"', headers={"content-type": "application/json"}
        )
        post("/Webhook/api/secrets", json={"id": "x", "kind": "code", "value": canary.value})
        post("/Webhook/api/secrets", json={"kind": canary.value, "value": canary.value})
        customer.post("secrets", kind="code", value=canary.value, more=canary.value)
        post(f"/Webhook/api/{quote(canary.value, safe='')}", json={})
        customer.post("messages", button=canary.value)
        post("/Webhook/api/secrets", content=canary.value * 2000, headers={"content-type": "application/json"})


def verify_with_canaries(customer: Customer) -> None:
    customer.say("解鎖密碼")
    customer.enter("account", ACCOUNT.value)
    customer.say(f"我的生日是 {BIRTH_DATE.value}")
    customer.press("簡訊")
    customer.enter("code", WRONG_CODE.value)
    customer.say(f"{WRONG_CODE.value[:3]} {WRONG_CODE.value[3:]}")
    customer.say(WRONG_CODE.value.translate(FULL_WIDTH))
    customer.say("取消")
    customer.say("寄驗證碼給我")
    customer.say(f"帳號 {ACCOUNT.value}")
    customer.say("取消")


def report_with_canaries(customer: Customer) -> None:
    customer.say("我要回報問題")
    customer.press("e指發")
    customer.say(f"用帳號 {ACCOUNT.value} 輸入 {WRONG_CODE.value} 之後就跳掉，卡號 {CARD.value}")
    customer.press("今天")
    customer.enter("contact", CONTACT.value)
    customer.press("送出")


def free_text_with_canaries(customer: Customer) -> None:
    for canary in (ACCOUNT, BIRTH_DATE, WRONG_CODE, CONTACT, CARD, IDENTITY):
        customer.say(f"這是我的 {canary.value} 可以嗎")
        customer.say(canary.value)


def with_a_process_stopped(anxin: Anxin, customer: Customer, name: str) -> None:
    process = anxin.process_on(name)
    os.kill(process, signal.SIGSTOP)
    try:
        for kind, canary in (("account", ACCOUNT), ("birth_date", BIRTH_DATE), ("code", WRONG_CODE)):
            customer.post("secrets", kind=kind, value=canary.value)
        customer.post("messages", text=f"{WRONG_CODE.value} {ACCOUNT.value}")
    finally:
        os.kill(process, signal.SIGCONT)


@pytest.mark.parametrize("canary", [ACCOUNT, BIRTH_DATE, WRONG_CODE, CONTACT, CARD, IDENTITY], ids=lambda c: c.name)
def test_a_canary_is_in_no_store_and_no_log(anxin: Anxin, said: list[str], canary: Canary) -> None:
    assert found(everything_kept(anxin), canary) == []


@pytest.mark.parametrize("canary", [ACCOUNT, BIRTH_DATE, WRONG_CODE, CONTACT, CARD, IDENTITY], ids=lambda c: c.name)
def test_a_canary_is_in_no_answer_and_no_error(said: list[str], canary: Canary) -> None:
    assert len(said) > 40
    assert found({f"answer {number}": body.encode() for number, body in enumerate(said)}, canary) == []


def test_a_sent_code_is_in_no_store_and_no_log(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.identify("900028", "071/02/02")
    customer.press("簡訊")
    code = Canary("sent code", anxin.newest_code())
    customer.enter("code", code.value)
    assert "已經解鎖" in customer.text
    assert found(everything_kept(anxin), code) == []


def test_the_search_would_find_a_canary() -> None:
    assert found({"a file": b'{"value": "846051"}'}, WRONG_CODE)
    assert found({"a file": "８４６０５１".encode()}, WRONG_CODE)
    assert not found({"a file": b"2026-11-20 09:00:00.846051"}, WRONG_CODE)
