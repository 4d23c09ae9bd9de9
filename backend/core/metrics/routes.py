"""The template of the route that answered a request: few values, and nothing of the caller's in them."""

from __future__ import annotations

from typing import Final

from starlette.types import Scope

UNMATCHED: Final = "unmatched"


def route_of(scope: Scope) -> str:
    """`/v1/jobs/{job_id}`, with the prefixes of all routers; what no route has is `unmatched`."""
    chosen = scope.get("fastapi", {}).get("effective_route_context")  # where FastAPI keeps the prefixes
    template = getattr(chosen, "path_format", "") or getattr(scope.get("route"), "path", "")
    return template or UNMATCHED
