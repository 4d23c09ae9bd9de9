"""No route of the API is served as a script, style, worker or frame, for any caller and content."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from backend.core.http.destinations import ALLOWED
from tests.factories.errors import error_of

EMBEDDED = [
    *("script", "style", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet"),
    *(
        "iframe",
        "frame",
        "fencedframe",
        "object",
        "embed",
        "manifest",
        "xslt",
        "font",
        "json",
        "report",
        "SCRIPT",
    ),
    "something that is invented later",
]


def paths_of(app: FastAPI) -> list[str]:
    """Return a path of each GET route, with a fixed value for each path parameter."""
    found = [
        re.sub(r"{[^}]+}", "x", context.path)
        for context in iter_route_contexts(app.routes)
        if context.path and "GET" in (context.methods or ())
    ]
    assert {"/v1/drive/files/x", "/v1/drive/signed/x/x", "/bundles/x", "/v1/jobs/x/assets/x"} <= set(found)
    return found


@pytest.mark.parametrize("destination", EMBEDDED)
async def test_no_route_is_served_as_a_script_style_or_frame(
    app: FastAPI, client: httpx.AsyncClient, world: Any, destination: str
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Sec-Fetch-Dest": destination}
    for path in paths_of(app):
        response = await client.get(path, headers=headers)
        assert (response.status_code, error_of(response)["code"]) == (403, "destination_rejected"), path
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["content-type"] == "application/json"


async def test_no_route_is_served_with_a_service_worker_header(
    app: FastAPI, client: httpx.AsyncClient
) -> None:
    for path in paths_of(app):
        response = await client.get(path, headers={"Service-Worker": "script"})
        assert (response.status_code, error_of(response)["destination"]) == (403, "serviceworker"), path


@pytest.mark.parametrize("destination", sorted(ALLOWED))
async def test_allowed_destinations_are_served(
    client: httpx.AsyncClient, world: Any, destination: str
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Sec-Fetch-Dest": destination}
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    assert (await client.get("/sign-in", headers={"Sec-Fetch-Dest": destination})).status_code == 200
