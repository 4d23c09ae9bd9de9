"""Call the embedding model: any server with OpenAI's `/embeddings`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from backend.config import Settings
from backend.context import AppContext
from backend.core import logs
from backend.core.errors import Invalid, Unavailable
from backend.core.net.destinations import OPERATOR
from backend.core.net.transport import Limits, guarded_client
from backend.data.memory import vectors
from backend.data.memory.vectors import DIMENSIONS, Meaning

log = logs.get(__name__)

QUERY_TIMEOUT_S: Final = 3.0
"""A search waits no longer for the embedding of its query; then it only uses words."""
BATCH_TIMEOUT_S: Final = 20.0
MAX_CHARACTERS: Final = 8_000
"""Maximum of one text. The rest of a long record is found by its words."""
_MAX_RESPONSE_BYTES: Final = 16 << 20


class EmbeddingsUnavailable(Unavailable):
    """The embedding model is unavailable."""

    code = "embeddings_unavailable"
    former_code = "embeddings_away"


class EmbeddingsRejected(Invalid):
    """The embedding model rejects the text."""

    code = "embeddings_refused"


@dataclass(frozen=True, slots=True)
class Embedder:
    """One model on one server."""

    url: str
    model: str
    api_key: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Embedder | None:
        """Return the model of the settings, if they name one."""
        if not settings.embeddings_url:
            return None
        key = settings.embeddings_api_key
        return cls(settings.embeddings_url, settings.embeddings_model, key.get_secret_value() if key else "")

    async def embed(self, texts: Sequence[str], *, timeout_s: float = BATCH_TIMEOUT_S) -> list[list[float]]:
        """Return the embedding of each text.

        Raises:
            EmbeddingsUnavailable: The server does not respond with vectors of the right size.
            EmbeddingsRejected: It rejects one of the texts.
        """
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        limits = Limits(max_response_bytes=_MAX_RESPONSE_BYTES, timeout=httpx2.Timeout(timeout_s))
        body = {"model": self.model, "input": [text[:MAX_CHARACTERS] or " " for text in texts]}
        try:
            async with guarded_client(OPERATOR, limits, headers) as client:
                response = await client.post(f"{self.url}/embeddings", json=body)
        except httpx2.HTTPError as error:
            raise EmbeddingsUnavailable(
                f"The embedding model does not respond ({type(error).__name__})."
            ) from None
        if response.status_code in (400, 413, 422):
            raise EmbeddingsRejected(
                f"The embedding model rejects a text with status {response.status_code}."
            )
        if response.status_code != 200:
            raise EmbeddingsUnavailable(f"The embedding model responds with status {response.status_code}.")
        return _vectors(response, len(texts))


async def meaning_of(context: AppContext, query: str | None) -> Meaning | None:
    """Return the embedding of a query. None: no model is configured or available, so that words decide."""
    embedder = Embedder.of(context.settings)
    if embedder is None or not query or not query.strip() or not await vectors.are_ready(context.database):
        return None
    try:
        embedding = (await embedder.embed([query], timeout_s=QUERY_TIMEOUT_S))[0]
    except (EmbeddingsUnavailable, EmbeddingsRejected) as error:
        log.warning("memory is searched only by words", reason=error.detail)
        return None
    return Meaning(embedder.model, embedding)


def _vectors(response: httpx2.Response, count: int) -> list[list[float]]:
    try:
        rows: list[Any] = sorted(response.json()["data"], key=lambda row: row.get("index", 0))
        found = [[float(number) for number in row["embedding"]] for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EmbeddingsUnavailable(
            "The response of the embedding model does not contain vectors."
        ) from error
    if len(found) != count or any(len(one) != DIMENSIONS for one in found):
        sizes = sorted({len(one) for one in found})
        raise EmbeddingsUnavailable(
            f"The embedding model returns {len(found)} vectors of {sizes} numbers instead of {count} of {DIMENSIONS}. "
            "Set another model in PURAS_EMBEDDINGS_MODEL."
        )
    if not all(math.isfinite(number) for one in found for number in one):
        raise EmbeddingsUnavailable("The embedding model returns numbers that are not finite.")
    return found
