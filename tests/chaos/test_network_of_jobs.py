"""The network of a skill in a whole instance: what its jobs are refused stands in their events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running

pytestmark = pytest.mark.chaos

SKILLS = {
    "skills/asks/skill.yaml": b"""\
entrypoint: main.py:run
description: Asks an address.
network: [api.example.org, '*.example.com:8443']
input_schema: {type: object, properties: {url: {type: string}}}
output_schema: {type: object, properties: {said: {type: string}}}
""",
    "skills/asks/main.py": b"""\
import puras
from puras.inputs import InputError


def run(url):
    try:
        puras.load_bytes(url)
    except InputError as error:
        return {"said": str(error)}
    return {"said": "it answered"}
""",
}


@pytest.fixture(scope="module")
def asking(running: Running) -> Iterator[Client]:
    """A project of its own, with the skill that asks."""
    with running.client(running.add_project()) as client:
        pushed = client.push(SKILLS)
        assert pushed["warnings"] == []
        yield client


def test_a_refusal_is_told_to_the_function_and_stands_in_the_events_of_its_job(asking: Client) -> None:
    job = asking.run("asks", {"url": "https://secret-place.example.net/path?key=word"})
    assert job["status"] == "succeeded", job["error"]
    assert "add 'secret-place.example.net' to network: in skill.yaml" in job["result"]["said"]
    told = _events(asking, job)
    assert told["sandbox"]["network"] == ["api.example.org", "*.example.com:8443"]
    assert told["network_refused"]["host"] == "secret-place.example.net"
    assert (told["network_refused"]["port"], told["network_refused"]["reason"]) == (443, "host_not_listed")
    assert "word" not in str(told["network_refused"])
    assert told["network"] == {"connections": 0, "refused": 1, "sent_bytes": 0, "received_bytes": 0}


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/v1/jobs",
        "http://[::1]:{port}/v1/jobs",
        "http://0x7f000001:{port}/",
        "http://x.localhost/",
    ],
)
def test_the_instance_itself_is_not_reached_through_the_proxy(
    running: Running, asking: Client, url: str
) -> None:
    job = asking.run("asks", {"url": url.format(port=running.port)})
    assert job["status"] == "succeeded", job["error"]
    assert "it answered" not in job["result"]["said"]
    assert _events(asking, job)["network_refused"]["reason"] in (
        "address_not_public",
        "malformed",
        "host_not_listed",
    )


def _events(client: Client, job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {event["type"]: event["payload"] for event in client.call("GET", f"/v1/jobs/{job['id']}/events")}
