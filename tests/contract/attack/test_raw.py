"""Requests that the description cannot generate: headers and bodies with invalid bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from benchmarks.client import form
from tests.chaos.rounds import ROUNDS
from tests.contract.attack.cases import BUNDLE
from tests.contract.attack.conftest import World

RESPONSE_TIMEOUT_S = 12.0  # shorter than the interval of heartbeats of a stream
HOSTILE = [
    b"",
    b"-1",
    b"0",
    b"9" * 400,
    b"1e999",
    b"\xc3\xa9\xff",
    b"a" * 256,
    b"a" * 8_000,
    b"%00",
    b"../../x",
    b"' or 1=1 --",
    b"bytes=0-,5-" + b"1," * 500,
    b"bytes=-",
    b"{{7*7}}",
    b"\x7f\x01",
    b'W/"x"',
    b"*",
]


def request_as_owner(world: World, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {world.careless.owner.api_key}", **more.pop("headers", {})}
    return requests.request(
        method,
        world.base_url + path,
        headers=headers,
        timeout=RESPONSE_TIMEOUT_S,
        allow_redirects=False,
        **more,
    )


def assert_valid_response(response: requests.Response) -> None:
    where = (
        f"{response.request.url} {response.request.headers} -> {response.status_code} {response.text[:300]}"
    )
    assert response.status_code < 500, where
    if response.status_code >= 400 and response.headers.get("content-type") == "application/json":
        assert {"detail", "code"} <= set(response.json()), where


@pytest.mark.parametrize("after", [0, 1, 3, 10_000, 2**31 - 1])
def test_stream_ends_for_a_client_that_has_seen_its_end(world: World, after: int) -> None:
    path = f"/v1/jobs/{world.careless.names['job_id'][0]}/stream"
    response = request_as_owner(world, "GET", path, headers={"Last-Event-ID": str(after)})
    assert response.status_code == 200, response.text
    assert response.text.endswith("event: end\ndata: {}\n\n")


@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "Last-Event-ID", "Range", "X-Puras-Project", "X-Request-Id"]
)
def test_header_of_any_bytes_is_accepted_or_rejected(world: World, name: str) -> None:
    job, file = world.careless.names["job_id"][0], world.careless.names["path"][0]
    for value in HOSTILE:
        headers = {name: value}
        for path in (f"/v1/jobs/{job}/stream", f"/v1/drive/files/{file}", "/v1/me"):
            assert_valid_response(request_as_owner(world, "GET", path, headers=headers))
        assert_valid_response(
            request_as_owner(world, "POST", "/v1/skillpacks", json={"name": "", "slug": "!"}, headers=headers)
        )


@pytest.mark.parametrize("path", ["/v1/deployments/validate", "/v1/deployments", "/v1/drive/upload"])
def test_form_of_any_bytes_is_accepted_or_rejected(world: World, path: str) -> None:
    rng = random.Random(path)
    for body, kind in forms(rng, 12 * ROUNDS):
        assert_valid_response(
            request_as_owner(world, "POST", path, data=body, headers={"Content-Type": kind})
        )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer  ", "Basic", ""])
def test_credentials_of_any_bytes_get_401(world: World, scheme: str) -> None:
    for value in HOSTILE:
        headers = {"Authorization": (scheme.encode() + b" " + value).strip()}
        for path in ("/v1/me", "/v1/jobs"):
            response = requests.get(world.base_url + path, headers=headers, timeout=RESPONSE_TIMEOUT_S)
            assert response.status_code in (400, 401, 429), response.text  # 400: not a valid HTTP header


def forms(rng: random.Random, count: int) -> Iterator[tuple[bytes, str]]:
    """Yield valid forms that are then damaged in their bytes or their content type."""
    for _ in range(count):
        good, kind = form(BUNDLE)
        body = bytearray(good)
        for _ in range(rng.randint(0, 4)):
            at = rng.randrange(min(len(body), 250))
            action = rng.randrange(4)
            if action == 0:
                body[at] = rng.randrange(256)
            elif action == 1:
                del body[at : at + rng.randint(1, 60)]
            elif action == 2:
                body[at:at] = rng.choice([b"\r\n", b"--", b'"', b"\x00", b";" * 3_000, b"name=", b"\xff\xfe"])
            else:
                body += body[: rng.randint(1, 400)]
        yield (
            bytes(body),
            rng.choice([kind, kind, kind, kind[:-8], "multipart/form-data", kind + "; charset=x"]),
        )
