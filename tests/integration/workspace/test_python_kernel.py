"""The `python` tool: a persistent kernel in the sandbox of the agent, isolated from the outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.integration.workspace.conftest import SECRET, Agent, OpenAgent
from workers.agent.tools.python_kernel import NAME, PythonKernel
from workers.agent.types import ToolCall, ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Kernel:
    """The `python` tool in the workspace of one agent."""

    def __init__(self, agent: Agent, earlier: list[dict[str, Any]] | None = None) -> None:
        self.agent = agent
        self._tool = PythonKernel(False, lambda: earlier or [])

    async def result(self, code: str, **arguments: Any) -> ToolResult:
        call = ToolCall(uuid4().hex, NAME, {"code": code, **arguments}, 1, "job")
        return await self._tool.run(call, self.agent.workspace)

    async def __call__(self, code: str, **arguments: Any) -> str:
        content = (await self.result(code, **arguments)).content
        assert isinstance(content, str)
        return content


@pytest_asyncio.fixture(loop_scope="module")
async def python(open_agent: OpenAgent) -> AsyncIterator[Kernel]:
    yield Kernel(await open_agent())


async def test_variables_persist_between_calls_and_the_last_value_is_returned(python: Kernel) -> None:
    assert await python("import math\nx = 20") == "(it printed nothing)"
    assert await python("print('hi')\nx + math.floor(1.5)") == "hi\n21"
    assert python.agent.recorder.text("stdout") == "hi\n21\n"


async def test_error_returns_its_traceback_and_the_kernel_continues(python: Kernel) -> None:
    await python("x = 1")
    failed = await python.result("1 / 0")
    assert not failed.ok
    assert "ZeroDivisionError" in str(failed.content)
    assert await python("x") == "1"


async def test_rich_outputs_are_stored_in_the_drive(python: Kernel) -> None:
    result = await python.result(
        "from IPython.display import display, HTML, Image\n"
        "import base64\n"
        "display(HTML('<b>hello</b>'))\n"
        "display(Image(data=base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYPhfDwAChwGA60"
        "e6kgAAAABJRU5ErkJggg=='), format='png'))"
    )
    media = result.details["media"]
    assert [one["kind"] for one in media] == ["file", "image"]
    drive = python.agent.workspace.drive_dir
    html, png = (drive / one["drive_path"] for one in media)
    assert html.read_text() == "<b>hello</b>"
    assert png.read_bytes().startswith(b"\x89PNG")
    assert all(f"drive/{one['drive_path']}" in str(result.content) for one in media)


async def test_kernel_and_commands_share_folder_skill_and_drive(open_agent: OpenAgent) -> None:
    python = Kernel(await open_agent("def two():\n    return 2\n"))
    await python.agent.bash("echo from-bash > note.txt; echo in-drive > drive/a.txt")
    assert await python("open('note.txt').read() + open('drive/a.txt').read()") == "'from-bash\\nin-drive\\n'"
    assert await python("import tools, puras; tools.two()") == "2"
    assert (await python.agent.bash("cat made.txt")).strip().endswith("No such file or directory")
    await python("open('made.txt', 'w').write('by python')")
    assert "by python" in await python.agent.bash("cat made.txt")


async def test_kernel_has_no_secrets_and_its_output_is_redacted(
    open_agent: OpenAgent,
) -> None:
    python = Kernel(await open_agent(secrets={"API_TOKEN": SECRET}))
    assert "API_TOKEN" not in await python("import os; sorted(os.environ)")
    assert "PURAS_SERVICE_TOKEN" not in await python("sorted(os.environ)")
    shown = await python(f"print('{SECRET[:8]}' + '{SECRET[8:]}')")
    assert SECRET not in shown


async def test_cell_timeout_interrupts_and_keeps_the_variables(python: Kernel) -> None:
    await python("x = 7")
    result = await python.result("import time\ntime.sleep(60)", timeout=1)
    assert result.details["end"] == "interrupted"
    assert "was interrupted" in str(result.content)
    assert await python("x") == "7"


async def test_cell_that_ignores_the_interrupt_replaces_the_kernel(
    python: Kernel,
) -> None:
    await python("kept = 'gone soon'")
    code = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    result = await python.result(code, timeout=1)
    assert result.details["end"] == "killed"
    reply = await python.result("kept")
    assert "The kernel was replaced" in str(reply.content)
    assert "kept = 'gone soon'" in str(reply.content)
    assert "NameError" in str(reply.content)
    assert "The kernel was replaced" not in await python("1")


async def test_dead_kernel_is_reported_and_the_next_call_starts_a_new_one(python: Kernel) -> None:
    result = await python.result("import os; os._exit(3)")
    assert result.details["end"] == "died"
    assert (await python("2 + 2")).endswith("\n4")


async def test_kernel_that_exceeds_the_memory_limit_is_ended(python: Kernel) -> None:
    result = await python.result("hog = bytearray(900 << 20)\nimport time; time.sleep(5)\nlen(hog)")
    assert not result.ok
    assert "MemoryError" in str(result.content) or "memory" in str(result.content)


async def test_new_kernel_of_a_resumed_agent_lists_the_earlier_cells(open_agent: OpenAgent) -> None:
    python = Kernel(await open_agent(), [{"code": "table = load()"}, {"code": "x" * 5000}])
    reply = await python("1 + 1")
    assert "# cell 1\ntable = load()" in reply
    assert "# … (cut)" in reply
    assert reply.endswith("\n2")


async def test_kernel_cannot_be_accessed_from_outside_its_sandbox(open_agent: OpenAgent) -> None:
    python = Kernel(await open_agent())
    other = Kernel(await open_agent(same_skill_as=python.agent.kind))
    look = "import glob; sorted(glob.glob('/dev/shm/k*/*') + glob.glob('/tmp/**/*.json', recursive=True))"
    assert "/s-1" in await python(look), "the test looks for the sockets in the right folder"
    own, others = await python("glob.glob('/dev/shm/k*')[0]"), await other(look)
    assert own.strip("'") not in others, "the kernel of another agent cannot see the socket folder"
    assert "c.json" not in await python.agent.bash("ls -R /dev/shm /tmp/ 2>/dev/null"), (
        "commands of the same agent cannot see it"
    )
    on_disk = [
        path for path in python.agent.workspace.folder.rglob("*") if path.is_socket() or path.name == "c.json"
    ]
    assert on_disk == []


async def test_kernel_listens_on_no_port(python: Kernel) -> None:
    """The only open port is that of the network gateway, which commands have too."""
    listening = (
        "print(sorted(line.split()[1] for name in ('tcp', 'tcp6') for line in open(f'/proc/net/{name}')"
        " if line.split()[3] == '0A'))"
    )
    by_kernel = await python(listening)
    by_command = await python.agent.bash(f'python3 -c "{listening}"')
    assert by_kernel.count(":") == by_command.count(":") == by_kernel.count("0100007F:")


async def test_kernel_has_the_network_of_commands(open_agent: OpenAgent) -> None:
    python = Kernel(await open_agent(network="none"))
    shown = await python(
        "import socket\ntry:\n    socket.create_connection(('1.1.1.1', 80), timeout=2)\n    print('open')\n"
        "except OSError as error:\n    print('closed')"
    )
    assert shown == "closed"


async def test_forged_kernel_message_cannot_name_other_files(python: Kernel) -> None:
    """The code runs as the user of the process that controls the kernel, so its messages are not trusted."""
    forged = (
        "import json, os, glob\n"
        "line = json.dumps({'type': 'file', 'name': '../../../../etc/passwd', 'kind': 'image/png'}).encode() + b'\\n'\n"
        "for fd in glob.glob(f'/proc/{os.getppid()}/fd/*'):\n"
        "    try:\n"
        "        os.write(os.open(fd, os.O_WRONLY), line)\n"
        "    except OSError: pass\n"
        "print('tried')"
    )
    result = await python.result(forged)
    assert "passwd" not in str(result.content)
    assert not result.details.get("media")


async def test_long_kernel_output_is_truncated_and_the_kernel_continues(python: Kernel) -> None:
    shown = await python("for n in range(200_000): print('line', n)", timeout=60)
    assert len(shown) < 10_000
    assert "characters are omitted" in shown
    assert await python("n") == "199999"


async def test_display_stores_no_more_than_twenty_files(python: Kernel) -> None:
    result = await python.result(
        "from IPython.display import HTML, display\nfor n in range(100): display(HTML(str(n)))"
    )
    assert len(result.details["media"]) == 20


async def test_kernel_processes_end_with_the_workspace(open_agent: OpenAgent) -> None:
    python = Kernel(await open_agent())
    await python("import subprocess; p = subprocess.Popen(['sleep', '61731'])")
    assert _sleepers("61731") == 1
    await python.agent.workspace.close()
    async with asyncio.timeout(10):
        while _sleepers("61731"):  # noqa: ASYNC110 - the kernel does not report ended processes
            await asyncio.sleep(0.05)


def _sleepers(argument: str) -> int:
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found += command[:2] == [b"sleep", argument.encode()]
    return found
