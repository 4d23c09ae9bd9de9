"""The changes to built pages before they are served: the URL of the backend, and the hashes of inline scripts.

Reflex compiles a fixed URL of the backend into the pages; here it is replaced by the URL at which a page is opened.
The inline scripts differ between pages and between builds, so the content security policy names each by its hash.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from backend.core.http.content_security_policy import inline_script_hashes
from backend.core.release_files import WEB

BUILD = WEB / "build"
PAGES = BUILD / "client"
SCRIPT_HASHES = BUILD / "script-hashes.json"

_HTTP_URL = re.compile(r"([\"'`])http://localhost:\d+(/[^\"'`]*)\1")
_SOCKET_URL = re.compile(r"([\"'`])ws://localhost:\d+(/[^\"'`]*)\1")


def finish_pages(pages: Path) -> None:
    """Rewrite the compiled URLs and write `script-hashes.json` next to the folder of the pages."""
    _use_page_origin(pages)
    hashes = {
        str(page.relative_to(pages)): inline_script_hashes(page.read_text(encoding="utf-8"))
        for page in sorted(pages.rglob("*.html"))
    }
    (pages.parent / SCRIPT_HASHES.name).write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def _use_page_origin(pages: Path) -> None:
    """Replace `http://localhost:…` in the environment of the pages with expressions that read `location`."""
    environments = list(pages.glob("assets/reflex-env-*.js"))
    if not environments:
        raise RuntimeError(
            f"No assets/reflex-env-*.js in {pages}: this version of Reflex has a different build layout. "
            "Adapt studio/prerender.py before you upgrade Reflex."
        )
    for script in environments:
        text = script.read_text(encoding="utf-8")
        text, http_urls = _HTTP_URL.subn(r"location.origin+'\2'", text)
        text, socket_urls = _SOCKET_URL.subn(r"location.origin.replace('http','ws')+'\2'", text)
        if not (http_urls and socket_urls):
            raise RuntimeError(
                f"{script.name} contains no URL of the backend to rewrite; adapt studio/prerender.py."
            )
        script.write_text(text, encoding="utf-8")
