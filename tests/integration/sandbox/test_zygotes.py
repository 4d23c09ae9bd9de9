"""The lifetime of the zygotes that run functions, and the results of their jobs."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.conftest import open_runner, until
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation import layers as sandbox_layers
from workers.sandbox.isolation.errors import SandboxMisplaced
from workers.sandbox.isolation.layers import Layers
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]
HAS_MOUNTS = sandbox_layers.probe("auto").bwrap is not None
WITHOUT_MOUNTS = Layers(
    None, sandbox_layers.probe("auto").landlock_abi, sandbox_layers.probe("auto").seccomp, ("none",)
)


async def test_jobs_of_a_skill_share_one_import(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill("import time\nAT = time.time_ns()\ndef run(inputs): return AT")
    outcomes = [await runner.run(assignment, recorder) for _ in range(4)]
    assert len({outcome.value for outcome in outcomes if isinstance(outcome, Success)}) == 1
    assert all(event["warm"] for event in recorder.of("sandbox"))


async def test_import_that_starts_a_thread_is_repeated_in_every_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import threading, time
        AT = time.time_ns()
        ready = threading.Event()
        threading.Thread(target=lambda: (ready.set(), time.sleep(3600)), daemon=True).start()
        def run(inputs):
            return [AT, ready.wait(5), threading.active_count()]
        """
    )
    outcomes = [await runner.run(assignment, recorder) for _ in range(3)]
    values = [outcome.value for outcome in outcomes if isinstance(outcome, Success)]
    assert len({value[0] for value in values}) == 3
    assert all(value[1:] == [True, 2] for value in values)
    if HAS_MOUNTS:
        assert all("1 threads" in event["reason"] and not event["warm"] for event in recorder.of("sandbox"))


