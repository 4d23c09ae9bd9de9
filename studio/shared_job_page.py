"""Serve `/shared-job`, a page that shows one job to everyone who has its link.

The token of the link is behind `#`, which browsers do not send: no server log contains it. The script of the page sends
it in a header, and writes what it receives as text only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from backend.core.release_files import SHARED_JOB_SCRIPT
from backend.execution.shares.api import PAGE_PATH
from studio.files import ALWAYS
from studio.standalone_page import StandalonePage

URL_PATH: Final = PAGE_PATH
_STYLE: Final = """
:root { color-scheme: light dark; --line: light-dark(#dcdfe6, #33363d); --faint: light-dark(#5f6673, #9aa1ad); }
:root { --fail: light-dark(#b3261e, #ff8a80); --bar: light-dark(#5b54d6, #8f88ff); }
:root { --border: var(--line); --muted: var(--faint); }
body { margin: 0; font: 14px/1.5 system-ui, sans-serif; background: light-dark(#fff, #111316); }
body { color: light-dark(#16181c, #eceef1); }
main { max-width: 70rem; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 20px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 28px 0 8px; }
header { display: flex; gap: 12px; align-items: baseline; flex-wrap: wrap; }
.state { padding: 1px 8px; border-radius: 10px; border: 1px solid var(--line); }
.state[data-s=succeeded] { color: light-dark(#116b3a, #5fd38d); }
.state[data-s=failed], .failed { color: var(--fail); }
.faint { color: var(--faint); }
pre { background: light-dark(#f4f5f7, #1a1d22); border: 1px solid var(--line); border-radius: 6px; padding: 12px; }
button { font: inherit; color: inherit; cursor: pointer; background: none; }
button { border: 1px solid var(--line); border-radius: 6px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.span { display: grid; grid-template-columns: minmax(120px, 38%) minmax(0, 1fr) 80px; gap: 10px; }
.span { align-items: center; min-height: 26px; }
.span > :first-child { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.span > :last-child { text-align: right; font-variant-numeric: tabular-nums; }
.bar { position: relative; height: 8px; }
.bar > i { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px; background: var(--bar); }
.failed .bar > i { background: var(--fail); }
"""


class SharedJobPage:
    """The route of the page, which is the same for all links. Its script is in `clients/embed/src/shared_job.ts`."""

    def __init__(self, script: Path = SHARED_JOB_SCRIPT) -> None:
        self._script = script
        self._page: StandalonePage | None = None

    async def respond(self, _request: Request) -> Response:
        """Return the page."""
        if self._page is None:
            try:
                script = self._script.read_text(encoding="utf-8")
            except FileNotFoundError:
                return PlainTextResponse("The script is not built. Run `make pages`.\n", 503, ALWAYS)
            self._page = StandalonePage("Job", _STYLE, script)
        return self._page.respond()
