"""`anxin bench turns` and `anxin bench load`: counting, comparing, reporting. No times are tested."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.bench_load import _port_of, report
from bot.content.topics import load_topics
from bot.rig.customers import Person
from bot.settings import SettingProblem
from bot.turns_bench import report as turns_report
from bot.turns_bench import stock
from bot.turns_bench.browser import Browser, Codes, unlock
from bot.turns_bench.contenders import Contender, rest
from bot.turns_bench.long import Long, long_conversations
from bot.turns_bench.loops import Measured, percentile, questions
from bot.turns_bench.open_loop import OpenLoop
from bot.turns_bench.questions import QUESTIONS
from bot.turns_bench.results import AT_ONCE, CONTENDERS, ENGINE, LINEAR, SQLITE, STOCK, WHOLE, Results, targets
from bot.turns_bench.visitors import Faults, NotingBrowser, faults, steps
from bot.turns_bench.wire import Connection, NotAnswered, Pool, Reply

Json = dict[str, Any]
Serve = Callable[[str, bytes], tuple[int, Json]]


async def served(serve: Serve, use: Callable[[int], Awaitable[Any]], piece: int = 10_000) -> Any:
    """Run `use(port)` beside a server that answers with `serve(path, body)`, in pieces of so many bytes."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := (await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
            status, told = serve(head.split(b" ")[1].decode(), await reader.readexactly(length))
            body = json.dumps(told).encode()
            cookie = "set-cookie: anxin=demo; Path=/Webhook/\r\n" if status == 201 else ""
            wait = "retry-after: 7\r\n" if status == 503 else ""
            answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{cookie}{wait}\r\n".encode() + body
            for start in range(0, len(answer), piece):
                writer.write(answer[start : start + piece])
                await writer.drain()
                await asyncio.sleep(0)

    async def safely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await connected(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):  # the browser has gone
            writer.close()

    server = await asyncio.start_server(safely, "127.0.0.1", 0)
    try:
        return await use(server.sockets[0].getsockname()[1])
    finally:
        server.close()


# --- the client ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_an_answer_is_read_in_whatever_pieces_it_comes(piece: int) -> None:
    async def use(port: int) -> Reply:
        return await (await Connection.to(port)).request("POST", "/a", b"{}")

    reply = asyncio.run(served(lambda path, body: (200, {"path": path, "text": "通知信"}), use, piece))
    assert (reply.status, reply.json()) == (200, {"path": "/a", "text": "通知信"})


def test_a_port_without_a_server_is_told() -> None:
    with pytest.raises(NotAnswered, match="no connection"):
        asyncio.run(Connection.to(1))


def test_a_pool_takes_a_connection_again() -> None:
    async def use(port: int) -> None:
        pool = Pool(port)
        for _ in range(3):
            await pool.request("POST", "/a")
        assert len(pool._free) == 1
        await asyncio.gather(*(pool.request("POST", "/a") for _ in range(4)))
        assert len(pool._free) == 4

    asyncio.run(served(lambda path, body: (200, {}), use))


@pytest.mark.parametrize(
    ("kind", "final"),
    [("409 busy", False), ("429 too_many", False), ("503 overloaded", False), ("409 button_void", True), ("404", True)],
)
def test_what_would_be_refused_again_is_not_sent_again(kind: str, final: bool) -> None:
    assert NotAnswered(kind).is_final is final


# --- counting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: int) -> None:
    assert percentile(random.sample(range(1, 101), 100), share) == value


def echo_of_stock(path: str, body: bytes) -> tuple[int, list[Json]]:
    return 200, [{"text": "一"}, {"text": "二"}] if json.loads(body)["message"] == QUESTIONS[0][1] else []


def test_right_answers_are_counted_and_paragraphs_of_rasa_put_together() -> None:
    contender = Contender(STOCK, 0, rest({"一\n\n二": QUESTIONS[0][0]}))

    async def use(port: int) -> Measured:
        return await questions(Contender(STOCK, port, contender.open), 4, 0.2)

    found = asyncio.run(served(echo_of_stock, use))  # type: ignore[arg-type]
    assert found.count > 20
    assert found.right == pytest.approx(1 / len(QUESTIONS), abs=0.06)


