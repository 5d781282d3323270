"""`anxin bench security`: what the actions process decides a second, beside the commits a second of its database.

    codes    put into the vault: POST /internal/secrets            1 commit
    verified codes accepted: the form's call of /webhook           1 commit, and a notice of the login
    unlocks  passwords unlocked: the act's call of /webhook        1 commit, and a notice
    reports  filed: POST /internal/reports                         1 commit

Through the HTTP interface of real processes, signed, from `AT_ONCE` callers. "raw commits" are of as many connections,
which on SQLite get in each other's way; "raw, alone" are of one. A notice costs the relay a commit of its own. Callers,
processes and database share this machine.
"""

from __future__ import annotations

import http.client
import json
import secrets
import statistics
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actions.bootstrap import Services, build
from bot.contracts.keys import derive, load_or_create_master_key
from bot.rig import raw
from bot.rig.actions import Actions
from bot.rig.crowd import Going, together
from bot.rig.customers import FORM, Customer, add_people, keep_codes
from bot.rig.postgresql import PostgresServer
from bot.settings import read_settings

AT_ONCE = 16
MOST_A_SECOND = 700  # calls that are prepared
TARGET = 0.5
RAW, ALONE, CODES, VERIFIED, UNLOCKS, REPORTS = "raw commits", "raw, alone", "codes", "verified", "unlocks", "reports"
COUNTED = (VERIFIED, UNLOCKS, REPORTS)  # what the target is for
Call = tuple[str, bytes]


@dataclass
class Stand:
    """One database with its processes, running."""

    actions: Actions
    services: Services
    commit: Callable[[int, float], float]  # connections, seconds -> raw commits a second
    people: int = 0
    failed: int = 0  # calls that were not answered: the database was too busy

    def new_customers(self, count: int) -> list[Customer]:
        people = add_people(self.services.work, count, self.people)
        self.people += count
        return [Customer(self.actions, person, f"bench-{person.number}") for person in people]


@dataclass
class Rates:
    """Rates a second of one database with so many processes, a figure each run."""

    database: str
    processes: int
    runs: dict[str, list[float]] = field(default_factory=dict)
    failed: int = 0

    def add(self, rates: dict[str, float]) -> None:
        for name, rate in rates.items():
            self.runs.setdefault(name, []).append(rate)

    def ratios(self, name: str) -> list[float]:
        """Return the ratio to the raw rate, run by run."""
        return [mine / limit for mine, limit in zip(self.runs[name], self.runs[RAW], strict=True)]


def measure(runs: int, seconds: float, file: Path | None) -> int:
    """Measure, print the table, write every figure to `file`; return 0 if every target is met, 1 if not."""
    found = []
    print(f"{runs} runs of {seconds:g} s, {AT_ONCE} callers at once; rates a second, median (lowest to highest)")
    for database, processes in ((d, p) for d in ("sqlite", "postgresql") for p in (1, 3)):
        try:
            found.append(_measure_one(database, processes, runs, seconds))
        except FileNotFoundError as missing:  # PostgreSQL's programs
            print(f"{database}: {missing}")
            break
        print(_table(found[-1]), flush=True)
    met = [statistics.median(rates.ratios(name)) >= TARGET for rates in found for name in COUNTED]
    print(f"Target, at least {TARGET:.0%} of the raw commits: {sum(met)} of {len(met)} met.")
    if file:
        file.write_text(json.dumps([vars(rates) for rates in found], indent=2) + "\n", encoding="utf-8")
    return 0 if all(met) and len(met) == 4 * len(COUNTED) else 1


def _measure_one(database: str, processes: int, runs: int, seconds: float) -> Rates:
    rates = Rates(database, processes)
    with _stand(database, processes) as stand:
        for _ in range(runs):
            before, alone = stand.commit(AT_ONCE, seconds), stand.commit(1, seconds)
            run = _run(stand, seconds)
            around = (before + stand.commit(AT_ONCE, seconds)) / 2  # the machine may change under way
            rates.add({RAW: around, ALONE: alone, **run})
        rates.failed = stand.failed
    return rates


