"""A message in its conversation, read by the trained assistant: two questions, a denied wish, a question that leans."""

from __future__ import annotations

import pytest

from bot.content.flows import load_flows
from bot.engine.understanding.model import OUTSIDE
from bot.engine.understanding.reading import CANCEL, CERTAIN, COURTESIES, Reader, Reading
from tests.engine.understanding.conftest import Examples

FLOWS = tuple(load_flows())
FLOOR = 0.85  # of the questions that lean, those that land right

# institution, message, the topic, and the second one
TWO_QUESTIONS = (
    ("hnyc", "通知信可以關掉嗎？驗證碼多久有效？", "notice_opt_out", "otp_validity"),
    ("hnyc", "通知信可以關掉嗎？另外憑證怎麼展延？", "notice_opt_out", "certificate_renew"),
    ("hnyc", "怎麼變更密碼，順便問一下通知信可以回覆嗎", "password_change", "notice_reply"),
    (
        "hnyc",
        "can I turn these e-mails off? and also how do I change my password?",
        "notice_opt_out",
        "password_change",
    ),
    ("hnyc", "how long is the code valid? By the way, can I reply to these e-mails?", "otp_validity", "notice_reply"),
    ("gtjai", "驗證碼有效幾耐？仲有想問每次落單都要驗證碼咩？", "otp_validity", "otp_each_order"),
    ("gtjai", "什么是双重认证？还有，请问验证码几位数？", "two_factor_what", "otp_format"),
    ("icbca", "點樣停用保安編碼？另外點樣加指紋登入？", "token_disable", "token_biometric"),
)
# institution, message, its one topic
ONE_QUESTION = (
    ("hnyc", "你好。通知信可以關掉嗎？謝謝！", "notice_opt_out"),
    ("hnyc", "Hello. Can I turn these e-mails off? Thanks!", "notice_opt_out"),
    ("gtjai", "唔該。驗證碼有效幾耐？唔該晒！", "otp_validity"),
    ("gtjai", "您好！请问什么是双重认证？", "two_factor_what"),
    ("hnyc", "通知信可以關掉嗎？通知信怎麼取消？", "notice_opt_out"),
    ("hnyc", "不用幫我解鎖。通知信可以關掉嗎？", "notice_opt_out"),
)
# institution, message, the flow, and the question beside it
FLOW_AND_QUESTION = (
    ("hnyc", "幫我解鎖密碼。另外通知信可以關掉嗎？", "unlock_password", "notice_opt_out"),
    ("hnyc", "通知信可以關掉嗎？另外幫我解鎖密碼", "unlock_password", "notice_opt_out"),
    ("hnyc", "Please unlock my password. Also, can I turn these e-mails off?", "unlock_password", "notice_opt_out"),
    ("icbca", "查一下我的保安編碼狀態。另外點樣加指紋登入？", "token_status", "token_biometric"),
    ("gtjai", "how long is a code valid? also please send me a code", "send_code", "otp_validity"),
)
# the flow, institution, the wish denied, the same words as a question
DENIED = (
    ("unlock_password", "hnyc", "我沒有要解鎖密碼", "我沒有要解鎖密碼嗎"),
    ("unlock_password", "hnyc", "唔使幫我解鎖住", "唔使幫我解鎖咩"),
    ("unlock_password", "hnyc", "please do not unlock my password", "why do you not unlock my password"),
    ("reissue_password", "hnyc", "先不要幫我補發密碼", "可不可以先不要幫我補發密碼"),
    ("reissue_password", "hnyc", "别补发密码了", "为什么不补发密码了"),
    ("reissue_password", "hnyc", "do not reissue my password", "can I not reissue my password"),
    ("send_code", "hnyc", "不用寄驗證碼給我", "不用寄驗證碼給我嗎"),
    ("send_code", "gtjai", "唔好再send驗證碼畀我", "點解唔好再send驗證碼畀我"),
    ("send_code", "gtjai", "please don't send me a code", "why don't you send me a code"),
    ("renew_certificate", "hnyc", "我不要展延憑證", "我不要展延憑證可以嗎"),
    ("renew_certificate", "hnyc", "不需要续期证书", "不需要续期证书吗"),
    (
        "renew_certificate",
        "hnyc",
        "I don't want to renew my certificate",
        "what if I don't want to renew my certificate",
    ),
    ("token_status", "icbca", "不用幫我查保安編碼的狀態", "不用幫我查保安編碼的狀態嗎"),
    ("token_status", "icbca", "唔使幫我查保安編碼狀態", "點解唔使幫我查保安編碼狀態"),
    ("token_status", "icbca", "no need to check my token status", "is it no need to check my token status"),
    ("report_error", "hnyc", "我沒有要回報問題", "我沒有要回報問題嗎"),
    ("report_error", "gtjai", "我沒有要報告故障", "我沒有要報告故障嗎"),
    ("report_error", "icbca", "I'm not trying to report a fault", "why should I not want to report a fault"),
    ("report_status", "hnyc", "不用幫我查回報進度", "不用幫我查回報進度嗎"),
    ("report_status", "icbca", "不需要查進度了", "為什麼不需要查進度了"),
    ("report_status", "gtjai", "I don't need the status of my report", "do I not need the status of my report"),
    ("check_notice", "hnyc", "不用幫我查證這封信", "不用幫我查證這封信嗎"),
    ("check_notice", "hnyc", "别帮我查这封邮件了", "能不能别帮我查这封邮件"),
    ("check_notice", "hnyc", "no need to check this e-mail for me", "why no need to check this e-mail for me"),
)
NEVER_DENIED = (
    ("not_me", "hnyc", "不是我操作的 先幫我停掉"),
    ("not_me", "hnyc", "我不想帳戶被別人用 快鎖起來"),
    ("not_me", "hnyc", "I did not ask for this, someone is in my account, block it"),
    ("human", "hnyc", "我不要跟機器人講"),
    ("human", "gtjai", "唔想同機械人傾偈"),
    ("human", "icbca", "I don't want to talk to a bot, get me a person"),
)
WANTED_BESIDES = (
    ("unlock_password", "我不想打電話，幫我解鎖就好"),
    ("unlock_password", "不想等了 快幫我解鎖"),
    ("unlock_password", "幫我解鎖 不要再叫我打電話了"),
    ("unlock_password", "唔好再拖喇，即刻幫我解鎖"),
    ("unlock_password", "I don't want to call, just unlock my password"),
    ("reissue_password", "我不要等客服，直接幫我補發密碼"),
    ("reissue_password", "我沒有要解鎖，我要補發密碼"),
    ("send_code", "不要簡訊，驗證碼寄到email給我"),
    ("renew_certificate", "我不需要新憑證，幫我展延舊的"),
)
# institution, the question before, the one that leans on it, and the topics that answer it
LEANING = (
    ("hnyc", "每次登入都會寄信嗎", "那期貨呢", "notice_futures_coverage"),
    ("hnyc", "do I get an e-mail every time I log in", "what about futures", "notice_futures_coverage"),
    ("hnyc", "哪些情況會寄通知信", "那密碼改了呢", "notice_kinds"),
    ("hnyc", "哪些情況會寄通知信", "密碼打錯呢", "notice_kinds"),
    ("hnyc", "用e指發登入會收到通知信嗎", "那好神E櫃台呢", "notice_platforms"),
    ("hnyc", "does logging in with the app send an e-mail", "and the website?", "notice_platforms"),
    ("hnyc", "通知信可以關掉嗎", "為什麼", "notice_opt_out notice_reason"),
    ("hnyc", "怎么关闭登录提醒邮件", "为什么不行", "notice_opt_out notice_reason"),
    ("hnyc", "can I turn these e-mails off", "why not", "notice_opt_out notice_reason"),
    ("hnyc", "通知信寄到哪個信箱", "怎麼改", "mailbox_update notice_mailbox_source"),
    ("hnyc", "which mailbox do the notices go to", "how do I change it", "mailbox_update notice_mailbox_source"),
    ("hnyc", "簡訊驗證碼多久有效", "那email的呢", "otp_validity"),
    ("hnyc", "簡訊驗證碼多久有效", "如果是寄到信箱呢", "otp_validity"),
    ("hnyc", "驗證碼可以重發嗎", "要多久", "otp_resend"),
    ("hnyc", "一天可以解鎖幾次", "那明天呢", "unlock_limit"),
    ("hnyc", "沒有憑證可以解鎖嗎", "過期的呢", "unlock_without_certificate"),
    ("hnyc", "没有证书可以解锁吗", "过期了呢", "unlock_without_certificate"),
    ("hnyc", "can I unlock without a certificate", "what if it has expired", "unlock_without_certificate"),
    ("hnyc", "密碼錯幾次會鎖", "為什麼", "password_locked"),
    ("hnyc", "密碼被鎖住了怎麼回事", "要怎麼弄", "password_locked unlock_password"),
    ("hnyc", "憑證怎麼展延", "那Mac可以嗎", "certificate_prerequisites"),
    ("hnyc", "展延憑證要在哪裡辦", "需要多久", "certificate_renew"),
    ("hnyc", "憑證頁面的驗證碼要填嗎", "在哪裡填", "certificate_code"),
    ("hnyc", "補發密碼的信收到了要做什麼", "然後呢", "reissue_letter"),
    ("hnyc", "怎么修改密码", "在哪", "password_change"),
    ("hnyc", "怎麼變更密碼", "多久要改一次", "password_change"),
    ("hnyc", "收到登入通知但不是我", "怎麼辦", "login_not_me not_me"),
    ("gtjai", "how long is the code valid", "and by e-mail?", "otp_validity otp_methods"),
    ("gtjai", "驗證碼有效時間幾耐", "咁電郵呢", "otp_validity otp_methods"),
    ("gtjai", "短訊驗證碼有效幾耐", "手機應用程式嗰個呢", "otp_validity"),
    ("gtjai", "每次落單都要驗證碼嗎", "點解", "otp_each_order two_factor_why"),
    (
        "gtjai",
        "do I need a code for every order",
        "and when I log in?",
        "otp_each_order otp_platforms two_factor_login",
    ),
    ("gtjai", "可唔可以唔用雙重認證", "點解", "two_factor_refuse two_factor_why"),
    ("gtjai", "can I refuse two-factor authentication", "why", "two_factor_refuse two_factor_why"),
    ("gtjai", "什么是双重认证", "那为什么需要", "two_factor_why"),
    ("gtjai", "喺外國收唔收到驗證碼", "咁內地呢", "otp_overseas"),
    ("gtjai", "每次落單都要驗證碼嗎", "如果喺外國呢", "otp_overseas"),
    ("gtjai", "which platforms need a code", "what about the desktop version", "otp_platforms"),
    ("gtjai", "I have a new phone number", "how do I update it", "phone_update"),
    ("gtjai", "戶口因為驗證碼輸錯被停用", "點樣解", "otp_account_frozen"),
    ("gtjai", "客服熱線幾多號", "星期六呢", "hotline"),
    ("icbca", "保安編碼啟用咗但未用得", "要等幾耐", "token_delay"),
    ("icbca", "my token is frozen", "how long", "token_frozen"),
    ("icbca", "流動保安編碼輸錯凍結一日", "過咗一日都唔得呢", "token_frozen_forever"),
    ("icbca", "怎樣用指紋登入", "面容呢", "token_biometric"),
    ("icbca", "how do I disable the soft token", "and then can I still trade", "token_high_risk"),
    ("icbca", "我上報錯誤之後會點", "要等幾耐", "error_report_after"),
    ("icbca", "what is your phone number", "and on weekends?", "hotline"),
)
# The same, where the second only looks as if it leaned.
CHANGES_OF_SUBJECT = (
    ("hnyc", "通知信可以關掉嗎", "那客服電話幾號", "hotline"),
    ("hnyc", "通知信可以關掉嗎", "那我密碼忘了怎麼辦", "password_reissue"),
    ("hnyc", "驗證碼多久有效", "如果手機掉了呢", "phone_lost"),
    ("hnyc", "how long is the code valid", "what if I lost my phone", "phone_lost"),
    ("hnyc", "can I turn these e-mails off", "but how do I change my password", "password_change"),
    ("hnyc", "憑證怎麼展延", "那幫我解鎖", "unlock_password"),
    ("hnyc", "憑證怎麼展延", "那我要找真人", "human"),
    ("hnyc", "how do I renew my certificate", "then let me talk to a person", "human"),
    ("hnyc", "密碼錯幾次會鎖", "那通知信可以不要收嗎", "notice_opt_out"),
    ("hnyc", "一天可以解鎖幾次", "那怎麼改信箱", "mailbox_update"),
    ("hnyc", "通知信可以關掉嗎", "那謝謝", "thanks"),
    ("hnyc", "通知信可以關掉嗎", "那你是機器人嗎", "bot_challenge"),
    ("hnyc", "通知信可以關掉嗎", "那今天台積電多少", OUTSIDE),
    ("gtjai", "什么是双重认证", "那验证码多久过期", "otp_validity"),
    ("gtjai", "what is two-factor authentication", "and how long is a code valid", "otp_validity"),
    ("gtjai", "驗證碼有效期幾耐", "咁我換咗電話號碼呢", "phone_update"),
    ("gtjai", "每次落單都要驗證碼嗎", "咁收唔到驗證碼呢", "otp_not_received"),
    ("icbca", "怎麼停用保安編碼", "那怎麼啟用指紋登入", "token_biometric"),
    ("icbca", "怎麼停用保安編碼", "那你們電話多少", "hotline"),
)


