"""The model of embeddings: any server with OpenAI's `/embeddings`."""

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

QUERY_S: Final = 3.0
"""A search waits no longer for the meaning of its query: then it goes by words."""
BATCH_S: Final = 20.0
MAX_CHARACTERS: Final = 8_000
"""Of one text: the rest of a long record is found by its words."""
_MAX_ANSWER_BYTES: Final = 16 << 20


class EmbeddingsUnavailable(Unavailable):
    """The embedding model is unavailable."""

    code = "embeddings_unavailable"
    former_code = "embeddings_away"


class EmbeddingsRefused(Invalid):
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
        """The model of the settings; none if they name none."""
        if not settings.embeddings_url:
            return None
        key = settings.embeddings_api_key
        return cls(settings.embeddings_url, settings.embeddings_model, key.get_secret_value() if key else "")

    async def embed(self, texts: Sequence[str], *, within_s: float = BATCH_S) -> list[list[float]]:
        """What each of the texts means.

        Raises:
            EmbeddingsUnavailable: the server does not answer, or not with vectors of ours.
            EmbeddingsRefused: it does not take one of the texts.
        """
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        limits = Limits(max_response_bytes=_MAX_ANSWER_BYTES, timeout=httpx2.Timeout(within_s))
        body = {"model": self.model, "input": [text[:MAX_CHARACTERS] or " " for text in texts]}
        try:
            async with guarded_client(OPERATOR, limits, headers) as client:
                answer = await client.post(f"{self.url}/embeddings", json=body)
        except httpx2.HTTPError as error:
            raise EmbeddingsUnavailable(
                f"The model of embeddings does not answer ({type(error).__name__})."
            ) from None
        if answer.status_code in (400, 413, 422):
            raise EmbeddingsRefused(f"The model of embeddings refuses a text ({answer.status_code}).")
        if answer.status_code != 200:
            raise EmbeddingsUnavailable(f"The model of embeddings answers {answer.status_code}.")
        return _vectors(answer, len(texts))


async def meaning_of(context: AppContext, query: str | None) -> Meaning | None:
    """What a query means; none where nobody can tell, now or ever: then words decide."""
    embedder = Embedder.of(context.settings)
    if embedder is None or not query or not query.strip() or not await vectors.are_ready(context.database):
        return None
    try:
        embedding = (await embedder.embed([query], within_s=QUERY_S))[0]
    except (EmbeddingsUnavailable, EmbeddingsRefused) as error:
        log.warning("memory is searched by words alone", why=error.detail)
        return None
    return Meaning(embedder.model, embedding)


def _vectors(answer: httpx2.Response, count: int) -> list[list[float]]:
    try:
        rows: list[Any] = sorted(answer.json()["data"], key=lambda row: row.get("index", 0))
        found = [[float(number) for number in row["embedding"]] for row in rows]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EmbeddingsUnavailable("The model of embeddings answers with what is not vectors.") from error
    if len(found) != count or any(len(one) != DIMENSIONS for one in found):
        sizes = sorted({len(one) for one in found})
        raise EmbeddingsUnavailable(
            f"The model of embeddings gives {len(found)} vectors of {sizes} numbers, not {count} of {DIMENSIONS}. Name "
            "another one in PURAS_EMBEDDINGS_MODEL."
        )
    if not all(math.isfinite(number) for one in found for number in one):
        raise EmbeddingsUnavailable("The model of embeddings gives numbers that are none.")
    return found
