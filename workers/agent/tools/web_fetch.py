"""The tool `web_fetch`: what a page of the web says."""

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
"""Characters of one page that a conversation holds; of a longer text it gets the beginning, the drive the whole."""
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 1, "description": "The whole address, with https://."},
        "max_chars": {
            "type": "integer",
            "minimum": 500,
            "maximum": MAX_CHARACTERS,
            "default": DEFAULT_CHARACTERS,
            "description": f"Characters of the text that you want; beyond {IN_CONVERSATION:,} it is put into a file.",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class WebFetch:
    """Fetches one address and takes its text out."""

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

    def __init__(self, outside: RunEgress) -> None:
        """Say where it may go."""
        self._outside = outside

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Fetch it.

        Raises:
            ToolError: the arguments are wrong, or it cannot be had.
        """
        given = _ARGUMENTS.of(call)
        most: int = given["max_chars"]
        try:
            fetched = await fetch(self._outside, given["url"], page_text.WANTED)
            # Cut with room to spare: a secret on the edge has to be there in whole to be found.
            read = await page_text.read(fetched, most + 1_000)
        except NotFetched as error:
            raise ToolError(error.sentence) from None
        text = Scrubber(workroom.assignment.secrets.values()).scrub(read.text)[:most]
        left = max(0, read.length - len(text))
        if left:
            text += f"\n[cut here: {left:,} more characters]"
        if fetched.is_cut:
            text += f"\n[only the first {page_text.MAX_BYTES >> 20} MB of it were read]"
        content = marked("web_page", text, url=fetched.url, title=read.title, length=read.length)
        facts = {"url": fetched.url, "title": read.title, "length": read.length}
        if len(content) > IN_CONVERSATION:
            return ToolResult(content, facts=facts)
        return ToolResult([{"type": "text", "text": content}], facts=facts)
