"""Generate `llms.txt`, an index of the documentation for language models: https://llmstxt.org."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

NAME: Final = "llms.txt"
_INTRODUCTION: Final = """\
# Puras Studio

> An open, self-hostable low-code agent studio with a production backend: skills are Python functions or prompts,
> and run as durable, sandboxed and billed jobs.

The REST API returns each page as Markdown: `GET /v1/docs/{page}`, with the path of the page below `/docs/` and any
API key. The OpenAPI description is at `/openapi.json`.
"""
OPTIONAL: Final = "Optional"
"""The section that a reader may omit if it needs a shorter context."""
_NOT_PROSE: Final = ("#", "!", "|", "<", ">", "-", "*", "=", "1.", "```", "    ")
"""The starts of paragraphs that are headings, images, tables, lists or code."""
_FENCED: Final = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_FULL_STOP: Final = re.compile(r"(?<=[.:?])\s+(?=[A-Z`])")


class Entry(NamedTuple):
    """A page of the site."""

    section: str
    title: str
    url: str
    text: str
    """Markdown."""


def generate(entries: Iterable[Entry]) -> str:
    """Return the index: a link for each page with its summary, by section."""
    sections: dict[str, list[str]] = {}
    for entry in entries:
        summary = summarize(entry.text)
        line = f"- [{entry.title}]({entry.url})" + (f": {summary}" if summary else "")
        sections.setdefault(entry.section, []).append(line)
    parts = [f"## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in sections.items()]
    return "\n".join([_INTRODUCTION, *parts])


def summarize(text: str) -> str:
    """Return the first paragraph of prose up to its first full stop, without links and emphasis, or an empty string."""
    for paragraph in re.split(r"\n\s*\n", _FENCED.sub("", text)):
        prose = "\n".join(line for line in paragraph.splitlines() if not line.startswith("#")).strip("\n")
        if prose and (prose.startswith("**") or not prose.startswith(_NOT_PROSE)):
            plain = _LINK.sub(r"\1", " ".join(prose.split())).replace("**", "")
            return f"{_FULL_STOP.split(plain)[0].rstrip('.:')}."
    return ""
