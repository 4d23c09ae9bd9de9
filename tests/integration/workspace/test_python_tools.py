"""Python functions of a skill as tools of its agent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from backend.skills.manifest.types import Skill
from tests.integration.workspace.conftest import OpenAgent, running, until, write_skill
from workers.agent.types import ToolError
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.layers import Layers
from workers.types import Assignment

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODE = """
import os, subprocess, sys, time
from urllib import request

def world():
    open("made-by-tool", "w").write("from the tool")
    return {name: os.environ.get(name) for name in
            ("API_SECRET", "PURAS_SERVICE_TOKEN", "PURAS_JOB_ID", "PURAS_IDEMPOTENCY_KEY", "PWD")} | {
            "cwd": os.getcwd(), "note": open("note").read(), "style": open("references/style.md").read()}

def measure(size, tags, more=None):
    return {"area": size["w"] * size["h"], "tags": tags, "hidden": "not declared"}

def fail():
    raise ValueError("the oven is cold")

def use(what):
    if what == "memory":
        held = b"x" * (300 << 20)
        time.sleep(20)
    if what == "processes":
        for _ in range(40):
            subprocess.Popen(["sleep", "20"])
        time.sleep(20)
    if what == "output":
        return "x" * (2 << 20)
    if what == "exit":
        os._exit(3)

def sleep(mark):
    subprocess.run(["sleep", mark])

def image():
    return {"shown": [{"drive_path": "out/a.png"}], "heard": {"drive_path": "out/b.mp3"}}

def call_home(wait):
    while wait and not os.path.exists("go"):
        time.sleep(0.01)
    asked = request.Request(os.environ["PURAS_API_BASE"] + "/v1/drive/sign", data=b"{}",
                            headers={"X-Puras-Service-Token": os.environ["PURAS_SERVICE_TOKEN"]})
    return request.urlopen(asked, timeout=5).status

async def late():
    return os.getpid()

def look(path):
    return os.listdir(path)
"""
SIZE = {
    "type": "object",
    "properties": {"w": {"type": "number"}, "h": {"type": "number"}},
    "required": ["w", "h"],
}
TOOLS: list[dict[str, Any]] = [
    {"name": "world"},
    {
        "name": "measure",
        "input_schema": {
            "type": "object",
            "properties": {
                "size": SIZE,
                "tags": {"type": "array", "items": {"type": "string"}, "default": []},
            },
            "required": ["size"],
        },
        "output_schema": {
            "type": "object",
            "properties": {"area": {"type": "number"}, "tags": {"type": "array"}},
        },
    },
    {"name": "fail"},
    {"name": "use", "input_schema": {"type": "object", "properties": {"what": {"type": "string"}}}},
    {"name": "sleep", "input_schema": {"type": "object", "properties": {"mark": {"type": "string"}}}},
    {
        "name": "image",
        "output_schema": {"type": "object", "properties": {"shown": {}, "heard": {}, "missing": {}}},
    },
    {
        "name": "image_whole",
        "entrypoint": "tools.py:image",
        "output_schema": {"type": "object", "properties": {"shown": {}, "heard": {}}},
    },
    {"name": "call_home", "input_schema": {"type": "object", "properties": {"wait": {"type": "boolean"}}}},
    {"name": "look", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}},
    {"name": "late"},
    {"name": "gone"},
    {"name": "absent", "entrypoint": "nowhere.py:absent"},
]


Kind = tuple[Assignment, Skill]


@pytest.fixture(scope="module")
def kind(tmp_path_factory: pytest.TempPathFactory) -> Kind:
    """Write the skill that most agents use, so that its zygote starts only once."""
    return write_skill(tmp_path_factory.mktemp("skill"), CODE, TOOLS)


async def test_tool_has_the_work_folder_secrets_and_an_idempotency_key(
    open_agent: OpenAgent, kind: Kind
) -> None:
    agent = await open_agent(same_skill_as=kind)
    await agent.bash("echo -n from a command > note")
    result = json.loads(str((await agent.use("world")).content))
    assert (result["cwd"], result["PWD"], result["note"]) == (
        agent.workspace.path_inside,
        agent.workspace.path_inside,
        "from a command",
    )
    assert result["style"] == "Write plainly."
    assert result["API_SECRET"] == "[secret]"  # the tool has the value, and the model receives it redacted
    assert result["PURAS_SERVICE_TOKEN"] == agent.workspace.assignment.token
    assert result["PURAS_IDEMPOTENCY_KEY"].startswith("job:1:")
    assert await agent.bash("cat made-by-tool") == "exit=0\nfrom the tool"


async def test_arguments_get_defaults_and_undeclared_outputs_are_removed(
    open_agent: OpenAgent, kind: Kind
) -> None:
    agent = await open_agent(same_skill_as=kind)
    assert str((await agent.use("late")).content).isdecimal()
    result = await agent.use("measure", size='{"w": 2, "h": 3}')
    assert json.loads(str(result.content)) == {"area": 6, "tags": []}
    media = (await agent.use("image_whole")).details["media"]
    assert media == [
        {"drive_path": "out/a.png", "kind": "image"},
        {"drive_path": "out/b.mp3", "kind": "audio"},
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("measure", {}, "size"),
        ("measure", {"size": {"w": 1}}, r"size"),
        ("measure", {"size": "{broken"}, "size"),
        ("measure", {"size": {"w": 1, "h": 1}, "surprise": 1}, "surprise"),
        ("image", {}, "output_schema"),
        ("fail", {}, "ValueError: the oven is cold"),
        ("absent", {}, "nowhere.py"),
        ("gone", {}, "has no function 'gone'"),
        ("use", {"what": "memory"}, "memory"),
        ("use", {"what": "processes"}, "processes"),
        ("use", {"what": "output"}, "larger than|its limit is"),
        ("use", {"what": "exit"}, "exit code 3"),
    ],
)
async def test_tool_errors_are_returned_to_the_model(
    open_agent: OpenAgent, kind: Kind, name: str, arguments: dict[str, Any], expected: str
) -> None:
    agent = await open_agent(same_skill_as=kind)
    with pytest.raises(ToolError, match=expected):
        await agent.use(name, **arguments)
    assert (await agent.use("measure", size={"w": 1, "h": 1})).ok


async def test_cancellation_ends_a_tool_call_immediately(open_agent: OpenAgent, kind: Kind) -> None:
    agent = await open_agent(same_skill_as=kind)
    mark = f"86400.{uuid4().int % 10**9}"
    task = asyncio.ensure_future(agent.use("sleep", mark=mark))
    await until(lambda: bool(running(mark)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not running(mark))


async def test_agents_of_a_skill_share_zygotes_but_not_folders(
    open_agent: OpenAgent, kind: Kind, runtime: SandboxRuntime
) -> None:
    if not runtime.layers.landlock_abi:
        pytest.skip("this kernel has no Landlock")
    one = await open_agent(same_skill_as=kind)
    other = await open_agent(same_skill_as=one.kind)
    before = len(runtime.pool._zygotes)
    listed = [json.loads(str((await agent.use("look", path=".")).content)) for agent in (one, other)]
    assert "SKILL.md" in listed[0]
    assert len(runtime.pool._zygotes) <= before + 1
    for path in (
        other.workspace.path_inside,
        f"{other.workspace.path_inside}/tmp",
        str(Path(one.workspace.path_inside).parent),
    ):
        with pytest.raises(ToolError, match="PermissionError"):
            await one.use("look", path=path)


@pytest_asyncio.fixture(loop_scope="module")
async def runtime_with_api(tmp_path: Path) -> AsyncIterator[SandboxRuntime]:
    """Open a runtime with an API that accepts every request."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    opened = SandboxRuntime(
        tmp_path / "home", sandbox="auto", api_base=f"http://127.0.0.1:{port}", idle_s=60, pool_mb=512
    )
    yield opened
    await opened.close()
    server.close()
    await server.wait_closed()


