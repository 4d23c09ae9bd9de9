"""What no description generates: headers and bodies that are wrong in their bytes."""

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

PATIENCE_S = 12.0  # less than a heartbeat of a stream takes to come
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


def owned(world: World, method: str, path: str, **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {world.careless.owner.api_key}", **more.pop("headers", {})}
    return requests.request(
        method, world.base_url + path, headers=headers, timeout=PATIENCE_S, allow_redirects=False, **more
    )


def assert_ours(answer: requests.Response) -> None:
    where = f"{answer.request.url} {answer.request.headers} -> {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, where
    if answer.status_code >= 400 and answer.headers.get("content-type") == "application/json":
        assert {"detail", "code"} <= set(answer.json()), where


@pytest.mark.parametrize("after", [0, 1, 3, 10_000, 2**31 - 1])
def test_a_stream_ends_for_who_has_seen_the_end_already(world: World, after: int) -> None:
    path = f"/v1/jobs/{world.careless.names['job_id'][0]}/stream"
    answer = owned(world, "GET", path, headers={"Last-Event-ID": str(after)})
    assert answer.status_code == 200, answer.text
    assert answer.text.endswith("event: end\ndata: {}\n\n")


@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "Last-Event-ID", "Range", "X-Puras-Project", "X-Request-Id"]
)
def test_a_header_of_any_bytes_is_taken_or_refused(world: World, name: str) -> None:
    job, file = world.careless.names["job_id"][0], world.careless.names["path"][0]
    for value in HOSTILE:
        headers = {name: value}
        for path in (f"/v1/jobs/{job}/stream", f"/v1/drive/files/{file}", "/v1/me"):
            assert_ours(owned(world, "GET", path, headers=headers))
        assert_ours(owned(world, "POST", "/v1/skillpacks", json={"name": "", "slug": "!"}, headers=headers))


@pytest.mark.parametrize("path", ["/v1/deployments/validate", "/v1/deployments", "/v1/drive/upload"])
def test_a_form_of_any_bytes_is_taken_or_refused(world: World, path: str) -> None:
    dice = random.Random(path)
    for body, kind in forms(dice, 12 * ROUNDS):
        assert_ours(owned(world, "POST", path, data=body, headers={"Content-Type": kind}))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer  ", "Basic", ""])
def test_credentials_of_any_bytes_are_a_401(world: World, scheme: str) -> None:
    for value in HOSTILE:
        headers = {"Authorization": (scheme.encode() + b" " + value).strip()}
        for path in ("/v1/me", "/v1/jobs"):
            answer = requests.get(world.base_url + path, headers=headers, timeout=PATIENCE_S)
            assert answer.status_code in (400, 401, 429), answer.text  # 400: no header that HTTP knows


def forms(dice: random.Random, how_many: int) -> Iterator[tuple[bytes, str]]:
    """Forms that were good, and are damaged in their bytes or their type."""
    for _ in range(how_many):
        good, kind = form(BUNDLE)
        body = bytearray(good)
        for _ in range(dice.randint(0, 4)):
            at = dice.randrange(min(len(body), 250))
            action = dice.randrange(4)
            if action == 0:
                body[at] = dice.randrange(256)
            elif action == 1:
                del body[at : at + dice.randint(1, 60)]
            elif action == 2:
                body[at:at] = dice.choice(
                    [b"\r\n", b"--", b'"', b"\x00", b";" * 3_000, b"name=", b"\xff\xfe"]
                )
            else:
                body += body[: dice.randint(1, 400)]
        yield (
            bytes(body),
            dice.choice([kind, kind, kind, kind[:-8], "multipart/form-data", kind + "; charset=x"]),
        )
