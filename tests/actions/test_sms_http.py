"""SMS by HTTP to a real server on this machine: what it gets, what counts as accepted, and every way it can fail."""

from __future__ import annotations

import datetime as dt
import json
import random
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from actions.adapters import sms_http
from actions.adapters.embedded_outbox import EmbeddedOutbox
from actions.adapters.sms_http import SmsGateway
from actions.adapters.smtp import ByChannel, SmtpMessenger
from actions.bootstrap import _messenger
from actions.services.ports import Message, NotSent, OutcomeUnknown, RefusedForGood
from bot.settings import SettingProblem, read_settings
from tests.actions.security.rounds import rounds, told

ID, KEY, TO = "0123456789abcdef0123456789abcdef", "canary-key", "0900000000"
MESSAGE = Message(ID, "sms", TO, "", "【測試證券】驗證碼 918273 canary-text", "", code="918273", ttl_seconds=300)
SECRETS = ("canary", TO, "918273", "驗證碼", "測試")

Reply = Callable[[socket.socket], object]


@dataclass
class Gateway:
    """A server that answers each call with `reply`, byte for byte, and remembers what it was asked."""

    reply: Reply
    asked: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def head(self) -> dict[str, str]:
        (request,) = self.asked
        lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        return {"request": lines[0]} | {n.lower(): v for n, v in (line.split(": ", 1) for line in lines[1:])}

    def told(self) -> dict[str, Any]:
        (request,) = self.asked
        return dict(json.loads(request.partition(b"\r\n\r\n")[2]))

    def answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        request = b""
        while b"\r\n\r\n" not in request or len(request) < _whole(request):
            data = connection.recv(65536)
            if not data:
                return
            request += data
        self.asked.append(request)
        self.reply(connection)


