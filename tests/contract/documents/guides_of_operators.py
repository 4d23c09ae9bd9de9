"""The pages for operators: their commands, on the running instance and in separate home folders."""

from __future__ import annotations

import os
import signal
import subprocess
import urllib.error
import urllib.request
from typing import Final

import psycopg
from pydantic import SecretStr

from backend.config.supabase_project import key_kind
from backend.embedded import postgres, valkey
from tests.contract.documents.guides import Guide
from tests.contract.documents.reader import Reader
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer
from tests.integration.operations.instances import Up, new_up

EMAIL, PASSWORD = "ada@example.org", "a long passphrase of hers"


def _operations(reader: Reader) -> None:
    up = reader.instance.up
    reader.act_as_operator(up)
    private = reader.folder / "private"
    private.mkdir(mode=0o700)
    reader.replacements["/the/private/folder"] = str(private)
    reader.shell(containing="chmod")
    assert private.stat().st_mode & 0o777 == 0o701
    assert "sandbox" in reader.shell(containing="doctor")
    with new_up() as first:
        reader.act_as_operator(first)
        run_until_ready(reader, first, "# API and studio")
    with new_up() as other:
        reader.act_as_operator(other)
        reader.environment |= _databases(reader, other)
        run_until_ready(reader, other, "DATABASE_URL=")


def _backup(reader: Reader) -> None:
    """Back up, restore, export and delete, with the files of the reader."""
    up = reader.instance.up
    reader.act_as_operator(up)
    _restored(reader)
    up.json("user", "create", EMAIL, "--password-stdin", given=f"{PASSWORD}\n")
    archive = reader.folder / "project.tar"
    reader.replacements |= {"SLUG": reader.project, "EMAIL": EMAIL, "FILE": str(archive)}
    reader.at_terminal(("Delete project", "y"), ("Delete the account", "y"), containing="project export")
    assert archive.stat().st_size > 1_000


def _restored(reader: Reader) -> None:
    """Restore the file of the first block, after its key is copied to the new home."""
    backups = reader.folder / "backups"
    backups.mkdir()
    with new_up() as restored:
        keys = restored.home / "keys"
        keys.mkdir(parents=True)
        (keys / "secrets.key").write_bytes((reader.instance.up.home / "keys" / "secrets.key").read_bytes())
        (keys / "secrets.key").chmod(0o600)
        reader.replacements |= {
            "FILE": "backups/*",
            "/backups": f"{backups}/",
            "/new/home": str(restored.home),
        }
        reader.shell(containing="backup")
        reader.shell(containing="restore --check")
        assert (restored.home / "storage").is_dir()


def _databases(reader: Reader, other: Up) -> dict[str, str]:
    """Return the URLs of a PostgreSQL and a Redis for the reader, which replace the URLs of the page."""
    home = reader.instance.up.home
    with psycopg.connect(postgres.address(home), autocommit=True) as connection:
        connection.execute("create database own")
    own = {"DATABASE_URL": postgres.address(home, "own"), "REDIS_URL": valkey.start(other.home)}
    reader.replacements |= {
        "postgresql://puras:secret@db.example.org/puras": f"'{own['DATABASE_URL']}'",
        "redis://cache.example.org": f"'{own['REDIS_URL']}'",
    }
    return own


def _observability(reader: Reader) -> None:
    with new_up() as other:
        reader.act_as_operator(other)
        run_until_ready(reader, other, "PURAS_METRICS_TOKEN=", metrics=401)
        run_until_ready(reader, other, "OTEL_EXPORTER_OTLP_ENDPOINT=", metrics=404)


def run_until_ready(reader: Reader, up: Up, containing: str, *, metrics: int = 404) -> None:
    """Run a block that starts an instance, check that it becomes ready, and stop it."""
    (block,) = (one for one in reader.blocks("sh") if containing in one.code)
    reader.done.append(block)
    with (up.folder / "log").open("ab") as log:
        up.process = subprocess.Popen(
            ["bash", "-c", reader.with_own_values(block)],
            cwd=reader.folder,
            env=reader.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    up.wait_ready()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/metrics", timeout=10) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        with error:
            status = error.code
    assert status == metrics
    os.kill(up.process.pid, signal.SIGTERM)
    assert up.process.wait(40) == 0, up.log


def _supabase(reader: Reader) -> None:
    """Run the page against a server that speaks the protocol of Supabase."""
    server = SupabaseServer()
    with server.running():
        reader.act_as_operator(reader.instance.up)
        reader.environment |= {"SUPABASE_URL": server.url, "SUPABASE_SERVICE_KEY": SERVICE_KEY}
        reader.shell()
    assert set(server.buckets) == {"puras-bundles", "puras-drive"}


def _tests_against_supabase(reader: Reader) -> None:
    """Check that the key that the page creates is a service key; blocks that start containers are exceptions."""
    key = reader.python().strip()
    assert key_kind(SecretStr(key)) == "service", key


def _data_retention(reader: Reader) -> None:
    reader.act_as_operator(reader.instance.up)
    reader.shell()


GUIDES_OF_OPERATORS: Final[dict[str, Guide]] = {
    "guides/self-host": _operations,
    "guides/backup": _backup,
    "guides/data-retention": _data_retention,
    "guides/observability": _observability,
    "guides/supabase": _supabase,
    "guides/test-against-supabase": _tests_against_supabase,
}
