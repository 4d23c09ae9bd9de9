"""The terminal reports calls of agents that await approval, and approves or rejects them."""

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
    """Deploy the template in a new project, and return the environment variables of its user."""
    key = place.new_key("Desk")
    client = Client(key, api_base=place.address)
    client.request("POST", "/v1/deployments", body=bundle(pack(DESK), activate="true"))
    return {**environment(tmp_path), "PURAS_API_KEY": key, "PURAS_API_BASE": place.address}


def puras(desk: dict[str, str], *words: str) -> str:
    """Run a command and return its output."""
    command = [sys.executable, "-m", "puras.cli", *words]
    return subprocess.run(command, env=desk, check=True, capture_output=True, text=True, timeout=60).stdout


@contextmanager
def started(desk: dict[str, str], output: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Start a command whose output is written to the file."""
    command = [sys.executable, "-m", "puras.cli", *words]
    with (
        output.open("w") as log,
        subprocess.Popen(command, env=desk, stdout=log, stderr=log, text=True) as running,
    ):
        try:
            yield running
        finally:
            running.kill()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("deny", "denied")])
def test_run_reports_a_pending_approval_and_continues_after_the_decision(
    desk: dict[str, str], tmp_path: Path, verb: str, status: str
) -> None:
    """The simulated model calls each tool once, so the template needs an approval without a language model."""
    output = tmp_path / "output"
    with started(desk, output, "run", "triage", "-i", "ticket=Parcel 1042 never came.") as running:
        eventually(
            lambda: f"puras {verb} " in output.read_text(encoding="utf-8"), 60, "the approval is reported"
        )
        assert "Awaiting approval: refund(" in output.read_text(encoding="utf-8")
        approval = puras(desk, "approvals").splitlines()[1].split()[0]
        assert approval in output.read_text(encoding="utf-8")
        assert status in puras(desk, verb, approval, "--reason", "checked")
        assert running.wait(60) == 0
    assert '"team"' in output.read_text(encoding="utf-8")
    assert "no language model ran. The result is the output of an example" in output.read_text(
        encoding="utf-8"
    )
    assert "succeeded (simulated)" in puras(desk, "jobs")
    assert puras(desk, "approvals", "--json").strip() == "[]"


@pytest.mark.timeout(300)
def test_eval_reports_its_progress_and_pending_approvals(desk: dict[str, str], tmp_path: Path) -> None:
    output = tmp_path / "output"
    with started(desk, output, "eval", "triage", "--case", "lost", "--interval", "0.2") as running:
        eventually(
            lambda: "puras approvals" in output.read_text(encoding="utf-8"), 60, "the approval is reported"
        )
        message = "0 of 1 runs have ended; 1 awaiting approval: puras approvals"
        assert message in output.read_text(encoding="utf-8")
        puras(desk, "approve", puras(desk, "approvals").splitlines()[1].split()[0])
        assert running.wait(60) in (0, 1)
    assert "1 of 1" in output.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("approve", "WRONG"),
            "The approval ID is not valid. 'WRONG' is not a UUID. `puras approvals` lists the approvals.",
        ),
        (("replay", "WRONG"), "The job ID is not valid. 'WRONG' is not a UUID. `puras jobs` lists the jobs."),
    ],
)
def test_argument_that_is_no_id_is_reported_with_the_command_that_lists_ids(
    desk: dict[str, str], words: tuple[str, ...], message: str
) -> None:
    command = [sys.executable, "-m", "puras.cli", *words]
    ended = subprocess.run(command, env=desk, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert ended.stderr == f"puras: {message}\n"
