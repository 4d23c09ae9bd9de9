"""Endpoints and their dependencies are coroutines.

FastAPI runs plain functions in threads, and the switch to a thread costs more than the check of an API key.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from backend.app import create_app
from backend.config import Settings

CHECKED = (
    "auth",
    "drive",
    "events",
    "health",
    "idempotency",
    "jobs",
    "ledger",
    "paging",
    "projects",
    "secrets",
    "skillpacks",
)
"""The parts of `backend` that this test checks, which nearly every request uses."""


def test_no_endpoint_or_dependency_is_a_plain_function(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    routes = [
        context.route for context in iter_route_contexts(app.routes) if isinstance(context.route, APIRoute)
    ]
    plain = {
        f"{call.__module__}.{call.__qualname__}"
        for route in routes
        for call in _calls(route.dependant)
        if call.__module__.split(".")[1] in CHECKED
        and not (inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call))
    }
    assert not plain, "use `async def`, even without `await`"


def _calls(dependant: Dependant) -> Iterator[Callable[..., object]]:
    if dependant.call is not None:
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)
