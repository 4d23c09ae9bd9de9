"""Somebody who reads a page beside a terminal, and pastes each of its blocks."""

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
"""An answer that refuses is a failure here, where a person would see it."""
FILE_OF_A_SKILL = re.compile(r"# (skills/[\w-]+/[\w.]+)\n")
PATIENCE_S = 240


@dataclass(frozen=True)
class Instance:
    """What runs, for all readers."""

    up: Up
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.up.port}"


@dataclass
class Reader:
    """Has a project, a folder, and a page open."""

    instance: Instance
    page: str
    folder: Path
    key: str
    project: str
    environment: dict[str, str]
    mine: dict[str, str] = field(default_factory=dict)
    """What stands on the page, and what the reader writes in its place."""
    usual: frozenset[str] = frozenset()
    """What of it is on many pages."""
    done: list[Block] = field(default_factory=list)

    @property
    def client(self) -> Client:
        return Client(self.key, api_base=self.instance.address)

    def blocks(self, *languages: str) -> list[Block]:
        """What of the page is to be done, in these languages."""
        return [
            block
            for block in blocks.of_page(self.page)
            if block.language in languages and block.is_run and not covering(block)
        ]

    def left(self) -> list[str]:
        """What has not been done."""
        return [block.place for block in self.blocks(*blocks.RUN) if block not in self.done]

    def turn_to(self, page: str) -> None:
        """Go on with another page, once this one is done."""
        assert not self.left()
        self.page = page

    def sees_refusals(self) -> None:
        """From here on, an answer that refuses is what the page is about."""
        self.environment["PATH"] = self.environment["PATH"].partition(":")[2]

    def operates(self, up: Up) -> None:
        """From here on, the reader sits at the instance's own machine."""
        self.environment |= {"PURAS_HOME": str(up.home), "PURAS_PORT": str(up.port), **up.settings}

    def asks(self, path: str, **query: str) -> Any:
        """What the instance answers."""
        return self.client.request("GET", path, query=query)

    def typed(self, block: Block) -> str:
        """A block with the reader's own names in it."""
        text = block.code
        for shown, own in self.mine.items():
            text = text.replace(shown, own)
        return text

    def shell(self, *, given: str = "", only: str = "") -> str:
        """Paste the page's shell blocks into one terminal, or those that have these words; gives what they say."""
        return self.run(self._pasted(only), given=given)

    def at_terminal(self, *answers: tuple[str, str], only: str = "") -> str:
        """The same at a terminal, where somebody answers each question once it is asked."""
        command = ["script", "--quiet", "--return", "--command", shlex.join(self._pasted(only)), "/dev/null"]
        with subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as ran:
            assert ran.stdin is not None
            assert ran.stdout is not None
            said = b""
            for question, answer in answers:
                while question.encode() not in said and (piece := ran.stdout.read(1)):
                    said += piece
                ran.stdin.write(f"{answer}\n".encode())
                ran.stdin.flush()
            told = said.decode() + ran.communicate(timeout=PATIENCE_S)[0].decode()
        assert ran.returncode == 0, told
        return told

    def _pasted(self, only: str) -> list[str]:
        pasted = [one for one in self.blocks("sh", "bash") if only in one.code]
        assert pasted, (self.page, only)
        self.done += pasted
        return ["bash", "-eu", "-o", "pipefail", "-c", "\n".join(map(self.typed, pasted))]

    def python(self, **names: Any) -> str:
        """Run the page's programs in one process."""
        pasted = [one for one in self.blocks("python") if one not in self.done]
        self.done += pasted
        told = {"blocks": [(one.place, self.typed(one)) for one in pasted], "names": names}
        return self.run([sys.executable, str(RUN)], given=json.dumps(told))

    def run(self, command: list[str], *, given: str = "") -> str:
        """Run a command in the reader's folder; it has to succeed."""
        ran = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert ran.returncode == 0, (self.page, ran.stdout, ran.stderr)
        return ran.stdout

    def files(self) -> dict[str, str]:
        """The blocks that are files of skills, by their paths."""
        found = {}
        for block in blocks.of_page(self.page):
            if named := FILE_OF_A_SKILL.match(block.code):
                found[named[1]] = block.code
                self.done.append(block)
        return found

    def push(self, files: Mapping[str, str]) -> int:
        """Deploy a skillpack; gives the number of the version."""
        packed = bundle(pack_files({path: text.encode() for path, text in files.items()}), activate="true")
        version: int = self.client.request("POST", "/v1/deployments", body=packed)["version"]
        return version


def reader_of(instance: Instance, page: str, folder: Path) -> Reader:
    """Somebody with a project of their own, who begins with a page."""
    made = asyncio.run(
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
        "PURAS_API_KEY": made.api_key,
    }
    mine = {"puras_live_…": made.api_key, "https://studio.example.com": instance.address}
    mine["http://127.0.0.1:8000"] = instance.address
    return Reader(instance, page, work, made.api_key, made.slug, inherited | own, mine, frozenset(mine))
