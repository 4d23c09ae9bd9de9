"""The `bash` tool of an agent: what commands can and cannot do."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any
from uuid import uuid4

import puras
import pytest

from tests.integration.workspace.conftest import SECRET, OpenAgent, running, until
from workers.agent.types import ToolError
from workers.agent.workspace.command_output import TAIL_CHARACTERS
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation.layers import Layers

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_command_has_the_skill_files_and_the_drive(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    output = await agent.bash(
        "cat references/style.md _inputs.json; echo kept > drive/note; pwd; echo loud >&2; exit 3"
    )
    assert output.startswith("exit=3\n")
    assert 'Write plainly.{"topic": "rain"}' in output
    assert agent.workspace.path_inside in output
    assert (agent.workspace.drive_dir / "note").read_text(encoding="utf-8") == "kept\n"
    assert (agent.recorder.text("stderr"), "Write plainly." in agent.recorder.text("stdout")) == (
        "loud\n",
        True,
    )
    assert [kind for kind, _ in agent.recorder.events].count("sandbox") == 1


async def test_commands_have_the_python_and_the_kit_of_functions(open_agent: OpenAgent) -> None:
    agent = await open_agent(
        "import sys\ndef version():\n    return {'version': sys.version}", tools=[{"name": "version"}]
    )
    output = await agent.bash(
        "python3 -c 'import json, sys; print(json.dumps({\"version\": sys.version}))'; puras --version"
    )
    version, kit = output.removeprefix("exit=0\n").splitlines()
    assert json.loads(version) == json.loads(str((await agent.use("version")).content))
    assert kit == f"puras {puras.__version__}"


async def test_command_output_is_recorded_while_the_command_runs(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    task = asyncio.ensure_future(agent.bash("echo one; while [ ! -e tmp/go ]; do sleep 0.02; done; echo two"))
    await until(lambda: agent.recorder.text("stdout") == "one\n")
    assert not task.done()
    (agent.workspace.folder / "tmp/go").touch()
    assert await task == "exit=0\none\ntwo\n"


async def test_only_files_persist_between_commands(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    assert await agent.bash("cd tmp; x=1; export y=2; echo kept > file; echo here > /tmp/there") == "exit=0\n"
    assert (
        await agent.bash('cat tmp/file tmp/there; echo "$x$y"; pwd')
        == f"exit=0\nkept\nhere\n\n{agent.workspace.path_inside}\n"
    )


async def test_background_processes_end_with_their_command(open_agent: OpenAgent) -> None:
    """Standard error is discarded: a program that starts while the sandbox ends may report missing files."""
    agent = await open_agent()
    mark = f"86400.{uuid4().int % 10**9}"
    output = await agent.bash(
        f"exec 2>/dev/null; sleep {mark} & setsid nohup sleep {mark} >/dev/null & (sleep {mark} &) ; echo away"
    )
    assert output == "exit=0\naway\n"
    assert running(mark) == []


async def test_timeout_ends_a_command_and_all_its_processes(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    mark = f"86400.{uuid4().int % 10**9}"
    result = await agent.use("bash", command=f"echo started; setsid sleep {mark} & sleep {mark}", timeout=1)
    assert not result.ok
    assert str(result.content).startswith("exit=-1\nstarted\n")
    assert "longer than 1 s" in str(result.content)
    assert running(mark) == []


async def test_cancellation_ends_a_command_immediately(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    mark = f"86400.{uuid4().int % 10**9}"
    task = asyncio.ensure_future(agent.bash(f"setsid sleep {mark} & sleep {mark}"))
    await until(lambda: len(running(mark)) >= 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running(mark) == []


async def test_programs_can_create_process_groups(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    assert await agent.bash("timeout 0.1 sleep 30; echo $?; yes | head -1") == "exit=0\n124\ny\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        # Between its limit and the larger limit of its address space, at which `tail` would end by itself.
        ("{ head -c 400000000 /dev/zero; sleep 20; } | tail", "memory"),
        ("head -c 12000000 /dev/zero > a; cp a b; sleep 20", "disk"),
        ("for i in $(seq 40); do sleep 20 & done; wait", "processes"),
        ("b() { b | b & }; b; sleep 20", "processes"),
    ],
)
async def test_command_that_exceeds_a_limit_is_ended_with_a_reason(
    open_agent: OpenAgent, command: str, expected: str
) -> None:
    agent = await open_agent()
    output = await agent.bash(command)
    assert output.startswith("exit=-1\n")
    assert expected in output.rpartition("[ended: ")[2]
    assert await agent.bash("rm -f a b; echo well") == "exit=0\nwell\n"


async def test_long_output_is_truncated_to_its_end(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    output = await agent.bash("head -c 8000000 /dev/zero | tr '\\0' x; echo; echo the end")
    assert output.endswith("x\nthe end\n")
    assert len(output) < TAIL_CHARACTERS + 100
    assert "characters are omitted" in output
    assert sum(len(body["text"]) for kind, body in agent.recorder.events if kind == "log") < 1 << 21


async def test_binary_output_is_accepted(open_agent: OpenAgent) -> None:
    agent = await open_agent()
    output = await agent.bash(r"printf 'a\000b\377\xe2\x82'; printf '\xe2\x82' >&2; kill -9 $$")
    assert output.startswith("exit=137\na")
    assert "\0" not in "".join(body["text"] for kind, body in agent.recorder.events if kind == "log")


async def test_secret_in_a_file_is_redacted_for_the_model(open_agent: OpenAgent) -> None:
    code = "import os\ndef leak():\n    open('leak', 'w').write(os.environ['API_SECRET'])\n    return {}"
    agent = await open_agent(code, tools=[{"name": "leak"}])
    await agent.use("leak")
    before = "x" * (TAIL_CHARACTERS - len(SECRET) // 2 - 1)
    assert SECRET[-8:] not in await agent.bash(f"cat leak; echo -n {before}")
    assert await agent.bash("cat leak") == "exit=0\n[secret]"
    assert SECRET[-8:] not in str((await agent.use("file_read", paths=["leak"])).content)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"command": ""}, {"command": 7}, {"command": "ls", "timeout": 0}, {"command": "ls", "cwd": "/"}],
)
async def test_invalid_arguments_are_rejected_by_name(
    open_agent: OpenAgent, arguments: dict[str, Any]
) -> None:
    agent = await open_agent()
    with pytest.raises(ToolError, match=r"command|timeout|cwd"):
        await agent.use("bash", **arguments)
    with pytest.raises(ToolError, match="file_write"):
        await agent.use("bash", command="x" * 200_000)


ATTACKS = """
import ctypes, json, os, signal, socket
facts = json.load(open("facts.json"))
libc = ctypes.CDLL(None, use_errno=True)
def tried(attempt):
    try:
        return f"OPEN: {attempt()!r}"[:200]
    except (OSError, ValueError) as error:
        return f"closed: {error}"
