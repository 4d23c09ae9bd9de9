"""Clients that still wait when their server stops are asked to retry."""

from __future__ import annotations

import asyncio
import socket

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

from backend.core.http.middleware import Boundary


async def test_client_of_a_stopped_server_is_asked_to_retry() -> None:
    has_arrived = asyncio.Event()

    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        has_arrived.set()
        await asyncio.sleep(60)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(
            Boundary(waits, is_https=False), lifespan="off", timeout_graceful_shutdown=1, log_config=None
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        async with httpx.AsyncClient(timeout=20) as client:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/jobs"
            waiting = asyncio.create_task(client.post(url, json={}))
            async with asyncio.timeout(20):
                await has_arrived.wait()
                server.should_exit = True
                response = await waiting
        await serving
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert response.headers["x-request-id"]
    assert response.json()["code"] == "unavailable"
