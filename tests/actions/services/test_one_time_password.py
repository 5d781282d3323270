"""One-time passwords: sent, verified once, and each "no" with its own reason (G3, G4, G6, G8, G9)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from actions.security.errors import (
    ChannelUnavailable,
    NotIdentified,
    OtpExhausted,
    OtpExpired,
    OtpMalformed,
    OtpNotSent,
    OtpOtherPurpose,
    OtpSuperseded,
    OtpUsed,
    OtpWrong,
    ResendTooSoon,
    SecretGone,
)
from actions.security.one_time_password import digest
from actions.security.secret import Secret
from actions.services.ports import NotSent
from actions.storage.models import Account, ChallengeRecord
from bot.contracts.keys import derive
from bot.settings import Settings
from tests.actions.world import (
    LOCKED,
    NORMAL,
    UNKNOWN,
    UNLOCK,
    VERIFY,
    WRONG_BIRTH_DATE,
    Person,
    World,
    refusal_of,
    statements,
    wrong_for,
)

STRANGERS = [pytest.param(UNKNOWN, id="unknown account"), pytest.param(WRONG_BIRTH_DATE, id="wrong birth date")]


@pytest.fixture
def code(world: World) -> str:
    """A code that waits in conversation c1."""
    world.identify("c1", NORMAL)
    return world.send_code("c1")


def only(world: World) -> dict[str, object]:
    (row,) = world.rows()["challenge"].values()
    return row


# --- sent -----------------------------------------------------------------------------------------


def test_what_was_sent_is_told_masked_and_with_its_times(world: World) -> None:
    world.identify("c1", NORMAL)
    sent = world.send("c1")
    now = world.clock.now()
    assert (sent.channel, sent.sent_to, sent.digits, sent.ttl_seconds) == ("sms", "093***678", 6, 300)
    assert (sent.expires_at, sent.resend_at) == (now + timedelta(seconds=300), now + timedelta(seconds=60))


@pytest.mark.parametrize(("channel", "to"), [("sms", "0930000678"), ("email", "zdemo@example.com")])
def test_the_code_goes_to_the_address_on_record(world: World, channel: str, to: str) -> None:
    world.identify("c1", NORMAL)
    world.send_code("c1", channel=channel)
    assert [(message.channel, message.to) for message in world.messenger.sent] == [(channel, to)]


def test_a_code_needs_an_identification(world: World) -> None:
    with pytest.raises(NotIdentified):
        world.send("c1")


def test_a_code_needs_a_fresh_identification(world: World) -> None:
    world.identify("c1", NORMAL)
    world.clock.pass_(minutes=15)
    with pytest.raises(NotIdentified):
        world.send("c1")


@pytest.mark.parametrize("channel", ["", "fax", "SMS", "resend"])
def test_an_unknown_channel_is_refused(world: World, channel: str) -> None:
    world.identify("c1", NORMAL)
    with pytest.raises(ChannelUnavailable):
        world.send("c1", channel=channel)


def test_a_channel_without_an_address_is_refused(world: World) -> None:
    world.execute(update(Account).where(Account.id == NORMAL.account).values(phone=None))
    world.identify("c1", NORMAL)
    with pytest.raises(ChannelUnavailable):
        world.send("c1", channel="sms")


def test_a_channel_that_the_institution_does_not_use_is_refused(world: World) -> None:
    world.identify("c1", Person("900068", "075/06/06"), institution="icbca")
    with pytest.raises(ChannelUnavailable):
        world.send("c1", channel="email")


def test_a_refused_sending_leaves_nothing(world: World) -> None:
    world.identify("c1", NORMAL)
    before = world.rows()
    refusal_of(lambda: world.send("c1", channel="fax"))
    assert world.rows() == before


def test_another_institutions_code_has_its_own_lifetime(world: World) -> None:
    world.identify("c1", Person("900068", "075/06/06"), institution="icbca")
    assert world.send("c1").ttl_seconds == 180


# --- again (G8) -----------------------------------------------------------------------------------


def test_another_code_is_refused_until_sixty_seconds_are_over(world: World, code: str) -> None:
    world.clock.pass_(milliseconds=59_999)
    with pytest.raises(ResendTooSoon) as refused:
        world.send("c1")
    assert refused.value.facts == {"seconds": 1}


def test_another_code_is_sent_after_sixty_seconds(world: World, code: str) -> None:
    world.clock.pass_(seconds=60)
    assert world.send_code("c1")


def test_another_channel_has_to_wait_as_long(world: World, code: str) -> None:
    world.clock.pass_(milliseconds=59_999)
    with pytest.raises(ResendTooSoon):
        world.send("c1", channel="email")


def test_another_conversation_of_the_same_customer_has_to_wait_as_long(world: World, code: str) -> None:
    world.identify("c2", NORMAL)
    with pytest.raises(ResendTooSoon):
        world.send("c2")


def test_another_purpose_does_not_have_to_wait(world: World, code: str) -> None:
    assert world.send_code("c1", UNLOCK)


def test_a_used_code_does_not_shorten_the_wait(world: World, code: str) -> None:
    world.enter("c1", code)
    world.clock.pass_(milliseconds=59_999)
    with pytest.raises(ResendTooSoon):
        world.send("c1")


def test_an_early_resend_leaves_the_first_code_good(world: World, code: str) -> None:
    refusal_of(lambda: world.send("c1"))
    world.enter("c1", code)
    assert only(world)["used_at"] == world.clock.now()


def test_a_failed_delivery_does_not_shorten_the_wait(world: World) -> None:
    world.identify("c1", NORMAL)
    world.messenger.problem = NotSent("refused")
    world.send("c1")
    world.services.outbox.relay()
    world.clock.pass_(milliseconds=59_999)
    with pytest.raises(ResendTooSoon):
        world.send("c1")


@pytest.mark.parametrize("person", STRANGERS)
def test_a_stranger_has_to_wait_as_long(world: World, person: Person) -> None:
    world.identify("c1", person)
    world.send("c1")
    world.clock.pass_(milliseconds=59_999)
    with pytest.raises(ResendTooSoon):
        world.send("c1")


# --- verified -------------------------------------------------------------------------------------


def test_the_right_code_is_used_up(world: World, code: str) -> None:
    world.enter("c1", code)
    assert only(world)["used_at"] == world.clock.now()


def test_the_right_code_is_not_counted_as_wrong(world: World, code: str) -> None:
    world.enter("c1", code)
    assert only(world)["wrong"] == 0


@pytest.mark.parametrize("age", [0, 299_999])
def test_a_code_is_good_for_its_lifetime(world: World, code: str, age: int) -> None:
    world.clock.pass_(milliseconds=age)
    assert world.enter("c1", code)


@pytest.mark.parametrize("age", [300_000, 300_001, 600_000])
def test_a_code_is_expired_from_the_end_of_its_lifetime(world: World, code: str, age: int) -> None:
    world.clock.pass_(milliseconds=age)
    with pytest.raises(OtpExpired):
        world.enter("c1", code)


def test_a_clock_that_steps_back_before_the_sending_refuses(world: World, code: str) -> None:
    world.clock.pass_(milliseconds=-1)
    with pytest.raises(OtpExpired):
        world.enter("c1", code)


def test_the_same_call_again_is_right_and_changes_nothing(world: World, code: str) -> None:
    reference = world.enter("c1", code)
    before = world.rows()
    world.clock.pass_(seconds=1)
    world.services.one_time_password.verify("c1", VERIFY, reference)
    assert world.rows() == before


def test_the_same_reference_is_not_right_for_another_purpose(world: World, code: str) -> None:
    reference = world.enter("c1", code)
    with pytest.raises(SecretGone):
        world.services.one_time_password.verify("c1", UNLOCK, reference)


def test_the_same_reference_is_not_right_in_another_conversation(world: World, code: str) -> None:
    reference = world.enter("c1", code)
    world.identify("c2", NORMAL)
    with pytest.raises(SecretGone):
        world.services.one_time_password.verify("c2", VERIFY, reference)


def test_the_same_reference_of_a_wrong_code_is_refused_again(world: World, code: str) -> None:
    reference = world.put("c1", "code", wrong_for(code))
    refusals = [refusal_of(lambda: world.services.one_time_password.verify("c1", VERIFY, reference)) for _ in range(2)]
    assert refusals == ["OtpWrong", "SecretGone"]


def test_a_code_entered_twice_is_used(world: World, code: str) -> None:
    world.enter("c1", code)
    with pytest.raises(OtpUsed):
        world.enter("c1", code)


def test_whatever_follows_a_used_code_is_told_that_it_was_used(world: World, code: str) -> None:
    world.enter("c1", code)
    with pytest.raises(OtpUsed):
        world.enter("c1", wrong_for(code))


# --- a login to the chat (notices.yml: login_success) ---------------------------------------------


def test_a_right_code_sends_the_notice_of_a_login_to_the_online_customer_service(world: World, code: str) -> None:
    world.enter("c1", code)
    (letter,) = world.letters()
    assert (letter.to, letter.subject) == ("zdemo@example.com", "「華南永昌」登入成功通知!")
    assert not [words for words in ("線上客服", "2026/11/20 10:00:00") if words not in letter.text]


def test_a_wrong_code_sends_no_notice(world: World, code: str) -> None:
    refusal_of(lambda: world.enter("c1", wrong_for(code)))
    assert (world.letters(), world.counts()["notice"]) == ([], 0)


def test_the_same_call_again_sends_no_second_notice(world: World, code: str) -> None:
    reference = world.enter("c1", code)
    world.services.one_time_password.verify("c1", VERIFY, reference)
    assert len(world.letters()) == 1


@pytest.mark.parametrize(
    ("language", "words"), [("zh-Hant", "親愛的客戶"), ("zh-Hans", "尊敬的客户"), ("en", "Dear customer")]
)
def test_the_notice_is_in_the_language_of_the_conversation(world: World, code: str, language: str, words: str) -> None:
    reference = world.put("c1", "code", code)
    world.services.one_time_password.verify("c1", VERIFY, reference, language)
    assert words in world.letters()[0].text


def test_an_account_without_a_mailbox_logs_in_without_a_notice(world: World, code: str) -> None:
    world.execute(update(Account).where(Account.id == NORMAL.account).values(email=None))
    world.enter("c1", code)
    assert world.letters() == []


def test_an_institution_without_notices_sends_none_for_a_login(world: World) -> None:
    world.identify("c1", Person("900088", "1988/08/08"), institution="icbca")
    world.enter("c1", world.send_code("c1", "token_status"), "token_status")
    assert (world.letters(), world.counts()["notice"]) == ([], 0)


# --- what a right code allows (G9, G21) -----------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "minutes"), [(VERIFY, 5), (UNLOCK, 5), ("renew_certificate", 15), ("check_notice", 15)]
)
def test_a_right_code_allows_its_purpose_for_as_long_as_that_takes(world: World, purpose: str, minutes: int) -> None:
    world.is_verified("c1", NORMAL, purpose)
    allowed = world.services.one_time_password.is_verified
    world.clock.pass_(minutes=minutes, milliseconds=-1)
    assert allowed("c1", purpose)
    world.clock.pass_(milliseconds=1)
    assert not allowed("c1", purpose)


def test_a_right_code_allows_nothing_else_and_nowhere_else(world: World, code: str) -> None:
    world.enter("c1", code)
    allowed = world.services.one_time_password.is_verified
    assert [allowed("c1", VERIFY), allowed("c1", UNLOCK), allowed("c2", VERIFY)] == [True, False, False]


def test_a_spent_code_allows_nothing_more(world: World) -> None:
    world.is_verified("c1", LOCKED)
    world.unlock("c1")
    assert not world.services.one_time_password.is_verified("c1", UNLOCK)


def test_a_clock_set_back_before_the_entry_allows_nothing(world: World, code: str) -> None:
    world.enter("c1", code)
    world.clock.pass_(milliseconds=-1)
    assert not world.services.one_time_password.is_verified("c1", VERIFY)


# --- wrong (G6) -----------------------------------------------------------------------------------


def test_a_wrong_code_is_counted_before_it_is_refused(world: World, code: str) -> None:
    with pytest.raises(OtpWrong):
        world.enter("c1", wrong_for(code))
    assert only(world)["wrong"] == 1


def test_a_wrong_code_is_told_how_many_attempts_are_left(world: World, code: str) -> None:
    left = []
    for _ in range(3):
        with pytest.raises(OtpWrong) as refused:
            world.enter("c1", wrong_for(code))
        left.append(refused.value.facts["left"])
    assert left == [2, 1, 0]


def test_the_right_code_is_refused_after_three_wrong_ones(world: World, code: str) -> None:
    for _ in range(3):
        refusal_of(lambda: world.enter("c1", wrong_for(code)))
    with pytest.raises(OtpExhausted):
        world.enter("c1", code)


def test_the_right_code_is_good_after_two_wrong_ones(world: World, code: str) -> None:
    for _ in range(2):
        refusal_of(lambda: world.enter("c1", wrong_for(code)))
    assert world.enter("c1", code)


def test_an_exhausted_challenge_counts_no_further(world: World, code: str) -> None:
    for _ in range(6):
        refusal_of(lambda: world.enter("c1", wrong_for(code)))
    assert only(world)["wrong"] == 3


def test_a_right_and_a_wrong_code_after_the_limit_are_refused_alike(world: World, code: str) -> None:
    for _ in range(3):
        refusal_of(lambda: world.enter("c1", wrong_for(code)))
    right, wrong = refusal_of(lambda: world.enter("c1", code)), refusal_of(lambda: world.enter("c1", wrong_for(code)))
    assert right == wrong == "OtpExhausted"


@pytest.mark.parametrize("entered", ["12345", "٠١٢٣٤٥", "+12345", "1_2345", "hello"])
def test_what_is_no_code_is_refused_and_not_counted(world: World, code: str, entered: str) -> None:
    with pytest.raises(OtpMalformed):
        world.enter("c1", entered)
    assert only(world)["wrong"] == 0


def test_a_pasted_message_is_the_code_in_it(world: World, code: str) -> None:
    world.enter("c1", world.messenger.sent[-1].text)
    assert only(world)["used_at"] is not None


# --- not sent, superseded, other purpose, other conversation (G9) ---------------------------------


def test_a_code_is_refused_where_none_was_sent(world: World) -> None:
    world.identify("c1", NORMAL)
    with pytest.raises(OtpNotSent):
        world.enter("c1", "123456")


def test_nothing_is_pending_where_none_was_sent(world: World) -> None:
    world.identify("c1", NORMAL)
    with pytest.raises(OtpNotSent):
        world.services.one_time_password.pending("c1", VERIFY)


def test_what_is_pending_is_what_was_sent(world: World) -> None:
    world.identify("c1", NORMAL)
    sent = world.send("c1")
    assert world.services.one_time_password.pending("c1", VERIFY) == sent


def test_the_older_code_is_superseded(world: World, code: str) -> None:
    world.clock.pass_(seconds=60)
    world.send_code("c1")
    with pytest.raises(OtpSuperseded):
        world.enter("c1", code)


def test_the_older_code_is_counted_as_an_attempt(world: World, code: str) -> None:
    world.clock.pass_(seconds=60)
    world.send_code("c1")
    for _ in range(3):
        refusal_of(lambda: world.enter("c1", code))
    with pytest.raises(OtpExhausted):
        world.enter("c1", code)


def test_the_newer_code_is_good(world: World, code: str) -> None:
    world.clock.pass_(seconds=60)
    assert world.enter("c1", world.send_code("c1"))


def test_a_code_that_another_conversation_replaced_is_superseded(world: World, code: str) -> None:
    world.clock.pass_(seconds=60)
    world.identify("c2", NORMAL)
    world.send_code("c2")
    with pytest.raises(OtpSuperseded):
        world.enter("c1", code)


def test_a_code_used_before_another_was_sent_is_told_that_it_was_used(world: World, code: str) -> None:
    world.enter("c1", code)
    world.clock.pass_(seconds=60)
    world.send_code("c1")
    with pytest.raises(OtpUsed):
        world.enter("c1", code)


def test_a_code_for_another_purpose_is_refused(world: World, code: str) -> None:
    world.send_code("c1", UNLOCK)
    with pytest.raises(OtpOtherPurpose):
        world.enter("c1", code, UNLOCK)


def test_a_code_for_another_purpose_is_counted_as_an_attempt(world: World, code: str) -> None:
    world.send_code("c1", UNLOCK)
    refusal_of(lambda: world.enter("c1", code, UNLOCK))
    assert sorted(row["wrong"] for row in world.rows()["challenge"].values()) == [0, 1]


def test_a_code_for_another_purpose_verifies_neither(world: World, code: str) -> None:
    world.send_code("c1", UNLOCK)
    refusal_of(lambda: world.enter("c1", code, UNLOCK))
    assert not [row for row in world.rows()["challenge"].values() if row["used_at"]]


def test_a_code_found_by_guessing_under_another_purpose_is_void(world: World, code: str) -> None:
    # Otherwise each guess is tried against two codes, and three tries become six.
    world.send_code("c1", UNLOCK)
    with pytest.raises(OtpOtherPurpose):
        world.enter("c1", code, UNLOCK)
    with pytest.raises(OtpSuperseded):
        world.enter("c1", code, VERIFY)


def test_a_code_of_another_conversation_is_refused(world: World, code: str) -> None:
    world.identify("c2", LOCKED)
    world.send_code("c2")
    with pytest.raises(OtpWrong):
        world.enter("c2", code)


def test_a_code_is_not_good_in_a_conversation_where_none_was_sent(world: World, code: str) -> None:
    world.identify("c2", NORMAL)
    with pytest.raises(OtpNotSent):
        world.enter("c2", code)


def test_a_code_of_another_conversation_stays_good_in_its_own(world: World, code: str) -> None:
    world.identify("c2", LOCKED)
    world.send_code("c2")
    refusal_of(lambda: world.enter("c2", code))
    assert world.enter("c1", code)


def test_a_code_put_in_by_another_conversation_is_refused(world: World, code: str) -> None:
    reference = world.put("c2", "code", code)
    with pytest.raises(SecretGone):
        world.services.one_time_password.verify("c1", VERIFY, reference)


@pytest.mark.parametrize("other", [LOCKED, UNKNOWN, WRONG_BIRTH_DATE])
def test_a_code_is_not_judged_once_other_details_were_entered(world: World, code: str, other: Person) -> None:
    world.identify("c1", other)
    for entered in (code, wrong_for(code)):
        with pytest.raises(OtpNotSent):
            world.enter("c1", entered)
    with pytest.raises(OtpNotSent):
        world.services.one_time_password.pending("c1", VERIFY)
    assert (only(world)["used_at"], only(world)["wrong"], world.rows()["guess_budget"]) == (None, 0, {})
    assert [m["kind"] for m in world.rows()["outbox"].values() if m["kind"] == "login_success"] == []


def test_another_persons_code_in_the_same_conversation_is_void(world: World, code: str) -> None:
    world.identify("c1", LOCKED)
    world.send_code("c1")
    assert [row["superseded_at"] is None for row in world.rows()["challenge"].values()].count(True) == 1


def test_another_persons_code_in_the_same_conversation_is_plainly_wrong(world: World, code: str) -> None:
    world.identify("c1", LOCKED)
    world.send_code("c1")
    with pytest.raises(OtpWrong):
        world.enter("c1", code)


def test_a_stale_identification_is_asked_for_again_before_the_code_is_taken(world: World, code: str) -> None:
    world.clock.pass_(minutes=15)
    reference = world.put("c1", "code", code)
    with pytest.raises(NotIdentified):
        world.services.one_time_password.verify("c1", VERIFY, reference)
    assert world.take("c1", "code", reference) == code


# --- strangers (G12) ------------------------------------------------------------------------------


@pytest.mark.parametrize("person", STRANGERS)
def test_nothing_is_sent_for_a_stranger(world: World, person: Person) -> None:
    world.identify("c1", person)
    world.send("c1")
    world.services.outbox.relay()
    assert not world.messenger.sent


@pytest.mark.parametrize("person", STRANGERS)
def test_a_stranger_is_told_the_same_as_a_customer(world: World, person: Person) -> None:
    world.identify("c1", NORMAL)
    world.identify("c2", person)
    customer, stranger = world.send("c1"), world.send("c2")
    told = ("channel", "digits", "ttl_seconds", "expires_at", "resend_at")
    assert [getattr(stranger, name) for name in told] == [getattr(customer, name) for name in told]


@pytest.mark.parametrize("person", STRANGERS)
def test_a_strangers_code_is_never_right_even_when_guessed(world: World, person: Person, settings: Settings) -> None:
    world.identify("c1", person)
    world.send("c1")
    challenge = next(iter(world.rows()["challenge"]))
    pepper = derive(settings.key_file.read_bytes(), "pepper of codes")
    world.execute(update(ChallengeRecord).values(code_digest=digest(pepper, challenge, Secret("424242"))))
    with pytest.raises(OtpWrong):
        world.enter("c1", "424242")


def test_a_customers_code_is_right_when_guessed(world: World, settings: Settings) -> None:
    # Proves that the test above would notice: the same row with an account is accepted.
    world.identify("c1", NORMAL)
    world.send("c1")
    challenge = next(iter(world.rows()["challenge"]))
    pepper = derive(settings.key_file.read_bytes(), "pepper of codes")
    world.execute(update(ChallengeRecord).values(code_digest=digest(pepper, challenge, Secret("424242"))))
    assert world.enter("c1", "424242")


@pytest.mark.parametrize("person", STRANGERS)
def test_a_strangers_wrong_codes_are_refused_as_a_customers_are(world: World, person: Person) -> None:
    world.identify("c1", NORMAL)
    code = world.send_code("c1")
    world.identify("c2", person)
    world.send("c2")
    customer = [refusal_of(lambda: world.enter("c1", wrong_for(code))) for _ in range(5)]
    stranger = [refusal_of(lambda: world.enter("c2", wrong_for(code))) for _ in range(5)]
    assert stranger == customer


@pytest.mark.parametrize("person", STRANGERS)
def test_a_strangers_wrong_code_takes_the_same_statements(world: World, person: Person) -> None:
    world.identify("c1", NORMAL)
    code = world.send_code("c1")
    world.identify("c2", person)
    world.send("c2")
    with statements() as for_customer:
        refusal_of(lambda: world.enter("c1", wrong_for(code)))
    with statements() as for_stranger:
        refusal_of(lambda: world.enter("c2", wrong_for(code)))
    assert for_stranger == for_customer


@pytest.mark.parametrize("person", STRANGERS)
def test_a_strangers_sending_writes_as_much_as_a_customers(world: World, person: Person) -> None:
    world.identify("c1", NORMAL)
    world.identify("c2", person)
    with statements() as for_customer:
        world.send("c1")
    with statements() as for_stranger:
        world.send("c2")
    assert [s for s in for_stranger if not s.startswith("SELECT")] == [
        s for s in for_customer if not s.startswith("SELECT")
    ]


# --- at rest (G10) --------------------------------------------------------------------------------


def test_no_row_and_no_file_holds_a_code(world: World, settings: Settings, code: str) -> None:
    world.enter("c1", code)
    assert code not in repr(world.rows())
    assert not [file for file in settings.var.rglob("*") if file.is_file() and code.encode() in file.read_bytes()]
