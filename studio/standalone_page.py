"""Make pages outside of the studio: one file that is the same for all visitors, with a policy for its own script."""

from __future__ import annotations

import base64
import hashlib
from typing import Final, NamedTuple

from starlette.responses import Response

from studio.files import ALWAYS

_HEADERS: Final = {
    **ALWAYS,
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "public, max-age=300",
    "Referrer-Policy": "no-referrer",
}


class StandalonePage(NamedTuple):
    """A page whose content depends on its link only, which the script reads."""

    title: str
    style: str
    script: str

    def respond(self, *scripts: str) -> Response:
        """Return the page with a policy that allows its own script, and scripts of the sources `scripts`.

        A chart is saved as an image by way of a data URL, which the policy allows.
        """
        policy = (
            f"default-src 'none'; script-src {' '.join((_source(self.script), *scripts))}; "
            f"style-src {_source(self.style)}; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        return Response(self._html(), headers={**_HEADERS, "Content-Security-Policy": policy})

    def _html(self) -> str:
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{self.title}</title>
<style>{self.style}</style>
<script>{self.script}</script>
</head>
<body><main><noscript>This page needs JavaScript.</noscript></main></body>
</html>
"""


def _source(text: str) -> str:
    """Return the source of a policy that allows exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