def answered(reading: Reading) -> str | None:
    """Return the topic that the customer is answered with, if any."""
    understood = reading.understood
    return understood.topic if understood.decision == "answer" or understood.topic == OUTSIDE else None


# --- two questions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("institution", "text", "topic", "also"), TWO_QUESTIONS)
def test_two_certain_questions_are_both_answered(
    reader: Reader, institution: str, text: str, topic: str, also: str
) -> None:
    reading = reader.read(text, institution)
    assert (answered(reading), reading.also) == (topic, also)
    assert reading.understood.confidence >= CERTAIN


@pytest.mark.parametrize(("institution", "text", "topic"), ONE_QUESTION)
def test_a_question_beside_a_courtesy_is_one_question(reader: Reader, institution: str, text: str, topic: str) -> None:
    reading = reader.read(text, institution)
    assert (answered(reading), reading.also) == (topic, None)


@pytest.mark.parametrize(("institution", "text", "flow", "also"), FLOW_AND_QUESTION)
def test_a_flow_comes_first_and_the_question_beside_it_is_answered_too(
    reader: Reader, institution: str, text: str, flow: str, also: str
) -> None:
    reading = reader.read(text, institution)
    assert (answered(reading), reading.also) == (flow, also)


def test_of_two_flows_one_is_begun_and_no_flow_is_the_second(reader: Reader) -> None:
    for text in (
        "幫我補發密碼！另外幫我展延憑證！",
        "幫我解鎖密碼。我要回報問題。",
        "send me a code. also renew my certificate",
    ):
        assert reader.read(text, "hnyc").also not in FLOWS


