"""Settings of the search in memory."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from backend.config.group import Group


class Memory(Group):
    """The embedding model for semantic search; it requires pgvector, which the embedded database has."""

    embeddings_url: str | None = None
    """Base URL, before `/embeddings`, of a server with OpenAI's API (`https://api.openai.com/v1`) and vectors of 1,536
    dimensions. All records of memory are sent there. Without it memory is searched by key and text."""

    embeddings_api_key: SecretStr | None = None
    """API key of that server, sent as `Authorization: Bearer …`."""

    embeddings_model: str = Field(default="text-embedding-3-small", min_length=1, max_length=200)
    """Embedding model of that server; when it changes, all records of memory are embedded again."""

    @field_validator("embeddings_url")
    @classmethod
    def _is_server(cls, address: str | None) -> str | None:
        if address and not address.startswith(("http://", "https://")):
            raise ValueError("is not the URL of a server: write 'https://…'")
        return address.rstrip("/") if address else None
