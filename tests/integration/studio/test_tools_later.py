"""The tools at `/mcp` are imported when the first call comes, and a call that they fail is answered."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from studio.tools import Tools


def test_what_serves_stands_without_the_tools() -> None:
    code = "import sys, studio.serving; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


async def test_a_call_whose_tools_cannot_be_made_fails_and_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("half an installation")

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nobody is asked")

    monkeypatch.setattr(importlib, "import_module", lambda _: SimpleNamespace(Hosted=broken))
    tools = Tools(nothing, public_url="http://127.0.0.1")
    async with tools.running():
        for _ in range(2):
            with pytest.raises(RuntimeError, match="half an installation"):
                await tools({"type": "http"}, nothing, nothing)
