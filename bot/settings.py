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
class Settings:
    production: bool
    var: Path
    key_file: Path
    gateway_host: str
    gateway_port: int
    engine_port: int
    actions_port: int
    conversations_url: str = field(repr=False)  # with a password in it, perhaps
    security_url: str = field(repr=False)
    public_origins: tuple[str, ...]  # besides the gateway's own address
    smtp: Smtp | None
    sms: Sms | None
    log_level: str
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
    var = Path(text("VAR", str(ROOT / "var"))).resolve()
    settings = Settings(
        production=mode == "production",
        var=var,
        key_file=Path(text("KEY_FILE", str(var / "keys" / "master.key"))),
        gateway_host=text("GATEWAY_HOST", "127.0.0.1"),
        gateway_port=port("GATEWAY_PORT", 8080),
        engine_port=port("ENGINE_PORT", 5005),
        actions_port=port("ACTIONS_PORT", 5055),
        conversations_url=text("CONVERSATIONS_URL", f"sqlite:///{var}/conversations.sqlite"),
        security_url=text("SECURITY_URL", f"sqlite:///{var}/security.sqlite"),
        public_origins=tuple(o.strip().rstrip("/") for o in text("PUBLIC_ORIGINS", "").split(",") if o.strip()),
        smtp=_smtp(text, port),
        sms=_sms(text),
        log_level=text("LOG_LEVEL", "INFO").upper(),
        called_from=Path(text("CALLED_FROM", ".")),
    )
    _refuse_unsafe(settings)
    return settings


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


def _sms(text: Callable[[str, str], str]) -> Sms | None:
    url, key, ca_file = text("SMS_URL", ""), text("SMS_KEY", ""), text("SMS_CA_FILE", "")
    if not url:
        return None
    parts = re.fullmatch(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]*)?", url)
    if not parts or int(parts[1] or 443) not in range(1, 65536):
        raise SettingProblem(f"{PREFIX}SMS_URL: give an address such as https://sms.example.com/messages.")
    if url.startswith("http:") and not re.match(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?:[:/]|$)", url):
        raise SettingProblem(f"{PREFIX}SMS_URL={url}: codes leave this machine encrypted; give an https address.")
    if not re.fullmatch(r"[!-~]+", key):
        raise SettingProblem(f"{PREFIX}SMS_KEY: give the gateway's key, without spaces.")
    if ca_file and not Path(ca_file).is_file():
        raise SettingProblem(f"{PREFIX}SMS_CA_FILE={ca_file}: there is no such file of certificates.")
    return Sms(url, key, Path(ca_file) if ca_file else None)


def _refuse_unsafe(settings: Settings) -> None:
    for origin in settings.public_origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]-]+(?::[A-Za-z0-9:\]]+)?", origin):
            raise SettingProblem(
                f"{PREFIX}PUBLIC_ORIGINS={origin}: name each origin, such as https://chat.example.com."
            )
    if settings.log_level not in LEVELS:
        raise SettingProblem(f"{PREFIX}LOG_LEVEL={settings.log_level}: give one of {', '.join(LEVELS)}.")
    if settings.production and settings.smtp is None:
        raise SettingProblem(
            f"{PREFIX}MODE=production needs {PREFIX}SMTP_HOST: the embedded outbox holds codes in clear."
        )