def test_a_second_question_that_is_not_certain_is_left_out(reader: Reader) -> None:
    reading = reader.read("通知信可以關掉嗎？今天天氣怎麼樣？", "hnyc")
    assert (answered(reading), reading.also) == ("notice_opt_out", None)


@pytest.mark.parametrize(
    "text", ["謝謝你！再見！", "OK thanks. Bye!", "你好！你好！", "好的。謝謝！", "唔該晒！拜拜！"]
)
def test_of_courtesies_nobody_is_asked_which_was_meant(reader: Reader, text: str) -> None:
    assert answered(reader.read(text, "hnyc")) in COURTESIES


@pytest.mark.parametrize("text", ["碼", "信", "鎖"])
def test_of_one_character_it_is_asked_what_is_meant(reader: Reader, text: str) -> None:
    assert reader.read(text, "hnyc").understood.decision != "answer"


def test_a_single_question_has_no_second(reader: Reader, examples: Examples) -> None:
    texts = [text for text in examples[0] if not {"?", "？", "。", "！", "!", ";", "；"} & set(text)]
    assert sum(reader.read(text, "hnyc").also is not None for text in texts) < len(texts) / 100


# --- a denied wish ---------------------------------------------------------------------------------


def test_every_flow_that_can_be_denied_is_tried() -> None:
    assert {flow for flow, *_ in (*DENIED, *NEVER_DENIED)} == set(FLOWS)


