"""Random requests of untrusted callers to each operation in the OpenAPI description."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.auth.rate_limits.sign_ins import MAX_BAD_KEYS
from backend.identity.tables import ApiKey
from tests.chaos.rounds import ROUNDS
from tests.factories.description import openapi
from tests.factories.errors import error_of

SECRET = "the-victims-own-words"
WORDS = [
    "",
    "0",
    "-1",
    "1e999",
    "9" * 40,
    "true",
    "null",
    "default",
    "..x",
    "../../etc/passwd",
    "a" * 3000,
    "'; drop table jobs; --",
    "%s%n",
    "\u202e\U0001f600",
    "00000000-0000-0000-0000-000000000000",
    "2020-02-30T25:00:00Z",
    "W10",
]
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**40,
    1.5,
    [],
    {},
    [[[]]],
    {"a": {"$ref": "#"}},
    "nul\x00",
    "\ud800",
    *WORDS,
]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the OpenAPI description."""

    method: str
    path: str
    parameters: list[dict[str, Any]]
    body: dict[str, Any] | None
    is_open: bool
    """Whether it needs no key: the request contains a signature or the token of a link instead."""


def operations() -> Iterator[Operation]:
    """Yield the operations under `/v1`."""
    spec = openapi()
    for path, methods in spec["paths"].items():
        for method, described in methods.items():
            if path.startswith("/v1/"):
                content = described.get("requestBody", {}).get("content", {})
                schema = content.get("application/json", {}).get("schema", {})
                body = spec["components"]["schemas"].get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
                yield Operation(
                    method.upper(),
                    path,
                    described.get("parameters", []),
                    body if content else None,
                    is_open="security" not in described,
                )


REQUESTS = 4 * ROUNDS
"""The number of random requests of each caller to each operation."""
_OPERATIONS = list(operations())
_IN_GROUP = max(1, MAX_BAD_KEYS // (REQUESTS + 1))
GROUPS = [_OPERATIONS[start : start + _IN_GROUP] for start in range(0, len(_OPERATIONS), _IN_GROUP)]
"""Operations that share a test; the server limits the number of requests with the revoked key in a test."""


def random_request(operation: Operation, dice: random.Random, ids: list[str]) -> dict[str, Any]:
    """Return a request with the form of the operation and random values."""
    path = operation.path
    for one in operation.parameters:
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", quote(dice.choice([*ids, *WORDS[1:]]), safe=""))
    named = [one["name"] for one in operation.parameters if one["in"] == "query" and one["name"] != "wait"]
    query = {name: dice.choice([*WORDS, *ids]) for name in named if dice.random() < 0.5}
    request: dict[str, Any] = {"method": operation.method, "url": path, "params": query}
    if operation.body is not None:
        fields = [*operation.body.get("properties", {}), "another"]
        whole = {name: dice.choice(VALUES) for name in fields if dice.random() < 0.7}
        request["content"] = _json(dice.choice([whole, whole, whole, *VALUES]))
        request["headers"] = {"Content-Type": "application/json"}
    return request


def _json(value: Any) -> bytes:
    import json

    return json.dumps(value).encode()


def with_headers(request: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    return {**request, "headers": {**request.get("headers", {}), **headers}}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group[0].method} {group[0].path} and next")
async def test_random_requests_get_no_access_error_or_data(
    group: list[Operation], client: httpx.AsyncClient, world: Any, database: Database
) -> None:
    victim, other = await world.project(SECRET), await world.project("Other")
    await world.key(victim)
    revoked = await world.key(other)
    async with database.transaction() as session:
        dead = revoked["Authorization"].split("_")[2].split(".")[0]
        await session.execute(update(ApiKey).where(col(ApiKey.prefix) == dead).values(revoked_at=now()))
    keys = {
        "none": {},
        "revoked": revoked,
        "secret": await world.key(other),
        "publishable": await world.key(other, "publishable"),
    }
    for operation in group:
        dice = random.Random(operation.method + operation.path)
        for _ in range(REQUESTS):
            request = random_request(operation, dice, [str(victim.id), victim.slug])
            for kind, headers in keys.items():
                response = await client.request(**with_headers(request, headers))
                check(operation, kind, f"{kind}: {request}", response, victim.slug)


def check(operation: Operation, kind: str, request: str, response: httpx.Response, slug: str) -> None:
    """Check that a response is neither an unexpected error nor contains data of the victim."""
    where = f"{request} -> {response.status_code} {response.text[:300]}"
    assert response.status_code < 500 or response.status_code in (501, 503), where
    assert SECRET not in response.text.replace(slug, ""), where
    if kind in ("none", "revoked"):
        assert operation.is_open or response.status_code == 401, where
    if response.status_code >= 400:
        assert {"detail", "code"} <= set(error_of(response)), where
