"""A Jupyter kernel for one agent, and who speaks with it, both in the agent's sandbox.

Run as a command of the agent's, with one end of a socket pair: orders come over it as JSON lines, what happens goes
back the same way. The kernel's own sockets are files in a place that this sandbox alone has; nothing listens on a port.
What the worker reads here is no more to be trusted than what a command prints: the agent's code runs as the same user.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

PRIVATE: Final = "/dev/shm"  # noqa: S108 - a mount of the sandbox's own
START_S: Final = 60.0
_LOOK_S: Final = 0.05
_SILENCE_S: Final = 1.0
_MAX_TEXT_CHARACTERS: Final = 64_000
_MAX_FILE_BYTES: Final = 20 << 20
_MAX_FILES: Final = 20
"""Of one cell; there is a quota behind it, but nobody looks at more."""
_MAX_OUTPUT_CHARACTERS: Final = 2_000_000
"""Of one rich output of a notebook's cell, as JSON."""
_FILES: Final = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
    "text/html": "html",
}
_BINARY: Final = frozenset({"image/png", "image/jpeg", "image/gif", "application/pdf"})
_KERNEL: Final = """
import sys
sys.path.append({packages!r})
from ipykernel import iostream, kernelapp

def _without_port(thread):  # it would listen on a port for what forked processes print
    thread._pipe_flag = False

iostream.IOPubThread._setup_pipe_in = _without_port
kernelapp.launch_new_instance()
"""


def main(channel_fd: int, packages: str, folder: str = "") -> NoReturn:
    """Serve one kernel until the worker is gone.

    Rich outputs become files below `folder`; without one all outputs are told as a notebook keeps them.
    """
    os.set_inheritable(channel_fd, False)
    channel = socket.socket(fileno=channel_fd)
    host = _Host(channel, packages, Path(folder)) if folder else _NotebookHost(channel, packages, Path())
    try:
        host.start()
        host.serve()
    except _Gone:
        pass
    finally:
        host.end()
    sys.exit(0)


class _Gone(Exception):
    """The worker does not listen any more, or the kernel has died."""


