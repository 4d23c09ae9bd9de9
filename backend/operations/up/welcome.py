"""Print the URL of the instance and the first steps, once it is ready."""

from __future__ import annotations

import asyncio
import http.client
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

from backend.config import Settings
from backend.core import logs
from backend.core.errors import PurasError
from backend.docs_site import build as documentation
from backend.operations.up.preparation import Preparation
from backend.operations.up.progress import Progress

log = logs.get(__name__)

POLL_S = 0.1
REMIND_S = 30.0


async def announce(
    settings: Settings, preparation: Preparation, shown: Progress, *, started: float, with_demo: bool
) -> None:
    """Wait until the instance is ready, then print its URL and, while it has no owner, the set-up link."""
    with shown.stage("API", "ready"):
        await _until_ready(f"{settings.local_url}/ready", shown)
    if settings.worker_processes:
        with shown.stage("Workers", "ready"):
            await _until_ready(f"{settings.local_url}/ready/workers", shown)
    log.info("ready", url=settings.url, after_s=round(time.monotonic() - started, 2))
    lines = [f"Puras Studio is ready on {settings.url}", ""]
    lines += await _setup_lines(settings, preparation)
    if with_demo:
        lines += await _demo_lines(preparation, shown)
    lines.append(f"Documentation: {settings.url}{documentation.URL_PATH}/")
    if shown.log_file is not None:
        lines.append(f"Logs:          {shown.log_file}")
    lines.append("Stop:          press Ctrl-C")
    if sys.stdout.isatty():
        shown_text = box(lines, shutil.get_terminal_size().columns, sys.stdout.encoding)
    else:  # a file or a log collector
        shown_text = "\n".join(f"  {line}".rstrip() for line in lines)
    sys.stdout.write(f"\n{shown_text}\n\n")
    sys.stdout.flush()


def box(lines: Sequence[str], columns: int, encoding: str) -> str:
    """Return the lines between two rules. There are no sides, so that commands can be copied.

    Args:
        lines: What the box contains.
        columns: Width of the terminal in characters.
        encoding: Encoding of the output; without box characters in it, the rules are ASCII.
    """
    width = min(columns, max(len(line) for line in lines) + 4)
    try:
        "─".encode(encoding)
        rule = "─" * width
    except UnicodeEncodeError:
        rule = "-" * width
    return "\n".join((rule, *(f"  {line}".rstrip() for line in lines), rule))


def setup_link(settings: Settings, token: str) -> str:
    """Return the one-time URL to create the owner account."""
    return f"{settings.url}/setup?token={token}"


async def _until_ready(url: str, shown: Progress) -> None:
    waiting_since = time.monotonic()
    while (status := await asyncio.to_thread(_ready, url)) is not None:
        if time.monotonic() - waiting_since > REMIND_S:
            log.warning("not ready yet", url=url, status=status)
            shown.note(f"not ready yet, retrying: {status} (logs: {shown.log_file})")
            waiting_since = time.monotonic()
        await asyncio.sleep(POLL_S)


def _ready(url: str) -> str | None:
    """Return `None` when the instance is ready, else its response or the error."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - of this instance
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read(300).decode(errors='replace')}"
    except (OSError, http.client.HTTPException) as error:
        return str(error)


async def _setup_lines(settings: Settings, preparation: Preparation) -> list[str]:
    token = await preparation.issue_setup_token()
    if token is None:
        return [f"Sign in:       {settings.url}/sign-in"]
    return [
        f"Setup link:    {setup_link(settings, token)}",
        "               (creates the owner account; valid for 24 hours)",
    ]


async def _demo_lines(preparation: Preparation, shown: Progress) -> list[str]:
    try:
        with shown.stage("Demo", "first job succeeded"):
            demo_project = await preparation.create_demo()
    except PurasError as error:
        log.error("demo failed", why=error.detail)
        return [f"The demo failed: {error.detail}"]
    return [
        f"API key:       {demo_project.api_key}",
        "Try:",
        *(f"  {line}" for line in demo_project.curl.splitlines()),
    ]
