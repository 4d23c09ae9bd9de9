"""Each way in which a function can fail has its own result, and the next job is not affected."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.sandbox.conftest import until
from workers.runners.deterministic import DeterministicRunner
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]

HOSTILE = """
import os, sys, time, subprocess, signal, ctypes, multiprocessing

def run(inputs):
    return globals()[inputs["do"]]()

def fine():
    return {"pid": os.getpid()}

def exits():
    sys.exit(3)

def exits_hard():
    os._exit(7)

def raises():
    raise KeyError("no such colour")

def hangs():
    while True:
        time.sleep(1)

def spins():
    while True:
        pass

def crashes():
    ctypes.string_at(0)

def eats_memory():
    return len(bytearray(2 << 30))

def eats_memory_together():
    for _ in range(8):
        if os.fork() == 0:
            held = bytearray(os.urandom(1 << 20)) * 64
            time.sleep(60)
    time.sleep(60)

def fills_disk_with_files():
    for number in range(100_000):
        with open(f"f{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
        time.sleep(0.001)

def fills_disk_with_one():
    with open("big", "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))

def fills_drive():
    for number in range(100_000):
        with open(f"drive/f{number}", "wb") as file:
            file.write(b"x" * (1 << 20))
        time.sleep(0.001)

def fills_disk_nameless():
    held = []
    for number in range(500):
        file = open("gone", "wb")
        os.unlink("gone")
        file.write(b"x" * (1 << 20))
        file.flush()
        held.append(file)
    time.sleep(60)

def bombs():
    while True:
        os.fork()

def starts_many():
    for _ in range(60):
        if os.fork() == 0:
            time.sleep(60)
    time.sleep(60)

def answers_too_much():
    return "x" * (2 << 20)

def prints_without_end():
    while True:
        print("x" * 1000)

def forges():
    os.write(3, b'{"type": "value", "value": "forged", "cpu_s": -5}\\n' * 3)
    time.sleep(0.5)
    return "own"

def closes_and_returns():
    os.closerange(0, 4096)
    return "unheard"

def closes_and_raises():
    os.closerange(0, 4096)
    raise ValueError("unheard")

def closes_and_stays():
    os.closerange(0, 4096)
    time.sleep(60)

def closes_and_opens():
    os.closerange(0, 4096)
    held = [open("/dev/null", "w") for _ in range(8)]
    return "unheard"

def floods_private():
    while True:
        os.write(3, b"x" * 65536)
"""


@pytest.mark.parametrize(
    ("do", "code", "expected"),
    [
        ("exits", "exited", "exit code 3"),
        ("exits_hard", "exited", "exit code 7"),
        ("raises", "exception", "KeyError: 'no such colour'"),
        ("crashes", "crashed", "SIGSEGV"),
        ("eats_memory", "memory_limit", "limits.memory_mb"),
        ("eats_memory_together", "memory_limit", "limit of 256 MiB"),
        ("fills_disk_with_files", "disk_limit", "limit of 16 MiB"),
        ("fills_disk_with_one", "disk_limit", "disk limit"),
        ("fills_drive", "disk_limit", "limit of 16 MiB"),
        ("fills_disk_nameless", "disk_limit", "limit of 16 MiB"),
        ("bombs", "process_limit", "processes"),
        ("starts_many", "process_limit", "limit of 16"),
        ("answers_too_much", "output_limit", "puras.drive.save"),
        ("floods_private", "output_limit", "larger than its limit"),
    ],
)
async def test_each_failure_has_its_error_code_and_other_jobs_succeed(
    runner: DeterministicRunner, skill: Skill, recorder: Any, do: str, code: str, expected: str
) -> None:
    bad = skill(HOSTILE, inputs={"do": do})
    other_job = asyncio.create_task(runner.run(replace(bad, inputs={"do": "fine"}), recorder))
    outcome = await runner.run(bad, recorder)
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == code, outcome
    assert expected in outcome.message
    assert outcome.measured.wall_s < 10
    assert isinstance(await other_job, Success)
    after = await runner.run(replace(bad, inputs={"do": "fine"}), recorder)
    assert isinstance(after, Success), after


async def test_limits_apply_when_the_host_clock_is_set_back(
    runner: DeterministicRunner, skill: Skill, recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = skill(HOSTILE, inputs={"do": "eats_memory_together"})
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() - 3600)
    outcome = await runner.run(bad, recorder)
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "memory_limit", outcome


@pytest.mark.parametrize("do", ["hangs", "spins", "prints_without_end"])
async def test_function_that_never_returns_ends_at_its_time_limit(
    runner: DeterministicRunner, skill: Skill, recorder: Any, do: str
) -> None:
    assignment = skill(HOSTILE, inputs={"do": do})
    outcome = await runner.run(
        replace(assignment, limits=replace(assignment.limits, timeout_s=0.5)), recorder
    )
    assert isinstance(outcome, Failure)
    assert outcome.code == "timeout"
    assert "0.5 s" in outcome.message
    assert outcome.measured.wall_s < 3


async def test_endless_print_is_stored_up_to_its_limit_and_counted(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(HOSTILE, inputs={"do": "prints_without_end"})
    await runner.run(replace(assignment, limits=replace(assignment.limits, timeout_s=1)), recorder)
    assert 900_000 < len(recorder.text("stdout")) <= 1 << 20
    assert "bytes of further output were not stored" in recorder.text("system")


async def test_forged_response_changes_only_its_own_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    forging = skill(HOSTILE, inputs={"do": "forges"})
    others = [runner.run(replace(forging, inputs={"do": "fine"}), recorder) for _ in range(4)]
    outcome, *rest = await asyncio.gather(runner.run(forging, recorder), *others)
    assert isinstance(outcome, Success)
    assert outcome.value == "forged"
    assert len({other.value["pid"] for other in rest if isinstance(other, Success)}) == 4


@pytest.mark.parametrize(
    "do", ["closes_and_returns", "closes_and_raises", "closes_and_stays", "closes_and_opens"]
)
async def test_function_that_closes_runner_descriptors_fails_consistently(
    runner: DeterministicRunner, skill: Skill, recorder: Any, do: str
) -> None:
    bad = skill(HOSTILE, inputs={"do": do})
    for _ in range(20):
        outcome = await runner.run(bad, recorder)
        assert isinstance(outcome, Failure), outcome
        assert (outcome.code, outcome.message.split(",")[0]) == (
            "exited",
            "The function closed the descriptors of the connection to the runner",
        )
        assert outcome.measured.wall_s < 5
    assert isinstance(await runner.run(replace(bad, inputs={"do": "fine"}), recorder), Success)


async def test_remaining_processes_of_a_function_end_with_the_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import os, subprocess, time
        def run(inputs):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    while True:
                        with open("drive/alive", "a") as file:
                            file.write("x")
                        time.sleep(0.01)
                os._exit(0)
            while not os.path.exists("drive/alive"):
                time.sleep(0.01)
            subprocess.Popen(["sleep", "1000"], start_new_session=True)
            return None
        """
    )
    outcome = await runner.run(assignment, recorder)
    assert isinstance(outcome, Success), outcome
    size = (assignment.drive_dir / "alive").stat().st_size
    await asyncio.sleep(0.2)
    assert (assignment.drive_dir / "alive").stat().st_size == size
    assert _sleepers() == []


async def test_task_cancellation_ends_the_job_early(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(
        """
        import os, time
        def run(inputs):
            open("drive/started", "w").close()
            while True:
                time.sleep(0.01)
                with open("drive/alive", "a") as file:
                    file.write("x")
        """
    )
    task = asyncio.create_task(runner.run(assignment, recorder))
    await until(lambda: (assignment.drive_dir / "alive").exists())
    started_at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started_at < 15, "the time limit is 20 seconds"
    size = (assignment.drive_dir / "alive").stat().st_size
    await asyncio.sleep(0.1)
    assert (assignment.drive_dir / "alive").stat().st_size == size


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("float('nan')", "result is nan"),
        ("{'a': [1, float('inf')]}", "result.a[1] is inf"),
        (
            "{'image': b'...'}",
            "result.image is a bytes, which is not JSON data: save it with `puras.drive.save(…)`",
        ),
        ("{1, 2}", "return `sorted(…)` of it"),
        ("{'at': __import__('datetime').datetime.now()}", "return its `.isoformat()`"),
        ("__import__('pathlib').Path('x')", "return `str(…)` of it"),
        ("{1: 'x'}", "has the key 1 of type int"),
        ("'a\\x00b'", "NUL"),
        ("'\\ud800'", "surrogate"),
        ("object()", "is a object"),
        ("(lambda l: (l.append(l), l)[1])([])", "contains itself"),
        ("10 ** 5000", "more than 4,300 digits"),
    ],
)
async def test_result_that_is_not_json_is_rejected_with_location_and_fix(
    runner: DeterministicRunner, skill: Skill, recorder: Any, expression: str, expected: str
) -> None:
    outcome = await runner.run(skill(f"def run(inputs):\n    return {expression}\n"), recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "bad_result"
    assert expected in outcome.message


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def other(inputs): pass", "has no function 'run'"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def run(inputs:", "SyntaxError"),
        ("import sys; sys.exit(5)", "SystemExit: 5"),
        ("def run(colour): return colour", "missing 1 required positional argument: 'colour'"),
    ],
)
async def test_invalid_entrypoint_is_reported_with_a_reason(
    runner: DeterministicRunner, skill: Skill, recorder: Any, code: str, expected: str
) -> None:
    outcome = await runner.run(skill(code), recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "bad_entrypoint"
    assert expected in outcome.message


@pytest.mark.parametrize("does", ["os._exit(0)", "os.closerange(0, 4096)"])
async def test_import_that_exits_fails_the_job_and_not_the_worker(
    runner: DeterministicRunner, skill: Skill, recorder: Any, does: str
) -> None:
    outcome = await runner.run(skill(f"import os; {does}\ndef run(inputs): return 1"), recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "crashed"
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)


@pytest.mark.parametrize("code", ["import os; os._exit(0)", "raise ValueError('no model')"])
async def test_import_that_fails_before_the_worker_reads_is_reported(
    runner: DeterministicRunner, skill: Skill, recorder: Any, code: str
) -> None:
    """A slow worker reads the first message of a sandbox after the sandbox has ended."""
    running = asyncio.create_task(runner.run(skill(f"{code}\ndef run(inputs): return 1"), recorder))
    while not running.done():
        time.sleep(0.1)  # noqa: ASYNC251 - it makes the whole worker slow
        await asyncio.sleep(0)
    outcome = await running
    assert isinstance(outcome, Failure)
    assert "first message" not in outcome.message, outcome


async def test_traceback_contains_only_frames_of_the_skill(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    outcome = await runner.run(
        skill("import json\ndef inner():\n    json.loads('{')\ndef run(inputs):\n    inner()\n"), recorder
    )
    assert isinstance(outcome, Failure)
    assert outcome.message.startswith("JSONDecodeError: ")
    trace = recorder.text("stderr")
    assert "in inner" in trace
    assert "puras_inside" not in trace
    assert "decoder.py" not in trace


def _sleepers() -> list[str]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if command == b"sleep\x001000\x00":
                found.append(folder.name)
    return found
