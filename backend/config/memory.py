"""What memory is searched by, beside words."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from backend.config.group import Group


class Memory(Group):
    """The model of embeddings, for a search by meaning; it needs pgvector, which the embedded database has."""

    embeddings_url: str | None = None
    """Address in front of `/embeddings` of a server with OpenAI's API (`https://api.openai.com/v1`), whose vectors have
    1,536 numbers: everything that is remembered is sent there. Without it memory is searched by keys and words."""

    embeddings_api_key: SecretStr | None = None
    """What that server gets as `Authorization: Bearer …`, if it wants a key."""

    embeddings_model: str = Field(default="text-embedding-3-small", min_length=1, max_length=200)
    """Its model; when it changes, everything that is remembered is embedded anew."""

    @field_validator("embeddings_url")
    @classmethod
    def _is_server(cls, address: str | None) -> str | None:
        if address and not address.startswith(("http://", "https://")):
            raise ValueError("is not the address of a server: write 'https://…'")
        return address.rstrip("/") if address else None
