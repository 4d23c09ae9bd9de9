"""The network of a skill in a complete instance: the events of a job contain its rejected connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running

pytestmark = pytest.mark.chaos

SKILLS = {
    "skills/fetch/skill.yaml": b"""\
entrypoint: main.py:run
description: Fetches a URL.
network: [api.example.org, '*.example.com:8443']
input_schema: {type: object, properties: {url: {type: string}}}
output_schema: {type: object, properties: {message: {type: string}}}
""",
    "skills/fetch/main.py": b"""\
import puras
from puras.inputs import InputError


def run(url):
    try:
        puras.load_bytes(url)
    except InputError as error:
        return {"message": str(error)}
    return {"message": "it responded"}
""",
}


@pytest.fixture(scope="module")
def fetcher(running: Running) -> Iterator[Client]:
    """Create a project with the skill that fetches URLs."""
    with running.client(running.add_project()) as client:
        pushed = client.push(SKILLS)
        assert pushed["warnings"] == []
        yield client


def test_rejected_connection_is_reported_to_function_and_in_events(fetcher: Client) -> None:
    job = fetcher.run("fetch", {"url": "https://secret-place.example.net/path?key=word"})
    assert job["status"] == "succeeded", job["error"]
    assert "add 'secret-place.example.net' to network: in skill.yaml" in job["result"]["message"]
    events = _events(fetcher, job)
    assert events["sandbox"]["network"] == ["api.example.org", "*.example.com:8443"]
    assert events["network_refused"]["host"] == "secret-place.example.net"
    assert (events["network_refused"]["port"], events["network_refused"]["reason"]) == (
        443,
        "host_not_listed",
    )
    assert "word" not in str(events["network_refused"])
    assert events["network"] == {"connections": 0, "refused": 1, "sent_bytes": 0, "received_bytes": 0}


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/v1/jobs",
        "http://[::1]:{port}/v1/jobs",
        "http://0x7f000001:{port}/",
        "http://x.localhost/",
    ],
)
def test_instance_is_unreachable_through_the_proxy(running: Running, fetcher: Client, url: str) -> None:
    job = fetcher.run("fetch", {"url": url.format(port=running.port)})
    assert job["status"] == "succeeded", job["error"]
    assert "it responded" not in job["result"]["message"]
    assert _events(fetcher, job)["network_refused"]["reason"] in (
        "address_not_public",
        "malformed",
        "host_not_listed",
    )


def _events(client: Client, job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {event["type"]: event["payload"] for event in client.call("GET", f"/v1/jobs/{job['id']}/events")}
