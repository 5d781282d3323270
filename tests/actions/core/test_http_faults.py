"""A firm's core system that fails in every way: what is told is true, and within the budget."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from actions.adapters import core_exchange, core_http
from actions.adapters.core_acts import Act
from actions.adapters.core_exchange import Exchange
from actions.adapters.core_http import HttpCore
from actions.adapters.http import Server
from actions.security.errors import CoreUnavailable
from actions.security.notices import Event
from actions.security.secret import Secret
from actions.security.software_token import SoftwareToken
from bot.settings import ROOT
from tests.actions.core.firm import FAULTS, KEY, Fault, Firm
from tests.actions.core.houses import NUMBER, ONE, OTHER, ByHttp, http_core
from tests.actions.core.test_contract import tokens
from tests.actions.security.rounds import told
from tests.actions.test_sms_http import certified
from tests.actions.world import START, refusal_of

Call = Callable[[HttpCore, Session], Any]
READS: dict[str, Call] = {
    "find": lambda core, session: core.find(session, "hnyc", Secret(NUMBER)),
    "find nobody": lambda core, session: core.find(session, "hnyc", Secret("700018")),
    "customer": lambda core, session: core.customer(session, ONE),
    "mail_domains": lambda core, session: core.mail_domains(session, "hnyc"),
    "password": lambda core, session: core.password(session, ONE),
    "certificates": lambda core, session: core.certificates(session, ONE),
    "token": lambda core, session: core.token(session, ONE),
}


def keep(core: HttpCore, session: Session) -> None:
    session.info[f"version of the token of {ONE}"] = "0"  # as read before
    core.keep_token(session, ONE, tokens()["enrolled"], "k1")


ACTS: dict[Act, Call] = {
    Act.UNLOCK_PASSWORD: lambda core, session: core.unlock_password(session, ONE, "k1"),
    Act.REISSUE_PASSWORD: lambda core, session: core.reissue_password(session, ONE, "k1"),
    Act.ISSUE_CERTIFICATE: lambda core, session: core.issue_certificate(session, ONE, "renew", "k1"),
    Act.SUSPEND_LOGIN: lambda core, session: core.suspend_login(session, ONE, "k1"),
    Act.RESTORE_LOGIN: lambda core, session: core.restore_login(session, ONE, "k1"),
    Act.KEEP_TOKEN: keep,
}
AT_ONCE = tuple(how for how in FAULTS if how not in ("hang", "drip"))  # nobody waits


@pytest.fixture
def hasty(far: ByHttp, monkeypatch: pytest.MonkeyPatch) -> HttpCore:
    """Shorter limits, so that a firm that never answers does not hold the tests as well."""
    monkeypatch.setattr(core_exchange, "PAUSE_SECONDS", 0.01)
    return http_core(far.firm, exchange_seconds=0.3, act_seconds=0.7)


def acts_for(how: str) -> dict[Act, Call]:
    """Return all acts; two of them where each one waits."""
    return ACTS if how in AT_ONCE else {act: ACTS[act] for act in (Act.UNLOCK_PASSWORD, Act.ISSUE_CERTIFICATE)}


@pytest.fixture
def ready(far: ByHttp) -> ByHttp:
    """A customer whom every act may be done for."""
    far.certify()
    far.lock()
    return far


def outcome(house: ByHttp, core: HttpCore, call: Call) -> str:
    """Return "done" or the name of the refusal."""
    with house.work.begin() as session:
        return refusal_of(lambda: call(core, session)) or "done"


# --- reads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", FAULTS)
def test_a_read_that_fails_is_unavailable(far: ByHttp, hasty: HttpCore, how: str) -> None:
    far.firm.always = Fault(how, acted=True)
    assert {name: outcome(far, hasty, call) for name, call in READS.items()} == dict.fromkeys(READS, "CoreUnavailable")


def test_a_firm_that_is_away_is_unavailable_at_once(ready: ByHttp, hasty: HttpCore) -> None:
    with ready.firm.away():
        began = time.monotonic()
        outcomes = [outcome(ready, hasty, call) for call in (*READS.values(), *ACTS.values())]
        assert time.monotonic() - began < 0.5
    assert set(outcomes) == {"CoreUnavailable"}
    assert (ready.firm.acts, ready.firm.asked) == ([], [])


def test_nobodys_number_is_one_exchange_like_a_customers(far: ByHttp, hasty: HttpCore) -> None:
    for name in ("find", "find nobody"):
        outcome(far, hasty, READS[name])
    assert far.firm.asked == ["/core/accounts/find"] * 2
    assert len({len(request) for request in far.firm.requests}) == 1


@pytest.mark.parametrize("name", ["customer", "password", "certificates", "token"])
def test_what_is_told_of_another_account_is_not_taken(far: ByHttp, hasty: HttpCore, name: str) -> None:
    far.firm.accounts[ONE] = far.firm.accounts[OTHER]
    assert outcome(far, hasty, READS[name]) == "CoreUnavailable"


@pytest.mark.parametrize("field", ["number", "institution"])
def test_another_customer_than_the_one_asked_for_is_not_taken(far: ByHttp, hasty: HttpCore, field: str) -> None:
    customer = far.firm.accounts[ONE].customer
    found = {**customer, field: "900028"}
    far.firm._found = lambda *_: found  # type: ignore[method-assign]
    assert outcome(far, hasty, READS["find"]) == "CoreUnavailable"


def test_mail_domains_are_asked_for_once_in_a_while(far: ByHttp, hasty: HttpCore) -> None:
    assert [outcome(far, hasty, READS["mail_domains"]) for _ in range(3)] == ["done"] * 3
    assert far.firm.asked == ["/core/mail-domains/read"]


def test_mail_domains_outlast_a_firm_that_is_away(
    far: ByHttp, hasty: HttpCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actions.adapters.core_http.DOMAINS_KEPT_SECONDS", -1.0)
    assert outcome(far, hasty, READS["mail_domains"]) == "done"
    with far.firm.away():
        assert outcome(far, hasty, READS["mail_domains"]) == "done"


# --- acts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("how", FAULTS)
def test_an_answer_that_was_lost_is_asked_for_again(ready: ByHttp, hasty: HttpCore, how: str, acted: bool) -> None:
    cells, acts = {}, acts_for(how)
    for act, call in acts.items():
        ready.lock()
        ready.firm.fail(Fault(how, acted))
        cells[act] = outcome(ready, hasty, call)
    assert cells == dict.fromkeys(acts, "done")
    assert len(ready.firm.acts) == len(acts)


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("how", FAULTS)
def test_what_nobody_can_tell_is_said_to_be_unknown_and_told_by_the_key_later(
    ready: ByHttp, hasty: HttpCore, how: str, acted: bool
) -> None:
    acts = acts_for(how)
    for act, call in acts.items():
        ready.lock()
        ready.firm.always = Fault(how, acted)
        began = time.monotonic()
        assert (act, outcome(ready, hasty, call)) == (act, "CoreOutcomeUnknown")
        assert time.monotonic() - began < 1
        ready.firm.always = None
        assert (act, outcome(ready, hasty, call)) == (act, "done")
    assert Counter(path for path, _, _ in ready.firm.acts).most_common(1)[0][1] == 1
    assert len(ready.firm.acts) == len(acts)


@pytest.mark.parametrize("acted", [False, True], ids=["before", "after"])
def test_a_firm_that_goes_away_over_an_act_leaves_it_unknown(ready: ByHttp, hasty: HttpCore, acted: bool) -> None:
    ready.firm.fail(Fault("gone", acted))
    assert outcome(ready, hasty, ACTS[Act.UNLOCK_PASSWORD]) == "CoreOutcomeUnknown"
    ready.firm.back()
    assert outcome(ready, hasty, ACTS[Act.UNLOCK_PASSWORD]) == "done"
    assert len(ready.firm.acts) == 1


def test_a_firm_that_forgot_the_key_does_not_make_a_no_of_what_was_done(ready: ByHttp, hasty: HttpCore) -> None:
    ready.firm.forgetful = True
    ready.firm.fail(Fault("cut", acted=True))
    assert outcome(ready, hasty, ACTS[Act.UNLOCK_PASSWORD]) == "CoreOutcomeUnknown"
    assert ready.record(ONE).locked_at is None


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda house: house.revoke(), "UnlockNoCertificate"),
        (lambda house: house.suspend(), "UnlockSuspended"),
        (lambda house: setattr(house.record(ONE), "locked_at", None), "UnlockNotLocked"),
    ],
    ids=["revoked", "suspended", "opened"],
)
def test_what_changes_while_the_act_is_on_its_way_refuses_it(
    ready: ByHttp, hasty: HttpCore, change: Callable[[ByHttp], None], refused: str
) -> None:
    ready.firm.before_act = lambda: change(ready)
    assert outcome(ready, hasty, ACTS[Act.UNLOCK_PASSWORD]) == refused
    assert ready.firm.acts == []


def test_a_token_that_changed_since_it_was_read_is_not_overwritten(far: ByHttp, hasty: HttpCore) -> None:
    def call(core: HttpCore, session: Session) -> None:
        core.token(session, ONE)
        far.record(ONE).version += 1
        core.keep_token(session, ONE, tokens()["enrolled"], "k1")

    assert outcome(far, hasty, call) == "CoreUnavailable"
    with far.work.begin() as session:
        assert hasty.token(session, ONE) == SoftwareToken()


def test_a_token_is_kept_only_where_it_was_read(far: ByHttp, hasty: HttpCore) -> None:
    with far.work.begin() as session, pytest.raises(ValueError, match="after it was read"):
        hasty.keep_token(session, ONE, tokens()["enrolled"], "k1")


@pytest.mark.parametrize("reason", ["unheard_of", "token_changed"])
def test_a_refusal_that_is_not_the_acts_is_no_reason_for_the_customer(
    ready: ByHttp, hasty: HttpCore, reason: str
) -> None:
    ready.firm._reason = lambda *_: reason  # type: ignore[method-assign]
    assert outcome(ready, hasty, ACTS[Act.UNLOCK_PASSWORD]) == "CoreUnavailable"
    assert ready.firm.acts == []
    ready.firm.problems.clear()  # it is not in the contract


def test_a_firm_that_does_not_know_our_key_has_done_nothing(ready: ByHttp) -> None:
    core = HttpCore(Exchange(Server(ready.firm.url), "another-key"))
    outcomes = {outcome(ready, core, call) for call in (*READS.values(), *ACTS.values())}
    assert outcomes == {"CoreUnavailable"}
    assert ready.firm.acts == []


def test_a_key_tells_nothing_of_account_or_day(ready: ByHttp, hasty: HttpCore) -> None:
    with ready.work.begin() as session:
        hasty.unlock_password(session, ONE, f"{ONE} 2026-11-20")
    ((_, _, key),) = ready.firm.acts
    assert (len(key), ONE in key, "2026" in key) == (64, False, False)


# --- time and connections -------------------------------------------------------------------------


def test_the_limits_are_those_of_the_contract() -> None:
    assert (core_exchange.EXCHANGE_SECONDS, core_exchange.ACT_SECONDS, core_exchange.MOST_AT_ONCE) == (1.0, 2.0, 12)


def test_all_of_a_transaction_ends_before_the_engine_gives_the_action_up() -> None:
    engine = (ROOT / "bot" / "engine" / "rasa_private" / "actions.py").read_text(
        encoding="utf-8"
    )  # nobody imports the engine
    deadline = re.search(r"^ACTION_DEADLINE_SECONDS = ([0-9.]+)$", engine, re.MULTILINE)
    assert deadline
    assert float(deadline[1]) > core_exchange.TRANSACTION_SECONDS


def test_a_transaction_has_one_budget_for_all_that_it_asks(
    ready: ByHttp, hasty: HttpCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_http, "TRANSACTION_SECONDS", 0.6)
    ready.firm.always = Fault("hang", acted=False)
    with ready.work.begin() as session:
        began = time.monotonic()
        for _ in range(4):
            with pytest.raises(CoreUnavailable):
                hasty.customer(session, ONE)
        with pytest.raises(CoreUnavailable):  # certain: with so little time it was not begun
            hasty.unlock_password(session, ONE, "key-1")
        assert time.monotonic() - began < 1.2
    assert ready.firm.acts == []


@pytest.mark.parametrize("how", ["hang", "drip"])
def test_a_firm_that_never_ends_is_left_within_the_budget(ready: ByHttp, how: str) -> None:
    core = http_core(ready.firm)
    ready.firm.always = Fault(how, acted=True)
    began = time.monotonic()
    assert outcome(ready, core, READS["password"]) == "CoreUnavailable"
    read = time.monotonic() - began
    assert outcome(ready, core, ACTS[Act.UNLOCK_PASSWORD]) == "CoreOutcomeUnknown"
    act = time.monotonic() - began - read
    told(read_ms=round(read * 1000), act_ms=round(act * 1000))
    assert (read < 2.3, act < 4.3, len(ready.firm.acts)) == (True, True, 1)


def test_a_firm_that_hangs_holds_so_many_of_us_and_no_more(far: ByHttp) -> None:
    core = http_core(far.firm, exchange_seconds=1.0, most_at_once=4)
    far.firm.always = Fault("hang")

    def timed(_: int) -> float:
        began = time.monotonic()
        with pytest.raises(CoreUnavailable):
            core.find(Session(), "hnyc", Secret(NUMBER))
        return time.monotonic() - began

    with ThreadPoolExecutor(40) as pool:
        waited = sorted(pool.map(timed, range(40)))
    told(asked=40, at_once=far.firm.most_at_once, refused_at_once=len([w for w in waited if w < 0.5]))
    assert (far.firm.most_at_once, waited[35] < 0.5, waited[36] > 0.9) == (4, True, True)


def test_connections_are_kept_and_never_more_than_are_used(far: ByHttp) -> None:
    core = http_core(far.firm, most_at_once=4)
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: core.find(Session(), "hnyc", Secret(NUMBER)), range(200)))) == 1
    told(asked=len(far.firm.asked), connections=far.firm.connections)
    assert (far.firm.most_at_once <= 4, far.firm.connections <= 4) == (True, True)


def test_a_connection_that_the_firm_has_closed_is_replaced(ready: ByHttp, hasty: HttpCore) -> None:
    for call in (READS["password"], ACTS[Act.SUSPEND_LOGIN], READS["password"]):
        assert outcome(ready, hasty, call) == "done"
        ready.firm._hang_up()
    assert len(ready.firm.acts) == 1


def test_a_connection_that_ends_as_it_is_asked_is_replaced_for_a_read(far: ByHttp, hasty: HttpCore) -> None:
    assert outcome(far, hasty, READS["password"]) == "done"
    far.firm.fail(Fault("cut"))
    assert outcome(far, hasty, READS["password"]) == "done"


@pytest.mark.parametrize("later", [0.0, 0.02])
def test_an_answer_said_twice_is_never_anothers(ready: ByHttp, hasty: HttpCore, later: float) -> None:
    ready.firm.twice = later
    told_of = []
    for number in range(30):
        with ready.work.begin() as session:
            ready.record(ONE).locked_at = START if number % 2 else None
            try:
                told_of.append((hasty.password(session, ONE).locked_at, START if number % 2 else None))
            except CoreUnavailable:
                continue
    told(asked=30, told=len(told_of))
    assert [pair for pair in told_of if pair[0] != pair[1]] == []


# --- what is told to nobody -----------------------------------------------------------------------


def test_nothing_of_a_customer_stands_in_an_address_a_log_or_an_error(
    ready: ByHttp, hasty: HttpCore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    problems = []
    for how in (*AT_ONCE, None):
        ready.firm.always = Fault(how, acted=True) if how else None
        for call in (*READS.values(), *ACTS.values()):
            with ready.work.begin() as session:
                try:
                    call(hasty, session)
                except Exception as problem:
                    problems.append(f"{problem!r} {problem} {problem.__cause__!r}")
    addresses = [request.partition(b"\r\n")[0].decode() for request in ready.firm.requests]
    said = "\n".join((*problems, *addresses, caplog.text))
    assert len(problems) > 100
    assert [s for s in (NUMBER, ONE, "0930", "1980", "example.com", "測試", "900028", KEY) if s in said] == []


def test_what_a_firm_fails_by_is_logged(far: ByHttp, hasty: HttpCore, caplog: pytest.LogCaptureFixture) -> None:
    far.firm.always = Fault("error")
    outcome(far, hasty, READS["password"])
    (line,) = caplog.messages
    assert line == f"Core system 127.0.0.1:{far.firm.port}/password/read: Malformed (503)"


# --- events ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kinds"),
    [
        (Event("login", START, NUMBER, platform="demo app"), ["login_success"]),
        (Event("wrong_password", START, NUMBER, platform="demo app"), ["wrong_password"]),
        (
            Event("wrong_password", START, NUMBER, platform="demo app", locked=True),
            ["wrong_password", "password_locked"],
        ),
        (Event("password_changed", START, NUMBER), ["password_changed"]),
        (Event("login", START, NUMBER, market="futures"), []),
    ],
)
def test_the_firm_that_sent_an_event_has_counted(far: ByHttp, hasty: HttpCore, event: Event, kinds: list[str]) -> None:
    with far.work.begin() as session:
        assert hasty.happened(session, ONE, event) == kinds
    assert far.firm.asked == []


# --- TLS ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "days", "trusted", "expected"),
    [
        ("127.0.0.1", 1, True, "done"),
        ("127.0.0.1", 1, False, "CoreUnavailable"),
        ("127.0.0.2", 1, True, "CoreUnavailable"),
        ("127.0.0.1", -1, True, "CoreUnavailable"),
    ],
    ids=["trusted", "unknown", "for another host", "expired"],
)
def test_only_a_firm_whose_certificate_is_trusted_is_asked(
    far: ByHttp, tmp_path: Path, address: str, days: int, trusted: bool, expected: str
) -> None:
    made = certified(tmp_path, address, days)
    firm = Firm(far.clock.now, made.context)
    firm.add(ONE, "hnyc", NUMBER)
    core = HttpCore(Exchange(Server(firm.url, made.file if trusted else None), KEY))
    outcomes = [outcome(far, core, call) for call in (READS["find"], READS["password"], ACTS[Act.SUSPEND_LOGIN])]
    assert outcomes == [expected] * 3
    assert len(firm.asked) == (3 if trusted and expected == "done" else 0)
    assert firm.connections == 1 or expected != "done"
    firm.close()
