"""Write `home.tar.gz`: an instance of this version after a power cut, with jobs in every state.

Run `python -m tests.chaos.release.freeze` for each release: later versions must be able to upgrade that database.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

from backend.embedded import engine
from backend.embedded.account import servers_account
from backend.migrations import run as migrations
from benchmarks.instance import instance
from tests.chaos.homes import servers
from tests.chaos.settings import two_workers
from tests.chaos.test_downgrades import CONFIRMED, LIMITS, cut_power
from tests.doubles.messages import MessagesServer, calls, says
from tests.factories.agents import DONE

ARCHIVE: Final = Path(__file__).with_name("home.tar.gz")
ARCHIVED_FOLDERS: Final = ("keys", "storage")
"""The folders of a home that cannot be re-created: the others are caches, and files of the servers."""


def set_script(upstream: MessagesServer) -> None:
    """Make the agent request an approval, and then finish."""
    upstream.script = [
        says(calls("note", at="a barn"), input_tokens=20, output_tokens=2),
        says(calls("set_output", **DONE), input_tokens=20, output_tokens=2),
    ]


def program(home: Path, name: str) -> Path:
    """Return a program of the embedded PostgreSQL."""
    return engine.postgres_programs(home, servers_account()) / name


def main() -> None:
    """Write the archive."""
    with tempfile.TemporaryDirectory(prefix="pk-", dir="/tmp", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        facts = _run_jobs(folder)
        with tarfile.open(ARCHIVE, "w:gz") as archive:
            for name in ARCHIVED_FOLDERS:
                archive.add(folder / "home" / name, name)
            for file, text in (
                ("dump.sql", _dump(folder / "home", facts)),
                ("facts.json", json.dumps(facts)),
            ):
                (folder / file).write_text(text, encoding="utf-8")
                archive.add(folder / file, file)


def _run_jobs(folder: Path) -> dict[str, Any]:
    """Bring jobs into every state, and cut the power."""
    home = folder / "home"
    with MessagesServer().running() as upstream:
        set_script(upstream)
        with instance(home, **{**two_workers(upstream), **LIMITS}) as running, running.client() as client:
            client.push(CONFIRMED)
            ended = client.run("noop", {"n": 1})["id"]
            job_ids = cut_power(running, client)
            return {"api_key": running.api_key, "approved": job_ids[0], "ended": ended, "jobs": job_ids}


def _dump(home: Path, facts: dict[str, Any]) -> str:
    with servers(home) as database_url:
        facts["revision"] = migrations.current_revision(database_url)
        command = [program(home, "pg_dump"), "--no-owner", "--no-privileges", "--dbname", database_url]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
