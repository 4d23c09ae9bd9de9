"""A running instance with data of every kind, and backups of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psycopg

from backend import embedded
from backend.config import Settings
from backend.operations.backup import restore
from benchmarks.client import Client
from benchmarks.instance import NOOP_SKILL
from tests.integration.operations.instances import Up

SECRET = "a secret that must not be readable"
SKILLS = {
    **NOOP_SKILL,
    "skills/token/skill.yaml": b"""\
entrypoint: main.py:run
description: Returns the length of a secret.
input_schema: {type: object}
output_schema: {type: object, properties: {length: {type: integer}}}
""",
    "skills/token/main.py": b"""\
import os


def run():
    return {"length": len(os.environ["TOKEN"])}
""",
}
FILES = {"a/b c/ü.txt": b"text", "drive/inner.bin": bytes(range(256)) * 4000, "empty": b""}


class Source:
    """A running instance with data of every kind, and backups of it."""

    def __init__(self, up: Up) -> None:
        self.up = up
        up.start()
        up.wait_ready()
        created = up.json("project", "create", "Kept", "--credit-usd", "5")
        self.project_id, self.api_key = created["project_id"], created["api_key"]
        with self.client() as client:
            client.push(SKILLS)
            client.call("PUT", "/v1/secrets", {"name": "TOKEN", "value": SECRET})
            self.finished = client.run("noop", {"n": 3})
        self._fill_drive()
        self._create_table_of_the_operator()
        self.plain, self.with_keys = up.folder / "plain.tar.gz", up.folder / "with-keys.tar.gz"
        self.report = up.json("backup", str(self.plain))
        up.json("backup", "--with-keys", str(self.with_keys))

    @property
    def drive(self) -> Path:
        return self.up.home / "storage" / "drive" / self.project_id

    @property
    def settings(self) -> Settings:
        return Settings(home=self.up.home)

    @property
    def keys(self) -> str:
        return (self.up.home / "keys" / "secrets.key").read_text()

    def client(self) -> Client:
        return Client(self.up.port, self.api_key)

    def _fill_drive(self) -> None:
        """Fill the drive as jobs do: deep folders, empty folders, programs, and links that lead out of the drive."""
        for name, content in FILES.items():
            path = self.drive / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (self.drive / "a" / "run.sh").write_bytes(b"#!/bin/sh\n")
        (self.drive / "a" / "run.sh").chmod(0o755)
        os.utime(self.drive / "empty", (1_700_000_000, 1_700_000_000))
        (self.drive / "nothing in it").mkdir()
        (self.drive / "out").symlink_to("/etc/passwd")

    def _create_table_of_the_operator(self) -> None:
        """Create a table that does not belong to the instance, in its schema."""
        url = embedded.attach(self.settings).direct_url
        with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as connection:
            connection.execute("create table notes_of_the_operator (note text)")
            connection.execute("insert into notes_of_the_operator values ('not part of a backup')")


async def restore_backup(settings: Settings, path: Path) -> restore.Restored:
    return await restore.restore(settings, path, without_keys=False, report=lambda line: None)


def copy_keys(source: Source, target: Up) -> None:
    target.home.mkdir(mode=0o755)
    shutil.copytree(source.up.home / "keys", target.home / "keys")
