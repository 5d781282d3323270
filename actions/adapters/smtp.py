"""E-mail by SMTP (standard library), with TLS unless the server is on this machine."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from actions.services.ports import Message, Messenger, NotSent

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
        """Deliver to the server; raise `NotSent` with the kind of failure, never the content."""
        try:
            with self._connect() as server:
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(self._email(message))
        except (smtplib.SMTPException, OSError, ValueError) as problem:  # ValueError: a header that is none
            code = getattr(problem, "smtp_code", "")
            raise NotSent(f"{type(problem).__name__} {code} at {self._host}:{self._port}".strip()) from None

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._tls == "implicit":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
        if self._tls == "starttls":
            server.starttls(context=context)
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


class ByChannel:
    """Sends each message through the messenger of its channel."""

    def __init__(self, sms: Messenger, email: Messenger) -> None:
        self._messengers = {"sms": sms, "email": email}

    def send(self, message: Message) -> None:
        self._messengers[message.channel].send(message)