def _whole(request: bytes) -> int:
    head, _, _ = request.partition(b"\r\n\r\n")
    (length,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(head) + 4 + int(length.partition(b":")[2])


@contextmanager
def serving(reply: Reply, context: ssl.SSLContext | None = None) -> Iterator[tuple[Gateway, str]]:
    """Serve on a free port of this machine, one call after the other; yield the gateway and its address."""
    gateway, listener = Gateway(reply), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) if context else connection as open_:
                    gateway.answer(open_)
            except OSError:  # the client hung up: what is tested is what it says
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    scheme = "https" if context else "http"
    try:
        yield gateway, f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/messages"
    finally:
        gateway.ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def http(status: int, body: bytes = b'{"id": "%s"}' % ID.encode(), kind: str = "application/json", *more: str) -> bytes:
    headers = [f"HTTP/1.1 {status} demo", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body


def says(data: bytes) -> Reply:
    return lambda connection: connection.sendall(data)


def waits(data: bytes, seconds: float = 30, then: bytes = b"") -> Reply:
    """Say `data`, keep silent for so long or until the client hangs up, then say the rest."""

    def reply(connection: socket.socket) -> None:
        connection.sendall(data)
        with suppress(OSError):
            connection.settimeout(seconds)
            connection.recv(1)
        connection.sendall(then)

    return reply


def client(url: str, ca_file: Path | None = None) -> SmsGateway:
    return SmsGateway(url, KEY, ca_file)


def outcome(url: str, message: Message = MESSAGE, ca_file: Path | None = None) -> str:
    """Return "accepted" or the kind of failure, whose words tell nothing of the message."""
    try:
        client(url, ca_file).send(message)
    except NotSent as problem:
        return type(problem).__name__ if tells_nothing(problem) else "a failure that tells"
    return "accepted"


def tells_nothing(problem: NotSent) -> bool:
    """Return whether neither its words nor what a traceback would print besides hold anything of the message."""
    words = f"{problem} {problem!r} {problem.__cause__!r}"
    hidden = problem.__suppress_context__ or problem.__context__ is None
    return hidden and not [secret for secret in SECRETS if secret in words]


def outcome_of(reply: Reply) -> str:
    with serving(reply) as (_, url):
        return outcome(url)


def reason_of(reply: Reply) -> str:
    """Return what the failure says after the name of the gateway; nobody knows the outcome."""
    with serving(reply) as (_, url), pytest.raises(OutcomeUnknown) as failure:
        client(url).send(MESSAGE)
    assert tells_nothing(failure.value)
    return str(failure.value).rpartition(": ")[2]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shorter limit, so that a gateway that never answers does not hold the tests as well."""
    monkeypatch.setattr(sms_http, "TOTAL_SECONDS", 0.4)


# --- what the gateway gets ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked() -> Gateway:
    with serving(says(http(202))) as (gateway, url):
        client(url).send(MESSAGE)
    return gateway


def test_a_message_is_posted_once_to_the_address(asked: Gateway) -> None:
    assert asked.head()["request"] == "POST /messages HTTP/1.1"


def test_the_gateway_is_told_what_the_contract_says_and_nothing_else(asked: Gateway) -> None:
    assert asked.told() == {"id": ID, "to": TO, "text": MESSAGE.text, "ttl_seconds": 300}


@pytest.mark.parametrize("seconds", [1, 180])
def test_the_gateway_is_told_how_long_this_message_is_good(seconds: int) -> None:
    with serving(says(http(202))) as (gateway, url):
        client(url).send(replace(MESSAGE, ttl_seconds=seconds))
    assert gateway.told()["ttl_seconds"] == seconds


def test_a_message_that_is_good_for_ever_says_nothing_of_time() -> None:
    with serving(says(http(202))) as (gateway, url):
        client(url).send(replace(MESSAGE, ttl_seconds=None))
    assert "ttl_seconds" not in gateway.told()


def test_the_key_is_a_bearer_key(asked: Gateway) -> None:
    assert asked.head()["authorization"] == f"Bearer {KEY}"


def test_the_idempotency_key_is_the_id_of_the_message(asked: Gateway) -> None:
    assert asked.head()["idempotency-key"] == ID


def test_what_is_sent_is_json_for_the_named_host(asked: Gateway) -> None:
    assert asked.head()["content-type"] == "application/json"
    assert asked.head()["host"].startswith("127.0.0.1:")


def test_no_compression_is_asked_for(asked: Gateway) -> None:
    # An answer that inflates cannot be bounded before it is read.
    assert "accept-encoding" not in asked.head()


@pytest.mark.parametrize("text", ['"}, "to": "0911111111"', "line\r\nline\x00", "\ud800", "😀" * 200, ""])
def test_any_text_arrives_as_it_is(text: str) -> None:
    with serving(says(http(202))) as (gateway, url):
        client(url).send(replace(MESSAGE, text=text))
    assert (gateway.told()["text"], gateway.told()["to"]) == (text, TO)


# --- accepted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299, 409])
def test_2xx_is_accepted_and_409_was_before(status: int) -> None:
    body = b"" if status == 204 else b"{}"
    assert outcome_of(says(http(status, body))) == "accepted"


@pytest.mark.parametrize(
    "answer",
    [
        http(202, b""),
        http(202, b"", "text/html"),
        http(202, b'{"id": "%s", "more": [1]}' % ID.encode()),
        http(202, kind="Application/JSON; charset=utf-8"),
        b"HTTP/1.1 202 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Type: application/json\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" + http(202),
    ],
    ids=["empty", "empty page", "with more", "with charset", "chunked", "until closed", "old", "continue"],
)
def test_an_acceptance_is_read_in_every_form(answer: bytes) -> None:
    assert outcome_of(says(answer)) == "accepted"


def test_an_acceptance_that_comes_in_pieces_is_accepted() -> None:
    def reply(connection: socket.socket) -> None:
        for byte in http(202):
            connection.sendall(bytes([byte]))

    assert outcome_of(reply) == "accepted"


def test_an_answer_is_not_waited_for_after_its_end() -> None:
    assert outcome_of(waits(http(202))) == "accepted"


def test_the_same_message_again_has_the_same_id_for_the_gateway_to_know_it() -> None:
    with serving(says(http(409))) as (gateway, url):
        assert [outcome(url) for _ in range(3)] == ["accepted"] * 3
    assert {request.partition(b"\r\n\r\n")[2] for request in gateway.asked} == {
        gateway.asked[0].partition(b"\r\n\r\n")[2]
    }


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422, 451, 499])
def test_4xx_is_refused_for_good(status: int) -> None:
    assert outcome_of(says(http(status, b"canary-text"))) == "RefusedForGood"


@pytest.mark.parametrize("status", [408, 425, 429])
def test_not_now_is_not_sent_and_not_refused_for_good(status: int) -> None:
    assert outcome_of(says(http(status))) == "NotSent"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_after_5xx_nobody_knows(status: int) -> None:
    assert outcome_of(says(http(status, b"canary-text 918273"))) == "OutcomeUnknown"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving(says(http(202))) as (elsewhere, other_url):
        assert outcome_of(says(http(status, b"", "text/html", f"Location: {other_url}"))) == "NotSent"
    assert elsewhere.asked == []


def test_a_failure_names_the_answer_and_the_gateway() -> None:
    with serving(says(http(503))) as (_, url), pytest.raises(NotSent) as failure:
        client(url).send(MESSAGE)
    port = url.split(":")[2].partition("/")[0]
    assert str(failure.value) == f"SMS gateway 127.0.0.1:{port}: 503"


def test_a_refusal_and_an_unknown_outcome_are_both_not_sent() -> None:
    assert issubclass(RefusedForGood, NotSent)
    assert issubclass(OutcomeUnknown, NotSent)


# --- garbage --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        http(200, b"<html>log in</html>", "text/html"),
        http(200, b"{}", "text/plain"),
        http(200, b"OK"),
        http(200, b"[]"),
        http(200, b'"accepted"'),
        http(200, b"true"),
        http(200, b"{"),
        http(200, b"\xff\xfe"),
        http(200, b"[" * 60_000),
        http(200, b'{"id": "another"}'),
        http(200, b'{"id": null}'),
        http(409, b"<html>conflict</html>", "text/html"),
        http(200, b"\x1f\x8b\x08\x00", "application/json", "Content-Encoding: gzip"),
    ],
    ids=["page", "text", "word", "list", "string", "true", "half", "bytes", "deep", "other", "none", "409", "gzip"],
)
def test_an_acceptance_that_is_not_the_gateways_is_none(answer: bytes) -> None:
    assert outcome_of(says(answer)) == "OutcomeUnknown"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"canary-text\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n{}",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"SSH-2.0-demo\r\n",
        bytes(range(256)) * 8,
        b"\x16\x03\x01\x02\x00" + b"\x00" * 600,
    ],
)
def test_after_what_is_no_http_nobody_knows(answer: bytes) -> None:
    assert outcome_of(says(answer)) == "OutcomeUnknown"


def test_an_answer_cut_anywhere_is_no_acceptance() -> None:
    whole = http(202)
    with serving(lambda connection: connection.sendall(whole[: next(ends)])) as (_, url):
        ends = iter(range(len(whole)))
        outcomes = Counter(outcome(url) for _ in whole)
    told(cut=len(whole), accepted=outcomes["accepted"])
    assert outcomes == {"OutcomeUnknown": len(whole)}


def test_no_random_answer_is_an_error_of_another_kind() -> None:
    draw, tried = random.Random(4), rounds(200)
    pieces = [
        b"HTTP/1.1 ",
        b"200",
        b"409",
        b" OK",
        b"\r\n",
        b"\r\n\r\n",
        b"Content-Length: ",
        b"2",
        b"{}",
        b"\x00",
        b": ",
    ]

    def reply(connection: socket.socket) -> None:
        connection.sendall(b"".join(draw.choices(pieces, k=draw.randrange(12))))

    with serving(reply) as (_, url):
        outcomes = Counter(outcome(url) for _ in range(tried))
    told(random=tried, **outcomes)
    assert set(outcomes) <= {"accepted", "NotSent", "RefusedForGood", "OutcomeUnknown"}


# --- size -----------------------------------------------------------------------------------------


def test_an_answer_of_100_mb_is_not_read() -> None:
    sent = 0

    def reply(connection: socket.socket) -> None:
        nonlocal sent
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n"
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(b" " * 1024 * 1024)
            sent += 1024 * 1024

    assert reason_of(reply) == "AnswerTooLong"
    assert sent < 20 * 1024 * 1024  # what the sockets held when the client hung up


@pytest.mark.parametrize("line", [b"X-Long: " + b"a" * 100_000, b"\r\n".join([b"X-Many: 1"] * 10_000)])
def test_headers_without_end_are_not_read(line: bytes) -> None:
    assert outcome_of(says(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")) == "OutcomeUnknown"


def test_chunks_without_end_are_not_read() -> None:
    def reply(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"1\r\na\r\n" * 1000)

    assert reason_of(reply) == "AnswerTooLong"


def test_interim_answers_without_end_are_not_read() -> None:
    def reply(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)

    assert reason_of(reply) == "AnswerTooLong"


# --- time -----------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_contract() -> None:
    assert (sms_http.CONNECT_SECONDS, sms_http.TOTAL_SECONDS) == (2, 5)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_gateway_that_hangs_is_left(start: bytes) -> None:
    assert outcome_of(waits(start)) == "OutcomeUnknown"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"])
def test_a_gateway_that_drips_is_left_though_no_single_read_is_slow(start: bytes) -> None:
    def reply(connection: socket.socket) -> None:
        connection.sendall(start)
        while not gateway.ended.wait(0.02):
            connection.sendall(b" " if start else b"H")

    with serving(reply) as (gateway, url):
        assert outcome(url) == "OutcomeUnknown"


@pytest.mark.usefixtures("hasty")
def test_a_gateway_that_takes_no_handshake_is_left() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        assert outcome(f"https://127.0.0.1:{listener.getsockname()[1]}/messages") == "NotSent"


def test_a_slow_gateway_within_the_limit_is_accepted() -> None:
    assert outcome_of(waits(b"", 0.2, http(202))) == "accepted"


@contextmanager
def full() -> Iterator[str]:
    """Yield an address whose queue of connections is full: nobody refuses, nobody answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/messages"
    finally:
        for one in (*waiting, listener):
            one.close()


def test_a_connection_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms_http, "CONNECT_SECONDS", 0.3)
    with full() as url:
        assert outcome(url) == "NotSent"


