"""The workroom of one agent: a folder of its own, in which its commands, its Python tools and its files meet.

Commands run in a sandbox each, without secrets and without a token. Python tools run in children of warm parents, as
skills do, with both. All of them see the same folder under the same path, and nothing of any other agent's.
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
from workers.sandbox.host.commands import Hear, Order
from workers.sandbox.host.errors import EntrypointRefused, ParentLost
from workers.sandbox.host.events import announce_sandbox, record_refusal
from workers.sandbox.host.execution import Execution, job_of, stay
from workers.sandbox.host.exit_status import NotStarted
from workers.sandbox.host.outcome import Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.shell import run_command
from workers.sandbox.host.spec import spec_of, tool_spec
from workers.sandbox.host.staged_drive import DRIVE_GONE, OwnDrive
from workers.sandbox.host.workspaces import RoomKey
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.paths import HostPlaces, seen_from_inside
from workers.types import Assignment, Entrypoint, Failure, Outcome, Recorder, Success

from .folder import DRIVE, furnish
from .hidden import hidden_in
from .kernel import Kernel, open_kernel

IDEMPOTENCY_KEY: Final = "PURAS_IDEMPOTENCY_KEY"
_PLACE: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC if hasattr(os, "O_PATH") else 0


async def open_workspace(
    house: SandboxRuntime, assignment: Assignment, skill: Skill, recorder: Recorder
) -> SandboxWorkspace:
    """A workroom for one attempt; whoever opens it closes it.

    Raises:
        PurasError: the skill's packages cannot be had, its drive is gone, or the sandbox is less than is demanded.
    """
    if runs_code(skill):
        house.demand()
    async with AsyncExitStack() as kept:
        environment = await kept.enter_async_context(house.supplies.of(assignment, recorder))
        workroom = SandboxWorkspace(house, assignment, skill, recorder, environment)
        workroom.keep(kept.pop_all())
        return workroom
    raise AssertionError("an exit stack swallows nothing")


def runs_code(skill: Skill) -> bool:
    """Whether an agent of this skill can run anything at all beside the model."""
    return not skill.disable_bash or any(tool.entrypoint or tool.builtin for tool in skill.tools)


class SandboxWorkspace:
    """Where the tools of one agent work."""

    def __init__(
        self,
        house: SandboxRuntime,
        assignment: Assignment,
        skill: Skill,
        recorder: Recorder,
        environment: Path | None,
    ) -> None:
        self.assignment = assignment
        self.skill = skill
        self.recorder = recorder
        self.drive_is_whole = True
        """False, once closed: files of a drive of its own were lost."""
        self._house = house
        self.hidden_files = hidden_in(assignment, skill)
        """Of the bundle: its commands, kernel and file tools must not read them."""
        self._spec = spec_of(assignment, environment)
        self._key = RoomKey(assignment.project_id, assignment.deployment_id, assignment.skill_name)
        self._room = house.rooms.enter(self._key)
        self.folder = self._room.make_folder(assignment.sandbox_uid)
        self.drive_dir = self.folder / DRIVE if assignment.has_own_drive else assignment.drive_dir
        self.inside = self._furnish()
        """Its path for the agent's code."""
        self._descriptor = os.open(self.folder, _PLACE)
        self._scrubber = Scrubber(assignment.secrets.values())
        self._trace = Trace()
        self._is_announced = False
        self._kernel: Kernel | None = None
        self._is_closed = False
        self._kept = AsyncExitStack()

    def keep(self, kept: AsyncExitStack) -> None:
        """Hold what it stands on until it is closed."""
        self._kept = kept

    async def bash(self, command: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> Ran:
        """Run a command in the sandbox; its environment holds neither secrets nor the job's token."""
        self._announce(None)
        printed = Printed(self._trace, self._scrubber, on_output)
        order = self._order_of(command, timeout_s, printed.hear)
        try:
            finished = await run_command(self._house, order, NetworkUse(self.recorder))
        finally:
            output = printed.finish()
        if finished.excess is not None:
            output = f"{output.rstrip()}\n[ended: the command {finished.excess}]".lstrip()
        return Ran(finished.status, output, finished.timed_out)

    @property
    def has_kernel(self) -> bool:
        """Whether the kernel of earlier calls is still there."""
        return self._kernel is not None

    async def python(self, code: str, *, timeout_s: float, on_output: Callable[[str, str], None]) -> RanCell:
        """Run a cell in the kernel, which begins with the first; it has what commands have.

        Raises:
            ParentLost: there is no kernel to be had.
        """
        self._announce(None)
        if self._kernel is None:
            self._kernel = await open_kernel(
                self._house, self._python, self._order_of, self.assignment, self.recorder
            )
        printed = Printed(self._trace, self._scrubber, on_output)
        try:
            cell = await self._kernel.execute(code, timeout_s=timeout_s, printed=printed)
        finally:
            output = printed.finish()
        if cell.is_over:
            self._kernel = None
        return RanCell(cell.end, output, tuple(cell.files), cell.said)

    async def notebook_kernel(self) -> Kernel:
        """A kernel whose cells are told as a notebook keeps them; whoever asks for it closes it.

        Raises:
            ParentLost: there is no kernel to be had.
        """
        self._announce(None)
        return await open_kernel(
            self._house, self._python, self._order_of, self.assignment, self.recorder, for_notebook=True
        )

    async def call(
        self, entrypoint: Entrypoint, inputs: dict[str, Any], *, key: str, timeout_s: float
    ) -> Outcome:
        """Run a function of the bundle in the sandbox, with the skill's secrets and the job's token."""
        meter = Meter(time.monotonic())
        job = job_of(self.assignment, inputs, **{IDEMPOTENCY_KEY: key})
        guest = Execution(
            self.assignment,
            replace(job, function=entrypoint.function, declared=self._declared(entrypoint, inputs)),
            timeout_s,
            f"The function ran longer than its limit of {timeout_s:g} s: give it less to do.",
            kind="tool",
            work=self.folder.name,
            announce=lambda parent: self._announce(parent.cold_reason),
        )
        try:
            spec = tool_spec(self._spec, entrypoint.file, self._room.path)
            outcome = await stay(self._house, spec, guest, meter=meter, recorder=self.recorder)
        except EntrypointRefused as refusal:
            record_refusal(refusal, self.recorder)
            return Failure(refusal.code, refusal.detail, meter.read())
        except (ParentLost, SandboxUnavailable) as error:
            return Failure(error.code, error.detail, meter.read())
        if isinstance(outcome, Success):
            return Success(self._scrubber.scrub(outcome.value), outcome.measured)
        return Failure(outcome.code, self._scrubber.scrub(outcome.message), outcome.measured)

    async def close(self) -> None:
        """Bring a drive of its own back to where it was, and remove the folder; its processes have ended before."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._kernel is not None:
            await self._kernel.close()
        os.close(self._descriptor)
        self._drive.take_out()
        self.drive_is_whole = self._drive.is_whole
        self._house.rooms.leave(self._key, self.folder)
        await self._kept.aclose()

    def _order_of(self, command: str, timeout_s: float, hear: Hear) -> Order:
        return Order(
            command=command,
            spec=self._spec,
            room=self._room.path,
            name=self.folder.name,
            descriptor=self._descriptor,
            limits=self.assignment.limits,
            timeout_s=timeout_s,
            hear=hear,
            hidden=self.hidden_files,
        )

    def _furnish(self) -> str:
        assignment, ground = self.assignment, self._house.ground
        self._drive = OwnDrive(assignment, self._room.path, self.folder.name)
        host = HostPlaces(
            self._room.path, self._spec.bundle, self._spec.drive, self._spec.key.environment, ground.ours
        )
        places = seen_from_inside(host, mounted=ground.is_mounted)
        try:
            furnish(self.folder, assignment, places)
            self._drive.put_in()
        except NotStarted:
            self._house.rooms.leave(self._key, self.folder)
            raise SandboxUnavailable(DRIVE_GONE) from None
        except BaseException:
            self._house.rooms.leave(self._key, self.folder)
            raise
        self._python = places.python
        return f"{places.jobs}/{self.folder.name}"

    def _declared(self, entrypoint: Entrypoint, inputs: dict[str, Any]) -> tuple[str, ...]:
        """What the skill declares for a function, which decides how it is called."""
        name = f"{entrypoint.file}:{entrypoint.function}"
        schemas = [tool.input_schema for tool in self.skill.tools if tool.entrypoint == name]
        if not schemas:
            return ()  # no tool, but the check of a rail: it gets what it has a name for
        properties = schemas[0].get("properties") if schemas and schemas[0] else inputs
        return tuple(properties) if isinstance(properties, dict) else ()

    def _announce(self, cold_reason: str | None) -> None:
        """Record once what confines it."""
        if not self._is_announced:
            self._is_announced = True
            announce_sandbox(self._house, self.assignment, self.recorder, cold_reason=cold_reason)
