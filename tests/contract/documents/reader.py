"""A simulated user who runs each block of a page in a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from puras import Client
from puras.bundles import pack_files
from puras.client.forms import bundle

from backend.config import Settings
from backend.operations import user_commands
from tests.contract.documents import blocks
from tests.contract.documents.blocks import Block
from tests.contract.documents.exceptions import covering
from tests.integration.operations.instances import Up

RUN = Path(__file__).with_name("blocks_run.py")
CURL = '#!/bin/sh\nexec /usr/bin/env PATH="${PATH#*:}" curl --fail-with-body "$@"\n'
"""A `curl` that fails on an error response; a user would notice the error in its output."""
SKILL_FILE = re.compile(r"# (skills/[\w-]+/[\w.]+)\n")
TIMEOUT_S = 240


@dataclass(frozen=True)
class Instance:
    """The running instance that all readers share."""

    up: Up
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.up.port}"


@dataclass
class Reader:
    """A user with a project, a folder and a page."""

    instance: Instance
    page: str
    folder: Path
    key: str
    project: str
    environment: dict[str, str]
    replacements: dict[str, str] = field(default_factory=dict)
    """Values of the page, each with the reader's value that replaces it."""
    common: frozenset[str] = frozenset()
    """Values that are on many pages."""
    done: list[Block] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return Client(self.key, api_base=self.instance.address)

    def blocks(self, *languages: str) -> list[Block]:
        """Return the blocks of the page in these languages that the reader has to run."""
        return [
            block
            for block in blocks.of_page(self.page)
            if block.language in languages and block.is_run and not covering(block)
        ]

    def unrun_blocks(self) -> list[str]:
        """Return the positions of the blocks that have not been run."""
        return [block.position for block in self.blocks(*blocks.RUN) if block not in self.done]

    def continue_with(self, page: str) -> None:
        """Continue with another page after all blocks of this one have been run."""
        assert not self.unrun_blocks()
        self.page = page

    def accept_errors(self) -> None:
        """Accept error responses from here on, because they are the subject of the page."""
        self.environment["PATH"] = self.environment["PATH"].partition(":")[2]

    def act_as_operator(self, up: Up) -> None:
        """Run the following commands on the host of the instance, as its operator."""
        self.environment |= {"PURAS_HOME": str(up.home), "PURAS_PORT": str(up.port), **up.settings}

    def get(self, path: str, **query: str) -> Any:
        """Return the response of the instance to a GET request."""
        return self.client.request("GET", path, query=query)

    def with_own_values(self, block: Block) -> str:
        """Return a block with the values of the reader."""
        text = block.code
        for shown, own in self.replacements.items():
            text = text.replace(shown, own)
        return text

    def shell(self, *, stdin: str = "", containing: str = "") -> str:
        """Run the shell blocks of the page in one shell, or those that contain a text, and return their output."""
        return self.run(self._command(containing), stdin=stdin)

    def at_terminal(self, *answers: tuple[str, str], containing: str = "") -> str:
        """Run the shell blocks in a terminal, enter the answer to each question, and return the output."""
        command = [
            "script",
            "--quiet",
            "--return",
            "--command",
            shlex.join(self._command(containing)),
            "/dev/null",
        ]
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as ran:
            assert ran.stdin is not None
            assert ran.stdout is not None
            output = b""
            for question, answer in answers:
                while question.encode() not in output and (received := ran.stdout.read(1)):
                    output += received
                ran.stdin.write(f"{answer}\n".encode())
                ran.stdin.flush()
            whole_output = output.decode() + ran.communicate(timeout=TIMEOUT_S)[0].decode()
        assert ran.returncode == 0, whole_output
        return whole_output

    def _command(self, containing: str) -> list[str]:
        blocks_to_run = [one for one in self.blocks("sh", "bash") if containing in one.code]
        assert blocks_to_run, (self.page, containing)
        self.done += blocks_to_run
        return ["bash", "-eu", "-o", "pipefail", "-c", "\n".join(map(self.with_own_values, blocks_to_run))]

    def python(self, **names: Any) -> str:
        """Run the programs of the page in one process."""
        blocks_to_run = [one for one in self.blocks("python") if one not in self.done]
        self.done += blocks_to_run
        request = {
            "blocks": [(one.position, self.with_own_values(one)) for one in blocks_to_run],
            "names": names,
        }
        return self.run([sys.executable, str(RUN)], stdin=json.dumps(request))

    def run(self, command: list[str], *, stdin: str = "") -> str:
        """Run a command in the reader's folder, and return its output; it must succeed."""
        ran = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert ran.returncode == 0, (self.page, ran.stdout, ran.stderr)
        return ran.stdout

    def files(self) -> dict[str, str]:
        """Return the blocks that are files of skills, by path."""
        found = {}
        for block in blocks.of_page(self.page):
            if match := SKILL_FILE.match(block.code):
                found[match[1]] = block.code
                self.done.append(block)
        return found

    def push(self, files: Mapping[str, str]) -> int:
        """Deploy a skillpack, and return the number of the version."""
        packed = bundle(pack_files({path: text.encode() for path, text in files.items()}), activate="true")
        version: int = self.client.request("POST", "/v1/deployments", body=packed)["version"]
        return version


def reader_of(instance: Instance, page: str, folder: Path) -> Reader:
    """Return a reader with a new project, who starts with a page."""
    created = asyncio.run(
        user_commands.create_with_key(
            Settings(home=instance.up.home), name=f"Reader of {page}", slug=None, credit_micros=20_000_000
        )
    )
    tools = folder / "tools"
    tools.mkdir()
    (tools / "curl").write_text(CURL, encoding="utf-8")
    (tools / "curl").chmod(0o755)
    home = folder / "home"
    home.mkdir()
    work = folder / "work"
    work.mkdir()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
    own = {
        "HOME": str(home),
        "PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PURAS_API_BASE": instance.address,
        "PURAS_API_KEY": created.api_key,
    }
    replacements = {"puras_live_…": created.api_key, "https://studio.example.com": instance.address}
    replacements["http://127.0.0.1:8000"] = instance.address
    return Reader(
        instance,
        page,
        work,
        created.api_key,
        created.slug,
        inherited | own,
        replacements,
        frozenset(replacements),
    )
