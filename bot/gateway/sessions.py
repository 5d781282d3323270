"""Whose conversation a request belongs to, and whether it may come from where it comes."""

from __future__ import annotations

from urllib.parse import urlsplit

from sanic import HTTPResponse, Request

from bot.gateway.problems import Problem

COOKIE = "anxin"
PATH = "/Webhook/"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
KEPT_SECONDS = 24 * 60 * 60


def token_of(request: Request) -> str | None:
    """Return the conversation token the browser holds."""
    token = request.cookies.get(COOKIE)
    return token if token and len(token) <= 64 else None


def set_token(response: HTTPResponse, request: Request, token: str) -> None:
    """Give the browser its token; Secure, unless the page is on this machine."""
    response.add_cookie(
        COOKIE,
        token,
        path=PATH,
        httponly=True,
        samesite="Lax",
        secure=_host(request) not in _LOOPBACK,
        max_age=KEPT_SECONDS,
    )


def check_origin(request: Request, allowed: tuple[str, ...]) -> None:
    """Raise unless a browser's request comes from our own page (G35). Programs send no Origin."""
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Problem("wrong_origin")
    if origin is None:
        return
    host = request.headers.get("host", "")
    if origin not in allowed and not (host and origin in (f"http://{host}", f"https://{host}")):
        raise Problem("wrong_origin")


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""