def _run(stand: Stand, seconds: float) -> dict[str, float]:
    customers = stand.new_customers(int(MOST_A_SECOND * seconds))
    master = load_or_create_master_key(stand.actions.var / "keys" / "master.key")
    keep_codes(stand.services.work, customers, "123456", derive(master, "pepper of codes"))
    entered, codes = _rate(stand, {c.conversation: _secret(c) for c in customers}, seconds, "reference")
    waiting = [c for c in customers if c.conversation in entered]
    calls = {c.conversation: _take(c, entered[c.conversation]["reference"]) for c in waiting}
    right, verified = _rate(stand, calls, seconds, '"otp_code","value":"v_')
    calls = {c.conversation: _finish(c) for c in waiting if c.conversation in right}
    _, unlocks = _rate(stand, calls, seconds, "UL-")
    keys = (f"bench-{secrets.token_hex(8)}" for _ in customers)
    _, reports = _rate(stand, {key: _report(key) for key in keys}, seconds, "ER-")
    return {CODES: codes, VERIFIED: verified, UNLOCKS: unlocks, REPORTS: reports}


def _rate(
    stand: Stand, calls: dict[str, Call], seconds: float, accepted: str
) -> tuple[dict[str, dict[str, Any]], float]:
    """Make calls until the time or they are over; return what was answered, by name, and how many a second.

    Raise `RuntimeError` for an answer in which `accepted` does not stand: a refusal is fast.
    """
    waiting, answers = deque(calls.items()), dict[str, dict[str, Any]]()
    problems: list[str] = []
    replicas = stand.actions.replicas

    def ask(place: int, start: Callable[[], object], going: Going) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", replicas[place % len(replicas)].port, timeout=30)
        start()
        while waiting and going() and not problems:
            name, (path, content) = waiting.popleft()
            headers = {"content-type": "application/json", **stand.actions.signed("POST", path, content)}
            connection.request("POST", path, content, headers)
            reply = connection.getresponse()
            said = reply.read().decode()
            if reply.status >= 500:
                stand.failed += 1
            elif accepted in said:
                answers[name] = json.loads(said)
            else:
                problems.append(f"{path} answered {reply.status}: {said[:300]}")
        connection.close()

    took = together(AT_ONCE, seconds, ask)
    if problems:
        raise RuntimeError(problems[0])
    return answers, len(answers) / took


@contextmanager
def _stand(database: str, processes: int) -> Iterator[Stand]:
    """Yield it on the disk of the temporary folder, with everything durable."""
    with tempfile.TemporaryDirectory(prefix="anxin-bench-") as name:
        folder = Path(name)
        server = PostgresServer(parent=None) if database == "postgresql" else None
        url = {"ANXIN_SECURITY_URL": server.url(server.create())} if server else {}
        actions = Actions(folder / "var", {"ANXIN_LOG_LEVEL": "ERROR", **url}, processes)
        services = build(read_settings({"ANXIN_VAR": str(actions.var), **url}))
        try:
            yield Stand(actions, services, _committer(server, folder))
        finally:
            services.work.dispose()
            actions.stop()
            if server:
                server.remove()


def _committer(server: PostgresServer | None, folder: Path) -> Callable[[int, float], float]:
    if server is None:
        return lambda at_once, seconds: raw.of_sqlite(folder, at_once, seconds)
    database = server.create()
    return lambda at_once, seconds: raw.of_postgresql(server, database, at_once, seconds)


def _secret(customer: Customer) -> Call:
    body = {"conversation": customer.conversation, "kind": "code", "value": "123456"}
    return "/internal/secrets", json.dumps(body).encode()


def _take(customer: Customer, reference: str) -> Call:
    return _webhook(customer.call(f"validate_{FORM}", "otp_code", reference))


def _finish(customer: Customer) -> Call:
    customer.slots["otp_code"] = "given"
    return _webhook(customer.call("action_finish_verified_flow"))


def _webhook(call: dict[str, Any]) -> Call:
    return "/webhook", json.dumps(call).encode()


def _report(key: str) -> Call:
    body = {"key": key, "conversation": f"c-{key}", "institution": "hnyc", "platform": "e指發"}
    return "/internal/reports", json.dumps(body | {"description": "測試：畫面空白", "since": "今天早上"}).encode()


def _table(rates: Rates) -> str:
    lines = [f"{rates.database}, {rates.processes} process{'es' if rates.processes > 1 else ''}"]
    for name in (RAW, ALONE, CODES, *COUNTED):
        lines.append(
            f"  {name:<12} {_spread(rates.runs[name], '{:7.0f}')}   of raw {_spread(rates.ratios(name), '{:.2f}')}"
        )
    return "\n".join([*lines, f"  {rates.failed} calls failed"] if rates.failed else lines)


def _spread(figures: list[float], form: str) -> str:
    return f"{form.format(statistics.median(figures))} ({form.format(min(figures)).strip()} to {form.format(max(figures)).strip()})"
