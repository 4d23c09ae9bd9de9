"""Run a Jupyter kernel for one agent, and the process that controls it, both in the agent's sandbox.

Run as a command of the agent, with one end of a socket pair: requests arrive as JSON lines, and messages are sent
back the same way. The kernel's own sockets are files in a private mount of this sandbox; nothing listens on a port.
The worker must not trust these messages more than the output of a command: the agent's code runs as the same user.
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
_POLL_S: Final = 0.05
_SILENCE_S: Final = 1.0
_MAX_TEXT_CHARACTERS: Final = 64_000
_MAX_FILE_BYTES: Final = 20 << 20
_MAX_FILES: Final = 20
"""Maximum of one cell; more are not useful."""
_MAX_OUTPUT_CHARACTERS: Final = 2_000_000
"""Maximum of one rich output of a notebook's cell, as JSON."""
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
    """Serve one kernel until the worker disconnects.

    Rich outputs become files below `folder`; without one, all outputs are sent in the form of notebooks.
    """
    os.set_inheritable(channel_fd, False)
    channel = socket.socket(fileno=channel_fd)
    host = _Host(channel, packages, Path(folder)) if folder else _NotebookHost(channel, packages, Path())
    try:
        host.start()
        host.serve()
    except _Closed:
        pass
    finally:
        host.end()
    sys.exit(0)


class _Closed(Exception):
    """The worker has disconnected, or the kernel has died."""


class _Host:
    """One kernel and the connection to it."""

    def __init__(self, channel: socket.socket, packages: str, folder: Path) -> None:
        self._channel = channel
        self._packages = packages
        self._folder = folder
        self._buffer = b""
        self._requests: list[dict[str, Any]] = []
        self._kernel: subprocess.Popen[bytes] | None = None
        self._client: BlockingKernelClient | None = None
        self._count = 0
        self._files = 0

    def start(self) -> None:
        """Start the kernel and wait until it responds."""
        directory = tempfile.mkdtemp(prefix="k", dir=PRIVATE)  # created with mode 700
        file, _ = write_connection_file(f"{directory}/c.json", transport="ipc", ip=f"{directory}/s")
        code = _KERNEL.format(packages=self._packages)
        environment = {**os.environ, "IPYTHONDIR": directory, "JUPYTER_RUNTIME_DIR": directory}
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
            with suppress(Exception):  # it is not ready yet, which causes various errors
                self._client.get_shell_msg(timeout=0.5)
                # Outputs use another connection, and messages before it is established are lost: repeat the request
                # until one arrives.
                self._client.get_iopub_msg(timeout=0.5)
                break
            if self._kernel.poll() is not None or time.monotonic() > deadline:
                raise _Closed
        self._prepare()
        self._send("ready")

    def _prepare(self) -> None:
        """Prepare the kernel before the first cell."""

    def serve(self) -> None:
        """Run cells, one after the other."""
        while True:
            request = self._next_request(wait=True)
            if request is not None and request.get("type") == "run":
                self._run(str(request.get("code", "")))

    def end(self) -> None:
        """End the kernel; processes that it has left behind end with the sandbox."""
        if self._kernel is not None and self._kernel.poll() is None:
            self._kernel.kill()

    def _run(self, code: str) -> None:
        assert self._client is not None  # noqa: S101 - it was started
        self._count += 1
        self._files = 0
        message_id = self._client.execute(code, allow_stdin=False)
        is_idle, status, received_at = False, None, time.monotonic()
        # In a flood of output the kernel drops messages that are not read in time, also the one that it is idle.
        while not (status and (is_idle or time.monotonic() - received_at > _SILENCE_S)):
            request = self._next_request(wait=False)
            if request is not None and request.get("type") == "interrupt" and self._kernel is not None:
                self._kernel.send_signal(signal.SIGINT)
            if self._kernel is None or self._kernel.poll() is not None:
                self._send("died", code=self._kernel.returncode if self._kernel else None)
                raise _Closed
            message = _of(message_id, self._client.get_iopub_msg)
            while message is not None:
                is_idle, received_at = self._handle(message) or is_idle, time.monotonic()
                message = _of(message_id, self._client.get_iopub_msg, timeout=0)
            reply = _of(message_id, self._client.get_shell_msg, timeout=0)
            status = status or (str(reply["content"].get("status")) if reply else None)
        self._send("done", status=status)

    def _handle(self, message: dict[str, Any]) -> bool:
        """Forward the outputs of the cell; return whether this was the last message."""
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self._send_text(str(content.get("name")), str(content.get("text")))
        elif kind in ("display_data", "execute_result"):
            self._show(content.get("data") or {}, is_result=kind == "execute_result")
        elif kind == "error":
            self._send_text("error", "\n".join(map(str, content.get("traceback") or ())))
        return _is_idle(message)

    def _show(self, data: dict[str, Any], *, is_result: bool) -> None:
        """Store rich outputs as files of the drive, and send their text to the model."""
        for kind, suffix in _FILES.items():
            if kind in data and self._files < _MAX_FILES:
                self._store_file(kind, suffix, data[kind])
                if kind != "text/html":
                    return  # the text of an image only names its type
                break
        if "text/plain" in data:
            self._send_text("result" if is_result else "shown", str(data["text/plain"]) + "\n")

    def _store_file(self, kind: str, suffix: str, content: Any) -> None:
        self._files += 1
        text = "".join(content) if isinstance(content, list) else str(content)
        with suppress(OSError, ValueError):
            raw = base64.b64decode(text) if kind in _BINARY else text.encode("utf-8", "replace")
            if len(raw) > _MAX_FILE_BYTES:
                self._send_text(
                    "shown", f"[an output of {len(raw):,} bytes ({kind}) is too large to store]\n"
                )
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            name = f"{time.time_ns() // 1_000_000:x}-{self._count}-{self._files}.{suffix}"
            (self._folder / name).write_bytes(raw)
            self._send("file", name=name, media_type=kind)

    def _send_text(self, stream: str, text: str) -> None:
        for start in range(0, len(text), _MAX_TEXT_CHARACTERS):
            self._send("text", stream=stream, text=text[start : start + _MAX_TEXT_CHARACTERS])

    def _send(self, kind: str, **fields: Any) -> None:
        try:
            self._channel.sendall(json.dumps({"type": kind, **fields}).encode() + b"\n")
        except OSError:
            raise _Closed from None

    def _next_request(self, *, wait: bool) -> dict[str, Any] | None:
        """Return the next request; none if there is none yet and `wait` is false."""
        while not self._requests:
            ready, _, _ = select.select([self._channel], [], [], None if wait else 0)
            if not ready:
                return None
            chunk = self._channel.recv(1 << 16)
            if not chunk:
                raise _Closed
            *lines, self._buffer = (self._buffer + chunk).split(b"\n")
            self._requests += [json.loads(line) for line in lines]
        return self._requests.pop(0)