@pytest.mark.parametrize(("flow", "institution", "denied", "asked"), DENIED)
def test_a_denied_wish_leaves_what_is_open_and_begins_nothing(
    reader: Reader, flow: str, institution: str, denied: str, asked: str
) -> None:
    assert answered(reader.read(denied, institution)) == CANCEL


@pytest.mark.parametrize(("flow", "institution", "denied", "asked"), DENIED)
def test_the_same_words_as_a_question_are_no_cancelling(
    reader: Reader, flow: str, institution: str, denied: str, asked: str
) -> None:
    assert reader.read(asked, institution).understood.topic != CANCEL


@pytest.mark.parametrize(("flow", "institution", "text"), NEVER_DENIED)
def test_wishes_that_come_in_negative_words_are_not_taken_for_denied(
    reader: Reader, flow: str, institution: str, text: str
) -> None:
    assert answered(reader.read(text, institution)) == flow


@pytest.mark.parametrize(("flow", "text"), WANTED_BESIDES)
def test_what_is_wanted_besides_what_is_not_is_done(reader: Reader, flow: str, text: str) -> None:
    assert answered(reader.read(text, "hnyc")) == flow


def test_a_denied_flow_is_not_offered(reader: Reader) -> None:
    for flow, institution, denied, _ in DENIED:
        understood = reader.read(denied, institution).understood
        assert flow not in understood.offered
        assert [name for name, _ in understood.ranking].count(CANCEL) == 1
        assert understood.ranking[0] == (CANCEL, understood.confidence)


