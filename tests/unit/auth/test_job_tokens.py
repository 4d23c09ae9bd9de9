"""Job tokens: authentic, valid for one attempt, and short-lived."""

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


def test_token_contains_the_values_that_were_minted() -> None:
    vault, project_id, job_id = Vault([NEW]), uuid4(), uuid4()
    expires_at = (now() + timedelta(hours=1)).replace(microsecond=0)
    token = job_tokens.mint(vault, project_id=project_id, job_id=job_id, attempt=3, expires_at=expires_at)
    assert job_tokens.verify(vault, token) == (project_id, job_id, 3, expires_at)


def test_token_is_valid_after_key_rotation() -> None:
    job_tokens.verify(Vault([NEW, OLD]), mint(Vault([OLD])))


def test_token_of_another_instance_is_rejected() -> None:
    with pytest.raises(InvalidJobToken, match="not created by this instance"):
        job_tokens.verify(Vault([NEW]), mint(Vault([OLD])))


def test_expired_token_is_rejected() -> None:
    vault = Vault([NEW])
    with pytest.raises(InvalidJobToken, match="expired"):
        job_tokens.verify(vault, mint(vault, seconds=-1))


def test_every_changed_byte_invalidates_a_token() -> None:
    vault = Vault([NEW])
    token = mint(vault)
    for index in range(len("puras_job_"), len(token) - 1):
        forged = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        with pytest.raises(InvalidJobToken):
            job_tokens.verify(vault, forged)


@pytest.mark.parametrize(
    "token", ["", "puras_job_", "x", "puras_job_" + "A" * 300, "puras_job_é", "puras_job_!!!!"]
)
def test_malformed_token_is_rejected(token: str) -> None:
    with pytest.raises(InvalidJobToken):
        job_tokens.verify(Vault([NEW]), token)
