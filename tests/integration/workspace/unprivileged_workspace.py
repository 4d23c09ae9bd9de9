"""Use a workspace on a host without some sandbox layers, and print the results as one JSON object.

This is a separate program, so that it can run as another user: `python unprivileged_workspace.py FOLDER mounts|bare`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from backend.execution.events.types import JobEvent
from backend.skills.manifest.types import Skill, Tool
from workers.agent.tools import workspace_tools
from workers.agent.types import ToolCall, ToolError
from workers.agent.workspace.workspace import open_workspace
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation import layers
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.types import Assignment, Entrypoint, RunLimits

CODE = """import os
def here():
    open('from-tool', 'w').write('tool')
    return [os.getcwd(), open('a.md').read()]
"""


class _Recorder:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(self, event: JobEvent) -> None:
        self.events.append((event.type, event.to_payload()))


def main(folder: Path, host: str) -> None:
    """Use the workspace and print the results."""
    sys.stdout.write(json.dumps(asyncio.run(_use(folder, host))) + "\n")


async def _use(folder: Path, host: str) -> dict[str, Any]:
    found = layers.probe("auto")
    if host == "bare":
        found = layers.Layers(None, found.landlock_abi, found.seccomp, ("there is no bubblewrap",))
    own, drive = folder / "bundle/helper", folder / "drive"
    own.mkdir(parents=True)
    (own / "tools.py").write_text(CODE, encoding="utf-8")
    (own / "SKILL.md").write_text("Help.", encoding="utf-8")
    (own / "pay.py").write_text("def pay(): return 'SOURCE-OF-PAY'", encoding="utf-8")
    (own / "rate.py").write_text("RATE = 42", encoding="utf-8")
    drive.mkdir(mode=0o700)
    runtime = SandboxRuntime(
        folder / "home", sandbox="auto", api_base="http://127.0.0.1:9", idle_s=60, pool_mb=64, layers=found
    )
    skill = Skill(
        name="helper",
        path="helper",
        entrypoint="SKILL.md",
        is_agentic=True,
        input_schema={},
        output_schema={},
        tools=(
            Tool(name="here", entrypoint="tools.py:here"),
            Tool(name="pay", entrypoint="pay.py:pay", confirm=True),
        ),
    )
    recorder = _Recorder()
    workspace = await open_workspace(runtime, _assignment(folder, drive), skill, recorder)
    tools = {tool.spec.name: tool for tool in workspace_tools(skill, vision=True, pdf=True)}

    async def use(name: str, **arguments: Any) -> Any:
        try:
            return (
                await tools[name].run(ToolCall(uuid4().hex, name, arguments, 1, "job"), workspace)
            ).content
        except ToolError as error:
            return f"ERROR: {error}"

    mark = f"86400.{uuid4().int % 10**9}"
    results = {
        "layers": found.names,
        "write": await use("file_write", path="a.md", content="file"),
        "bash": await use("bash", command="cat a.md SKILL.md; echo kept > drive/kept; id -u"),
        "tool": await use("here"),
        "read": await use(
            "file_read", paths=["from-tool", "drive/kept", f"{workspace.path_inside}/a.md", "SKILL.md"]
        ),
        "slow": await use("bash", command=f"setsid sleep {mark} & sleep {mark}", timeout=1),
        "left": await use("bash", command=f"exec 2>/dev/null; sleep {mark} & echo away"),
        "out": await use(
            "bash", command=f"cat {folder}/secret; ls {folder}/home/jobs; echo > /dev/tcp/127.0.0.1/9"
        ),
        "hidden": await use("bash", command="cat pay.py; cp pay.py mine; python3 -c 'import pay'; cat mine"),
        "others": await use(
            "bash", command="python3 -c 'import rate; print(rate.RATE)'; ls $PURAS_DEPLOYMENT_ROOT/*"
        ),
        "pay": await use("pay"),
        "sleeping": _running(mark),
    }
    await workspace.close()
    runtime.mode = "strict"
    try:
        await (await open_workspace(runtime, _assignment(folder, drive), skill, recorder)).close()
        results["strict"] = "runs"
    except SandboxUnavailable as error:
        results["strict"] = error.detail
    await runtime.close()
    results["folders"] = len(list((folder / "home/jobs").iterdir()))
    return results


def _assignment(folder: Path, drive: Path) -> Assignment:
    return Assignment(
        job_id=uuid4(),
        attempt=1,
        project_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="helper",
        entrypoint=Entrypoint("helper", "SKILL.md", ""),
        declared_inputs=frozenset(),
        inputs={},
        limits=RunLimits(timeout_s=20, memory_mb=256, disk_mb=16, output_mb=1, processes=16),
        bundle_dir=folder / "bundle",
        requirements=None,
        drive_dir=drive,
        sandbox_uid=None,
        secrets={},
        secrets_version="1",
        token="t",
        network="none",
    )


def _running(mark: str) -> int:
    lines = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                lines.append((folder / "cmdline").read_bytes())
            except OSError:
                continue
    return sum(mark.encode() in line for line in lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
