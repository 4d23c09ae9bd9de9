"""Implement the tool `web_fetch`, which returns the text of a web page."""

from __future__ import annotations

from typing import Any, Final

from backend.core.net.egress.run_egress import RunEgress
from backend.data.secrets.scrub import Scrubber
from backend.integrations.web import page_text
from backend.integrations.web.errors import NotFetched
from backend.integrations.web.fetching import fetch
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.untrusted import marked

DEFAULT_CHARACTERS: Final = 20_000
MAX_CHARACTERS: Final = 200_000
IN_CONVERSATION: Final = 30_000
"""Maximum characters of one page in a conversation; a longer text is stored in the drive."""
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 1, "description": "The full URL, with https://."},
        "max_chars": {
            "type": "integer",
            "minimum": 500,
            "maximum": MAX_CHARACTERS,
            "default": DEFAULT_CHARACTERS,
            "description": f"Maximum characters of the text; a text of more than {IN_CONVERSATION:,} is stored in a "
            "file.",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class WebFetch:
    """Fetches a URL and extracts its text."""

    spec = spec_of(
        "web_fetch",
        "Fetch a page, text or PDF from the web and get its text, with links. Scripts of the page are not run. For "
        "other files use download_url.",
        _SCHEMA,
    )
    is_read_only = True
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(self, egress: RunEgress) -> None:
        """Use this egress."""
        self._egress = egress

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Fetch it.

        Raises:
            ToolError: the arguments are wrong, or the page is unavailable.
        """
        arguments = _ARGUMENTS.of(call)
        max_characters: int = arguments["max_chars"]
        try:
            fetched = await fetch(self._egress, arguments["url"], page_text.PAGE_LIMITS)
            # Cut with a margin: a secret at the edge must be complete to be found.
            read = await page_text.read(fetched, max_characters + 1_000)
        except NotFetched as error:
            raise ToolError(error.detail) from None
        text = Scrubber(workspace.assignment.secrets.values()).scrub(read.text)[:max_characters]
        remaining = max(0, read.length - len(text))
        if remaining:
            text += f"\n[cut here: {remaining:,} more characters]"
        if fetched.is_cut:
            text += f"\n[only the first {page_text.MAX_BYTES >> 20} MB of it were read]"
        content = marked("web_page", text, url=fetched.url, title=read.title, length=read.length)
        details = {"url": fetched.url, "title": read.title, "length": read.length}
        if len(content) > IN_CONVERSATION:
            return ToolResult(content, details=details)
        return ToolResult([{"type": "text", "text": content}], details=details)
