"""Parts of the server are imported at their first request, and a request fails if the import fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from structlog.testing import capture_logs

from studio.events import PageEvents
from studio.lazy_application import LazyApplication, Loaded
from studio.tools import Tools


def test_the_server_imports_neither_tools_nor_pages() -> None:
    code = "import sys, studio.serving; sys.exit(bool({'mcp', 'reflex.app'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


async def test_a_call_fails_without_delay_if_the_tools_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("half an installation")

    monkeypatch.setattr("puras_mcp.hosted.Hosted", broken)
    tools = Tools(_unused, public_url="http://127.0.0.1")
    async with tools.running():
        for _ in range(2):
            with pytest.raises(RuntimeError, match="half an installation"):
                await tools({"type": "http"}, _unused, _unused)


async def test_the_pages_fail_and_the_error_is_logged_if_they_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ImportError("half an installation")

    monkeypatch.setattr("studio.events.load", broken)
    events = PageEvents()
    with capture_logs() as entries:
        async with events.running():
            events.load_soon()
            with pytest.raises(ImportError, match="half an installation"):
                await events({"type": "websocket"}, _unused, _unused)
    (entry,) = entries
    assert (entry["log_level"], entry["part"]) == ("error", "events of pages")
    assert str(entry["exc_info"]) == "half an installation"


async def test_the_application_runs_in_the_context_in_which_it_was_loaded() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    steps: list[str] = []

    class Part(LazyApplication):
        def load(self) -> Loaded:
            variable.set("set while loading")
            return Loaded(served, lifespan)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        steps.append(f"opened with {variable.get()}")
        try:
            yield
        finally:
            steps.append("closed")

    async def served(*_: Any) -> None:
        steps.append("served")

    part = Part("part")
    async with part.running():
        assert steps == []
        await part({"type": "http"}, _unused, _unused)
    assert steps == ["opened with set while loading", "served", "closed"]


async def test_requests_fail_if_the_application_cannot_be_opened() -> None:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        raise RuntimeError("no room")
        yield

    class Part(LazyApplication):
        def load(self) -> Loaded:
            return Loaded(_unused, lifespan)

    part = Part("part")
    async with part.running():
        for _ in range(2):
            with pytest.raises(RuntimeError, match="no room"):
                await part({"type": "http"}, _unused, _unused)


async def _unused(*_: Any) -> Any:
    raise AssertionError("must not be called")
