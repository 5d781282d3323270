"""E-mail to a real SMTP server on this machine: what arrives, and what is said when it does not."""

from __future__ import annotations

import datetime as dt
import email
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actions.adapters.smtp import ByChannel, SmtpMessenger
from actions.services.ports import Message, NotSent, OutcomeUnknown, RefusedForGood
from tests.actions.world import RecordingMessenger

SENDER, TO = "測試證券 <notice@example.com>", "canary-to@example.com"
MESSAGE = Message(
    id="0123456789abcdef0123456789abcdef",
    channel="email",
    to=TO,
    subject="[測試證券]電子交易 密碼解鎖通知",
    text="親愛的客戶，您好：\n\ncanary-text\n",
    html="<!doctype html><p>親愛的客戶，您好：canary-html</p>",
)


@dataclass
class Mailbox:
    """What a server took in; refuses with `answer` instead while there is one."""

    answer: str = ""
    answer_to_recipient: str = ""
    envelopes: list[Any] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.answer_to_recipient:
            return self.answer_to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        if self.answer:
            return self.answer
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"

    def message(self) -> EmailMessage:
        (envelope,) = self.envelopes
        return email.message_from_bytes(envelope.content, policy=default)


@contextmanager
def serving(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    """Serve `mailbox` on a free port of this machine."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def messenger(port: int, tls: str = "none", user: str = "", password: str = "") -> SmtpMessenger:
    return SmtpMessenger("127.0.0.1", port, user, password, tls, SENDER)


def refused(sender: SmtpMessenger, message: Message = MESSAGE) -> str:
    """Return the words of the failure; there has to be one."""
    with pytest.raises(NotSent) as failure:
        sender.send(message)
    return f"{failure.value} {failure.value!r} {failure.value.__cause__!r}"


def tells_nothing(words: str) -> bool:
    return not [secret for secret in ("canary", TO, "密碼", "客戶", "example.com") if secret in words]


# --- plain ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def delivered() -> Mailbox:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        messenger(port).send(MESSAGE)
    return mailbox


def test_a_message_arrives_once_at_its_address(delivered: Mailbox) -> None:
    assert [envelope.rcpt_tos for envelope in delivered.envelopes] == [[TO]]


def test_the_subject_arrives(delivered: Mailbox) -> None:
    assert delivered.message()["Subject"] == MESSAGE.subject


def test_the_text_arrives(delivered: Mailbox) -> None:
    body = delivered.message().get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == MESSAGE.text.splitlines()


def test_the_html_arrives(delivered: Mailbox) -> None:
    body = delivered.message().get_body(("html",))
    assert body is not None
    assert body.get_content().strip() == MESSAGE.html


def test_the_sender_and_the_recipient_arrive(delivered: Mailbox) -> None:
    assert (delivered.message()["From"], delivered.message()["To"]) == (SENDER, TO)


def test_the_id_arrives_so_that_a_repeated_notice_is_recognised(delivered: Mailbox) -> None:
    assert MESSAGE.id in delivered.message()["Message-ID"]


def test_a_message_says_that_a_program_wrote_it(delivered: Mailbox) -> None:
    assert delivered.message()["Auto-Submitted"] == "auto-generated"


def test_a_message_says_when_it_was_sent(delivered: Mailbox) -> None:
    assert delivered.message()["Date"]


def test_a_message_without_html_is_text_alone() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        messenger(port).send(replace(MESSAGE, html=""))
    assert not mailbox.message().is_multipart()


def test_the_code_for_the_embedded_outbox_is_not_added_to_the_mail() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        messenger(port).send(replace(MESSAGE, code="918273"))
    assert b"918273" not in mailbox.envelopes[0].content


# --- TLS ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of this machine's own, good for an hour."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo mail server")])
    now = dt.datetime.now(dt.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    file, key_file = folder / "server.pem", folder / "server.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return Certificate(file, context)


def test_a_message_arrives_over_starttls(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    mailbox = Mailbox()
    with serving(mailbox, tls_context=certificate.context, require_starttls=True) as port:
        messenger(port, "starttls").send(MESSAGE)
    assert mailbox.encrypted == [True]


def test_a_message_arrives_over_implicit_tls(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    mailbox = Mailbox()
    with serving(mailbox, ssl_context=certificate.context) as port:
        messenger(port, "implicit").send(MESSAGE)
    assert len(mailbox.envelopes) == 1


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_server_whose_certificate_is_not_trusted_gets_nothing(certificate: Certificate, tls: str) -> None:
    mailbox = Mailbox()
    option = {"starttls": "tls_context", "implicit": "ssl_context"}[tls]
    with serving(mailbox, **{option: certificate.context}) as port:
        words = refused(messenger(port, tls))
    assert not mailbox.envelopes
    assert tells_nothing(words)


def test_a_server_without_starttls_gets_nothing() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port:
        words = refused(messenger(port, "starttls"))
    assert not mailbox.envelopes
    assert tells_nothing(words)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mailbox",
    [
        Mailbox(answer="554 5.7.1 canary-to@example.com rejected: canary-text"),
        Mailbox(answer="451 4.3.0 try again, canary-text"),
        Mailbox(answer_to_recipient="550 5.1.1 canary-to@example.com unknown"),
    ],
    ids=["content refused", "put off", "recipient refused"],
)
def test_a_refused_message_is_not_sent_and_its_failure_tells_nothing_of_it(mailbox: Mailbox) -> None:
    with serving(mailbox) as port:
        words = refused(messenger(port))
    assert tells_nothing(words)


@pytest.mark.parametrize(
    ("mailbox", "kind"),
    [
        (Mailbox(answer="554 no"), RefusedForGood),
        (Mailbox(answer_to_recipient="550 nobody of that name"), RefusedForGood),
        (Mailbox(answer="451 later"), NotSent),
        (Mailbox(answer_to_recipient="450 later"), NotSent),
        (Mailbox(answer_to_recipient="421 going down"), NotSent),
    ],
    ids=["content", "recipient", "content later", "recipient later", "going down"],
)
def test_what_is_refused_for_good_is_told_from_what_is_put_off(mailbox: Mailbox, kind: type[NotSent]) -> None:
    with serving(mailbox) as port, pytest.raises(NotSent) as failure:
        messenger(port).send(MESSAGE)
    assert type(failure.value) is kind


def test_what_is_no_email_is_refused_for_good() -> None:
    with serving(Mailbox()) as port, pytest.raises(RefusedForGood):
        messenger(port).send(replace(MESSAGE, to="a@example.com\nBcc: b@example.com"))


def test_a_refusal_names_the_answer_and_the_server() -> None:
    with serving(Mailbox(answer="554 no")) as port:
        words = refused(messenger(port))
        assert "SMTPDataError 554" in words
        assert f"127.0.0.1:{port}" in words


def test_a_port_where_nobody_listens_is_not_sent() -> None:
    assert tells_nothing(refused(messenger(free_port())))


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the server's advice; the wire ends on this machine
def test_a_wrong_password_is_not_sent_and_not_told() -> None:
    def nobody(*_: Any) -> AuthResult:
        return AuthResult(success=False, handled=False)

    with serving(Mailbox(), authenticator=nobody, auth_require_tls=False, auth_required=True) as port:
        words = refused(messenger(port, user="canary-user", password="canary-password"))
    assert tells_nothing(words)


@pytest.mark.parametrize("to", ["a@example.com\nBcc: b@example.com", "a@example.com\r\n\r\nx", "", "a" * 2000])
def test_an_address_that_is_none_is_not_sent(to: str) -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port, pytest.raises(NotSent):
        messenger(port).send(replace(MESSAGE, to=to))
    assert not mailbox.envelopes


def test_a_subject_with_a_line_break_is_not_sent() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as port, pytest.raises(NotSent):
        messenger(port).send(replace(MESSAGE, subject="notice\nBcc: b@example.com"))
    assert not mailbox.envelopes


# --- hanging up -----------------------------------------------------------------------------------


@contextmanager
def hanging_up_after(command: bytes) -> Iterator[int]:
    """Serve one customer and hang up when `command` comes; b"." is in the middle of the message."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 demo\r\n")
            in_message = False
            for line in lines:
                if in_message or line.upper().startswith(command):
                    return
                in_message = line.upper().startswith(b"DATA")
                connection.sendall(b"354 go on\r\n" if in_message else b"250 demo\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize("command", [b"EHLO", b"MAIL", b"RCPT", b"DATA", b"."], ids=bytes.decode)
def test_a_server_that_hangs_up_has_not_been_sent_the_message(command: bytes) -> None:
    with hanging_up_after(command) as port:
        words = refused(messenger(port))
    assert tells_nothing(words)


def test_a_server_that_hangs_up_after_the_message_leaves_the_outcome_unknown() -> None:
    with hanging_up_after(b".") as port, pytest.raises(OutcomeUnknown):
        messenger(port).send(MESSAGE)


def test_a_server_that_hangs_up_at_the_goodbye_has_the_message() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 demo\r\n")
            for line in lines:
                if line.upper().startswith(b"QUIT"):
                    return
                if line.upper().startswith(b"DATA"):
                    connection.sendall(b"354 go on\r\n")
                    while next(lines) != b".\r\n":
                        pass
                connection.sendall(b"250 demo\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    messenger(listener.getsockname()[1]).send(MESSAGE)
    thread.join(10)
    listener.close()


# --- by channel -----------------------------------------------------------------------------------


def test_each_message_leaves_through_its_channel() -> None:
    sms, mail = RecordingMessenger(), RecordingMessenger()
    both = ByChannel(sms, mail)
    both.send(MESSAGE)
    both.send(replace(MESSAGE, channel="sms"))
    assert [message.channel for message in (*mail.sent, *sms.sent)] == ["email", "sms"]