async def test_token_is_valid_until_the_last_concurrent_call_ends(
    open_agent: OpenAgent, runtime_with_api: SandboxRuntime
) -> None:
    agent = await open_agent(CODE, tools=TOOLS, runtime=runtime_with_api)
    slow = asyncio.ensure_future(agent.use("call_home", wait=True))
    assert (await agent.use("call_home", wait=False)).content == "200"
    (agent.workspace.folder / "go").touch()
    assert (await slow).content == "200"
    await agent.workspace.close()


async def test_staged_drive_is_usable_and_complete_at_the_end(open_agent: OpenAgent, tmp_path: Path) -> None:
    agent = await open_agent(CODE, tools=TOOLS, has_staged_drive=True)
    drive = agent.workspace.assignment.drive_dir
    assert not drive.exists()
    await agent.bash("echo kept > drive/from-bash")
    assert json.loads(str((await agent.use("look", path="drive")).content)) == ["from-bash"]
    await agent.use("file_write", path="drive/sub/from-file", content="kept")
    await agent.workspace.close()
    assert agent.workspace.is_drive_complete
    assert sorted(str(path.relative_to(drive)) for path in drive.rglob("*")) == [
        "from-bash",
        "sub",
        "sub/from-file",
    ]


async def test_staged_drive_that_was_replaced_is_reported(open_agent: OpenAgent) -> None:
    agent = await open_agent(CODE, tools=TOOLS, has_staged_drive=True)
    await agent.bash("mv drive gone; ln -s /etc drive")
    with pytest.raises(ToolError, match=r"link|folder"):
        await agent.use("file_read", paths=["drive/passwd"])
    await agent.workspace.close()
    assert not agent.workspace.is_drive_complete


async def test_strict_mode_rejects_agents_on_an_unconfined_host(
    open_agent: OpenAgent, tmp_path: Path
) -> None:
    bare = Layers(None, 0, False, ("nothing is here",))
    runtime = SandboxRuntime(
        tmp_path / "home", sandbox="strict", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=64, layers=bare
    )
    with pytest.raises(SandboxUnavailable, match="strict"):
        await open_agent(runtime=runtime)
    await runtime.close()
