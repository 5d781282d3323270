"""The outbox: written with its effect, sent after it, codes at most once, notices at least once, then erased."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from jinja2 import UndefinedError

from actions.adapters.templates import FOLDER, JinjaTemplates
from actions.services.ports import Message, NotSent, OutcomeUnknown, RefusedForGood
from actions.storage.outbox import wait_after
from bot.settings import Settings
from tests.actions.world import LOCKED, NORMAL, UNLOCK, RecordingMessenger, SettableClock, World

LANGUAGES = ("zh-Hant", "zh-Hans", "en")
NOTICE: dict[str, str] = {
    "time": "2026/11/20 10:00:00",
    "receipt": "UL-20261120-7K3M",
    "reference": "NT-20261120-7K3M-QXRT",
    "link": "https://chat.example/",
}
CODE = {"code": "918273", "minutes": "5"}
FACTS = {"brand": "測試證券", "hotline": "000-0000", "chat_link": "https://chat.example/", "jurisdiction": "TW"}
TO = "canary-to@example.com"


class RelayDied(BaseException):
    """The process ends in the middle of sending."""


def queue(world: World, kind: str = "password_unlocked", channel: str = "email", commit: bool = True) -> None:
    values = CODE if kind == "one_time_code" else NOTICE
    with world.services.work.begin() as session:
        world.services.outbox.add(session, "hnyc", kind, channel, TO, "zh-Hant", values)
        if commit:
            session.commit()


def relay(world: World) -> int:
    return world.services.outbox.relay()


def die(world: World) -> None:
    """Relay with a process that dies in the act."""
    world.messenger.problem = RelayDied()
    with pytest.raises(RelayDied):
        relay(world)
    world.messenger.problem = None


def only(world: World) -> dict[str, Any]:
    (row,) = world.rows()["outbox"].values()
    return row


# --- with its transaction -------------------------------------------------------------------------


def test_a_message_leaves_after_its_commit(world: World) -> None:
    queue(world)
    assert relay(world) == 1
    assert [message.to for message in world.messenger.sent] == [TO]


def test_a_message_is_rolled_back_with_its_transaction(world: World) -> None:
    queue(world, commit=False)
    assert relay(world) == 0
    assert not world.rows()["outbox"]


def test_nothing_leaves_before_the_commit(world: World) -> None:
    with world.services.work.begin() as session:
        world.services.outbox.add(session, "hnyc", "password_unlocked", "email", TO, "en", NOTICE)
        session.flush()
        assert not world.messenger.tried
        session.commit()


def test_messages_leave_oldest_first(world: World) -> None:
    queue(world, "one_time_code")
    world.clock.pass_(seconds=1)
    queue(world)
    relay(world)
    assert [message.code for message in world.messenger.sent] == ["918273", None]


def test_a_message_is_sent_once(world: World) -> None:
    queue(world)
    relay(world)
    world.clock.pass_(days=1)
    assert relay(world) == 0
    assert world.messenger.tried == 1


# --- at rest --------------------------------------------------------------------------------------


@pytest.mark.parametrize("canary", [b"918273", TO.encode()])
def test_a_waiting_message_is_encrypted(world: World, settings: Settings, canary: bytes) -> None:
    queue(world, "one_time_code")
    assert not [file for file in settings.var.rglob("*") if file.is_file() and canary in file.read_bytes()]


def test_a_sent_message_is_erased(world: World) -> None:
    queue(world)
    relay(world)
    assert (only(world)["state"], only(world)["ciphertext"]) == ("sent", b"")


def test_a_code_that_was_given_up_is_erased(world: World) -> None:
    world.messenger.problem = NotSent("refused")
    queue(world, "one_time_code")
    relay(world)
    assert (only(world)["state"], only(world)["ciphertext"]) == ("dead", b"")


# --- codes at most once ---------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [NotSent("refused"), OutcomeUnknown("timeout"), RefusedForGood("no"), OSError()])
def test_a_code_that_was_not_sent_is_never_tried_again(world: World, problem: NotSent) -> None:
    world.messenger.problem = problem
    queue(world, "one_time_code")
    relay(world)
    world.messenger.problem = None
    for _ in range(10):
        world.clock.pass_(minutes=5)
        relay(world)
    assert (world.messenger.tried, world.messenger.sent) == (1, [])


def test_a_code_whose_relay_died_is_never_tried_again(world: World) -> None:
    queue(world, "one_time_code")
    die(world)
    for _ in range(10):
        world.clock.pass_(minutes=5)
        relay(world)
    assert (world.messenger.tried, only(world)["state"], only(world)["ciphertext"]) == (1, "dead", b"")


def test_a_failed_code_does_not_hold_up_the_messages_behind_it(world: World) -> None:
    queue(world, "one_time_code")
    queue(world)
    die(world)
    assert relay(world) == 1


def test_a_failed_message_is_said_without_its_content(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.messenger.problem = NotSent("refused")
    queue(world, "one_time_code")
    with caplog.at_level(logging.DEBUG):
        relay(world)
    assert "one_time_code" in caplog.text
    assert not [word for word in ("918273", TO, "canary") if word in caplog.text]


# --- notices at least once ------------------------------------------------------------------------


def test_a_notice_is_tried_again_after_a_growing_wait(world: World) -> None:
    world.messenger.problem = NotSent("refused")
    queue(world)
    for tries in range(1, 5):
        relay(world)
        wait = only(world)["due_at"] - world.clock.now()
        assert 2**tries / 2 <= wait.total_seconds() <= 2**tries
        world.clock.set(only(world)["due_at"])


def test_a_notice_is_never_put_off_for_more_than_an_hour() -> None:
    assert max(wait_after(tries) for tries in range(1, 100)) <= timedelta(hours=1)


def test_notices_that_failed_together_are_not_tried_together() -> None:
    assert len({wait_after(5) for _ in range(50)}) > 40


def test_a_notice_is_not_tried_before_its_wait_is_over(world: World) -> None:
    world.messenger.problem = NotSent("refused")
    queue(world)
    relay(world)
    world.clock.set(only(world)["due_at"] - timedelta(milliseconds=1))
    relay(world)
    assert world.messenger.tried == 1


def test_a_notice_is_sent_when_the_messenger_is_back(world: World) -> None:
    world.messenger.problem = NotSent("refused")
    queue(world)
    relay(world)
    world.messenger.problem = None
    world.clock.pass_(seconds=2)
    assert relay(world) == 1
    assert only(world)["problem"] is None


@pytest.mark.parametrize("problem", [NotSent("refused"), OutcomeUnknown("silent"), ValueError("unforeseen")])
def test_a_notice_is_given_up_after_a_day(world: World, problem: Exception) -> None:
    world.messenger.problem = problem
    queue(world)
    start = world.clock.now()
    while (row := only(world))["state"] != "dead":
        world.clock.set(row["due_at"])
        relay(world)
    assert timedelta(hours=24) <= world.clock.now() - start <= timedelta(hours=25)
    assert 30 <= world.messenger.tried <= 60


def test_a_notice_that_was_refused_for_good_is_given_up_at_once_with_its_reason(world: World) -> None:
    world.messenger.problem = RefusedForGood("SMTPDataError 554 at mail")
    queue(world)
    relay(world)
    row = only(world)
    assert (row["state"], row["problem"], world.messenger.tried) == ("dead", "SMTPDataError 554 at mail", 1)


def test_an_unforeseen_failure_is_kept_by_its_name_alone(world: World) -> None:
    world.messenger.problem = ValueError(f"{TO} canary")
    queue(world)
    relay(world)
    assert only(world)["problem"] == "ValueError"


def test_a_long_reason_is_cut(world: World) -> None:
    world.messenger.problem = RefusedForGood("x" * 1000)
    queue(world)
    relay(world)
    assert len(only(world)["problem"]) == 255


def test_a_notice_whose_relay_dies_over_and_over_is_given_up_after_a_day(world: World) -> None:
    queue(world)
    for _ in range(3):
        die(world)
        world.clock.pass_(hours=11)
    relay(world)
    assert (only(world)["state"], only(world)["problem"]) == ("dead", "the relay ended while it was sending")


def test_an_unforeseen_failure_does_not_hold_up_the_messages_behind_it(world: World) -> None:
    class FailsOnce(RecordingMessenger):
        def send(self, message: Message) -> None:
            self.problem = None if self.tried else ValueError("unforeseen")
            super().send(message)

    queue(world)
    queue(world)
    world.services.outbox._messenger = FailsOnce()
    assert relay(world) == 1


def test_a_notice_whose_relay_died_is_sent_after_the_lease(world: World) -> None:
    queue(world)
    die(world)
    world.clock.pass_(seconds=60)
    assert relay(world) == 1


def test_a_notice_that_is_being_sent_is_passed_over_by_another_relay(world: World) -> None:
    queue(world)
    die(world)
    world.clock.pass_(milliseconds=59_999)
    assert relay(world) == 0


def test_a_notice_sent_again_keeps_its_id(world: World) -> None:
    class DiesAfter(RecordingMessenger):
        def send(self, message: Message) -> None:
            super().send(message)
            if len(self.sent) == 1:
                raise RelayDied

    messenger = world.services.outbox._messenger = DiesAfter()
    queue(world)
    with pytest.raises(RelayDied):
        relay(world)
    world.clock.pass_(seconds=60)
    relay(world)
    assert len({message.id for message in messenger.sent}) == 1
    assert len(messenger.sent) == 2


def test_what_has_not_left_is_counted(world: World) -> None:
    queue(world)
    queue(world, "one_time_code")
    before = world.services.outbox.waiting()
    relay(world)
    assert (before, world.services.outbox.waiting()) == (2, 0)


def test_a_message_to_nobody_never_leaves_and_is_not_waited_for(world: World) -> None:
    with world.services.work.begin() as session:
        world.services.outbox.add(session, "hnyc", "one_time_code", "sms", None, "en", CODE)
        session.commit()
    assert (relay(world), world.services.outbox.waiting(), world.messenger.tried) == (0, 0, 0)


def test_a_message_that_was_given_up_is_not_waited_for(world: World) -> None:
    world.messenger.problem = NotSent("refused")
    queue(world, "one_time_code")
    relay(world)
    assert world.services.outbox.waiting() == 0


# --- texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("kind", "channel"), [("one_time_code", "sms"), ("one_time_code", "email"), ("password_unlocked", "email")]
)
def test_every_message_is_written_in_every_language(kind: str, channel: str, language: str) -> None:
    subject, text, html = JinjaTemplates({"hnyc": FACTS}).render(kind, channel, language, {**CODE, **NOTICE}, "hnyc")
    assert text
    assert "{" not in text + html + subject
    assert (channel == "sms") == (subject == html == "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_is_written_in_its_own_language(language: str) -> None:
    _, text, html = JinjaTemplates({"hnyc": FACTS}).render("one_time_code", "email", language, CODE, "hnyc")
    assert f'<html lang="{language}">' in html
    assert {"zh-Hant": "驗證碼", "zh-Hans": "验证码", "en": "Your code"}[language] in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("channel", ["sms", "email"])
def test_a_code_comes_with_its_life_and_the_warning(channel: str, language: str) -> None:
    _, text, _ = JinjaTemplates({"hnyc": FACTS}).render("one_time_code", channel, language, CODE, "hnyc")
    assert "918273" in text
    assert "5" in text
    assert {"zh-Hant": "不會向您要", "zh-Hans": "不会向您要", "en": "never ask"}[language] in text


def test_a_subject_never_holds_the_code() -> None:
    subjects = [
        JinjaTemplates({"hnyc": FACTS}).render("one_time_code", "email", language, CODE, "hnyc")[0]
        for language in LANGUAGES
    ]
    assert not [subject for subject in subjects if "918273" in subject]


def test_a_subject_is_one_line() -> None:
    subjects = [
        JinjaTemplates({"hnyc": FACTS}).render(kind, "email", language, {**CODE, **NOTICE}, "hnyc")[0]
        for language in LANGUAGES
        for kind in ("one_time_code", "password_unlocked")
    ]
    assert not [subject for subject in subjects if "\n" in subject or not subject]


def test_no_template_but_that_of_the_code_names_a_code() -> None:
    naming = [file for file in FOLDER.rglob("*") if file.is_file() and "code }}" in file.read_text(encoding="utf-8")]
    assert {file.name.split(".")[0] for file in naming} == {"one_time_code"}


def test_a_missing_value_is_no_message() -> None:
    with pytest.raises(UndefinedError):
        JinjaTemplates({"hnyc": FACTS}).render("password_unlocked", "email", "en", {"time": "now"}, "hnyc")


def test_html_is_escaped() -> None:
    values = {**NOTICE, "receipt": "<script>alert(1)</script>"}
    _, _, html = JinjaTemplates({"hnyc": FACTS}).render("password_unlocked", "email", "en", values, "hnyc")
    assert "<script>" not in html


def test_no_message_but_the_one_with_the_code_holds_it(world: World, clock: SettableClock) -> None:
    code = world.verify("c1", LOCKED)
    world.unlock("c1")
    world.identify("c2", NORMAL)
    world.send_code("c2", UNLOCK)
    relay(world)
    holding = [
        message.code for message in world.messenger.sent if code in f"{message.subject}{message.text}{message.html}"
    ]
    assert holding == [code]


def test_a_message_in_another_language_is_written_in_it(world: World) -> None:
    world.verify("c1", LOCKED)
    world.unlock("c1", language="en")
    relay(world)
    assert "Your electronic-trading password was unlocked" in world.messenger.sent[-1].text
