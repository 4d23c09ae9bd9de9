"""Provide an instance, a project with credit, and a deployed skillpack for the tests of the clients."""

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
    """The instance, and a project with its key."""

    up: Up
    address: str
    key: str
    folder: Path
    """The folder of the skillpack."""

    def client(self, address: str | None = None) -> Client:
        """Return a client, optionally with another URL of the instance."""
        return Client(self.key, api_base=address or self.address)

    def new_key(self, name: str, *, credit_usd: str = "5") -> str:
        """Create another project, and return its key."""
        project = self.up.json("project", "create", name, "--credit-usd", credit_usd)
        return str(project["api_key"])


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Start an instance on which a second of run time costs one cent."""
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
    """Return a client of the kit."""
    return place.client()


@dataclass(frozen=True)
class Ran:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Puras = Callable[..., Ran]


class Terminal(StringIO):
    """A function that runs a command of `puras`."""

    def isatty(self) -> bool:
        return True


def environment(home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
    return inherited | {"HOME": str(home), "NO_COLOR": "1", "COLUMNS": "120"}


@pytest.fixture
def puras(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Puras:
    """Return a function that runs commands in the folder of the skillpack, with a saved key."""
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