# --- a question that leans -------------------------------------------------------------------------


def test_questions_that_lean_on_the_one_before_mostly_land_right(
    reader: Reader, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [
        f"  {before} / {text}: {reading.understood.topic}, {reading.understood.decision}; not {topics}"
        for institution, before, text, topics in LEANING
        if answered(reading := reader.read(text, institution, before)) not in topics.split()
    ]
    share = 1 - len(wrong) / len(LEANING)
    with capsys.disabled():
        print(
            f"\nOf {len(LEANING)} questions that lean on the one before, {share:.1%} land right. The others:",
            *wrong,
            sep="\n",
        )
    assert share >= FLOOR


def test_most_of_them_say_nothing_without_the_one_before(reader: Reader) -> None:
    # Otherwise the share above would say little.
    right = sum(answered(reader.read(text, institution)) in topics.split() for institution, _, text, topics in LEANING)
    assert right < len(LEANING) / 2


def test_changes_of_subject_are_not_dragged_back(reader: Reader) -> None:
    wrong = [
        f"{before} / {text}: {reading.understood.topic}, {reading.understood.decision}; not {topic}"
        for institution, before, text, topic in CHANGES_OF_SUBJECT
        if answered(reading := reader.read(text, institution, before)) != topic
    ]
    assert len(wrong) <= (1 - FLOOR) * len(CHANGES_OF_SUBJECT), wrong


@pytest.mark.parametrize("before", ["通知信可以關掉嗎", "幫我解鎖", "台積電多少錢", "謝謝", "", None])
def test_a_message_that_stands_by_itself_is_read_the_same_after_anything(reader: Reader, before: str | None) -> None:
    for text in ("驗證碼多久有效", "how do I change my password", "收唔到個code", "不用幫我補發密碼"):
        assert reader.read(text, "hnyc", before) == reader.read(text, "hnyc")


def test_where_the_two_together_say_nothing_the_words_count_alone(reader: Reader) -> None:
    for text in ("那香蕉呢", "and the weather in Paris?"):
        assert reader.read(text, "hnyc", "asdf qwer") == reader.read(text, "hnyc")


# --- anything --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", " ", "？", "🙂", "\x00", "字" * 2000, "？\n" * 1000, "那" * 24, "不要" * 1000, "\ud800"]
)
@pytest.mark.parametrize("before", [None, "通知信可以關掉嗎", "字" * 2000])
def test_anything_can_be_read(reader: Reader, text: str, before: str | None) -> None:
    understood = reader.read(text, "hnyc", before).understood
    assert 0 <= understood.confidence <= 1
    assert understood.decision in ("answer", "clarify", "handover")


