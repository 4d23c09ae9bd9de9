"""An instance that runs as an operator starts it, a project with credit, and the skillpack deployed in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from puras import Client
from puras.cli.main import main
from puras.client.forms import bundle

from backend.skills.archives.pack import pack
from tests.contract.clients import skills
from tests.integration.operations.instances import Up, new_up


@dataclass(frozen=True)
class Place:
    """Where the clients find the instance."""

    up: Up
    address: str
    key: str
    folder: Path
    """The skillpack's files."""

    def client(self, address: str | None = None) -> Client:
        """A client of it, perhaps by another way."""
        return Client(self.key, api_base=address or self.address)

    def new_key(self, name: str, *, credit_usd: str = "5") -> str:
        """The key of another project."""
        project = self.up.json("project", "create", name, "--credit-usd", credit_usd)
        return str(project["api_key"])


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Time costs money here: a cent a second."""
    with new_up() as up:
        up.settings |= {"PURAS_COMPUTE_MICROS_PER_SECOND": "10000"}
        up.start()
        up.wait_ready()
        project = up.json("project", "create", "Clients", "--credit-usd", "5")
        folder = skills.write(tmp_path_factory.mktemp("pack"))
        place = Place(up, f"http://127.0.0.1:{up.port}", project["api_key"], folder)
        body = bundle(pack(folder), activate="true")
        place.client().request("POST", "/v1/deployments", body=body, idempotency_key="the first")
        yield place


@pytest.fixture
def client(place: Place) -> Client:
    """The kit's own client of it."""
    return place.client()


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Puras = Callable[..., Ran]


class Terminal(StringIO):
    """What a user types."""

    def isatty(self) -> bool:
        return True


def environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
    return inherited | {"HOME": str(home), "NO_COLOR": "1", "COLUMNS": "120"}


@pytest.fixture
def puras(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Puras:
    """Runs a command in the skillpack's folder, logged in."""
    for name in [name for name in os.environ if name.startswith("PURAS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)

    def run(*words: str, given: str = "", typed: str = "", code: int = 0, cwd: Path | None = None) -> Ran:
        monkeypatch.chdir(cwd or place.folder)
        monkeypatch.setattr(sys, "stdin", Terminal(typed) if typed else StringIO(given))
        try:
            ended = main(list(words))
        except SystemExit as exit_of_argparse:
            ended = int(exit_of_argparse.code or 0)
        ran = Ran(ended, *capsys.readouterr())
        assert ran.code == code, (words, ran)
        assert place.key not in ran.out + ran.err
        return ran

    run("login", "--key", "-", "--api-base", place.address, given=f"{place.key}\n")
    return run
