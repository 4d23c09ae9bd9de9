"""The tools at `/mcp` are imported at the first call, and a call fails if the import fails."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from studio.tools import Tools


def test_the_server_does_not_import_the_tools() -> None:
    code = "import sys, studio.serving; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


async def test_a_call_fails_without_delay_if_the_tools_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("half an installation")

    async def nothing(*_: Any) -> Any:
        raise AssertionError("the application must not be called")

    monkeypatch.setattr("puras_mcp.hosted.Hosted", broken)
    tools = Tools(nothing, public_url="http://127.0.0.1")
    async with tools.running():
        for _ in range(2):
            with pytest.raises(RuntimeError, match="half an installation"):
                await tools({"type": "http"}, nothing, nothing)