@pytest.mark.parametrize("text", ["", " ", "？", "🙂", "\x00", "qqqq zzzz", "龘靐齉"])
def test_words_of_nobody_are_not_answered(reader: Reader, text: str) -> None:
    assert reader.read(text, "hnyc").understood.decision != "answer"


def test_an_institution_makes_its_own_topics_likelier(reader: Reader) -> None:
    text = "驗證碼要在哪裡輸入"
    here, there = (dict(reader.read(text, id_).understood.ranking) for id_ in ("hnyc", "gtjai"))
    assert here.get("certificate_code", 0.0) > there.get("certificate_code", 0.0)


def test_an_institution_that_nobody_knows_has_nothing_of_its_own(reader: Reader) -> None:
    # The gateway knows no other; the command refuses one. Reading does not depend on it.
    assert reader.read("客服電話幾號", "nowhere").understood.topic == "hotline"


# --- a notice's reference -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "NT-20261120-7K3M-9PQR",
        "查一下 NT-20261120-7K3M-9PQR",
        "幫我看 nt 20261120 7k3m 9pqr 這封是真的嗎",
        "这封邮件是不是你们发的 NT-20261120-7K3M-9PQR",
        "is NT-20261120-7K3M-9PQR from you?",
        "編號是ＮＴ－２０２６１１２０－７Ｋ３Ｍ－９ＰＱＲ",
    ],
)
def test_a_notices_reference_is_looked_up(reader: Reader, message: str) -> None:
    understood = reader.read(message, "hnyc").understood
    assert (understood.topic, understood.decision) == ("check_notice", "answer")


@pytest.mark.parametrize(
    ("message", "topic"),
    [
        ("NT-20261120-7K3M-9PQR 有人盜用我的帳號 快幫我停用", "not_me"),
        ("幫我解鎖密碼 NT-20261120-7K3M-9PQR", "unlock_password"),
        ("I want to talk to a person about NT-20261120-7K3M-9PQR", "human"),
    ],
)
def test_a_clear_wish_counts_more_than_the_reference_beside_it(reader: Reader, message: str, topic: str) -> None:
    assert reader.read(message, "hnyc").understood.topic == topic


def test_a_reports_reference_is_no_notices(reader: Reader) -> None:
    assert reader.read("查一下 ER-20261120-7K3M", "hnyc").understood.topic == "report_status"
