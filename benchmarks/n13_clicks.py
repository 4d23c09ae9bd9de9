"""N13: how long a click takes while fifty people have a page open on one API process, and click, too."""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks.browsing import Seat, seat
from benchmarks.instance import NOOP_SKILL, instance
from benchmarks.numbers import Measurement, percentile
from benchmarks.pages import Said, new_token, page, said_by_a_browser

PEOPLE: Final = 50
EACH_CLICKS_EVERY_S: Final = 2.0
SECONDS: Final = 20
LIMITED_BY: Final = "one process answers all of them: Reflex compares and sends the state of each page"


def measure() -> Measurement:
    """Take down what a browser says at a click, then say it as fifty pages, each at times of its own."""
    with instance() as running:
        someone = seat(running)
        with running.client(someone.api_key) as client:
            client.push(NOOP_SKILL)
            for n in range(20):
                client.run("noop", {"n": n})
        said = said_by_a_browser(someone)
        alone_s = asyncio.run(_clicks(someone, said, people=1))
        late_s = asyncio.run(_clicks(someone, said, people=PEOPLE))
    p95_ms = percentile(late_s, 0.95) * 1000
    return Measurement(
        "N13",
        f"a click that asks the database, {PEOPLE} pages on one API process, "
        f"{PEOPLE / EACH_CLICKS_EVERY_S:.0f} clicks/s in all",
        "p95 ≤ 200 ms",
        f"p50 {percentile(late_s, 0.5) * 1000:.0f} ms, p95 {p95_ms:.0f} ms "
        f"(one page alone: p50 {percentile(alone_s, 0.5) * 1000:.0f} ms)",
        p95_ms <= 200,
        LIMITED_BY,
    )


async def _clicks(someone: Seat, said: Said, *, people: int) -> list[float]:
    """Seconds of every click, until the page has what the database says."""
    took_s: list[float] = []
    began = asyncio.Event()
    pages = [
        asyncio.create_task(
            page(
                someone,
                said,
                took_s,
                token=new_token(),
                began=began,
                seconds=SECONDS,
                every_s=EACH_CLICKS_EVERY_S,
            )
        )
        for _ in range(people)
    ]
    await asyncio.sleep(5)  # all of them are there, and their pages stand
    began.set()
    await asyncio.gather(*pages)
    return took_s
