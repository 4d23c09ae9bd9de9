"""Pages of the studio without a browser: the recorded messages of one page are sent by many."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

import websockets
from playwright.sync_api import WebSocket
from websockets.typing import Origin

from benchmarks.browsing import UserSession, chromium

_CONNECT, _EVENT = "40/_event,", "42/_event,"
_RESPONSE = '"rows_rx_state_"'
"""The part of the state of the page that the click requests from the database."""


@dataclass(frozen=True, slots=True)
class RecordedMessages:
    """The messages of the usage page to connect, and to request another breakdown."""

    hello: str
    click: str


def record_messages(session: UserSession) -> RecordedMessages:
    """Open the usage page, select another breakdown, and return the messages.

    A selection first changes the URL of the page, which needs no database; the next message is the click.
    """
    sent: list[str] = []
    with chromium() as browser:
        page = session.context(browser).new_page()

        def record(socket: WebSocket) -> None:
            socket.on("framesent", lambda frame: sent.append(str(frame)))

        page.on("websocket", record)
        page.goto(f"{session.project_url}/usage")
        group = page.get_by_role("group", name="Group by")
        group.get_by_role("button").nth(1).wait_for()
        page.wait_for_timeout(1_000)
        hello = next(frame for frame in sent if frame.startswith(_CONNECT))
        sent.clear()
        group.get_by_role("button").nth(1).click()
        page.wait_for_timeout(1_000)
    return RecordedMessages(hello, [frame for frame in sent if frame.startswith(_EVENT)][-1])


def new_token() -> str:
    """Return a random client token, which identifies a page; the studio keeps the state of a page for an hour."""
    return "".join(random.choices("0123456789abcdef", k=32))


async def page(
    session: UserSession,
    messages: RecordedMessages,
    took_s: list[float],
    *,
    token: str,
    start: asyncio.Event,
    seconds: float,
    every_s: float,
) -> None:
    """Connect, click for some seconds after the start event, and record the response time of each click."""
    cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    url = f"{session.url.replace('http', 'ws')}/_event/?token={token}&EIO=4&transport=websocket"
    async with websockets.connect(
        url, additional_headers={"Cookie": cookie}, origin=Origin(session.url), max_size=None
    ) as socket:
        await socket.recv()
        await socket.send(messages.hello)
        responses: asyncio.Queue[float] = asyncio.Queue()
        receiving = asyncio.create_task(_receive(socket, responses))
        await start.wait()
        await asyncio.sleep(random.random() * every_s)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            while not responses.empty():
                responses.get_nowait()
            at = time.monotonic()
            await socket.send(messages.click)
            async with asyncio.timeout(30):
                took_s.append(await responses.get() - at)
            await asyncio.sleep(max(0.0, every_s - (time.monotonic() - at)))
        receiving.cancel()


async def _receive(socket: websockets.ClientConnection, responses: asyncio.Queue[float]) -> None:
    async for frame in socket:
        text = frame if isinstance(frame, str) else frame.decode()
        if text == "2":
            await socket.send("3")
        elif text.startswith(_EVENT) and _RESPONSE in text:
            responses.put_nowait(time.monotonic())
