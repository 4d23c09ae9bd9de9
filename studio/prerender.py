"""What a built page needs before it may be served: the page's own origin, and the hashes of its inline scripts.

Reflex bakes the address of the backend into the pages; ours follow whatever address they are opened at. Its inline
scripts differ from page to page and from build to build, so the content security policy names each by its hash.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import reflex as rx

from backend.core.http.content_security_policy import inline_script_hashes

ROOT = Path(__file__).resolve().parent.parent
"""Where `rxconfig.py` and `assets/` are; Reflex must run from here."""
WEB = ROOT / ".web"
BUILD = WEB / "build"
PAGES = BUILD / "client"
SCRIPT_HASHES = BUILD / "script-hashes.json"

_HTTP_ADDRESS = re.compile(r"([\"'`])http://localhost:\d+(/[^\"'`]*)\1")
_SOCKET_ADDRESS = re.compile(r"([\"'`])ws://localhost:\d+(/[^\"'`]*)\1")


class AnyOrigin(rx.plugins.Plugin):
    """Makes freshly built pages talk to the address that they were opened at, and notes their inline scripts."""

    def post_build(self, **context: Any) -> None:
        """Rewrite the baked-in addresses and write `script-hashes.json` beside the pages."""
        pages = Path(context["static_dir"])
        _follow_the_page(pages)
        hashes = {
            str(page.relative_to(pages)): inline_script_hashes(page.read_text(encoding="utf-8"))
            for page in sorted(pages.rglob("*.html"))
        }
        (pages.parent / SCRIPT_HASHES.name).write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def _follow_the_page(pages: Path) -> None:
    """Replace `http://localhost:…` in the environment of the pages by expressions over `location`."""
    environments = list(pages.glob("assets/reflex-env-*.js"))
    if not environments:
        raise RuntimeError(
            f"No assets/reflex-env-*.js in {pages}: this Reflex lays its build out differently. "
            "Adapt studio/prerender.py before the version is raised."
        )
    for script in environments:
        text = script.read_text(encoding="utf-8")
        text, http_places = _HTTP_ADDRESS.subn(r"location.origin+'\2'", text)
        text, socket_places = _SOCKET_ADDRESS.subn(r"location.origin.replace('http','ws')+'\2'", text)
        if not (http_places and socket_places):
            raise RuntimeError(
                f"{script.name} holds no backend address to rewrite; adapt studio/prerender.py."
            )
        script.write_text(text, encoding="utf-8")
