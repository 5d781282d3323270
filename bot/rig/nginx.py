"""deploy/nginx.conf on this machine: the file itself, with other paths, ports and gateways, and nothing else changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from bot.settings import ROOT

DEPLOY, NAME = ROOT / "deploy", "chat.example.com"
_CERTIFICATE = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={NAME}"


def program() -> str:
    found = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(found).exists():
        raise FileNotFoundError("this needs nginx: apt-get install nginx")
    return found


def command(folder: Path, configuration: Path) -> list[str]:
    """Return how it is started in the foreground."""
    return [program(), "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"]


def certify(folder: Path) -> None:
    """Put a certificate for `NAME` into `folder` that nobody trusts."""
    line = ["openssl", *_CERTIFICATE.split(), "-keyout", f"{NAME}.key", "-out", f"{NAME}.crt"]
    subprocess.run(line, cwd=folder, check=True, capture_output=True)


def configured(folder: Path, servers: list[str], port: int, plain_port: int) -> Path:
    """Return the configuration, written to `folder`: TLS at `port`, before `servers` (HOST:PORT)."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    temporary = "".join(
        f"{kind}_temp_path {folder}/temp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for before, after in (
        ("user www-data;", "user root;" if os.geteuid() == 0 else ""),
        ("worker_processes auto;", "worker_processes 1;"),
        ("pid /run/nginx.pid;", f"pid {folder}/pid;"),
        ("/var/log/nginx/", f"{folder}/"),
        ("/etc/nginx/tls/", f"{folder}/"),
        ("/etc/nginx/anxin-gateways.conf", f"{folder}/gateways.conf"),
        ("/opt/anxin/deploy", str(DEPLOY)),
        ("http {\n", f"http {{\n{temporary}\n"),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80 ", f"listen 127.0.0.1:{plain_port} "),
    ):
        if before not in text:
            raise ValueError(f"deploy/nginx.conf has no {before!r} any more")
        text = text.replace(before, after)
    (folder / "nginx.conf").write_text(re.sub(r"\n *listen \[::\].*", "", text), encoding="utf-8")
    (folder / "gateways.conf").write_text(
        "".join(f"server {server} {_how()}\n" for server in servers), encoding="utf-8"
    )
    return folder / "nginx.conf"


def _how() -> str:
    """Return what deploy/gateways.conf says of each gateway."""
    text = (DEPLOY / "gateways.conf").read_text(encoding="utf-8")
    found = re.search(r"^server 127\.0\.0\.1:8080 (.*;)$", text, re.MULTILINE)
    if not found:
        raise ValueError("deploy/gateways.conf names no 127.0.0.1:8080 any more")
    return found[1]