class _NotebookHost(_Host):
    """A session for a notebook: outputs of cells are sent unchanged."""

    def _prepare(self) -> None:
        assert self._client is not None  # noqa: S101 - it was started
        code = "from puras_inside import notebook as _notebook; _notebook.start(get_ipython()); del _notebook"
        message_id = self._client.execute(code, silent=True, store_history=False, allow_stdin=False)
        _of(message_id, self._client.get_shell_msg, timeout=START_S)

    def _handle(self, message: dict[str, Any]) -> bool:
        kind, content = message["msg_type"], message["content"]
        if kind in ("display_data", "update_display_data", "execute_result", "error", "stream"):
            self._send_output({"output_type": kind, **content})
        elif kind == "clear_output":
            self._send("clear", wait=bool(content.get("wait")))
        elif kind == "execute_input":
            self._send("count", count=content.get("execution_count"))
        return _is_idle(message)

    def _send_output(self, output: dict[str, Any]) -> None:
        output.pop("metadata", None)
        if output["output_type"] == "stream":
            text = str(output.get("text"))
            for start in range(0, len(text), _MAX_TEXT_CHARACTERS):
                chunk = text[start : start + _MAX_TEXT_CHARACTERS]
                self._send("output", output={**output, "text": chunk})
            return
        size = len(json.dumps(output))
        if size > _MAX_OUTPUT_CHARACTERS:
            text = f"[an output of {size:,} characters is too large to be shown]\n"
            output = {"output_type": "stream", "name": "stderr", "text": text}
        self._send("output", output=output)


def _is_idle(message: dict[str, Any]) -> bool:
    return bool(message["msg_type"] == "status" and message["content"].get("execution_state") == "idle")


def _of(message_id: str, receive: Any, timeout: float = _POLL_S) -> dict[str, Any] | None:
    """Return the next message that belongs to the request."""
    from queue import Empty

    while True:
        try:
            message: dict[str, Any] = receive(timeout=timeout)
        except Empty:
            return None
        if message["parent_header"].get("msg_id") == message_id:
            return message
