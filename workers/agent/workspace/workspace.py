"""Manage the workspace of one agent: a folder that its commands, Python tools and file tools share.

Each command runs in its own sandbox, without secrets and without a token. Python tools run in children of zygotes, as
skills do, with both. All of them use the same folder under the same path, and have no access to other agents.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from backend.data.secrets.scrub import Scrubber
from backend.skills.manifest.types import Skill
from workers.agent.types import Ran, RanCell
from workers.agent.workspace.command_output import Printed, Trace
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.host.executions.execution import (
    Execution,
    announce_sandbox,
    execute,
    job_of,
    record_refusal,
)
from workers.sandbox.host.executions.outcome import Meter
from workers.sandbox.host.executions.staged_drive import DRIVE_GONE, DriveMount
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.shells.commands import CommandRequest, OutputCallback
from workers.sandbox.host.shells.shell import run_command
from workers.sandbox.host.workspaces import WorkspaceGroupKey
from workers.sandbox.host.zygotes.errors import EntrypointRefused, ZygoteLost
from workers.sandbox.host.zygotes.exit_status import NotStarted
from workers.sandbox.host.zygotes.spec import spec_of, tool_spec
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.paths import HostPaths, paths_inside
from workers.types import Assignment, Entrypoint, Failure, Outcome, Recorder, Success

from .folder import DRIVE, hidden_in, prepare_folder
from .kernel import Kernel, open_kernel

IDEMPOTENCY_KEY: Final = "PURAS_IDEMPOTENCY_KEY"
_OPEN_FLAGS: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC if hasattr(os, "O_PATH") else 0


async def open_workspace(
    runtime: SandboxRuntime, assignment: Assignment, skill: Skill, recorder: Recorder
) -> SandboxWorkspace:
    """Return a workspace for one attempt; the caller closes it.

    Raises:
        PurasError: the packages are unavailable, the drive was lost, or the sandbox lacks layers.
    """
    if runs_code(skill):
        runtime.demand()
    async with AsyncExitStack() as resources:
        environment = await resources.enter_async_context(runtime.assets.of(assignment, recorder))
        workspace = SandboxWorkspace(runtime, assignment, skill, recorder, environment)
        workspace.hold_resources(resources.pop_all())
        return workspace
    raise AssertionError("an exit stack swallows nothing")


def runs_code(skill: Skill) -> bool:
    """Return whether an agent of this skill can run any code."""
    return not skill.disable_bash or any(tool.entrypoint or tool.builtin for tool in skill.tools)


class SandboxWorkspace:
    """The workspace of one agent in the sandbox."""

    def __init__(
        self,
        runtime: SandboxRuntime,
        assignment: Assignment,
        skill: Skill,
        recorder: Recorder,
        environment: Path | None,
    ) -> None:
        self.assignment = assignment
        self.skill = skill
        self.recorder = recorder
        self.is_drive_complete = True
        """False after `close` if files of its staged drive were lost."""
        self._runtime = runtime
        self.hidden_files = hidden_in(assignment, skill)
        """Files of the bundle that its commands, kernel and file tools must not read."""
        self._spec = spec_of(assignment, environment)
        self._key = WorkspaceGroupKey(assignment.project_id, assignment.deployment_id, assignment.skill_name)
        self._group = runtime.workspaces.enter(self._key)
        self.folder = self._group.make_folder(assignment.sandbox_uid)
        self.drive_dir = self.folder / DRIVE if assignment.has_staged_drive else assignment.drive_dir
        self.path_inside = self._prepare_folder()
        """The path of the folder for the agent's code."""
        self._descriptor = os.open(self.folder, _OPEN_FLAGS)
        self._scrubber = Scrubber(assignment.secrets.values())
        self._trace = Trace()
        self._is_announced = False
        self._kernel: Kernel | None = None
        self._is_closed = False
        self._resources = AsyncExitStack()

    def hold_resources(self, resources: AsyncExitStack) -> None:
        """Keep the bundle and the environment locked until it is closed."""
        self._resources = resources

    async def bash(self, command: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> Ran:
        """Run a command in the sandbox; its environment holds neither secrets nor the job's token."""
        self._announce(None)
        printed = Printed(self._trace, self._scrubber, on_output)
        request = self._request_of(command, timeout_s, printed.feed)
        try:
            finished = await run_command(self._runtime, request, NetworkUse(self.recorder))
        finally:
            output = printed.finish()
        if finished.excess is not None:
            output = f"{output.rstrip()}\n[ended: the command {finished.excess}]".lstrip()
        return Ran(finished.status, output, finished.timed_out)

    @property
    def has_kernel(self) -> bool:
        """Whether the kernel of earlier calls still exists."""
        return self._kernel is not None

    async def python(self, code: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> RanCell:
        """Run a cell in the kernel, which starts with the first cell; it has the privileges of commands.

        Raises:
            ZygoteLost: the kernel could not be started.
        """
        self._announce(None)
        if self._kernel is None:
            self._kernel = await open_kernel(
                self._runtime, self._python, self._request_of, self.assignment, self.recorder
            )
        printed = Printed(self._trace, self._scrubber, on_output)
        try:
            cell = await self._kernel.execute(code, timeout_s=timeout_s, printed=printed)
        finally:
            output = printed.finish()
        if cell.is_over:
            self._kernel = None
        return RanCell(cell.end, output, tuple(cell.files), cell.reason)

    async def notebook_kernel(self) -> Kernel:
        """Return a kernel that sends outputs in the form of notebooks; the caller closes it.

        Raises:
            ZygoteLost: the kernel could not be started.
        """
        self._announce(None)
        return await open_kernel(
            self._runtime, self._python, self._request_of, self.assignment, self.recorder, for_notebook=True
        )

    async def call(
        self, entrypoint: Entrypoint, inputs: dict[str, Any], *, key: str, timeout_s: float
    ) -> Outcome:
        """Run a function of the bundle in the sandbox, with the skill's secrets and the job's token."""
        meter = Meter(time.monotonic())
        job = job_of(self.assignment, inputs, **{IDEMPOTENCY_KEY: key})
        execution = Execution(
            self.assignment,
            replace(job, function=entrypoint.function, declared=self._declared(entrypoint, inputs)),
            timeout_s,
            f"The function ran longer than its limit of {timeout_s:g} s. Reduce its work.",
            kind="tool",
            work=self.folder.name,
            announce=lambda parent: self._announce(parent.cold_reason),
        )
        try:
            spec = tool_spec(self._spec, entrypoint.file, self._group.path)
            outcome = await execute(self._runtime, spec, execution, meter=meter, recorder=self.recorder)
        except EntrypointRefused as refusal:
            record_refusal(refusal, self.recorder)
            return Failure(refusal.code, refusal.detail, meter.read())
        except (ZygoteLost, SandboxUnavailable) as error:
            return Failure(error.code, error.detail, meter.read())
        if isinstance(outcome, Success):
            return Success(self._scrubber.scrub(outcome.value), outcome.measured)
        return Failure(outcome.code, self._scrubber.scrub(outcome.message), outcome.measured)

    async def close(self) -> None:
        """Move a staged drive back, and remove the folder; its processes have ended before."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._kernel is not None:
            await self._kernel.close()
        os.close(self._descriptor)
        self._drive.detach()
        self.is_drive_complete = self._drive.is_whole
        self._runtime.workspaces.leave(self._key, self.folder)
        await self._resources.aclose()

    def _request_of(self, command: str, timeout_s: float, on_output: OutputCallback) -> CommandRequest:
        return CommandRequest(
            command=command,
            spec=self._spec,
            workspaces_dir=self._group.path,
            name=self.folder.name,
            descriptor=self._descriptor,
            limits=self.assignment.limits,
            timeout_s=timeout_s,
            on_output=on_output,
            hidden=self.hidden_files,
        )

    def _prepare_folder(self) -> str:
        assignment, shared = self.assignment, self._runtime.shared
        self._drive = DriveMount(assignment, self._group.path, self.folder.name)
        host = HostPaths(
            self._group.path,
            self._spec.bundle,
            self._spec.drive,
            self._spec.key.environment,
            shared.packages_dir,
        )
        paths = paths_inside(host, mounted=shared.is_mounted)
        try:
            prepare_folder(self.folder, assignment, paths)
            self._drive.attach()
        except NotStarted:
            self._runtime.workspaces.leave(self._key, self.folder)
            raise SandboxUnavailable(DRIVE_GONE) from None
        except BaseException:
            self._runtime.workspaces.leave(self._key, self.folder)
            raise
        self._python = paths.python
        return f"{paths.jobs}/{self.folder.name}"

    def _declared(self, entrypoint: Entrypoint, inputs: dict[str, Any]) -> tuple[str, ...]:
        """Return the inputs that the skill declares for a function, which determine how it is called."""
        name = f"{entrypoint.file}:{entrypoint.function}"
        schemas = [tool.input_schema for tool in self.skill.tools if tool.entrypoint == name]
        if not schemas:
            return ()  # the check of a guardrail, which receives its named parameters
        properties = schemas[0].get("properties") if schemas and schemas[0] else inputs
        return tuple(properties) if isinstance(properties, dict) else ()

    def _announce(self, cold_reason: str | None) -> None:
        """Record once which layers confine it."""
        if not self._is_announced:
            self._is_announced = True
            announce_sandbox(self._runtime, self.assignment, self.recorder, cold_reason=cold_reason)
