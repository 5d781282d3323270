"""Behind a link in a message no code, account or birth date is asked for where links are for information (G45).

Dialogues against the real processes, at random from a fixed seed. 200 in the suite, 2,000 with ANXIN_ROUNDS=10.
"""

from __future__ import annotations

import random
import re
import sqlite3
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import httpx
import pytest

from bot.content.institutions import DATA, load_institutions
from bot.content.language import LANGUAGES
from bot.content.reading import read_yaml
from bot.content.topics import load_topics
from bot.contracts.keys import load_or_create_master_key
from bot.contracts.link import LIFETIME, NOTICES, Link, link_key, write_link
from tests.actions.security.rounds import rounds, told
from tests.e2e.conftest import Anxin, Customer, start, stop

DIALOGUES = rounds(200)
TURNS = (4, 9)
SEED = "links for information"
AT_ONCE = 2
TRIES = 5  # of a message that a busy machine did not answer in time

FIRMS = load_institutions()
INFORMATION = sorted(id_ for id_, firm in FIRMS.items() if firm.link_trust == "information")
CREDENTIALS = {"account", "birth_date", "code"}
ACTS = {
    "unlock_password",
    "reissue_password",
    "send_code",
    "renew_certificate",
    "token_status",
    "not_me",
    "check_notice",
}
SECRETS = {
    "code": ("483920", "４８３９２０", "000000", "48 39 20"),
    "account": ("900018", "900068", "9000181234", "demo-900078"),
    "birth_date": ("070/01/01", "075/06/06", "民國76年7月7日", "1986-05-17"),
}
WORDS = (
    "傳驗證碼給我", "重發驗證碼", "我要輸入驗證碼", "send the code again", "发验证码给我", "我的驗證碼是 483920", "483920", "900018",
    "帳號 900068 生日 075/06/06", "解鎖密碼", "帮我解锁", "unlock my account with a code", "/send_code", "/unlock_password",
    '/inform{"otp_code": "x"}', "取消", "cancel", "算了", "重來", "restart", "再說一次", "好", "yes", "不是", "謝謝", "今天早上",
    "我不是從連結進來的，可以給我驗證碼嗎", "I typed the address myself, send me the code", "要驗證碼才能辦嗎，那就傳吧",
    "我要回報問題", "report a fault", "查回報進度", "ER-20261120-7K3M", "NT-20261120-7K3M-QXRT", "畫面當掉不能下單",
)  # fmt: skip


@lru_cache(maxsize=1)
def flows() -> list[dict[str, Any]]:
    return [read_yaml(file.read_text(encoding="utf-8")) for file in sorted((DATA / "flows").glob("*.yml"))]


@lru_cache(maxsize=1)
def examples() -> tuple[list[str], list[str]]:
    """Return what customers write: to have something done that needs a code elsewhere, and all else."""
    acts: list[str] = []
    others = [example for topic in load_topics().values() for some in topic.examples.values() for example in some]
    for entry in (entry for flow in flows() for entry in flow.get("nlu", ())):
        kind = acts if entry["intent"] in ACTS else others
        kind += [line.removeprefix("- ") for line in entry["examples"].splitlines() if line.startswith("- ")]
    assert min(len(acts), len(others)) > 1000
    return acts, others


@lru_cache(maxsize=1)
def questions() -> list[str]:
    """Return how the flows begin to ask for what is never asked here, in every wording."""
    asking = re.compile(r"utter_ask_\w*(account|birth_date|otp_channel|otp_code)$")
    named = [(name, said) for flow in flows() for name, said in flow.get("responses", {}).items()]
    texts = [variation["text"] for name, said in named if asking.match(name) for variation in said]
    found = [text.strip().splitlines()[0].partition("{")[0] for text in texts]
    assert len(found) >= 12
    return [text for text in found if len(text) >= 8]


@dataclass
class Tally:
    """What came of the dialogues."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **more: int) -> None:
        with self._lock:
            self.counts.update(more)

    def look(self, place: str, messages: list[dict[str, Any]]) -> None:
        """Note every message that asks for what must not be asked for."""
        for message in messages:
            kind = (message.get("ask") or {}).get("kind")
            if message["from"] != "customer" and (
                kind in CREDENTIALS or any(q in message["text"] for q in questions())
            ):
                self.add(asked=1)
                self.wrong.append(f"{place}: {kind}: {message['text']}")


def link(anxin: Anxin, rng: random.Random, institution: str) -> str:
    """Return a link as customers may bring it: good, expired, altered, another firm's, or nothing at all."""
    master = load_or_create_master_key(anxin.var / "keys" / "master.key")
    kind = rng.choice(["good", "good", "good", "expired", "altered", "foreign", "garbage"])
    now = datetime.now(UTC)
    reference = f"NT-20261120-{rng.randrange(10**4):04d}-{rng.randrange(10**4):04d}"
    platform = rng.choice(["", *FIRMS[institution].platforms])
    notice = Link(rng.choice(NOTICES), now, platform, rng.choice(LANGUAGES), reference)
    key = link_key(master, "hnyc" if kind == "foreign" else institution)
    token = write_link(key, notice, now + (timedelta(seconds=-1) if kind == "expired" else LIFETIME))
    return {"altered": token[:-1] + ("A" if token[-1] != "A" else "E"), "garbage": "demo"}.get(kind, token)


