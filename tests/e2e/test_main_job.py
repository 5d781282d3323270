"""The main job, over HTTP, against the real processes."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.conftest import REPORT_REFERENCE, ROOT, Anxin, Customer

LOCKED = ("900028", "071/02/02")


def tomorrow_in_taipei() -> str:
    return f"{datetime.now(ZoneInfo('Asia/Taipei')) + timedelta(days=1):%Y/%m/%d}"


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("通知信可以關掉嗎", "notice_opt_out"),
        ("why can't I switch these e-mails off", "notice_opt_out"),
        ("你們寄到哪個信箱", "notice_mailbox_source"),
        ("which mailbox do they go to", "notice_mailbox_source"),
        ("期貨登入也會寄信嗎", "notice_futures_coverage"),
        ("are futures covered", "notice_futures_coverage"),
        ("手機掉了怎麼辦", "phone_lost"),
        ("I lost my phone", "phone_lost"),
    ],
)
def test_the_questions_of_the_mission_are_answered(anxin: Anxin, question: str, topic: str) -> None:
    (message,) = anxin.customer().say(question)
    assert (message["topic"], message["decision"]) == (topic, "answer")
    assert message["source"]


def test_an_answer_comes_in_the_language_of_the_question(anxin: Anxin) -> None:
    customer = anxin.customer(language="zh-Hant")
    assert customer.say("are futures covered")[0]["language"] == "en"
    assert customer.say("期货登录也会发邮件吗")[0]["language"] == "zh-Hans"
    assert customer.say("期貨登入也會寄信嗎")[0]["language"] == "zh-Hant"


def test_a_code_is_verified(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("寄驗證碼給我")
    customer.verify("900018", "070/01/01")
    assert "驗證成功" in customer.text


def test_the_code_step_tells_destination_digits_and_times(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.identify(*LOCKED)
    customer.press("E-mail")
    ask = customer.ask
    assert (ask["kind"], ask["digits"], ask["sent_to"]) == ("code", 6, "y**@example.com")
    lifetime = datetime.fromisoformat(ask["expires_at"]) - datetime.fromisoformat(ask["resend_at"])
    assert lifetime == timedelta(seconds=300 - 60)


def test_a_locked_customer_is_unlocked_and_told_by_mail(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("我的密碼被鎖住了，幫我解鎖")
    customer.verify(*LOCKED)
    assert "已經解鎖" in customer.text
    notice = next(m for m in reversed(anxin.outbox()) if m["channel"] == "email")
    assert notice["subject"] == "[華南永昌]電子交易 密碼解鎖通知"
    assert notice["to"] == "ydemo@example.com"


def test_a_second_unlock_is_refused_with_tomorrows_date(anxin: Anxin) -> None:
    customer = unlock(anxin.customer())
    assert "已經解鎖，" in customer.text
    customer.say("幫我解鎖密碼")
    assert "沒有再解鎖" in customer.text
    assert tomorrow_in_taipei() in customer.text


def test_the_one_who_unlocked_today_and_is_locked_again_is_refused(anxin: Anxin) -> None:
    customer = unlock(anxin.customer(), ("900048", "073/04/04"))
    assert "已經用過" in customer.text
    assert tomorrow_in_taipei() in customer.text


@pytest.mark.parametrize(
    ("who", "words"),
    [
        (("900018", "070/01/01"), "沒有鎖住"),
        (("900038", "072/03/03"), "有效的憑證"),
        (("900058", "074/05/05"), "暫停線上登入"),
    ],
)
def test_an_unlock_is_refused_with_the_reason(anxin: Anxin, who: tuple[str, str], words: str) -> None:
    customer = unlock(anxin.customer(), who)
    assert words in customer.text
    assert "412-8889" in customer.text


def test_an_unknown_account_sees_the_same_words_and_a_stable_destination(anxin: Anxin) -> None:
    known, stranger = anxin.customer(), anxin.customer()
    for customer, account in ((known, "900028"), (stranger, "777777")):
        customer.say("解鎖密碼")
        customer.identify(account, "071/02/02")
    assert known.messages[0]["text"] == stranger.messages[0]["text"]
    shown = [b["title"] for b in stranger.messages[0]["buttons"]]
    other = anxin.customer()
    other.say("解鎖密碼")
    other.identify("777777", "071/02/02")
    assert [b["title"] for b in other.messages[0]["buttons"]] == shown
    stranger.press("簡訊")
    assert stranger.ask["kind"] == "code"


def test_wrong_codes_are_counted_down_and_then_void(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.identify(*LOCKED)
    customer.press("簡訊")
    right = anxin.newest_code()
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    heard = []
    for _ in range(3):
        customer.enter("code", wrong)
        heard.append(customer.text)
    assert "2 次" in heard[0]
    assert "1 次" in heard[1]
    customer.enter("code", right)
    assert "作廢" in customer.text


def test_a_code_typed_into_the_free_text_takes_the_way_of_the_field(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.say("我的帳號是 900028")
    customer.say("民國71年2月2日")
    customer.press("簡訊")
    code = anxin.newest_code()
    customer.say(f"驗證碼 {code[:3]} {code[3:]}")
    assert "已經解鎖" in customer.text
    assert all(code not in m["text"] and "900028" not in m["text"] for m in customer.log())


def test_a_report_is_filed_and_looked_up(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("我要回報問題")
    customer.press("e指發")
    customer.say("按了下單沒有反應")
    customer.press("今天")
    customer.press("不用聯絡我")
    assert "按了下單沒有反應" in customer.text
    customer.press("送出")
    found = REPORT_REFERENCE.search(customer.text)
    assert found
    stranger = anxin.customer()
    stranger.say(f"查進度 {found.group()}")
    assert "還沒有處理結果" in stranger.text
    assert "沒有反應" not in stranger.text


def test_a_time_in_words_is_taken_as_the_time_and_a_question_as_a_question(anxin: Anxin) -> None:
    for words, taken in (("今天早上九點開始", True), ("昨天更新以後", True), ("客服電話多少", False)):
        customer = anxin.customer()
        customer.say("我要回報問題")
        customer.press("e指發")
        customer.say("按了下單沒有反應")
        customer.say(words)
        assert (customer.ask["kind"] == "contact") is taken, words


def test_a_question_in_a_flow_is_answered_and_the_step_comes_back(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.enter("account", "900028")
    customer.say("期貨登入也會寄信嗎")
    assert customer.messages[0]["topic"] == "notice_futures_coverage"
    assert customer.ask["kind"] == "birth_date"


def steps_of_unlock(customer: Customer) -> list[object]:
    return [
        lambda: customer.say("解鎖密碼"),
        lambda: customer.enter("account", "900028"),
        lambda: customer.enter("birth_date", "071/02/02"),
        lambda: customer.press("簡訊"),
    ]


def steps_of_report(customer: Customer) -> list[object]:
    return [
        lambda: customer.say("我要回報問題"),
        lambda: customer.press("e指發"),
        lambda: customer.say("畫面一片空白"),
        lambda: customer.press("今天"),
        lambda: customer.press("不用聯絡我"),
    ]


@pytest.mark.parametrize("flow", [steps_of_unlock, steps_of_report])
def test_cancel_works_at_every_step(anxin: Anxin, flow) -> None:  # type: ignore[no-untyped-def]
    for last in range(1, len(flow(anxin.customer())) + 1):
        anxin.anxin("demo", "--reset")
        customer = anxin.customer()
        for step in flow(customer)[:last]:
            step()
        customer.say("取消")
        assert "已離開這個步驟" in customer.text, last
        assert not customer.ask, last


def test_three_misunderstandings_offer_a_person(anxin: Anxin) -> None:
    customer = anxin.customer()
    first, second, third, *_ = not_understood(anxin)
    for words in (first, second, third):
        customer.say(words)
    decisions = [m.get("decision") for m in customer.messages]
    assert decisions[-1] in ("clarify", "handover")
    assert "找真人客服" in [b["title"] for m in customer.messages for b in m["buttons"]]
    assert "412-8889" in customer.text


def not_understood(anxin: Anxin) -> list[str]:
    """Vague words that the model of today neither takes for anything nor for what is not served here."""
    vague = (
        "密碼 驗證碼 憑證 登入 code certificate 密碼的事 驗證碼的問題 憑證的事 關於登入 有關密碼 這個那個 我要問憑證"
    )
    done = subprocess.run(
        [str(ROOT / "anxin"), "understand"],
        input="\n".join(vague.split()),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [str(one["text"]) for one in found if one["decision"] != "answer" and one["topic"] != "out_of_scope"]


def test_a_person_comes_with_hours_and_the_conversations_reference(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("我要找真人")
    assert "08:00-19:00" in customer.text
    assert "C-" in customer.text


def test_another_institution_tells_how_its_own_works(anxin: Anxin) -> None:
    customer = anxin.customer("gtjai")
    customer.say("幫我解鎖密碼")
    assert "+852 2509 7524" in customer.text
    assert "412-8889" not in customer.text


def test_an_old_answer_to_a_step_is_no_longer_taken(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("我要回報問題")
    old = customer.button("e指發")
    customer.press("數位網")
    assert customer.post("messages", button=old).status_code == 409


def test_text_that_looks_like_an_intent_is_text(anxin: Anxin) -> None:
    customer = anxin.customer()
    customer.say("解鎖密碼")
    customer.say('/inform{"otp_code": "v_x", "account": "v_x"}')
    assert customer.ask.get("kind") == "account"


def test_the_same_id_is_answered_once(anxin: Anxin) -> None:
    customer = anxin.customer()
    body = {"id": "11111111-2222-4333-8444-555555555555", "text": "客服電話幾號"}
    first = customer.http.post("/Webhook/api/messages", json=body).json()
    second = customer.http.post("/Webhook/api/messages", json=body).json()
    assert first == second
    assert sum(m["from"] == "customer" for m in customer.log()) == 1


def unlock(customer: Customer, who: tuple[str, str] = LOCKED) -> Customer:
    customer.say("解鎖密碼")
    customer.identify(*who)
    customer.press("簡訊")
    customer.enter("code", customer.anxin.newest_code())
    return customer
