"""Run the function of a skill in a new kernel that has only the files of the skill, as on the server."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from queue import Empty
from typing import Any, Final, NamedTuple

from puras.notebook.cells import CellSkill

__all__ = ["Fresh", "run_fresh"]

_START_S: Final = 60.0
_MAX_CHARACTERS: Final = 2_000
_PASSED_ON: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "VIRTUAL_ENV",
    "SYSTEMROOT",
    "JUPYTER_PLATFORM_DIRS",
)
_CODE: Final = """
import importlib, json, sys
sys.path[:0] = [{folder!r}]
_function = getattr(importlib.import_module({module!r}), {function!r})
_examples = json.loads({examples!r})
for _inputs in _examples:
    json.dumps(_function(**_inputs), allow_nan=False)
"""


class Fresh(NamedTuple):
    """The result of a run in a new kernel."""

    is_good: bool
    message: str
    """The error, or the number of examples that ran."""
    duration_s: float


def run_fresh(skill: CellSkill, files: Mapping[str, str], *, within_s: float = 60.0) -> Fresh:
    """Import the module of the skill in a new kernel, and call its function with the inputs of each example."""
    module, _, function = str(skill.settings["entrypoint"]).partition(":")
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="puras-fresh-") as folder:
        for path, text in files.items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        code = _CODE.format(
            folder=folder,
            module=module.removesuffix(".py").replace("/", "."),
            function=function,
            examples=json.dumps(skill.examples),
        )
        problem = _executed(code, folder, within_s)
    took_s = time.monotonic() - started_at
    if problem is not None:
        return Fresh(False, problem, took_s)
    count = len(skill.examples)
    message = (
        f"{count} example{'s' if count != 1 else ''} ran"
        if count
        else "the module was imported; the skill has no examples"
    )
    return Fresh(True, message, took_s)


def _executed(code: str, folder: str, within_s: float) -> str | None:
    """Return the error; None if there is none."""
    from jupyter_client.manager import KernelManager

    # The secrets of this host are not passed on: on the server, a skill receives those of its project.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["IPYTHONDIR"] = str(Path(folder, ".ipython"))  # without the startup files of the user
    # Sockets of IPC are in the folder, which only this user can read.
    transport = "tcp" if sys.platform == "win32" else "ipc"
    manager = KernelManager(
        kernel_name="python3", transport=transport, connection_file=str(Path(folder, "kernel.json"))
    )
    manager.start_kernel(cwd=folder, env=environment)
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=_START_S)
        return _outcome(client, client.execute(code, store_history=False), within_s)
    except (RuntimeError, TimeoutError) as error:
        return f"The kernel did not start: {error}."
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def _outcome(client: Any, request_id: str, within_s: float) -> str | None:
    deadline = time.monotonic() + within_s
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            reply = client.get_shell_msg(timeout=min(left_s, 1.0))
        except Empty:
            continue
        if reply["parent_header"].get("msg_id") != request_id:
            continue
        content = reply["content"]
        if content["status"] == "ok":
            return None
        return f"{content.get('ename')}: {content.get('evalue')}"[:_MAX_CHARACTERS]
    return f"The examples did not end within {within_s:g} s. Allow more time with --timeout."
