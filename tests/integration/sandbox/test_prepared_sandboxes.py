"""Sandboxes that start before it is known for which project."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.core.metrics.instruments import PREPARED_SANDBOXES
from benchmarks.bare_runner import prepare_sandbox
from tests.integration.sandbox.conftest import open_runner, until
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.zygotes import prepared as prepared_sandboxes
from workers.sandbox.host.zygotes.prepared import NotPrepared
from workers.sandbox.host.zygotes.start import start
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.mounts import HostFolder
from workers.sandbox.isolation.process_ids import descendants
from workers.types import Assignment, Success

pytestmark = pytest.mark.skipif(
    sandbox_layers.probe("auto").bwrap is None, reason="only a sandbox with its own mounts can be prepared"
)
Skill = Callable[..., Assignment]
SEEN = """
import os, stat
PATHS = "/ /deployment /dev /dev/shm /drive /environment /etc /host /inputs /jobs /proc /puras /tmp /usr".split()
def found(path):
    try:
        status, mounted = os.stat(path), os.statvfs(path)
    except OSError as error:
        return type(error).__name__
    return [stat.filemode(status.st_mode), status.st_uid, mounted.f_flag]
def text(path, start=""):
    with open(path) as file:
        return [line for line in file if line.startswith(start)]
def run(inputs):
    open("/drive/written", "w").close()
    return {
        "paths": {path: found(path) for path in PATHS},
        "accounts": text("/etc/passwd") + text("/etc/group"),
        "mounts": [text("/proc/self/mountinfo"), text("/proc/1/mountinfo")],
        "rights": [text(f"/proc/{id}/status", name) for id in (1, "self") for name in ("Cap", "NoNew", "Seccomp")],
        "descriptors": os.listdir("/proc/self/fd"),
        "variables": sorted(os.environ),
    }
