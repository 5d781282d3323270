"""What the customer sends, read in the light of the conversation as it stands: nothing is decided before its turn."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.content.institutions import Institution
from bot.content.language import LANGUAGE_NAMES, LANGUAGES, detect_language
from bot.contracts.redaction import hide_digits
from bot.contracts.turn import parse_payload, payload
from bot.conversations.values import Conversation, Message, Received
from bot.gateway import buttons, links
from bot.gateway.problems import Problem
from bot.gateway.secrets import SHOWN_AS, secret_in


@dataclass(frozen=True)
class Incoming:
    """What is logged; and the secret, by kind and value, that goes into the vault instead."""

    received: Received
    secret: tuple[str, str] | None = field(default=None, repr=False)


Read = Callable[[Conversation], Incoming]  # may raise a `Problem`: then nothing is kept


class Reader:
    """Reads texts, buttons, languages and secrets."""

    def __init__(self, institutions: Mapping[str, Institution], key: bytes) -> None:
        self._institutions = institutions
        self._published = frozenset().union(*(i.published_numbers for i in institutions.values()))
        self._key = key

    def text(self, id_: str, text: str) -> Read:
        """What the customer wrote; a secret, if it holds the one that is asked for."""
        # By what was sent, not by what it is taken for: that depends on what is asked for meanwhile.
        fingerprint, shown = self._print("text", text), hide_digits(text, self._published)

        def read(conversation: Conversation) -> Incoming:
            secret = secret_in(text, conversation.awaiting)
            if secret:
                return self._secret(conversation, id_, secret, fingerprint)
            language = detect_language(text, conversation.language)
            return Incoming(Received(id_, fingerprint, shown, language, {"text": shown}))

        return read

    def secret(self, id_: str, kind: str, value: str) -> Read:
        """A secret for the vault; none of those behind a link in a message."""
        fingerprint = self._print(kind, value)
        return lambda conversation: self._secret(conversation, id_, (kind, value), fingerprint)

    def button(self, id_: str, given: str, message: Message, index: int) -> Read:
        """A press of a button that we issued in this conversation."""
        title, pressed = message.buttons[index]["title"], message.buttons[index]["payload"]
        fingerprint = self._print("button", given)
        chosen = {e["entity"]: e["value"] for e in parse_payload(pressed)["entities"]}.get("language")
        asked = payload("language_chosen") if chosen in LANGUAGES else pressed

        def read(conversation: Conversation) -> Incoming:
            language = chosen if chosen in LANGUAGES else conversation.language
            is_current = buttons.is_current(pressed, message, conversation)
            return Incoming(Received(id_, fingerprint, title, language, {"payload": asked}, is_current))

        return read

    def language(self, id_: str, language: str) -> Read:
        """The wish to be answered in another language from now on."""
        fingerprint, turn = self._print("language", language), {"payload": payload("language_chosen")}
        incoming = Incoming(Received(id_, fingerprint, LANGUAGE_NAMES[language], language, turn))
        return lambda _: incoming

    def trusts(self, conversation: Conversation) -> bool:
        return links.trusts(self._institutions[conversation.institution], conversation)

    def _secret(self, conversation: Conversation, id_: str, secret: tuple[str, str], fingerprint: str) -> Incoming:
        if secret[0] in links.CREDENTIALS and not self.trusts(conversation):
            raise Problem("link_no_secrets")
        return Incoming(Received(id_, fingerprint, SHOWN_AS, conversation.language, None), secret)

    def _print(self, kind: str, content: str) -> str:
        """Return by what a repeated id is compared; keyed, so that a stored one tells nothing about a secret."""
        text = json.dumps(["fingerprint", kind, content]).encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()
