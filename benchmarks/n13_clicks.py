"""N13: the response time of a click while fifty users have pages open on one API process, and click as well."""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks.browsing import UserSession, sign_in
from benchmarks.instance import NOOP_SKILL, instance
from benchmarks.measurement import Measurement, Row
from benchmarks.numbers import percentile
from benchmarks.pages import RecordedMessages, new_token, page, record_messages

USERS: Final = 50
CLICK_EVERY_S: Final = 2.0
SECONDS: Final = 20


def measure(_rounds: int) -> Measurement:
    """Record the messages of a browser at a click, then send them from fifty pages at random times."""
    with instance() as running:
        session = sign_in(running)
        with running.client(session.api_key) as client:
            client.push(NOOP_SKILL)
            for n in range(20):
                client.run("noop", {"n": n})
        messages = record_messages(session)
        alone_s = asyncio.run(_clicks(session, messages, users=1))
        late_s = asyncio.run(_clicks(session, messages, users=USERS))
    p95_ms = percentile(late_s, 0.95) * 1000
    return Measurement(
        "N13",
        (
            Row(
                "all",
                f"a click that queries the database, {USERS} pages on one API process, "
                f"{USERS / CLICK_EVERY_S:.0f} clicks/s in total",
                "p95 ≤ 200 ms",
                f"p50 {percentile(late_s, 0.5) * 1000:.0f} ms, p95 {p95_ms:.0f} ms "
                f"(one page alone: p50 {percentile(alone_s, 0.5) * 1000:.0f} ms)",
                p95_ms <= 200,
            ),
        ),
        {"p50_ms": percentile(late_s, 0.5) * 1000, "p95_ms": p95_ms, "alone_s": alone_s},
    )


async def _clicks(session: UserSession, messages: RecordedMessages, *, users: int) -> list[float]:
    """Return the seconds of every click until the page has received the rows of the database."""
    took_s: list[float] = []
    start = asyncio.Event()
    pages = [
        asyncio.create_task(
            page(
                session,
                messages,
                took_s,
                token=new_token(),
                start=start,
                seconds=SECONDS,
                every_s=CLICK_EVERY_S,
            )
        )
        for _ in range(users)
    ]
    await asyncio.sleep(5)  # all pages are connected and complete
    start.set()
    await asyncio.gather(*pages)
    return took_s
