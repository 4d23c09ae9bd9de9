"""Sources of a content security policy for pages that contain inline scripts."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final

_INLINE_SCRIPT: Final = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*type=\"?application/json)[^>]*>(.*?)</script>", re.DOTALL
)


def inline_script_hashes(html: str) -> list[str]:
    """Return the sources that allow exactly the inline scripts of a page, such as `'sha256-…'`, sorted."""
    bodies = set(_INLINE_SCRIPT.findall(html))
    digests = (base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies)
    return sorted(f"'sha256-{digest}'" for digest in digests)
