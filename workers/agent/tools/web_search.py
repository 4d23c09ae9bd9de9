"""Implement the tool `web_search`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Final

from backend.integrations.web.errors import SearchFailed
from backend.integrations.web.search import MAX_RESULTS
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.untrusted import marked
from workers.agent.web.search import Engine

_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "minLength": 1, "maxLength": 500, "description": "The search query."},
        "max_results": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_RESULTS,
            "default": 5,
            "description": f"Number of pages, 1 to {MAX_RESULTS}.",
        },
    },
    "required": ["query"],
    "additionalProperties": False,
}
_ARGUMENTS: Final = Arguments(_SCHEMA)


class WebSearch:
    """Searches with the search engine of the run."""

    spec = spec_of(
        "web_search",
        "Search the web. You get titles, URLs and excerpts of pages. Read relevant pages with web_fetch.",
        _SCHEMA,
    )
    is_read_only = True
    is_idempotent = True
    runs_alone = True  # the remaining budget is known only after a search
    confirm = False

    def __init__(self, engine: Engine, remaining_micros: Callable[[], int]) -> None:
        """Use this engine, within the remaining budget."""
        self._engine = engine
        self._left_micros = remaining_micros

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Search.

        Raises:
            ToolError: the arguments are wrong, or the search is not affordable or fails.
        """
        arguments = _ARGUMENTS.of(call)
        query: str = arguments["query"]
        max_micros = self._engine.worst_case_micros(query)
        if max_micros > max(0, self._left_micros()):
            raise ToolError(
                f"A search may cost up to ${max_micros / 1e6:.4f}, and ${self._left_micros() / 1e6:.4f} are "
                "left for this run. Continue without it."
            )
        try:
            found = await self._engine.find(query, arguments["max_results"])
        except SearchFailed as error:
            raise ToolError(str(error)) from None
        response: dict[str, Any] = {"results": [asdict(hit) for hit in found.hits]}
        if found.summary:
            response["summary"] = found.summary
        content = marked("web_search_results", json.dumps(response, ensure_ascii=False), query=query)
        return ToolResult(
            content, details={"count": len(found.hits)}, used=(replace(found.used, step=call.step),)
        )
