"""An instance of this checkout, which runs while screenshots are taken of it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

ROOT: Final = Path(__file__).parents[2]
READY_WITHIN_S: Final = 180.0


@contextmanager
def running(environment: Mapping[str, str]) -> Iterator[str]:
    """Run an instance of this checkout until the block ends, and return its URL."""
    subprocess.run([sys.executable, "-m", "studio.build"], cwd=ROOT, check=True)
    command = [sys.executable, "-m", "backend.operations.cli", "up"]
    log = Path(environment["PURAS_HOME"]).parent / "up.log"
    with log.open("wb") as sink:
        up = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sink, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{environment['PURAS_PORT']}"
    try:
        _wait_until_ready(url, up, log)
        yield url
    finally:
        up.terminate()
        up.wait(60)


def operate(environment: Mapping[str, str], *arguments: str, typed: str = "") -> str:
    """Run a command of the operator and return its output."""
    command = [sys.executable, "-m", "backend.operations.cli", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=typed, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout


def _wait_until_ready(url: str, up: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and up.poll() is None:
        try:
            if httpx.get(f"{url}/ready/workers", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"The instance did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")
