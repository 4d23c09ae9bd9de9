"""Routes that are analyzed at their first use."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from backend.core.http.lazy_routes import LazyRoute, include


def is_analyzed(route: object) -> bool:
    """Return whether FastAPI has analyzed the route."""
    return "dependant" in vars(route)


def table_with(router: APIRouter) -> APIRouter:
    """Return a table with the routes of the router."""
    table = APIRouter(prefix="/v1", max_body_size=3)
    include(table, router)
    return table


async def nothing() -> None:
    """Do nothing."""


async def test_only_the_route_of_a_request_is_analyzed() -> None:
    router = APIRouter(route_class=LazyRoute)

    @router.post("/sums/{number}")
    async def add(number: int, more: int = 1) -> dict[str, int]:
        return {"sum": number + more}

    @router.post("/text", max_body_size=5)
    async def text(body: dict[str, str]) -> dict[str, str]:
        return body

    table = table_with(router)
    assert not any(is_analyzed(route) for route in [*router.routes, *table.routes])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(FastAPI(routes=table.routes)), base_url="http://test"
    ) as client:
        assert (await client.get("/v1/sums/2")).status_code == 405
        assert (await client.post("/v1/sums/2?more=3")).json() == {"sum": 5}
        assert (await client.post("/v1/sums/two")).status_code == 422
        assert [is_analyzed(route) for route in table.routes] == [True, False]
        client.headers["Content-Type"] = "application/json"
        assert (await client.post("/v1/text", content="{   }")).status_code == 200
        assert (await client.post("/v1/text", content="{    }")).status_code == 413


def test_wrong_declaration_is_reported_by_each_use() -> None:
    router = APIRouter(route_class=LazyRoute)

    @router.get("/wrong", responses={204: {"model": int}})
    async def wrong() -> None:
        raise AssertionError("unreachable")

    (route,) = table_with(router).routes
    for _ in range(2):
        with pytest.raises(AssertionError, match="204 must not have a response body"):
            _ = route.dependant  # type: ignore[attr-defined]


def test_attribute_that_no_route_has_is_reported() -> None:
    route = LazyRoute("/", nothing)
    assert not hasattr(route, "unknown")
    assert is_analyzed(route)
    assert not hasattr(route, "unknown")


def test_other_route_cannot_be_included() -> None:
    router = APIRouter()
    router.get("/")(nothing)
    assert isinstance(router.routes[0], APIRoute)
    with pytest.raises(TypeError, match="is not a `LazyRoute`"):
        table_with(router)
