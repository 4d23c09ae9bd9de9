"""A JupyterLab server as a user starts it: with its own home folder, a token and a free port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

READY_WITHIN_S = 60.0
INHERITED = ("PATH", "LANG", "TMPDIR")
OPTIONS = (
    "--no-browser",
    "--allow-root",
    "--ServerApp.ip=127.0.0.1",
    "--ServerApp.port=0",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
"""Disable news, updates and the extension catalog, so that the server sends no requests to other hosts."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A running server."""

    url: str
    token: str
    home: Path

    def notebook_url(self, notebook: str) -> str:
        """Return the URL of a notebook in the home folder."""
        return f"{self.url}lab/tree/{notebook}?token={self.token}"


@contextmanager
def jupyterlab(
    home: Path, environment: Mapping[str, str], *, theme: str = "JupyterLab Light"
) -> Iterator[Lab]:
    """Run a server and its kernels until the end of the context."""
    settings = home / ".jupyter/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"theme": theme}), encoding="utf-8")
    token = uuid4().hex
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    own = {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
        "JUPYTER_RUNTIME_DIR": str(home / ".runtime"),
        "JUPYTER_TOKEN": token,
    }
    log = home / "lab.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *OPTIONS, f"--ServerApp.root_dir={home}"],
            cwd=home,
            env=inherited | own | environment,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Lab(_url(home, process, log), token, home)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _url(home: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the URL that the server writes to its runtime file when it is ready."""
    runtime_file = home / ".runtime" / f"jpserver-{process.pid}.json"
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")[-4000:]
        try:
            return str(json.loads(runtime_file.read_text(encoding="utf-8"))["url"])
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
    raise AssertionError(
        f"no JupyterLab within {READY_WITHIN_S} s:\n{log.read_text(encoding='utf-8')[-4000:]}"
    )
