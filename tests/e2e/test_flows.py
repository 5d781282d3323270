"""The flows of a verified customer through the real processes: rules, forms, custom actions and services together."""

from __future__ import annotations

import re
import time

import pytest

from tests.e2e.conftest import Anxin, Customer

PROTECTION = re.compile(r"NM-\d{8}-[0-9A-Z]{4}")
NOTICE = re.compile(r"NT-\d{8}-[0-9A-Z]{4}-[0-9A-Z]{4}")
LINK = re.compile(r"\?c=([A-Za-z0-9_-]+)")


def found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    assert match, text
    return match.group(match.lastindex or 0)


def newest_notice(anxin: Anxin) -> str:
    """Return the text of the newest notice, once it has left."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        bodies = [message["body"] for message in anxin.outbox() if NOTICE.search(message.get("body", ""))]
        if bodies:
            return str(bodies[-1])
        time.sleep(0.2)
    raise AssertionError("no notice left")


def test_not_me_protects_and_then_offers_nothing_else(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("不是我登入的 有人盜用我的帳號 快停掉")
    assert "412-8889" in customer.messages[0]["text"]
    assert customer.ask["kind"] == "account"
    customer.verify("900018", "070/01/01")
    report = found(PROTECTION, customer.text)
    customer.say("幫我解鎖密碼")
    assert report in customer.text
    assert not customer.ask
    assert "解鎖" not in str(customer.messages[0]["buttons"])
    customer.say("有人盜用我的帳號 快幫我停用")
    assert report in customer.text


def test_a_reissue_needs_a_clear_yes(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("幫我補發密碼")
    customer.verify("900028", "071/02/02")
    assert "y**@example.com" in customer.text
    for unclear in ("嗯我想一下", "通知信可以關掉嗎", "好嗎？"):
        customer.say(unclear)
        assert customer.ask["kind"] == "confirm", unclear
        assert "RI-" not in customer.text
    customer.say("先不要")
    assert "沒有補發" in customer.text
    customer.say("幫我補發密碼")
    assert customer.ask["kind"] == "confirm"
    customer.press("確定補發")
    assert re.search(r"RI-\d{8}-[0-9A-Z]{4}", customer.text)


def test_a_renewal_can_be_left_and_goes_on_at_its_step(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("幫我展延憑證")
    customer.verify("900028", "071/02/02", "E-mail")
    assert "2027/" in customer.text
    customer.say("驗證碼多久有效")
    assert customer.ask["kind"] == "birth_date"
    customer.say("取消")
    customer.say("我要回報問題")
    customer.say("幫我展延憑證")
    assert customer.ask["kind"] == "birth_date"
    customer.enter("birth_date", "071/02/03")
    assert customer.ask["kind"] == "birth_date"
    customer.enter("birth_date", "071/02/02")
    assert "y**@example.com" in customer.text
    customer.say("取消")
    customer.say("展延憑證")
    customer.press("確定")
    assert re.search(r"CR-\d{8}-[0-9A-Z]{4}", customer.text)


def test_neither_destination_is_the_customers(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("幫我展延憑證")
    customer.identify("900018", "070/01/01")
    customer.press("都不是我的")
    assert "變更基本資料" in customer.text
    assert not customer.ask
    assert not any("code" in message for message in anxin.outbox()[-1:])


@pytest.mark.parametrize(
    ("account", "born", "says"),
    [
        ("900068", "1986/06/06", "分行"),
        ("900078", "1987/07/07", "電子密碼器"),
        ("900088", "1988/08/08", "起可以使用"),
    ],
)
def test_the_state_of_a_token_is_told_once_and_again(anxin: Anxin, account: str, born: str, says: str) -> None:
    customer = anxin.customer("icbca")
    customer.say("查我的保安編碼狀態")
    customer.enter("account", account)
    assert "西曆" in customer.text
    customer.enter("birth_date", born)
    customer.press("短訊")
    customer.enter("code", anxin.newest_code())
    assert says in customer.text
    customer.say("再查一次保安編碼狀態")
    assert says in customer.text


def test_a_notice_is_found_by_its_reference_and_from_its_link(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("寄驗證碼給我")
    customer.verify("900018", "070/01/01")
    mail = newest_notice(anxin)
    reference = found(NOTICE, mail)
    for asks in (f"幫我查 {reference}", reference.lower().replace("-", " ")):
        other = anxin.customer()
        other.say(asks)
        assert "「華南永昌」登入成功通知!" in other.text
        assert "z**@example.com" in other.text
    linked = anxin.customer(link=found(LINK, mail))
    linked.say("查證這封信")
    assert "z**@example.com" in linked.text
    linked.press("不是我操作的")
    linked.verify("900018", "070/01/01")
    assert PROTECTION.search(linked.text)


def test_a_reference_of_nobody_and_one_of_somebody_else_read_alike(anxin: Anxin) -> None:
    owner = anxin.customer()
    owner.say("寄驗證碼給我")
    owner.verify("900018", "070/01/01")
    reference = found(NOTICE, newest_notice(anxin))
    stranger = anxin.customer()
    stranger.say("寄驗證碼給我")
    stranger.verify("900028", "071/02/02")
    said = []
    for asked in (reference, "NT-20261120-7K3M-9PQR"):
        stranger.say(f"查 {asked}")
        said.append(stranger.text)
    assert said[0] == said[1]
    assert "ot@mhu.entrust.com.tw" in said[0]


def test_without_a_reference_the_customer_is_verified_and_sees_the_list(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("查證這封信")
    customer.say("昨天早上的登入成功通知")
    customer.verify("900018", "070/01/01")
    assert "「華南永昌」登入成功通知!" in customer.text


def test_one_flow_gives_way_to_another_and_asks_nothing_twice(anxin: Anxin) -> None:
    customer = anxin.customer(language="en")
    customer.say("unlock my password")
    customer.identify("900028", "071/02/02")
    customer.press("SMS")
    customer.say("somebody else is in my account, stop it now")
    assert customer.ask["kind"] == "choice"
    customer.say("unlock my password")
    assert customer.ask["kind"] == "choice"
    customer.press("E-mail")  # within the minute: the code that was sent before is the one to enter
    assert "wait" in customer.text or "in 6" in customer.text or "seconds" in customer.text
    customer.enter("code", anxin.newest_code())
    assert "UL-" in customer.text


@pytest.mark.parametrize("institution", ["gtjai", "icbca"])
def test_behind_a_link_for_information_no_flow_asks_for_anything(anxin: Anxin, institution: str) -> None:
    customer: Customer = anxin.customer(institution, link="demo")
    for wish in (
        "不是我登入的 快停掉",
        "查證這封信",
        "保安編碼狀態",
        "幫我解鎖密碼",
        "補發密碼",
        "展延憑證",
        "寄驗證碼給我",
    ):
        customer.say(wish)
        assert customer.ask.get("kind") not in ("account", "birth_date", "code", "choice"), wish