class _Host:
    """One kernel and the way to it."""

    def __init__(self, channel: socket.socket, packages: str, folder: Path) -> None:
        self._channel = channel
        self._packages = packages
        self._folder = folder
        self._rest = b""
        self._orders: list[dict[str, Any]] = []
        self._kernel: subprocess.Popen[bytes] | None = None
        self._client: BlockingKernelClient | None = None
        self._count = 0
        self._files = 0

    def start(self) -> None:
        """Start the kernel and wait until it answers."""
        place = tempfile.mkdtemp(prefix="k", dir=PRIVATE)  # nobody else's: mode 700
        file, _ = write_connection_file(f"{place}/c.json", transport="ipc", ip=f"{place}/s")
        code = _KERNEL.format(packages=self._packages)
        environment = {**os.environ, "IPYTHONDIR": place, "JUPYTER_RUNTIME_DIR": place}
        self._kernel = subprocess.Popen(
            [sys.executable, "-u", "-c", code, "-f", file, "--HistoryManager.enabled=False"],
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        self._client = BlockingKernelClient(connection_file=file)
        self._client.load_connection_file()
        self._client.start_channels()
        deadline = time.monotonic() + START_S
        while True:
            self._client.kernel_info()
            with suppress(Exception):  # it is not there yet, in one of many ways
                self._client.get_shell_msg(timeout=0.5)
                # What cells show comes over another line, and what is said before it stands is lost: until it is heard,
                # the kernel is asked again.
                self._client.get_iopub_msg(timeout=0.5)
                break
            if self._kernel.poll() is not None or time.monotonic() > deadline:
                raise _Gone
        self._prepare()
        self._tell("ready")

    def _prepare(self) -> None:
        """Do what comes before the first cell."""

    def serve(self) -> None:
        """Run cells, one after the other."""
        while True:
            order = self._order(wait=True)
            if order is not None and order.get("type") == "run":
                self._run(str(order.get("code", "")))

    def end(self) -> None:
        """End the kernel; what it has left behind ends with the sandbox."""
        if self._kernel is not None and self._kernel.poll() is None:
            self._kernel.kill()

    def _run(self, code: str) -> None:
        assert self._client is not None  # noqa: S101 - it was started
        self._count += 1
        self._files = 0
        asked = self._client.execute(code, allow_stdin=False)
        is_idle, status, heard_at = False, None, time.monotonic()
        # Of a flood of output the kernel drops what nobody takes in time, and that may be the word that it is idle.
        while not (status and (is_idle or time.monotonic() - heard_at > _SILENCE_S)):
            order = self._order(wait=False)
            if order is not None and order.get("type") == "interrupt" and self._kernel is not None:
                self._kernel.send_signal(signal.SIGINT)
            if self._kernel is None or self._kernel.poll() is not None:
                self._tell("died", code=self._kernel.returncode if self._kernel else None)
                raise _Gone
            message = _of(asked, self._client.get_iopub_msg)
            while message is not None:
                is_idle, heard_at = self._hear(message) or is_idle, time.monotonic()
                message = _of(asked, self._client.get_iopub_msg, timeout=0)
            reply = _of(asked, self._client.get_shell_msg, timeout=0)
            status = status or (str(reply["content"].get("status")) if reply else None)
        self._tell("done", status=status)

    def _hear(self, message: dict[str, Any]) -> bool:
        """Pass on what the cell shows; gives whether it was the last of it."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self._tell_text(str(content.get("name")), str(content.get("text")))
        elif kind in ("display_data", "execute_result"):
            self._show(content.get("data") or {}, is_result=kind == "execute_result")
        elif kind == "error":
            self._tell_text("error", "\n".join(map(str, content.get("traceback") or ())))
        return _is_idle(message)

    def _show(self, data: dict[str, Any], *, is_result: bool) -> None:
        """Rich outputs become files of the drive; their text goes to the model."""
        for kind, suffix in _FILES.items():
            if kind in data and self._files < _MAX_FILES:
                self._keep(kind, suffix, data[kind])
                if kind != "text/html":
                    return  # the text of a picture says only that it is one
                break
        if "text/plain" in data:
            self._tell_text("result" if is_result else "shown", str(data["text/plain"]) + "\n")

    def _keep(self, kind: str, suffix: str, content: Any) -> None:
        self._files += 1
        text = "".join(content) if isinstance(content, list) else str(content)
        with suppress(OSError, ValueError):
            raw = base64.b64decode(text) if kind in _BINARY else text.encode("utf-8", "replace")
            if len(raw) > _MAX_FILE_BYTES:
                self._tell_text("shown", f"[an output of {len(raw):,} bytes ({kind}) is too large to keep]\n")
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"{time.time_ns() // 1_000_000:x}-{self._count}-{self._files}.{suffix}"
            (self._folder / name).write_bytes(raw)
            self._tell("file", name=name, media_type=kind)

    def _tell_text(self, stream: str, text: str) -> None:
        for start in range(0, len(text), _MAX_TEXT_CHARACTERS):
            self._tell("text", stream=stream, text=text[start : start + _MAX_TEXT_CHARACTERS])

    def _tell(self, kind: str, **facts: Any) -> None:
        try:
            self._channel.sendall(json.dumps({"type": kind, **facts}).encode() + b"\n")
        except OSError:
            raise _Gone from None

    def _order(self, *, wait: bool) -> dict[str, Any] | None:
        """The next order; none where there is none yet and nobody wants to wait."""
        while not self._orders:
            ready, _, _ = select.select([self._channel], [], [], None if wait else 0)
            if not ready:
                return None
            piece = self._channel.recv(1 << 16)
            if not piece:
                raise _Gone
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._orders += [json.loads(line) for line in lines]
        return self._orders.pop(0)


class _NotebookHost(_Host):
    """The same for a notebook: what cells give is told as it is."""

    def _prepare(self) -> None:
        assert self._client is not None  # noqa: S101 - it was started
        code = "from puras_inside import notebook as _begin; _begin.begin(get_ipython()); del _begin"
        asked = self._client.execute(code, silent=True, store_history=False, allow_stdin=False)
        _of(asked, self._client.get_shell_msg, timeout=START_S)

    def _hear(self, message: dict[str, Any]) -> bool:
        kind, content = message["msg_type"], message["content"]
        if kind in ("display_data", "update_display_data", "execute_result", "error", "stream"):
            self._tell_output({"output_type": kind, **content})
        elif kind == "clear_output":
            self._tell("clear", wait=bool(content.get("wait")))
        elif kind == "execute_input":
            self._tell("count", count=content.get("execution_count"))
        return _is_idle(message)

    def _tell_output(self, output: dict[str, Any]) -> None:
        output.pop("metadata", None)
        if output["output_type"] == "stream":
            text = str(output.get("text"))
            for start in range(0, len(text), _MAX_TEXT_CHARACTERS):
                piece = text[start : start + _MAX_TEXT_CHARACTERS]
                self._tell("output", output={**output, "text": piece})
            return
        size = len(json.dumps(output))
        if size > _MAX_OUTPUT_CHARACTERS:
            text = f"[an output of {size:,} characters is too large to be shown]\n"
            output = {"output_type": "stream", "name": "stderr", "text": text}
        self._tell("output", output=output)


def _is_idle(message: dict[str, Any]) -> bool:
    return bool(message["msg_type"] == "status" and message["content"].get("execution_state") == "idle")


def _of(asked: str, receive: Any, timeout: float = _LOOK_S) -> dict[str, Any] | None:
    """The next message that belongs to the request."""
    from queue import Empty

    while True:
        try:
            message: dict[str, Any] = receive(timeout=timeout)
        except Empty:
            return None
        if message["parent_header"].get("msg_id") == asked:
            return message
