"""The key that protects secrets is changed while an instance runs, without an effect on users."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile
from typing import Any

import pytest

from tests.integration.operations.instances import Up

SKILL = """\
description: Reads a secret.
entrypoint: main.py:run
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {length: {type: integer}}}
"""
MAIN = "from puras import secret\n\n\ndef run():\n    return {'length': len(secret('TOKEN'))}\n"
BOUNDARY = "puras-test"


class Project:
    """A project of the running instance, over REST."""

    def __init__(self, up: Up) -> None:
        self._address = f"http://127.0.0.1:{up.port}"
        self._key = up.json("project", "create", "Keys", "--credit-usd", "1")["api_key"]

    def send(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": content_type}
        request = urllib.request.Request(self._address + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")

    def upload(self, path: str, field: str, name: str, content: bytes) -> Any:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
        return self.send("POST", path, body, f"multipart/form-data; boundary={BOUNDARY}")

    def length_of_secret(self) -> int:
        job = self.send("POST", "/v1/jobs?wait=true&timeout=50", {"skill": "reader"})
        assert job["status"] == "succeeded", job
        length: int = job["result"]["length"]
        return length


@pytest.fixture(scope="module")
def project(running: Up) -> Project:
    """Create a project with the skill `reader` deployed and its secret set."""
    created = Project(running)
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w") as files:
        files.writestr("reader/skill.yaml", SKILL)
        files.writestr("reader/main.py", MAIN)
    created.upload("/v1/deployments", "bundle", "b.zip", bundle.getvalue())
    created.send("PUT", "/v1/secrets", {"name": "TOKEN", "value": "twelve-chars"})
    return created


def test_key_rotation_does_not_affect_users(running: Up, project: Project) -> None:
    key_file = running.home / "keys" / "secrets.key"
    (before,) = key_file.read_text().split()
    assert project.length_of_secret() == 12

    assert running.json("secrets", "rotate") == {"secrets": 1, "answers": 0, "unreadable": 0}
    newest, older = key_file.read_text().split()
    assert older == before
    assert newest != before
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert project.length_of_secret() == 12

    running.json("secrets", "retire")
    assert key_file.read_text().split() == [newest]
    assert project.length_of_secret() == 12
    project.send("PUT", "/v1/secrets", {"name": "TOKEN", "value": "fourteen-chars"})
    assert project.length_of_secret() == 14


def test_link_signed_with_a_removed_key_is_rejected(running: Up, project: Project) -> None:
    stored = project.upload("/v1/drive/upload", "file", "note.txt", b"kept")
    link = project.send("POST", "/v1/drive/sign", {"path": stored["drive_path"], "ttl": 600})["signed_url"]
    running.json("secrets", "rotate")
    with urllib.request.urlopen(link, timeout=30) as response:
        assert response.read() == b"kept"
    running.json("secrets", "retire")
    with pytest.raises(urllib.error.HTTPError) as rejected:
        urllib.request.urlopen(link, timeout=30)
    with rejected.value as response:
        assert response.code in (403, 404)


def test_command_cannot_change_keys_of_the_environment(running: Up) -> None:
    running.settings["SECRETS_ENC_KEY"] = "A" * 43 + "="
    try:
        rejected = running.run("secrets", "retire")
    finally:
        del running.settings["SECRETS_ENC_KEY"]
    assert rejected.returncode == 1
    assert "SECRETS_ENC_KEY" in rejected.stderr
