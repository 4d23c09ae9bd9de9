"""The tool `web_fetch`: what a page of the web says."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from backend.drive.mime import HEAD_BYTES, sniff
from backend.secrets.scrub import Scrubber
from workers.agent import ToolCall, ToolError, ToolResult, Workroom
from workers.agent.outside import Outside
from workers.agent.outside.fetching import Fetched, Wanted, fetch, shown
from workers.agent.outside.marked import marked

from . import confined, pdfs
from .arguments import Arguments, spec_of

MOST_BYTES: Final = 5 << 20
FETCH_S: Final = 30.0
DEFAULT_CHARACTERS: Final = 20_000
MOST_CHARACTERS: Final = 200_000
IN_CONVERSATION: Final = 30_000
"""Characters of one page that a conversation holds; of a longer text it gets the beginning, the drive the whole."""
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})
_TEXTS: Final = ("application/json", "application/xml", "application/javascript", "application/yaml")
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 1, "description": "The whole address, with https://."},
        "max_chars": {
            "type": "integer",
            "minimum": 500,
            "maximum": MOST_CHARACTERS,
            "default": DEFAULT_CHARACTERS,
            "description": f"Characters of the text that you want; beyond {IN_CONVERSATION:,} it is put into a file.",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class _Text(NamedTuple):
    """What was on a page."""

    title: str
    text: str
    length: int
    """Of the whole."""


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

    def __init__(self, outside: Outside) -> None:
        """Say where it may go."""
        self._outside = outside

    async def run(self, call: ToolCall, workroom: Workroom) -> ToolResult:
        """Fetch it.

        Raises:
            ToolError: the arguments are wrong, or it cannot be had.
        """
        given = _ARGUMENTS.of(call)
        most: int = given["max_chars"]
        accept = "text/html,application/xhtml+xml,application/json,text/plain;q=0.9,*/*;q=0.5"
        fetched = await fetch(self._outside, given["url"], Wanted(MOST_BYTES, FETCH_S, accept))
        # Cut with room to spare: a secret on the edge has to be there in whole to be found.
        read = await _read(fetched, most + 1_000)
        text = Scrubber(workroom.assignment.secrets.values()).scrub(read.text)[:most]
        left = max(0, read.length - len(text))
        if left:
            text += f"\n[cut here: {left:,} more characters]"
        if fetched.is_cut:
            text += f"\n[only the first {MOST_BYTES >> 20} MB of it were read]"
        content = marked("web_page", text, url=fetched.url, title=read.title, length=read.length)
        facts = {"url": fetched.url, "title": read.title, "length": read.length}
        if len(content) > IN_CONVERSATION:
            return ToolResult(content, facts=facts)
        return ToolResult([{"type": "text", "text": content}], facts=facts)


async def _read(fetched: Fetched, most_characters: int) -> _Text:
    kind = _kind(fetched)
    if kind in _PAGES:
        asked = {"url": fetched.url, "charset": fetched.charset, "most_characters": most_characters}
        answer = await confined.ask("page", asked, fetched.content)
        if answer is None or "error" in answer:
            raise ToolError(
                f"{shown(fetched.url)} cannot be read: reading it takes too long, or it is broken."
            )
        return _Text(str(answer["title"]), str(answer["text"]), int(answer["length"]))
    if kind == "application/pdf":
        pdf = await pdfs.look_at(
            fetched.content, shown=fetched.url, wants_text=True, most_characters=most_characters
        )
        return _Text("", pdf.text, len(pdf.text))
    text = _decoded(fetched)
    if text is None:
        raise ToolError(f"{shown(fetched.url)} is {kind}, no text: get it with download_url, if that helps.")
    return _Text("", text[:most_characters], len(text))


def _kind(fetched: Fetched) -> str:
    """What it is: as its first bytes say where those are sure, else as the server says."""
    seen = sniff(fetched.content[:HEAD_BYTES], "")
    if seen == "application/pdf":
        return seen
    if fetched.media_type in ("", "text/plain") and fetched.content.lstrip()[:15].lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        return "text/html"
    return fetched.media_type or seen


def _decoded(fetched: Fetched) -> str | None:
    """The text; none if it is none."""
    kind = fetched.media_type
    if kind and not (kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))):
        return None
    try:
        text = fetched.content.decode(fetched.charset or "utf-8-sig", "replace")
    except (LookupError, ValueError):
        text = fetched.content.decode("utf-8", "replace")
    return None if "\0" in text else text
