"""A notebook kernel that runs cells and returns their output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

CELL_S = 120.0
COLORS = re.compile(r"\x1b\[[0-9;]*m")


class CellFailed(RuntimeError):
    """A cell raised an exception."""


class Kernel:
    """A kernel that is ready to run cells."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, cell: str) -> str:
        """Run a cell, and return its output as text, with the final state of displays that change.

        Raises:
            CellFailed: the cell raises an exception.
        """
        shown: dict[str, str] = {}

        def take(message: Mapping[str, Any]) -> None:
            content = message["content"]
            display = content.get("transient", {}).get("display_id", f"{len(shown)}")
            text = content.get("text") or content.get("data", {}).get("text/plain")
            if text:
                shown[display] = text

        reply = self._client.execute_interactive(cell, output_hook=take, timeout=CELL_S)
        if reply["content"]["status"] != "ok":
            raise CellFailed(COLORS.sub("", "\n".join(reply["content"].get("traceback", ()))))
        return "\n".join(text.strip("\n") for text in shown.values())


@contextmanager
def new_kernel(folder: Path, environment: Mapping[str, str]) -> Iterator[Kernel]:
    """Start a kernel in this folder for the duration of the block."""
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(folder), env={**environment, "IPYTHONDIR": str(folder / ".ipython")}
    )
    try:
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.context.term()
