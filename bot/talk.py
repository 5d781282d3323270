"""`anxin talk`: the running assistant in a terminal, through the gateway like any customer."""

from __future__ import annotations

import getpass
import uuid
from typing import Any

import httpx

SECRET_KINDS = ("code", "account", "birth_date", "contact")


def talk(base_url: str, institution: str, language: str) -> int:
    """Chat until an empty line or Ctrl-D. A number presses that button; `!` enters what is asked for unseen."""
    with httpx.Client(base_url=base_url, timeout=10, trust_env=False) as client:
        try:
            opened = client.post("/Webhook/api/conversations", json={"institution": institution, "language": language})
        except httpx.HTTPError:
            print(f"anxin: the gateway at {base_url} does not answer. Start it in another terminal: make run")
            return 1
        if opened.status_code != 201:
            print(f"anxin: {opened.json()['error']['message']}")
            return 1
        buttons, asked = _print(opened.json()["messages"])
        print("(a number presses a button, ! enters a secret unseen, an empty line ends)")
        while True:
            try:
                written = input("> ").strip()
            except EOFError:
                return 0
            if not written:
                return 0
            reply = _send(client, written, buttons, asked)
            if reply.status_code == 200:
                buttons, asked = _print(reply.json()["messages"])
            else:
                print(f"  ! {reply.json()['error']['message']}")


def _send(client: httpx.Client, written: str, buttons: list[str], asked: str | None) -> httpx.Response:
    id_ = str(uuid.uuid4())
    if written == "!" and asked in SECRET_KINDS:
        value = getpass.getpass("  ")
        return client.post("/Webhook/api/secrets", json={"id": id_, "kind": asked, "value": value})
    if written.isascii() and written.isdigit() and 0 < int(written) <= len(buttons):
        return client.post("/Webhook/api/messages", json={"id": id_, "button": buttons[int(written) - 1]})
    return client.post("/Webhook/api/messages", json={"id": id_, "text": written})


def _print(messages: list[dict[str, Any]]) -> tuple[list[str], str | None]:
    buttons: list[str] = []
    asked = None
    for message in messages:
        print("  " + message["text"].replace("\n", "\n  "))
        for button in message["buttons"]:
            buttons.append(button["button"])
            print(f"    [{len(buttons)}] {button['title']}")
        asked = (message.get("ask") or {}).get("kind", asked)
    return buttons, asked
