"""Agents of an instance whose files are in Supabase: a subagent writes files, and its caller pulls them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.doubles.messages import MessagesServer, calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import SKILL, bundle
from tests.integration.storage.storage_servers import StorageServer

CHILD = {
    "skills/answer/skill.yaml": SKILL.encode(),
    "skills/answer/prompt.md": b"You answer questions.",
}
COMMAND = "cat pulled/notes/owl.md; ls drive/notes 2>&1"


@pytest.fixture(scope="module")
def upstream() -> Iterator[MessagesServer]:
    with MessagesServer(keys=["the-key"]).running() as server:
        yield server


@pytest.fixture(scope="module")
def running(storage_server_of_module: StorageServer, upstream: MessagesServer) -> Iterator[Running]:
    settings = {
        **storage_server_of_module.settings,
        "ANTHROPIC_API_KEY": "the-key",
        "ANTHROPIC_BASE_URL": upstream.url,
    }
    with instance(PURAS_WORKER_PROCESSES="1", PURAS_WORKER_JOBS="1", **settings) as running:
        with running.client() as client:
            client.push({**bundle(), **CHILD})
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with running.client() as client:
        yield client


def test_agent_pulls_files_that_its_subagent_wrote(
    client: Client, storage_server_of_module: StorageServer, upstream: MessagesServer
) -> None:
    upstream.script = [
        says(calls("run_subagent", target="answer", inputs={"topic": "owls"})),
        says(calls("file_write", path="drive/notes/owl.md", content="seen by the child")),
        says(calls("set_output", **DONE)),
        says(calls("drive_pull", path="drive/notes/owl.md")),
        says(calls("bash", command=COMMAND)),
        says(calls("file_write", path="drive/mine.md", content="of the caller")),
        says(calls("set_output", **DONE)),
    ]
    job = client.run("sum", {"topic": "owls"})
    assert (job["status"], job["error"]) == ("succeeded", None)
    tool_results = [str(body["messages"][-1]["content"][0].get("content")) for body in upstream.bodies]
    assert json.loads(tool_results[3]) == DONE
    assert "pulled/notes/owl.md" in tool_results[4]
    assert tool_results[5].startswith("exit=")
    assert "seen by the child" in tool_results[5]
    drives = storage_server_of_module.objects(storage_server_of_module.buckets.drive)
    stored = {key.partition("/")[2]: content for key, content in drives.items()}
    assert {name: content for name, content in stored.items() if not name.startswith("_jobs/")} == {
        "notes/owl.md": b"seen by the child",
        "mine.md": b"of the caller",
    }
    (child,) = [one for one in client.call("GET", "/v1/jobs") if one["parent_job_id"] == job["id"]]
    assert (child["status"], child["billed_to_job_id"]) == ("succeeded", job["id"])