def connect(family, address):
    with socket.socket(family) as it:
        it.settimeout(2)
        it.connect(address)
found = {f"open {path}": tried(lambda: os.listdir(path) if os.path.isdir(path) else open(path).read())
         for path in facts["paths"]}
found |= {
    "a unix socket": tried(lambda: connect(socket.AF_UNIX, facts["unix"])),
    "a TCP port": tried(lambda: connect(socket.AF_INET, ("127.0.0.1", facts["tcp"]))),
    "the first process's variables": tried(lambda: open("/proc/1/environ").read()),
    "the first process's memory": tried(lambda: open("/proc/1/mem", "rb").read(1)),
    "the first process's descriptors": tried(lambda: os.listdir("/proc/1/fd")),
    "the worker": tried(lambda: os.kill(facts["worker"], 0)),
    "the skill's files": tried(lambda: open("/deployment/skills/helper/SKILL.md", "w")),
    "root": tried(lambda: os.setuid(0)),
    "another root": tried(lambda: os.chroot(".")),
    "other work folders": tried(lambda: os.listdir("/jobs")),
    "another work folder": tried(lambda: os.listdir("/jobs/" + facts["other"])),
    "a descriptor too many": tried(lambda: [n for n in map(int, os.listdir("/proc/self/fd")) if n > 2
                                            and os.readlink(f"/proc/self/fd/{n}")[0] == "/"
                                            and "/proc" not in os.readlink(f"/proc/self/fd/{n}")] or int("none")),
    "a namespace": tried(lambda: libc.unshare(0x10000000) and os.listdir("/not-permitted")),
}
print(json.dumps(found))
"""


async def test_command_cannot_access_the_host_or_other_agents(
    open_agent: OpenAgent, runtime: SandboxRuntime, tmp_path: Path
) -> None:
    if not runtime.shared.is_mounted:
        pytest.skip("mounts are not available on this host")
    agent, path = await open_agent(), tmp_path / "database.sock"
    other = await open_agent(same_skill_as=agent.kind)
    (other.workspace.folder / "private").write_text("of another agent", encoding="utf-8")
    (agent.workspace.folder / "attacks.py").write_text(ATTACKS, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        unix.listen()
        path.chmod(0o777)
        paths = [
            other.workspace.folder,
            other.workspace.folder / "private",
            tmp_path,
            path,
            Path("/etc/shadow"),
            "/root",
        ]
        facts = {"paths": [str(one) for one in paths], "unix": str(path), "tcp": tcp.getsockname()[1]}
        facts |= {"worker": os.getpid(), "other": other.workspace.folder.name}
        (agent.workspace.folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        for name in ("attacks.py", "facts.json"):
            (agent.workspace.folder / name).chmod(0o644)
        output = await agent.bash("env; python3 -I attacks.py || /usr/bin/python3 -I attacks.py")
    found = json.loads(output.strip().rpartition("\n")[2])
    assert {name: answer for name, answer in found.items() if not answer.startswith("closed")} == {}
    assert SECRET not in output
    assert agent.workspace.assignment.token not in output


async def test_command_has_only_the_network_of_the_skill(
    open_agent: OpenAgent, runtime: SandboxRuntime
) -> None:
    if not runtime.shared.is_mounted:
        pytest.skip("this host has no network namespaces")
    ask = (
        'python3 -I -c "import os, urllib.request as u\n'
        "try: print(u.urlopen('http://127.0.0.1:%d/', timeout=5).read())\n"
        "except Exception as error: print('no:', getattr(error, 'read', lambda: error)())\""
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        closed, opened = await open_agent(), await open_agent(network="public")
        assert "no:" in await closed.bash(ask % port)
        assert "no:" in await opened.bash(f"unset no_proxy NO_PROXY; {ask % port}")
    denied = [body for kind, body in opened.recorder.events if kind == "network_refused"]
    assert [body["host"] for body in denied] == ["127.0.0.1"]


@pytest.mark.parametrize("network", ["none", "public"])
async def test_command_can_use_its_own_loopback_interface(
    open_agent: OpenAgent, runtime: SandboxRuntime, network: str
) -> None:
    if not runtime.shared.is_mounted:
        pytest.skip("this host has no network namespaces")
    serve = "cd tmp; echo here > page; python3 -m http.server {port} --bind 127.0.0.1 >log 2>&1 & "
    ask = (
        'python3 -c "import time, urllib.request as u\n'
        "for _ in range(100):\n"
        "    try: print(u.urlopen('http://{host}:{port}/page', timeout=5).read()); break\n"
        "    except OSError as error:\n"
        "        if 'refused' not in str(error): raise\n"
        '        time.sleep(0.05)"\n'
    )
    agent, other = await open_agent(network=network), await open_agent(network=network)
    both = serve.format(port=8123) + "".join(
        ask.format(host=host, port=8123) for host in ("localhost", "127.0.0.1")
    )
    first, second = await asyncio.gather(agent.bash(both), other.bash(both))
    assert first == second == "exit=0\n" + 2 * "b'here\\n'\n"
    assert not [body for kind, body in agent.recorder.events if kind == "network_refused"]
    held = asyncio.ensure_future(
        agent.bash(serve.format(port=8124) + "while [ ! -e go ]; do sleep 0.02; done")
    )
    once = ask.format(host="127.0.0.1", port=8124).replace("range(100)", "range(3)")
    assert await other.bash(once) == "exit=0\n"  # the port of another command cannot be reached
    (agent.workspace.folder / "tmp/go").touch()
    await held


async def test_sandbox_start_failure_does_not_reveal_host_paths(
    open_agent: OpenAgent, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho /the/machines/own/path >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    layers = Layers(broken, 0, False)
    runtime = SandboxRuntime(
        tmp_path / "home", sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=64, layers=layers
    )
    agent = await open_agent(runtime=runtime)
    with pytest.raises(ToolError, match="ended before it started"):
        await agent.bash("true")
    assert "/the/machines" not in str(agent.recorder.events)
    await agent.workspace.close()
    await runtime.close()
