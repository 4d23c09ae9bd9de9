"""Pages of the studio without their browser: what one said to the instance once is said again by many."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

import websockets
from playwright.sync_api import WebSocket

from benchmarks.browsing import Seat, chromium

_CONNECT, _EVENT = "40/_event,", "42/_event,"
_ANSWER = '"rows_rx_state_"'
"""The part of the page's state that the click asks the database for."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the usage page says to connect, and to fetch another breakdown when one is picked."""

    hello: str
    click: str


def said_by_a_browser(someone: Seat) -> Said:
    """Open the usage page and pick another breakdown.

    A pick first changes the page's address, which is answered without the database; what it says next is the click.
    """
    said: list[str] = []
    with chromium() as browser:
        page = someone.context(browser).new_page()

        def listen(socket: WebSocket) -> None:
            socket.on("framesent", lambda frame: said.append(str(frame)))

        page.on("websocket", listen)
        page.goto(f"{someone.project_url}/usage")
        group = page.get_by_role("group", name="Group by")
        group.get_by_role("button").nth(1).wait_for()
        page.wait_for_timeout(1_000)
        hello = next(frame for frame in said if frame.startswith(_CONNECT))
        said.clear()
        group.get_by_role("button").nth(1).click()
        page.wait_for_timeout(1_000)
    return Said(hello, [frame for frame in said if frame.startswith(_EVENT)][-1])


def new_token() -> str:
    """What a page calls itself, whenever it connects; the studio keeps what it knows of it for an hour."""
    return "".join(random.choices("0123456789abcdef", k=32))


async def page(
    someone: Seat,
    said: Said,
    took_s: list[float],
    *,
    token: str,
    began: asyncio.Event,
    seconds: float,
    every_s: float,
) -> None:
    """Connect, and from the beginning on click for so long; notes the seconds until each click was answered."""
    cookie = "; ".join(f"{name}={value}" for name, value in someone.cookies.items())
    address = f"{someone.url.replace('http', 'ws')}/_event/?token={token}&EIO=4&transport=websocket"
    async with websockets.connect(
        address, additional_headers={"Cookie": cookie}, origin=someone.url, max_size=None
    ) as line:
        await line.recv()
        await line.send(said.hello)
        news: asyncio.Queue[float] = asyncio.Queue()
        hearing = asyncio.create_task(_hear(line, news))
        await began.wait()
        await asyncio.sleep(random.random() * every_s)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while not news.empty():
                news.get_nowait()
            at = time.monotonic()
            await line.send(said.click)
            async with asyncio.timeout(30):
                took_s.append(await news.get() - at)
            await asyncio.sleep(max(0.0, every_s - (time.monotonic() - at)))
        hearing.cancel()


async def _hear(line: websockets.ClientConnection, news: asyncio.Queue[float]) -> None:
    async for frame in line:
        text = frame if isinstance(frame, str) else frame.decode()
        if text == "2":
            await line.send("3")
        elif text.startswith(_EVENT) and _ANSWER in text:
            news.put_nowait(time.monotonic())
