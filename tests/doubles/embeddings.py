"""A double of an embedding model with OpenAI's `/embeddings` route: synonyms have the same vector."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.doubles.serving import serving

DIMENSIONS = 1_536
SYNONYMS = {
    "car": "vehicle",
    "automobile": "vehicle",
    "lorry": "vehicle",
    "cat": "animal",
    "kitten": "animal",
}
"""Words with the same meaning for the model."""


@dataclass
class EmbeddingsServer:
    """Sum one vector per word; reject texts that contain `unspeakable`, and all requests while unavailable."""

    key: str = "embeddings-key"
    is_unavailable: bool = False
    texts: list[str] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[EmbeddingsServer]:
        """Serve on a free port."""
        app = Starlette(routes=[Route("/v1/embeddings", self._answer, methods=["POST"])])
        with serving(app, "embeddings") as address:
            self.url = f"{address}/v1"
            yield self

    async def _answer(self, request: Request) -> JSONResponse:
        if self.is_unavailable:
            return JSONResponse({"error": "overloaded"}, 503)
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": "no key"}, 401)
        texts: list[str] = (await request.json())["input"]
        if any("unspeakable" in text for text in texts):
            return JSONResponse({"error": "refused"}, 400)
        self.texts += texts
        data: list[dict[str, Any]] = [
            {"index": index, "embedding": _meaning(text)} for index, text in enumerate(texts)
        ]
        return JSONResponse({"data": list(reversed(data)), "model": "double"})


def _meaning(text: str) -> list[float]:
    numbers = [0.0] * DIMENSIONS
    for word in "".join(one if one.isalnum() else " " for one in text.lower()).split():
        word_hash = hashlib.sha256(SYNONYMS.get(word, word).encode()).digest()
        numbers[int.from_bytes(word_hash[:2], "big") % DIMENSIONS] += 1.0
    numbers[0] += 0.001  # no vector may be zero
    return numbers
