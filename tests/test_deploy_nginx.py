"""deploy/nginx.conf before two gateways of a kind: a real nginx, real TLS, and what goes on from it is looked at."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.gateway.app import MAX_BODY_BYTES
from bot.gateway.stream import HEARTBEAT_SECONDS
from bot.gateway.turns import ANSWER_SECONDS
from bot.rig.nginx import DEPLOY, NAME, certify, command, configured, program
from bot.rig.postgresql import free_port
from bot.settings import ROOT
from tests.behind_nginx import PATIENCE_SECONDS, Client, Gateway, Proxy


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate that nobody trusts."""
    made = tmp_path_factory.mktemp("nginx")
    certify(made)
    return made


@pytest.fixture
def proxy(folder: Path) -> Iterator[Proxy]:
    """Nginx before one address where nobody listens, and two gateways."""
    gateways = [Gateway(), Gateway()]
    made = Proxy(folder, free_port(), free_port(), gateways)
    servers = [f"127.0.0.1:{free_port()}", *(f"127.0.0.1:{g.server_port}" for g in gateways)]
    conf = configured(folder, servers, made.port, made.plain_port)
    process = subprocess.Popen(command(folder, conf))
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", made.port), 1).close()
            break
        except OSError:
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
    yield made
    for gateway in gateways:
        gateway.go_on.set()
        gateway.shutdown()
        gateway.server_close()
    process.terminate()
    process.wait(PATIENCE_SECONDS)


def test_nginx_takes_the_configuration(folder: Path) -> None:
    conf = configured(folder, ["127.0.0.1:8080", "127.0.0.1:8081"], 8443, 8088)
    done = subprocess.run(
        [program(), "-t", "-p", str(folder), "-c", str(conf)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/", "/Webhook/../metrics", "/internal/events"])
def test_only_the_page_and_its_interface_are_reachable(proxy: Proxy, path: str) -> None:
    assert proxy.ask("GET", path)[0] == 404
    assert proxy.seen == []


def test_another_name_gets_no_handshake(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLError):
        Client(proxy.port, "other.example.com").request("GET", "/Webhook/")


def test_plain_http_is_sent_to_https_with_its_link(proxy: Proxy) -> None:
    client = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=PATIENCE_SECONDS)
    client.request("GET", "/Webhook/?c=demo", headers={"Host": "other.example.com"})
    reply = client.getresponse()
    assert (reply.status, reply.headers["location"]) == (301, f"https://{NAME}/Webhook/?c=demo")


def test_where_a_request_comes_from_is_what_nginx_saw(proxy: Proxy) -> None:
    claimed = dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "Forwarded", "Via"), "203.0.113.9")
    proxy.ask("GET", "/Webhook/", claimed)
    headers = proxy.seen[0].headers
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["host"] == NAME
    assert not {"x-real-ip", "x-forwarded-host", "forwarded", "via"} & set(headers)


def test_a_gateway_that_is_not_there_costs_nobody_an_answer(proxy: Proxy) -> None:
    posts = [proxy.ask("POST", "/Webhook/api/messages", body=b'{"id": "demo"}')[0] for _ in range(12)]
    assert posts == [200] * 12
    assert len(proxy.seen) == 12


def test_a_message_that_was_sent_is_not_sent_again(proxy: Proxy) -> None:
    for gateway in proxy.gateways:
        gateway.drops = True
    status, page = proxy.ask("POST", "/Webhook/api/messages", body=b"{}")
    assert (status, len(proxy.seen)) == (502, 1)
    assert page == (DEPLOY / "unavailable.html").read_bytes()


def test_what_is_only_read_is_read_from_the_next_gateway(proxy: Proxy) -> None:
    proxy.gateways[0].drops = True
    assert [proxy.ask("GET", "/Webhook/api/messages?after=0")[0] for _ in range(4)] == [200] * 4


def test_a_stream_comes_as_it_is_said(proxy: Proxy) -> None:
    client = Client(proxy.port)
    client.request("GET", "/Webhook/api/stream", headers={"Host": NAME, "Last-Event-ID": "7"})
    assert client.getresponse().read(9) == b": hello\n\n"  # and the gateway has not ended it
    assert proxy.seen[0].headers["last-event-id"] == "7"


def test_connections_to_gateways_are_kept(proxy: Proxy) -> None:
    for _ in range(10):
        proxy.ask("GET", "/Webhook/")
    assert all(len({seen.connection for seen in gateway.seen}) <= 1 for gateway in proxy.gateways)


@pytest.mark.parametrize(("size", "status"), [(16 * 1024, 200), (16 * 1024 + 1, 413)])
def test_what_is_far_too_long_ends_at_nginx(proxy: Proxy, size: int, status: int) -> None:
    assert proxy.ask("POST", "/Webhook/api/messages", body=b"x" * size)[0] == status
    assert len(proxy.seen) == (status == 200)


def test_links_and_cookies_are_in_no_log(proxy: Proxy) -> None:
    for gateway in proxy.gateways:
        gateway.drops = True
    proxy.ask("GET", "/Webhook/?c=canary-link", {"Cookie": "anxin=canary-cookie"})
    time.sleep(0.1)
    logs = [log.read_text(encoding="utf-8") for log in proxy.folder.glob("*.log")]
    assert any('"GET /Webhook/" 502' in log for log in logs)
    assert not any("canary" in log for log in logs)


def test_times_and_sizes_fit_the_gateway() -> None:
    conf = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    ordinary, stream = (int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s", conf))
    assert ordinary > ANSWER_SECONDS
    assert stream > 2 * HEARTBEAT_SECONDS
    (kilobytes,) = re.findall(r"client_max_body_size (\d+)k", conf)
    assert int(kilobytes) * 1024 > MAX_BODY_BYTES
    gateway = (ROOT / "bot/gateway/app.py").read_text(encoding="utf-8")
    kept = int(re.findall(r"KEEP_ALIVE_TIMEOUT = (\d+)", gateway)[0])
    assert int(re.findall(r"^ {8}keepalive_timeout (\d+)s", conf, re.MULTILINE)[0]) < kept
