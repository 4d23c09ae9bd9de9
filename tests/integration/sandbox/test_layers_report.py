"""The report about the layers of the host, which `doctor` runs in a separate process."""

from __future__ import annotations

import json
import subprocess
import sys

from workers.sandbox.isolation import layers


def test_report_is_json_with_layers_and_an_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers.sandbox.host.report", "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    facts = json.loads(done.stdout)
    assert facts["layers"] == layers.probe("auto").names
    assert facts["closed"] == layers.probe("auto").closed
    assert done.returncode == (0 if facts["closed"] else 1)


def test_disabled_sandbox_is_reported_as_not_closed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers.sandbox.host.report", "--mode", "off"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PURAS_SANDBOX is off" in done.stdout
