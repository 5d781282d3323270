"""Benchmarks. Speed is measured here, never in a test."""

from __future__ import annotations

import statistics
import time
import uuid

import httpx

QUESTIONS = (
    "通知信可以關掉嗎",
    "which mailbox do these go to",
    "期货登录也会发邮件吗",
    "手機掉了怎麼辦",
    "客服電話幾號",
)


def question_turns(base_url: str, turns: int) -> int:
    """Ask questions one after the other through the gateway; print median, p95 and the slowest."""
    with httpx.Client(base_url=base_url, timeout=10, trust_env=False) as client:
        try:
            client.post("/Webhook/api/conversations", json={}).raise_for_status()
        except httpx.HTTPError as problem:
            print(f"anxin: the gateway at {base_url} does not answer ({type(problem).__name__}). Start it: make run")
            return 1
        seconds = []
        for number in range(turns):
            body = {"id": str(uuid.uuid4()), "text": QUESTIONS[number % len(QUESTIONS)]}
            started = time.perf_counter()
            client.post("/Webhook/api/messages", json=body).raise_for_status()
            seconds.append(time.perf_counter() - started)
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(
        f"{turns} question turns, one customer: p50 {1000 * statistics.median(ordered):.1f} ms, "
        f"p95 {1000 * p95:.1f} ms, slowest {1000 * ordered[-1]:.1f} ms"
    )
    return 0
