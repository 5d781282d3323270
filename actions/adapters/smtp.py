"""E-mail by SMTP (standard library), with TLS unless the server is on this machine."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.utils import formatdate

from actions.services.ports import Message, Messenger, NotSent, OutcomeUnknown, RefusedForGood

TIMEOUT_SECONDS = 10


class SmtpMessenger:
    def __init__(self, host: str, port: int, user: str, password: str, tls: str, sender: str) -> None:
        self._host = host
        self._port = port
        self._user = user
        self._password = password
        self._tls = tls  # starttls | implicit | none
        self._sender = sender

    def send(self, message: Message) -> None:
        """Deliver to the server; raise `NotSent` with the kind of failure, never the content.

        5xx to the recipient or the content, and what is no e-mail: `RefusedForGood`. To the sender or the login: ours
        to mend, and it may leave another time (RFC 5321 4.2.1). No answer to the message: `OutcomeUnknown`.
        """
        try:
            email = self._email(message)
        except ValueError as problem:  # a header that is none
            raise self._failed(RefusedForGood, problem) from None
        try:
            server = self._connect()
        except (OSError, ValueError) as problem:  # every SMTPException is an OSError; ValueError: a host that is none
            raise self._failed(NotSent, problem) from None
        try:
            self._hand_over(server, email)
        finally:
            _leave(server)

    def _hand_over(self, server: smtplib.SMTP, email: EmailMessage) -> None:
        try:
            if self._user:
                server.login(self._user, self._password)
            server.send_message(email)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as problem:
            raise self._failed(RefusedForGood if _answer(problem) >= 500 else NotSent, problem) from None
        except smtplib.SMTPServerDisconnected as problem:
            raise self._failed(OutcomeUnknown, problem) from None
        except (smtplib.SMTPException, ValueError) as problem:
            raise self._failed(NotSent, problem) from None
        except OSError as problem:
            raise self._failed(OutcomeUnknown, problem) from None

    def _failed(self, kind: type[NotSent], problem: Exception) -> NotSent:
        code = _answer(problem) or ""
        return kind(f"{' '.join(f'{type(problem).__name__} {code}'.split())} at {self._host}:{self._port}")

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls == "implicit":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
        if self._tls == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server

    def _email(self, message: Message) -> EmailMessage:
        email = EmailMessage()
        email["From"] = self._sender
        email["To"] = message.to
        email["Subject"] = message.subject
        email["Date"] = formatdate()
        email["Message-ID"] = f"<{message.id}@anxin>"
        email["Auto-Submitted"] = "auto-generated"
        email.set_content(message.text)
        if message.html:
            email.add_alternative(message.html, subtype="html")
        return email


def _answer(problem: Exception) -> int:
    """Return the server's answer, 0 where it gave none; there is one recipient, so one answer."""
    if isinstance(problem, smtplib.SMTPRecipientsRefused):
        return max((code for code, _ in problem.recipients.values()), default=0)
    return int(getattr(problem, "smtp_code", 0))


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye: the message is taken or not, whatever is answered to that."""
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


class ByChannel:
    """Sends each message through the messenger of its channel."""

    def __init__(self, sms: Messenger, email: Messenger) -> None:
        self._messengers = {"sms": sms, "email": email}

    def send(self, message: Message) -> None:
        self._messengers[message.channel].send(message)
