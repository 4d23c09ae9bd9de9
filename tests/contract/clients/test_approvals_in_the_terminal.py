"""A call of an agent that waits for a person: the terminal says so at once, and decides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from puras import Client
from puras.client.forms import bundle

from backend.bundles.pack import pack
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


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("verb", "status"), [("approve", "approved"), ("deny", "denied")])
def test_a_run_says_which_call_waits_and_goes_on_once_it_is_decided(
    desk: dict[str, str], tmp_path: Path, verb: str, status: str
) -> None:
    """A rehearsal calls each tool once, so the template asks without any model."""

    def puras(*words: str) -> str:
        command = [sys.executable, "-m", "puras.cli", *words]
        return subprocess.run(
            command, env=desk, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    said = tmp_path / "said"
    command = [sys.executable, "-m", "puras.cli", "run", "triage", "-i", "ticket=Parcel 1042 never came."]
    with said.open("w") as log, subprocess.Popen(command, env=desk, stdout=log, stderr=log) as running:
        try:
            eventually(lambda: f"puras {verb} " in said.read_text(encoding="utf-8"), 60, "it is told")
            assert "It waits for a person: refund(" in said.read_text(encoding="utf-8")
            approval = puras("approvals").splitlines()[1].split()[0]
            assert approval in said.read_text(encoding="utf-8")
            assert status in puras(verb, approval, "--reason", "looked at")
            assert running.wait(60) == 0
        finally:
            running.kill()
    assert '"team"' in said.read_text(encoding="utf-8")
    assert puras("approvals", "--json").strip() == "[]"
