"""N18: the time from a push to the first result of a skill with numpy and pillow, whose environment the host has."""

from __future__ import annotations

import statistics
import time
from typing import Final

from benchmarks.client import Client
from benchmarks.instance import Running, instance
from benchmarks.measurement import Measurement, at_most
from benchmarks.numbers import report_progress

REQUIREMENTS: Final = b"numpy\npillow\n"
SKILL_YAML: Final = b"""\
entrypoint: main.py:run
description: Returns the mean of a gray image.
input_schema: {type: object, properties: {size: {type: integer}}}
output_schema: {type: object, properties: {mean: {type: number}}}
"""
CODE: Final = """\
import numpy
from PIL import Image


def run(size):
    image = Image.new("L", (size, size), {gray})
    return {{"mean": float(numpy.asarray(image).mean())}}
"""
SIZE: Final = 64
METHOD: Final = (
    "A first project installs the environment, which is not measured. Each round pushes a bundle with other "
    "code and the same requirements to a new project, and waits for the result of its first job, which imports "
    "both packages"
)


def measure(rounds: int) -> Measurement:
    """Build the environment once, then push to a new project in each round."""
    with instance() as running:
        first_s = _push_and_run(running, running.api_key, 1)
        times = [_push_and_run(running, running.add_project(), 2 + at) for at in range(rounds)]
    detail = f"with the installation of the packages {first_s:.1f} s"
    what = "push → first result with numpy and pillow, environment cached on the host"
    return Measurement(
        "N18",
        (at_most("push", what, statistics.median(times), 2, "s", detail=detail),),
        {"first_s": first_s, "took_s": times},
        METHOD,
    )


def _push_and_run(running: Running, api_key: str, gray: int) -> float:
    files = {
        "requirements.txt": REQUIREMENTS,
        "skills/mean/skill.yaml": SKILL_YAML,
        "skills/mean/main.py": CODE.format(gray=gray).encode(),
    }
    with running.client(api_key) as client:
        client.call("GET", "/v1/jobs?limit=1")  # opens the connection
        began = time.perf_counter()
        client.push(files)
        mean = _first_result(client)
        took_s = time.perf_counter() - began
    if mean != gray:
        raise RuntimeError(f"the job returned {mean} instead of {gray}")
    report_progress(f"N18 {took_s:.2f} s")
    return took_s


def _first_result(client: Client) -> float:
    job = client.run("mean", {"size": SIZE})
    while job["status"] in ("queued", "running"):  # an installation may take longer than one request
        job = client.call("GET", f"/v1/jobs/{job['id']}?wait=true&timeout=55")
    if job["status"] != "succeeded":
        raise RuntimeError(f"the job failed: {job['error']}")
    return float(job["result"]["mean"])