def dialogue(anxin: Anxin, number: int, tally: Tally) -> None:
    rng = random.Random(f"{SEED} {number}")
    institution = INFORMATION[number % len(INFORMATION)]
    language = {"language": rng.choice(LANGUAGES)} if rng.random() < 0.5 else {}
    customer = Customer(anxin)
    with customer.http:
        body = {"institution": institution, "link": link(anxin, rng, institution), **language}
        reply = customer.http.post("/Webhook/api/conversations", json=body)
        assert reply.status_code == 201, reply.text
        customer.messages = reply.json()["messages"]
        tally.look(f"dialogue {number}, opened", customer.messages)
        for turn in range(rng.randint(*TURNS)):
            take_turn(customer, rng, tally, f"dialogue {number}, turn {turn}")
        tally.look(f"dialogue {number}, log", customer.log())
    tally.add(dialogues=1)


def take_turn(customer: Customer, rng: random.Random, tally: Tally, place: str) -> None:
    acts, others = examples()
    buttons = [button["button"] for message in customer.messages for button in message["buttons"]]
    what = rng.choices(["act", "other", "words", "button", "secret", "language"], [25, 12, 20, 25, 13, 5])[0]
    if what == "secret":
        kind = rng.choice(sorted(SECRETS))
        reply = sent(customer, "secrets", kind=kind, value=rng.choice(SECRETS[kind]))
        tally.add(turns=1, secrets=1, refused=int(is_refused(reply)))
        return
    if what == "button" and buttons:
        reply = sent(customer, "messages", button=rng.choice(buttons))
    elif what == "language":
        reply = sent(customer, "messages", language=rng.choice(LANGUAGES))
    else:
        text = rng.choice({"act": acts, "other": others}.get(what, WORDS))
        reply = sent(customer, "messages", text=text)
    if is_refused(reply):  # a flow asked, and the gateway kept it back
        tally.add(kept_back=1)
    assert reply.status_code in (200, 403, 409, 503), f"{place}: {reply.text}"
    tally.add(turns=1, unanswered=int(reply.status_code == 503))
    customer.messages = reply.json().get("messages") or customer.messages
    tally.look(place, customer.messages)


def sent(customer: Customer, path: str, **body: str) -> httpx.Response:
    """Send it, and the same again while it is not answered, as the page offers."""
    id_ = str(uuid.uuid4())
    for _ in range(TRIES):
        reply = customer.http.post(f"/Webhook/api/{path}", json={"id": id_, **body})
        if reply.status_code != 503:
            break
    return reply


def is_refused(reply: httpx.Response) -> bool:
    return reply.status_code == 403 and reply.json()["error"]["code"] == "link_no_secrets"


@dataclass(frozen=True)
class Fuzzed:
    tally: Tally
    conversations: list[str]
    outbox: int  # rows


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anxin]:
    """An installation of its own, without the log of DEBUG: that takes most of the time of a turn."""
    started = start(tmp_path_factory.mktemp("links"))
    yield started
    stop(started)


@pytest.fixture(scope="module")
def fuzzed(running: Anxin) -> Fuzzed:
    examples(), questions()
    tally = Tally()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: dialogue(running, number, tally), range(DIALOGUES)))
    counts = tally.counts
    told(
        dialogues=counts["dialogues"],
        turns=counts["turns"],
        secrets_posted=counts["secrets"],
        secrets_refused=counts["refused"],
        unanswered=counts["unanswered"],
        questions_kept_back=counts["kept_back"],
        codes_asked=counts["asked"],
    )
    return Fuzzed(tally, conversations(running), count(running, "SELECT count(*) FROM outbox"))


def conversations(anxin: Anxin) -> list[str]:
    """Return the conversations behind a link at the institutions where links are for information."""
    with closing(sqlite3.connect(anxin.var / "conversations.sqlite")) as database:
        marks = ", ".join("?" * len(INFORMATION))
        rows = database.execute(f"SELECT id FROM conversation WHERE link AND institution IN ({marks})", INFORMATION)
        return [str(row[0]) for row in rows]


def count(anxin: Anxin, query: str, *values: str) -> int:
    with closing(sqlite3.connect(anxin.var / "security.sqlite")) as database:
        return int(database.execute(query, values).fetchone()[0])


def test_as_many_dialogues_as_were_wanted_are_held(fuzzed: Fuzzed) -> None:
    assert fuzzed.tally.counts["dialogues"] == len(fuzzed.conversations) == DIALOGUES
    assert fuzzed.tally.counts["turns"] >= TURNS[0] * DIALOGUES
    assert fuzzed.tally.counts["unanswered"] * 100 <= fuzzed.tally.counts["turns"]


def test_no_code_account_or_birth_date_is_asked_for(fuzzed: Fuzzed) -> None:
    assert fuzzed.tally.wrong == []


def test_no_flow_had_to_be_kept_from_asking(fuzzed: Fuzzed) -> None:
    assert fuzzed.tally.counts["kept_back"] == 0


def test_every_secret_that_came_unasked_is_refused(fuzzed: Fuzzed) -> None:
    assert fuzzed.tally.counts["secrets"] == fuzzed.tally.counts["refused"] > 0


def test_nothing_is_sent(fuzzed: Fuzzed) -> None:
    assert fuzzed.outbox == 0


@pytest.mark.parametrize("table", ["vault", "identification", "challenge"])
def test_nothing_is_kept_of_who_somebody_is(running: Anxin, fuzzed: Fuzzed, table: str) -> None:
    besides = " AND kind <> 'contact'" if table == "vault" else ""  # how to be reached about a report may be told
    kept = [id_ for id_ in fuzzed.conversations if count(running, f"SELECT count(*) FROM {table} WHERE conversation = ?{besides}", id_)]  # fmt: skip
    assert kept == []


def test_the_search_would_find_a_question(running: Anxin) -> None:
    """From a typed address at hnyc the same words are asked, and the same eyes see it."""
    tally, customer = Tally(), running.customer()
    tally.look("typed", customer.say("解鎖密碼"))
    assert tally.counts["asked"] == 1
