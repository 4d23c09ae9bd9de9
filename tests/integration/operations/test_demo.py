"""`up --demo`, twice on one home folder: a first job succeeds each time, and nothing is created twice."""

from __future__ import annotations

import json
import re
import stat
import urllib.request
from typing import Any

from tests.integration.operations.instances import Up, eventually

DEMO_S = 110.0  # the first job installs the packages that its skill requires


def test_demo_runs_a_first_job_and_is_made_only_once(up: Up) -> None:
    first_key = run_demo(up)
    kept = up.home / "demo-key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text(encoding="ascii").strip() == first_key
    up.process.terminate()
    assert up.process.wait(30) == 0
    assert up.processes() == set()

    (up.folder / "log").write_text("", encoding="utf-8")
    assert run_demo(up, "--quiet") == first_key
    assert_one_line_per_stage(up)
    assert [deployment["version"] for deployment in get(up, first_key, "/v1/deployments")] == [1]
    jobs = get(up, first_key, "/v1/jobs")
    assert [job["status"] for job in jobs] == ["succeeded", "succeeded"]
    assert jobs[0]["result"]["exif"]["camera"] == "Puras Studio One"


def assert_one_line_per_stage(up: Up) -> None:
    """Check that a quiet start has printed its stages and the greeting, and nothing else."""
    stages, _, greeting = up.log.partition("\n\n")
    assert re.sub(r"\(\d+\.\d s\)", "(N s)", stages).splitlines() == [
        "PostgreSQL and Redis ... running (N s)",
        "Migrations ... current (N s)",
        "API ... ready (N s)",
        "Workers ... ready (N s)",
        "Demo ... first job succeeded (N s)",
    ]
    assert greeting.startswith(f"  Puras Studio is ready on http://127.0.0.1:{up.port}\n")
    assert f"Logs:          {up.home / 'up.log'}\n" in greeting
    assert stat.S_IMODE((up.home / "up.log").stat().st_mode) == 0o600


def run_demo(up: Up, *options: str) -> str:
    """Start the demo, wait for its first job and return the key that it prints."""
    up.start("--demo", *options)
    eventually(
        lambda: "Try:" in up.log or "did not succeed" in up.log or up.has_ended(), DEMO_S, "the demo ends"
    )
    logs = (up.home / "up.log").read_text(encoding="utf-8") if "--quiet" in options else up.log
    assert "first job succeeded" in logs, up.log
    assert "2000 x 3000 JPEG" in logs
    found = re.search(r"API key: +(puras_live_\S+)", up.log)
    assert found is not None
    return found.group(1)


def get(up: Up, key: str, path: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{up.port}{path}", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)