async def test_dead_zygote_is_replaced_and_its_started_job_crashes(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import time
        def run(inputs):
            if inputs.get("wait"):
                open("drive/started", "w").close()
                time.sleep(60)
            return "done"
        """
    )
    task = asyncio.create_task(runner.run(replace(assignment, inputs={"wait": True}), recorder))
    await until((assignment.drive_dir / "started").exists)
    (zygote,) = runner.runtime.pool._zygotes.values()
    assert zygote.pid is not None
    os.kill(zygote.pid, signal.SIGKILL)
    outcome = await task
    assert isinstance(outcome, Failure)
    assert outcome.code == "crashed"
    after = await asyncio.gather(*(runner.run(assignment, recorder) for _ in range(4)))
    assert all(isinstance(outcome, Success) for outcome in after)


async def test_job_whose_process_died_before_its_start_runs_in_another_one(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill("def run(inputs): return 'done'")
    assert isinstance(await runner.run(assignment, recorder), Success)
    (zygote,) = runner.runtime.pool._zygotes.values()
    await until(lambda: bool(zygote._spares) and zygote._spares[0].ready.done())
    spare = zygote._spares[0]
    assert spare.pid is not None
    assert zygote.pid is not None
    os.kill(spare.pid, signal.SIGSTOP)
    task = asyncio.create_task(runner.run(assignment, recorder))
    await until(lambda: spare not in zygote._spares)
    os.kill(zygote.pid, signal.SIGKILL)
    assert isinstance(await task, Success)


async def test_idle_zygotes_end_and_are_cleaned_up(tmp_path: Path, skill: Skill, recorder: Any) -> None:
    runner = open_runner(tmp_path, idle_s=0.2)
    try:
        assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)
        (zygote,) = runner.runtime.pool._zygotes.values()
        await until(lambda: not runner.runtime.pool._zygotes)
        await zygote.wait()
        assert not Path(f"/proc/{zygote.pid}").exists()
    finally:
        await runner.close()
    assert list((tmp_path / "home/jobs").iterdir()) == []


async def test_idle_zygotes_over_the_pool_memory_end_in_order_of_use(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    runner = open_runner(tmp_path, pool_mb=64)
    try:
        for number in range(3):
            held = skill(
                f"HELD = bytearray(b'x') * (30 << 20)\ndef run(inputs): return {number}",
                skill_name=f"s{number}",
            )
            assert isinstance(await runner.run(held, recorder), Success)
        await until(lambda: len(runner.runtime.pool._zygotes) == 1)
        assert [key.skill_name for key in runner.runtime.pool._zygotes] == ["s2"]
    finally:
        await runner.close()


async def test_file_of_a_skill_does_not_replace_modules_of_the_standard_library(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    one = skill(
        """
        import json, keyword, math, signal
        import helper
        def run(inputs): return [math.floor(1.5), json.loads("1"), bool(keyword.kwlist), helper.VALUE]
        """
    )
    folder = one.bundle_dir / one.entrypoint.skill_dir
    for name in ("keyword", "math", "signal"):
        (folder / f"{name}.py").write_text("raise ImportError('the file of the skill')", encoding="utf-8")
    (folder / "helper.py").write_text("VALUE = 7", encoding="utf-8")
    outcome = await runner.run(one, recorder)
    assert isinstance(outcome, Success), outcome
    assert outcome.value == [1, 1, True, 7]


async def test_memory_that_processes_of_a_sandbox_share_counts_once(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    runner = open_runner(tmp_path)
    try:
        held = skill("HELD = bytearray(b'x') * (30 << 20)\ndef run(inputs): return 1")
        assert isinstance(await runner.run(held, recorder), Success)
        (zygote,) = runner.runtime.pool._zygotes.values()
        await until(lambda: all(spare.is_ready for spare in zygote._spares))
        assert zygote.spares == 1
        # The process of the job, whose share is not counted, may still end.
        await until(lambda: 30 << 20 < zygote.measure_memory() < 45 << 20)
    finally:
        await runner.close()


async def test_spares_of_the_least_recently_used_zygotes_end_before_zygotes(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    runner = open_runner(tmp_path)
    try:
        for number in range(3):
            one = skill(f"def run(inputs): return {number}", skill_name=f"s{number}")
            assert isinstance(await runner.run(one, recorder), Success)
        pool = runner.runtime.pool
        zygotes = list(pool._zygotes.values())
        await until(lambda: all(spare.is_ready for zygote in zygotes for spare in zygote._spares))
        assert [zygote.spares for zygote in zygotes] == [1, 1, 1]
        pool._max_bytes = sum(zygote.measure_memory() for zygote in zygotes) - 100_000
        await until(lambda: not zygotes[0].spares)
        assert [zygote.spares for zygote in zygotes] == [0, 1, 1]
        assert not any(zygote.is_lost for zygote in zygotes)
    finally:
        await runner.close()


async def test_folders_of_a_dead_worker_are_removed_at_start(tmp_path: Path) -> None:
    stale = tmp_path / "home/jobs/999999999-1/1/1"
    stale.mkdir(parents=True)
    deep = stale
    for _ in range(300):
        deep = deep / "d"
        deep.mkdir()
    deep.chmod(0o000)
    (stale / "link").symlink_to("/etc")
    runner = open_runner(tmp_path)
    await runner.close()
    assert not (tmp_path / "home/jobs/999999999-1").exists()
    assert Path("/etc/passwd").exists()


async def test_without_mounts_jobs_run_without_a_zygote_and_record_why(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    if not WITHOUT_MOUNTS.landlock_abi:
        pytest.skip("this kernel has no Landlock")
    shared = Path(tempfile.gettempdir())
    for folder in (one for one in (tmp_path, *tmp_path.parents) if shared in one.parents):
        folder.chmod(0o755)  # the user of the job must be able to enter the real folders
    runner = open_runner(tmp_path, layers=WITHOUT_MOUNTS)
    other = skill("def run(inputs): return 1")
    try:
        outcome = await runner.run(
            skill(
                f"""
                import os, socket
                def attempt(do, *what):
                    try:
                        return str(do(*what))[:40]
                    except OSError as error:
                        return type(error).__name__
                def run(inputs):
                    return [os.listdir("."), attempt(socket.socket), attempt(os.listdir, {str(tmp_path)!r}),
                            attempt(os.listdir, {str(other.drive_dir)!r}), attempt(os.kill, {os.getpid()}, 0)]
                """
            ),
            recorder,
        )
    finally:
        await runner.close()
    assert isinstance(outcome, Success), outcome
    assert sorted(outcome.value[0]) == ["_inputs.json", "data.txt", "drive", "main.py", "tmp"]
    assert outcome.value[1:] == ["OSError", *["PermissionError"] * 3]
    (sandbox,) = recorder.of("sandbox")
    assert sandbox["warm"] is False
    assert sandbox["reason"] == "none"


async def test_strict_mode_rejects_jobs_on_an_unconfined_host(
    tmp_path: Path, skill: Skill, recorder: Any
) -> None:
    runner = open_runner(tmp_path, sandbox="strict", layers=Layers(None, 0, False, ("nothing here",)))
    try:
        outcome = await runner.run(skill("def run(inputs): return 1"), recorder)
    finally:
        await runner.close()
    assert isinstance(outcome, Failure)
    assert outcome.code == "sandbox_unavailable"
    assert (
        "cannot deny jobs access to the host's namespaces, files, network, other processes" in outcome.message
    )
    assert "nothing here" in outcome.message
    assert recorder.events == []


def test_home_in_a_folder_that_jobs_can_read_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SandboxMisplaced, match="PURAS_HOME"):
        DeterministicRunner(
            SandboxRuntime(
                Path("/usr/share/puras-test"),
                sandbox="auto",
                api_base="http://127.0.0.1:9",
                idle_s=1,
                pool_mb=64,
            )
        )
    assert not Path("/usr/share/puras-test").exists()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("HELD = bytearray(2 << 30)", "MemoryError"),
        ("import os, time\nfor _ in range(40):\n    os.fork() or time.sleep(60)\ntime.sleep(60)", "ran"),
        ("import os, time\nfor _ in range(4):\n    if not os.fork():\n        held = bytearray(b'x') * (90 << 20)\n"
         "        time.sleep(60)\ntime.sleep(60)", "used"),
    ],
)  # fmt: skip
async def test_import_has_the_limits_of_a_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any, code: str, expected: str
) -> None:
    outcome = await runner.run(skill(f"print('importing')\n{code}\ndef run(inputs): return 1"), recorder)
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "bad_entrypoint"
    assert expected in outcome.message, outcome.message
    assert outcome.measured.wall_s < 10
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)


async def test_repeated_import_has_the_limits_of_a_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    code = """
        import os, threading, time
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
        if os.path.exists("drive/cold"):
            for _ in range(40):
                os.fork() or time.sleep(60)
            time.sleep(60)
        def run(inputs):
            open("drive/cold", "w").close()
        """
    assignment = skill(code)
    assert isinstance(await runner.run(assignment, recorder), Success)
    outcomes = [await runner.run(assignment, recorder) for _ in range(3)]
    rejected = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert rejected
    assert all(
        outcome.code == "bad_entrypoint" and "concurrent processes" in outcome.message for outcome in rejected
    )


async def test_output_of_a_failed_import_is_recorded(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    outcome = await runner.run(
        skill("print('as far as here')\nraise ValueError('no')\ndef run(): pass"), recorder
    )
    assert isinstance(outcome, Failure)
    assert recorder.text("stdout") == "as far as here\n"
    assert 'raise ValueError("no")' in recorder.text("stderr") or "raise ValueError('no')" in recorder.text(
        "stderr"
    )


async def test_zygote_that_floods_the_worker_is_ended(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    flood = """
        import os, socket
        control = socket.socket(fileno=os.dup(3))
        for _ in range(100_000):
            control.send(b'{"type": "exit", "id": 1, "status": 0}')
        def run(inputs): return 1
        """
    outcome = await runner.run(skill(flood), recorder)
    assert isinstance(outcome, Failure)
    assert "more messages" in outcome.message
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)


async def test_forged_child_ends_its_zygote(runner: DeterministicRunner, skill: Skill, recorder: Any) -> None:
    forging = """
        import os
        def after():
            os.setsid = lambda: None
        os.register_at_fork(after_in_child=after)
        def run(inputs):
            return "ran"
        """
    outcome = await runner.run(skill(forging), recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "crashed"
    assert runner.runtime.pool._zygotes == {}
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)


async def test_process_that_left_its_group_ends_the_sandbox(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    if not HAS_MOUNTS:
        pytest.skip("without mounts, no code of the skill runs before its job is confined")
    escaping = """
        import os, time
        def after():
            if os.fork() == 0:
                os.setsid()
                time.sleep(600)
        os.register_at_fork(after_in_child=after)
        def run(inputs):
            return "ran"
        """
    guarded = escaping.replace(
        "def after():", "def after(done=[]):\n            if done: return\n            done.append(1)"
    )
    assert isinstance(await runner.run(skill(guarded), recorder), Success)
    (zygote,) = runner.runtime.pool._zygotes.values()
    await until(lambda: zygote.is_lost)
    await zygote.wait()
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)


async def test_threads_of_an_import_are_stopped_without_a_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    spinning = """
        import threading
        count = 0
        def spin():
            global count
            while True:
                count += 1
        threading.Thread(target=spin, daemon=True).start()
        def run(inputs):
            import time
            before = count
            time.sleep(0.2)
            return count > before
        """
    assert (await _value(runner, skill(spinning), recorder)) is True
    (zygote,) = runner.runtime.pool._zygotes.values()
    await until(lambda: bool(zygote._spares) and all(spare.ready.done() for spare in zygote._spares))
    states = {_state(spare.pid) for spare in zygote._spares if spare.pid}
    assert states == {"T"}


async def test_output_of_an_import_is_recorded_once(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill("print('imported')\ndef run(inputs): print('ran', end='')")
    for _ in range(3):
        assert isinstance(await runner.run(assignment, recorder), Success)
    assert recorder.text("stdout") == "imported\nranranran"


async def _value(runner: DeterministicRunner, assignment: Assignment, recorder: Any) -> Any:
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Success), outcome
    return outcome.value


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
