"""What the link of a notice tells when a conversation is opened: which one goes on, and its first words.

A link gives no power: it is read as often as anybody likes, and what it tells is said and kept, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bot.content.institutions import Institution
from bot.content.page import link_words
from bot.contracts.link import Link, link_key, read_link
from bot.conversations.values import Conversation, Said

CREDENTIALS = frozenset({"account", "birth_date", "code"})  # kinds of secrets that say who somebody is

# Buttons below the first words: title (data/page/links*.yml) and intent.
_CHECK, _CHANGE = ("check_notice", "check_notice"), ("change", "password_change")
BUTTONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "login_success": (("not_me_login", "not_me"), _CHECK, _CHANGE),
    "wrong_password": (("mistyped", "password_locked"), ("not_me_entry", "not_me")),
    "password_locked": (("unlock", "unlock_password"), ("reissue", "reissue_password"), ("not_me_entry", "not_me")),
    "password_changed": (("not_me_change", "not_me"), _CHECK),
    "password_unlocked": (("not_me_unlock", "not_me"), _CHECK),
    "password_reissued": (_CHANGE, ("not_me_reissue", "not_me")),
}
# Where links are for information only: nothing that leads to a code.
BUTTONS_OF_INFORMATION = (("not_me", "human"), ("report", "report_error"))


class Links:
    """Reads the links of every institution; `count` gets why one could not be read, for metrics."""

    def __init__(self, master: bytes, institutions: Mapping[str, Institution], count: Callable[[str], object]) -> None:
        self._keys = {id_: link_key(master, id_) for id_ in institutions}
        self._count = count

    def read(self, institution: str, token: str | None, now: datetime | None = None) -> Link | None:
        """Return what a link tells; None for one that is altered, expired, another firm's or no link of ours."""
        if not token:
            return None
        now = now or datetime.now(UTC)
        return read_link(self._keys[institution], token, now, self._count)


def trusts(institution: Institution, conversation: Conversation) -> bool:
    """Return whether codes and identities may be asked for (`institutions.yml: link_trust`)."""
    return institution.link_trust == "full" or not conversation.link


def goes_on(ongoing: Conversation, institution: Institution, told: Link | None) -> bool:
    """Return whether a browser that comes by a link goes on with its conversation instead of opening a new one.

    The notice they clicked is what they want to talk about, so a link that can be read opens a new conversation;
    unless the ongoing one is about that very notice: clicked again, it brings back what is half done. A link that
    tells nothing (altered, expired) takes nothing away: the ongoing one stays. Only where links are for information,
    a conversation that was not opened from one never goes on behind one: its trust is not the link's.
    """
    if ongoing.institution != institution.id or not (ongoing.link or institution.link_trust == "full"):
        return False
    return told is None or (told.reference != "" and told.reference == ongoing.notice)


def first_words(link: Link, institution: Institution, language: str) -> Said:
    """Return what is said first in a conversation opened from `link`: which notice, when, where, and what fits it."""
    words = {key: texts[language] for key, texts in link_words(institution.id).items()}
    values = {
        **institution.placeholders,
        "time": f"{link.at.astimezone(institution.zone):%Y/%m/%d %H:%M}",
        "where": words["on_platform"].format(platform=link.platform) if link.platform else "",
        "numbered": words["numbered"].format(reference=link.reference) if link.reference else "",
    }
    is_full = institution.link_trust == "full"
    buttons = [
        {"title": words[title], "payload": f"/{intent}"}
        for title, intent in (BUTTONS[link.notice] if is_full else BUTTONS_OF_INFORMATION)
    ]
    return Said("bot", words[link.notice].format(**values), buttons)
