"""Semantic search: an embeddings model behind a socket, and pgvector in the database; without either, text search."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from backend.app import create_app, serving
from backend.context import AppContext
from backend.data.memory import embedding_queue, vectors
from backend.data.memory.embedding import Embedder, EmbeddingsUnavailable
from tests.doubles.embeddings import EmbeddingsServer
from tests.integration.deployments.conftest import Project, Projects


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddingsServer]:
    with EmbeddingsServer().running() as server:
        yield server


@pytest_asyncio.fixture
async def semantic_instance(instance: AppContext, server: EmbeddingsServer) -> AsyncIterator[AppContext]:
    """Return an instance that has an embeddings model."""
    server.is_unavailable = False
    embedding_settings = {
        "embeddings_url": server.url,
        "embeddings_api_key": SecretStr(server.key),
        "embeddings_model": "double",
    }
    yield replace(instance, settings=instance.settings.model_copy(update=embedding_settings))
    async with instance.database.transaction() as session:
        await session.execute(text("drop index if exists ix_memory_vectors_nearest"))
        await session.execute(text("drop extension if exists vector"))
    vectors.forget_readiness(instance.database)


@pytest_asyncio.fixture
async def project(semantic_instance: AppContext) -> AsyncIterator[Project]:
    """Create a project of that instance."""
    async with projects_of(semantic_instance) as projects:
        yield await projects.make("Acme")


def embedder_of(instance: AppContext) -> Embedder:
    embedder = Embedder.of(instance.settings)
    assert embedder is not None
    return embedder


@asynccontextmanager
async def projects_of(semantic_instance: AppContext) -> AsyncIterator[Projects]:
    """Yield a factory of more projects of the instance."""
    app = create_app(semantic_instance.settings)
    async with serving(app, semantic_instance):
        projects = Projects(app, semantic_instance.database, [])
        yield projects
        for client in projects.clients:
            await client.aclose()


async def put(project: Project, words: str, **overrides: Any) -> str:
    body = {"kind": "note", "record": {"text": words}, **overrides}
    response = await project.http.post("/v1/memory", json=body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def search(http: httpx.AsyncClient, query: str) -> Any:
    return (await http.post("/v1/memory/search", json={"query": query})).json()


async def test_synonyms_are_found_only_with_embeddings(
    project: Project, semantic_instance: AppContext, server: EmbeddingsServer
) -> None:
    truck, cat = await put(project, "a red lorry"), await put(project, "a small kitten")
    before = await search(project.http, "automobile")
    assert (before["is_semantic"], before["results"]) == (False, [])
    assert await vectors.prepare(semantic_instance.database)
    assert (
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
    ).records == 2
    after = await search(project.http, "automobile")
    assert (after["is_semantic"], [one["id"] for one in after["results"]]) == (True, [truck])
    both = await search(project.http, "kitten lorry")
    assert {one["id"] for one in both["results"]} == {truck, cat}
    assert (
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
    ).records == 0
    await put(project, "a blue car", entity_key="k")
    await put(project, "a grey cat", entity_key="k")
    assert (
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
    ).records == 1
    server.is_unavailable = True
    alone = await search(project.http, "lorry")
    assert (alone["is_semantic"], [one["id"] for one in alone["results"]]) == (False, [truck])


async def test_semantic_search_omits_other_projects_and_deleted_records(
    project: Project, semantic_instance: AppContext
) -> None:
    async with projects_of(semantic_instance) as projects:
        other = await projects.make("Other")
        for words in ("lorry", "automobile", "car", "lorry and car"):
            await put(other, words)
        mine = await put(project, "lorry")
        gone = await put(project, "car")
        assert await vectors.prepare(semantic_instance.database)
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
        await project.http.delete(f"/v1/memory/{gone}")
        results = (await search(project.http, "automobile"))["results"]
        assert [one["id"] for one in results] == [mine]


async def test_project_with_many_writes_does_not_delay_embeddings_of_others(
    project: Project, semantic_instance: AppContext
) -> None:
    async with projects_of(semantic_instance) as projects:
        flooding, other = await projects.make("Flooding"), await projects.make("Other")
        for n in range(embedding_queue.BATCH):
            await put(flooding, f"a cat, number {n}")
        await put(other, "lorry")
        await put(project, "lorry")
        assert await vectors.prepare(semantic_instance.database)
        batch = await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
        assert (batch.records, batch.may_be_more) == (embedding_queue.BATCH // 3 + 2, True)
        for one in (project, other):
            assert len((await search(one.http, "automobile"))["results"]) == 1
        batch = await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
        assert (batch.records, batch.may_be_more) == (
            embedding_queue.BATCH - embedding_queue.BATCH // 3,
            False,
        )


async def test_more_projects_than_a_batch_are_embedded_in_turn(
    project: Project, semantic_instance: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_queue, "BATCH", 2)
    async with projects_of(semantic_instance) as projects:
        for one in [project, *[await projects.make(f"Other {n}") for n in range(2)]]:
            await put(one, "lorry")
        assert await vectors.prepare(semantic_instance.database)
        first = await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
        assert (first.records, first.may_be_more) == (2, True)
        second = await embedding_queue.embed_some(
            semantic_instance.database, embedder_of(semantic_instance), after=first.after
        )
        assert (second.records, second.after, second.may_be_more) == (
            1,
            embedding_queue.BEFORE_ALL_PROJECTS,
            True,
        )
        third = await embedding_queue.embed_some(
            semantic_instance.database, embedder_of(semantic_instance), after=second.after
        )
        assert third == embedding_queue.Batch()


async def test_text_rejected_by_the_model_is_found_by_text_search(
    project: Project, semantic_instance: AppContext, server: EmbeddingsServer
) -> None:
    rejected, taken = await put(project, "unspeakable owl"), await put(project, "lorry")
    assert await vectors.prepare(semantic_instance.database)
    server.is_unavailable = True
    with pytest.raises(EmbeddingsUnavailable):
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
    server.is_unavailable = False
    assert (
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
    ).records == 2
    assert (
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
    ).records == 0
    assert [one["id"] for one in (await search(project.http, "owl"))["results"]] == [rejected]
    assert [one["id"] for one in (await search(project.http, "automobile"))["results"]] == [taken]


async def test_another_model_embeds_all_records_again(
    project: Project, semantic_instance: AppContext
) -> None:
    truck = await put(project, "lorry")
    assert await vectors.prepare(semantic_instance.database)
    await embedding_queue.embed_some(
        semantic_instance.database, replace(embedder_of(semantic_instance), model="older")
    )
    assert (await search(project.http, "automobile"))["results"] == []
    await embedding_queue.make_ready(semantic_instance.database, embedder_of(semantic_instance))
    assert (
        await embedding_queue.embed_some(semantic_instance.database, embedder_of(semantic_instance))
    ).records == 1
    assert [one["id"] for one in (await search(project.http, "automobile"))["results"]] == [truck]


async def test_nearest_neighbor_search_uses_the_index(
    project: Project, semantic_instance: AppContext
) -> None:
    assert await vectors.prepare(semantic_instance.database)
    async with semantic_instance.database.transaction() as session:
        await session.execute(text("set local enable_seqscan = off"))
        await session.execute(text("set local enable_sort = off"))
        zeros = "[" + ",".join(["0.1"] * vectors.DIMENSIONS) + "]"
        plan = await session.execute(
            text(
                "explain select memory_id from memory_vectors order by cast(embedding as halfvec(1536)) <=> "
                "cast(:q as halfvec(1536)) limit 5"
            ),
            {"q": zeros},
        )
        assert "ix_memory_vectors_nearest" in "\n".join(plan.scalars())
