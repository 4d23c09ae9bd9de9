"""Job tokens: genuine, of one attempt, and not for long."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from backend.core.clock import now
from backend.core.vault.vault import Vault
from backend.identity.auth import job_tokens
from backend.identity.auth.errors import InvalidJobToken

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def mint(vault: Vault, seconds: int = 60) -> str:
    expires_at = now() + timedelta(seconds=seconds)
    return job_tokens.mint(vault, project_id=uuid4(), job_id=uuid4(), attempt=3, expires_at=expires_at)


def test_what_was_minted_is_told_back() -> None:
    vault, project_id, job_id = Vault([NEW]), uuid4(), uuid4()
    expires_at = (now() + timedelta(hours=1)).replace(microsecond=0)
    token = job_tokens.mint(vault, project_id=project_id, job_id=job_id, attempt=3, expires_at=expires_at)
    assert job_tokens.verify(vault, token) == (project_id, job_id, 3, expires_at)


def test_a_token_outlives_the_rotation_of_the_key() -> None:
    job_tokens.verify(Vault([NEW, OLD]), mint(Vault([OLD])))


def test_another_instance_s_token_is_refused() -> None:
    with pytest.raises(InvalidJobToken, match="not created by this instance"):
        job_tokens.verify(Vault([NEW]), mint(Vault([OLD])))


def test_an_expired_token_is_refused() -> None:
    vault = Vault([NEW])
    with pytest.raises(InvalidJobToken, match="expired"):
        job_tokens.verify(vault, mint(vault, seconds=-1))


def test_not_one_byte_of_a_token_can_be_changed() -> None:
    vault = Vault([NEW])
    token = mint(vault)
    for at in range(len("puras_job_"), len(token) - 1):
        forged = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(InvalidJobToken):
            job_tokens.verify(vault, forged)


@pytest.mark.parametrize(
    "token", ["", "puras_job_", "x", "puras_job_" + "A" * 300, "puras_job_é", "puras_job_!!!!"]
)
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidJobToken):
        job_tokens.verify(Vault([NEW]), token)
