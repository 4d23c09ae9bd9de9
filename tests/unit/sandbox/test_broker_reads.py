"""URLs of files that a job can read through the broker: only signed URLs of the instance."""

from __future__ import annotations

from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from backend.core.vault.vault import Vault
from backend.data.drive.signing import signed_url
from workers.sandbox.host.broker import READS


@pytest.mark.parametrize(
    "path", ["a.txt", "é/日本 %2F?#&.txt", "x/" + "é" * 127, "/".join("d" * 200 for _ in range(5))]
)
def test_every_signed_url_of_the_instance_can_be_read(path: str) -> None:
    vault = Vault([Fernet.generate_key().decode()])
    url = signed_url(vault, "", project_id=uuid4(), path=f"drive/{path}", ttl_s=60)
    assert READS.fullmatch(url)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/drive/files/a.txt",
        "/v1/drive/signed/token",
        "/v1/drive/signed/token/../../jobs",
        "/v1/drive/signed/token/a?b=c",
        "/v1/drive/signed/token/a\nX-Evil:",
        "/v1/drive/signed/token/a\rX-Evil:",
        "/v1/drive/signed/token/a\n",
        "/v1/drive/signed/to ken/a",
        "http://elsewhere/v1/drive/signed/token/a",
        "/v1/drive/signed//a",
        "/V1/drive/signed/token/a",
    ],
)
def test_other_urls_cannot_be_read(target: str) -> None:
    assert READS.fullmatch(target) is None
