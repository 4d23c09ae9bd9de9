"""A call of an agent that waits for a person: the terminal says so at once, and decides."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from puras import Client
from puras.client.forms import bundle

from backend.skills.archives.pack import pack
from tests.contract.clients.conftest import Place, environment
from tests.integration.operations.instances import eventually

DESK = Path(__file__).parents[3] / "skills_kit" / "templates" / "desk"


@pytest.fixture
def desk(place: Place, tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with the template deployed in a project."""
    key = place.new_key("Desk")
    client = Client(key, api_base=place.address)
    client.request("POST", "/v1/deployments", body=bundle(pack(DESK), activate="true"))
    return {**environment(tmp_path), "PURAS_API_KEY": key, "PURAS_API_BASE": place.address}


def puras(desk: dict[str, str], *words: str) -> str:
    """What a command answers."""
    command = [sys.executable, "-m", "puras.cli", *words]
    return subprocess.run(command, env=desk, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def begun(desk: dict[str, str], said: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that runs; all that it says goes into the file."""
    command = [sys.executable, "-m", "puras.cli", *words]
    with (
        said.open("w") as log,
        subprocess.Popen(command, env=desk, stdout=log, stderr=log, text=True) as running,
    ):
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("deny", "denied")])
def test_a_run_says_which_call_waits_and_goes_on_once_it_is_decided(
    desk: dict[str, str], tmp_path: Path, verb: str, status: str
) -> None:
    """A rehearsal calls each tool once, so the template asks without any model."""
    said = tmp_path / "said"
    with begun(desk, said, "run", "triage", "-i", "ticket=Parcel 1042 never came.") as running:
        eventually(lambda: f"puras {verb} " in said.read_text(encoding="utf-8"), 60, "it is told")
        assert "Awaiting approval: refund(" in said.read_text(encoding="utf-8")
        approval = puras(desk, "approvals").splitlines()[1].split()[0]
        assert approval in said.read_text(encoding="utf-8")
        assert status in puras(desk, verb, approval, "--reason", "looked at")
        assert running.wait(60) == 0
    assert '"team"' in said.read_text(encoding="utf-8")
    assert "no language model ran. The result is the output of an example" in said.read_text(encoding="utf-8")
    assert "succeeded (simulated)" in puras(desk, "jobs")
    assert puras(desk, "approvals", "--json").strip() == "[]"


@pytest.mark.timeout(300)
def test_a_suite_says_how_far_it_is_and_that_its_runs_wait_for_somebody(
    desk: dict[str, str], tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with begun(desk, said, "eval", "triage", "--case", "lost", "--interval", "0.2") as running:
        eventually(lambda: "puras approvals" in said.read_text(encoding="utf-8"), 60, "it is told")
        told = "0 of 1 runs have ended; 1 awaiting approval: puras approvals"
        assert told in said.read_text(encoding="utf-8")
        puras(desk, "approve", puras(desk, "approvals").splitlines()[1].split()[0])
        assert running.wait(60) in (0, 1)
    assert "1 of 1" in said.read_text(encoding="utf-8")
