"""The one reader of the environment. Every setting is here, with its default.

`embedded` (the default) keeps everything in SQLite files below `var/` and sends messages to an outbox
that can be read; `production` refuses whatever is only good for trying out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "ANXIN_"
_SIDES = {"SMS": "gateway", "CORE": "core system"}
_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?:[:/]|$)")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class SettingProblem(Exception):
    """A setting cannot be used; the text names it and the fix."""


@dataclass(frozen=True)
class Smtp:
    """Where e-mail goes; without a host it goes to the embedded outbox."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: str  # starttls | implicit | none (loopback only)
    sender: str


@dataclass(frozen=True)
class Sms:
    """The SMS gateway (deploy/sms-gateway.md); without an address codes go to the embedded outbox."""

    url: str
    key: str = field(repr=False)
    ca_file: Path | None  # trusted instead of this machine's certificates


@dataclass(frozen=True)
class Core:
    """The firm's core system (deploy/core-system.md); without an address our own tables are it."""

    url: str
    key: str = field(repr=False)
    ca_file: Path | None  # trusted instead of this machine's certificates


@dataclass(frozen=True)
class Settings:
    production: bool
    var: Path
    key_file: Path
    gateway_host: str
    gateway_port: int
    engine_port: int
    actions_port: int
    inner_host: str  # where engine and actions listen
    engine_urls: tuple[str, ...]  # the engines that the gateway may ask
    actions_urls: tuple[str, ...]  # the actions processes that gateway and engine may ask
    proxies: tuple[str, ...]  # the addresses whose X-Forwarded-For is believed
    redis_url: str = field(repr=False)  # what several engines take turns by; "": there is one engine
    trackers_url: str = field(repr=False)
    conversations_url: str = field(repr=False)  # with a password in it, perhaps
    security_url: str = field(repr=False)
    public_origins: tuple[str, ...]  # besides the gateway's own address
    smtp: Smtp | None
    sms: Sms | None
    core: Core | None
    chat_page: str  # the address in notices' links; "": the institution's own
    staff_mailbox: str  # told of protected accounts; "": nobody
    events_key: bytes = field(repr=False)  # of whoever posts events; empty: derived from the master key
    log_level: str
    traces_url: str  # an OpenTelemetry collector (OTLP over HTTP); "": no traces
    called_from: Path  # where the command was typed; file names are relative to it

    @property
    def outbox_file(self) -> Path:
        return self.var / "outbox.jsonl"

    @property
    def engine_url(self) -> str:
        return f"http://127.0.0.1:{self.engine_port}"

    @property
    def actions_url(self) -> str:
        return f"http://127.0.0.1:{self.actions_port}"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings; raise `SettingProblem` where one cannot be used."""
    given = os.environ if environment is None else environment

    def text(name: str, default: str) -> str:
        return given.get(PREFIX + name, default)

    def port(name: str, default: int) -> int:
        value = text(name, str(default))
        if not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
            raise SettingProblem(f"{PREFIX}{name}={value}: give a port number, 1 to 65535.")
        return int(value)

    mode = text("MODE", "embedded")
    if mode not in ("embedded", "production"):
        raise SettingProblem(f"{PREFIX}MODE={mode}: give embedded or production.")
    production = mode == "production"
    var = Path(text("VAR", str(ROOT / "var"))).resolve()
    gateway_port = port("GATEWAY_PORT", 8080)
    sms = _server(text, "SMS", "https://sms.example.com/messages", "codes")
    core = _server(text, "CORE", "https://core.example.com/anxin", "customers' data")
    settings = Settings(
        production=production,
        var=var,
        key_file=Path(text("KEY_FILE", str(var / "keys" / "master.key"))),
        gateway_host=text("GATEWAY_HOST", "127.0.0.1"),
        gateway_port=gateway_port,
        engine_port=port("ENGINE_PORT", 5005),
        actions_port=port("ACTIONS_PORT", 5055),
        inner_host=text("INNER_HOST", "127.0.0.1"),
        engine_urls=_inner(text, "ENGINES", port("ENGINE_PORT", 5005)),
        actions_urls=_inner(text, "ACTIONS", port("ACTIONS_PORT", 5055)),
        proxies=tuple(_listed(text("PROXIES", ""))),
        redis_url=text("REDIS_URL", ""),
        trackers_url=text("TRACKERS_URL", f"sqlite:///{var}/trackers.sqlite"),
        conversations_url=text("CONVERSATIONS_URL", f"sqlite:///{var}/conversations.sqlite"),
        security_url=text("SECURITY_URL", f"sqlite:///{var}/security.sqlite"),
        public_origins=tuple(o.rstrip("/") for o in _listed(text("PUBLIC_ORIGINS", ""))),
        smtp=_smtp(text, port),
        sms=Sms(*sms) if sms else None,
        core=Core(*core) if core else None,
        chat_page=text("CHAT_PAGE", "" if production else f"http://127.0.0.1:{gateway_port}/Webhook/"),
        staff_mailbox=text("STAFF_MAILBOX", "" if production else "hotline@example.com"),
        events_key=text("EVENTS_KEY", "").encode(),
        log_level=text("LOG_LEVEL", "INFO").upper(),
        traces_url=text("TRACES_URL", ""),
        called_from=Path(text("CALLED_FROM", ".")),
    )
    _refuse_unsafe(settings)
    return settings


def _listed(given: str) -> list[str]:
    return [one.strip() for one in given.split(",") if one.strip()]


def _inner(text: Callable[[str, str], str], name: str, port: int) -> tuple[str, ...]:
    """Return the addresses of inner processes; plain http only on this machine, or in a network that is said to be closed."""
    urls = tuple(url.rstrip("/") for url in _listed(text(name, f"http://127.0.0.1:{port}")))
    closed = text("CLOSED_NETWORK", "no") == "yes"
    for url in urls:
        if not re.fullmatch(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?", url):
            raise SettingProblem(f"{PREFIX}{name}={url}: name each address, such as https://engine-1.example.com:5005.")
        if url.startswith("http:") and not closed and not _LOOPBACK.match(url):
            raise SettingProblem(
                f"{PREFIX}{name}={url}: secrets go there in clear; give an https address, or say "
                f"{PREFIX}CLOSED_NETWORK=yes where nobody else reaches that network."
            )
    if not urls:
        raise SettingProblem(f"{PREFIX}{name}: name at least one address.")
    return urls


def _smtp(text, port) -> Smtp | None:  # type: ignore[no-untyped-def]  # two closures of read_settings
    host = text("SMTP_HOST", "")
    if not host:
        return None
    smtp = Smtp(
        host=host,
        port=port("SMTP_PORT", 587),
        user=text("SMTP_USER", ""),
        password=text("SMTP_PASSWORD", ""),
        tls=text("SMTP_TLS", "starttls"),
        sender=text("SMTP_SENDER", ""),
    )
    if smtp.tls not in ("starttls", "implicit", "none"):
        raise SettingProblem(f"{PREFIX}SMTP_TLS={smtp.tls}: give starttls, implicit or none.")
    if smtp.tls == "none" and host not in ("127.0.0.1", "localhost", "::1"):
        raise SettingProblem(f"{PREFIX}SMTP_TLS=none is for a server on this machine; {host} is not one.")
    return smtp


def _server(text: Callable[[str, str], str], name: str, example: str, what: str) -> tuple[str, str, Path | None] | None:
    """Return address, key and certificates of a server that `what` goes to; None where none is named."""
    url, key, ca_file = text(f"{name}_URL", ""), text(f"{name}_KEY", ""), text(f"{name}_CA_FILE", "")
    if not url:
        return None
    parts = re.fullmatch(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]*)?", url)
    if not parts or int(parts[1] or 443) not in range(1, 65536):
        raise SettingProblem(f"{PREFIX}{name}_URL: give an address such as {example}.")
    if url.startswith("http:") and not _LOOPBACK.match(url):
        raise SettingProblem(f"{PREFIX}{name}_URL={url}: {what} leave this machine encrypted; give an https address.")
    if not re.fullmatch(r"[!-~]+", key):
        raise SettingProblem(f"{PREFIX}{name}_KEY: give the {_SIDES[name]}'s key, without spaces.")
    if ca_file and not Path(ca_file).is_file():
        raise SettingProblem(f"{PREFIX}{name}_CA_FILE={ca_file}: there is no such file of certificates.")
    return url, key, Path(ca_file) if ca_file else None


def _refuse_unsafe(settings: Settings) -> None:
    for origin in settings.public_origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]-]+(?::[A-Za-z0-9:\]]+)?", origin):
            raise SettingProblem(
                f"{PREFIX}PUBLIC_ORIGINS={origin}: name each origin, such as https://chat.example.com."
            )
    if settings.chat_page and not re.fullmatch(
        r"https?://[A-Za-z0-9.\[\]-]+(?::[0-9]+)?/[A-Za-z0-9._~/-]*", settings.chat_page
    ):
        raise SettingProblem(f"{PREFIX}CHAT_PAGE={settings.chat_page}: give the customers' page, without a query.")
    if settings.staff_mailbox and not re.fullmatch(r"[^@\s,]+@[^@\s,]+", settings.staff_mailbox):
        raise SettingProblem(f"{PREFIX}STAFF_MAILBOX={settings.staff_mailbox}: give one mailbox.")
    if settings.events_key and len(settings.events_key) < 32:
        raise SettingProblem(f"{PREFIX}EVENTS_KEY: give at least 32 characters; make one with: openssl rand -hex 32")
    if settings.redis_url and not re.match(r"(?:rediss?|unix)://", settings.redis_url):
        raise SettingProblem(f"{PREFIX}REDIS_URL: give an address such as redis://127.0.0.1:6379/0.")
    if not settings.trackers_url.startswith(("sqlite:///", "postgresql://")):
        raise SettingProblem(f"{PREFIX}TRACKERS_URL: give sqlite:///FILE or postgresql://USER@HOST/NAME.")
    if settings.log_level not in LEVELS:
        raise SettingProblem(f"{PREFIX}LOG_LEVEL={settings.log_level}: give one of {', '.join(LEVELS)}.")
    if settings.production and settings.smtp is None:
        raise SettingProblem(
            f"{PREFIX}MODE=production needs {PREFIX}SMTP_HOST: the embedded outbox holds codes in clear."
        )
    if settings.production and settings.core and settings.security_url.startswith("sqlite"):
        raise SettingProblem(
            f"{PREFIX}CORE_URL needs PostgreSQL in {PREFIX}SECURITY_URL: SQLite lets one act at a time, and each may "
            "wait four seconds for the core system."
        )
