"""What an installation has stored of its conversations, and where that is not what customers were told (G27, G28)."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it has no stubs

from bot.conversations.log import hash_of
from bot.settings import Settings
from tests.proof.chats import Chat

Row = Mapping[str, Any]


@dataclass
class Stored:
    """Rows of the conversation log and of the trackers, by conversation, in their order."""

    ids: dict[str, str]  # by the hash of the token
    messages: Mapping[str, Sequence[Row]]
    states: dict[tuple[str, str], str]  # of requests, by conversation and id
    turns: Mapping[str, Sequence[Row]]


async def read(settings: Settings) -> Stored:
    log, trackers = await asyncpg.connect(settings.conversations_url), await asyncpg.connect(settings.trackers_url)
    try:
        conversations = await log.fetch("SELECT id, token_hash FROM conversation")
        messages = await log.fetch("SELECT * FROM message ORDER BY conversation, seq")
        requests = await log.fetch("SELECT conversation, id, state FROM request")
        turns = await trackers.fetch("SELECT * FROM turn ORDER BY conversation, seq")
    finally:
        await log.close()
        await trackers.close()
    return Stored(
        {row["token_hash"]: row["id"] for row in conversations},
        _by_conversation(messages),
        {(row["conversation"], row["id"]): row["state"] for row in requests},
        _by_conversation(turns),
    )


def _by_conversation(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["conversation"]].append(row)
    return found


@dataclass
class Verdict:
    """How often which disagreement was found, and each in words."""

    counts: Counter[str] = field(
        default_factory=lambda: Counter(dict.fromkeys(("lost", "doubled", "out_of_order", "mixed", "blank"), 0))
    )
    words: list[str] = field(default_factory=list)

    def found(self, kind: str, words: str) -> None:
        self.counts[kind] += 1
        self.words.append(f"{kind}: {words}")


def judge(chats: list[Chat], stored: Stored) -> Verdict:
    """Compare all that was acknowledged with all that is stored."""
    verdict = Verdict()
    for chat in chats:
        id_ = stored.ids.get(hash_of(chat.token))
        if id_ is None:
            verdict.found("lost", "a conversation")
            continue
        _judge_log(verdict, chat, id_, stored)
        _judge_turns(verdict, chat, id_, stored.turns.get(id_, []))
        _judge_order(verdict, chat, id_, stored)
    return verdict


def _judge_log(verdict: Verdict, chat: Chat, id_: str, stored: Stored) -> None:
    rows = stored.messages.get(id_, [])
    seqs = [row["seq"] for row in rows]
    if seqs != list(range(1, len(seqs) + 1)):
        verdict.found("lost", f"{id_}: numbers of the log are not whole: {seqs}")
    asked = Counter(row["request"] for row in rows if row["sender"] == "customer")
    said: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["sender"] != "customer" and row["request"]:
            said[row["request"]].append(row)
    words = {row["request"]: row["text"] for row in rows if row["sender"] == "customer"}
    for sent in chat.sent:
        if asked[sent.id] > 1:
            verdict.found("doubled", f"{id_} {sent.id}: {asked[sent.id]} times in the log")
        if sent.answer is None:
            continue
        if asked[sent.id] == 0 or stored.states.get((id_, sent.id)) != "answered":
            verdict.found("lost", f"{id_} {sent.id}: acknowledged, {stored.states.get((id_, sent.id))} in the log")
        elif words[sent.id] != sent.text:
            verdict.found("mixed", f"{id_} {sent.id}: another text in the log")
        told, kept = [(m["seq"], m["text"]) for m in sent.answer], [(r["seq"], r["text"]) for r in said[sent.id]]
        if told != kept:
            kind = "doubled" if len(kept) > len(told) else "lost"
            verdict.found(kind, f"{id_} {sent.id}: told {told}, kept {kept}")


def _judge_turns(verdict: Verdict, chat: Chat, id_: str, turns: Sequence[Row]) -> None:
    seqs, fences = [row["seq"] for row in turns], [row["fence"] for row in turns]
    if seqs != list(range(1, len(seqs) + 1)):
        verdict.found("lost", f"{id_}: numbers of turns are not whole: {seqs}")
    if fences != sorted(fences):
        verdict.found("out_of_order", f"{id_}: fences {fences}")
    begins = [row["seq"] for row in turns if row["begins"]]
    if turns and begins != [1]:
        verdict.found("blank", f"{id_}: a dialogue begins at turns {begins}")
    times = Counter(row["message"] for row in turns)
    known = {sent.id: sent for sent in chat.sent}
    for row in turns:
        if row["message"] in known:
            if known[row["message"]].text not in _texts(row):
                verdict.found("mixed", f"{id_} {row['message']}: another text in the turn")
        elif row["message"] != f"greeting-{id_}":
            verdict.found("mixed", f"{id_}: a turn of {row['message']}")
    for sent in chat.sent:
        if times[sent.id] > 1:
            verdict.found("doubled", f"{id_} {sent.id}: {times[sent.id]} turns")
        if sent.answer is not None and times[sent.id] == 0:
            verdict.found("lost", f"{id_} {sent.id}: acknowledged, and no turn")


def _texts(turn: Row) -> list[str]:
    return [event.get("text") for event in json.loads(turn["events"]) if event["event"] == "user"]


def _judge_order(verdict: Verdict, chat: Chat, id_: str, stored: Stored) -> None:
    """Messages that were taken once stand in one order: as asked, as answered, as the dialogue had them."""
    plain = {sent.id for sent in chat.sent if sent.answer is not None and sent.is_plain}
    rows = stored.messages.get(id_, [])
    asked = [r["request"] for r in rows if r["sender"] == "customer" and r["request"] in plain]
    answered = list(dict.fromkeys(r["request"] for r in rows if r["sender"] != "customer" and r["request"] in plain))
    turns = [row["message"] for row in stored.turns.get(id_, []) if row["message"] in plain]
    if not asked == answered == turns:
        verdict.found("out_of_order", f"{id_}: asked {asked}, answered {answered}, turns {turns}")
