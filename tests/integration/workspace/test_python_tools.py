"""A skill's own functions as tools of its agent."""

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
from tests.integration.workspace.conftest import OpenAgent, running, until, written
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

def picture():
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
        "name": "picture",
        "output_schema": {"type": "object", "properties": {"shown": {}, "heard": {}, "missing": {}}},
    },
    {
        "name": "picture_whole",
        "entrypoint": "tools.py:picture",
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
    """One skill for all agents that need no other: its warm parent is started once."""
    return written(tmp_path_factory.mktemp("skill"), CODE, TOOLS)


async def test_tool_has_the_work_folder_secrets_and_an_idempotency_key(agent: OpenAgent, kind: Kind) -> None:
    it = await agent(beside=kind)
    await it.bash("echo -n from a command > note")
    told = json.loads(str((await it.use("world")).content))
    assert (told["cwd"], told["PWD"], told["note"]) == (
        it.room.path_inside,
        it.room.path_inside,
        "from a command",
    )
    assert told["style"] == "Write plainly."
    assert told["API_SECRET"] == "[secret]"  # it had it, and the model does not get it
    assert told["PURAS_SERVICE_TOKEN"] == it.room.assignment.token
    assert told["PURAS_IDEMPOTENCY_KEY"].startswith("job:1:")
    assert await it.bash("cat made-by-tool") == "exit=0\nfrom the tool"


async def test_arguments_get_defaults_and_undeclared_outputs_are_removed(
    agent: OpenAgent, kind: Kind
) -> None:
    it = await agent(beside=kind)
    assert str((await it.use("late")).content).isdecimal()
    result = await it.use("measure", size='{"w": 2, "h": 3}')
    assert json.loads(str(result.content)) == {"area": 6, "tags": []}
    media = (await it.use("picture_whole")).details["media"]
    assert media == [
        {"drive_path": "out/a.png", "kind": "image"},
        {"drive_path": "out/b.mp3", "kind": "audio"},
    ]


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("measure", {}, "size"),
        ("measure", {"size": {"w": 1}}, r"size"),
        ("measure", {"size": "{broken"}, "size"),
        ("measure", {"size": {"w": 1, "h": 1}, "surprise": 1}, "surprise"),
        ("picture", {}, "output_schema"),
        ("fail", {}, "ValueError: the oven is cold"),
        ("absent", {}, "nowhere.py"),
        ("gone", {}, "has no function 'gone'"),
        ("use", {"what": "memory"}, "memory"),
        ("use", {"what": "processes"}, "processes"),
        ("use", {"what": "output"}, "larger than|more than its limit"),
        ("use", {"what": "exit"}, "exit code 3"),
    ],
)
async def test_tool_errors_are_returned_to_the_model(
    agent: OpenAgent, kind: Kind, name: str, given: dict[str, Any], says: str
) -> None:
    it = await agent(beside=kind)
    with pytest.raises(ToolError, match=says):
        await it.use(name, **given)
    assert (await it.use("measure", size={"w": 1, "h": 1})).ok


async def test_cancellation_ends_a_tool_call_immediately(agent: OpenAgent, kind: Kind) -> None:
    it = await agent(beside=kind)
    mark = f"86400.{uuid4().int % 10**9}"
    task = asyncio.ensure_future(it.use("sleep", mark=mark))
    await until(lambda: bool(running(mark)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not running(mark))


async def test_agents_of_a_skill_share_zygotes_but_not_folders(
    agent: OpenAgent, kind: Kind, runtime: SandboxRuntime
) -> None:
    if not runtime.layers.landlock_abi:
        pytest.skip("this kernel has no Landlock")
    one = await agent(beside=kind)
    other = await agent(beside=one.kind)
    before = len(runtime.pool._zygotes)
    listed = [json.loads(str((await it.use("look", path=".")).content)) for it in (one, other)]
    assert "SKILL.md" in listed[0]
    assert len(runtime.pool._zygotes) <= before + 1
    for path in (
        other.room.path_inside,
        f"{other.room.path_inside}/tmp",
        str(Path(one.room.path_inside).parent),
    ):
        with pytest.raises(ToolError, match="PermissionError"):
            await one.use("look", path=path)


@pytest_asyncio.fixture(loop_scope="module")
async def listening_house(tmp_path: Path) -> AsyncIterator[SandboxRuntime]:
    """A house whose jobs reach an API that says yes to everything."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    opened = SandboxRuntime(
        tmp_path / "home", sandbox="auto", api_base=f"http://127.0.0.1:{port}", idle_s=60, pool_mb=512
    )
    yield opened
    await opened.close()
    server.close()
    await server.wait_closed()


async def test_token_is_valid_until_the_last_concurrent_call_ends(
    agent: OpenAgent, listening_house: SandboxRuntime
) -> None:
    it = await agent(CODE, tools=TOOLS, runtime=listening_house)
    slow = asyncio.ensure_future(it.use("call_home", wait=True))
    assert (await it.use("call_home", wait=False)).content == "200"
    (it.room.folder / "go").touch()
    assert (await slow).content == "200"
    await it.room.close()


async def test_staged_drive_is_usable_and_complete_at_the_end(agent: OpenAgent, tmp_path: Path) -> None:
    it = await agent(CODE, tools=TOOLS, has_staged_drive=True)
    drive = it.room.assignment.drive_dir
    assert not drive.exists()
    await it.bash("echo kept > drive/from-bash")
    assert json.loads(str((await it.use("look", path="drive")).content)) == ["from-bash"]
    await it.use("file_write", path="drive/sub/from-file", content="kept")
    await it.room.close()
    assert it.room.is_drive_complete
    assert sorted(str(path.relative_to(drive)) for path in drive.rglob("*")) == [
        "from-bash",
        "sub",
        "sub/from-file",
    ]


async def test_staged_drive_that_was_replaced_is_reported(agent: OpenAgent) -> None:
    it = await agent(CODE, tools=TOOLS, has_staged_drive=True)
    await it.bash("mv drive gone; ln -s /etc drive")
    with pytest.raises(ToolError, match=r"link|folder"):
        await it.use("file_read", paths=["drive/passwd"])
    await it.room.close()
    assert not it.room.is_drive_complete


async def test_strict_mode_rejects_agents_on_an_unconfined_host(agent: OpenAgent, tmp_path: Path) -> None:
    bare = Layers(None, 0, False, ("nothing is here",))
    runtime = SandboxRuntime(
        tmp_path / "home", sandbox="strict", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=64, layers=bare
    )
    with pytest.raises(SandboxUnavailable, match="strict"):
        await agent(runtime=runtime)
    await runtime.close()
