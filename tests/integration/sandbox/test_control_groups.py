"""Control groups of jobs, with real groups if the tests can create them on this host."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.sandbox.conftest import open_runner, until
from workers.sandbox.isolation.cgroup_delegation import Delegated
from workers.sandbox.isolation.control_groups import ControlGroups, Group, limits_for
from workers.sandbox.isolation.process_ids import Process
from workers.types import Assignment, Failure, RunLimits, Success

Skill = Callable[..., Assignment]


@pytest.fixture
def delegated() -> Iterator[Delegated]:
    """Create a control group for the test, with all controllers that are available."""
    mount = _mounted()
    if mount is None or os.geteuid() != 0:
        pytest.skip("the tests cannot create control groups of version 2 on this host")
    folder = mount / f"puras-test-{uuid4().hex[:8]}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"the tests cannot create a control group: {error}")
    offered = (folder / "cgroup.controllers").read_text().split()
    yield Delegated(folder, frozenset(offered) & {"memory", "pids", "cpu"})
    for path in sorted(folder.rglob("*/"), reverse=True):
        path.rmdir()
    folder.rmdir()


async def test_processes_of_a_job_are_in_its_group_until_it_ends(
    delegated: Delegated, tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    groups = ControlGroups(delegated)
    runner = open_runner(tmp_path, control_groups=groups)
    code = """
        import os, subprocess, time
        def run(inputs):
            started = subprocess.Popen(["sleep", "60"], start_new_session=True)
            with open("drive/pids", "w") as file:
                file.write(f"{os.getpid()} {started.pid}")
            while not os.path.exists("drive/stop"):
                time.sleep(0.01)
            return "done"
        """
    assignment = skill(code)
    try:
        job = asyncio.create_task(runner.run(assignment, recorder))
        await until(lambda: (assignment.drive_dir / "pids").exists())
        (group,) = delegated.folder.glob("puras-worker-*/*/")
        await until(lambda: len((group / "cgroup.procs").read_text().split()) == 2)
        (assignment.drive_dir / "stop").touch()
        assert isinstance(await job, Success)
        assert "control groups" in recorder.of("sandbox")[0]["layers"]
        await until(lambda: not group.exists())
    finally:
        await runner.close()
    assert list(delegated.folder.glob("*/")) == []


async def test_job_whose_group_is_out_of_memory_fails_with_memory_limit(
    delegated: Delegated, tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    if "memory" not in delegated.controllers:
        pytest.skip(
            f"of the controllers, only {sorted(delegated.controllers) or 'none'} are in version 2 here"
        )
    runner = open_runner(tmp_path, control_groups=ControlGroups(delegated))
    hungry = "def run(inputs):\n    held = bytearray(b'x') * (400 << 20)\n    return len(held)"
    assignment = skill(hungry)
    try:
        outcome = await runner.run(
            replace(assignment, limits=replace(assignment.limits, memory_mb=200)), recorder
        )
    finally:
        await runner.close()
    assert isinstance(outcome, Failure)
    assert outcome.code == "memory_limit"
    assert "200 MiB" in outcome.message


def test_limits_have_the_format_of_the_kernel() -> None:
    every = frozenset({"memory", "pids", "cpu"})
    assert limits_for(every, memory_bytes=256 << 20, processes=64, cpus=1.5) == {
        "memory.max": str(256 << 20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "512",
        "cpu.max": "150000 100000",
    }
    assert limits_for(every, memory_bytes=1, processes=1, cpus=None).keys() & {"cpu.max"} == set()
    assert limits_for(frozenset(), memory_bytes=1, processes=1, cpus=1) == {}


@pytest.mark.parametrize(("killed", "is_full"), [(0, False), (1, True), (12, True)])
def test_group_is_out_of_memory_after_an_oom_kill(tmp_path: Path, killed: int, is_full: bool) -> None:
    assert not Group(tmp_path).ran_out_of_memory
    (tmp_path / "memory.events").write_text(
        f"low 0\nhigh 0\nmax 3\noom 1\noom_kill {killed}\noom_group_kill 9\n"
    )
    assert Group(tmp_path).ran_out_of_memory is is_full


def test_job_runs_without_a_group_if_it_cannot_be_moved(tmp_path: Path) -> None:
    groups = ControlGroups(Delegated(tmp_path, frozenset()))  # no file of the kernel exists in this folder
    limits = RunLimits(timeout_s=1, memory_mb=64, disk_mb=16, output_mb=1)
    assert groups.hold(Process(os.getpid()), limits) is None
    groups.close()
    assert not list(tmp_path.iterdir()), "no empty group is left"


def test_groups_of_dead_workers_are_removed_with_their_processes(delegated: Delegated) -> None:
    left = delegated.folder / "puras-worker-999999999-1/7"
    left.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        (left / "cgroup.procs").write_text(str(sleeper.pid))
        groups = ControlGroups(Delegated(delegated.folder, frozenset()))
        assert sleeper.wait(20) == -9
    groups.close()
    assert list(delegated.folder.glob("*/")) == []


def _mounted() -> Path | None:
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        if " - cgroup2 " in line:
            return Path(line.split(" ")[4])
    return None