def test_a_long_conversation_is_asked_at_its_end_and_at_the_begin_of_a_young_one() -> None:
    asked: Counter[str] = Counter()

    def serve(path: str, body: bytes) -> tuple[int, Json]:
        asked[json.loads(body)["sender"]] += 1
        return 200, [{"text": "一"}]  # type: ignore[return-value]

    async def use(port: int) -> Long:
        return await long_conversations(Contender(STOCK, port, rest({})), 50, 2)

    found = asyncio.run(served(serve, use))
    assert sorted(asked.values()) == [7, 7, 52, 52]  # two turns more around 5 and around 50
    assert (len(found.early), len(found.late), len(found.ratios)) == (2, 2, 2)
    assert [turn for turn, _ in found.curve] == [10, 30]


# --- what is lost or doubled --------------------------------------------------------------------------


def customer(seq: int, id_: str) -> Json:
    return {"seq": seq, "from": "customer", "id": id_}


def bot(seq: int) -> Json:
    return {"seq": seq, "from": "bot"}


WHOLE_STORY = [bot(1), customer(2, "a"), bot(3), bot(4), customer(5, "b"), bot(6)]


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (WHOLE_STORY, Faults()),
        (WHOLE_STORY[1:], Faults(lost=1)),  # the greeting
        ([m for m in WHOLE_STORY if m["seq"] != 3], Faults(lost=1)),  # half of an answer
        (WHOLE_STORY[:4], Faults(lost=2)),  # a message and its answer
        ([*WHOLE_STORY, bot(7)], Faults(doubled=1)),  # an answer that nobody was told
        ([*WHOLE_STORY, customer(7, "b")], Faults(doubled=1)),  # a message twice
        ([*WHOLE_STORY, customer(7, "x")], Faults(doubled=1)),  # a message of nobody
        ([bot(1), bot(9), *WHOLE_STORY[1:]], Faults(doubled=1)),  # a second greeting
    ],
)
def test_what_was_told_is_compared_with_what_is_stored(stored: list[Json], found: Faults) -> None:
    browser = NotingBrowser(Pool(1), Counter(), told={"a": [3, 4], "b": [6]}, greeted=[1])
    assert faults(browser, stored) == found


@pytest.mark.parametrize("stored", [WHOLE_STORY, WHOLE_STORY[:5], WHOLE_STORY[:4]])
def test_what_was_never_answered_may_be_stored_or_not(stored: list[Json]) -> None:
    browser = NotingBrowser(Pool(1), Counter(), told={"a": [3, 4], "b": None}, greeted=[1])
    assert faults(browser, stored) == Faults()


# --- customers ----------------------------------------------------------------------------------------


class Gateway:
    """Answers as the gateway does; `failing`: the messages, by their number, that are refused once."""

    def __init__(self, failing: tuple[int, ...] = ()) -> None:
        self._failing = failing
        self._count = 0
        self.ids: list[str] = []
        self.stored: list[Json] = []

    def serve(self, path: str, body: bytes) -> tuple[int, Json]:
        if "after=" in path:
            after = int(path.partition("after=")[2])
            return 200, {"messages": [message for message in self.stored if message["seq"] > after]}
        asked = json.loads(body)
        if path.endswith("/conversations"):
            return 201, {"messages": self._say()}
        self._count += 1
        self.ids.append(asked["id"])
        if self._count in self._failing:
            return 503, {"error": {"code": "engine_down"}}
        self.stored.append({"seq": len(self.stored) + 1, "from": "customer", "id": asked["id"], "text": ""})
        return 200, {"messages": self._say()}

    def _say(self) -> list[Json]:
        buttons = [{"title": "簡訊 09** *** *01", "button": "1.0.demo"}]
        self.stored.append({"seq": len(self.stored) + 1, "from": "bot", "text": "已經解鎖", "buttons": buttons})
        return self.stored[-1:]


def test_a_message_that_failed_is_sent_again_under_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, errors, waited = Gateway(failing=(2,)), Counter[str](), []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def use(port: int) -> None:
        browser = NotingBrowser(Pool(port), errors)
        await browser.open()
        await browser.say("你好")
        monkeypatch.setattr("bot.turns_bench.visitors.asyncio.sleep", sleep)
        await browser.say("客服電話幾號")
        monkeypatch.undo()
        assert faults(browser, await browser.everything()) == Faults()

    asyncio.run(served(gateway.serve, use))
    assert gateway.ids[1] == gateway.ids[2] != gateway.ids[0]
    assert errors == {"503 engine_down": 1}
    assert 7.0 in waited