"""


def counted(result: str) -> float:
    value: float = PREPARED_SANDBOXES.labels(result)._value.get()
    return value


async def test_job_sees_the_same_in_a_prepared_sandbox(tmp_path: Path, skill: Skill, recorder: Any) -> None:
    assignment = skill(SEEN, secrets={"KEY": "value"})
    values = []
    for is_prepared in (False, True):
        runner, before = open_runner(tmp_path), counted("used")
        try:
            if is_prepared:
                await prepare_sandbox(runner, tmp_path)
            outcome = await runner.run(assignment, recorder)
        finally:
            await runner.close()
        assert isinstance(outcome, Success), outcome
        assert counted("used") - before == is_prepared
        values.append(outcome.value)
    assert values[0] == values[1]
    assert values[0]["mounts"] == [[], []]
    assert values[0]["paths"]["/host"] == "FileNotFoundError"
    assert (assignment.drive_dir / "written").exists()


async def test_prepared_sandbox_runs_as_the_user_of_the_project(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    """Each project has its own user and folders, and the sandbox was prepared before they existed."""
    for _ in range(2):
        runner = open_runner(tmp_path)
        await prepare_sandbox(runner, tmp_path)
        assignment = skill("import os\ndef run(inputs): return [os.getuid(), os.listdir('/drive')]")
        (assignment.drive_dir / "mine").touch()
        try:
            outcome = await runner.run(assignment, recorder)
        finally:
            await runner.close()
        assert isinstance(outcome, Success), outcome
        assert outcome.value == [assignment.sandbox_uid or os.getuid(), ["mine"]]


async def test_environment_of_packages_is_mounted(
    runner: DeterministicRunner, skill: Skill, recorder: Any, index: Path
) -> None:
    before = counted("used")
    assignment = skill("import tinywheel\ndef run(inputs): return tinywheel.__file__")
    requirements = assignment.bundle_dir / "requirements.txt"
    requirements.write_text("tiny-wheel\n", encoding="utf-8")
    outcome = await runner.run(replace(assignment, requirements=requirements), recorder)
    assert isinstance(outcome, Success), outcome
    assert outcome.value.startswith("/environment/")
    assert counted("used") - before == 1


async def test_skill_outside_of_the_folders_gets_a_new_sandbox(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    runner, before = open_runner(tmp_path), counted("used")
    try:
        await runner.runtime.prepared.prepare()
        outcome = await runner.run(skill("def run(inputs): return 1"), recorder)
    finally:
        await runner.close()
    assert isinstance(outcome, Success), outcome
    assert counted("used") == before


@pytest.mark.parametrize("ended", ["sandbox", "mounter"])
async def test_job_gets_a_new_sandbox_if_the_prepared_one_has_ended(
    runner: DeterministicRunner, skill: Skill, recorder: Any, ended: str
) -> None:
    waiting = runner.runtime.prepared._ready
    assert waiting is not None
    assert waiting.process is not None
    assert waiting._mounter is not None
    os.kill(waiting.process.pid if ended == "sandbox" else waiting._mounter.pid, signal.SIGKILL)
    mounter, process = waiting._mounter, waiting.process
    await until(lambda: mounter.poll() is not None if ended == "mounter" else not process.is_there)
    before = counted("lost")
    outcome = await runner.run(skill("def run(inputs): return 1"), recorder)
    assert isinstance(outcome, Success), outcome
    assert counted("lost") - before == 1


async def test_job_gets_a_new_sandbox_if_the_folders_cannot_be_mounted(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    """The folder with the bundles was replaced after the sandbox was prepared: that one does not see the new one."""
    runner, before = open_runner(tmp_path), counted("lost")
    bundles = tmp_path / "replaced"
    bundles.mkdir()
    try:
        runner.runtime.prepared.add_folder("bundles", HostFolder(bundles, is_writable=False))
        await prepare_sandbox(runner, tmp_path / "home")
        runner.runtime.prepared.add_folder("drives", HostFolder(tmp_path, is_writable=True))
        bundles.rename(tmp_path / "earlier")
        assignment = skill("def run(inputs): return 1")
        shutil.copytree(assignment.bundle_dir, bundles / "new")
        drive = tmp_path / "home" / "drive"
        assignment.drive_dir.rename(drive)
        outcome = await runner.run(replace(assignment, bundle_dir=bundles / "new", drive_dir=drive), recorder)
    finally:
        await runner.close()
    assert isinstance(outcome, Success), outcome
    assert counted("lost") - before == 1


async def test_next_sandbox_is_prepared_when_one_was_used(
    tmp_path: Path, skill: Skill, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_sandboxes, "_PAUSE_S", 0.05)
    runner, before = open_runner(tmp_path), counted("used")
    prepared = runner.runtime.prepared
    prepared.add_folder("bundles", HostFolder(tmp_path, is_writable=False))
    try:
        runner.runtime.keep_sandbox_ready(tmp_path)
        for _ in range(3):
            await until(lambda: prepared._ready is not None)
            assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)
    finally:
        await runner.close()
    assert counted("used") - before == 3


@pytest.mark.parametrize("failure", [OSError("no space left on device"), RuntimeError("a defect")])
async def test_sandbox_is_prepared_later_if_that_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """Whatever the reason, and also if it was not expected."""
    monkeypatch.setattr(prepared_sandboxes, "_PAUSE_AFTER_FAILURE_S", 0.05)
    failures = [failure, failure]

    def fail_twice(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return start(*arguments, **options)

    monkeypatch.setattr(prepared_sandboxes, "start", fail_twice)
    runner = open_runner(tmp_path)
    try:
        runner.runtime.keep_sandbox_ready(tmp_path)
        await until(lambda: runner.runtime.prepared._ready is not None)
    finally:
        await runner.close()
    assert failures == []


async def test_folder_that_cannot_be_created_is_no_defect(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    (tmp_path / "file").touch()
    runner = open_runner(tmp_path)
    runner.runtime.prepared.add_folder("more", HostFolder(tmp_path / "file" / "more", is_writable=False))
    try:
        with pytest.raises(NotPrepared, match="Not a directory"):
            await runner.runtime.prepared.prepare()
        assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)
    finally:
        await runner.close()


async def test_nothing_is_left_after_the_worker_closed(tmp_path: Path) -> None:
    runner = open_runner(tmp_path)
    await prepare_sandbox(runner, tmp_path)
    waiting = runner.runtime.prepared._ready
    assert waiting is not None
    assert waiting._mounter is not None
    sandbox = waiting.launched.process.pid
    running = {sandbox, *descendants(sandbox), waiting._mounter.pid}
    assert len(running) == 4
    await runner.close()
    assert not running & set(descendants(os.getpid()))


async def test_host_that_does_not_permit_it_runs_jobs_as_before(
    tmp_path: Path, skill: Skill, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared_sandboxes, "RUNTIME", tmp_path / "missing")
    runner = open_runner(tmp_path)
    try:
        with pytest.raises(NotPrepared, match="ended"):
            await prepare_sandbox(runner, tmp_path)
        assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)
    finally:
        await runner.close()
