"""Conversations as this gateway last saw them. What is remembered only saves asking: the log decides."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from bot.conversations.log import ConversationLog, hash_of
from bot.conversations.values import Conversation
from bot.gateway.problems import from_log

MOST = 20_000


@dataclass
class Ongoing:
    """One conversation: as it was last seen, and whose turn it is in this process."""

    conversation: Conversation
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Known:
    """Finds the conversation of a browser's token; those that were asked for longest ago are forgotten first."""

    def __init__(self, log: ConversationLog) -> None:
        self._log = log
        self._by_token: OrderedDict[str, Ongoing] = OrderedDict()  # by its hash: a token is kept nowhere

    async def find(self, token: str) -> Ongoing | None:
        key = hash_of(token)
        if key in self._by_token:
            self._by_token.move_to_end(key)
            return self._by_token[key]
        found = await from_log(self._log.find(key))
        return self._remember(key, found) if found else None

    def add(self, token: str, conversation: Conversation) -> Ongoing:
        return self._remember(hash_of(token), conversation)

    def _remember(self, key: str, conversation: Conversation) -> Ongoing:
        ongoing = self._by_token.setdefault(key, Ongoing(conversation))
        if len(self._by_token) > MOST:
            self._by_token.popitem(last=False)
        return ongoing
