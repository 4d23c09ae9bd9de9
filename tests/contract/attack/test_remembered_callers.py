"""Requests for jobs on the fast way, which an instance takes for a caller that it remembers."""

from __future__ import annotations

import json
import socket
import time

import requests

from tests.contract.attack.conftest import World
from tests.contract.attack.world import Headers

RESPONSE_TIMEOUT_S = 12.0


def request_of(world: World) -> dict[str, object]:
    [skill] = world.careless.names["skill"]
    return {"skill": skill, "inputs": {"word": "WORD"}}


def submit(world: World, key: Headers) -> str:
    """Submit a job on the fast way, if the instance remembers the key."""
    response = requests.post(
        f"{world.base_url}/v1/jobs", json=request_of(world), headers=key, timeout=RESPONSE_TIMEOUT_S
    )
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def newest_job(world: World, key: Headers) -> str:
    response = requests.get(
        f"{world.base_url}/v1/jobs", params={"limit": 1}, headers=key, timeout=RESPONSE_TIMEOUT_S
    )
    return str(response.json()[0]["id"])


def test_client_that_leaves_within_the_body_submits_nothing(world: World) -> None:
    key = world.new_key_of(world.careless.id)
    last = [submit(world, key) for _ in range(4)][-1]
    body = json.dumps(request_of(world)).encode()
    head = [
        "POST /v1/jobs HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: {key['Authorization']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body) + 1}",
    ]
    for _ in range(4):
        with socket.create_connection(
            ("127.0.0.1", int(world.base_url.rpartition(":")[2])), RESPONSE_TIMEOUT_S
        ) as client:
            client.sendall("\r\n".join([*head, "", ""]).encode() + body)
            time.sleep(0.1)
    time.sleep(1.0)
    assert newest_job(world, key) == last
