"""The tool `web_search`: pages of the web about something."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Final

from backend.integrations.web.errors import SearchFailed
from backend.integrations.web.search import MAX_RESULTS
from workers.agent.search import Engine
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.untrusted import marked

_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1, "maxLength": 500, "description": "What to search for."},
        "max_results": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_RESULTS,
            "default": 5,
            "description": f"How many pages, 1 to {MAX_RESULTS}.",
        },
    },
    "required": ["query"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class WebSearch:
    """Asks the search engine that this run has."""

    spec = spec_of(
        "web_search",
        "Search the web. You get titles, addresses and a few words of pages: read those that matter with web_fetch.",
        _SCHEMA,
    )
    is_read_only = True
    is_idempotent = True
    runs_alone = True  # what is left of the budget is known after one search, and not beside it
    confirm = False

    def __init__(self, engine: Engine, left_micros: Callable[[], int]) -> None:
        """Say what to ask, and what may still be spent."""
        self._engine = engine
        self._left_micros = left_micros

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Search.

        Raises:
            ToolError: the arguments are wrong, the search cannot be paid, or fails.
        """
        given = _ARGUMENTS.of(call)
        query: str = given["query"]
        most = self._engine.worst_case_micros(query)
        if most > max(0, self._left_micros()):
            raise ToolError(
                f"A search may cost up to ${most / 1e6:.4f}, and ${self._left_micros() / 1e6:.4f} are left for this "
                "run. Go on without it."
            )
        try:
            found = await self._engine.find(query, given["max_results"])
        except SearchFailed as error:
            raise ToolError(str(error)) from None
        answer: dict[str, Any] = {"results": [asdict(hit) for hit in found.hits]}
        if found.summary:
            answer["summary"] = found.summary
        content = marked("web_search_results", json.dumps(answer, ensure_ascii=False), query=query)
        return ToolResult(
            content, facts={"count": len(found.hits)}, used=(replace(found.used, step=call.step),)
        )
