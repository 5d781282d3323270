"""`anxin event`: tell the running assistant that something happened to an account, as the firm's systems do."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime

import httpx

from bot.contracts.keys import derive, load_or_create_master_key
from bot.contracts.signing import sign
from bot.contracts.turn import SIGN_EVENTS
from bot.settings import Settings

PATH = "/internal/events"

# What `deploy/events.md` promises, as sentences.
_SAYS = {
    400: "The event is not usable; deploy/events.md lists what each kind needs.",
    401: "The actions process does not accept the signature: is it the one of this folder, with this clock?",
    404: "There is no such account at that institution; anxin demo lists the demo customers.",
    409: "An event of that id came in before with other content.",
    503: "The core system does not answer; the same event can be told again.",
}


def tell(settings: Settings, kind: str, institution: str, account: str, platform: str, locked: bool) -> int:
    """Post one event, say what came of it, and return the exit code."""
    body = {"id": f"cli-{secrets.token_hex(8)}", "kind": kind, "institution": institution, "account": account}
    body |= {"at": datetime.now(UTC).isoformat(timespec="seconds"), "platform": platform}
    if kind == "password_reissued":
        body |= {"branch": "測試分公司", "branch_number": "T001", "agent": "測試營業員"}
    content = json.dumps({**body, **({"locked": True} if locked else {})}, ensure_ascii=False).encode()
    key = settings.events_key or derive(load_or_create_master_key(settings.key_file), SIGN_EVENTS)
    headers = {"content-type": "application/json", **sign(key, "POST", PATH, content, time.time())}
    try:
        reply = httpx.post(f"{settings.actions_url}{PATH}", content=content, headers=headers, trust_env=False)
    except httpx.TransportError:
        print(f"anxin: nothing answers at {settings.actions_url}; start it with: make run")
        return 1
    if reply.status_code != 202:
        print(f"anxin: {_SAYS.get(reply.status_code, f'the actions process answered {reply.status_code}.')}")
        return 1
    references = reply.json()["notices"]
    if references:
        print(f"Told. Notices: {', '.join(references)}. Read them with: anxin outbox")
    else:
        print("Told. No notice goes out for it.")
    return 0
