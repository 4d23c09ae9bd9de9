"""Reports of the process of a job and of its zygote are validated: forged ones fail only their own job."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.isolation import layers
from workers.types import Assignment, Failure, Measured, Success

Skill = Callable[..., Assignment]
HOST_MB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
FORGED_RESPONSE = """
    import os
    def run(inputs):
        os.write(3, inputs["answer"].encode() + b"\\n")
        os._exit(0)
    """
FORGED_REPORT = """
    import os
    from puras_inside import wire, zygote
    send = wire.send
    def forged(control, body, descriptors=None):
        return send(control, {{**body, **{forged!r}}} if body.get("type") == {kind!r} else body, descriptors)
    wire.send = forged
    wire.send_exit = lambda control, number, status: forged(
        control, {{"type": "exit", "id": number, "status": status}}
    )
    {then}
    def run(inputs):
        os._exit(5)
    """


@pytest.mark.parametrize(
    "numbers",
    [
        f'"cpu_s":1{"0" * 4000},"peak_kb":1{"0" * 4000}',
        '"cpu_s":1e300,"peak_kb":1e300',
        '"cpu_s":-1e300,"peak_kb":-5',
        '"cpu_s":"1","peak_kb":[1]',
        '"cpu_s":true,"peak_kb":{}',
    ],
    ids=["integers", "floats", "negative", "other types", "no numbers"],
)
async def test_forged_usage_is_limited_to_possible_values(
    runner: DeterministicRunner, skill: Skill, recorder: Any, numbers: str
) -> None:
    forging = skill(
        FORGED_RESPONSE, declared="answer", inputs={"answer": f'{{"type":"value","value":1,{numbers}}}'}
    )
    outcome = await runner.run(forging, recorder)
    assert isinstance(outcome, Success)
    assert _is_possible(outcome.measured)


@pytest.mark.parametrize("code", ["[]", "{}", '["exception"]', "1", "null", '"succeeded"'])
async def test_unknown_error_code_is_a_crash(
    runner: DeterministicRunner, skill: Skill, recorder: Any, code: str
) -> None:
    response = f'{{"type":"failure","code":{code},"message":"m"}}'
    outcome = await runner.run(
        skill(FORGED_RESPONSE, declared="answer", inputs={"answer": response}), recorder
    )
    assert isinstance(outcome, Failure)
    assert outcome.code == "crashed"


@pytest.mark.parametrize("status", [2**70, -1, 0x7F, 0x137F, 0xFFFF, 1 << 16, True, "0", None, [0]])
async def test_impossible_exit_status_ends_the_zygote(
    runner: DeterministicRunner, skill: Skill, recorder: Any, status: object
) -> None:
    _skip_without_mounts()
    forging = skill(FORGED_REPORT.format(forged={"status": status}, kind="exit", then=""))
    outcome = await runner.run(forging, recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "crashed"
    assert _is_possible(outcome.measured)
    assert isinstance(await runner.run(skill("def run(inputs): return 1"), recorder), Success)


async def test_message_of_a_failed_import_can_be_stored(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    _skip_without_mounts()
    forged = {"message": "a\0b\ud800", "trace": "x" * 30_000 + "\0"}
    code = FORGED_REPORT.format(forged=forged, kind="refused", then="raise ValueError")
    outcome = await runner.run(replace(skill(code)), recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "bad_entrypoint"
    for text in (outcome.message, recorder.text("stderr")):
        assert "\0" not in text
        assert len(text.encode()) < 20_000


async def test_huge_thread_count_is_not_reported(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    _skip_without_mounts()
    then = "wire.send(zygote.socket.socket(fileno=os.dup(3)), {'type': 'not_forkable', 'threads': 10**4000})"
    outcome = await runner.run(skill(FORGED_REPORT.format(forged={}, kind="exit", then=then)), recorder)
    assert isinstance(outcome, Failure)
    assert outcome.code == "exited"
    assert "left something running" in recorder.of("sandbox")[0]["reason"]


def _is_possible(measured: Measured) -> bool:
    return 0 <= measured.cpu_s <= 20 * (os.cpu_count() or 1) and 0 <= measured.peak_memory_mb <= HOST_MB + 1


def _skip_without_mounts() -> None:
    if layers.probe("auto").bwrap is None:
        pytest.skip("without mounts, no code of the skill runs in its zygote")