def test_an_unlock_takes_its_steps_with_the_code_that_arrived(tmp_path: Path) -> None:
    person, outbox = Person(1), tmp_path / "outbox.jsonl"
    lines = [{"to": "0900000009", "code": "111111"}, {"to": person.phone, "code": "222222"}, {"to": person.phone}]
    outbox.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"to": "09000', encoding="utf-8")
    sent = []

    def serve(path: str, body: bytes) -> tuple[int, Json]:
        sent.append(json.loads(body))
        return gateway.serve(path, body)

    async def use(port: int) -> None:
        browser = Browser(Pool(port))
        await browser.open()
        for _, step in unlock(browser, person, Codes(outbox)):
            await step()

    gateway = Gateway()
    asyncio.run(served(serve, use))
    assert [one.get("value") for one in sent if "kind" in one] == [person.number, "1980-01-01", "222222"]
    assert [one["button"] for one in sent if "button" in one] == ["1.0.demo"]


def test_customers_come_ask_press_and_go() -> None:
    gateway = Gateway()

    async def use(port: int) -> OpenLoop:
        load = OpenLoop(port, 400, 0.5, think_seconds=0.02, chance=random.Random(1))
        await load.run()
        return load

    load: OpenLoop = asyncio.run(served(gateway.serve, use))
    assert set(load.milliseconds) >= {"page", "greeting", "question", "button"}
    assert sum(map(len, load.milliseconds.values())) == len(load.late_ms) > 100
    assert (load.errors, load.given_up, load.under_way) == ({}, {}, 0)


@pytest.mark.parametrize("answer", [[], {}, {"error": "demo"}])
def test_an_answer_without_messages_is_no_answer(answer: Any) -> None:
    async def use(port: int) -> None:
        await Browser(Pool(port)).open()

    with pytest.raises(NotAnswered, match="201 without messages"):
        asyncio.run(served(lambda path, body: (201, answer), use))


def test_what_cannot_be_read_back_is_said() -> None:
    gateway = Gateway()

    def serve(path: str, body: bytes) -> tuple[int, Json]:
        return (500, {}) if "after=" in path else gateway.serve(path, body)

    async def use(port: int) -> tuple[Faults, Counter[str]]:
        load = OpenLoop(port, 200, 0.2, think_seconds=0.02, chance=random.Random(2))
        await load.run()
        return await load.read_back(), load.given_up

    found, given_up = asyncio.run(served(serve, use))
    assert found == Faults()
    assert set(given_up) == {"reading back: 500"}


def test_nobody_unlocks_where_nobody_can() -> None:
    browser = Browser(Pool(1))
    kinds = {kind for seed in range(50) for kind, _ in steps(browser, random.Random(seed), deque(), None)}
    assert kinds == {"page", "greeting", "question"}


@pytest.mark.parametrize("url", ["https://127.0.0.1:8080", "http://chat.example.com:8080", "http://localhost", "8080"])
def test_a_load_goes_to_this_machine_only(url: str) -> None:
    with pytest.raises(SettingProblem, match="on this machine"):
        _port_of(url)


def test_the_load_says_what_failed_and_what_was_lost() -> None:
    load = OpenLoop(1, 10, 60)
    load.milliseconds, load.late_ms = {"question": [10.0, 20.0, 400.0]}, [0.1, 0.2, 0.1, 0.1]
    load.errors["503 engine_down"], load.given_up["503 engine_down"] = 6, 1
    text = "\n".join(report(load, [], Faults(lost=2)))
    assert "4 messages in 0 conversations" in text
    assert "503 engine_down  6      1" in text
    assert "2 messages were LOST, and nothing was doubled" in text


# --- the report ---------------------------------------------------------------------------------------


def measured(rate: float, p50: float = 5.0, p95: float = 10.0) -> Measured:
    return Measured(rate=rate, p50=p50, p95=p95, count=100, right=1.0, client_ms=0.1)


def results(**changed: Any) -> Results:
    rates = dict.fromkeys(CONTENDERS, 30.0) | {f"{ENGINE}, {SQLITE}": 360.0, f"{WHOLE}, {SQLITE}": 150.0}
    cells = {name: {n: [measured(rate), measured(rate * 1.1)] for n in AT_ONCE} for name, rate in rates.items()}
    cells[STOCK] = {n: [measured(30, 100, 200), measured(30, 100, 200)] for n in AT_ONCE}
    found = Results({"processor": "demo"}, 2, 1.0, questions=cells, unlocks={f"{WHOLE}, {SQLITE}": cells[STOCK]})
    found.long = {f"{ENGINE}, {SQLITE}": Long(500, [3.0, 3.0], [3.3, 3.9], [(10, 3.0)])}
    found.cold = {f"{ENGINE}, {SQLITE}": [2.0], f"{WHOLE}, {SQLITE}": [11.0], STOCK: [20.0]}
    found.training, found.examples = {"anxin train": [12.0, 13.0], STOCK: [300.0]}, 700
    found.megabytes = {f"{ENGINE}, {SQLITE}": 400.0, STOCK: 1000.0}
    for name, value in changed.items():
        setattr(found, name, value)
    return found