# --- nobody there ---------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_where_nobody_listens_is_not_sent() -> None:
    assert outcome(f"http://127.0.0.1:{free_port()}/messages") == "NotSent"


@pytest.mark.parametrize("host", ["gateway.invalid", "a" * 80 + ".invalid", ".."])
def test_a_host_that_is_none_is_not_sent(host: str) -> None:
    assert outcome(f"http://{host}/messages") == "NotSent"


def test_a_gateway_that_closes_before_it_reads_has_not_accepted() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def close() -> None:
        listener.accept()[0].close()

    thread = threading.Thread(target=close)
    thread.start()
    assert outcome(f"http://127.0.0.1:{listener.getsockname()[1]}/messages") == "OutcomeUnknown"
    thread.join(10)
    listener.close()


# --- TLS ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    file: Path
    context: ssl.SSLContext


def certified(folder: Path, address: str, days: int = 1) -> Certificate:
    """Make a certificate of this machine's own for `address`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo SMS gateway")])
    until = dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - dt.timedelta(days=10))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / f"{address}.{days}.pem", folder / f"{address}.{days}.key"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return Certificate(file, context)


def test_a_gateway_whose_certificate_the_file_trusts_gets_the_message(tmp_path: Path) -> None:
    made = certified(tmp_path, "127.0.0.1")
    with serving(says(http(202)), made.context) as (gateway, url):
        assert outcome(url, ca_file=made.file) == "accepted"
    assert len(gateway.asked) == 1


@pytest.mark.parametrize(
    ("address", "days", "trusted"),
    [("127.0.0.1", 1, False), ("127.0.0.2", 1, True), ("127.0.0.1", -1, True)],
    ids=["unknown", "for another host", "expired"],
)
def test_a_gateway_that_is_not_trusted_gets_nothing(tmp_path: Path, address: str, days: int, trusted: bool) -> None:
    made = certified(tmp_path, address, days)
    with serving(says(http(202)), made.context) as (gateway, url):
        assert outcome(url, ca_file=made.file if trusted else None) == "NotSent"
    assert gateway.asked == []


@pytest.mark.usefixtures("hasty")
def test_a_gateway_without_tls_at_an_https_address_gets_nothing() -> None:
    with serving(says(http(202))) as (gateway, url):
        assert outcome(url.replace("http:", "https:")) == "NotSent"
    assert gateway.asked == []


def test_old_tls_is_not_spoken(tmp_path: Path) -> None:
    made = certified(tmp_path, "127.0.0.1")
    made.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    made.context.maximum_version = ssl.TLSVersion.TLSv1_1
    made.context.set_ciphers("ALL:@SECLEVEL=0")
    with serving(says(http(202)), made.context) as (gateway, url):
        assert outcome(url, ca_file=made.file) == "NotSent"
    assert gateway.asked == []


# --- settings -------------------------------------------------------------------------------------

SMS = {"ANXIN_SMS_URL": "https://sms.example.com/messages", "ANXIN_SMS_KEY": KEY}
MAIL = {"ANXIN_SMTP_HOST": "mail.example.com", "ANXIN_SMTP_SENDER": "demo@example.com"}
PRODUCTION = {"ANXIN_MODE": "production"}


def refusal(**given: str) -> str:
    with pytest.raises(SettingProblem) as refused:
        read_settings({**SMS, **given})
    assert "canary" not in str(refused.value)
    return str(refused.value)


def parts(environment: dict[str, str], tmp_path: Path) -> tuple[str, str]:
    """Return what sends SMS and what sends mail."""
    chosen = _messenger(read_settings({**environment, "ANXIN_VAR": str(tmp_path)}))
    assert isinstance(chosen, ByChannel)
    return type(chosen._messengers["sms"]).__name__, type(chosen._messengers["email"]).__name__


def test_production_starts_with_an_sms_gateway_and_a_mail_server(tmp_path: Path) -> None:
    assert parts({**PRODUCTION, **SMS, **MAIL}, tmp_path) == (SmsGateway.__name__, SmtpMessenger.__name__)


def test_production_refuses_to_start_without_an_sms_gateway(tmp_path: Path) -> None:
    with pytest.raises(SettingProblem, match="ANXIN_SMS_URL"):
        parts({**PRODUCTION, **MAIL}, tmp_path)


def test_production_refuses_to_start_without_a_mail_server(tmp_path: Path) -> None:
    with pytest.raises(SettingProblem, match="ANXIN_SMTP_HOST"):
        parts({**PRODUCTION, **SMS}, tmp_path)


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({}, (EmbeddedOutbox.__name__, EmbeddedOutbox.__name__)),
        (SMS, (SmsGateway.__name__, EmbeddedOutbox.__name__)),
        (MAIL, (EmbeddedOutbox.__name__, SmtpMessenger.__name__)),
    ],
    ids=["nothing", "sms", "mail"],
)
def test_what_has_no_server_goes_to_the_embedded_outbox(
    given: dict[str, str], chosen: tuple[str, str], tmp_path: Path
) -> None:
    assert parts(given, tmp_path) == chosen


@pytest.mark.parametrize("url", ["http://sms.example.com/", "http://localhost.example.com/", "http://10.0.0.1:80/x"])
def test_codes_leave_this_machine_encrypted(url: str) -> None:
    assert (
        refusal(ANXIN_SMS_URL=url) == f"ANXIN_SMS_URL={url}: codes leave this machine encrypted; give an https address."
    )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://localhost/x", "http://[::1]:9/x", "https://a.example:9"]
)
def test_an_address_of_a_gateway_is_taken(url: str) -> None:
    sms = read_settings({**SMS, "ANXIN_SMS_URL": url}).sms
    assert sms is not None
    assert sms.url == url


@pytest.mark.parametrize(
    "url",
    ["sms.example.com", "ftp://a", "https://", "https://a b/", "https://u:canary@a/", "https://a/?key=canary",
     "https://a/#x", "https://a/\r\nX: y", "https://例.example/", "https://a:port/", "https://a:65536/", "https://a:0/"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    assert refusal(ANXIN_SMS_URL=url).startswith("ANXIN_SMS_URL: give an address")


@pytest.mark.parametrize("key", ["", "canary key", "canary\r\nX: y", "canary\n", "canary鍵", "\x00"])
def test_what_is_no_key_is_refused_and_not_told(key: str) -> None:
    assert refusal(ANXIN_SMS_KEY=key) == "ANXIN_SMS_KEY: give the gateway's key, without spaces."


def test_a_file_of_certificates_that_is_missing_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "ca.pem") in refusal(ANXIN_SMS_CA_FILE=str(tmp_path / "ca.pem"))


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingProblem, match="holds no certificates"):
        parts({**SMS, "ANXIN_SMS_CA_FILE": str(tmp_path / "ca.pem")}, tmp_path)


def test_settings_that_are_printed_show_no_key() -> None:
    settings = read_settings(SMS)
    assert "canary" not in f"{settings} {settings.sms}"
