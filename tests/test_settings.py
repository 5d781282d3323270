"""Every setting has a default that works; a value that does not is refused in a sentence that names it and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import ROOT, SettingProblem, Settings, read_settings

MAIL = {"ANXIN_SMTP_HOST": "mail.example.com", "ANXIN_SMTP_SENDER": "demo@example.com"}
PORTS = ("GATEWAY_PORT", "ENGINE_PORT", "ACTIONS_PORT")


def given(**settings: str) -> Settings:
    return read_settings({f"ANXIN_{name}": value for name, value in settings.items()})


def refusal(**settings: str) -> str:
    with pytest.raises(SettingProblem) as refused:
        given(**settings)
    return str(refused.value)


def test_without_any_setting_everything_has_a_default() -> None:
    assert given().production is False


def test_the_default_serves_this_machine_only() -> None:
    assert given().gateway_host == "127.0.0.1"


def test_the_default_ports_are_those_of_the_design() -> None:
    settings = given()
    assert (settings.gateway_port, settings.engine_port, settings.actions_port) == (8080, 5005, 5055)


def test_the_default_keeps_everything_below_var() -> None:
    settings = given()
    assert settings.var == ROOT / "var"
    assert settings.conversations_url == f"sqlite:///{ROOT}/var/conversations.sqlite"


def test_everything_moves_with_var(tmp_path: Path) -> None:
    settings = given(VAR=str(tmp_path))
    assert {settings.key_file, settings.outbox_file} == {tmp_path / "keys" / "master.key", tmp_path / "outbox.jsonl"}
    assert str(tmp_path) in settings.conversations_url
    assert str(tmp_path) in settings.security_url


def test_a_relative_var_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert given(VAR="here").var == tmp_path / "here"


def test_the_inner_processes_are_called_on_this_machine() -> None:
    settings = given(ENGINE_PORT="15005", ACTIONS_PORT="15055")
    assert (settings.engine_url, settings.actions_url) == ("http://127.0.0.1:15005", "http://127.0.0.1:15055")


def test_other_variables_of_the_environment_are_left_alone() -> None:
    assert read_settings({"MODE": "wrong", "GATEWAY_PORT": "x"}) == given()


def test_settings_do_not_change_under_way() -> None:
    with pytest.raises(AttributeError):
        given().gateway_port = 1  # type: ignore[misc]


@pytest.mark.parametrize("mode", ["", "Production", "prod", "test", " embedded", "production "])
def test_an_unknown_mode_is_refused(mode: str) -> None:
    assert refusal(MODE=mode) == f"ANXIN_MODE={mode}: give embedded or production."


@pytest.mark.parametrize("name", PORTS)
@pytest.mark.parametrize(
    "value", ["", "0", "-1", "65536", "99999", "80a", "８０", "8080 ", "1e3", "0x50", "localhost", "٨٠"]
)
def test_what_is_no_port_is_refused(name: str, value: str) -> None:
    assert refusal(**{name: value}) == f"ANXIN_{name}={value}: give a port number, 1 to 65535."


@pytest.mark.parametrize("value", ["1", "8080", "65535"])
def test_a_port_is_taken(value: str) -> None:
    assert given(GATEWAY_PORT=value).gateway_port == int(value)


def test_the_port_of_the_mail_server_is_checked_too() -> None:
    assert "ANXIN_SMTP_PORT=x" in refusal(SMTP_HOST="mail.example.com", SMTP_PORT="x")


@pytest.mark.parametrize("level", ["LOUD", "", "info ", "7", "NOTHING"])
def test_an_unknown_level_is_refused(level: str) -> None:
    said = refusal(LOG_LEVEL=level)
    assert said.startswith("ANXIN_LOG_LEVEL=")
    assert "DEBUG" in said


@pytest.mark.parametrize(("level", "taken"), [("debug", "DEBUG"), ("INFO", "INFO"), ("Warning", "WARNING")])
def test_a_level_is_taken_in_any_case(level: str, taken: str) -> None:
    assert given(LOG_LEVEL=level).log_level == taken


# --- origins ------------------------------------------------------------------------------------------


def test_origins_are_given_with_commas() -> None:
    origins = given(PUBLIC_ORIGINS="https://a.example.com,https://b.example.com:8443").public_origins
    assert origins == ("https://a.example.com", "https://b.example.com:8443")


def test_spaces_and_a_last_slash_do_not_matter_in_origins() -> None:
    origins = given(PUBLIC_ORIGINS=" https://a.example.com/ , https://b.example.com ,").public_origins
    assert origins == ("https://a.example.com", "https://b.example.com")


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "https://*.example.com",
        "chat.example.com",
        "//chat.example.com",
        "https://",
        "https://chat.example.com/Webhook",
        "ftp://chat.example.com",
        "https://a.example.com https://b.example.com",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    assert refusal(PUBLIC_ORIGINS=origin).startswith(f"ANXIN_PUBLIC_ORIGINS={origin.rstrip('/')}")


def test_one_wrong_origin_among_good_ones_is_refused() -> None:
    assert "ANXIN_PUBLIC_ORIGINS" in refusal(PUBLIC_ORIGINS="https://a.example.com,*")


# --- mail ---------------------------------------------------------------------------------------------


def test_without_a_host_there_is_no_mail_server() -> None:
    assert given(SMTP_USER="demo").smtp is None


def test_a_mail_server_is_reached_with_starttls_unless_told_otherwise() -> None:
    smtp = given(SMTP_HOST="mail.example.com").smtp
    assert smtp is not None
    assert (smtp.port, smtp.tls) == (587, "starttls")


@pytest.mark.parametrize("tls", ["", "yes", "ssl", "STARTTLS"])
def test_an_unknown_way_of_encryption_is_refused(tls: str) -> None:
    assert refusal(SMTP_HOST="mail.example.com", SMTP_TLS=tls) == (
        f"ANXIN_SMTP_TLS={tls}: give starttls, implicit or none."
    )


@pytest.mark.parametrize("host", ["mail.example.com", "192.0.2.7", "localhost.example.com"])
def test_mail_leaves_this_machine_encrypted(host: str) -> None:
    assert refusal(SMTP_HOST=host, SMTP_TLS="none") == (
        f"ANXIN_SMTP_TLS=none is for a server on this machine; {host} is not one."
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_mail_to_this_machine_need_not_be_encrypted(host: str) -> None:
    smtp = given(SMTP_HOST=host, SMTP_TLS="none").smtp
    assert smtp is not None
    assert smtp.tls == "none"


# --- notices, staff and events ------------------------------------------------------------------------


def test_links_lead_to_the_page_of_this_machine_while_it_is_tried_out() -> None:
    assert given(GATEWAY_PORT="18080").chat_page == "http://127.0.0.1:18080/Webhook/"


def test_in_production_links_lead_where_the_institution_says() -> None:
    assert read_settings({"ANXIN_MODE": "production", **MAIL}).chat_page == ""


@pytest.mark.parametrize("page", ["https://chat.example.com", "chat.example.com/", "https://chat.example.com/?c=1"])
def test_what_is_no_page_is_refused(page: str) -> None:
    assert refusal(CHAT_PAGE=page) == f"ANXIN_CHAT_PAGE={page}: give the customers' page, without a query."


@pytest.mark.parametrize(
    "mailbox", ["hotline", "a@example.com,b@example.com", "a b@example.com", "a@example.com\nBcc: x"]
)
def test_what_is_not_one_mailbox_is_refused(mailbox: str) -> None:
    assert refusal(STAFF_MAILBOX=mailbox) == f"ANXIN_STAFF_MAILBOX={mailbox}: give one mailbox."


def test_in_production_nobody_is_told_of_protected_accounts_unless_named() -> None:
    assert read_settings({"ANXIN_MODE": "production", **MAIL}).staff_mailbox == ""


def test_a_key_of_events_that_is_too_short_is_refused_without_being_shown() -> None:
    said = refusal(EVENTS_KEY="canary-of-events")
    assert "ANXIN_EVENTS_KEY: give at least 32 characters" in said
    assert "canary" not in said


# --- production ---------------------------------------------------------------------------------------


def test_production_refuses_the_outbox_that_can_be_read() -> None:
    said = refusal(MODE="production")
    assert "ANXIN_SMTP_HOST" in said
    assert "codes in clear" in said


def test_production_is_taken_with_a_mail_server() -> None:
    assert read_settings({"ANXIN_MODE": "production", **MAIL}).production


# --- what is secret -----------------------------------------------------------------------------------


@pytest.mark.parametrize("show", [repr, str])
def test_settings_that_are_printed_show_no_password(show: type[str]) -> None:
    settings = given(
        SMTP_HOST="mail.example.com",
        SMTP_PASSWORD="canary-of-mail",
        CONVERSATIONS_URL="postgresql://demo:canary-of-talk@db.example.com/talk",
        SECURITY_URL="postgresql://demo:canary-of-rules@db.example.com/rules",
        EVENTS_KEY="canary-of-events" * 2,
    )
    assert "canary" not in show(settings) + show(settings.smtp)  # type: ignore[operator]