def met(found: Results, name: str, contender: str) -> bool | None:
    (target,) = [target for target in targets(found) if (target.name, target.contender) == (name, contender)]
    return target.met


@pytest.mark.parametrize(
    ("name", "path", "is_met"),
    [
        ("turns a second, 8 at once", ENGINE, True),
        ("turns a second, 8 at once", WHOLE, True),
        ("p95, 8 at once", WHOLE, True),
        ("turn 500 / turn 5", ENGINE, True),  # 1.1 and 1.3
        ("p50, one customer", WHOLE, True),
        ("cold start to first answer", ENGINE, True),
        ("cold start to first answer", WHOLE, False),
        ("memory of the engine", ENGINE, True),
    ],
)
def test_a_target_is_met_by_the_median_of_the_runs(name: str, path: str, is_met: bool) -> None:
    assert met(results(), name, f"{path}, {SQLITE}") is is_met


def test_a_conversation_that_was_cut_meets_no_target() -> None:
    found = results(long={f"{ENGINE}, {SQLITE}": Long(40, [3.0], [3.0], [])})
    assert met(found, "turn 500 / turn 5", f"{ENGINE}, {SQLITE}") is None


def test_what_was_not_measured_meets_no_target() -> None:
    assert {target.met for target in targets(Results({}, 1, 1.0))} == {None}
    assert not turns_report.all_met(Results({}, 1, 1.0))


def test_the_report_has_every_contender_and_fits_its_width() -> None:
    lines = list(turns_report.lines(results(left_out=["demo"])))
    text = "\n".join(lines)
    assert max(map(len, lines)) <= turns_report.WIDTH
    assert all(text.count(name) >= 2 for name in CONTENDERS)
    assert "12.60 (12.00 to 13.20)" in text
    assert "Not measured: demo" in text
    assert "missed" in text


def test_the_figures_are_written_as_json(tmp_path: Path) -> None:
    turns_report.write(results(), tmp_path / "turns.json")
    found = json.loads((tmp_path / "turns.json").read_text(encoding="utf-8"))
    assert found["questions"][STOCK]["8"][0]["rate"] == 30
    first = found["targets"][0]
    assert (first["bound"], first["met"], first["median"]) == (10, True, pytest.approx(12.6))


# --- stock --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [STOCK, LINEAR])
def test_a_stock_assistant_has_a_rule_an_answer_and_examples_for_every_topic(name: str) -> None:
    files = {file: yaml.safe_load(content) or {} for file, content in stock.project(name).items()}
    topics = set(load_topics())
    assert {rule["rule"] for rule in files["rules.yml"]["rules"]} == topics | {"nlu_fallback"}
    assert {intent["intent"] for intent in files["nlu.yml"]["nlu"]} == topics
    assert set(files["domain.yml"]["responses"]) == {f"utter_{id_}" for id_ in topics} | {"utter_please_rephrase"}
    assert all(text in files["nlu.yml"]["nlu"][list(load_topics()).index(id_)]["examples"] for id_, text in QUESTIONS)


def test_the_stock_pipeline_is_the_one_of_rasa_init() -> None:
    config = yaml.safe_load(stock.project(STOCK)["config.yml"])
    assert (config["recipe"], config["language"], config["pipeline"]) == ("default.v1", "en", None)  # Rasa's default


def test_a_stock_assistant_that_is_there_is_not_trained_again(tmp_path: Path) -> None:
    with pytest.raises(stock.StockFailed, match="not trained for these topics"):
        stock.trained(LINEAR, tmp_path, print, may_train=False)
    folder = tmp_path / f"linear-stock-{stock._fingerprint(stock.project(LINEAR))}"
    folder.mkdir()
    (folder / "trained.json").write_text('{"examples": 7, "seconds": 1.5, "cpu_seconds": 1.0}', encoding="utf-8")
    assert stock.trained(LINEAR, tmp_path, print).seconds == 1.5


def test_no_answer_of_stock_has_a_brace_that_rasa_would_fill() -> None:
    assert [answer for answer in stock.answers().values() if "{" in answer] == []
