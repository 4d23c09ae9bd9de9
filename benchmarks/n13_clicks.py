"""N13: how long a click takes while fifty people have a page open on one API process, and click, too."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

import websockets
from playwright.sync_api import WebSocket

from benchmarks.browsing import Seat, chromium, seat
from benchmarks.instance import NOOP_SKILL, instance
from benchmarks.numbers import Measurement, percentile

PEOPLE: Final = 50
EACH_CLICKS_EVERY_S: Final = 2.0
SECONDS: Final = 20
LIMITED_BY: Final = "one process answers all of them: Reflex compares and sends the state of each page"
_CONNECT, _EVENT = "40/_event,", "42/_event,"
_ANSWER: Final = '"rows_rx_state_"'
"""The part of the page's state that the click asks the database for."""


def measure() -> Measurement:
    """Take down what a browser says at a click, then say it as fifty pages, each at times of its own."""
    with instance() as running:
        someone = seat(running)
        with running.client(someone.api_key) as client:
            client.push(NOOP_SKILL)
            for n in range(20):
                client.run("noop", {"n": n})
        hello, click = _said_by_a_browser(someone)
        alone_s = asyncio.run(_clicks(someone, hello, click, people=1))
        late_s = asyncio.run(_clicks(someone, hello, click, people=PEOPLE))
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


def _said_by_a_browser(someone: Seat) -> tuple[str, str]:
    """What the usage page says to connect, and to fetch another breakdown when one is picked.

    A pick first changes the page's address, which is answered without the database; what it says next is the click.
    """
    said: list[str] = []
    with chromium() as browser:
        page = someone.context(browser).new_page()

        def listen(socket: WebSocket) -> None:
            socket.on("framesent", lambda frame: said.append(str(frame)))

        page.on("websocket", listen)
        page.goto(f"{someone.project_url}/usage")
        group = page.get_by_role("group", name="By what")
        group.get_by_role("button").nth(1).wait_for()
        page.wait_for_timeout(1_000)
        hello = next(frame for frame in said if frame.startswith(_CONNECT))
        said.clear()
        group.get_by_role("button").nth(1).click()
        page.wait_for_timeout(1_000)
    return hello, [frame for frame in said if frame.startswith(_EVENT)][-1]


async def _clicks(someone: Seat, hello: str, click: str, *, people: int) -> list[float]:
    """Seconds of every click, until the page has what the database says."""
    took_s: list[float] = []
    began = asyncio.Event()
    pages = [asyncio.create_task(_page(someone, hello, click, began, took_s)) for _ in range(people)]
    await asyncio.sleep(5)  # all of them are there, and their pages stand
    began.set()
    await asyncio.gather(*pages)
    return took_s


async def _page(someone: Seat, hello: str, click: str, began: asyncio.Event, took_s: list[float]) -> None:
    token = "".join(random.choices("0123456789abcdef", k=32))
    cookie = "; ".join(f"{name}={value}" for name, value in someone.cookies.items())
    address = f"{someone.url.replace('http', 'ws')}/_event/?token={token}&EIO=4&transport=websocket"
    async with websockets.connect(
        address, additional_headers={"Cookie": cookie}, origin=someone.url, max_size=None
    ) as line:
        await line.recv()
        await line.send(hello)
        news: asyncio.Queue[float] = asyncio.Queue()
        hearing = asyncio.create_task(_hear(line, news))
        await began.wait()
        await asyncio.sleep(random.random() * EACH_CLICKS_EVERY_S)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            while not news.empty():
                news.get_nowait()
            at = time.monotonic()
            await line.send(click)
            async with asyncio.timeout(30):
                took_s.append(await news.get() - at)
            await asyncio.sleep(max(0.0, EACH_CLICKS_EVERY_S - (time.monotonic() - at)))
        hearing.cancel()


async def _hear(line: websockets.ClientConnection, news: asyncio.Queue[float]) -> None:
    async for frame in line:
        text = frame if isinstance(frame, str) else frame.decode()
        if text == "2":
            await line.send("3")
        elif text.startswith(_EVENT) and _ANSWER in text:
            news.put_nowait(time.monotonic())
